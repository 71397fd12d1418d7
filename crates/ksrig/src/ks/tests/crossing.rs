//! Two threads that connect two filters crosswise (R4.11): neither waits for the other for ever.

use std::ptr::null_mut;

use ks_sys::*;

use crate::{
    ks::{
        Options,
        fixture::{self, Fixture, callbacks, close, open_pin},
        object::{Kind, Objects},
        pending::KsCompletePendingRequest,
    },
    nt::{IoMarkIrpPending, sched, violation, work},
};

unsafe extern "win64" fn create(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    sched::switch_point();
    STATUS_SUCCESS
}

unsafe extern "win64" fn create_later(_pin: PKSPIN, irp: PIRP) -> NTSTATUS {
    // SAFETY: the driver owns the request.
    unsafe { IoMarkIrpPending(irp) };
    let irp = irp as usize;
    work::queue("test", move || {
        let irp = irp as PIRP;
        // SAFETY: as above.
        unsafe { (*irp).IoStatus.__bindgen_anon_1.Status = STATUS_SUCCESS };
        // SAFETY: as above.
        unsafe { KsCompletePendingRequest(irp) };
    });
    STATUS_PENDING
}

unsafe extern "win64" fn connect(_pin: PKSPIN) -> NTSTATUS {
    sched::switch_point();
    STATUS_SUCCESS
}

/// A filter with an input, pin type 0, and an output, pin type 1.
fn filter(later: bool) -> KSFILTER_DESCRIPTOR {
    let dispatch = KSPIN_DISPATCH {
        Create: Some(if later { create_later } else { create }),
        Connect: Some(connect),
        ..KSPIN_DISPATCH::default()
    };
    let (sink, both) =
        (KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH);
    let input = fixture::pin_type(dispatch, KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN, sink, 0);
    let output = fixture::pin_type(dispatch, KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, both, 0);
    fixture::filter(1, vec![input, output])
}

#[test]
fn filters_are_connected_crosswise() {
    for (later, connect_after_create) in [(false, false), (false, true), (true, false), (true, true)] {
        for seed in 1..=10 {
            let options = Options { connect_after_create, ..Options::default() };
            let fixture = Fixture::seeded(seed, options, KSDEVICE_DISPATCH::default(), vec![filter(later)]);
            assert_eq!(fixture.device.start(), STATUS_SUCCESS);
            sched::settle();
            let filters = [fixture.open_filter(1).unwrap(), fixture.open_filter(1).unwrap()];
            let inputs = filters.map(|filter| open_pin(filter, 0, null_mut()).unwrap());
            let threads = [(filters[0], inputs[1]), (filters[1], inputs[0])].map(|(filter, input)| {
                let (filter, input) = (filter as usize, input as usize);
                fixture.machine.spawn("client", move || {
                    for _ in 0..5 {
                        close(open_pin(filter as HANDLE, 1, input as HANDLE).unwrap());
                    }
                })
            });
            for thread in threads {
                thread.join();
            }
            let connected = callbacks().iter().filter(|name| name.starts_with("PinConnect ")).count();
            assert_eq!(connected, 10);
            inputs.into_iter().chain(filters).for_each(close);
            assert_eq!((Objects::count(Kind::Pin), Objects::count(Kind::Filter)), (0, 0));
            assert_eq!(violation::list(), []);
            fixture.end();
        }
    }
}
