//! Family B: buffers that are none, and the twins of property requests.

use ks_sys::*;

use crate::{
    Bench, Check,
    property::{self, DISABLE_EVENT, ENABLE_EVENT, GET, METHOD},
    survey::{self, Asked},
    system::{Memory, Span},
    wire::Status,
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "B11",
        title: "misaligned, freed, kernel's and wrapping addresses for buffers",
        page: "kernel/using-neither-buffered-nor-direct-i-o",
        run: hostile_buffers,
    },
    Check {
        id: "B12",
        title: "method and event requests: unknown sets, short inputs, hostile buffers",
        page: "ni-ks-ioctl_ks_method",
        run: twins,
    },
];

/// Addresses that no program may hand to the kernel.
fn no_memory(bench: &Bench<'_>) -> Vec<(&'static str, usize)> {
    let freed = {
        let memory = bench.system.memory(0x9000);
        memory.address()
    };
    vec![
        ("NULL", 0),
        ("the first page", 0x10),
        ("freed memory", freed),
        ("the kernel's half", 0xFFFF_8000_0000_1000),
        ("no canonical address", 0x0000_8000_0000_0000),
        ("the end of the address space", usize::MAX - 7),
    ]
}

/// What an address that is no memory may be answered with.
const REFUSALS: [NTSTATUS; 4] = [
    STATUS_ACCESS_VIOLATION,
    STATUS_INVALID_USER_BUFFER,
    STATUS_DATATYPE_MISALIGNMENT,
    STATUS_INVALID_PARAMETER,
];

fn copy(bench: &Bench<'_>, bytes: &[u8], offset: usize) -> Box<dyn Memory> {
    let mut memory = bench.system.memory(bytes.len() + offset + 64);
    memory.bytes_mut()[offset..][..bytes.len()].copy_from_slice(bytes);
    memory
}

fn at(memory: &dyn Memory, offset: usize, length: usize) -> Span {
    Span { address: memory.address() + offset, length: length as u32 }
}

fn hostile_buffers(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, list| {
        for property in list.iter().filter(|property| property.access & GET != 0) {
            let Some(value) = super::properties::value(object, property) else { continue };
            let input = property.request(GET);
            let what = format!("{name}: {}", property.name());
            let ask = |given: Span, taken: Span| {
                property::send_spans(bench.system, object.handle(), property::PROPERTY, given, taken)
            };
            for offset in [1, 2, 3, 4, 7] {
                let (given, taken) = (copy(bench, &input, offset), copy(bench, &[], offset + value.len()));
                let reply = ask(at(&*given, offset, input.len()), at(&*taken, offset, value.len()));
                let misaligned = Status(STATUS_DATATYPE_MISALIGNMENT);
                let what = format!("{what}: buffers {offset} bytes off their alignment");
                if bench.holds(
                    reply.status.is_success() || reply.status == misaligned,
                    &what,
                    "the value or STATUS_DATATYPE_MISALIGNMENT",
                    reply.status,
                ) && reply.status.is_success()
                {
                    bench.equal(&what, &taken.bytes()[offset..][..value.len()], &value[..]);
                }
            }
            let (given, mut taken) = (copy(bench, &input, 0), copy(bench, &value, 0));
            for (kind, address) in no_memory(bench) {
                let nowhere = |length: usize| Span { address, length: length as u32 };
                let reply = ask(nowhere(input.len()), at(&*taken, 0, value.len()));
                let status = reply.status;
                bench.status(
                    format_args!("{what}: input at {kind}"),
                    status,
                    &[&REFUSALS[..], &[STATUS_INVALID_BUFFER_SIZE]].concat(),
                );
                let reply = ask(at(&*given, 0, input.len()), nowhere(value.len()));
                bench.status(format_args!("{what}: output at {kind}"), reply.status, &REFUSALS);
            }
            taken.bytes_mut()[0] ^= 1;
            let reply = ask(at(&*given, 0, input.len()), at(&*taken, 0, value.len()));
            bench.succeeds(format_args!("{what}: afterwards"), reply.status);
        }
    });
}

/// The requests to methods and events, and the lengths of their heads.
const TWINS: [(u32, &str, u32); 3] =
    [(METHOD, "method", 1), (ENABLE_EVENT, "event", 1), (DISABLE_EVENT, "disabling of an event", 0)];

fn twins(bench: &Bench<'_>) {
    survey::each_property(bench, |name, object, _| {
        for (code, kind, flags) in TWINS {
            if code != DISABLE_EVENT {
                let input = property::request(super::properties::NOBODYS, 7, flags, &[]);
                let answer = object.send(code, &input, vec![0; 64]);
                bench.refused(format_args!("{name}: {kind} of an unknown set"), answer.status);
                for length in [1, 8, 16, 23] {
                    let answer = object.send(code, &input[..length], vec![0; 64]);
                    bench.refused(format_args!("{name}: {kind}, {length} bytes of input"), answer.status);
                }
                for (place, address) in no_memory(bench) {
                    let given = Span { address, length: 24 };
                    let reply =
                        property::send_spans(bench.system, object.handle(), code, given, Span::default());
                    bench.refused(format_args!("{name}: {kind}, input at {place}"), reply.status);
                }
            } else {
                // An event that was never enabled.
                let answer = object.send(code, &[0x77; size_of::<KSEVENTDATA>()], Vec::new());
                bench.refused(format_args!("{name}: {kind} that was never enabled"), answer.status);
            }
        }
        unknown_controls(bench, name, object);
    });
}

/// Device control codes that KS does not have.
fn unknown_controls(bench: &Bench<'_>, name: &str, object: &dyn Asked) {
    const FILE_DEVICE_KS: u32 = 0x2F << 16;
    for code in [8, 9, 0x3F, 0x7FF, 0xFFF].map(|function| FILE_DEVICE_KS | function << 2 | 3) {
        let answer = object.send(code, &[0; 24], vec![0xA5; 64]);
        let what = format!("{name}: device control {code:#x}");
        bench.refused(&what, answer.status);
        bench.holds(answer.data.iter().all(|byte| *byte == 0xA5), &what, "nothing written", "bytes");
    }
    for code in [0x0022_2000, 0x0000_0000, u32::MAX] {
        let answer = object.send(code, &[0; 24], vec![0; 64]);
        bench.refused(format_args!("{name}: device control {code:#x}"), answer.status);
    }
}
