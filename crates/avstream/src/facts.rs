//! What a driver's objects tell each other: an interface with one function, which gives a structure of
//! numbers.
//!
//! A filter *provides* facts; a pin that is connected to one of its pins asks for them with
//! [`Pin::connected_filter`](crate::Pin::connected_filter). Both sides know the structure and its identifier, so that nobody else will answer:
//! whoever has other facts to give needs another identifier.

use core::{
    marker::PhantomData,
    mem::{ManuallyDrop, MaybeUninit},
    ptr::NonNull,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{
    bag,
    callback::callbacks,
    context::Control,
    error::{Error, Result},
    ffi::{
        GUID, IID, IUnknown, IUnknownVtbl, KsRegisterAggregatedClientUnknown, NTSTATUS, PVOID,
        STATUS_SUCCESS, ULONG, is_equal_guid,
    },
    filter::Filter,
    interface::{IID_IUNKNOWN, Interface, Owned},
    kbox::KBox,
    plain::Plain,
    shared::Shared,
};

/// Facts, with the identifier of the interface that gives them.
pub trait Facts: Plain {
    /// The identifier; nothing else may have it.
    const IID: GUID;
}

/// Who knows facts.
pub trait Provide<T: Facts>: Send + Sync + 'static {
    /// The facts, as they are now. PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// Any; whoever asked gets it.
    fn provide(&self) -> Result<T>;
}

/// The interface.
#[repr(C)]
pub struct IFacts<T: Facts> {
    table: *const Table<T>,
}

#[cfg(windows)]
type Get<T> = unsafe extern "C" fn(this: *mut IFacts<T>, facts: *mut T) -> NTSTATUS;
#[cfg(not(windows))]
type Get<T> = unsafe extern "win64" fn(this: *mut IFacts<T>, facts: *mut T) -> NTSTATUS;

#[repr(C)]
struct Table<T: Facts> {
    unknown: IUnknownVtbl,
    get: Get<T>,
}

// SAFETY: a pointer to a table that begins with IUnknown's.
unsafe impl<T: Facts> Interface for IFacts<T> {
    const IID: GUID = T::IID;
}

impl<T: Facts> Owned<IFacts<T>> {
    /// Asks for the facts. PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// What the other side says.
    pub fn get(&self) -> Result<T> {
        let this = self.pointer().as_ptr();
        let mut facts = MaybeUninit::<T>::uninit();
        // SAFETY: a live interface.
        let table = unsafe { (*this).table };
        // SAFETY: a live interface has a table.
        let get = unsafe { (*table).get };
        // SAFETY: a live interface; room for the facts.
        Error::check(unsafe { get(this, facts.as_mut_ptr()) })?;
        // SAFETY: success means that they have been written.
        Ok(unsafe { facts.assume_init() })
    }
}

impl Filter<'_, Control> {
    /// Has this filter provide facts.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksregisteraggregatedclientunknown>
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn provide<T: Facts, P: Provide<T>>(&self, source: Shared<P>) -> Result {
        let face = IFacts { table: &Methods::<T, P>::TABLE };
        let provider = Shared::new(Provider { face, references: AtomicU32::new(0), source })?;
        let unknown: *const Provider<T, P> = &raw const *provider;
        // SAFETY: a live filter.
        let bag = unsafe { (*self.as_ptr()).Bag };
        // SAFETY: its bag; the control mutex is held.
        unsafe { bag::add(bag, KBox::new(provider)?) }?;
        // ASSUMED: the class driver takes a reference of its own, as COM's rules ask, and gives none to the caller.
        // SAFETY: a live filter, and an object that lives as long and longer if there are references.
        let outer = unsafe {
            KsRegisterAggregatedClientUnknown(self.as_ptr().cast(), unknown.cast_mut().cast::<IUnknown>())
        };
        if outer.is_null() { Err(Error::INSUFFICIENT_RESOURCES) } else { Ok(()) }
    }
}

