//! Which rule this driver breaks: the one that the name of its service says.

use core::{
    slice,
    sync::atomic::{AtomicBool, AtomicU16, Ordering},
};

use ks_sys::PUNICODE_STRING;

/// The service's name, with zeros behind it.
static NAME: [AtomicU16; 48] = [const { AtomicU16::new(0) }; 48];
static DONE: AtomicBool = AtomicBool::new(false);

/// Keeps the name of the service: the last part of DriverEntry's registry path.
///
/// # Safety
///
/// The path is a valid string.
pub unsafe fn remember(registry_path: PUNICODE_STRING) {
    // SAFETY: the caller's promise.
    let path = unsafe { &*registry_path };
    // SAFETY: the buffer holds that many bytes.
    let units = unsafe { slice::from_raw_parts(path.Buffer, usize::from(path.Length) / 2) };
    let name = units.rsplit(|unit| *unit == u16::from(b'\\')).next().unwrap_or_default();
    // The last place stays zero.
    for (place, unit) in NAME.iter().zip(name.iter().take(NAME.len() - 1)) {
        place.store(*unit, Ordering::Relaxed);
    }
}

/// Whether this is the mutant of that name. Any IRQL.
pub fn is(name: &str) -> bool {
    let own = NAME.iter().map(|unit| unit.load(Ordering::Relaxed)).take_while(|unit| *unit != 0);
    name.bytes().map(u16::from).eq(own)
}

/// The same, the first time that it is asked: a driver that has broken its rule goes on as the others do.
pub fn once(name: &str) -> bool {
    is(name) && !DONE.swap(true, Ordering::Relaxed)
}
