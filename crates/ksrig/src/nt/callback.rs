//! Calls into the driver.

use std::fmt::Display;

use ks_sys::*;

use super::{
    exports, residency,
    sched::{self, step::Way},
    thread::Thread,
    timed, trace, violation,
};
use crate::pe::stub::PerThread;

/// Whose callback it is: decides which rule an IRQL that changed across it breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// DriverEntry, dispatch routines, DPCs, ... (IrqlReturn 0x2001D)
    Driver,
    /// KSDEVICE_DISPATCH (0x81006)
    Device,
    /// KSFILTER_DISPATCH (0x81007)
    Filter,
    /// KSPIN_DISPATCH and pin-like (0x81008)
    Pin,
}

impl Group {
    fn rule(self) -> (&'static str, u32) {
        match self {
            Self::Driver => ("IrqlReturn", 0x2001D),
            Self::Device => ("KsIrqlDeviceCallbacks", 0x81006),
            Self::Filter => ("KsIrqlFilterCallbacks", 0x81007),
            Self::Pin => ("KsIrqlPinCallbacks", 0x81008),
        }
    }
}

/// A kind of callback. Upper layers make their own constants.
#[derive(Clone, Copy, Debug)]
pub struct CallbackKind {
    /// Its name in logs ("PinConnect").
    pub name: &'static str,
    /// Whose it is.
    pub group: Group,
    /// The statuses it may not return (KsCallbackReturn 0x81005), e.g. `&[STATUS_PENDING]`.
    pub forbidden: &'static [NTSTATUS],
}

impl CallbackKind {
    /// A kind that may return anything.
    pub const fn new(name: &'static str, group: Group) -> Self {
        Self { name, group, forbidden: &[] }
    }

    /// A kind that must not return STATUS_PENDING.
    pub const fn no_pending(name: &'static str, group: Group) -> Self {
        Self { name, group, forbidden: &[STATUS_PENDING] }
    }
}

/// One call into the driver.
pub struct Callback<'a> {
    /// Its kind.
    pub kind: CallbackKind,
    /// The object it is about ("pin Camera/1#2").
    pub object: &'a dyn Display,
}

/// A callback that has not returned.
pub(super) struct Active {
    pub name: &'static str,
    pub object: String,
}

/// What a callback returns.
pub trait Returned {
    /// As a status, if it is one.
    fn status(&self) -> Option<NTSTATUS>;
}

impl Returned for NTSTATUS {
    fn status(&self) -> Option<NTSTATUS> {
        Some(*self)
    }
}

macro_rules! no_status {
    ($($t:ty)*) => {$(impl Returned for $t {
        fn status(&self) -> Option<NTSTATUS> {
            None
        }
    })*};
}
no_status!(() u8 u32 u64 i64 usize PVOID);

