//! From one AVStream object to another.
//!
//! `KsPinGetParentFilter` and its like are exports although others of their kind are inline (R0.2).

use ks_sys::{
    IRP_MJ_CREATE, KSFILTER_NODE, KSOBJECTTYPE, PFILE_OBJECT, PIRP, PKSDEVICE, PKSFILTER, PKSPIN, PVOID,
};

use super::{
    filter, irp,
    object::{self, Object},
    property,
    subject::Subject,
};
use crate::nt::{callback, violation};

fn next<T: Copy>(list: &[T], is_current: impl Fn(&T) -> bool) -> Option<T> {
    let place = list.iter().position(is_current)?;
    list.get(place + 1).copied()
}

/// `KsGetParent`: the parent of an object; null for a device. Passive level.
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsGetParent(Object: PVOID) -> PVOID {
    match Object::of(Object) {
        Object::Device(_) => std::ptr::null_mut(),
        Object::Factory(factory) => factory.device().ks().cast(),
        Object::Filter(filter) => filter.factory().ks().cast(),
        Object::Pin(pin) => pin.filter().ks().cast(),
    }
}

/// `KsGetFirstChild`: the first child of an object, or null. Passive level, the owner's mutex held (R8.3).
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsGetFirstChild(Object: PVOID) -> PVOID {
    match Object::of(Object) {
        Object::Device(device) => device.factories().first().map(|child| child.ks().cast()),
        Object::Factory(factory) => factory.filters().first().map(|child| child.ks().cast()),
        Object::Filter(filter) => filter.pins().first().map(|child| child.ks().cast()),
        Object::Pin(_) => None,
    }
    .unwrap_or(std::ptr::null_mut())
}

/// `KsGetNextSibling`: the next child of the same parent, or null. Passive level, the owner's mutex held (R8.3).
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsGetNextSibling(Object: PVOID) -> PVOID {
    match Object::of(Object) {
        Object::Device(_) => None,
        Object::Factory(factory) => {
            next(&factory.device().factories(), |other| std::ptr::eq(*other, factory))
                .map(|sibling| sibling.ks().cast())
        }
        Object::Filter(filter) => next(&filter.factory().filters(), |other| std::ptr::eq(*other, filter))
            .map(|sibling| sibling.ks().cast()),
        Object::Pin(pin) => {
            next(&pin.filter().pins(), |other| std::ptr::eq(*other, pin)).map(|sibling| sibling.ks().cast())
        }
    }
    .unwrap_or(std::ptr::null_mut())
}

/// `KsGetDevice`: the device that an object belongs to. Passive level.
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsGetDevice(Object: PVOID) -> PKSDEVICE {
    Object::of(Object).device().ks()
}

fn pins_of_type(filter: &object::Filter, id: u32) -> Vec<&'static object::Pin> {
    let mut pins = filter.pins();
    // SAFETY: the public structure lives as long as the pin.
    pins.retain(|pin| unsafe { (*pin.ks()).Id } == id);
    pins
}

/// `KsFilterGetFirstChildPin`: the first instance of a pin type, or null. Passive level, control mutex held.
///
/// # Safety
/// None beyond the filter, which is checked.
pub unsafe fn KsFilterGetFirstChildPin(Filter: PKSFILTER, PinId: u32) -> PKSPIN {
    let filter = object::Filter::of(Filter);
    pins_of_type(filter, PinId).first().map_or(std::ptr::null_mut(), |pin| pin.ks())
}

/// `KsFilterGetChildPinCount`: how many instances of a pin type there are. Passive level, control mutex held.
///
/// # Safety
/// None beyond the filter, which is checked.
pub unsafe fn KsFilterGetChildPinCount(Filter: PKSFILTER, PinId: u32) -> u32 {
    pins_of_type(object::Filter::of(Filter), PinId).len() as u32
}

/// `KsPinGetNextSiblingPin`: the next instance of the same pin type, or null. Passive level, control mutex held.
///
/// # Safety
/// None beyond the pin, which is checked.
pub unsafe fn KsPinGetNextSiblingPin(Pin: PKSPIN) -> PKSPIN {
    let pin = object::Pin::of(Pin);
    // SAFETY: the public structure lives as long as the pin.
    let siblings = pins_of_type(pin.filter(), unsafe { (*Pin).Id });
    next(&siblings, |other| std::ptr::eq(*other, pin)).map_or(std::ptr::null_mut(), |pin| pin.ks())
}

