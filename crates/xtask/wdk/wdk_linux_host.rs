//! The two things that wdk-build's *host* code (build scripts) takes from a Windows host and that a Linux host lacks.
//! The `RUSTC_WRAPPER` compiles this and hands it to wdk-build under the name `std`.
pub use ::std::*;

/// `std::os` with the one function of `std::os::windows` that is used.
pub mod os {
    pub use ::std::os::*;
    pub mod windows {
        pub mod fs {
            use ::std::{io, path::Path};

            pub fn symlink_file<P: AsRef<Path>, Q: AsRef<Path>>(original: P, link: Q) -> io::Result<()> {
                ::std::os::unix::fs::symlink(original, link)
            }
        }
    }
}

// There is no registry: every key is absent, so that the WDK is found by the WDKContentRoot environment variable alone.
const ERROR_FILE_NOT_FOUND: u32 = 2;
type P = *mut ::core::ffi::c_void;

#[unsafe(no_mangle)]
pub extern "system" fn RegOpenKeyExA(_: P, _: P, _: u32, _: u32, _: P) -> u32 {
    ERROR_FILE_NOT_FOUND
}

#[unsafe(no_mangle)]
pub extern "system" fn RegGetValueA(_: P, _: P, _: P, _: u32, _: P, _: P, _: P) -> u32 {
    ERROR_FILE_NOT_FOUND
}

#[unsafe(no_mangle)]
pub extern "system" fn RegCloseKey(_: P) -> u32 {
    ERROR_FILE_NOT_FOUND
}
