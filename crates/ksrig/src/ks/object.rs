//! What every AVStream object has in common: the header before the public structure, by which a
//! call that takes any object (`PVOID Object`) tells what it was given, and the list of live objects.

use std::{
    collections::BTreeMap,
    mem::size_of,
    sync::{Mutex, MutexGuard},
};

use ks_sys::{KSOBJECTTYPE, PVOID};

use super::call::driver_error;
pub use super::{device::Device, factory::Factory, filter::Filter, pin::Pin};
use crate::nt::Machine;

/// Which of the four AVStream objects.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `KSDEVICE`
    Device = 0,
    /// `KSFILTERFACTORY`
    Factory = 1,
    /// `KSFILTER`
    Filter = 2,
    /// `KSPIN`
    Pin = 3,
}

impl Kind {
    /// The value of `KSOBJECTTYPE`.
    pub fn object_type(self) -> KSOBJECTTYPE::Type {
        match self {
            Kind::Device => KSOBJECTTYPE::KsObjectTypeDevice,
            Kind::Factory => KSOBJECTTYPE::KsObjectTypeFilterFactory,
            Kind::Filter => KSOBJECTTYPE::KsObjectTypeFilter,
            Kind::Pin => KSOBJECTTYPE::KsObjectTypePin,
        }
    }
}

/// What lies directly before the public structure of every object.
#[repr(C, align(16))]
pub struct Basic {
    kind: Kind,
    /// The object's ordinal number among its kind, from 1: part of its name.
    pub ordinal: u32,
}

impl Basic {
    /// The header of the next object of this kind.
    pub fn new(kind: Kind) -> Self {
        let mut objects = Objects::lock();
        let counter = &mut objects.made[kind as usize];
        *counter += 1;
        Self { kind, ordinal: *counter }
    }
}

/// The live objects of a machine, by the address of their public structure.
#[derive(Default)]
pub struct Objects {
    live: BTreeMap<usize, Kind>,
    made: [u32; 4],
}

impl Objects {
    fn lock() -> MutexGuard<'static, Self> {
        Machine::current().extension::<Mutex<Self>>().lock().expect("nothing panics with the list locked")
    }

    /// Enters an object that was just made.
    pub fn born(ks: PVOID, kind: Kind) {
        Self::lock().live.insert(ks as usize, kind);
    }

    /// Strikes an object off, before its memory is freed.
    pub fn died(ks: PVOID) {
        Self::lock().live.remove(&(ks as usize));
    }

    /// The kind of a live object.
    pub fn kind(ks: PVOID) -> Option<Kind> {
        Self::lock().live.get(&(ks as usize)).copied()
    }

    /// How many objects of a kind live.
    pub fn count(kind: Kind) -> usize {
        Self::lock().live.values().filter(|&&live| live == kind).count()
    }
}

/// Any AVStream object.
#[derive(Clone, Copy)]
pub enum Object {
    /// `KSDEVICE`
    Device(&'static Device),
    /// `KSFILTERFACTORY`
    Factory(&'static Factory),
    /// `KSFILTER`
    Filter(&'static Filter),
    /// `KSPIN`
    Pin(&'static Pin),
}

impl Object {
    /// The object behind a pointer that the driver passed; anything else ends the run: with a real
    /// `ks.sys` the call would have destroyed memory.
    pub fn of(object: PVOID) -> Self {
        match Objects::kind(object) {
            Some(Kind::Device) => Self::Device(Device::of(object.cast())),
            Some(Kind::Factory) => Self::Factory(Factory::of(object.cast())),
            Some(Kind::Filter) => Self::Filter(Filter::of(object.cast())),
            Some(Kind::Pin) => Self::Pin(Pin::of(object.cast())),
            None => driver_error("KsInvalidObject", "the pointer is no live AVStream object"),
        }
    }

    /// The object's name in logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Device(device) => device.name(),
            Self::Factory(factory) => factory.name(),
            Self::Filter(filter) => filter.name(),
            Self::Pin(pin) => pin.name(),
        }
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Device(_) => Kind::Device,
            Self::Factory(_) => Kind::Factory,
            Self::Filter(_) => Kind::Filter,
            Self::Pin(_) => Kind::Pin,
        }
    }

    /// The public structure.
    pub fn ks(&self) -> PVOID {
        match self {
            Self::Device(device) => device.ks().cast(),
            Self::Factory(factory) => factory.ks().cast(),
            Self::Filter(filter) => filter.ks().cast(),
            Self::Pin(pin) => pin.ks().cast(),
        }
    }

    /// The device it belongs to.
    pub fn device(&self) -> &'static Device {
        match self {
            Self::Device(device) => device,
            Self::Factory(factory) => factory.device(),
            Self::Filter(filter) => filter.device(),
            Self::Pin(pin) => pin.filter().device(),
        }
    }
}

/// The private structure around a public one; ends the run when the pointer is no live object of the kind.
///
/// The returned reference is good until the object is closed; nothing keeps it longer than the call it is in.
pub(super) fn container<T>(ks: PVOID, kind: Kind) -> &'static T {
    if Objects::kind(ks) != Some(kind) {
        driver_error("KsInvalidObject", format!("the pointer is no live AVStream {kind:?} object"));
    }
    // SAFETY: a live object's public structure stands in its container right behind the header.
    unsafe { &*ks.cast::<u8>().sub(size_of::<Basic>()).cast::<T>() }
}
