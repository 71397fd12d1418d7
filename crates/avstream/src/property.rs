//! Properties of a filter.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/stream/ks-properties>

use core::{marker::PhantomData, mem::zeroed};

use crate::{
    callback::callbacks,
    error::{Error, Result},
    ffi::{
        GUID, KSPROPERTY, KSPROPERTY_ITEM, KSPROPERTY_SET, KsGetFilterFromIrp, NTSTATUS, PIRP, PKSIDENTIFIER,
        PVOID, STATUS_SUCCESS,
    },
    filter::{self, FilterDispatch},
    plain::Plain,
    raw,
};

/// A property that can be read.
pub trait Property: 'static {
    /// The filter that has it.
    type Filter: FilterDispatch;
    /// What it is.
    type Value: Plain;
    /// Its number in the set.
    const ID: u32;

    /// What it is now. PASSIVE_LEVEL; whether the control mutex is held is not known.
    ///
    /// # Errors
    ///
    /// Any; the client gets it.
    fn get(filter: &Self::Filter) -> Result<Self::Value>;
}

/// A property, in the list of a set's properties.
#[repr(transparent)]
pub struct PropertyItem<F> {
    raw: KSPROPERTY_ITEM,
    filter: PhantomData<fn() -> F>,
}

// SAFETY: not changed, and without pointers but to functions.
unsafe impl<F> Sync for PropertyItem<F> {}

impl<F: FilterDispatch> PropertyItem<F> {
    /// The property that `P` serves.
    #[must_use]
    pub const fn new<P: Property<Filter = F>>() -> Self {
        let minimum = size_of::<KSPROPERTY>() as u32;
        let size = size_of::<P::Value>() as u32;
        assert!(size > 0, "property: a value without size cannot be told from a question for the size");
        Self { raw: raw::property_item(P::ID, minimum, size, Some(get::<P>)), filter: PhantomData }
    }
}

/// A set of properties.
#[repr(transparent)]
pub struct PropertySet<F> {
    raw: KSPROPERTY_SET,
    filter: PhantomData<fn() -> F>,
}

// SAFETY: not changed, and all that it points at is static.
unsafe impl<F> Sync for PropertySet<F> {}

impl<F: FilterDispatch> PropertySet<F> {
    /// The properties of a set, each with another number.
    #[must_use]
    pub const fn new(set: &'static GUID, items: &'static [PropertyItem<F>]) -> Self {
        let mut rest = items;
        while let [item, more @ ..] = rest {
            let mut others = more;
            while let [other, more @ ..] = others {
                assert!(item.raw.PropertyId != other.raw.PropertyId, "property: two have the same number");
                others = more;
            }
            rest = more;
        }
        Self {
            raw: KSPROPERTY_SET {
                Set: set,
                PropertiesCount: items.len() as u32,
                PropertyItem: items.as_ptr().cast(),
                // SAFETY: numbers and null pointers.
                ..unsafe { zeroed() }
            },
            filter: PhantomData,
        }
    }
}

callbacks! {
    /// `KSPROPERTY_ITEM.GetPropertyHandler` (`nc-ks-pfnkshandler.md`).
    fn get<P: Property>(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
        // SAFETY: the request that is being handled.
        let filter = unsafe { KsGetFilterFromIrp(irp) };
        // SAFETY: properties of `P::Filter` are found in its table only (R7.16).
        let value = match unsafe { filter::context::<P::Filter>(filter) }.and_then(P::get) {
            Ok(value) => value,
            Err(error) => return error.status(),
        };
        if data.is_null() {
            return Error::INVALID_PARAMETER.status();
        }
        // SAFETY: at least as many bytes as the item's MinData says (R7.12).
        unsafe { data.cast::<P::Value>().write_unaligned(value) };
        // SAFETY: the request that is being handled.
        unsafe { (*irp).IoStatus.Information = size_of::<P::Value>() as u64 };
        STATUS_SUCCESS
    }
}
