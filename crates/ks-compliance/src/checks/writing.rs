//! Family F: frames that are written, and what becomes of them where they are read.

use ks_sys::*;

use super::formats::{each_format, each_pin};
use super::instances::each_pair;
use super::transfer::finish;
use crate::{
    Bench, Check,
    client::Pin,
    packet::Packet,
    property::PATIENCE,
    survey::{PinModel, Subject, frame_size, interval},
    system::{Request, SECOND},
    wire::{Format, Status},
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "F13",
        title: "the writer leaves and comes back: readers go on",
        page: "stream/ks-pins",
        run: writer_leaves,
    },
    Check {
        id: "F14",
        title: "the writer changes its format while readers run",
        page: "stream/ksproperty-connection-dataformat",
        run: writer_changes,
    },
    Check {
        id: "F15",
        title: "what is written is what is read: red, green, blue",
        page: "stream/ks-pins",
        run: colours,
    },
    Check {
        id: "F16",
        title: "the end of the stream is taken from a writer",
        page: "ns-ks-ksstream_header",
        run: end_of_stream,
    },
    Check {
        id: "F17",
        title: "a short run of every format",
        page: "stream/ksproperty-pin-dataranges",
        run: every_format,
    },
];

/// A frame of one colour in a format of 8 bits that is YUV or RGB; `None` for other formats.
fn plain(format: &Format, colour: &Colour) -> Option<Vec<u8>> {
    let video = format.video()?;
    let (width, height) = (video.width as usize, video.height as usize);
    let [y, u, v] = colour.yuv;
    if video.pixels.is_rgb() {
        let [r, g, b] = colour.rgb;
        let pixel = &[b, g, r, 255][..usize::from(video.pixels.bits) / 8];
        let mut row = pixel.repeat(width);
        row.resize(video.pixels.stride(video.width), 0);
        return Some(row.repeat(height));
    }
    match &video.pixels.fourcc {
        b"NV12" => Some([vec![y; width * height], [u, v].repeat(width * height / 4)].concat()),
        b"YUY2" => Some([y, u, y, v].repeat(width * height / 2)),
        b"UYVY" => Some([u, y, v, y].repeat(width * height / 2)),
        _ => None,
    }
}

/// A colour, in BT.601 and in red, green and blue.
struct Colour {
    name: &'static str,
    yuv: [u8; 3],
    rgb: [u8; 3],
}

const COLOURS: [Colour; 3] = [
    Colour { name: "red", yuv: [81, 90, 240], rgb: [255, 0, 0] },
    Colour { name: "green", yuv: [145, 54, 34], rgb: [0, 255, 0] },
    Colour { name: "blue", yuv: [41, 240, 110], rgb: [0, 0, 255] },
];

/// A filter where a client can write into one pin and read from another: the pins and a format that both take.
fn each_way(bench: &Bench<'_>, mut check: impl FnMut(&Subject<'_>, &PinModel, &PinModel, &Format, &str)) {
    let mut found = false;
    for subject in &bench.subjects() {
        for sink in subject.pins.iter().filter(|pin| pin.is_writable()) {
            for source in subject.pins.iter().filter(|pin| pin.is_readable()) {
                if let Some(format) = sink.formats.iter().find(|format| source.formats.contains(format)) {
                    found = true;
                    let name = format!("{} to {}", subject.name(sink), subject.name(source));
                    check(subject, sink, source, format, &name);
                }
            }
        }
    }
    if !found {
        bench.note("no filter has a pin to write into and one to read from with a format in common");
    }
}

/// Writes a frame; the write comes back when the driver has let it go.
fn write<'p>(
    bench: &Bench<'_>,
    pin: &Pin<'_>,
    packet: &'p mut Option<Packet>,
    frame: &[u8],
    time: u64,
    duration: u64,
) -> Box<dyn Request + 'p> {
    let packet = packet.insert(Packet::from_frame(bench.system, frame));
    packet.change(0, |header| {
        header.PresentationTime.Time = time as i64;
        header.Duration = duration as i64;
        header.OptionsFlags = KSSTREAM_HEADER_OPTIONSF_TIMEVALID | KSSTREAM_HEADER_OPTIONSF_DURATIONVALID;
    });
    pin.write(packet)
}

