//! Pins: the private structure around `KSPIN`.

use std::{
    cell::UnsafeCell,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use ks_sys::{
    KSALLOCATOR_FRAMING_EX, KSPIN, KSPIN_COMMUNICATION, KSPIN_CONNECT, KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH,
    KSRESET, KSSTATE, NTSTATUS, PFILE_OBJECT, PFNKSPINHANDSHAKE,
};

use super::{
    allocator_requests::Assigned,
    bag::Bag,
    clock::Clock,
    event_list::List,
    filter::Filter,
    format::Format,
    inputs,
    master_clock::{self, MasterClock},
    object::{Basic, Kind, Objects, container},
    options::Options,
    sleep::PinPower,
    transport::Transport,
    unknown::Unknown,
};
use crate::nt::{Machine, ObfDereferenceObject, ObfReferenceObject};

/// A pin instance.
///
/// Its address is stable; `KSPIN` stands right behind the header.
#[repr(C)]
pub struct Pin {
    basic: Basic,
    ks: UnsafeCell<KSPIN>,
    name: String,
    filter: &'static Filter,
    file_object: PFILE_OBJECT,
    /// Its last handle is closed, or being closed.
    left: AtomicBool,
    source: bool,
    /// A source whose sink does not speak AVStream's handshake (kind C, R4.5).
    external: AtomicBool,
    /// The other end of an intra-AVStream connection (kind B).
    pub(super) peer: Mutex<Option<&'static Pin>>,
    /// The sink's file object, referenced while this source lives (R4.3).
    connected_file: AtomicUsize,
    /// The Connect of this sink succeeded, and its Disconnect is due.
    pub(super) connected: AtomicBool,
    /// The source's create request is over (10.33).
    pub(super) link_complete: AtomicBool,
    /// The status of a create request that fails when its Close, which is pending, has ended.
    pub(super) abandoned: Mutex<Option<NTSTATUS>>,
    /// Private protocols: the callback of `KsPinRegisterHandshakeCallback`.
    pub(super) handshake: Mutex<PFNKSPINHANDSHAKE>,
    /// `ConnectionFormat` and `AttributeList`: the pin's own copies.
    pub(super) format: Mutex<Format>,
    /// Told of sleep and wake.
    pub(super) power: PinPower,
    bag: Box<Bag>,
    unknown: &'static Unknown,
    transport: Transport,
    events: List,
    clock: Clock,
    master: MasterClock,
    /// The allocator that it was given (R4.31).
    pub(super) allocator: Mutex<Option<Arc<Assigned>>>,
    /// KSPROPERTY_STREAM_PIPE_ID (R4.32).
    pub(super) pipe_id: AtomicUsize,
}

// SAFETY: `KSPIN` is shared with the driver under the filter control mutex, as on Windows; all else is locked.
unsafe impl Sync for Pin {}
// SAFETY: as above.
unsafe impl Send for Pin {}

impl Pin {
    /// The pin behind a `PKSPIN`; a pointer that is no live pin ends the run.
    pub fn of(ks: *mut KSPIN) -> &'static Self {
        container(ks.cast(), Kind::Pin)
    }

    /// The public structure.
    pub fn ks(&self) -> *mut KSPIN {
        self.ks.get()
    }

    /// Its name in logs: `pin Camera#1/0#3` is the third instance of pin type 0 on the filter `Camera#1`.
    pub fn name(&self) -> &'static str {
        // SAFETY: the name lives as long as the pin, which outlives whoever asks for its name.
        unsafe { &*std::ptr::from_ref(self.name.as_str()) }
    }

    /// The filter it belongs to.
    pub fn filter(&self) -> &'static Filter {
        self.filter
    }

    /// The file object that its handle refers to.
    pub fn file_object(&self) -> PFILE_OBJECT {
        self.file_object
    }

    /// Its last handle is being closed.
    pub(super) fn set_left(&self) {
        self.left.store(true, Ordering::Relaxed);
    }

    /// Whether a client still has a handle of it: it is not being closed then.
    pub(super) fn is_held(&self) -> bool {
        !self.left.load(Ordering::Relaxed)
    }

    /// The other end of an intra-AVStream connection (kind B of the contract).
    pub fn peer(&self) -> Option<&'static Self> {
        *self.peer.lock().expect("never poisoned")
    }

    /// The file object of the sink that this source is connected to, or null.
    pub fn connected_file(&self) -> PFILE_OBJECT {
        self.connected_file.load(Ordering::Relaxed) as PFILE_OBJECT
    }

    /// Whether this instance is the IRP source of a connection.
    pub fn is_source(&self) -> bool {
        self.source
    }

    /// Whether this is the source of a connection to a pin that is not AVStream's (kind C).
    pub fn is_external(&self) -> bool {
        self.external.load(Ordering::Relaxed)
    }

    /// It is one (R4.5).
    pub(super) fn set_external(&self) {
        self.external.store(true, Ordering::Relaxed);
        // SAFETY: the public structure lives as long as the pin; the control mutex is held.
        unsafe { (*self.ks()).ConnectionIsExternal = 1 };
    }

    /// The descriptor in force: read through `KSPIN`, since KsEdit may have replaced it (R3.10).
    pub fn descriptor(&self) -> *const KSPIN_DESCRIPTOR_EX {
        // SAFETY: the public structure lives as long as the pin.
        unsafe { (*self.ks()).Descriptor }
    }

    /// The dispatch table, if there is one.
    pub fn dispatch(&self) -> Option<&'static KSPIN_DISPATCH> {
        // SAFETY: the descriptor and its table live as long as the pin (the driver's duty).
        unsafe { (*self.descriptor()).Dispatch.as_ref() }
    }

    /// `KSPIN_FLAG_…` of the descriptor.
    pub fn flags(&self) -> u32 {
        // SAFETY: the descriptor lives as long as the pin.
        unsafe { (*self.descriptor()).Flags }
    }

    /// The allocator framing of the descriptor, or null.
    pub fn framing(&self) -> *const KSALLOCATOR_FRAMING_EX {
        // SAFETY: the descriptor lives as long as the pin.
        unsafe { (*self.descriptor()).AllocatorFraming }
    }

    /// Queue, state and processing.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The events that clients have enabled.
    pub fn events(&self) -> &List {
        &self.events
    }

    /// The clock, which the pin may offer or not.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The clock that it was given.
    pub fn master(&self) -> &MasterClock {
        &self.master
    }

    /// The outer unknown.
    pub fn unknown(&self) -> &'static Unknown {
        self.unknown
    }

    /// Step 1 of section 3.3. `sink` is the referenced file object of the sink for a source, else null; the pin
    /// takes the reference over. The control mutex is held.
    pub(super) fn new(
        filter: &'static Filter,
        file: PFILE_OBJECT,
        connect: &KSPIN_CONNECT,
        sink: PFILE_OBJECT,
    ) -> &'static Self {
        let descriptor = filter.pin_descriptor(connect.PinId).expect("checked by the validation");
        let options = Machine::current().extension::<Options>();
        let basic = Basic::new(Kind::Pin);
        let bag = Bag::new();
        // SAFETY: all zero is a valid KSPIN; STOP is 0.
        let mut ks = unsafe { std::mem::zeroed::<KSPIN>() };
        ks.Descriptor = descriptor;
        ks.Bag = bag.handle();
        // R1.5, R3.7: a copy of the parent's at this moment, the pin's context until Create sets its own.
        // SAFETY: the filter lives.
        ks.Context = unsafe { (*filter.ks()).Context };
        ks.Id = connect.PinId;
        // R2.16, 10.8: the role that it takes.
        ks.Communication = if sink.is_null() {
            KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK
        } else {
            KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SOURCE
        };
        ks.ConnectionIsExternal = u8::from(options.client_is_external && sink.is_null());
        ks.ConnectionInterface = connect.Interface;
        ks.ConnectionMedium = connect.Medium;
        ks.ConnectionPriority = connect.Priority;
        ks.StreamHeaderSize = options.stream_header_size;
        // SAFETY: the descriptor lives as long as the filter.
        ks.DataFlow = unsafe { (*descriptor).PinDescriptor.DataFlow };
        ks.DeviceState = KSSTATE::KSSTATE_STOP;
        ks.ClientState = KSSTATE::KSSTATE_STOP;
        ks.ResetState = KSRESET::KSRESET_END;
        let name = format!("pin {}/{}#{}", filter.name(), connect.PinId, filter.count_pin(connect.PinId));
        let pin: &'static Self = Box::leak(Box::new(Self {
            basic,
            ks: UnsafeCell::new(ks),
            name,
            filter,
            file_object: file,
            left: AtomicBool::new(false),
            source: !sink.is_null(),
            external: AtomicBool::new(false),
            peer: Mutex::default(),
            connected_file: AtomicUsize::new(sink as usize),
            connected: AtomicBool::new(false),
            link_complete: AtomicBool::new(false),
            abandoned: Mutex::new(None),
            handshake: Mutex::new(None),
            format: Mutex::default(),
            power: PinPower::default(),
            bag,
            unknown: Unknown::new(),
            transport: Transport::new(),
            events: List::default(),
            clock: Clock::default(),
            master: MasterClock::default(),
            allocator: Mutex::default(),
            pipe_id: AtomicUsize::new(0),
        }));
        Objects::born(pin.ks().cast(), Kind::Pin);
        pin.bag.belongs_to(pin.ks().cast());
        pin.unknown.belongs_to(pin.ks().cast());
        pin.clock.belongs_to(pin.ks());
        // SAFETY: both file objects live; R2.3: a filter closes after its pins.
        unsafe {
            (*file).FsContext = pin.ks().cast();
            ObfReferenceObject(filter.file_object().cast());
        }
        pin
    }

    /// Empties the bag; the control mutex is held (R3.9, R3.12).
    pub(super) fn empty(&'static self) {
        self.filter.strike(self);
        inputs::detach(self);
        self.bag.end();
        // SAFETY: the public structure lives as long as the pin.
        self.filter.uncount_pin(unsafe { (*self.ks()).Id });
    }

    /// Frees the pin. No mutex is held: giving up the references may close the sink and the filter.
    pub(super) fn end(&'static self) {
        let (filter, sink) = (self.filter, self.connected_file());
        master_clock::cleanup(self);
        master_clock::end(self);
        self.clock.end();
        // SAFETY: the file object lives as long as the request on it.
        unsafe { (*self.file_object).FsContext = std::ptr::null_mut() };
        self.unknown.end(self.name());
        Objects::died(self.ks().cast());
        // SAFETY: leaked in `new`; the lists no longer have it.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) });
        let files = [sink, filter.file_object()];
        for file in files.into_iter().filter(|file| !file.is_null()) {
            // SAFETY: the pin's own references: the sink's of R4.3, the filter's of `new`.
            unsafe { ObfDereferenceObject(file.cast()) };
        }
    }
}
