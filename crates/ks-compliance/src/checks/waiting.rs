//! Family F: requests that wait, are cancelled, and come back.

use ks_sys::*;

use super::{
    formats::each_pin,
    instances::program_job,
    transfer::{each_reader, finish},
};
use crate::{
    Bench, Check,
    packet::Packet,
    property::PATIENCE,
    survey::{frame_size, interval},
    system::SECOND,
    wire::Status,
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "F9",
        title: "buffers queued in each state, and none at RUN",
        page: "stream/ksproperty-connection-state",
        run: queued_in_states,
    },
    Check {
        id: "F10",
        title: "STOP gives all pending requests back, cancelled, at once",
        page: "stream/ksproperty-connection-state",
        run: stop_returns,
    },
    Check {
        id: "F11",
        title: "the first, a middle and the last request are cancelled",
        page: "stream/stream-pointers-and-irp-cancellation",
        run: cancellation,
    },
    Check {
        id: "F12",
        title: "a program is killed in RUN, with requests pending",
        page: "kernel/dispatchcleanup-routines",
        run: program_ends,
    },
];

fn queued_in_states(bench: &Bench<'_>) {
    each_pin(bench, |subject, model, name| {
        if !model.is_readable() {
            return;
        }
        let size = frame_size(&model.formats[0]);
        for state in 0..3 {
            let Ok(pin) = subject.filter.create_pin(model.id, &model.formats[0]) else { return };
            if pin.step_to(state).is_err() {
                return;
            }
            let packets: Vec<Packet> = (0..3).map(|_| Packet::new(bench.system, &[size], false)).collect();
            let reads: Vec<_> = packets.iter().map(|packet| pin.read(packet)).collect();
            let what = format!("{name}: reads in state {state}");
            let refused = reads[0].wait(0).filter(|reply| !reply.status.is_success());
            if let Some(reply) = refused {
                bench.status(
                    &what,
                    reply.status,
                    &[STATUS_DEVICE_NOT_READY, STATUS_INVALID_DEVICE_STATE, STATUS_INVALID_DEVICE_REQUEST],
                );
            }
            bench.take(format_args!("{what}: RUN"), pin.step_to(3));
            if refused.is_none() {
                for read in &reads {
                    bench.succeeds(&what, finish(&**read, model).status);
                }
            }
            let packet = Packet::new(bench.system, &[size], false);
            bench.succeeds(
                format_args!("{name}: a read in RUN after state {state}"),
                finish(&*pin.read(&packet), model).status,
            );
            drop(reads);
            let _ = pin.step_to(0);
        }
        // No buffer for a while, then one.
        let Ok(pin) = subject.filter.create_pin(model.id, &model.formats[0]) else { return };
        if pin.step_to(3).is_ok() {
            bench.system.sleep(SECOND);
            let packet = Packet::new(bench.system, &[size], false);
            bench.succeeds(
                format_args!("{name}: the first read after a second in RUN"),
                finish(&*pin.read(&packet), model).status,
            );
            let _ = pin.step_to(0);
        }
    });
}

fn stop_returns(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let size = frame_size(&model.formats[0]);
        for count in [1, 4, 16] {
            if pin.step_to(2).is_err() {
                return;
            }
            let packets: Vec<Packet> =
                (0..count).map(|_| Packet::new(bench.system, &[size], false)).collect();
            let reads: Vec<_> = packets.iter().map(|packet| pin.read(packet)).collect();
            let begun = bench.system.now();
            bench.take(format_args!("{name}: STOP with {count} reads"), pin.step_to(0));
            for (index, read) in reads.iter().enumerate() {
                let status = read.wait(SECOND).map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
                bench.status(
                    format_args!("{name}: read {index} of {count} after STOP"),
                    status,
                    &[STATUS_CANCELLED, STATUS_SUCCESS],
                );
            }
            let taken = bench.system.now() - begun;
            bench.holds(
                taken <= SECOND,
                format_args!("{name}: STOP with {count} reads"),
                "within a second",
                format_args!("{taken} x 100 ns"),
            );
        }
    });
}

fn cancellation(bench: &Bench<'_>) {
    each_reader(bench, |model, pin, name| {
        let size = frame_size(&model.formats[0]);
        for state in [2, 3] {
            for which in [0, 3, 7] {
                if pin.step_to(state).is_err() {
                    return;
                }
                let packets: Vec<Packet> =
                    (0..8).map(|_| Packet::new(bench.system, &[size], false)).collect();
                let reads: Vec<_> = packets.iter().map(|packet| pin.read(packet)).collect();
                reads[which].cancel();
                let what = format!("{name}: read {which} of 8 cancelled in state {state}");
                let status =
                    reads[which].wait(PATIENCE).map_or(Status(STATUS_IO_TIMEOUT), |reply| reply.status);
                // In RUN the frame may have been filled already.
                let allowed: &[NTSTATUS] =
                    if state == 2 { &[STATUS_CANCELLED] } else { &[STATUS_CANCELLED, STATUS_SUCCESS] };
                bench.status(&what, status, allowed);
                reads[which].cancel();
                if pin.step_to(3).is_err() {
                    return;
                }
                for (index, read) in reads.iter().enumerate().filter(|(index, _)| *index != which) {
                    bench.succeeds(format_args!("{what}: read {index}"), finish(&**read, model).status);
                }
                drop(reads);
                let _ = pin.step_to(2);
            }
        }
    });
}

fn program_ends(bench: &Bench<'_>) {
    each_pin(bench, |subject, model, name| {
        if !(model.is_readable() || model.is_writable()) {
            return;
        }
        let job = program_job(subject, model);
        // Dead at once, after some frames, and in the middle of a frame.
        let frame = interval(&model.formats[0]);
        for (life, again) in [(0, false), (frame * 4, true), (frame * 5 / 2, false)] {
            let before = bench.footprint();
            let Some(other) = bench.take("another program", bench.system.program()) else { return };
            let made = other.stream(&job);
            if bench.take(format_args!("{name}: a pin of another program in RUN"), made).is_none() {
                return;
            }
            bench.equal(
                format_args!("{name}: CINSTANCES while the other program runs"),
                subject.filter.instances(model.id).map(|counts| counts.CurrentCount),
                Ok(0),
            );
            bench.system.sleep(life);
            let begun = bench.system.now();
            drop(other);
            let taken = bench.system.now() - begun;
            let what = format!("{name}: the end of a program after {life} x 100 ns");
            bench.holds(taken <= SECOND, &what, "within a second", format_args!("{taken} x 100 ns"));
            bench.nothing_left(&what, before);
            // What the program held is free again.
            if again {
                let Some(next) = bench.take("another program", bench.system.program()) else { return };
                bench.take(format_args!("{what}: another program afterwards"), next.stream(&job));
            }
        }
        if let Some(pin) = bench.take(name, subject.filter.create_pin(model.id, &model.formats[0])) {
            bench.equal(format_args!("{name}: a pin afterwards"), pin.state(), Ok(0));
            if model.is_readable() && bench.take(name, pin.step_to(3)).is_some() {
                let packet = Packet::new(bench.system, &[job.frame], false);
                let status = finish(&*pin.read(&packet), model).status;
                bench.succeeds(format_args!("{name}: a frame afterwards"), status);
            }
        }
    });
}
