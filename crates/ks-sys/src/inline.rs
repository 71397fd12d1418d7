//! The documented DDIs that are inline functions or macros of ks.h and no exports of `ks.sys`
//! (contract R0.1): typed names for its generic exports. Gates have their own module,
//! [`mod@crate::gate`].
//!
//! IRQL and locks are those of the export behind each name. Every function is unsafe for the one
//! reason that the C side is: its pointers must be those of live AVStream objects.

#![allow(clippy::missing_safety_doc, non_snake_case)]

use crate::{
    BOOLEAN, KsAcquireControl, KsGetDevice, KsGetFirstChild, KsGetNextSibling, KsGetObjectFromFileObject,
    KsGetOuterUnknown, KsGetParent, KsRegisterAggregatedClientUnknown, KsReleaseControl,
    KsRemoveItemFromObjectBag, PFILE_OBJECT, PKSDEVICE, PKSFILTER, PKSFILTERFACTORY, PKSPIN, PUNKNOWN, PVOID,
    ULONG,
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
    /// A filter's outer unknown (`nf-ks-ksfiltergetouterunknown.md`).
    KsFilterGetOuterUnknown(filter: PKSFILTER) -> PUNKNOWN = KsGetOuterUnknown;
    /// A pin's outer unknown (`nf-ks-kspingetouterunknown.md`).
    KsPinGetOuterUnknown(pin: PKSPIN) -> PUNKNOWN = KsGetOuterUnknown;
    /// Aggregates an inner unknown with a device (`nf-ks-ksdeviceregisteraggregatedclientunknown.md`).
    KsDeviceRegisterAggregatedClientUnknown(device: PKSDEVICE, unknown: PUNKNOWN) -> PUNKNOWN = KsRegisterAggregatedClientUnknown;
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