/// Reads so many frames while one frame is written again and again; the last one that was read.
fn through(
    bench: &Bench<'_>,
    writer: &Pin<'_>,
    reader: &Pin<'_>,
    frame: &[u8],
    format: &Format,
    count: usize,
) -> Result<Packet, Status> {
    let (interval, size) = (interval(format), frame_size(format));
    let packets: Vec<Packet> = (0..count).map(|_| Packet::new(bench.system, &[size], true)).collect();
    let reads: Vec<_> = packets.iter().map(|packet| reader.read(packet)).collect();
    let mut places: Vec<Option<Packet>> = (0..count * 4 + 8).map(|_| None).collect();
    let mut writes = Vec::new();
    for (index, place) in places.iter_mut().enumerate() {
        if reads.iter().all(|read| read.wait(0).is_some()) {
            break;
        }
        writes.push(write(bench, writer, place, frame, index as u64 * interval, interval));
        bench.system.sleep(interval);
    }
    let mut result = Ok(());
    for read in &reads {
        let reply = read.wait(PATIENCE).map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
        result = result.and(reply.check().map(drop));
    }
    drop(reads);
    drop(writes);
    let last = packets.into_iter().next_back().ok_or(Status(STATUS_IO_TIMEOUT))?;
    result.map(|()| last)
}

fn colours(bench: &Bench<'_>) {
    each_way(bench, |subject, sink, source, _, name| {
        for format in sink.formats.iter().filter(|format| source.formats.contains(format)) {
            let Some((_f, writer)) = opened(bench, subject, sink, format) else { continue };
            let Some((_g, reader)) = opened(bench, subject, source, format) else { continue };
            for colour in &COLOURS {
                let Some(frame) = plain(format, colour) else { continue };
                let what = format!("{name}: {format}, {}", colour.name);
                let read = through(bench, &writer, &reader, &frame, format, 3);
                if let Some(packet) = bench.take(&what, read) {
                    let same =
                        packet.used(0).iter().zip(&frame).filter(|(a, b)| a.abs_diff(**b) <= 2).count();
                    // v4l2-compliance -c: nine pixels of ten.
                    bench.holds(
                        same * 10 >= frame.len() * 9,
                        &what,
                        "nine bytes of ten as written",
                        format_args!("{same} of {}", frame.len()),
                    );
                }
            }
        }
    });
}

/// A pin of a format, on its own filter instance, in RUN.
fn opened<'a>(
    bench: &Bench<'a>,
    subject: &Subject<'a>,
    model: &PinModel,
    format: &Format,
) -> Option<(crate::client::Filter<'a>, Pin<'a>)> {
    let filter = bench.reopen(subject)?;
    let name = format!("{}: {format}", subject.name(model));
    let pin = bench.take(&name, filter.create_pin(model.id, format))?;
    bench.take(format_args!("{name}: RUN"), pin.step_to(3))?;
    Some((filter, pin))
}

/// Reads some frames in a row, each waited for.
fn read_on(bench: &Bench<'_>, reader: &Pin<'_>, model: &PinModel, size: usize, count: usize, what: &str) {
    let mut last: Option<i64> = None;
    for index in 0..count {
        let packet = Packet::new(bench.system, &[size], true);
        let reply = finish(&*reader.read(&packet), model);
        if !bench.succeeds(format_args!("{what}: frame {index}"), reply.status) {
            break;
        }
        let header = packet.header(0);
        if header.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_TIMEVALID != 0 {
            let time = header.PresentationTime.Time;
            if let Some(last) = last {
                bench.holds(
                    time > last,
                    format_args!("{what}: time of frame {index}"),
                    format_args!("above {last}"),
                    time,
                );
            }
            last = Some(time);
        }
    }
}

fn writer_leaves(bench: &Bench<'_>) {
    each_way(bench, |subject, sink, source, format, name| {
        let size = frame_size(format);
        let Some((_f, reader)) = opened(bench, subject, source, format) else { return };
        let frame = plain(format, &COLOURS[0]).unwrap_or_else(|| vec![0x55; size]);
        for round in 0..3 {
            let Some((_g, writer)) = opened(bench, subject, sink, format) else { return };
            let what = format!("{name}: with a writer, round {round}");
            bench.take(&what, through(bench, &writer, &reader, &frame, format, 4));
            drop(writer);
            read_on(bench, &reader, source, size, 4, &format!("{name}: without a writer, round {round}"));
        }
    });
    each_pair(bench, |name, connect| {
        for _ in 0..3 {
            let Some(link) = bench.take(name, connect()) else { return };
            for state in 1..=3 {
                for pin in [&link.sink, &link.source] {
                    bench.succeeds(format_args!("{name}: state {state}"), pin.set_state(state));
                }
            }
            bench.system.sleep(SECOND / 4);
            // The source goes while both run.
            drop(link.source);
            bench.take(format_args!("{name}: the sink's state without its source"), link.sink.state());
            bench.succeeds(format_args!("{name}: STOP of the sink"), link.sink.set_state(0));
        }
    });
}

