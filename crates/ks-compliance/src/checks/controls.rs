//! Family B: what BASICSUPPORT claims, and controls such as brightness.

use ks_sys::*;

use crate::{
    Bench, Check,
    property::{self, BASIC_SUPPORT, GET, Property, SET},
    survey::{self, Asked},
    wire::{Status, bytes},
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "B13",
        title: "BASICSUPPORT says the truth: what it claims works, the rest is refused",
        page: "stream/ksproperty-structure",
        run: truth,
    },
    Check {
        id: "B14",
        title: "controls: minimum, default and maximum can be set, what lies outside cannot",
        page: "stream/propsetid-vidcap-videoprocamp",
        run: controls,
    },
];

fn truth(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        for property in list {
            let what = format!("{name}: {}", property.name());
            let is_there = |status: Status| {
                status != Status(STATUS_NOT_FOUND) && status != Status(STATUS_PROPSET_NOT_FOUND)
            };
            let got = object.ask(&property.request(GET), Vec::new()).status;
            bench.known(format_args!("{what}: GET"), got);
            if property.access & GET == 0 {
                bench.refused(format_args!("{what}: GET, which is not claimed"), got);
            } else if !may_lack(property)
                && !bench.holds(is_there(got), format_args!("{what}: GET"), "it is there, as claimed", got)
            {
                continue;
            }
            if property.access & SET == 0 {
                let set = object.ask(&property.request(SET), vec![0; 256]).status;
                bench.refused(format_args!("{what}: SET, which is not claimed"), set);
            }
        }
        controls_are_claimed(bench, name, object);
    });
}

/// What the class driver answers for every pin type, and a pin type may not have: name, category, constrained ranges.
fn may_lack(property: &Property) -> bool {
    use KSPROPERTY_PIN::*;
    let optional = [KSPROPERTY_PIN_NAME, KSPROPERTY_PIN_CATEGORY, KSPROPERTY_PIN_CONSTRAINEDDATARANGES]
        .map(|id| id as u32);
    (is_equal_guid(&property.set, &KSPROPSETID_Pin) && optional.contains(&property.id))
        || (is_equal_guid(&property.set, &KSPROPSETID_General) && property.id == 0)
        || is_equal_guid(&property.set, &KSPROPSETID_Topology)
}

/// A number of a set that does not answer BASICSUPPORT is not there for GET and SET either.
fn controls_are_claimed(bench: &Bench<'_>, name: &str, object: &dyn Asked) {
    let sets = object.ask(&property::request(GUID_NULL, 0, property::SET_SUPPORT, &[]), vec![0; 4096]);
    let data = &sets.data[..sets.information.min(sets.data.len())];
    for set in data.chunks_exact(size_of::<GUID>()).filter_map(bytes::read::<GUID>) {
        for id in 0..64 {
            let extra = property::extra(&set, id, 0, None);
            let ask = |flags| object.ask(&property::request(set, id, flags, &extra), vec![0; 64]).status;
            if ask(BASIC_SUPPORT) == Status(STATUS_NOT_FOUND) {
                for flags in [GET, SET] {
                    let what = format!("{name}: {} {id}, not supported, flags {flags}", survey::label(&set));
                    bench.refused(what, ask(flags));
                }
            }
        }
    }
}

/// A control's limits.
struct Range {
    minimum: i32,
    maximum: i32,
    step: u32,
    default: Option<i32>,
}

/// `KSPROPERTY_VIDEOPROCAMP_S`, `KSPROPERTY_CAMERACONTROL_S`: identifier, value, flags, capabilities.
const CONTROL: usize = 40;

fn is_control(set: &GUID) -> bool {
    [PROPSETID_VIDCAP_VIDEOPROCAMP, PROPSETID_VIDCAP_CAMERACONTROL]
        .iter()
        .any(|known| is_equal_guid(known, set))
}

