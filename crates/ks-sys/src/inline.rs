//! The documented DDIs that are inline functions or macros of ks.h and no exports of `ks.sys`
//! (contract R0.1): typed names for its generic exports. Gates have their own module,
//! [`mod@crate::gate`].
//!
//! IRQL and locks are those of the export behind each name. Every function is unsafe for the one
//! reason that the C side is: its pointers must be those of live AVStream objects.

#![allow(clippy::missing_safety_doc, non_snake_case)]

use crate::{
    BOOLEAN, GUID, KSDEVICE_HEADER, KSEVENT_ITEM, KSEVENT_SET, KSMETHOD_ITEM, KSMETHOD_SET, KSPROPERTY_ITEM,
    KSPROPERTY_SET, KsAcquireControl, KsAddEvent, KsFreeObjectCreateItemsByContext, KsGenerateEvents,
    KsGetDevice, KsGetFirstChild, KsGetNextSibling, KsGetObjectFromFileObject, KsGetOuterUnknown,
    KsGetParent, KsRegisterAggregatedClientUnknown, KsReleaseControl, KsRemoveItemFromObjectBag, NTSTATUS,
    PFILE_OBJECT, PFNKSGENERATEEVENTCALLBACK, PIRP, PKSATTRIBUTE_LIST, PKSDEVICE, PKSEVENT_ENTRY, PKSFILTER,
    PKSFILTERFACTORY, PKSOBJECT_CREATE_ITEM, PKSPIN, PKSPIN_LOCK, PUNKNOWN, PVOID, ULONG, ULONG_PTR,
};

/// Names of one generic export for one kind of object.
macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident($object:ident: $type:ty $(, $argument:ident: $argument_type:ty)*) $(-> $result:ty)? = $export:ident;)*) => {
        $($(#[$doc])*
        pub unsafe fn $name($object: $type $(, $argument: $argument_type)*) $(-> $result)? {
            // SAFETY: the caller's promise: the object is live, and the locks that the export's page
            // asks for are held.
            unsafe { $export($object.cast() $(, $argument)*) $(as $result)? }
        })*
    };
}