fn writer_changes(bench: &Bench<'_>) {
    each_way(bench, |subject, sink, source, format, name| {
        let size = frame_size(format);
        let Some((_f, reader)) = opened(bench, subject, source, format) else { return };
        for other in &sink.formats {
            let Some((_g, writer)) = opened(bench, subject, sink, other) else { continue };
            let frame = vec![0x55; frame_size(other)];
            let what = format!("{name}: while {other} is written");
            if other == format {
                bench.take(&what, through(bench, &writer, &reader, &frame, format, 3));
            } else {
                // Frames that do not fit the reader: what it gets then is the driver's choice, that it can stop is not.
                let packet = Packet::new(bench.system, &[size], true);
                let read = reader.read(&packet);
                let mut place = None;
                let request = write(bench, &writer, &mut place, &frame, 0, 1);
                let status = read.wait(SECOND).map_or(Status::SUCCESS, |reply| reply.status);
                bench.known(&what, status);
                drop(request);
            }
            for live in &sink.formats {
                bench.known(format_args!("{name}: {live} for {other}, live"), writer.set_format(live));
            }
        }
        read_on(bench, &reader, source, size, 3, name);
    });
}

fn end_of_stream(bench: &Bench<'_>) {
    each_pin(bench, |subject, model, name| {
        if !model.is_writable() {
            return;
        }
        let format = &model.formats[0];
        let Some((_f, writer)) = opened(bench, subject, model, format) else { return };
        let size = frame_size(format);
        for (used, flags) in [
            (size, KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM),
            (0, KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM),
            (size, 0),
            (0, 0),
            (1, 0),
            (size - 1, KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY),
            (size, KSSTREAM_HEADER_OPTIONSF_PREROLL),
        ] {
            let mut packet = Packet::from_frame(bench.system, &vec![0x33; size]);
            packet.change(0, |header| {
                header.DataUsed = used as u32;
                header.OptionsFlags = flags;
            });
            let request = writer.write(&packet);
            let what = format!("{name}: a write of {used} of {size} bytes with flags {flags:#x}");
            // A driver may keep the newest frame; then it gives it back for the next one, or at STOP.
            let mut after = Packet::from_frame(bench.system, &vec![0x33; size]);
            after.change(0, |header| header.DataUsed = size as u32);
            let next = writer.write(&after);
            let reply = request.wait(PATIENCE);
            bench.holds(reply.is_some(), &what, "an end", "none");
            if let Some(reply) = reply {
                bench.known(&what, reply.status);
                bench.holds(
                    reply.information <= size,
                    format_args!("{what}: Information"),
                    format_args!("at most {size}"),
                    reply.information,
                );
            }
            drop(next);
        }
        bench.take(format_args!("{name}: STOP"), writer.step_to(0));
    });
}

fn every_format(bench: &Bench<'_>) {
    each_format(bench, |subject, model, format, what| {
        let Some((_f, pin)) = opened(bench, subject, model, format) else { return };
        let size = frame_size(format);
        if model.is_readable() {
            let one = PinModel { formats: vec![format.clone()], ..model.clone() };
            read_on(bench, &pin, &one, size, 4, what);
        } else {
            for index in 0..4 {
                let mut place = None;
                let request = write(bench, &pin, &mut place, &vec![0x44; size], index, 1);
                bench.system.sleep(interval(format));
                let mut next = None;
                let following = write(bench, &pin, &mut next, &vec![0x44; size], index, 1);
                let reply = request.wait(PATIENCE);
                let status = reply.map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
                bench.succeeds(format_args!("{what}: write {index}"), status);
                drop(following);
            }
        }
        bench.take(format_args!("{what}: STOP"), pin.step_to(0));
    });
}
