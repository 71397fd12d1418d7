//! The NT executive, as far as an AVStream driver and `ks.sys` need it: one emulated computer per
//! [`machine::Machine`], real threads that hand over one baton, virtual time.
//!
//! The functions that carry the name of a kernel function do what its documentation page says, with the
//! arguments in the documented order. Their safety contract is that page too: pointers are valid for what
//! the page says they point to, objects are initialised, and the caller's thread belongs to a machine.
//! Called from Rust they check nothing beyond that; the thunks that drivers import check IRQL first.

#![allow(
    non_snake_case,
    clippy::missing_safety_doc,
    clippy::multiple_unsafe_ops_per_block,
    clippy::not_unsafe_ptr_arg_deref,
    clippy::too_many_arguments
)]

mod ansi;
pub mod bugcheck;
pub mod callback;
pub mod coverage;
mod crt;
pub mod dispatcher;
pub mod dpc;
pub mod event;
pub mod exports;
pub mod fast_mutex;
pub mod fault;
pub mod flags;
pub mod handle;
pub mod inject;
pub mod io;
pub mod irql;
pub mod list;
pub mod lock_order;
pub mod machine;
pub mod measure;
pub mod mutex;
mod ntoskrnl;
pub mod object;
pub mod pnp;
pub mod pool;
mod print;
mod queued_lock;
pub mod registry;
mod remove_lock;
mod residency;
mod resource;
pub mod sched;
pub mod security;
pub mod seh;
pub mod semaphore;
mod shared_data;
mod slist;
mod special_pool;
pub mod spinlock;
pub mod string;
#[cfg(test)]
mod tests;
pub mod thread;
pub mod time;
pub mod timed;
pub mod timer;
pub mod trace;
pub mod user;
pub mod user_event;
mod version;
pub mod violation;
pub mod wait;
pub mod work;

pub use self::machine::{Machine, MachineOptions};
pub use self::{
    dpc::*, event::*, fast_mutex::*, handle::*, io::*, irql::*, list::*, mutex::*, object::*, pool::*,
    semaphore::*, spinlock::*, string::*, thread::*, time::*, timer::*, user_event::*, wait::*, work::*,
};