typed! {
    /// Takes the filter control mutex (`nf-ks-ksfilteracquirecontrol.md`).
    KsFilterAcquireControl(filter: PKSFILTER) = KsAcquireControl;
    /// Drops the filter control mutex (`nf-ks-ksfilterreleasecontrol.md`).
    KsFilterReleaseControl(filter: PKSFILTER) = KsReleaseControl;
    /// Takes the control mutex of a pin's filter (`nf-ks-kspinacquirecontrol.md`).
    KsPinAcquireControl(pin: PKSPIN) = KsAcquireControl;
    /// Drops the control mutex of a pin's filter (`nf-ks-kspinreleasecontrol.md`).
    KsPinReleaseControl(pin: PKSPIN) = KsReleaseControl;
    /// Adds an event to a filter's list (`nf-ks-ksfilteraddevent.md`).
    KsFilterAddEvent(filter: PKSFILTER, entry: PKSEVENT_ENTRY) = KsAddEvent;
    /// Adds an event to a pin's list (`nf-ks-kspinaddevent.md`).
    KsPinAddEvent(pin: PKSPIN, entry: PKSEVENT_ENTRY) = KsAddEvent;
    /// Tells those who wait for an event of a filter (`nf-ks-ksfiltergenerateevents.md`).
    KsFilterGenerateEvents(filter: PKSFILTER, set: *const GUID, id: ULONG, size: ULONG, data: PVOID, callback: PFNKSGENERATEEVENTCALLBACK, context: PVOID) = KsGenerateEvents;
    /// Tells those who wait for an event of a pin (`nf-ks-kspingenerateevents.md`).
    KsPinGenerateEvents(pin: PKSPIN, set: *const GUID, id: ULONG, size: ULONG, data: PVOID, callback: PFNKSGENERATEEVENTCALLBACK, context: PVOID) = KsGenerateEvents;
    /// The device of a filter factory (`nf-ks-ksfilterfactorygetdevice.md`).
    KsFilterFactoryGetDevice(factory: PKSFILTERFACTORY) -> PKSDEVICE = KsGetDevice;
    /// The device of a filter (`nf-ks-ksfiltergetdevice.md`).
    KsFilterGetDevice(filter: PKSFILTER) -> PKSDEVICE = KsGetDevice;
    /// The device of a pin (`nf-ks-kspingetdevice.md`).
    KsPinGetDevice(pin: PKSPIN) -> PKSDEVICE = KsGetDevice;
    /// The factory of a filter (`nf-ks-ksfiltergetparentfilterfactory.md`).
    KsFilterGetParentFilterFactory(filter: PKSFILTER) -> PKSFILTERFACTORY = KsGetParent;
    /// The device of a factory (`nf-ks-ksfilterfactorygetparentdevice.md`).
    KsFilterFactoryGetParentDevice(factory: PKSFILTERFACTORY) -> PKSDEVICE = KsGetParent;
    /// The first factory of a device (`nf-ks-ksdevicegetfirstchildfilterfactory.md`).
    KsDeviceGetFirstChildFilterFactory(device: PKSDEVICE) -> PKSFILTERFACTORY = KsGetFirstChild;
    /// The first filter of a factory (`nf-ks-ksfilterfactorygetfirstchildfilter.md`).
    KsFilterFactoryGetFirstChildFilter(factory: PKSFILTERFACTORY) -> PKSFILTER = KsGetFirstChild;
    /// The next factory of the device (`nf-ks-ksfilterfactorygetnextsiblingfilterfactory.md`).
    KsFilterFactoryGetNextSiblingFilterFactory(factory: PKSFILTERFACTORY) -> PKSFILTERFACTORY = KsGetNextSibling;
    /// The next filter of the factory (`nf-ks-ksfiltergetnextsiblingfilter.md`).
    KsFilterGetNextSiblingFilter(filter: PKSFILTER) -> PKSFILTER = KsGetNextSibling;
    /// A device's outer unknown (`nf-ks-ksdevicegetouterunknown.md`).
    KsDeviceGetOuterUnknown(device: PKSDEVICE) -> PUNKNOWN = KsGetOuterUnknown;
    /// A factory's outer unknown (`nf-ks-ksfilterfactorygetouterunknown.md`).
    KsFilterFactoryGetOuterUnknown(factory: PKSFILTERFACTORY) -> PUNKNOWN = KsGetOuterUnknown;
    /// A filter's outer unknown (`nf-ks-ksfiltergetouterunknown.md`).
    KsFilterGetOuterUnknown(filter: PKSFILTER) -> PUNKNOWN = KsGetOuterUnknown;
    /// A pin's outer unknown (`nf-ks-kspingetouterunknown.md`).
    KsPinGetOuterUnknown(pin: PKSPIN) -> PUNKNOWN = KsGetOuterUnknown;
    /// Aggregates an inner unknown with a device (`nf-ks-ksdeviceregisteraggregatedclientunknown.md`).
    KsDeviceRegisterAggregatedClientUnknown(device: PKSDEVICE, unknown: PUNKNOWN) -> PUNKNOWN = KsRegisterAggregatedClientUnknown;
    /// Aggregates an inner unknown with a factory (`nf-ks-ksfilterfactoryregisteraggregatedclientunknown.md`).
    KsFilterFactoryRegisterAggregatedClientUnknown(factory: PKSFILTERFACTORY, unknown: PUNKNOWN) -> PUNKNOWN = KsRegisterAggregatedClientUnknown;
    /// Aggregates an inner unknown with a filter (`nf-ks-ksfilterregisteraggregatedclientunknown.md`).
    KsFilterRegisterAggregatedClientUnknown(filter: PKSFILTER, unknown: PUNKNOWN) -> PUNKNOWN = KsRegisterAggregatedClientUnknown;
    /// Aggregates an inner unknown with a pin (`nf-ks-kspinregisteraggregatedclientunknown.md`).
    KsPinRegisterAggregatedClientUnknown(pin: PKSPIN, unknown: PUNKNOWN) -> PUNKNOWN = KsRegisterAggregatedClientUnknown;
}

