//! A driver that breaks one rule, and only that: the one that its service is named after. Under any other name it is
//! right in all it does.
//!
//! A filter *Sink* with a pin that data goes into and whose newest frame is kept, a filter *Source* with a pin that a
//! timer drives, a filter *Drain* that processes its pins itself. mutants.tsv lists the names: what each does wrong, which rule says so, and what follows from it.

#![no_std]
#![cfg(windows)]
// A kernel driver in the manner of C: the header's names, structures full of pointers, long unsafe blocks.
#![allow(non_snake_case, non_upper_case_globals, clippy::multiple_unsafe_ops_per_block)]

#[cfg(not(test))]
extern crate wdk_panic;

#[path = "../../../specimen/constant.rs"]
mod constant;
mod controls;
mod ddi;
#[path = "../../../specimen/descriptor.rs"]
mod descriptor;
mod device;
mod drain;
mod exercise;
mod filter;
#[path = "../../../specimen/format.rs"]
mod format;
mod mutant;
mod shared;
mod sink;
mod source;
mod timer;
mod unload;
mod work;

use constant::Constant;
use ks_sys::{
    KSDEVICE_DESCRIPTOR, KSFILTER_DESCRIPTOR, KsInitializeDriver, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING,
};

/// The size of a frame in a format.
const SAMPLE_SIZE: u32 = format::FRAME;

static FILTERS: Constant<[*const KSFILTER_DESCRIPTOR; 3]> =
    Constant([filter::SINK.get(), filter::SOURCE.get(), filter::DRAIN.get()]);

static DEVICE: Constant<KSDEVICE_DESCRIPTOR> = Constant(KSDEVICE_DESCRIPTOR {
    Dispatch: device::DISPATCH.get(),
    FilterDescriptorsCount: 3,
    FilterDescriptors: FILTERS.get().cast(),
    Version: 0,
});

/// The entry point.
///
/// # Safety
///
/// For the kernel only.
// SAFETY: no other item of the image has this name.
#[unsafe(export_name = "DriverEntry")]
pub unsafe extern "system" fn driver_entry(
    driver: PDRIVER_OBJECT,
    registry_path: PUNICODE_STRING,
) -> NTSTATUS {
    // SAFETY: the kernel's own arguments, and a constant descriptor.
    let status = unsafe {
        mutant::remember(registry_path);
        KsInitializeDriver(driver, registry_path, DEVICE.get())
    };
    if status >= 0 {
        // SAFETY: the kernel's driver object, at PASSIVE_LEVEL.
        unsafe { unload::in_driver_entry(driver) };
    }
    status
}
