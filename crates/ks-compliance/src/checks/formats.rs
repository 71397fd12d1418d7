//! Family C: data ranges, and pins made with their formats.

use ks_sys::*;

use crate::{
    Bench, Check,
    client::{self, Object, Pin},
    property::{self, GET, SET},
    survey::{self, PinModel, Subject},
    wire::{
        Format, Pictures, Range, Status,
        bytes::{self, FormatHead},
    },
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "C1",
        title: "lists of data ranges: sizes, counts, alignment, no duplicates",
        page: "stream/ksproperty-pin-dataranges",
        run: lists,
    },
    Check {
        id: "C2",
        title: "video ranges: sizes, steps, intervals, bitmap headers",
        page: "ns-ksmedia-tagks_datarange_video",
        run: video_ranges,
    },
];

/// Runs a check with each pin type.
pub fn each_pin(bench: &Bench<'_>, mut check: impl FnMut(&Subject<'_>, &PinModel, &str)) {
    for subject in &bench.subjects() {
        for pin in &subject.pins {
            check(subject, pin, &subject.name(pin));
        }
    }
}

/// Runs a check with each pin type of which a client can make an instance, and each of its formats.
pub fn each_format(bench: &Bench<'_>, mut check: impl FnMut(&Subject<'_>, &PinModel, &Format, &str)) {
    each_pin(bench, |subject, pin, name| {
        if pin.can_be_sink() {
            for format in &pin.formats {
                check(subject, pin, format, &format!("{name}: {format}"));
            }
        }
    });
}

fn lists(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_DATARANGES;
        let Some(items) =
            bench.take(format_args!("{name}: DATARANGES"), subject.filter.pin_items(id, pin.id))
        else {
            return;
        };
        let head: KSMULTIPLE_ITEM = bytes::read(&items).unwrap_or_else(bytes::zeroed);
        bench.equal(format_args!("{name}: Size"), head.Size as usize, items.len());
        bench.holds(head.Count > 0, format_args!("{name}: Count"), "a range", head.Count);
        bench.equal(format_args!("{name}: ranges that can be read"), pin.ranges.len(), head.Count as usize);
        let lengths: usize = pin
            .ranges
            .iter()
            .enumerate()
            .map(|(index, range)| {
                let last = index + 1 == pin.ranges.len();
                if last { range.0.len() } else { range.0.len().next_multiple_of(8) }
            })
            .sum();
        let rest = items.len() - 8;
        bench.holds(
            rest == lengths || rest == lengths.next_multiple_of(8),
            format_args!("{name}: ranges on 8-byte boundaries"),
            lengths,
            rest,
        );
        for (index, range) in pin.ranges.iter().enumerate() {
            let what = format!("{name}: range {index}");
            let head = range.head();
            bench.holds(
                head.FormatSize as usize >= size_of::<FormatHead>(),
                &what,
                "FormatSize >= 64",
                head.FormatSize,
            );
            for (guid, member) in [
                (head.MajorFormat, "MajorFormat"),
                (head.SubFormat, "SubFormat"),
                (head.Specifier, "Specifier"),
            ] {
                let null = is_equal_guid(&guid, &GUID_NULL);
                bench.holds(!null, format_args!("{what}: {member}"), "a GUID", "NULL");
            }
            bench.equal(format_args!("{what}: Reserved"), head.Reserved, 0);
            let twice = pin.ranges[..index].contains(range);
            bench.holds(!twice, &what, "no range twice", "a duplicate");
        }
    });
}

