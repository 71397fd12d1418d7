//! IRP_MJ_CREATE: what a name asks for (sections 0.4 and 3.1 of the contract).
//!
//! The status of a create request is what its opener gets (R3.4).

use ks_sys::{
    GUID, IO_STACK_LOCATION, KSNAME_Allocator, KSNAME_Clock, KSNAME_Pin, KSNAME_TopologyNode, NTSTATUS, PIRP,
    STATUS_DEVICE_NOT_READY, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND,
};

use super::{
    child::{Child, What},
    create_child::{self, KSNAME_ALLOCATOR_EX},
    create_item,
    device::Device,
    factory::guid_text,
    filter, irp,
    object::Object,
    pin_open,
};
use crate::nt::{complete, string, trace};

const BACKSLASH: u16 = b'\\' as u16;

/// Answers the request and completes it.
pub fn dispatch(device: &'static Device, irp: PIRP) -> NTSTATUS {
    match target(device, irp) {
        Ok(Target::Filter(factory)) => filter::open(factory, irp),
        Ok(Target::Pin(filter, bytes)) => pin_open::open(filter, bytes, irp),
        Ok(Target::Child(parent, what)) => Child::open(irp, parent, what),
        Err(status) => {
            trace::event("create_refused", device.name(), format_args!("{status:#010x}"));
            // SAFETY: the request is ours.
            unsafe { complete(irp, status, 0) }
        }
    }
}

enum Target {
    Filter(&'static super::Factory),
    Pin(&'static super::Filter, &'static [u8]),
    Child(Object, What),
}

fn target(device: &'static Device, irp: PIRP) -> Result<Target, NTSTATUS> {
    // R1.8, R1.15: nothing opens on a device that is not started, or gone. ASSUMED: one that has agreed to be removed
    // says the same.
    if !device.opens() {
        return Err(STATUS_DEVICE_NOT_READY);
    }
    // R1.10, 10.29: nor before PostStart is over; its error is that of every create.
    let post_start = device.post_start.wait();
    if post_start < 0 {
        return Err(post_start);
    }
    // SAFETY: a create request has a file object with a name.
    let (parent, name) = unsafe {
        let stack: *mut IO_STACK_LOCATION = irp::stack(irp);
        let file = (*stack).FileObject;
        ((*file).RelatedFileObject, string::units(&raw const (*file).FileName))
    };
    let name: &'static [u16] = name;
    // The class of the object is the text up to the next backslash (R1.25).
    let name = name.strip_prefix(&[BACKSLASH]).unwrap_or(name);
    let length = name.iter().position(|&unit| unit == BACKSLASH).unwrap_or(name.len());
    let (class, rest) = name.split_at(length);
    let class = String::from_utf16_lossy(class);
    if parent.is_null() {
        return create_item::find(device, &class, !rest.is_empty(), irp).map(Target::Filter);
    }
    let is = |guid: &GUID| class.eq_ignore_ascii_case(&guid_text(guid));
    match irp::object_of(parent) {
        Some(Object::Filter(filter)) if is(&KSNAME_Pin) => {
            let parameters = rest.strip_prefix(&[BACKSLASH]).unwrap_or(rest);
            // SAFETY: the same memory as bytes; the name lives as long as the file object.
            let bytes =
                unsafe { std::slice::from_raw_parts(parameters.as_ptr().cast(), parameters.len() * 2) };
            Ok(Target::Pin(filter, bytes))
        }
        Some(Object::Pin(pin)) if is(&KSNAME_Clock) => {
            Ok(Target::Child(Object::Pin(pin), create_child::clock(pin, irp)?))
        }
        Some(Object::Pin(pin)) if is(&KSNAME_Allocator) => {
            Ok(Target::Child(Object::Pin(pin), create_child::allocator(pin, irp)?))
        }
        Some(Object::Pin(pin)) if is(&KSNAME_ALLOCATOR_EX) => {
            Ok(Target::Child(Object::Pin(pin), create_child::allocator_ex(pin, irp)?))
        }
        Some(object @ (Object::Filter(_) | Object::Pin(_))) if is(&KSNAME_TopologyNode) => {
            Ok(Target::Child(object, create_child::node(object, irp)?))
        }
        Some(_) => Err(STATUS_NOT_FOUND),
        None => Err(STATUS_INVALID_PARAMETER),
    }
}
