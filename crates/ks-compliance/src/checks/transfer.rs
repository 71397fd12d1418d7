//! Family F: stream requests, their headers and buffers.

use ks_sys::*;

use super::formats::each_pin;
use crate::{
    Bench, Check,
    client::Pin,
    packet::Packet,
    property::PATIENCE,
    survey::{PinModel, frame_size, interval},
    system::{Reply, Request, Span},
    wire::Status,
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "F1",
        title: "stream requests without headers, with wrong sizes, with extended headers missing or short",
        page: "ns-ks-ksstream_header",
        run: wrong_headers,
    },
    Check {
        id: "F2",
        title: "frame buffers smaller than a frame: refused or cut off, never overrun",
        page: "ns-ks-_kspin_descriptor_ex",
        run: small_frames,
    },
    Check {
        id: "F3",
        title: "buffers come back in order, each once",
        page: "stream/leading-and-trailing-edge-stream-pointers",
        run: order,
    },
];

/// Runs a check with an instance of each pin type that a client reads from, in RUN.
pub fn each_reader(bench: &Bench<'_>, mut check: impl FnMut(&PinModel, &Pin<'_>, &str)) {
    each_pin(bench, |subject, pin, name| {
        if !pin.is_readable() {
            return;
        }
        let Some(made) = bench.take(name, subject.filter.create_pin(pin.id, &pin.formats[0])) else { return };
        if bench.take(format_args!("{name}: RUN"), made.step_to(3)).is_some() {
            check(pin, &made, name);
            let _ = made.step_to(0);
        }
    });
}

/// Waits for a stream request as long as some frames last.
pub fn finish(request: &dyn Request, model: &PinModel) -> Reply {
    let patience = PATIENCE + model.formats.first().map_or(0, interval) * 8;
    request.wait(patience).unwrap_or(Reply { status: Status(STATUS_IO_TIMEOUT), information: 0 })
}

fn wrong_headers(bench: &Bench<'_>) {
    each_pin(bench, |subject, pin, name| {
        if !(pin.is_readable() || pin.is_writable()) {
            return;
        }
        let Ok(made) = subject.filter.create_pin(pin.id, &pin.formats[0]) else { return };
        let size = frame_size(&pin.formats[0]);
        let code = if pin.output { IOCTL_KS_READ_STREAM } else { IOCTL_KS_WRITE_STREAM };
        let other = if pin.output { IOCTL_KS_WRITE_STREAM } else { IOCTL_KS_READ_STREAM };
        // Against the flow of the data, in each state.
        for state in 0..4 {
            if made.step_to(state).is_err() {
                break;
            }
            let packet = Packet::new(bench.system, &[size], false);
            let reply = finish(&*made.stream(other, packet.span()), pin);
            bench.refused(format_args!("{name}: a request against the flow in state {state}"), reply.status);
        }
        if made.step_to(2).is_err() {
            return;
        }
        let refused = |what: &str, request: Box<dyn Request>| {
            let reply = finish(&*request, pin);
            bench.refused(format_args!("{name}: {what}"), reply.status);
            bench.holds(
                reply.status != Status(STATUS_IO_TIMEOUT),
                format_args!("{name}: {what}"),
                "refused at once",
                "pending",
            );
        };
        refused("no headers", made.stream(code, Span::default()));
        for (address, place) in
            [(0, "NULL"), (0x10, "the first page"), (0xFFFF_8000_0000_1000, "the kernel's half")]
        {
            refused(&format!("headers at {place}"), made.stream(code, Span { address, length: 56 }));
        }
        for length in [1, 8, 55, 57, 60, 100, 111] {
            let packet = Packet::new(bench.system, &[size, size], false);
            let span = Span { length, ..packet.span() };
            refused(&format!("{length} bytes of headers"), made.stream(code, span));
        }
        for bad in [0, 1, 55, 57, 0x7FFF_FFFF, u32::MAX] {
            let mut packet = Packet::new(bench.system, &[size], false);
            packet.change(0, |header| header.Size = bad);
            refused(&format!("Size {bad}"), made.stream(code, packet.span()));
        }
        let mut packet = Packet::new(bench.system, &[size, size], false);
        packet.change(1, |header| header.Size = 64);
        refused("two headers of different sizes", made.stream(code, packet.span()));
        for (address, place) in [
            (0, "NULL"),
            (0x10, "the first page"),
            (0xFFFF_8000_0000_1000, "the kernel's half"),
            (usize::MAX - 7, "the end"),
        ] {
            let mut packet = Packet::new(bench.system, &[size], false);
            packet.change(0, |header| {
                header.Data = address as *mut _;
                header.DataUsed = if pin.output { 0 } else { size as u32 };
            });
            refused(&format!("a frame at {place}"), made.stream(code, packet.span()));
        }
        for used in [size as u32 + 1, 0x7FFF_FFFF, u32::MAX] {
            let mut packet = Packet::new(bench.system, &[size], false);
            packet.change(0, |header| header.DataUsed = used);
            refused(&format!("DataUsed {used}"), made.stream(code, packet.span()));
        }
        for extent in [0x7FFF_FFFF, u32::MAX] {
            let mut packet = Packet::new(bench.system, &[size], false);
            packet.change(0, |header| header.FrameExtent = extent);
            refused(&format!("FrameExtent {extent}"), made.stream(code, packet.span()));
        }
        if pin.output {
            for flags in [1, 4, 0x10, 0x200, 0x800] {
                let mut packet = Packet::new(bench.system, &[size], false);
                packet.change(0, |header| header.OptionsFlags = flags);
                refused(&format!("OptionsFlags {flags:#x}"), made.stream(code, packet.span()));
            }
        }
        let _ = made.step_to(0);
        let packet = Packet::new(bench.system, &[size], false);
        let status = finish(&*made.stream(code, packet.span()), pin).status;
        bench.known(format_args!("{name}: a request in STOP"), status);
    });
}

