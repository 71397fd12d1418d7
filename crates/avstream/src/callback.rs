//! The calling convention of callbacks.

/// Declares functions that the class driver or the kernel calls: the C convention of Windows, which
/// another system's compiler knows under another name.
macro_rules! callbacks {
    ($($(#[$meta:meta])* $visibility:vis fn $name:ident$(<$($generic:ident: $bound:path),+>)?(
        $($argument:ident: $type:ty),* $(,)?
    ) $(-> $result:ty)? $body:block)*) => {
        $(
            #[cfg(windows)]
            $(#[$meta])*
            $visibility unsafe extern "C" fn $name$(<$($generic: $bound),+>)?($($argument: $type),*) $(-> $result)? $body

            #[cfg(not(windows))]
            $(#[$meta])*
            $visibility unsafe extern "win64" fn $name$(<$($generic: $bound),+>)?($($argument: $type),*) $(-> $result)? $body
        )*
    };
}

pub(crate) use callbacks;
