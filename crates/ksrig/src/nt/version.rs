//! Which Windows it is: the one of `shared_data::VERSION`.

use ks_sys::*;

use super::{
    exports::{Export, exports},
    shared_data::VERSION,
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    IoIsWdmVersionAvailable(MajorVersion: UCHAR, MinorVersion: UCHAR) -> BOOLEAN, 0..=0;
    PsGetVersion(MajorVersion: PULONG, MinorVersion: PULONG, BuildNumber: PULONG, CSDVersion: PUNICODE_STRING) -> BOOLEAN, 0..=0;
    RtlGetVersion(VersionInformation: *mut _OSVERSIONINFOW) -> NTSTATUS, 0..=0;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// The version of WDM, which stopped at 6.0. (`nf-wdm-ioiswdmversionavailable.md`)
pub unsafe fn IoIsWdmVersionAvailable(MajorVersion: UCHAR, MinorVersion: UCHAR) -> BOOLEAN {
    u8::from((MajorVersion, MinorVersion) <= (6, 0x00))
}

/// TRUE on a checked build; each pointer may be NULL. (`nf-ntddk-psgetversion.md`)
pub unsafe fn PsGetVersion(
    MajorVersion: PULONG,
    MinorVersion: PULONG,
    BuildNumber: PULONG,
    CSDVersion: PUNICODE_STRING,
) -> BOOLEAN {
    let (major, minor, build) = VERSION;
    for (pointer, value) in [(MajorVersion, major), (MinorVersion, minor), (BuildNumber, build)] {
        if !pointer.is_null() {
            // SAFETY: the caller's variable.
            unsafe { pointer.write(value) };
        }
    }
    if !CSDVersion.is_null() {
        // SAFETY: the caller's string.
        unsafe { (*CSDVersion).Length = 0 };
    }
    0
}

/// Fills in the structure, or the longer one if its size says so. (`nf-wdm-rtlgetversion.md`)
pub unsafe fn RtlGetVersion(VersionInformation: *mut _OSVERSIONINFOW) -> NTSTATUS {
    const VER_PLATFORM_WIN32_NT: ULONG = 2;
    const VER_NT_WORKSTATION: UCHAR = 1;
    // SAFETY: the caller's structure has the size it says.
    unsafe {
        let size = (*VersionInformation).dwOSVersionInfoSize as usize;
        let known = [size_of::<_OSVERSIONINFOW>(), size_of::<_OSVERSIONINFOEXW>()];
        if !known.contains(&size) {
            return STATUS_INVALID_PARAMETER;
        }
        VersionInformation.cast::<u8>().write_bytes(0, size);
        (*VersionInformation).dwOSVersionInfoSize = size as ULONG;
        let (major, minor, build) = VERSION;
        (*VersionInformation).dwMajorVersion = major;
        (*VersionInformation).dwMinorVersion = minor;
        (*VersionInformation).dwBuildNumber = build;
        (*VersionInformation).dwPlatformId = VER_PLATFORM_WIN32_NT;
        if size == known[1] {
            (*VersionInformation.cast::<_OSVERSIONINFOEXW>()).wProductType = VER_NT_WORKSTATION;
        }
    }
    STATUS_SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All ways to ask give the same version; a structure of another size is refused.
    #[test]
    fn versions() {
        // SAFETY: plain data, for which zero is a value; local variables.
        unsafe {
            let mut long: _OSVERSIONINFOEXW = std::mem::zeroed();
            let at = (&raw mut long).cast();
            assert_eq!(RtlGetVersion(at), STATUS_INVALID_PARAMETER);
            long.dwOSVersionInfoSize = size_of::<_OSVERSIONINFOEXW>() as ULONG;
            assert_eq!(RtlGetVersion(at), STATUS_SUCCESS);
            assert_eq!((long.dwMajorVersion, long.dwBuildNumber, long.wProductType), (10, VERSION.2, 1));
            let (mut major, mut build) = (0, 0);
            let none = std::ptr::null_mut();
            assert_eq!(PsGetVersion(&raw mut major, none, &raw mut build, none.cast()), 0);
            assert_eq!((major, build), (10, VERSION.2));
            assert_eq!((IoIsWdmVersionAvailable(1, 0x10), IoIsWdmVersionAvailable(6, 1)), (1, 0));
        }
    }
}