fn video_ranges(bench: &Bench<'_>) {
    each_pin(bench, |_, pin, name| {
        for (index, range) in pin.ranges.iter().enumerate() {
            let Some(video) = range.video() else { continue };
            let what = |member: &str| format!("{name}: range {index}: {member}");
            let Pictures { caps, interval, bitmap } = video;
            for (low, high, step, member) in [
                (caps.MinOutputSize.cx, caps.MaxOutputSize.cx, caps.OutputGranularityX, "width"),
                (caps.MinOutputSize.cy, caps.MaxOutputSize.cy, caps.OutputGranularityY, "height"),
            ] {
                bench.holds(low > 0, what(member), "a minimum above 0", low);
                bench.holds(low <= high, what(member), "minimum <= maximum", format_args!("{low}, {high}"));
                bench.holds(low == high || step > 0, what(member), "a step", step);
                bench.holds(
                    low == high || (high - low) % step.max(1) == 0,
                    what(member),
                    "a maximum on a step",
                    high,
                );
            }
            bench.holds(
                caps.MinFrameInterval > 0,
                what("MinFrameInterval"),
                "above 0",
                caps.MinFrameInterval,
            );
            bench.holds(
                caps.MinFrameInterval <= caps.MaxFrameInterval,
                what("frame interval"),
                "minimum <= maximum",
                format_args!("{}, {}", caps.MinFrameInterval, caps.MaxFrameInterval),
            );
            bench.equal(what("biSize"), bitmap.biSize as usize, size_of::<KS_BITMAPINFOHEADER>());
            bench.equal(what("biPlanes"), bitmap.biPlanes, 1);
            bench.holds(bitmap.biWidth > 0, what("biWidth"), "above 0", bitmap.biWidth);
            bench.holds(bitmap.biHeight != 0, what("biHeight"), "not 0", bitmap.biHeight);
            bench.holds(bitmap.biBitCount > 0, what("biBitCount"), "above 0", bitmap.biBitCount);
            bench.holds(
                (caps.MinOutputSize.cx..=caps.MaxOutputSize.cx).contains(&bitmap.biWidth),
                what("biWidth"),
                "within the sizes",
                bitmap.biWidth,
            );
            bench.holds(
                (caps.MinFrameInterval..=caps.MaxFrameInterval).contains(&interval),
                what("AvgTimePerFrame"),
                "within the intervals",
                interval,
            );
            // Uncompressed rows of whole 32-bit words (BITMAPINFOHEADER); other formats say their size themselves.
            let row = u64::from(bitmap.biWidth.unsigned_abs()) * u64::from(bitmap.biBitCount);
            let size = row / 8 * u64::from(bitmap.biHeight.unsigned_abs());
            if range.pixels().is_some() {
                bench.holds(
                    u64::from(bitmap.biSizeImage) >= size,
                    what("biSizeImage"),
                    size,
                    bitmap.biSizeImage,
                );
            } else {
                bench.warn(bitmap.biSizeImage == 0, what("biSizeImage"), "a size", 0);
            }
        }
    });
}

/// More checks of family C that make pins.
pub const WITH_PINS: &[Check] = &[
    Check {
        id: "C8",
        title: "PROPOSEDATAFORMAT agrees with what the making of a pin accepts",
        page: "stream/ksproperty-pin-proposedataformat",
        run: proposals,
    },
    Check {
        id: "C9",
        title: "pins with each advertised format, and with each byte of it changed",
        page: "nf-ks-kscreatepin",
        run: creation,
    },
    Check {
        id: "C10",
        title: "the format of a pin is what was set, in each state",
        page: "stream/ksproperty-connection-dataformat",
        run: set_formats,
    },
    Check {
        id: "C11",
        title: "a format with larger rows just before RUN",
        page: "stream/data-range-intersections-in-avstream",
        run: larger_rows,
    },
    Check {
        id: "C12",
        title: "constrained ranges lie within the ranges",
        page: "stream/ksproperty-pin-constraineddataranges",
        run: constrained,
    },
    Check {
        id: "C13",
        title: "an intersection has the major format that was asked for",
        page: "nf-ks-kspindataintersection",
        run: major_formats,
    },
    Check {
        id: "C14",
        title: "a pin with a fixed format refuses any other with STATUS_INVALID_DEVICE_REQUEST",
        page: "ns-ks-_kspin_descriptor_ex",
        run: fixed_formats,
    },
];

