//! Family F: frames that are read.

use ks_sys::*;

use super::transfer::{each_reader, finish};
use crate::{
    Bench, Check,
    client::{Filter, Pin},
    packet::Packet,
    property::PATIENCE,
    survey::{frame_size, interval},
    wire::Status,
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "F4",
        title: "presentation times rise; their flags and durations are right",
        page: "ns-ks-ksstream_header",
        run: times,
    },
    Check {
        id: "F5",
        title: "picture numbers rise, drops are counted and marked",
        page: "stream/capturing-video",
        run: pictures,
    },
    Check {
        id: "F6",
        title: "a slow reader loses its own frames, and nobody else's",
        page: "stream/capturing-video",
        run: slow_reader,
    },
    Check { id: "F7", title: "several readers at once", page: "stream/ks-pins", run: many_readers },
    Check {
        id: "F8",
        title: "several frames in one request",
        page: "ni-ks-ioctl_ks_read_stream",
        run: many_frames,
    },
];

fn times(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let (size, interval) = (frame_size(&model.formats[0]), interval(&model.formats[0]));
        let mut last: Option<i64> = None;
        for index in 0..20 {
            let packet = Packet::new(bench.system, &[size], false);
            let reply = finish(&*pin.read(&packet), model);
            let what = format!("{name}: frame {index}");
            if !bench.succeeds(&what, reply.status) {
                break;
            }
            let header = packet.header(0);
            let flags = header.OptionsFlags;
            let unknown = flags & !0x8000_7FDF;
            bench.equal(format_args!("{what}: unknown OptionsFlags"), unknown, 0);
            if flags & KSSTREAM_HEADER_OPTIONSF_TIMEVALID != 0 {
                let time = header.PresentationTime;
                bench.holds(
                    time.Numerator != 0 && time.Denominator != 0,
                    format_args!("{what}: PresentationTime"),
                    "a ratio",
                    format_args!("{}/{}", time.Numerator, time.Denominator),
                );
                let units =
                    time.Time.wrapping_mul(i64::from(time.Numerator)) / i64::from(time.Denominator.max(1));
                if let Some(last) = last {
                    bench.holds(
                        units > last,
                        format_args!("{what}: PresentationTime"),
                        format_args!("above {last}"),
                        units,
                    );
                }
                last = Some(units);
            } else {
                bench.warn(true, name, "TIMEVALID", "frames without a time");
            }
            if flags & KSSTREAM_HEADER_OPTIONSF_DURATIONVALID != 0 {
                // HCK: within a twentieth of the nominal interval.
                let off = (header.Duration - interval as i64).unsigned_abs();
                bench.holds(
                    off <= interval / 20,
                    format_args!("{what}: Duration"),
                    interval,
                    header.Duration,
                );
            }
            let used = header.DataUsed as usize;
            bench.holds(
                used > 0 && used <= size,
                format_args!("{what}: DataUsed"),
                format_args!("1 to {size}"),
                used,
            );
            bench.equal(format_args!("{what}: FrameExtent"), header.FrameExtent as usize, size);
            bench.equal(format_args!("{what}: Data"), header.Data as usize, packet_address(&packet));
        }
    });
}

/// Where the frame of a packet is: what its header said before the request.
fn packet_address(packet: &Packet) -> usize {
    packet.frame(0).as_ptr() as usize
}

