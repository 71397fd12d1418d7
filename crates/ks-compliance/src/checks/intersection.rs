//! Family C: data intersection.

use ks_sys::*;

use super::formats::{each_format, each_pin};
use crate::{
    Bench, Check,
    client::{Filter, Object},
    property,
    survey::{PinModel, Subject},
    wire::{
        Range, Status,
        bytes::{self, FormatHead},
    },
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "C3",
        title: "each range meets itself: a format inside it, the same one each time",
        page: "stream/ksproperty-pin-dataintersection",
        run: with_itself,
    },
    Check {
        id: "C4",
        title: "the size of an intersection is asked for without a buffer",
        page: "nc-ks-pfnksintersecthandler",
        run: sizes,
    },
    Check {
        id: "C5",
        title: "wildcards and lists of ranges: the first match",
        page: "nf-ks-kspindataintersection",
        run: wildcards,
    },
    Check {
        id: "C6",
        title: "ranges that have nothing in common: STATUS_NO_MATCH",
        page: "nf-ks-kspindataintersection",
        run: disjoint,
    },
    Check {
        id: "C7",
        title: "hostile numbers in ranges and formats",
        page: "stream/data-range-intersections-in-avstream",
        run: hostile,
    },
];

fn with_itself(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        for (index, range) in pin.ranges.iter().enumerate() {
            let what = format!("{name}: range {index} ({range})");
            let Some(format) = bench.take(&what, subject.filter.intersect(pin.id, &[range])) else {
                continue;
            };
            let head = format.head().unwrap_or_else(bytes::zeroed);
            bench.equal(format_args!("{what}: FormatSize"), head.FormatSize as usize, format.0.len());
            bench.equal(format_args!("{what}: Reserved"), head.Reserved, 0);
            for (guid, member) in [
                (head.MajorFormat, "MajorFormat"),
                (head.SubFormat, "SubFormat"),
                (head.Specifier, "Specifier"),
            ] {
                bench.holds(
                    !is_equal_guid(&guid, &GUID_NULL),
                    format_args!("{what}: {member}"),
                    "no wildcard",
                    "NULL",
                );
            }
            if range.video().is_some() {
                bench.holds(
                    head.SampleSize > 0,
                    format_args!("{what}: SampleSize"),
                    "the size of a frame",
                    0,
                );
            }
            if let Some(video) = format.video() {
                bench.holds(range.contains(&video), &what, "a format inside the range", &format);
                let size = format.bitmap().map_or(0, |bitmap| bitmap.biSizeImage);
                bench.equal(format_args!("{what}: biSizeImage"), size as usize, video.frame_len());
                bench.equal(format_args!("{what}: SampleSize"), head.SampleSize, size);
            }
            for _ in 0..3 {
                let again = subject.filter.intersect(pin.id, &[range]);
                bench.equal(format_args!("{what}: once more"), again.ok().as_ref(), Some(&format));
            }
        }
    });
}

fn sizes(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        for (index, range) in pin.ranges.iter().enumerate() {
            let input = Filter::intersection(pin.id, &property::multiple(&[range]));
            let what = format!("{name}: range {index}");
            let asked = subject.filter.property(&input, Vec::new());
            bench.status(&what, asked.status, &[STATUS_BUFFER_OVERFLOW]);
            let size = asked.information;
            bench.holds(size >= size_of::<FormatHead>(), format_args!("{what}: size"), "64 at least", size);
            for length in [1, 32, size_of::<FormatHead>(), size.saturating_sub(1)] {
                if (1..size).contains(&length) {
                    let answer = subject.filter.property(&input, vec![0xA5; length]);
                    bench.status(
                        format_args!("{what}: into {length} of {size} bytes"),
                        answer.status,
                        &[STATUS_BUFFER_TOO_SMALL, STATUS_BUFFER_OVERFLOW],
                    );
                    bench.holds(
                        answer.data.iter().all(|byte| *byte == 0xA5),
                        &what,
                        "nothing written",
                        "bytes",
                    );
                }
            }
            let exact = subject.filter.property(&input, vec![0; size]);
            bench.succeeds(format_args!("{what}: into {size} bytes"), exact.status);
            bench.equal(format_args!("{what}: length"), exact.information, size);
        }
    });
}

fn with_head(range: &Range, change: impl FnOnce(&mut FormatHead)) -> Range {
    let mut changed = range.clone();
    let mut head = range.head();
    change(&mut head);
    bytes::write(&mut changed.0, &head);
    changed
}

/// A range that nobody has.
fn nobodys() -> Range {
    let set = guid(0x7B0C_93E2_51A4_4D6F_8E0B_6C2A_913F_55D2);
    let head =
        FormatHead { FormatSize: 64, MajorFormat: set, SubFormat: set, Specifier: set, ..bytes::zeroed() };
    Range(bytes::of(&head).to_vec())
}

