//! Memory with several owners.

use core::{
    ops::Deref,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering, fence},
};

use crate::{
    allocator::{Allocator, Pool},
    error::Result,
    kbox::KBox,
};

/// A value in non-paged memory that lives as long as its last owner.
///
/// # Invariants
///
/// `inner` points at an `Inner` that is valid while its count is not zero, and this is one of the
/// counted owners.
pub struct Shared<T, A: Allocator = Pool> {
    inner: NonNull<Inner<T>>,
    allocator: core::marker::PhantomData<(T, A)>,
}

struct Inner<T> {
    owners: AtomicUsize,
    value: T,
}

impl<T> Shared<T> {
    /// Moves a value into non-paged memory of the pool, with one owner. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// As for [`new_in`](Self::new_in).
    pub fn new(value: T) -> Result<Self> {
        Self::new_in(value)
    }
}

impl<T, A: Allocator> Shared<T, A> {
    /// Moves a value into memory of the allocator, with one owner. IRQL ≤ DISPATCH_LEVEL.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES): there is no memory; the
    /// value is dropped.
    pub fn new_in(value: T) -> Result<Self> {
        let inner = KBox::<_, A>::new_in(Inner { owners: AtomicUsize::new(1), value })?;
        Ok(Self { inner: KBox::into_raw(inner), allocator: core::marker::PhantomData })
    }

    /// Whether two are owners of the same value.
    #[must_use]
    pub fn same(a: &Self, b: &Self) -> bool {
        a.inner == b.inner
    }

    /// The value, by a pointer from which [`from_value`](Self::from_value) finds the way back.
    pub(crate) const fn as_ptr(this: &Self) -> NonNull<T> {
        // SAFETY: by the invariant it is valid. Not by way of a reference, which would allow for the value only.
        let value = unsafe { &raw mut (*this.inner.as_ptr()).value };
        // SAFETY: the place of a value.
        unsafe { NonNull::new_unchecked(value) }
    }

    /// Another handle of the same owner.
    ///
    /// # Safety
    ///
    /// `value` is from [`as_ptr`](Self::as_ptr) of a [`Shared`] that lives as long as this handle, which is not dropped unless one of
    /// the value's owners ends with it.
    pub(crate) unsafe fn from_value(value: NonNull<T>) -> Self {
        let offset = core::mem::offset_of!(Inner<T>, value);
        // SAFETY: the value lies that far inside.
        let inner = unsafe { value.byte_sub(offset) };
        Self { inner: inner.cast(), allocator: core::marker::PhantomData }
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: by the invariant it is valid as long as this owner is counted.
        unsafe { self.inner.as_ref() }
    }
}

impl<T, A: Allocator> Clone for Shared<T, A> {
    fn clone(&self) -> Self {
        // An overflow would take more owners than fit into the address space.
        self.inner().owners.fetch_add(1, Ordering::Relaxed);
        Self { inner: self.inner, allocator: core::marker::PhantomData }
    }
}

impl<T, A: Allocator> Drop for Shared<T, A> {
    fn drop(&mut self) {
        if self.inner().owners.fetch_sub(1, Ordering::Release) == 1 {
            // What the other owners did comes before the end.
            fence(Ordering::Acquire);
            // SAFETY: it came from `KBox::into_raw` in `new`, and this was the last owner.
            drop(unsafe { KBox::<Inner<T>, A>::from_raw(self.inner) });
        }
    }
}

impl<T, A: Allocator> Deref for Shared<T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner().value
    }
}

// SAFETY: any owner may be the last, and all share access to the value.
unsafe impl<T: Send + Sync, A: Allocator> Send for Shared<T, A> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync, A: Allocator> Sync for Shared<T, A> {}