fn pictures(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let (size, interval) = (frame_size(&model.formats[0]), interval(&model.formats[0]));
        let mut last: Option<KS_FRAME_INFO> = None;
        for index in 0..16 {
            // Time passes without a buffer: frames are dropped.
            if index == 6 || index == 11 {
                bench.system.sleep(interval * 5);
            }
            let packet = Packet::new(bench.system, &[size], true);
            let reply = finish(&*pin.read(&packet), model);
            let what = format!("{name}: frame {index}");
            if !bench.succeeds(&what, reply.status) {
                break;
            }
            let Some(info) = packet.frame_info(0) else { break };
            if info.PictureNumber == 0 && info.DropCount == 0 {
                bench.note(format_args!("{name}: gives no picture numbers"));
                return;
            }
            bench.holds(info.DropCount >= 0, format_args!("{what}: DropCount"), "0 at least", info.DropCount);
            if let Some(before) = last {
                bench.holds(
                    info.PictureNumber > before.PictureNumber,
                    format_args!("{what}: PictureNumber"),
                    format_args!("above {}", before.PictureNumber),
                    info.PictureNumber,
                );
                let drops = info.DropCount - before.DropCount;
                bench.holds(drops >= 0, format_args!("{what}: DropCount"), "no less than before", drops);
                bench.equal(
                    format_args!("{what}: PictureNumber, by the drops between"),
                    info.PictureNumber,
                    before.PictureNumber + 1 + drops,
                );
                if drops > 0 {
                    let marked =
                        packet.header(0).OptionsFlags & KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY != 0;
                    bench.holds(marked, format_args!("{what}, after a drop"), "DATADISCONTINUITY", "no mark");
                }
            }
            last = Some(info);
        }
        dropped_frames(bench, pin, name, last);
    });
}

/// PROPSETID_VIDCAP_DROPPEDFRAMES agrees with the last frame.
fn dropped_frames(bench: &Bench<'_>, pin: &Pin<'_>, name: &str, last: Option<KS_FRAME_INFO>) {
    use crate::client::Object;
    let id = KSPROPERTY_VIDCAP_DROPPEDFRAMES::KSPROPERTY_DROPPEDFRAMES_CURRENT as u32;
    let input = crate::property::request(PROPSETID_VIDCAP_DROPPEDFRAMES, id, crate::property::GET, &[0; 24]);
    let answer = pin.property(&input, vec![0; 48]);
    if !answer.status.is_success() {
        bench.warn(
            true,
            format_args!("{name}: KSPROPERTY_DROPPEDFRAMES_CURRENT"),
            "it is there: the page says that it must be",
            answer.status,
        );
        return;
    }
    let word = |at: usize| {
        let bytes = answer.data.get(at..at + 8)?;
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    };
    if let (Some(picture), Some(drops), Some(last)) = (word(24), word(32), last) {
        bench.holds(
            picture >= last.PictureNumber,
            format_args!("{name}: DROPPEDFRAMES: PictureNumber"),
            last.PictureNumber,
            picture,
        );
        bench.holds(
            drops >= last.DropCount,
            format_args!("{name}: DROPPEDFRAMES: DropCount"),
            last.DropCount,
            drops,
        );
    }
}

/// Reads frames one after the other; their picture numbers.
fn read_some(
    bench: &Bench<'_>,
    pin: &Pin<'_>,
    model: &crate::survey::PinModel,
    count: usize,
    name: &str,
) -> Vec<KS_FRAME_INFO> {
    let size = frame_size(&model.formats[0]);
    // Two on their way at each time, so that nothing is lost in between.
    let mut packets: Vec<Packet> = (0..count + 1).map(|_| Packet::new(bench.system, &[size], true)).collect();
    let mut infos = Vec::new();
    let mut reads = std::collections::VecDeque::new();
    for packet in packets.iter().take(2) {
        reads.push_back(pin.read(packet));
    }
    for index in 0..count {
        let Some(read) = reads.pop_front() else { break };
        if let Some(packet) = packets.get(index + 2) {
            reads.push_back(pin.read(packet));
        }
        let reply = finish(&*read, model);
        if !bench.succeeds(format_args!("{name}: frame {index}"), reply.status) {
            break;
        }
        infos.extend(packets[index].frame_info(0));
    }
    drop(reads);
    packets.clear();
    infos
}

