//! Filters: the private structure around `KSFILTER`, opening and closing.

use std::{
    cell::UnsafeCell,
    collections::BTreeMap,
    sync::{Mutex, atomic::AtomicU32},
};

use ks_sys::{
    KSFILTER, KSFILTER_DESCRIPTOR, KSFILTER_DISPATCH, KSPIN_DESCRIPTOR_EX, NTSTATUS, PFILE_OBJECT, PIRP,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING, STATUS_SUCCESS,
};

use super::{
    bag::Bag,
    call::{FILTER_CLOSE, FILTER_CREATE, driver_call},
    descriptor,
    device::Device,
    event_entry,
    event_list::List,
    factory::Factory,
    filter_edit::Edits,
    inputs::{self, Inputs},
    irp, mutex,
    object::{Basic, Kind, Object, Objects, container},
    pin::Pin,
    process_pin::Table,
    processing::Processor,
    sleep::FilterPower,
    unknown::Unknown,
};
use crate::nt::{complete, pool, trace, violation};

/// A filter instance: what one open of the filter is.
#[repr(C)]
pub struct Filter {
    basic: Basic,
    ks: UnsafeCell<KSFILTER>,
    name: String,
    factory: &'static Factory,
    file_object: PFILE_OBJECT,
    control: mutex::Mutex,
    pins: Mutex<Vec<&'static Pin>>,
    /// Per pin type: how many instances there are, those being created included, and how many ever were.
    instances: Mutex<BTreeMap<u32, (u32, u32)>>,
    /// Gate, mutex and work item of filter-centric processing.
    processor: Processor,
    /// What opens the gate.
    pub(super) inputs: Inputs,
    /// The table of process pins.
    pub(super) table: Mutex<Table>,
    /// Told of sleep and wake.
    pub(super) power: FilterPower,
    /// The tables of a descriptor that was added to.
    pub(super) edits: Mutex<Edits>,
    bag: Box<Bag>,
    unknown: &'static Unknown,
    events: List,
    /// The value of KSPROPSETID_Frame's HOLDING.
    pub(super) holding: AtomicU32,
}

// SAFETY: `KSFILTER` is shared with the driver under the control mutex, as on Windows; all else is locked.
unsafe impl Sync for Filter {}
// SAFETY: as above.
unsafe impl Send for Filter {}

impl Filter {
    /// The filter behind a `PKSFILTER`; a pointer that is no live filter ends the run.
    pub fn of(ks: *mut KSFILTER) -> &'static Self {
        container(ks.cast(), Kind::Filter)
    }

    /// The public structure.
    pub fn ks(&self) -> *mut KSFILTER {
        self.ks.get()
    }

    /// Its name in logs: `Camera#2` is the second open of the filter `Camera`.
    pub fn name(&self) -> &'static str {
        // SAFETY: the name lives as long as the filter, which outlives whoever asks for its name.
        unsafe { &*std::ptr::from_ref(self.name.as_str()) }
    }

    /// The factory that it came from.
    pub fn factory(&self) -> &'static Factory {
        self.factory
    }

    /// The device it belongs to.
    pub fn device(&self) -> &'static Device {
        self.factory.device()
    }

    /// The file object that its handle refers to.
    pub fn file_object(&self) -> PFILE_OBJECT {
        self.file_object
    }

    /// The filter control mutex.
    pub fn control(&self) -> &mutex::Mutex {
        &self.control
    }

    /// The descriptor in force, read through `KSFILTER`.
    pub fn descriptor(&self) -> &'static KSFILTER_DESCRIPTOR {
        // SAFETY: the descriptor lives as long as the filter (the driver's duty).
        unsafe { &*(*self.ks()).Descriptor }
    }

    /// The dispatch table, if there is one.
    pub fn dispatch(&self) -> Option<&'static KSFILTER_DISPATCH> {
        // SAFETY: as for the descriptor.
        unsafe { self.descriptor().Dispatch.as_ref() }
    }

    /// Whether frames are processed by the filter and not by its pins (R2.5).
    pub fn is_centric(&self) -> bool {
        self.dispatch().is_some_and(|dispatch| dispatch.Process.is_some())
    }

    /// Gate, mutex and work item of filter-centric processing.
    pub(super) fn processor(&self) -> &Processor {
        &self.processor
    }

    /// The descriptor of a pin type.
    pub fn pin_descriptor(&self, id: u32) -> Option<*const KSPIN_DESCRIPTOR_EX> {
        descriptor::pin(self.descriptor(), id)
    }

    /// The pins, in order of creation.
    pub fn pins(&self) -> Vec<&'static Pin> {
        self.pins.lock().expect("never poisoned").clone()
    }

    /// How many instances of a pin type there are, those being created included (R2.9).
    pub fn instances(&self, id: u32) -> u32 {
        self.instances.lock().expect("never poisoned").get(&id).map_or(0, |&(now, _)| now)
    }

    /// A pin is being made; returns its number among all that ever were of this type.
    pub(super) fn count_pin(&self, id: u32) -> u32 {
        let mut instances = self.instances.lock().expect("never poisoned");
        let (now, ever) = instances.entry(id).or_default();
        *now += 1;
        *ever += 1;
        *ever
    }

    pub(super) fn uncount_pin(&self, id: u32) {
        if let Some((now, _)) = self.instances.lock().expect("never poisoned").get_mut(&id) {
            *now -= 1;
        }
    }

    pub(super) fn enter(&self, pin: &'static Pin) {
        self.pins.lock().expect("never poisoned").push(pin);
        inputs::refresh(self);
    }

    pub(super) fn strike(&self, pin: &Pin) {
        self.pins.lock().expect("never poisoned").retain(|other| !std::ptr::eq(*other, pin));
        inputs::refresh(self);
    }

    /// The events that clients have enabled.
    pub fn events(&self) -> &List {
        &self.events
    }

    /// The outer unknown.
    pub fn unknown(&self) -> &'static Unknown {
        self.unknown
    }

    fn new(factory: &'static Factory, file: PFILE_OBJECT) -> &'static Self {
        factory.begin_use();
        let basic = Basic::new(Kind::Filter);
        let bag = Bag::new();
        let name = format!("{}#{}", factory.name(), factory.next_ordinal());
        let filter: &'static Self = Box::leak(Box::new(Self {
            basic,
            ks: UnsafeCell::new(KSFILTER {
                Descriptor: factory.descriptor(),
                Bag: bag.handle(),
                // R1.5: a copy of the parent's at this moment.
                // SAFETY: the factory lives.
                Context: unsafe { (*factory.ks()).Context },
            }),
            control: mutex::Mutex::named(mutex::CONTROL, format!("control {name}")),
            name,
            factory,
            file_object: file,
            pins: Mutex::default(),
            instances: Mutex::default(),
            processor: Processor::new(),
            inputs: Inputs::default(),
            table: Mutex::default(),
            power: FilterPower::default(),
            edits: Mutex::default(),
            bag,
            unknown: Unknown::new(),
            events: List::default(),
            holding: AtomicU32::new(0),
        }));
        Objects::born(filter.ks().cast(), Kind::Filter);
        filter.bag.belongs_to(filter.ks().cast());
        filter.unknown.belongs_to(filter.ks().cast());
        inputs::refresh(filter);
        filter
    }

    /// Bag, unknown and memory go. The control mutex is not held.
    fn end(&'static self) {
        // SAFETY: the file object lives as long as the request on it.
        unsafe { (*self.file_object).FsContext = std::ptr::null_mut() };
        self.factory.strike(self);
        {
            // R7.31: the free routines run as the owner's other callbacks do.
            let _control = self.control.acquire();
            self.bag.end();
        }
        self.unknown.end(self.name());
        Objects::died(self.ks().cast());
        let factory = self.factory;
        // SAFETY: leaked in `new`; the lists no longer have it.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
        factory.end_use();
    }
}