/// Calls into the driver: logs, watches the IRQL (R8.4) and the returned status, measures.
/// Never call it with a lock of the rig held.
pub fn call<R: Returned>(callback: Callback<'_>, body: impl FnOnce() -> R) -> R {
    let thread = Thread::current();
    let kind = callback.kind;
    let traced = trace::enabled();
    let object = if traced { callback.object.to_string() } else { String::new() };
    let irql = thread.irql();
    if traced {
        let holds = thread.holds.borrow().join(", ");
        let values: [(&'static str, &dyn Display); 2] = [("irql", &irql), ("holds", &holds)];
        trace::event_with("callback", &object, kind.name, &values[..1 + usize::from(!holds.is_empty())]);
    }
    let apcs = thread.apc_disable();
    let noted = PerThread::noted();
    let depth = thread.exports.replace(0);
    let handlers = (thread.seh.replace(std::ptr::null()), thread.exceptions.replace(0));
    thread.callbacks.borrow_mut().push(Active { name: kind.name, object });

    sched::explored_point();
    residency::enter_driver(thread);
    let began = timed::now();
    let meter = thread.meter.enter(thread, kind.name);
    sched::into_driver(thread, Some(Way::Call));
    let result = body();
    sched::out_of_driver(thread);
    thread.meter.leave(thread, meter);
    sched::explored_point();

    let object = thread.callbacks.borrow_mut().pop().map_or_else(String::new, |active| active.object);
    thread.exports.set(depth);
    thread.seh.set(handlers.0);
    thread.exceptions.set(handlers.1);
    PerThread::restore(&noted);
    let status = result.status();
    if traced {
        match status {
            Some(status) => {
                let values: [(&'static str, &dyn Display); 1] =
                    [("status", &format_args!("{:#010x}", status as u32))];
                trace::event_with("return", &object, kind.name, &values);
            }
            None => trace::event("return", &object, kind.name),
        }
    }
    check(&callback, status, irql, apcs, thread);
    timed::callback_ends(&kind, callback.object, began);
    result
}

fn check(callback: &Callback<'_>, status: Option<NTSTATUS>, irql: KIRQL, apcs: i32, thread: &Thread) {
    let Callback { kind, object } = callback;
    if thread.irql() != irql {
        // The completion routines of an IRP have a number of their own.
        let (rule, code) = match kind.name {
            "CompletionRoutine" => ("CompletionRoutine", 0xFA),
            _ => kind.group.rule(),
        };
        let message = format!("{} was called at IRQL {irql} and returned at {}", kind.name, thread.irql());
        violation::report(rule, code, object, message);
        thread.set_irql(irql);
    }
    if thread.apc_disable() != apcs {
        let change = thread.apc_disable() - apcs;
        let message = format!("{} changed the APC disable count by {change}", kind.name);
        let (rule, code) = match kind.name {
            "CompletionRoutine" => ("CompletionRoutine", 0xFB),
            // TIMER_OR_DPC_INVALID
            "Dpc" => ("DpcApcCount", 4),
            _ => ("CriticalRegions", 0x0004_0003),
        };
        violation::report(rule, code, object, message);
    }
    if let Some(status) = status.filter(|status| kind.forbidden.contains(status)) {
        let message = format!("{} returned {:#010x}, which it must not", kind.name, status as u32);
        violation::report("KsCallbackReturn", 0x81005, object, message);
    }
}

/// Calls a routine of the kernel interface: as a callback if its code is a driver's, directly if it is the rig's.
pub(super) fn routine<R: Returned>(
    address: usize,
    kind: CallbackKind,
    object: &dyn Display,
    body: impl FnOnce() -> R,
) -> R {
    if super::pnp::is_driver_code(address) {
        call(Callback { kind, object }, body)
    } else {
        exports::quiet(body)
    }
}

/// The callbacks the calling thread is in, innermost last.
pub fn stack() -> Vec<&'static str> {
    Thread::current().callbacks.borrow().iter().map(|active| active.name).collect()
}

/// Whether the calling thread is in a callback of that kind.
pub fn inside(name: &str) -> bool {
    Thread::current().callbacks.borrow().iter().any(|active| active.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{Machine, MachineOptions};

    /// A callback that returns at another IRQL breaks the rule of its group, and its IRQL is restored; a
    /// forbidden status is reported and comes back; everything is in the log.
    #[test]
    fn callback_is_watched() {
        const KIND: CallbackKind = CallbackKind::no_pending("PinConnect", Group::Pin);
        let machine = Machine::new(MachineOptions::default());
        let status = call(Callback { kind: KIND, object: &"pin 1" }, || {
            assert!(inside("PinConnect"));
            Thread::current().set_irql(DISPATCH_LEVEL as u8);
            STATUS_PENDING
        });
        assert_eq!(status, STATUS_PENDING);
        assert_eq!(Thread::current().irql(), 0);
        let codes: Vec<_> = violation::list().iter().map(|violation| violation.code).collect();
        assert_eq!(codes, [0x81008, 0x81005]);
        let kinds: Vec<_> = trace::take().iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["callback", "return", "violation", "violation"]);
        machine.shutdown();
    }
}
