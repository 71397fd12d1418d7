//! What a driver's objects tell each other: an interface with one function, which gives a structure of
//! numbers.
//!
//! A filter *provides* facts of one kind; a pin that is connected to one of its pins asks for them with
//! [`Pin::connected_filter`](crate::Pin::connected_filter). The interface is the same for all kinds, and this
//! crate's own: who asks says which kind is meant and how much room there is, and is refused if that is not
//! what the filter has. A mistaken identifier therefore gives wrong numbers at worst.

use core::{
    ffi::c_void,
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
        STATUS_SUCCESS, ULONG, guid, is_equal_guid,
    },
    filter::Filter,
    interface::{IID_IUNKNOWN, Interface, Owned},
    kbox::KBox,
    plain::Plain,
    shared::Shared,
};

/// A kind of facts.
pub trait Facts: Plain {
    /// Its identifier, which no other kind has.
    const ID: GUID;
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
pub struct IFacts {
    table: *const Table,
}

#[cfg(windows)]
type Get =
    unsafe extern "C" fn(this: *mut IFacts, kind: *const GUID, facts: *mut c_void, size: usize) -> NTSTATUS;
#[cfg(not(windows))]
type Get = unsafe extern "win64" fn(
    this: *mut IFacts,
    kind: *const GUID,
    facts: *mut c_void,
    size: usize,
) -> NTSTATUS;

#[repr(C)]
struct Table {
    unknown: IUnknownVtbl,
    get: Get,
}

// SAFETY: a pointer to a table that begins with IUnknown's. The identifier is this crate's; one with another
// table needs another.
unsafe impl Interface for IFacts {
    const IID: GUID = guid(0x0F6E_38B2_C4A7_4D1E_8B59_72D0_A16C_E543);
}

impl Owned<IFacts> {
    /// Asks for facts. PASSIVE_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::NOINTERFACE`]: the other side has facts of another kind. Otherwise what it says.
    pub fn get<T: Facts>(&self) -> Result<T> {
        let this = self.pointer().as_ptr();
        let mut facts = MaybeUninit::<T>::uninit();
        // SAFETY: a live interface.
        let table = unsafe { (*this).table };
        // SAFETY: a live interface has a table.
        let get = unsafe { (*table).get };
        // SAFETY: a live interface; room for as many bytes.
        Error::check(unsafe { get(this, &T::ID, facts.as_mut_ptr().cast(), size_of::<T>()) })?;
        // SAFETY: success means that they have been written, all of them; of numbers every pattern is a value.
        Ok(unsafe { facts.assume_init() })
    }
}

impl Filter<'_, Control> {
    /// Has this filter provide facts. To be called once: of two kinds the second would never be asked.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksregisteraggregatedclientunknown>
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn provide<T: Facts, P: Provide<T>>(&self, source: Shared<P>) -> Result {
        let face = IFacts { table: &Methods::<T, P>::TABLE };
        let provider =
            Shared::new(Provider { face, references: AtomicU32::new(0), source, kind: PhantomData::<T> })?;
        let unknown = Shared::as_ptr(&provider);
        // SAFETY: a live filter.
        let bag = unsafe { (*self.as_ptr()).Bag };
        // SAFETY: its bag; the control mutex is held.
        unsafe { bag::add(bag, KBox::new(provider)?) }?;
        // ASSUMED: the class driver takes a reference of its own, as COM's rules ask, and gives none to the caller.
        // SAFETY: a live filter, and an object that lives as long and longer if there are references.
        let outer = unsafe {
            KsRegisterAggregatedClientUnknown(self.as_ptr().cast(), unknown.as_ptr().cast::<IUnknown>())
        };
        if outer.is_null() { Err(Error::INSUFFICIENT_RESOURCES) } else { Ok(()) }
    }
}

/// The object behind the interface. One owner is the filter's bag; another, as long as there are any, all references
/// together.
#[repr(C)]
struct Provider<T: Facts, P> {
    face: IFacts,
    references: AtomicU32,
    source: Shared<P>,
    kind: PhantomData<T>,
}

// SAFETY: the pointer is to a constant.
unsafe impl<T: Facts, P: Send + Sync> Send for Provider<T, P> {}
// SAFETY: as above.
unsafe impl<T: Facts, P: Send + Sync> Sync for Provider<T, P> {}

struct Methods<T, P>(PhantomData<(T, P)>);

impl<T: Facts, P: Provide<T>> Methods<T, P> {
    const TABLE: Table = Table {
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
        let is_known = is_equal_guid(&id, &IFacts::IID) || is_equal_guid(&id, &IID_IUNKNOWN);
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
    fn get<T: Facts, P: Provide<T>>(
        this: *mut IFacts,
        kind: *const GUID,
        facts: *mut c_void,
        size: usize,
    ) -> NTSTATUS {
        // SAFETY: the caller's identifier.
        if !is_equal_guid(unsafe { &*kind }, &T::ID) {
            return Error::NOINTERFACE.status();
        }
        if size != size_of::<T>() {
            return Error::INVALID_BUFFER_SIZE.status();
        }
        // SAFETY: the caller has the interface.
        let Some(owner) = (unsafe { Provider::<T, P>::owner(this.cast()) }) else {
            return Error::INVALID_PARAMETER.status();
        };
        match owner.source.provide() {
            Ok(value) => {
                // SAFETY: where the caller wants them, with room for as many bytes.
                unsafe { facts.cast::<T>().write(value) };
                STATUS_SUCCESS
            }
            Err(error) => error.status(),
        }
    }
}