fn small_frames(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let size = frame_size(&model.formats[0]);
        for length in [0, 1, 2, 15, 16, 64, size / 2, size - 1, size, size + 1, size * 2] {
            // The buffer is longer than it says; what lies behind must stay.
            let mut packet = Packet::new(bench.system, &[length + 4096], false);
            packet.frame_mut(0).fill(0xA5);
            packet.change(0, |header| header.FrameExtent = length as u32);
            let reply = finish(&*pin.read(&packet), model);
            let what = format!("{name}: a frame buffer of {length} of {size} bytes");
            bench.known(&what, reply.status);
            bench.holds(
                reply.status != Status(STATUS_IO_TIMEOUT),
                &what,
                "an end within some frames",
                "none",
            );
            let header = packet.header(0);
            if reply.status.is_success() {
                let used = header.DataUsed as usize;
                bench.holds(
                    used <= length,
                    format_args!("{what}: DataUsed"),
                    format_args!("at most {length}"),
                    used,
                );
            }
            bench.holds(
                packet.frame(0)[length..].iter().all(|byte| *byte == 0xA5),
                &what,
                "nothing behind its end",
                "bytes",
            );
        }
    });
}

fn order(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let size = frame_size(&model.formats[0]);
        let mut last = None;
        for round in 0..4 {
            let packets: Vec<Packet> = (0..8).map(|_| Packet::new(bench.system, &[size], true)).collect();
            let reads: Vec<_> = packets.iter().map(|packet| pin.read(packet)).collect();
            for (index, (read, packet)) in reads.iter().zip(&packets).enumerate() {
                let what = format!("{name}: read {index} of round {round}");
                let late =
                    read.wait(0).is_none() && reads[index + 1..].iter().any(|later| later.wait(0).is_some());
                bench.holds(!late, &what, "in order", "a later one first");
                let reply = finish(&**read, model);
                bench.succeeds(&what, reply.status);
                bench.holds(
                    reply.information >= 56,
                    format_args!("{what}: Information"),
                    "the headers' length",
                    reply.information,
                );
                let number =
                    packet.frame_info(0).map(|info| info.PictureNumber).filter(|number| *number != 0);
                if let (Some(last), Some(number)) = (last, number) {
                    bench.holds(
                        number > last,
                        format_args!("{what}: PictureNumber"),
                        format_args!("above {last}"),
                        number,
                    );
                }
                last = number.or(last);
                bench.equal(
                    format_args!("{what}: asked once more"),
                    read.wait(0).map(|reply| reply.status),
                    Some(reply.status),
                );
            }
        }
    });
}