/// `KsPinGetParentFilter`: the filter of a pin. Passive level.
///
/// # Safety
/// None beyond the pin, which is checked.
pub unsafe fn KsPinGetParentFilter(Pin: PKSPIN) -> PKSFILTER {
    object::Pin::of(Pin).filter().ks()
}

/// `KsGetFilterFromIrp`: the filter that a request is for, also by way of a pin or a node; null if there is none.
///
/// # Safety
/// The driver owns the IRP.
pub unsafe fn KsGetFilterFromIrp(Irp: PIRP) -> PKSFILTER {
    Subject::of(irp::file_object(Irp)).map_or(std::ptr::null_mut(), |subject| subject.filter().ks())
}

/// `KsGetPinFromIrp`: the pin that a request is for, also by way of what was opened on it, or null.
///
/// # Safety
/// The driver owns the IRP.
pub unsafe fn KsGetPinFromIrp(Irp: PIRP) -> PKSPIN {
    let pin = Subject::of(irp::file_object(Irp)).and_then(|subject| subject.pin());
    pin.map_or(std::ptr::null_mut(), |pin| pin.ks())
}

/// `KsGetNodeIdFromIrp`: the node that a property, method or event request is for, or `KSFILTER_NODE` (R7.16).
///
/// # Safety
/// The driver owns the IRP.
pub unsafe fn KsGetNodeIdFromIrp(Irp: PIRP) -> u32 {
    property::node_of_irp(Irp).unwrap_or(KSFILTER_NODE)
}

/// `KsObjectTypeUnknown`, which the header's enumeration does not have.
///
/// ASSUMED: `(KSOBJECTTYPE)-1`, the value that newer headers give it.
const OBJECT_TYPE_UNKNOWN: KSOBJECTTYPE::Type = -1;

fn object_type(object: Option<Object>) -> KSOBJECTTYPE::Type {
    object.map_or(OBJECT_TYPE_UNKNOWN, |object| object.kind().object_type())
}

/// `KsGetObjectFromFileObject`: the AVStream object behind a file object. Any IRQL.
///
/// # Safety
/// The file object lives.
pub unsafe fn KsGetObjectFromFileObject(FileObject: PFILE_OBJECT) -> PVOID {
    irp::object_of(FileObject).map_or(std::ptr::null_mut(), |object| object.ks())
}

/// `KsGetObjectTypeFromFileObject`: what kind of object is behind a file object. Any IRQL.
///
/// # Safety
/// The file object lives.
pub unsafe fn KsGetObjectTypeFromFileObject(FileObject: PFILE_OBJECT) -> KSOBJECTTYPE::Type {
    object_type(irp::object_of(FileObject))
}

/// `KsGetObjectTypeFromIrp`: what kind of object a request is for. Any IRQL.
///
/// A create request whose object does not exist yet is for a device.
///
/// # Safety
/// The driver owns the IRP.
pub unsafe fn KsGetObjectTypeFromIrp(Irp: PIRP) -> KSOBJECTTYPE::Type {
    let object = irp::object_of(irp::file_object(Irp));
    // SAFETY: the driver owns the IRP.
    if object.is_none() && u32::from(unsafe { (*irp::stack(Irp)).MajorFunction }) == IRP_MJ_CREATE {
        return KSOBJECTTYPE::KsObjectTypeDevice;
    }
    object_type(object)
}

/// `KsAcquireControl`: takes the filter control mutex for a filter or a pin; not recursive (R8.1). Passive level.
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsAcquireControl(Object: PVOID) {
    if let Some(filter) = filter_of(Object) {
        if ["PinSleep", "PinWake", "FilterSleep", "FilterWake"].into_iter().any(callback::inside) {
            let message = "the filter control mutex is acquired in a sleep or wake callback";
            violation::report("KsPowerCallbacks", 0, filter.name(), message);
        }
        filter.control().acquire_for_driver(filter.name());
    }
}

/// `KsReleaseControl`: gives the filter control mutex back. Passive level.
///
/// # Safety
/// None beyond the object, which is checked.
pub unsafe fn KsReleaseControl(Object: PVOID) {
    if let Some(filter) = filter_of(Object) {
        filter.control().release_for_driver(filter.name());
    }
}

fn filter_of(object: PVOID) -> Option<&'static object::Filter> {
    let found = filter::of_object(Object::of(object));
    if found.is_none() {
        super::call::driver_error("KsInvalidObject", "the object is neither a filter nor a pin");
    }
    found
}
