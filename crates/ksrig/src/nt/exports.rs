//! What drivers import from ntoskrnl.exe and HAL.dll, and the machinery every emulated DLL uses for it.

use std::{ops::RangeInclusive, sync::Mutex};

use super::{
    bugcheck,
    machine::{Machine, lock},
    ntoskrnl, pnp, residency,
    sched::{self, step::Way},
    thread::Thread,
    violation,
};
pub use crate::pe::Import;
use crate::pe::stub::{self, PerThread};

/// One function that a DLL exports, as the driver sees it.
pub struct Export {
    /// Its name.
    pub name: &'static str,
    /// The `extern "win64"` thunk.
    pub thunk: *const (),
    /// The IRQLs it may be called at.
    pub irql: RangeInclusive<u8>,
    /// The rule that another IRQL breaks, with its code.
    pub rule: (&'static str, u32),
}

// SAFETY: the pointer is a function's address.
unsafe impl Sync for Export {}

/// Declares the table of a DLL's exports, with a thunk for each:
/// `Name(argument: Type, ...) -> Type, irqls;` calls the function `Name` that is in scope,
/// `Name(...) -> Type, irqls, path;` another one. The thunk notes the call, checks the IRQL, is a switch
/// point and asks the fault injection.
///
/// ```ignore
/// exports! {
///     pub static TABLE = ("KsIrqlDDIs", 0x81009);
///     KsPinGetConnectedPinFileObject(Pin: PKSPIN) -> PFILE_OBJECT, 0..=0;
///     KsStreamPointerUnlock(StreamPointer: PKSSTREAM_POINTER, Eject: BOOLEAN) -> (), 0..=2;
/// }
/// ```
macro_rules! exports {
    ($(#[$meta:meta])* $vis:vis static $table:ident = $rule:expr;
     $($name:ident($($arg:ident : $ty:ty),* $(,)?) -> $ret:ty, $irql:expr $(, $path:path)?;)*) => {
        $(#[$meta])*
        $vis static $table: &[&$crate::nt::exports::Export] = &[$({
            unsafe extern "win64" fn thunk($($arg: $ty),*) -> $ret {
                let _call = $crate::nt::exports::enter(&THIS);
                if $crate::nt::inject::armed()
                    && let Some(result) = $crate::nt::inject::strike::<$ret>(stringify!($name))
                {
                    return result;
                }
                if const { $crate::nt::security::is_checked(stringify!($name), &[$(stringify!($ty)),*]) }
                    && $crate::nt::security::watched()
                {
                    let arguments = [$((stringify!($ty), $crate::nt::security::word(&$arg))),*];
                    $crate::nt::security::check(stringify!($name), &arguments);
                }
                #[allow(unused_unsafe)]
                // SAFETY: the driver's promise, as the function's page asks for it.
                unsafe { $crate::nt::exports::target!($name $(, $path)?)($($arg),*) }
            }
            static THIS: $crate::nt::exports::Export = $crate::nt::exports::Export {
                name: stringify!($name),
                thunk: thunk as *const (),
                irql: $irql,
                rule: $rule,
            };
            &THIS
        }),*];
    };
}

/// The function behind an export.
macro_rules! target {
    ($name:ident) => {
        $name
    };
    ($name:ident, $path:path) => {
        $path
    };
}

pub(crate) use {exports, target};

/// The driver is in an export of the rig as long as this lives.
pub struct Call {
    thread: &'static Thread,
    running: bool,
    free: bool,
    way: Way,
}

/// The start of every thunk.
pub fn enter(export: &'static Export) -> Call {
    let thread = Thread::current();
    let running = thread.meter.pause();
    // Methods of interfaces, and routines that the rig has put into a driver's structures, are called without a stub.
    let way = PerThread::take_call().map_or(Way::Call, Way::Return);
    let free = sched::out_of_driver(thread);
    thread.exports.set(thread.exports.get() + 1);
    if !export.irql.contains(&thread.irql()) {
        let (low, high) = (export.irql.start(), export.irql.end());
        let message = format!("called at IRQL {}, allowed are {low} to {high}", thread.irql());
        violation::report(export.rule.0, export.rule.1, export.name, message);
    }
    sched::switch_point();
    Call { thread, running, free, way }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.thread.exports.set(self.thread.exports.get() - 1);
        self.thread.meter.resume(self.running);
        residency::enter_driver(self.thread);
        // A handler of an exception, say, is called with the baton, and keeps it.
        if self.free || !self.thread.machine().options().free && self.thread.exports.get() == 0 {
            sched::into_driver(self.thread, Some(self.way));
        }
    }
}

/// Runs rig code that does not count as the driver's time.
pub(super) fn quiet<R>(body: impl FnOnce() -> R) -> R {
    let thread = Thread::current();
    let running = thread.meter.pause();
    let result = body();
    thread.meter.resume(running);
    result
}

/// Whether a driver has called the export that is running.
pub(super) fn called_by_driver() -> bool {
    Thread::try_current().is_some_and(|thread| {
        thread.exports.get() <= 1 && thread.callbacks.try_borrow().is_ok_and(|active| !active.is_empty())
    })
}

/// The import of a function that is as the driver's own code: it holds nothing, and a fault in it is one of its caller's.
pub(super) fn open(function: *const ()) -> Import {
    Import::Function { thunk: function as usize, tag: stub::OPEN }
}

/// Names that are exported and not emulated, numbered by the imports that were asked for.
static MISSING: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "win64" fn not_emulated() -> ! {
    let tag = PerThread::noted().tag as usize;
    let name = lock(&MISSING).get(tag).cloned().unwrap_or_default();
    bugcheck::not_emulated(&name)
}

/// The import of a name that the real DLL exports and the rig does not emulate: a call of it is fatal.
pub fn missing(name: &str) -> Import {
    let mut names = lock(&MISSING);
    let tag = names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    });
    Import::Function { thunk: not_emulated as *const () as usize, tag: tag as u32 }
}

/// Whether a name has been imported that the rig does not emulate.
pub(super) fn is_missing(name: &str) -> bool {
    lock(&MISSING).iter().any(|known| known == name)
}

/// The import of a name from a table.
pub fn find(table: &[&'static Export], name: &str) -> Option<Import> {
    table.iter().find(|export| export.name == name).map(|export| Import::function(export.thunk as usize))
}

/// The import of that name, from the DLLs of this layer, export drivers and the machine's providers.
pub fn lookup(dll: &str, name: &str) -> Option<Import> {
    if let Some(found) = ntoskrnl::lookup(dll, name) {
        return Some(found);
    }
    if let Some(library) = pnp::library(dll) {
        return library.image().and_then(|image| image.export(name)).map(Import::Data);
    }
    let providers = lock(&Machine::current().providers).clone();
    let mut mine = providers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(dll));
    mine.find_map(|(_, lookup)| lookup(name))
}