/// The pin behind a file object (`nf-ks-ksgetpinfromfileobject.md`).
pub unsafe fn KsGetPinFromFileObject(file_object: PFILE_OBJECT) -> PKSPIN {
    // SAFETY: the caller's promise: an AVStream pin's live file object.
    unsafe { KsGetObjectFromFileObject(file_object) }.cast()
}

/// The filter behind a file object (`nf-ks-ksgetfilterfromfileobject.md`).
pub unsafe fn KsGetFilterFromFileObject(file_object: PFILE_OBJECT) -> PKSFILTER {
    // SAFETY: the caller's promise: an AVStream filter's live file object.
    unsafe { KsGetObjectFromFileObject(file_object) }.cast()
}

/// Removes an item from an object's bag and frees it with the last reference
/// (`nf-ks-ksdiscard.md`); the reference count before.
pub unsafe fn KsDiscard(object_bag: PVOID, item: PVOID) -> ULONG {
    const FREE: BOOLEAN = 1;
    // SAFETY: the caller's promise: the bag is live and its owner's mutex is held.
    unsafe { KsRemoveItemFromObjectBag(object_bag, item, FREE) }
}

/// Deletes a factory that `KsCreateFilterFactory` made (`nf-ks-ksdeletefilterfactory.md`).
pub unsafe fn KsDeleteFilterFactory(factory: PKSFILTERFACTORY) -> NTSTATUS {
    // SAFETY: the caller's promise: a live factory, whose device is held.
    let device = unsafe { KsFilterFactoryGetParentDevice(factory) };
    // SAFETY: the device of a live factory.
    let object = unsafe { (*device).FunctionalDeviceObject };
    // SAFETY: its device object, which lives as long.
    let extension = unsafe { (*object).DeviceExtension };
    // SAFETY: the extension of an AVStream device begins with the header.
    let header = unsafe { *extension.cast::<KSDEVICE_HEADER>() };
    // SAFETY: the header that the factory's create items are in.
    unsafe { KsFreeObjectCreateItemsByContext(header, factory.cast()) }
}

/// Where KS keeps things in a request: `KS…_IRP_STORAGE`. In C each is an lvalue; here, its place.
macro_rules! storage {
    ($($(#[$doc:meta])* $name:ident: $type:ty = $index:literal;)*) => {
        $($(#[$doc])*
        pub const unsafe fn $name(irp: PIRP) -> *mut $type {
            // SAFETY: the caller's promise: a live request.
            let context = unsafe { &raw mut (*irp).Tail.Overlay.__bindgen_anon_1.__bindgen_anon_1.DriverContext };
            // SAFETY: inside the array, which has four elements.
            unsafe { context.cast::<PVOID>().add($index) }.cast()
        })*
    };
}

storage! {
    /// The create item that a create request is for.
    KSCREATE_ITEM_IRP_STORAGE: PKSOBJECT_CREATE_ITEM = 0;
    /// The set of the event that is asked for.
    KSEVENT_SET_IRP_STORAGE: *const KSEVENT_SET = 0;
    /// The event that is asked for.
    KSEVENT_ITEM_IRP_STORAGE: *const KSEVENT_ITEM = 3;
    /// The entry of the event that is asked about.
    KSEVENT_ENTRY_IRP_STORAGE: PKSEVENT_ENTRY = 0;
    /// The set of the method that is called.
    KSMETHOD_SET_IRP_STORAGE: *const KSMETHOD_SET = 0;
    /// The method that is called.
    KSMETHOD_ITEM_IRP_STORAGE: *const KSMETHOD_ITEM = 3;
    /// The flags of the method that is called.
    KSMETHOD_TYPE_IRP_STORAGE: ULONG_PTR = 2;
    /// The spin lock of the queue that the request is in.
    KSQUEUE_SPINLOCK_IRP_STORAGE: PKSPIN_LOCK = 1;
    /// The set of the property that is asked for.
    KSPROPERTY_SET_IRP_STORAGE: *const KSPROPERTY_SET = 0;
    /// The property that is asked for.
    KSPROPERTY_ITEM_IRP_STORAGE: *const KSPROPERTY_ITEM = 3;
    /// The attributes that the format of the request has.
    KSPROPERTY_ATTRIBUTES_IRP_STORAGE: PKSATTRIBUTE_LIST = 2;
}
