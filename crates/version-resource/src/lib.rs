//! A driver's version resource as a `.res` file, which link.exe and lld-link take as they take objects.
//!
//! It is what Explorer's *Details*, Driver Verifier and crash reports show of a driver. A build script writes it, so
//! that no resource compiler is needed, neither on Windows nor elsewhere:
//!
//! ```
//! let resource = version_resource::VersionInfo {
//!     version: version_resource::of_package("1.2.3").unwrap(),
//!     strings: &[("FileDescription", "An example"), ("FileVersion", "1.2.3.0")],
//! };
//! let path = std::env::temp_dir().join("version-resource-example.res");
//! std::fs::write(&path, resource.to_res().unwrap()).unwrap();
//! println!("cargo::rustc-cdylib-link-arg={}", path.display());
//! ```
#![forbid(unsafe_code)]

mod block;
mod error;

use self::block::{Block, Kind};
pub use self::error::Error;

/// `VFT_DRV`: a driver.
pub const VFT_DRV: u32 = 3;
/// `VFT2_DRV_SYSTEM`: a system driver.
pub const VFT2_DRV_SYSTEM: u32 = 7;
/// `VOS_NT_WINDOWS32`: for 32- and 64-bit Windows alike.
pub const VOS_NT_WINDOWS32: u32 = 0x4_0004;

/// `RT_VERSION`.
const RT_VERSION: u16 = 16;
/// `VS_VERSION_INFO`, the only name that a version resource may have.
const VS_VERSION_INFO: u16 = 1;
/// English (United States), which needs no language pack to be shown.
const LANGUAGE: u16 = 0x409;
/// Unicode.
const CODE_PAGE: u16 = 0x4b0;
/// `MOVEABLE | PURE`, which resource compilers write and nobody reads.
const MEMORY_FLAGS: u16 = 0x30;

/// What the resource says: of a file that is a system driver for Windows NT.
///
/// <https://learn.microsoft.com/windows/win32/menurc/versioninfo-resource>
#[derive(Clone, Copy, Debug)]
pub struct VersionInfo<'a> {
    /// The file's version and the product's: the one of the INF's `DriverVer`.
    pub version: [u16; 4],
    /// Names that Windows knows (`FileDescription`, `FileVersion`, …) and their texts.
    pub strings: &'a [(&'a str, &'a str)],
}

impl VersionInfo<'_> {
    /// The file.
    ///
    /// # Errors
    /// When a text is too long: all of them together have 64 KB.
    pub fn to_res(&self) -> Result<Vec<u8>, Error> {
        let data = self.data()?;
        let mut file = Vec::new();
        // An empty resource tells such a file from the 16-bit kind.
        header(&mut file, 0, 0, 0, 0, 0);
        header(&mut file, u32::from(data.length()), RT_VERSION, VS_VERSION_INFO, MEMORY_FLAGS, LANGUAGE);
        file.extend(data.finish());
        file.resize(file.len().next_multiple_of(4), 0);
        Ok(file)
    }

    /// <https://learn.microsoft.com/windows/win32/menurc/vs-versioninfo>
    fn data(&self) -> Result<Block, Error> {
        let mut table = Block::new(&format!("{LANGUAGE:04x}{CODE_PAGE:04x}"), Kind::Text, &[])?;
        for (name, text) in self.strings {
            let text: Vec<u8> = text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect();
            table.add(Block::new(name, Kind::Text, &text)?)?;
        }
        let mut strings = Block::new("StringFileInfo", Kind::Text, &[])?;
        strings.add(table)?;
        let languages = [LANGUAGE, CODE_PAGE].map(u16::to_le_bytes).concat();
        let mut variables = Block::new("VarFileInfo", Kind::Text, &[])?;
        variables.add(Block::new("Translation", Kind::Binary, &languages)?)?;
        let mut root = Block::new("VS_VERSION_INFO", Kind::Binary, &self.fixed())?;
        root.add(strings)?;
        root.add(variables)?;
        Ok(root)
    }

    /// `VS_FIXEDFILEINFO`: <https://learn.microsoft.com/windows/win32/api/verrsrc/ns-verrsrc-vs_fixedfileinfo>
    fn fixed(&self) -> Vec<u8> {
        let [a, b, c, d] = self.version.map(u32::from);
        let (high, low) = (a << 16 | b, c << 16 | d);
        let fields = [
            0xfeef_04bd, // signature
            0x1_0000,    // version of this structure
            high,
            low,
            high,
            low,
            0x3f, // which of the following flags mean anything: all that there are
            0,
            VOS_NT_WINDOWS32,
            VFT_DRV,
            VFT2_DRV_SYSTEM,
            0, // no date: the resource is the same whenever it is made
            0,
        ];
        fields.map(u32::to_le_bytes).concat()
    }
}

/// `RESOURCEHEADER`: <https://learn.microsoft.com/windows/win32/menurc/resourceheader>
fn header(file: &mut Vec<u8>, size: u32, resource_type: u16, name: u16, flags: u16, language: u16) {
    const SIZE: u32 = 32;
    // Type and name are numbers, not texts.
    const NUMBER: u16 = 0xffff;
    file.extend([size, SIZE].map(u32::to_le_bytes).concat());
    file.extend([NUMBER, resource_type, NUMBER, name].map(u16::to_le_bytes).concat());
    file.extend(0u32.to_le_bytes());
    file.extend([flags, language].map(u16::to_le_bytes).concat());
    file.extend([0u32; 2].map(u32::to_le_bytes).concat());
}

/// The four numbers that stand for a package's version, `1.2.3` for 1.2.3.0; what semantic versioning allows beyond
/// three numbers is left out.
pub fn of_package(version: &str) -> Option<[u16; 4]> {
    let plain = version.split(['-', '+']).next()?;
    let mut numbers = plain.split('.').map(|number| number.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??, 0];
    numbers.next().is_none().then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_packages() {
        assert_eq!(of_package("0.1.0"), Some([0, 1, 0, 0]));
        assert_eq!(of_package("10.20.65535-rc.1+now"), Some([10, 20, 65535, 0]));
        for wrong in ["", "1", "1.2", "1.2.3.4", "1.2.x", "1.2.65536"] {
            assert_eq!(of_package(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let long = "x".repeat(40_000);
        let strings: &[(&str, &str)] = &[("Comments", &long)];
        let error = VersionInfo { version: [1; 4], strings }.to_res().unwrap_err();
        assert!(error.to_string().contains("Comments"), "{error}");
        // Each fits, but not both.
        let half = "x".repeat(20_000);
        let strings: &[(&str, &str)] = &[("Comments", &half), ("ProductName", &half)];
        assert!(VersionInfo { version: [1; 4], strings }.to_res().is_err());
    }
}