/// Opens a filter (R2.1); completes the request. Passive level, no mutex held.
pub fn open(factory: &'static Factory, irp: PIRP) -> NTSTATUS {
    if pool::fails_now(size_of::<KSFILTER>(), u32::from_le_bytes(*b"KSfl")) {
        // SAFETY: the request is ours.
        return unsafe { complete(irp, STATUS_INSUFFICIENT_RESOURCES, 0) };
    }
    let device = factory.device();
    let filter = Filter::new(factory, irp::file_object(irp));
    // SAFETY: the file object of a create request is the driver's to set up.
    unsafe { (*filter.file_object).FsContext = filter.ks().cast() };
    let status = {
        // R2.2, 10.4: the device mutex and the control mutex.
        let _device = device.acquire();
        let _control = filter.control.acquire();
        let status = match filter.dispatch().and_then(|dispatch| dispatch.Create) {
            // SAFETY: the driver's callback with its own filter.
            Some(create) => driver_call(FILTER_CREATE, filter.name(), || unsafe { create(filter.ks(), irp) }),
            None => STATUS_SUCCESS,
        };
        if irp::is_pending(irp, status, filter.name(), "Create") {
            return STATUS_PENDING;
        }
        status
    };
    opened(filter, irp, status)
}

/// Create is over, at once or through KsCompletePendingRequest. Passive level, no mutex held.
pub(super) fn opened(filter: &'static Filter, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    // The thread that called the driver may still be looking at the request.
    drop(filter.control.acquire());
    trace::event("filter_open", filter.name(), format_args!("{status:#010x}"));
    if status < 0 {
        filter.end();
    } else {
        filter.factory.enter(filter);
    }
    // SAFETY: the request is ours.
    unsafe { complete(irp, status, 0) }
}

/// Closes a filter (R2.3): all its pins are gone, since each refers to its file object. Passive level.
pub fn close(filter: &'static Filter, irp: PIRP) -> NTSTATUS {
    let left = filter.pins().len();
    if left > 0 {
        violation::report("KsFilterClose", 0, filter.name(), format!("{left} pin(s) left"));
    }
    filter.processor.drain();
    // R2.3, R7.25: events go before Close.
    filter.events.free(filter.file_object);
    let status = {
        let _device = filter.device().acquire();
        let _control = filter.control.acquire();
        let status = match filter.dispatch().and_then(|dispatch| dispatch.Close) {
            // SAFETY: the driver's callback with its own filter.
            Some(close) => driver_call(FILTER_CLOSE, filter.name(), || unsafe { close(filter.ks(), irp) }),
            None => STATUS_SUCCESS,
        };
        if irp::is_pending(irp, status, filter.name(), "Close") {
            return STATUS_PENDING;
        }
        status
    };
    closed(filter, irp, status)
}

/// Close is over, at once or through KsCompletePendingRequest. Passive level, no mutex held.
pub(super) fn closed(filter: &'static Filter, irp: PIRP, status: NTSTATUS) -> NTSTATUS {
    drop(filter.control.acquire());
    trace::event("filter_close", filter.name(), format_args!("{status:#010x}"));
    event_entry::report_left(filter.file_object, filter.name());
    filter.end();
    // SAFETY: the request is ours. A close cannot fail: the file object goes anyway.
    unsafe { complete(irp, STATUS_SUCCESS, 0) }
}

/// The filter that an object is, or belongs to.
pub fn of_object(object: Object) -> Option<&'static Filter> {
    match object {
        Object::Filter(filter) => Some(filter),
        Object::Pin(pin) => Some(pin.filter()),
        _ => None,
    }
}