fn wildcards(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let Some(first) = pin.ranges.first() else { return };
        let own = subject.filter.intersect(pin.id, &[first]).ok();
        let (nobody, last) = (nobodys(), pin.ranges.last().unwrap_or(first));
        let later = subject.filter.intersect(pin.id, &[&nobody, &nobody, first]);
        bench.equal(format_args!("{name}: a range after two that do not fit"), later.ok(), own.clone());
        let expected = own.clone().or_else(|| subject.filter.intersect(pin.id, &[last]).ok());
        let both = subject.filter.intersect(pin.id, &[first, last]);
        bench.equal(format_args!("{name}: the first of two that fit"), both.ok(), expected);
        let all = with_head(first, |head| {
            (head.MajorFormat, head.SubFormat, head.Specifier) = (GUID_NULL, GUID_NULL, GUID_NULL);
            head.FormatSize = 64;
        });
        let wild = Range(all.0[..64].to_vec());
        match subject.filter.intersect(pin.id, &[&wild]) {
            Ok(format) => {
                let head = format.head().unwrap_or_else(bytes::zeroed);
                let fits =
                    pin.ranges.iter().any(|range| is_equal_guid(&range.head().SubFormat, &head.SubFormat));
                bench.holds(fits, format_args!("{name}: all wildcards"), "a format of the pin", &format);
            }
            // A handler that compares the whole structure has nothing to compare here.
            Err(status) => {
                bench.status(format_args!("{name}: all wildcards"), status, &[STATUS_NO_MATCH]);
            }
        }
    });
}

fn disjoint(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        let nobody = nobodys();
        let ask = |range: &Range| {
            let input = Filter::intersection(pin.id, &property::multiple(&[range]));
            subject.filter.property(&input, vec![0xA5; 4096])
        };
        let mut wrong = vec![("a foreign format".to_owned(), nobody.clone())];
        let strange = nobody.head().SubFormat;
        for (index, range) in pin.ranges.iter().enumerate() {
            wrong.push((
                format!("range {index}, foreign major format"),
                with_head(range, |head| head.MajorFormat = strange),
            ));
            wrong.push((
                format!("range {index}, foreign subformat"),
                with_head(range, |head| head.SubFormat = strange),
            ));
            wrong.push((
                format!("range {index}, foreign specifier"),
                with_head(range, |head| head.Specifier = strange),
            ));
        }
        for (what, range) in wrong {
            let answer = ask(&range);
            bench.status(format_args!("{name}: {what}"), answer.status, &[STATUS_NO_MATCH]);
            bench.holds(
                answer.data.iter().all(|byte| *byte == 0xA5),
                format_args!("{name}: {what}"),
                "nothing written",
                "bytes",
            );
        }
    });
}

const NUMBERS: [i32; 8] = [0, 1, -1, i32::MIN, i32::MAX, 0x1_0000, 0x4000_0000, -0x1_0000];

fn hostile(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        for (index, range) in pin.ranges.iter().enumerate() {
            hostile_range(bench, subject, pin, range, &format!("{name}: range {index}"));
        }
    });
    each_format(bench, |subject, pin, format, what| {
        let before = subject.filter.instances(pin.id).map(|counts| counts.CurrentCount).ok();
        for at in (64..format.0.len().saturating_sub(3)).step_by(4) {
            for value in NUMBERS {
                let mut bad = format.clone();
                bad.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
                let made = subject.filter.create_pin(pin.id, &bad);
                let status = made.as_ref().err().copied().unwrap_or(Status::SUCCESS);
                bench.known(format_args!("{what}: a pin with {value} at {at}"), status);
            }
        }
        for size in [0, 1, 63, 64, format.0.len() as u32 + 1, 0x7FFF_FFFF, u32::MAX] {
            let mut bad = format.clone();
            bad.0[..4].copy_from_slice(&size.to_le_bytes());
            let made = subject.filter.create_pin(pin.id, &bad);
            let status = made.as_ref().err().copied().unwrap_or(Status::SUCCESS);
            bench.refused(format_args!("{what}: a pin with FormatSize {size}"), status);
        }
        let after = subject.filter.instances(pin.id).map(|counts| counts.CurrentCount).ok();
        bench.equal(format_args!("{what}: instances afterwards"), after, before);
    });
}

fn hostile_range(bench: &Bench<'_>, subject: &Subject<'_>, pin: &PinModel, range: &Range, what: &str) {
    let ask = |items: &[u8], what: String| {
        let answer = subject.filter.property(&Filter::intersection(pin.id, items), vec![0xA5; 1024]);
        bench.known(&what, answer.status);
        if answer.status.is_success() {
            let head = bytes::read::<FormatHead>(&answer.data).unwrap_or_else(bytes::zeroed);
            bench.equal(format_args!("{what}: FormatSize"), head.FormatSize as usize, answer.information);
        } else {
            bench.holds(answer.data.iter().all(|byte| *byte == 0xA5), &what, "nothing written", "bytes");
        }
        answer.status
    };
    for at in (64..range.0.len().saturating_sub(3)).step_by(4) {
        for value in NUMBERS {
            let mut bad = range.clone();
            bad.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
            ask(&property::multiple(&[&bad]), format!("{what}: {value} at {at}"));
        }
    }
    // Counts and sizes that lie.
    let good = property::multiple(&[range]);
    for (at, value, member) in [
        (0, 0, "Size"),
        (0, 7, "Size"),
        (0, u32::MAX, "Size"),
        (4, 2, "Count"),
        (4, 0x1000_0000, "Count"),
        (4, u32::MAX, "Count"),
        (8, 0, "FormatSize"),
        (8, 63, "FormatSize"),
        (8, 0x7FFF_FFF8, "FormatSize"),
        (8, u32::MAX, "FormatSize"),
    ] {
        let mut bad = good.clone();
        bad[at..at + 4].copy_from_slice(&u32::to_le_bytes(value));
        let status = ask(&bad, format!("{what}: {member} = {value:#x}"));
        // More ranges than there are: what does fit comes first.
        if member == "FormatSize" {
            bench.refused(format_args!("{what}: FormatSize = {value:#x}"), status);
        }
    }
}
