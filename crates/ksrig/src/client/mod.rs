//! The user's side: what a program does with handles, as KsStudio does it.
//!
//! A [`Rig`] is one emulated computer. It loads drivers; their filters are opened by interface, pins are
//! created and connected, states are set, streams read and written, properties asked. Every call goes
//! through `NtCreateFile`, `NtDeviceIoControlFile` and `NtClose` as a user-mode process whose buffers lie in
//! that process's memory. Tests, the command and whatever face comes later use this one interface.

pub mod bench;
mod driver;
mod error;
pub mod event;
mod filter;
pub mod graph;
pub mod inf;
mod life;
mod narrow;
mod opened;
mod packet;
mod pin;
mod program;
pub mod property;
mod request;
mod rig;
pub mod scenario;
pub mod session;
pub mod stream;
pub mod sys;
mod system;
pub mod verify;

pub use driver::Driver;
pub use error::Error;
pub use event::Event;
pub use filter::{Communication, Filter, Interface, PinInfo, connect};
pub use ks_compliance::wire::{Format, Pixels, Range, Status, Video, bytes, format, guid};
pub use narrow::narrow;
pub use opened::{Allocator, Clock, Opened};
pub use packet::Packet;
pub use pin::{Pin, Reset, State};
pub use request::{Completion, Request};
pub use rig::{Builder, Rig};
pub use system::UnderTest;
