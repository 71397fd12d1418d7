//! Failures on demand: calls that the driver makes fail, without being carried out. Either one call of a name within one kind
//! of callback ([`arm`]), or, all over a run, those of a [`Plan`] ([`begin`]): a place, a number, a number and all that follow.
//!
//! Every export's thunk (and every method of an interface that AVStream gives) asks [`armed`], one load, and
//! if it says yes [`strike`]. The pool and the waits, whose failures are not just another result, ask themselves.

use std::{cell::RefCell, sync::atomic::Ordering};

use ks_sys::NTSTATUS;

use super::{callback, exports, machine::Machine, trace};

mod campaign;
mod failures;

pub use self::{
    campaign::{Plan, Struck, Tally, begin, end, struck},
    failures::{Failures, failures},
};

/// Which call is to fail, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The name of the export or method ("KsPinGetConnectedPinInterface").
    pub call: String,
    /// Which of the calls of that name, from 0.
    pub nth: u32,
    /// What it returns; a call that returns a pointer returns NULL, any other kind is carried out.
    pub status: NTSTATUS,
}

#[derive(Default)]
struct State {
    /// The callback inside which calls count.
    inside: &'static str,
    fault: Option<Fault>,
    calls: Vec<&'static str>,
    struck: bool,
}

type Extension = RefCell<State>;

/// Notes the calls that the driver makes while it is directly in a callback of that kind, and lets one of them fail.
pub fn arm(inside: &'static str, fault: Option<Fault>) {
    let machine = Machine::current();
    *machine.extension::<Extension>().borrow_mut() = State { inside, fault, ..State::default() };
    machine.injects.store(true, Ordering::Relaxed);
}

/// Ends it: the calls that were made, those that cannot fail left out, and whether the fault struck.
pub fn disarm() -> (Vec<&'static str>, bool) {
    let machine = Machine::current();
    machine.injects.store(false, Ordering::Relaxed);
    let state = std::mem::take(&mut *machine.extension::<Extension>().borrow_mut());
    (state.calls, state.struck)
}

/// Whether a thunk has to ask [`strike`].
#[inline]
pub fn armed() -> bool {
    Machine::try_current().is_some_and(|machine| machine.injects.load(Ordering::Relaxed))
}

/// The result with which the call fails, if it is the one.
pub fn strike<R: Failure>(call: &'static str) -> Option<R> {
    if !R::FAILS {
        return None;
    }
    if let Some(status) = campaign::decide(call) {
        return R::failure(status);
    }
    let mut state = Machine::current().extension::<Extension>().borrow_mut();
    if callback::stack().last() != Some(&state.inside) {
        return None;
    }
    let before = state.calls.iter().filter(|name| **name == call).count();
    state.calls.push(call);
    let fault = state.fault.as_ref().filter(|fault| fault.call == call && fault.nth as usize == before)?;
    let status = fault.status;
    state.struck = true;
    drop(state);
    trace::event("injected", call, format_args!("{:#010x}", status as u32));
    R::failure(status)
}

/// Whether an allocation, made by the driver or on its behalf, fails now.
pub(super) fn strike_allocation() -> bool {
    armed() && campaign::decide_with("pool", &[ks_sys::STATUS_INSUFFICIENT_RESOURCES]).is_some()
}

/// The status with which a wait of the driver's ends before its object is signaled, if it does: such waits as are
/// alertable, or have a time-out.
pub(super) fn strike_wait(call: &'static str, alertable: bool, timeout: bool) -> Option<NTSTATUS> {
    if !armed() || !exports::called_by_driver() {
        return None;
    }
    let mut statuses = Vec::new();
    statuses.extend(timeout.then_some(ks_sys::STATUS_TIMEOUT));
    statuses.extend(alertable.then_some(ks_sys::STATUS_ALERTED));
    campaign::decide_with(call, &statuses)
}

/// A type of result.
pub trait Failure: Sized {
    /// Whether it can say that a call failed.
    const FAILS: bool;

    /// The result that says so.
    fn failure(status: NTSTATUS) -> Option<Self>;
}

impl Failure for NTSTATUS {
    const FAILS: bool = true;

    fn failure(status: NTSTATUS) -> Option<Self> {
        Some(status)
    }
}

impl<T> Failure for *mut T {
    const FAILS: bool = true;

    fn failure(_: NTSTATUS) -> Option<Self> {
        Some(std::ptr::null_mut())
    }
}

macro_rules! never {
    ($($t:ty)*) => {$(impl Failure for $t {
        const FAILS: bool = false;

        fn failure(_: NTSTATUS) -> Option<Self> {
            None
        }
    })*};
}
never!(() u8 i8 u16 u32 u64 usize i64 ks_sys::LARGE_INTEGER);

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever is in the table by name is a function that drivers can import, or a method.
    #[test]
    fn the_table_names_functions() {
        let known = |name: &&str| {
            let dlls = ["ntoskrnl.exe", "HAL.dll"];
            name.contains("::")
                || name.starts_with("Ks")
                || dlls.iter().any(|dll| super::super::ntoskrnl::lookup(dll, name).is_some())
        };
        for (names, _) in failures::TABLE {
            let unknown: Vec<_> = names.iter().filter(|name| !known(name)).collect();
            assert!(unknown.is_empty(), "{unknown:?}");
        }
    }
}