/// The limits that stand behind the description.
fn range(object: &dyn Asked, property: &Property) -> Option<Range> {
    let answer = object.ask(&property.request(BASIC_SUPPORT), vec![0; 4096]);
    let data = answer.data.get(..answer.information)?;
    let head: KSPROPERTY_DESCRIPTION = bytes::read(data)?;
    let mut at = size_of::<KSPROPERTY_DESCRIPTION>();
    let word =
        |at: usize| data.get(at..at + 4).map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]]));
    let (mut limits, mut default) = (None, None);
    for _ in 0..head.MembersListCount {
        // KSPROPERTY_MEMBERSHEADER: MembersFlags, MembersSize, MembersCount, Flags.
        let (kind, size, count, flags) = (word(at)?, word(at + 4)?, word(at + 8)?, word(at + 12)?);
        let members = at + 16;
        if kind == KSPROPERTY_MEMBER_STEPPEDRANGES as i32 && limits.is_none() {
            // KSPROPERTY_STEPPING_LONG: SteppingDelta, Reserved, then the bounds.
            limits = Some((word(members)?, word(members + 8)?, word(members + 12)?));
        } else if kind == KSPROPERTY_MEMBER_VALUES as i32
            && flags & KSPROPERTY_MEMBER_FLAG_DEFAULT as i32 != 0
        {
            default = word(members);
        }
        at = members + usize::try_from(size.checked_mul(count)?).ok()?;
    }
    limits.map(|(step, minimum, maximum)| Range { minimum, maximum, step: step as u32, default })
}

fn controls(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        for property in list.iter().filter(|property| is_control(&property.set)) {
            control(bench, &format!("{name}: {}", property.name()), object, property);
        }
    });
}

fn control(bench: &Bench<'_>, what: &str, object: &dyn Asked, property: &Property) {
    let request = |flags: u32, value: i32| {
        let manual = 2_u32.to_le_bytes();
        let extra = [&value.to_le_bytes()[..], &manual, &[0; 8]].concat();
        property::request(property.set, property.id, flags, &extra)
    };
    let get = || {
        let answer = object.ask(&request(GET, 0), vec![0; CONTROL]);
        let value = answer.data.get(24..28).map(|v| i32::from_le_bytes([v[0], v[1], v[2], v[3]]));
        (answer.status, value.unwrap_or_default())
    };
    let set = |value: i32| {
        let whole = request(SET, value);
        object.ask(&whole, whole.clone()).status
    };
    let Some(range) = range(object, property) else {
        bench.note(format_args!("{what}: BASICSUPPORT tells no range"));
        return;
    };
    let Range { minimum, maximum, step, default } = range;
    bench.holds(minimum <= maximum, what, "minimum <= maximum", format_args!("{minimum}, {maximum}"));
    let span = i64::from(maximum) - i64::from(minimum);
    bench.holds(
        minimum == maximum || (step != 0 && i64::from(step) <= span),
        format_args!("{what}: step"),
        format_args!("1 to {span}"),
        step,
    );
    if let Some(default) = default {
        bench.holds(
            (minimum..=maximum).contains(&default),
            format_args!("{what}: default"),
            format_args!("{minimum} to {maximum}"),
            default,
        );
    }
    let (status, former) = get();
    bench.succeeds(format_args!("{what}: GET"), status);
    bench.holds(
        (minimum..=maximum).contains(&former),
        format_args!("{what}: value"),
        format_args!("{minimum} to {maximum}"),
        former,
    );
    if property.access & SET == 0 {
        return;
    }
    for value in [Some(minimum), Some(maximum), default, Some(former)].into_iter().flatten() {
        bench.succeeds(format_args!("{what}: SET to {value}"), set(value));
        bench.equal(format_args!("{what}: after SET to {value}"), get(), (Status::SUCCESS, value));
    }
    for value in [minimum.checked_sub(1), maximum.checked_add(1), Some(i32::MIN), Some(i32::MAX)]
        .into_iter()
        .flatten()
        .filter(|value| !(minimum..=maximum).contains(value))
    {
        let status = set(value);
        bench.known(format_args!("{what}: SET to {value}, outside"), status);
        let (_, now) = get();
        bench.holds(
            (minimum..=maximum).contains(&now),
            format_args!("{what}: after SET to {value}"),
            "a value inside",
            now,
        );
        if !status.is_success() {
            bench.equal(format_args!("{what}: after a refusal"), now, former);
        }
        set(former);
    }
}
