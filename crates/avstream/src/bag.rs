//! Values that live as long as an AVStream object.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/stream/object-bags>

use core::ptr::NonNull;

use crate::{
    callback::callbacks,
    error::{Error, Result},
    ffi::{KSOBJECT_BAG, KsAddItemToObjectBag, PVOID},
    kbox::KBox,
    shared::Shared,
};

/// Puts a value into a bag; it is dropped when the bag is emptied, after the object's Close. Gives the
/// value's place.
///
/// # Safety
///
/// The bag is that of a live object, and the mutex that guards it is held (R7.31).
pub(crate) unsafe fn add<T: Send>(bag: KSOBJECT_BAG, value: KBox<T>) -> Result<NonNull<T>> {
    const { assert!(size_of::<T>() != 0, "items of a bag are told apart by their address") };
    let item = KBox::into_raw(value);
    // SAFETY: the caller's promise; `free::<T>` undoes `into_raw` (R7.28).
    let status = unsafe { KsAddItemToObjectBag(bag, item.as_ptr().cast(), Some(free::<T>)) };
    if let Err(error) = Error::check(status) {
        // SAFETY: the bag has not taken it.
        drop(unsafe { KBox::<T>::from_raw(item) });
        return Err(error);
    }
    Ok(item)
}

/// What ends with an object, however many others still own it.
pub(crate) trait Ends: Send + Sync {
    /// The object is about to go: PASSIVE_LEVEL, its mutex held.
    fn end(&self);
}

/// Has [`Ends::end`] called when a bag is emptied.
///
/// # Safety
///
/// As for [`add`].
pub(crate) unsafe fn add_shared<T: Ends>(bag: KSOBJECT_BAG, value: Shared<T>) -> Result {
    let guard = KBox::new(End(value))?;
    // SAFETY: the caller's promise.
    unsafe { add(bag, guard) }.map(drop)
}

struct End<T: Ends>(Shared<T>);

impl<T: Ends> Drop for End<T> {
    fn drop(&mut self) {
        self.0.end();
    }
}

callbacks! {
    /// Frees an item (`nc-ks-pfnksfree.md`).
    fn free<T: Send>(item: PVOID) {
        if let Some(item) = NonNull::new(item.cast::<T>()) {
            // SAFETY: `add` took it from a box and gave it to the bag, which calls this once.
            drop(unsafe { KBox::<T>::from_raw(item) });
        }
    }
}
