//! Creates and closes that the driver ends later (R1.14, R2.1, R3.8, R3.12).

use std::{cell::Cell, ptr::null_mut};

use ks_sys::*;

use crate::{
    ks::{
        Options,
        fixture::{self, Fixture, callbacks, close, open_pin},
        object::{Kind, Objects},
        pending::KsCompletePendingRequest,
    },
    nt::{IoMarkIrpPending, KeLowerIrql, KeRaiseIrqlToDpcLevel, violation, work},
};

thread_local! {
    static STATUS: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
    static MARK: Cell<bool> = const { Cell::new(true) };
    static RAISED: Cell<bool> = const { Cell::new(false) };
    static ANSWER: Cell<NTSTATUS> = const { Cell::new(STATUS_PENDING) };
    static NOW: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the request and ends it at the IRQL that the test wants: on a worker thread, or here and now.
fn later(irp: PIRP) -> NTSTATUS {
    if MARK.get() {
        // SAFETY: the driver owns the request.
        unsafe { IoMarkIrpPending(irp) };
    }
    let (irp, status, raised) = (irp as usize, STATUS.get(), RAISED.get());
    let end = move || {
        let irp = irp as PIRP;
        // SAFETY: as above.
        unsafe { (*irp).IoStatus.__bindgen_anon_1.Status = status };
        let irql = raised.then(KeRaiseIrqlToDpcLevel);
        // SAFETY: as above.
        unsafe { KsCompletePendingRequest(irp) };
        if let Some(irql) = irql {
            KeLowerIrql(irql);
        }
    };
    if NOW.get() {
        end();
    } else {
        work::queue("test", end);
    }
    ANSWER.get()
}

unsafe extern "win64" fn pin_later(_pin: PKSPIN, irp: PIRP) -> NTSTATUS {
    later(irp)
}

unsafe extern "win64" fn filter_later(_filter: PKSFILTER, irp: PIRP) -> NTSTATUS {
    later(irp)
}

fn fixture() -> Fixture {
    let dispatch =
        KSPIN_DISPATCH { Create: Some(pin_later), Close: Some(pin_later), ..KSPIN_DISPATCH::default() };
    let pin = fixture::pin_type(
        dispatch,
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
        0,
    );
    let mut filter = fixture::filter(1, vec![pin]);
    let dispatch = KSFILTER_DISPATCH {
        Create: Some(filter_later),
        Close: Some(filter_later),
        ..KSFILTER_DISPATCH::default()
    };
    filter.Dispatch = Box::leak(Box::new(dispatch));
    Fixture::new(vec![filter])
}

#[test]
fn requests_may_end_later() {
    for (raised, now) in [(false, false), (true, false), (false, true), (true, true)] {
        RAISED.set(raised);
        NOW.set(now);
        let fixture = fixture();
        let filter = fixture.open_filter(1).unwrap();
        let pin = open_pin(filter, 0, null_mut()).unwrap();
        STATUS.set(STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_INSUFFICIENT_RESOURCES);
        assert_eq!(fixture.open_filter(1).unwrap_err(), STATUS_INSUFFICIENT_RESOURCES);
        STATUS.set(STATUS_SUCCESS);
        close(pin);
        close(filter);
        crate::nt::sched::settle();
        assert_eq!((Objects::count(Kind::Pin), Objects::count(Kind::Filter)), (0, 0));
        assert_eq!(callbacks().iter().filter(|callback| callback.contains("Close")).count(), 2);
        assert_eq!(violation::list(), []);
        fixture.end();
    }
}

unsafe extern "win64" fn connect_fails(_pin: PKSPIN) -> NTSTATUS {
    STATUS_DEVICE_BUSY
}

unsafe extern "win64" fn succeed(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    STATUS_SUCCESS
}

/// R4.14, R3.12: the connection fails after Create, and the Close that is due ends later: so does the create request,
/// with the status of the connection.
#[test]
fn a_failed_create_may_end_later() {
    for (raised, now) in [(false, false), (true, false), (false, true)] {
        RAISED.set(raised);
        NOW.set(now);
        let (inward, outward) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT);
        let sink = KSPIN_DISPATCH { Connect: Some(connect_fails), ..KSPIN_DISPATCH::default() };
        let sink = fixture::pin_type(sink, inward, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK, 0);
        let source =
            KSPIN_DISPATCH { Create: Some(succeed), Close: Some(pin_later), ..KSPIN_DISPATCH::default() };
        let source = fixture::pin_type(source, outward, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SOURCE, 0);
        let options = Options { connect_after_create: true, ..Options::default() };
        let filters = vec![fixture::filter(1, vec![sink]), fixture::filter(2, vec![source])];
        let fixture = Fixture::with(options, KSDEVICE_DISPATCH::default(), filters);
        let filters = [fixture.open_filter(1).unwrap(), fixture.open_filter(2).unwrap()];
        let sink = open_pin(filters[0], 0, null_mut()).unwrap();
        assert_eq!(open_pin(filters[1], 0, sink).unwrap_err(), STATUS_DEVICE_BUSY);
        crate::nt::sched::settle();
        assert_eq!(Objects::count(Kind::Pin), 1);
        assert_eq!(callbacks().iter().filter(|callback| callback.contains("Close")).count(), 1);
        close(sink);
        filters.into_iter().for_each(close);
        assert_eq!(violation::list(), []);
        fixture.end();
    }
}

#[test]
fn pending_needs_a_mark() {
    let fixture = fixture();
    let filter = fixture.open_filter(1).unwrap();
    MARK.set(false);
    let result = open_pin(filter, 0, null_mut());
    MARK.set(true);
    assert!(violation::take().iter().any(|violation| violation.rule == "KsMarkPendingIrp"));
    if let Ok(pin) = result {
        close(pin);
    }
    close(filter);
    fixture.end();
}

/// Ends a request within its callback, which then returns something else than STATUS_PENDING: fatal.
pub(super) fn ended_and_returned() {
    NOW.set(true);
    ANSWER.set(STATUS_SUCCESS);
    let _ = fixture().open_filter(1);
}
