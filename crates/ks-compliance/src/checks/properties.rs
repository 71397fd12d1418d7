//! Family B: properties are asked for and answered by the rules.

use ks_sys::*;

use crate::{
    Bench, Check,
    property::{self, BASIC_SUPPORT, DEFAULT_VALUES, GET, Property, RELATIONS, SERIALIZE, SET, SET_SUPPORT},
    survey::{self, Asked},
    wire::{Status, bytes},
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "B1",
        title: "BASICSUPPORT tells access, size and values",
        page: "stream/ksproperty-structure",
        run: basic_support,
    },
    Check {
        id: "B2",
        title: "a GET without a buffer asks for the size",
        page: "ns-ks-ksproperty_item",
        run: size_query,
    },
    Check {
        id: "B3",
        title: "a buffer that is too short is refused, and left alone",
        page: "ns-ks-ksproperty_item",
        run: short_buffer,
    },
    Check {
        id: "B4",
        title: "exact, larger and huge buffers; what lies behind the value is left alone",
        page: "ni-ks-ioctl_ks_property",
        run: large_buffer,
    },
    Check {
        id: "B5",
        title: "an input shorter than its structure is refused",
        page: "ns-ks-ksproperty_item",
        run: short_input,
    },
    Check {
        id: "B6",
        title: "unknown sets and numbers are refused, and nothing is written",
        page: "stream/ks-properties",
        run: unknown,
    },
    Check {
        id: "B7",
        title: "verbs that are not there, several at once, none, and flags that nobody defined",
        page: "stream/ksproperty-structure",
        run: verbs,
    },
    Check {
        id: "B8",
        title: "SETSUPPORT lists the sets, and knows each of them",
        page: "stream/ksproperty-structure",
        run: set_support,
    },
    Check {
        id: "B9",
        title: "RELATIONS, DEFAULTVALUES and SERIALIZE get an answer or a clean refusal",
        page: "stream/ksproperty-structure",
        run: other_verbs,
    },
    Check {
        id: "B10",
        title: "setting what was got changes nothing",
        page: "stream/ks-properties",
        run: set_of_get,
    },
];

/// What stands in buffers that may not be written to.
const MARK: u8 = 0xA5;

/// The value of a property, if it can be got now.
pub fn value(object: &dyn Asked, property: &Property) -> Option<Vec<u8>> {
    let input = property.request(GET);
    let asked = object.ask(&input, Vec::new());
    if asked.status != Status(STATUS_BUFFER_OVERFLOW) || asked.information == 0 {
        return None;
    }
    let answer = object.ask(&input, vec![0; asked.information.min(1 << 20)]);
    answer.status.is_success().then(|| {
        let mut data = answer.data;
        data.truncate(answer.information);
        data
    })
}

/// Every property that can be got now, with its value.
fn each_value(bench: &Bench<'_>, mut check: impl FnMut(&str, &dyn Asked, &Property, &[u8])) {
    survey::each_property(bench, |name, object, list| {
        for property in list {
            if let Some(value) = value(object, property) {
                check(&format!("{name}: {}", property.name()), object, property, &value);
            }
        }
    });
}

fn basic_support(bench: &Bench<'_>) {
    const DESCRIPTION: usize = size_of::<KSPROPERTY_DESCRIPTION>();
    survey::each_property(bench, |name, object, list| {
        bench.holds(!list.is_empty(), name, "properties", "none");
        for property in list {
            let what = format!("{name}: {}", property.name());
            let input = property.request(BASIC_SUPPORT);
            let flags = object.ask(&input, vec![0; 4]);
            bench.succeeds(&what, flags.status);
            bench.equal(format_args!("{what}: length of the flags"), flags.information, 4);
            let access = property.access & (GET | SET);
            bench.holds(access != 0, &what, "GET or SET", format_args!("{:#x}", property.access));
            let answer = object.ask(&input, vec![0; DESCRIPTION]);
            if !bench.succeeds(format_args!("{what}: description"), answer.status) {
                continue;
            }
            bench.equal(format_args!("{what}: length of the description"), answer.information, DESCRIPTION);
            let Some(head) = bytes::read::<KSPROPERTY_DESCRIPTION>(&answer.data) else { continue };
            bench.equal(format_args!("{what}: AccessFlags"), head.AccessFlags & (GET | SET), access);
            let size = head.DescriptionSize as usize;
            bench.holds(size >= DESCRIPTION, format_args!("{what}: DescriptionSize"), DESCRIPTION, size);
            bench.equal(format_args!("{what}: Reserved"), head.Reserved, 0);
            if size > DESCRIPTION && size < 1 << 16 {
                let whole = object.ask(&input, vec![0; size]);
                bench.succeeds(format_args!("{what}: with values"), whole.status);
                bench.equal(format_args!("{what}: length with values"), whole.information, size);
                bench.holds(
                    head.MembersListCount > 0,
                    format_args!("{what}: MembersListCount"),
                    "members",
                    0,
                );
            } else {
                bench.equal(format_args!("{what}: MembersListCount"), head.MembersListCount, 0);
            }
            for short in [1, 3] {
                let answer = object.ask(&input, vec![0; short]);
                bench.refused(format_args!("{what}: BASICSUPPORT into {short} bytes"), answer.status);
            }
        }
    });
}

