//! Pins: the private structure around `KSPIN`.

use std::{
    cell::UnsafeCell,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use ks_sys::{
    KSALLOCATOR_FRAMING_EX, KSPIN, KSPIN_COMMUNICATION, KSPIN_DESCRIPTOR_EX, KSPIN_DISPATCH, PFILE_OBJECT,
};

use super::{
    bag::Bag,
    filter::Filter,
    handshake::Handshake,
    object::{Basic, Kind, Objects, container},
    transport::Transport,
    unknown::Unknown,
};

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
    source: bool,
    /// The other end of an intra-AVStream connection (kind B).
    pub(super) peer: Mutex<Option<&'static Pin>>,
    /// The sink's file object, referenced while this source lives (R4.3).
    pub(super) connected_file: Mutex<usize>,
    /// Whether the Connect of this sink succeeded and its Disconnect is still due.
    pub(super) connected: AtomicBool,
    /// Whether the source's create request has completed (contract 10.33).
    pub(super) link_complete: AtomicBool,
    /// Private protocols: the callback of `KsPinRegisterHandshakeCallback`.
    pub(super) handshake: Mutex<Handshake>,
    pub(super) unknown: Unknown,
    pub(super) bag: Bag,
    /// `ConnectionFormat` and `AttributeList`: the pin's own copies.
    pub(super) format: Mutex<super::format::Owned>,
    transport: Transport,
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

    /// Its name in logs: `pin Camera#1/0#3` is the third instance of pin type 0, on the filter `Camera#1`.
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

    /// The other end of an intra-AVStream connection (kind B of the contract).
    pub fn peer(&self) -> Option<&'static Pin> {
        *self.peer.lock().expect("never poisoned")
    }

    /// Whether this instance is the IRP source of a connection.
    pub fn is_source(&self) -> bool {
        self.source
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
}
