//! Tests of AVStream with a driver made of Rust callbacks.

use std::cell::{Cell, RefCell};

use ks_sys::*;

use super::{
    fixture,
    peer::{KsPinGetConnectedPinFileObject, KsPinGetConnectedPinInterface},
    unknown::IID_IKSCONTROL,
};

mod allocators;
mod bags;
mod chains;
mod clocks;
mod closing;
mod connecting;
mod contexts;
mod creating;
mod crossing;
mod devices;
mod dynamic;
mod editing;
mod events;
mod factories;
mod flowing;
mod interfaces;
mod intersecting;
mod locks;
mod merging;
mod methods;
mod nodes;
mod pending;
mod points;
mod properties;
mod serializing;
mod stopping;
mod transporting;

thread_local! {
    /// What the callbacks of this thread's test return.
    static CONNECT: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
    static CREATE: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
    static SET_FORMAT: Cell<NTSTATUS> = const { Cell::new(STATUS_SUCCESS) };
    /// What Connect saw.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

unsafe extern "win64" fn create(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    CREATE.get()
}

unsafe extern "win64" fn close(_pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_data_format(
    _pin: PKSPIN,
    _old: PKSDATAFORMAT,
    _attributes: PKSMULTIPLE_ITEM,
    _range: *const KSDATARANGE,
    _attribute_range: *const KSATTRIBUTE_LIST,
) -> NTSTATUS {
    SET_FORMAT.get()
}

unsafe extern "win64" fn connect(pin: PKSPIN) -> NTSTATUS {
    let mut control: PVOID = std::ptr::null_mut();
    // SAFETY: the callback's pin; the place is ours.
    let (status, file) = unsafe {
        (
            KsPinGetConnectedPinInterface(pin, &IID_IKSCONTROL, &mut control),
            KsPinGetConnectedPinFileObject(pin),
        )
    };
    if !control.is_null() {
        // SAFETY: an IKsControl with a reference.
        unsafe { ((*(*control.cast::<IKsControl>()).lpVtbl).Release.expect("COM has it"))(control.cast()) };
    }
    let held = super::Pin::of(pin).filter().control().held_by_current_thread();
    let irql = crate::nt::KeGetCurrentIrql();
    SEEN.with_borrow_mut(|seen| {
        seen.push(format!("interface {status:#x}, file {}, held {held}, irql {irql}", !file.is_null()));
    });
    CONNECT.get()
}

unsafe extern "win64" fn disconnect(_pin: PKSPIN) {}

/// All callbacks, Process left out.
fn dispatch() -> KSPIN_DISPATCH {
    KSPIN_DISPATCH {
        Create: Some(create),
        Close: Some(close),
        SetDataFormat: Some(set_data_format),
        Connect: Some(connect),
        Disconnect: Some(disconnect),
        ..KSPIN_DISPATCH::default()
    }
}

/// A filter 1 with a sink pin for data, and a filter 2 with a source pin.
fn pair() -> Vec<KSFILTER_DESCRIPTOR> {
    let sink = fixture::pin_type(
        dispatch(),
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
        0,
    );
    let source = fixture::pin_type(
        dispatch(),
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH,
        0,
    );
    vec![fixture::filter(1, vec![sink, source]), fixture::filter(2, vec![source])]
}