fn size_query(bench: &Bench<'_>) {
    each_value(bench, |what, object, property, value| {
        let answer = object.ask(&property.request(GET), Vec::new());
        bench.status(what, answer.status, &[STATUS_BUFFER_OVERFLOW]);
        bench.equal(format_args!("{what}: size"), answer.information, value.len());
    });
}

fn short_buffer(bench: &Bench<'_>) {
    each_value(bench, |what, object, property, value| {
        let mut lengths = vec![1, 2, 3, value.len() / 2, value.len() - 1];
        lengths.retain(|length| (1..value.len()).contains(length));
        lengths.dedup();
        for length in lengths {
            let answer = object.ask(&property.request(GET), vec![MARK; length]);
            let what = format!("{what} into {length} of {} bytes", value.len());
            // Four bytes take the size of a list, eight its head (KsHandleSizedListQuery).
            if answer.status.is_success() {
                bench.holds(
                    matches!(length, 4 | 8) && answer.information <= length,
                    &what,
                    "STATUS_BUFFER_TOO_SMALL",
                    format_args!("success with {} bytes", answer.information),
                );
                continue;
            }
            bench.status(&what, answer.status, &[STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_OVERFLOW]);
            bench.holds(answer.data.iter().all(|byte| *byte == MARK), &what, "nothing written", "bytes");
        }
    });
}

fn large_buffer(bench: &Bench<'_>) {
    each_value(bench, |what, object, property, value| {
        for more in [0, 1, 7, 4096] {
            let answer = object.ask(&property.request(GET), vec![MARK; value.len() + more]);
            let what = format!("{what} into {more} bytes more than it has");
            if !bench.succeeds(&what, answer.status) {
                continue;
            }
            bench.equal(format_args!("{what}: Information"), answer.information, value.len());
            let tail = &answer.data[value.len()..];
            bench.holds(tail.iter().all(|byte| *byte == MARK), &what, "nothing behind the value", "bytes");
        }
        let huge = object.ask(&property.request(GET), vec![MARK; 1 << 20]);
        bench.succeeds(format_args!("{what} into 1 MiB"), huge.status);
        let tail = &huge.data[value.len()..];
        bench.holds(tail.iter().all(|byte| *byte == MARK), what, "nothing behind the value", "bytes");
    });
}

fn short_input(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        for property in list {
            let whole = property.request(GET);
            let head = size_of::<KSPROPERTY>();
            let lengths = [0, 1, 4, 16, head - 8, head - 1];
            // What a pin's property needs behind the head is documented: KSP_PIN.
            let of_pin = is_equal_guid(&property.set, &KSPROPSETID_Pin) && !property.extra.is_empty();
            let more = if of_pin { vec![head, head + 4, head + 7] } else { Vec::new() };
            for length in lengths.into_iter().chain(more) {
                let answer = object.ask(&whole[..length], vec![MARK; 256]);
                let what = format!("{name}: {}, {length} bytes of input", property.name());
                bench.refused(&what, answer.status);
                bench.holds(answer.data.iter().all(|byte| *byte == MARK), &what, "nothing written", "bytes");
            }
        }
    });
}

/// A set that nobody has.
pub const NOBODYS: GUID = guid(0x7B0C_93E2_51A4_4D6F_8E0B_6C2A_913F_55D1);

