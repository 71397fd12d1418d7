//! The PnP manager: drivers, root-enumerated devices, and what is known about the code of drivers.

use std::{collections::BTreeMap, ptr::null_mut};

use ks_sys::*;

use super::machine::{Machine, lock};
use crate::pe::{self, stub::PerThread, unwind};

mod bus;
mod code;
mod device;
mod driver;
mod library;
#[cfg(test)]
mod tests;

#[cfg(test)]
pub(super) use self::driver::register;
pub(super) use self::{
    code::Code,
    device::{device_of, last_file_closed, query_relations},
    library::library,
};
pub use self::{
    device::{Device, devices},
    driver::{Driver, Error, drivers, load, load_builtin, load_file},
    library::{Library, load_library},
};

/// The drivers and devices of one machine.
#[derive(Default)]
pub(super) struct State {
    drivers: Vec<&'static Driver>,
    devices: Vec<&'static Device>,
    /// Export drivers, by the name that other drivers import from.
    libraries: Vec<(&'static str, &'static Driver)>,
    /// (driver object, client identification address) to memory.
    extensions: BTreeMap<(usize, usize), Box<[u128]>>,
    /// The images of drivers that have been unloaded.
    gone: Vec<&'static pe::Image>,
    /// The driver object of the root bus.
    bus: usize,
}

fn images() -> Vec<&'static pe::Image> {
    let Some(machine) = Machine::try_current() else { return Vec::new() };
    // A fault may come while the list is being changed.
    let Ok(state) = machine.pnp.try_lock() else { return Vec::new() };
    state.drivers.iter().filter_map(|driver| driver.image()).collect()
}

/// Unmaps the images of the machine's drivers that have been unloaded: for who makes thousands of machines.
///
/// # Safety
/// Nobody looks at these images any more, and none of their code runs.
pub unsafe fn free_images() {
    let gone = std::mem::take(&mut lock(&Machine::current().pnp).gone);
    for image in gone {
        // SAFETY: it comes from a box that was leaked, and is in this list once.
        drop(unsafe { Box::from_raw(std::ptr::from_ref(image).cast_mut()) });
    }
}

/// Whether the address lies in the image of a driver. Signal handlers may ask.
pub(super) fn is_driver_code(address: usize) -> bool {
    Machine::try_current().is_some_and(|machine| machine.code.contains(address))
}

/// The image that an address lies in.
pub(super) fn image_at(address: usize) -> Option<&'static pe::Image> {
    images().into_iter().find(|image| image.contains(address))
}

/// The bytes of code at an address in a driver's image: as many as the longest instruction has.
pub(super) fn code_at(address: usize) -> [u8; 15] {
    // The image may end before as many bytes.
    let byte = |index: usize| pe::try_read::<1>(address + index).map_or(0xCC, |[byte]| byte);
    pe::try_read(address).unwrap_or_else(|| std::array::from_fn(byte))
}

/// The calls of the driver that led here, innermost first.
pub(super) fn driver_stack() -> Vec<String> {
    unwind::Context::at_import(&PerThread::noted()).map_or_else(Vec::new, stack_from)
}

/// The driver's image that has called the export that is running.
pub(super) fn calling_image() -> Option<&'static pe::Image> {
    image_at(unwind::Context::at_import(&PerThread::noted())?.rip as usize)
}

/// The same as images and offsets in them: what stays the same from load to load.
pub(super) fn driver_place() -> Vec<(&'static str, u32)> {
    let images = images();
    let context = unwind::Context::at_import(&PerThread::noted());
    context.map_or_else(Vec::new, |context| unwind::places(&images, context))
}

/// The calls of a driver from a processor context on; empty when it is not in a driver.
pub(super) fn stack_from(context: unwind::Context) -> Vec<String> {
    unwind::backtrace(&images(), context).iter().map(ToString::to_string).collect()
}

/// New zeroed memory of a driver for a client, or None if it has some.
pub(super) fn add_driver_extension(driver: usize, client: usize, bytes: usize) -> Option<PVOID> {
    let mut state = lock(&Machine::current().pnp);
    if state.extensions.contains_key(&(driver, client)) {
        return None;
    }
    let memory = vec![0_u128; bytes.div_ceil(16).max(1)].into_boxed_slice();
    Some(state.extensions.entry((driver, client)).or_insert(memory).as_mut_ptr().cast())
}

/// That memory, or NULL.
pub(super) fn driver_extension(driver: usize, client: usize) -> PVOID {
    let mut state = lock(&Machine::current().pnp);
    state.extensions.get_mut(&(driver, client)).map_or(null_mut(), |memory| memory.as_mut_ptr().cast())
}
