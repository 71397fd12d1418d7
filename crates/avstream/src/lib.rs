//! A safe layer over `ks.h` for writing AVStream minidrivers: Windows kernel streaming without `unsafe`
//! in the driver.
//!
//! A driver says what it is in constants and traits, and this crate makes the class driver's tables
//! of them when the driver is compiled:
//!
//! * a [`DeviceDispatch`] names the filters and is the context of a device;
//! * a [`FilterDispatch`] is the context of a filter, that is of one client;
//! * a [`PinDispatch`] is the context of a pin, and its callbacks;
//! * [`driver!`] exports `DriverEntry`.
//!
//! # What does not compile
//!
//! | mistake | why not |
//! |---|---|
//! | a callback that must not return `STATUS_PENDING` returns it | [`Error`] holds failures only |
//! | PFNKSPIN is the type of Process and of Connect | [`Processed`] against [`Result`] |
//! | a callback has the wrong signature or context | tables are made from traits |
//! | a description contradicts itself | checked by [`descriptor`] |
//! | the filter control mutex is taken in Process | [`Pin<'_, Processing>`](Pin) cannot |
//! | a stream pointer is unlocked twice or never | [`LeadingEdge`] does it when dropped |
//! | a clone is forgotten on some path | [`FrameClone`] and [`Reading`] are owned |
//! | a `&[u8]` of memory that a user process changes | [`FrameSource`] and [`FrameSink`] copy |
//! | memory runs out and nobody notices | [`KBox::new`] and [`Shared::new`] say so |
//!
//! What does compile, and is left to the rig's rules and to Driver Verifier: `core::mem::forget` of a guard or
//! an owned value leaks what it stands for; and while a [`SpinGuard`] lives the processor is at DISPATCH_LEVEL
//! whatever the context says, so that nothing that wants PASSIVE_LEVEL, or is paged, may be used before its end.
//!
//! # Glossary
//!
//! | word | meaning |
//! |---|---|
//! | filter | what a client opens; it has pins |
//! | pin | where data goes into a filter or out of it |
//! | sink, source | of two connected pins, the one that gets the requests and the one that makes them |
//! | frame | a buffer on its way, with a header |
//! | stream pointer | a reference to a frame in a pin's queue |
//! | leading edge | the stream pointer at the next frame to process |
//!
//! Facts of the class driver's contract are cited as `R4.17` and the like, or by the name of the page
//! in Microsoft's documentation.

#![no_std]

#[cfg(test)]
extern crate std;

mod allocator;
mod automation;
mod bag;
mod bytes;
mod callback;
pub mod callbacks;
mod clone;
mod context;
pub mod descriptor;
#[doc(hidden)]
pub mod device;
mod device_lock;
mod edge;
mod error;
mod event;
mod factory;
pub mod facts;
#[doc(hidden)]
pub mod ffi;
mod filter;
mod format;
mod frame_info;
#[cfg(not(windows))]
mod host;
pub mod interface;
mod intersection;
mod kbox;
mod kbuffer;
mod memory;
mod opened;
mod opener;
mod owner;
mod pin;
mod pin_dispatch;
mod plain;
mod processed;
mod processing_guard;
#[cfg(target_arch = "x86_64")]
mod processor;
mod property;
mod proposal;
mod published;
mod raw;
mod registry;
mod roll;
mod shared;
mod spin_lock;
mod state;
mod structure;
mod subscribers;
mod surface;
mod system_thread;
pub mod time;
mod timer;
mod values;
#[cfg(any(test, not(target_arch = "x86_64")))]
mod volatile;
mod wait;
pub mod wide;

pub use allocator::{Allocator, POOL_ALIGNMENT, Pool};
pub use bytes::{Answer, Bytes, Room};
pub use clone::FrameClone;
pub use context::{Context, Control, Processing};
pub use descriptor::{
    ANY_NUMBER, Communication, DataFlow, DataRangeRef, FilterDescriptor, FilterFlags, Framing, PinDescriptor,
    PinFlags, VideoRange, VideoRange2,
};
pub use device::{Device, DeviceDispatch};
pub use device_lock::DeviceLock;
pub use edge::LeadingEdge;
pub use error::{Error, Result};
pub use event::{EventItem, EventSet, Listeners};
pub use factory::FilterFactory;
pub use facts::{Facts, Provide};
pub use filter::{Filter, FilterDispatch};
pub use format::{DataRange, Format, VideoFormat};
pub use kbox::KBox;
pub use kbuffer::KBuffer;
pub use memory::{FrameSink, FrameSource};
pub use opened::Opened;
pub use opener::Opener;
pub use owner::{OfFilter, OfPin, Owner};
pub use pin::Pin;
pub use pin_dispatch::PinDispatch;
pub use plain::Plain;
pub use processed::Processed;
pub use processing_guard::ProcessingGuard;
pub use property::{LongProperty, Property, PropertyItem, PropertySet};
pub use proposal::Proposal;
pub use published::{Reading, Slots};
pub use registry::RegistryKey;
pub use shared::Shared;
pub use spin_lock::{SpinGuard, SpinLock};
pub use state::State;
pub use structure::Structure;
pub use subscribers::{Subscribers, Subscription};
pub use surface::{Surface, VideoExtension, VideoInfo};
pub use timer::{PinTimer, Ticks};
pub use values::Values;
