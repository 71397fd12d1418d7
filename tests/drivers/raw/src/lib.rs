//! A driver as it would be written in C, on the raw bindings: a filter *Sink* with one pin that data goes into,
//! a filter *Source* with one pin that data comes out of, one fixed format.
//!
//! The features are its variants, one image each: [`mod@variant`] lists them. `sound` has no fault.

#![no_std]
#![cfg(windows)]
// A kernel driver in the manner of C: the header's names, structures full of pointers.
#![allow(non_upper_case_globals)]

#[cfg(not(test))]
extern crate wdk_panic;

mod answers;
mod clock;
#[path = "../../../specimen/constant.rs"]
mod constant;
#[path = "../../../specimen/descriptor.rs"]
mod descriptor;
mod filter;
#[path = "../../../specimen/format.rs"]
mod format;
mod sink;
mod source;
mod variant;

use constant::Constant;
use ks_sys::{
    KSDEVICE_DESCRIPTOR, KSFILTER_DESCRIPTOR, KsInitializeDriver, NTSTATUS, PDRIVER_OBJECT, PUNICODE_STRING,
};

/// The size of a frame in a format.
const SAMPLE_SIZE: u32 = variant::sample_size(format::FRAME);

static FILTERS: Constant<[*const KSFILTER_DESCRIPTOR; 2]> =
    Constant([filter::SINK.get(), filter::SOURCE.get()]);

static DEVICE: Constant<KSDEVICE_DESCRIPTOR> = Constant(KSDEVICE_DESCRIPTOR {
    Dispatch: core::ptr::null(),
    FilterDescriptorsCount: 2,
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
    variant::in_driver_entry();
    // SAFETY: the kernel's own arguments, and a constant descriptor.
    let status = unsafe { KsInitializeDriver(driver, registry_path, DEVICE.get()) };
    // SAFETY: the kernel's own driver object, with AVStream on it.
    unsafe { variant::after_driver_entry(driver) };
    status
}
