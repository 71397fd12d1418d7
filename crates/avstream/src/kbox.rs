//! Owned memory.

use core::{
    alloc::Layout,
    marker::PhantomData,
    ops::{Deref, DerefMut},
    ptr::NonNull,
};

use crate::{
    allocator::{Allocator, Pool},
    error::{Error, Result},
};

/// A value in non-paged memory. Making one can fail, and says so.
///
/// # Invariants
///
/// `value` points at a valid `T` that this box alone owns, in memory of `A`; or, if `T` has no size,
/// dangles.
pub struct KBox<T, A: Allocator = Pool> {
    value: NonNull<T>,
    owns: PhantomData<(T, A)>,
}

impl<T> KBox<T> {
    /// Moves a value into non-paged memory of the pool. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// As for [`new_in`](Self::new_in).
    pub fn new(value: T) -> Result<Self> {
        Self::new_in(value)
    }
}

impl<T, A: Allocator> KBox<T, A> {
    const LAYOUT: Layout = Layout::new::<T>();

    /// Moves a value into memory of the allocator. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory; the value is dropped.
    pub fn new_in(value: T) -> Result<Self> {
        let place = if Self::LAYOUT.size() == 0 {
            NonNull::dangling()
        } else {
            A::allocate(Self::LAYOUT).ok_or(Error::INSUFFICIENT_RESOURCES)?.cast::<T>()
        };
        // SAFETY: memory for a `T` that nobody else has.
        unsafe { place.write(value) };
        Ok(Self { value: place, owns: PhantomData })
    }

    /// Gives the value into the care of the caller.
    #[must_use]
    pub const fn into_raw(this: Self) -> NonNull<T> {
        let value = this.value;
        core::mem::forget(this);
        value
    }

    /// Takes a value back.
    ///
    /// # Safety
    ///
    /// `value` came from [`into_raw`](Self::into_raw) and is taken back once.
    pub const unsafe fn from_raw(value: NonNull<T>) -> Self {
        Self { value, owns: PhantomData }
    }
}

impl<T, A: Allocator> Drop for KBox<T, A> {
    fn drop(&mut self) {
        // SAFETY: by the invariant it is valid and owned, and it is not used again.
        unsafe { self.value.drop_in_place() };
        if Self::LAYOUT.size() != 0 {
            // SAFETY: by the invariant it lies in memory of `A`, made for this layout.
            unsafe { A::free(self.value.cast(), Self::LAYOUT) };
        }
    }
}

impl<T, A: Allocator> Deref for KBox<T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: by the invariant it is valid and owned.
        unsafe { self.value.as_ref() }
    }
}

impl<T, A: Allocator> DerefMut for KBox<T, A> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: by the invariant it is valid and owned.
        unsafe { self.value.as_mut() }
    }
}

// SAFETY: a box owns its value and nothing else.
unsafe impl<T: Send, A: Allocator> Send for KBox<T, A> {}
// SAFETY: a shared box gives shared access to its value and nothing else.
unsafe impl<T: Sync, A: Allocator> Sync for KBox<T, A> {}
