//! What ends the run: each case in a process of its own.

use std::{env, process::Command, ptr::null_mut};

use ks_sys::*;

use super::{methods::in_source_mode, pending::ended_and_returned};
use crate::ks::{
    event::KsGenerateEvent, fixture::Fixture, processing::KsPinAttemptProcessing,
    property::KsHandleSizedListQuery,
};

/// A case and what the report says.
const CASES: [(&str, &str); 5] = [
    // R8.11
    ("pin", "KsPinAttemptProcessing\n    the pin is NULL"),
    ("early", "ended the request by KsCompletePendingRequest and returned"),
    ("list", "do not fit into a ULONG"),
    ("source", "a method with KSMETHOD_TYPE_SOURCE"),
    ("entry", "no KSEVENT_ENTRY of an enabled event"),
];

#[test]
fn what_cannot_go_on_stops() {
    if let Ok(case) = env::var("KSRIG_STOPPING") {
        match case.as_str() {
            "early" => ended_and_returned(),
            // SAFETY: nothing is looked at before the lengths.
            "list" => drop(unsafe { KsHandleSizedListQuery(null_mut(), 1 << 16, 1 << 16, null_mut()) }),
            "pin" => {
                let _fixture = Fixture::new(vec![]);
                // SAFETY: NULL is what the test is about.
                unsafe { KsPinAttemptProcessing(null_mut(), 0) };
            }
            "source" => {
                let _status = in_source_mode();
            }
            "entry" => {
                let _fixture = Fixture::new(vec![]);
                // SAFETY: the pointer is not followed.
                let _status = unsafe { KsGenerateEvent(0x10 as PKSEVENT_ENTRY) };
            }
            _ => {}
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