fn slow_reader(bench: &Bench<'_>) {
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.is_readable() && pin.possible > 1) {
            let name = subject.name(model);
            let make = || -> Result<(Filter<'_>, Pin<'_>), Status> {
                let filter = Filter::open(bench.system, &subject.interface.link)?;
                let pin = filter.create_pin(model.id, &model.formats[0])?;
                pin.step_to(3)?;
                Ok((filter, pin))
            };
            let (Ok(slow), Ok(quick)) = (make(), make()) else {
                bench.note(format_args!("{name}: has one reader only"));
                continue;
            };
            // The slow one never queues a buffer while the quick one reads.
            let infos = read_some(bench, &quick.1, model, 12, &name);
            let drops: Vec<i64> = infos.iter().map(|info| info.DropCount).collect();
            let steady = drops.first() == drops.last();
            bench.holds(
                steady,
                format_args!("{name}: DropCount of the quick reader"),
                "no new drops",
                format_args!("{drops:?}"),
            );
            let infos = read_some(bench, &slow.1, model, 4, &name);
            bench.equal(format_args!("{name}: frames of the slow reader"), infos.len(), 4);
        }
    }
}

fn many_readers(bench: &Bench<'_>) {
    for subject in &bench.subjects() {
        for model in subject.pins.iter().filter(|pin| pin.is_readable()) {
            let name = subject.name(model);
            let count = model.possible.min(4);
            let mut readers = Vec::new();
            for _ in 0..count {
                let Ok(filter) = Filter::open(bench.system, &subject.interface.link) else { break };
                let Ok(pin) = filter.create_pin(model.id, &model.formats[0]) else { break };
                if pin.step_to(3).is_err() {
                    break;
                }
                readers.push((filter, pin));
            }
            bench.holds(!readers.is_empty(), format_args!("{name}: readers"), "one at least", 0);
            for round in 0..6 {
                let size = frame_size(&model.formats[0]);
                let packets: Vec<Packet> =
                    readers.iter().map(|_| Packet::new(bench.system, &[size], true)).collect();
                let reads: Vec<_> =
                    readers.iter().zip(&packets).map(|((_, pin), packet)| pin.read(packet)).collect();
                for (index, read) in reads.iter().enumerate() {
                    let reply = finish(&**read, model);
                    bench.succeeds(format_args!("{name}: reader {index}, round {round}"), reply.status);
                }
                let times: Vec<i64> =
                    packets.iter().map(|packet| packet.header(0).PresentationTime.Time).collect();
                for (index, packet) in packets.iter().enumerate().skip(1) {
                    if times[index] == times[0] {
                        bench.holds(
                            packet.used(0) == packets[0].used(0),
                            format_args!("{name}: pictures of one time, readers 0 and {index}"),
                            "the same bytes",
                            "others",
                        );
                    }
                }
            }
        }
    }
}

fn many_frames(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let size = frame_size(&model.formats[0]);
        for count in [2, 3, 8] {
            let packet = Packet::new(bench.system, &vec![size; count], false);
            let request = pin.read(&packet);
            let patience = PATIENCE + interval(&model.formats[0]) * (count as u64 + 4);
            let reply = request.wait(patience);
            let what = format!("{name}: {count} frames in one request");
            let Some(reply) = reply else {
                bench.holds(false, &what, "an end", "none");
                continue;
            };
            bench.succeeds(&what, reply.status);
            bench.equal(format_args!("{what}: whole headers"), reply.information % 56, 0);
            let headers = reply.information / 56;
            bench.holds(
                (1..=count).contains(&headers),
                format_args!("{what}: Information"),
                format_args!("1 to {count} headers"),
                headers,
            );
            let mut last = i64::MIN;
            for index in 0..headers.min(count) {
                let header = packet.header(index);
                let used = header.DataUsed as usize;
                bench.holds(
                    used > 0 && used <= size,
                    format_args!("{what}: DataUsed of {index}"),
                    format_args!("1 to {size}"),
                    used,
                );
                if header.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_TIMEVALID != 0 {
                    bench.holds(
                        header.PresentationTime.Time > last,
                        format_args!("{what}: time of {index}"),
                        format_args!("above {last}"),
                        header.PresentationTime.Time,
                    );
                    last = header.PresentationTime.Time;
                }
            }
        }
    });
}