fn unknown(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        let sets: Vec<GUID> = list.iter().map(|property| property.set).collect();
        for (set, id, allowed) in std::iter::once((NOBODYS, 0, STATUS_PROPSET_NOT_FOUND))
            .chain(sets.iter().flat_map(|set| [0x3F00, u32::MAX].map(|id| (*set, id, STATUS_NOT_FOUND))))
        {
            for flags in [GET, SET, BASIC_SUPPORT] {
                for room in [0, 4, 64] {
                    let input = property::request(set, id, flags, &[0; 16]);
                    let answer = object.ask(&input, vec![MARK; room]);
                    let what = format!("{name}: {} {id:#x}, flags {flags:#x}", survey::label(&set));
                    // Which of the two is not documented; that the two are told apart is (IKsPropertySet).
                    bench.refused(&what, answer.status);
                    bench.warn(answer.status != Status(allowed), &what, Status(allowed), answer.status);
                    bench.holds(
                        answer.data.iter().all(|byte| *byte == MARK),
                        &what,
                        "nothing written",
                        "bytes",
                    );
                }
            }
        }
    });
}

fn verbs(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        for property in list {
            let mut wrong =
                vec![0, GET | SET, GET | BASIC_SUPPORT, 0x4, 0x8, 0x40, 0x2_0000, 0x4000_0000, 0x8000_0000];
            if property.access & GET == 0 {
                wrong.push(GET);
            }
            if property.access & SET == 0 {
                wrong.push(SET);
            }
            for flags in wrong {
                let answer = object.ask(&property.request(flags), vec![MARK; 256]);
                let what = format!("{name}: {}, flags {flags:#x}", property.name());
                bench.refused(&what, answer.status);
                bench.holds(answer.data.iter().all(|byte| *byte == MARK), &what, "nothing written", "bytes");
            }
        }
    });
}

fn set_support(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, _| {
        let all = property::request(GUID_NULL, 0, SET_SUPPORT, &[]);
        let asked = object.ask(&all, Vec::new());
        bench.status(format_args!("{name}: SETSUPPORT"), asked.status, &[STATUS_BUFFER_OVERFLOW]);
        let answer = object.ask(&all, vec![0; asked.information.min(1 << 16)]);
        bench.succeeds(format_args!("{name}: SETSUPPORT"), answer.status);
        bench.equal(format_args!("{name}: whole GUIDs"), answer.information % size_of::<GUID>(), 0);
        let sets: Vec<GUID> = answer.data.chunks_exact(size_of::<GUID>()).filter_map(bytes::read).collect();
        bench.holds(!sets.is_empty(), name, "a set", "none");
        for (index, set) in sets.iter().enumerate() {
            let twice = sets[..index].iter().any(|other| is_equal_guid(other, set));
            bench.holds(!twice, name, "each set once", survey::label(set));
            let answer = object.ask(&property::request(*set, 0, SET_SUPPORT, &[]), Vec::new());
            bench.succeeds(format_args!("{name}: SETSUPPORT of {}", survey::label(set)), answer.status);
        }
        let answer = object.ask(&property::request(NOBODYS, 0, SET_SUPPORT, &[]), Vec::new());
        bench.status(
            format_args!("{name}: SETSUPPORT of an unknown set"),
            answer.status,
            &[STATUS_PROPSET_NOT_FOUND],
        );
    });
}

fn other_verbs(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        for property in list {
            for flags in [RELATIONS, DEFAULT_VALUES].into_iter().chain(SERIALIZE) {
                for room in [0, 4, 4096] {
                    let answer = object.ask(&property.request(flags), vec![MARK; room]);
                    let what = format!("{name}: {}, flags {flags:#x} into {room} bytes", property.name());
                    bench.known(&what, answer.status);
                    if answer.status.is_success() {
                        bench.holds(
                            answer.information <= room,
                            &what,
                            format_args!("at most {room} bytes"),
                            answer.information,
                        );
                        let tail = &answer.data[answer.information.min(room)..];
                        bench.holds(
                            tail.iter().all(|byte| *byte == MARK),
                            &what,
                            "nothing behind the answer",
                            "bytes",
                        );
                    }
                }
            }
        }
    });
}

fn set_of_get(bench: &Bench<'_>) {
    each_value(bench, |what, object, property, value| {
        if property.access & SET == 0 {
            return;
        }
        let answer = object.ask(&property.request(SET), value.to_vec());
        // A pin whose format is fixed refuses any (KSPIN_FLAG_FIXED_FORMAT).
        bench.status(what, answer.status, &[STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST]);
        bench.equal(
            format_args!("{what}, got once more"),
            super::properties::value(object, property).as_deref(),
            Some(value),
        );
    });
}
