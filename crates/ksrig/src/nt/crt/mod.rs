//! The C library's functions that ntoskrnl.exe exports.
//!
//! They have no thunk: they count as driver code (a copy is work), hold nothing, and a fault in them is raised in the
//! driver's name.

/// Declares C functions for drivers: the name, the parameters, what it does.
macro_rules! functions {
    ($($(#[$meta:meta])* $name:literal $item:ident($($arg:ident: $ty:ty),*) -> $ret:ty $body:block)*) => {
        $($(#[$meta])* unsafe extern "win64" fn $item($($arg: $ty),*) -> $ret {
            #[allow(unused_unsafe)]
            // SAFETY: the driver's promise, as C asks for it: strings are terminated, buffers have their size.
            unsafe { $body }
        })*

        /// The function of that name.
        pub(super) fn function(name: &str) -> Option<*const ()> {
            match name {
                $($name => Some($item as *const ()),)*
                _ => None,
            }
        }
    };
}

mod memory;
mod narrow;
mod printf;
mod wide;

pub(super) use self::printf::{Arguments, Flavour, format};

/// The function of that name.
pub(super) fn function(name: &str) -> Option<*const ()> {
    [memory::function, narrow::function, wide::function, printf::function].iter().find_map(|of| of(name))
}
