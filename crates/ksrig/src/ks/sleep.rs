//! Sleep and wake callbacks (R1.17): of factories, of filter-centric filters, of pins of other filters.

use std::sync::Mutex;

use ks_sys::{
    _DEVICE_POWER_STATE::PowerDeviceD0, DEVICE_POWER_STATE, PFNKSFILTERPOWER, PFNKSPINPOWER, PKSFILTER,
    PKSPIN,
};

use super::{
    call::{FACTORY_SLEEP, FACTORY_WAKE, FILTER_SLEEP, FILTER_WAKE, PIN_SLEEP, PIN_WAKE, driver_call},
    device::Device,
    object::{Filter as FilterObject, Pin as PinObject},
    pnp::under_mutex,
    processing::Subject,
};
use crate::nt::violation;

/// The callbacks of a filter.
#[derive(Default)]
pub struct FilterPower(Mutex<[PFNKSFILTERPOWER; 2]>);

/// The callbacks of a pin.
#[derive(Default)]
pub struct PinPower(Mutex<[PFNKSPINPOWER; 2]>);

/// Tells the factories and the processing objects of a device. The device mutex is held, and the processing mutex of
/// each object while it is told (R8.2). PASSIVE_LEVEL.
pub(super) fn tell(device: &'static Device, to: DEVICE_POWER_STATE) {
    let wakes = usize::from(to == PowerDeviceD0);
    under_mutex(device, || {
        for factory in device.factories() {
            if let Some(routine) = [factory.sleep, factory.wake][wakes] {
                let kind = [FACTORY_SLEEP, FACTORY_WAKE][wakes];
                // SAFETY: the driver's callback with its own factory.
                driver_call(kind, factory.name(), || unsafe { routine(factory.ks(), to) });
            }
            for filter in factory.filters() {
                tell_filter(filter, to, wakes);
            }
        }
    });
}

fn tell_filter(filter: &'static FilterObject, to: DEVICE_POWER_STATE, wakes: usize) {
    if filter.is_centric() {
        let routine = filter.power.0.lock().expect("never poisoned")[wakes];
        if let Some(routine) = routine {
            let _processing = filter.processor().mutex().acquire();
            let kind = [FILTER_SLEEP, FILTER_WAKE][wakes];
            // SAFETY: the driver's callback with its own filter.
            driver_call(kind, filter.name(), || unsafe { routine(filter.ks(), to) });
        }
        return;
    }
    for pin in filter.pins() {
        let routine = pin.power.0.lock().expect("never poisoned")[wakes];
        if let Some(routine) = routine {
            let _processing = Subject::of(pin).processor().mutex().acquire();
            let kind = [PIN_SLEEP, PIN_WAKE][wakes];
            // SAFETY: the driver's callback with its own pin.
            driver_call(kind, pin.name(), || unsafe { routine(pin.ks(), to) });
        }
    }
}

fn check(sleep: bool, wake: bool, call: &str, object: &str) {
    if !sleep && !wake {
        violation::report("KsPowerCallbacks", 0, object, format_args!("{call} without any callback"));
    }
}

/// `KsFilterRegisterPowerCallbacks`: told when the device goes to sleep and wakes up, if the filter is
/// filter-centric. PASSIVE_LEVEL.
///
/// # Safety
/// The callbacks are good as long as the filter lives.
pub unsafe fn KsFilterRegisterPowerCallbacks(
    Filter: PKSFILTER,
    Sleep: PFNKSFILTERPOWER,
    Wake: PFNKSFILTERPOWER,
) {
    let filter = FilterObject::of(Filter);
    check(Sleep.is_some(), Wake.is_some(), "KsFilterRegisterPowerCallbacks", filter.name());
    *filter.power.0.lock().expect("never poisoned") = [Sleep, Wake];
}

/// `KsPinRegisterPowerCallbacks`: told when the device goes to sleep and wakes up, if the pin is pin-centric.
///
/// # Safety
/// The callbacks are good as long as the pin lives.
pub unsafe fn KsPinRegisterPowerCallbacks(Pin: PKSPIN, Sleep: PFNKSPINPOWER, Wake: PFNKSPINPOWER) {
    let pin = PinObject::of(Pin);
    check(Sleep.is_some(), Wake.is_some(), "KsPinRegisterPowerCallbacks", pin.name());
    *pin.power.0.lock().expect("never poisoned") = [Sleep, Wake];
}
