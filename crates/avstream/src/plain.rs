//! Values that are nothing but numbers.

/// A type of which every pattern of bits is a value, and which has no pointers: it may come from anybody.
///
/// # Safety
///
/// So it is.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

macro_rules! plain {
    ($($type:ty)*) => {
        $(
            // SAFETY: a number.
            unsafe impl Plain for $type {}
        )*
    };
}

plain! { u8 u16 u32 u64 i8 i16 i32 i64 }

// SAFETY: an array has nothing but its elements.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// The bytes of a value.
pub(crate) const fn bytes<T: Plain>(value: &T) -> &[u8] {
    // SAFETY: numbers without gaps: every byte has a value.
    unsafe { core::slice::from_raw_parts((&raw const *value).cast(), size_of::<T>()) }
}

/// Declares a structure of numbers, laid out as in C: [`Plain`]. Between its members there may be nothing: those
/// bytes would have no value, and be somebody's old memory.
///
/// ```
/// avstream::plain! {
///     /// A point.
///     pub struct Point {
///         /// From the left.
///         pub x: i32,
///         /// From the top.
///         pub y: i32,
///     }
/// }
/// ```
#[macro_export]
macro_rules! plain {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(C)]
        $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type,)*
        }

        const _: () = assert!(
            0 $(+ ::core::mem::size_of::<$type>())* == ::core::mem::size_of::<$name>(),
            "plain: there is padding between the members or behind them"
        );

        // SAFETY: each member is, and there is nothing else.
        unsafe impl $crate::Plain for $name where $($type: $crate::Plain,)* {}
    };
}
