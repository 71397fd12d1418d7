//! AVStream: an emulated `ks.sys` on the emulated executive.
//!
//! It uses [`nt`](crate::nt) only through what ntoskrnl exports or documents, so that the image of a real
//! `ks.sys` could take its place. What it does and why is the KS contract; where the documentation
//! is silent the code says `ASSUMED:`.

// This layer is an ABI shim: it reads and writes the driver's structures all the time.
#![allow(
    clippy::multiple_unsafe_ops_per_block,
    clippy::not_unsafe_ptr_arg_deref,
    clippy::too_many_arguments,
    non_snake_case
)]

pub mod object;

pub mod allocator;
pub mod allocator_requests;
pub mod automation;
pub mod bag;
mod buffers;
mod call;
pub mod child;
pub mod clock;
mod clock_properties;
pub mod connect;
mod connection_properties;
mod create;
pub mod create_child;
pub mod create_item;
pub mod descriptor;
pub mod device;
mod dispatch;
pub mod driver;
pub mod edit;
mod end_of_stream;
pub mod event;
pub mod event_entry;
pub mod event_list;
pub mod exports;
pub mod factory;
pub mod filter;
pub mod filter_edit;
#[cfg(test)]
pub(crate) mod fixture;
pub mod format;
pub mod handshake;
pub mod hierarchy;
mod intersect;
mod irp;
pub mod master_clock;
pub mod merge;
pub mod method;
pub mod mutex;
mod narrow;
pub mod options;
pub mod peer;
pub mod pending;
pub mod pin;
mod pin_close;
mod pin_open;
mod pin_properties;
mod pnp;
mod post_start;
mod power;
pub mod property;
mod property_request;
mod property_support;
mod serialize;
pub mod subject;
pub mod synchronous;
#[cfg(test)]
mod tests;
mod thunk;
mod topology_properties;
pub mod unknown;
mod validate;
pub mod worker;

pub mod transport;

mod cancel;
pub mod circuit;
pub mod clone;
mod external;
pub mod frame;
mod frame_properties;
pub mod gate;
pub mod injection;
pub mod inputs;
pub mod mapping;
pub mod pipe;
pub mod pointer;
pub mod process_pin;
pub mod processing;
pub mod queue;
pub mod requester;
pub mod reset;
pub mod sleep;
pub mod splitter;
pub mod state;
pub mod stream_irp;
pub mod stream_pointer;
mod timeout;

pub use object::{Device, Factory, Filter, Object, Pin};
pub use options::Options;

use crate::nt::Machine;

/// Puts `ks.sys` into the calling thread's machine: drivers can import from it, and it behaves as the options say.
/// Before any driver is loaded.
pub fn install(options: Options) {
    let machine = Machine::current();
    assert!(machine.set_extension(options), "ks.sys is installed once, before a driver is loaded");
    machine.add_provider("ks.sys", exports::lookup);
}
