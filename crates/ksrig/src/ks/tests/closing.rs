//! A filter that is closed too early.

use std::{env, process::Command, ptr::null_mut};

use super::pair;
use crate::{
    ks::fixture::{self, Fixture},
    nt::{ObReferenceObjectByHandle, ObfDereferenceObject, thread::USER_MODE, violation},
};

const VARIABLE: &str = "KSRIG_CLOSING";

/// R2.3: pins refer to their filter's file object, so the filter is closed after them. A driver that gives up a reference
/// that is not its own has it closed before, which is reported; nothing that comes after that is of use, so it happens in a
/// process of its own.
#[test]
fn a_filter_outlives_its_pins() {
    if env::var_os(VARIABLE).is_some() {
        let fixture = Fixture::new(pair());
        let filter = fixture.open_filter(1).unwrap();
        fixture::open_pin(filter, 0, null_mut()).unwrap();
        let mut file = null_mut();
        // SAFETY: an open handle; the second reference is the fault.
        unsafe {
            let status =
                ObReferenceObjectByHandle(filter, 0, null_mut(), USER_MODE, &raw mut file, null_mut());
            assert_eq!(status, 0);
            ObfDereferenceObject(file);
            ObfDereferenceObject(file);
        }
        assert_eq!(violation::list(), []);
        fixture::close(filter);
        let found = violation::take();
        assert_eq!(found.iter().map(|found| found.rule).collect::<Vec<_>>(), ["KsFilterClose"]);
        assert_eq!(found[0].message, "1 pin(s) left");
        std::process::exit(0);
    }
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "ks::tests::closing::a_filter_outlives_its_pins", "--nocapture"]);
    let output = command.env(VARIABLE, "1").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