fn proposals(bench: &Bench<'_>) {
    each_format(bench, |subject, pin, format, what| {
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_PROPOSEDATAFORMAT as u32;
        let extra = [pin.id.to_le_bytes(), [0; 4]].concat();
        let propose = |format: &Format| {
            let input = property::request(KSPROPSETID_Pin, id, SET, &extra);
            subject.filter.property(&input, format.0.clone()).status
        };
        let status = propose(format);
        if status == Status(STATUS_NOT_FOUND) || status == Status(STATUS_PROPSET_NOT_FOUND) {
            bench.note(format_args!("{}: no PROPOSEDATAFORMAT", subject.interface.name));
            return;
        }
        bench.succeeds(format_args!("{what}: proposed"), status);
        let mut nonsense = format.clone();
        nonsense.0[16] ^= 0xFF;
        let refused = propose(&nonsense);
        bench.refused(format_args!("{what}: nonsense proposed"), refused);
        let made = subject.filter.create_pin(pin.id, format);
        bench.take(format_args!("{what}: a pin after the proposal"), made);
        bench.equal(what, subject.filter.instances(pin.id).map(|c| c.CurrentCount).ok(), Some(0));
    });
}

fn creation(bench: &Bench<'_>) {
    each_format(bench, |subject, pin, format, what| {
        let before = subject.filter.instances(pin.id).map(|counts| counts.CurrentCount).ok();
        if let Some(made) =
            bench.take(format_args!("{what}: a pin"), subject.filter.create_pin(pin.id, format))
        {
            let answer = made.format();
            if let Some(now) = bench.take(format_args!("{what}: its format"), answer) {
                bench.equal(format_args!("{what}: its format"), now.0, format.0.clone());
            }
        }
        let good = [bytes::of(&client::connect(pin.id, 0)), &format.0].concat();
        for at in 0..good.len() {
            for change in [0x01, 0x80, 0xFF] {
                let mut bad = good.clone();
                bad[at] ^= change;
                // Bytes that were a handle may name another pin by chance, and must not.
                let status = match subject.filter.create(&bad) {
                    Ok(made) => {
                        let usable = made.state();
                        bench.succeeds(
                            format_args!("{what}: state of the pin made with byte {at} changed"),
                            usable.err().unwrap_or(Status::SUCCESS),
                        );
                        Status::SUCCESS
                    }
                    Err(status) => status,
                };
                bench.known(format_args!("{what}: a pin with byte {at} ^ {change:#x}"), status);
            }
        }
        bench.equal(
            format_args!("{what}: instances afterwards"),
            subject.filter.instances(pin.id).map(|counts| counts.CurrentCount).ok(),
            before,
        );
    });
}

/// The statuses that a live pin may refuse a format with.
const NOT_NOW: [NTSTATUS; 4] =
    [STATUS_SUCCESS, STATUS_INVALID_DEVICE_REQUEST, STATUS_INVALID_DEVICE_STATE, STATUS_NO_MATCH];

fn set_formats(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        if !pin.can_be_sink() || pin.formats.is_empty() {
            return;
        }
        let Some((_filter, made)) = bench.pin_of(subject, pin.id) else { return };
        for state in 0..4 {
            if let Err(status) = made.step_to(state) {
                bench.known(format_args!("{name}: state {state}"), status);
                break;
            }
            let former = made.format().ok();
            for format in &pin.formats {
                let what = format!("{name}: {format} in state {state}");
                let before = made.format().ok();
                let status = made.set_format(format);
                bench.status(&what, status, &NOT_NOW);
                let expected = if status.is_success() { Some(format.clone()) } else { before };
                bench.equal(&what, made.format().ok().map(|f| f.0), expected.map(|f| f.0));
                let mut nonsense = format.clone();
                nonsense.0[20] ^= 0xFF;
                let now = made.format().ok();
                let status = made.set_format(&nonsense);
                bench.refused(format_args!("{what}: nonsense"), status);
                bench.equal(
                    format_args!("{what}: after nonsense"),
                    made.format().ok().map(|f| f.0),
                    now.map(|f| f.0),
                );
            }
            if let Some(former) = former {
                bench.status(format_args!("{name}: the former format"), made.set_format(&former), &NOT_NOW);
            }
        }
        let _ = made.step_to(0);
    });
}

