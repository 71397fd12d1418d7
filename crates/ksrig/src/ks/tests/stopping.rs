//! What ends the run: each case in a process of its own.

use std::{env, process::Command, ptr::null_mut};

use ks_sys::*;

use super::pending::ended_and_returned;
use crate::{
    ks::{
        fixture::{self, Fixture, close, control, open, open_pin},
        property::KsHandleSizedListQuery,
    },
    nt::trace,
};

/// A case and what the report says.
const CASES: [(&str, &str); 7] = [
    ("event", "events of pin filter 1#1/0#1"),
    ("end", "events of pin filter 1#1/0#1"),
    ("method", "methods of pin filter 1#1/0#1"),
    ("clock", "a clock of pin filter 1#1/0#1"),
    ("allocator", "an allocator of pin filter 1#1/0#1"),
    ("early", "ended the request by KsCompletePendingRequest and returned"),
    ("list", "do not fit into a ULONG"),
];

const CLOCK: &str = "{53172480-4791-11D0-A5D6-28DB04C10000}\\";
const ALLOCATOR: &str = "{642F5D00-4791-11D0-A5D6-28DB04C10000}\\";

fn leak<T: Default>() -> &'static mut T {
    Box::leak(Box::default())
}

/// A pin that offers what the case is about, asked for everything. The answers, if there are any.
fn ask(case: &str) -> Vec<NTSTATUS> {
    let table = leak::<KSAUTOMATION_TABLE>();
    table.EventSetsCount = u32::from(case == "event");
    table.MethodSetsCount = u32::from(case == "method");
    let mut dispatch = KSPIN_DISPATCH::default();
    if case == "clock" {
        dispatch.Clock = leak::<KSCLOCK_DISPATCH>();
    }
    if case == "allocator" {
        dispatch.Allocator = leak::<KSALLOCATOR_DISPATCH>();
    }
    let flags = if case == "end" { KSPIN_FLAG_GENERATE_EOS_EVENTS } else { 0 };
    let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
    let mut pin = fixture::pin_type(dispatch, flow, sink, flags);
    pin.AutomationTable = table;
    let fixture = Fixture::new(vec![fixture::filter(1, vec![pin])]);
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    let named = |name: &str| open(pin, &name.encode_utf16().collect::<Vec<_>>()).unwrap_err();
    let answers = vec![
        control(pin, IOCTL_KS_ENABLE_EVENT, &[0; 24], &mut [0; 32]).0,
        control(pin, IOCTL_KS_METHOD, &[0; 24], &mut []).0,
        named(CLOCK),
        named(ALLOCATOR),
    ];
    close(pin);
    close(filter);
    assert_eq!(trace::events().iter().filter(|event| event.kind == "not_emulated").count(), 2);
    fixture.end();
    answers
}

#[test]
fn what_is_not_offered_is_answered_for() {
    let expected =
        [STATUS_PROPSET_NOT_FOUND, STATUS_PROPSET_NOT_FOUND, STATUS_NOT_IMPLEMENTED, STATUS_NOT_IMPLEMENTED];
    assert_eq!(ask(""), expected);
}

#[test]
fn what_cannot_go_on_stops() {
    if let Ok(case) = env::var("KSRIG_STOPPING") {
        match case.as_str() {
            "early" => ended_and_returned(),
            // SAFETY: nothing is looked at before the lengths.
            "list" => drop(unsafe { KsHandleSizedListQuery(null_mut(), 1 << 16, 1 << 16, null_mut()) }),
            _ => drop(ask(&case)),
        }
        unreachable!("{case} does not stop");
    }
    for (case, text) in CASES {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--exact", "ks::tests::stopping::what_cannot_go_on_stops", "--nocapture"]);
        let output = command.env("KSRIG_STOPPING", case).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(70), "{case}: {said}");
        assert!(said.contains(text), "{case}: {said}");
    }
}
