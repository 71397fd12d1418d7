//! Structures full of pointers, as statics.

/// Lets a constant structure of pointers be a `static`.
#[repr(transparent)]
pub struct Constant<T>(pub T);

// SAFETY: nobody writes to a constant.
unsafe impl<T> Sync for Constant<T> {}

impl<T> Constant<T> {
    /// Where it is.
    pub const fn get(&'static self) -> *const T {
        &raw const self.0
    }
}