/// The format with wider rows: what ksproxy sends when a renderer has a stride.
fn with_stride(format: &Format, more: u32) -> Option<Format> {
    let video = format.video()?;
    let (at, mut bitmap) = (format.bitmap_at()?, format.bitmap()?);
    let stride = video.width + more;
    bitmap.biWidth = stride as i32;
    bitmap.biSizeImage = video.pixels.frame_len(stride, video.height) as u32;
    let whole = RECT { left: 0, top: 0, right: video.width as i32, bottom: video.height as i32 };
    let mut wider = format.clone();
    bytes::write(&mut wider.0[at..], &bitmap);
    // rcSource and rcTarget begin both kinds of header.
    bytes::write(&mut wider.0[size_of::<FormatHead>()..], &whole);
    bytes::write(&mut wider.0[size_of::<FormatHead>() + size_of::<RECT>()..], &whole);
    let mut head = wider.head()?;
    head.SampleSize = bitmap.biSizeImage;
    bytes::write(&mut wider.0, &head);
    Some(wider)
}

fn larger_rows(bench: &Bench<'_>) {
    each_format(bench, |subject, pin, format, what| {
        let Some(wider) = with_stride(format, 64).filter(|_| pin.output) else { return };
        let Ok(made) = subject.filter.create_pin(pin.id, format) else { return };
        if made.step_to(2).is_err() {
            return;
        }
        let status = made.set_format(&wider);
        // The page says that it should not fail; a driver that knows no stride has to say so.
        bench.known(format_args!("{what}: wider rows in PAUSE"), status);
        bench.warn(!status.is_success(), format_args!("{what}: wider rows in PAUSE"), "success", status);
        let expected = if status.is_success() { &wider } else { format };
        bench.equal(
            format_args!("{what}: afterwards"),
            made.format().ok().map(|f| f.0),
            Some(expected.0.clone()),
        );
        bench.succeeds(format_args!("{what}: RUN"), made.set_state(3));
        let _ = made.step_to(0);
    });
}

fn constrained(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_CONSTRAINEDDATARANGES;
        match subject.filter.pin_items(id, pin.id) {
            Ok(items) => {
                for (index, range) in Range::list(&items).iter().enumerate() {
                    let what = format!("{name}: constrained range {index}");
                    let within = pin.ranges.iter().any(|whole| {
                        let (a, b) = (whole.head(), range.head());
                        is_equal_guid(&a.MajorFormat, &b.MajorFormat)
                            && is_equal_guid(&a.SubFormat, &b.SubFormat)
                    });
                    bench.holds(within, &what, "one of the pin's formats", range);
                    bench.take(&what, subject.filter.intersect(pin.id, &[range]));
                }
            }
            Err(status) => {
                bench.status(name, status, &[STATUS_NOT_FOUND, STATUS_PROPSET_NOT_FOUND]);
            }
        }
    });
}

fn major_formats(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        for (index, range) in pin.ranges.iter().enumerate() {
            let Ok(format) = subject.filter.intersect(pin.id, &[range]) else { continue };
            let (asked, got) = (range.head(), format.head().unwrap_or_else(bytes::zeroed));
            let what = format!("{name}: range {index}");
            for (asked, got, member) in [
                (asked.MajorFormat, got.MajorFormat, "MajorFormat"),
                (asked.SubFormat, got.SubFormat, "SubFormat"),
                (asked.Specifier, got.Specifier, "Specifier"),
            ] {
                bench.equal(format_args!("{what}: {member}"), survey::label(&got), survey::label(&asked));
            }
        }
    });
}

fn fixed_formats(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let Some((_filter, made)) = bench.pin_of(subject, pin.id) else { return };
        let now = now(&made);
        if made.set_format(&Format(now.clone())) != Status(STATUS_INVALID_DEVICE_REQUEST) {
            return;
        }
        for format in &pin.formats {
            let status = made.set_format(format);
            bench.status(format_args!("{name}: {format}"), status, &[STATUS_INVALID_DEVICE_REQUEST]);
        }
        bench.equal(format_args!("{name}: the format"), self::now(&made), now);
    });
}

fn now(pin: &Pin<'_>) -> Vec<u8> {
    let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32;
    pin.get_sized(&property::request(KSPROPSETID_Connection, id, GET, &[])).unwrap_or_default()
}