/// The object behind the interface. One owner is the filter's bag; another, as long as there are any, all references
/// together.
#[repr(C)]
struct Provider<T: Facts, P> {
    face: IFacts<T>,
    references: AtomicU32,
    source: Shared<P>,
}

// SAFETY: the pointer is to a constant.
unsafe impl<T: Facts, P: Send + Sync> Send for Provider<T, P> {}
// SAFETY: as above.
unsafe impl<T: Facts, P: Send + Sync> Sync for Provider<T, P> {}

struct Methods<T, P>(PhantomData<(T, P)>);

impl<T: Facts, P: Provide<T>> Methods<T, P> {
    const TABLE: Table<T> = Table {
        unknown: IUnknownVtbl {
            QueryInterface: Some(query_interface::<T, P>),
            AddRef: Some(add_ref::<T, P>),
            Release: Some(release::<T, P>),
        },
        get: get::<T, P>,
    };
}

impl<T: Facts, P: Provide<T>> Provider<T, P> {
    /// The object that an interface belongs to, with the owner that its references are together.
    ///
    /// # Safety
    ///
    /// `this` is an interface of a live object of this kind.
    unsafe fn owner(this: *mut IUnknown) -> Option<ManuallyDrop<Shared<Self>>> {
        let this = NonNull::new(this.cast::<Self>())?;
        // SAFETY: the caller's promise; the object begins with its interface.
        Some(ManuallyDrop::new(unsafe { Shared::from_value(this) }))
    }
}

callbacks! {
    /// `IUnknown.QueryInterface` of the inner object (R4.21).
    fn query_interface<T: Facts, P: Provide<T>>(this: *mut IUnknown, id: *const IID, interface: *mut PVOID) -> NTSTATUS {
        // SAFETY: the caller's identifier.
        let id = unsafe { *id };
        let is_known = is_equal_guid(&id, &T::IID) || is_equal_guid(&id, &IID_IUNKNOWN);
        if is_known {
            // SAFETY: the caller has the interface.
            unsafe { add_ref::<T, P>(this) };
        }
        // SAFETY: where the caller wants it.
        unsafe { interface.write(if is_known { this.cast() } else { core::ptr::null_mut() }) };
        if is_known { STATUS_SUCCESS } else { Error::NOINTERFACE.status() }
    }

    /// `IUnknown.AddRef`.
    fn add_ref<T: Facts, P: Provide<T>>(this: *mut IUnknown) -> ULONG {
        // SAFETY: the caller has the interface.
        let Some(owner) = (unsafe { Provider::<T, P>::owner(this) }) else { return 0 };
        let before = owner.references.fetch_add(1, Ordering::Relaxed);
        if before == 0 {
            // The references become an owner.
            core::mem::forget(Shared::clone(&owner));
        }
        before.wrapping_add(1)
    }

    /// `IUnknown.Release`. One that was never added is ignored.
    fn release<T: Facts, P: Provide<T>>(this: *mut IUnknown) -> ULONG {
        // SAFETY: the caller has the interface.
        let Some(owner) = (unsafe { Provider::<T, P>::owner(this) }) else { return 0 };
        let less = |references: u32| references.checked_sub(1);
        match owner.references.fetch_update(Ordering::AcqRel, Ordering::Relaxed, less) {
            Ok(1) => {
                // The references are an owner no more.
                drop(ManuallyDrop::into_inner(owner));
                0
            }
            Ok(before) => before.wrapping_sub(1),
            Err(_) => 0,
        }
    }

    /// The interface's one function.
    fn get<T: Facts, P: Provide<T>>(this: *mut IFacts<T>, facts: *mut T) -> NTSTATUS {
        // SAFETY: the caller has the interface.
        let Some(owner) = (unsafe { Provider::<T, P>::owner(this.cast()) }) else {
            return Error::INVALID_PARAMETER.status();
        };
        match owner.source.provide() {
            Ok(value) => {
                // SAFETY: where the caller wants them.
                unsafe { facts.write(value) };
                STATUS_SUCCESS
            }
            Err(error) => error.status(),
        }
    }
}
