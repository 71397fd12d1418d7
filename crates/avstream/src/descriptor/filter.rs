//! Filter descriptors.

use core::{marker::PhantomData, mem::zeroed, ptr::null};

use super::{FilterFlags, PinDescriptor};
use crate::{
    device::DeviceDispatch,
    ffi::{GUID, KSFILTER_DESCRIPTOR, KSFILTER_DESCRIPTOR_VERSION, KSPIN_DESCRIPTOR_EX},
    filter::{FilterDispatch, Table},
};

/// A filter type of devices of kind `D`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_ksfilter_descriptor>
#[repr(transparent)]
pub struct FilterDescriptor<D> {
    raw: KSFILTER_DESCRIPTOR,
    device: PhantomData<fn() -> D>,
}

// SAFETY: a descriptor is not changed, and all that it points at is static.
unsafe impl<D> Sync for FilterDescriptor<D> {}

impl<D: DeviceDispatch> FilterDescriptor<D> {
    /// Filters that `F` serves: their reference string, the interface classes under which they are
    /// found, and their pin types.
    #[must_use]
    pub const fn new<F: FilterDispatch<Device = D>>(
        reference: &'static GUID,
        categories: &'static [GUID],
        pins: &'static [PinDescriptor<F>],
    ) -> Self {
        assert!(!categories.is_empty(), "filter: without a category it is not found");
        assert!(!pins.is_empty(), "filter: there is no pin");
        let mut rest = pins;
        while let [pin, more @ ..] = rest {
            pin.check();
            rest = more;
        }
        Self::of::<F>(reference, categories, pins)
    }

    /// Filters that have properties and events, and no pins.
    #[must_use]
    pub const fn without_pins<F: FilterDispatch<Device = D>>(
        reference: &'static GUID,
        categories: &'static [GUID],
    ) -> Self {
        assert!(!categories.is_empty(), "filter: without a category it is not found");
        Self::of::<F>(reference, categories, &[])
    }

    pub(crate) const fn as_raw(&self) -> *const KSFILTER_DESCRIPTOR {
        &raw const self.raw
    }

    const fn of<F: FilterDispatch<Device = D>>(
        reference: &'static GUID,
        categories: &'static [GUID],
        pins: &'static [PinDescriptor<F>],
    ) -> Self {
        Self {
            raw: KSFILTER_DESCRIPTOR {
                Dispatch: &Table::<F>::DISPATCH,
                AutomationTable: if F::PROPERTIES.is_empty() && F::EVENTS.is_empty() {
                    null()
                } else {
                    &Table::<F>::AUTOMATION
                },
                Version: KSFILTER_DESCRIPTOR_VERSION,
                ReferenceGuid: reference,
                PinDescriptorsCount: pins.len() as u32,
                PinDescriptorSize: size_of::<KSPIN_DESCRIPTOR_EX>() as u32,
                PinDescriptors: if pins.is_empty() { null() } else { pins.as_ptr().cast() },
                CategoriesCount: categories.len() as u32,
                Categories: categories.as_ptr(),
                // SAFETY: numbers and null pointers.
                ..unsafe { zeroed() }
            },
            device: PhantomData,
        }
    }

    /// How frames are processed, and who may open such a filter.
    #[must_use]
    pub const fn flags(mut self, flags: FilterFlags) -> Self {
        assert!(
            !flags.has(FilterFlags::CRITICAL_PROCESSING.with(FilterFlags::HYPERCRITICAL_PROCESSING)),
            "filter: CRITICAL_PROCESSING and HYPERCRITICAL_PROCESSING exclude each other"
        );
        self.raw.Flags = flags.0;
        self
    }
}
