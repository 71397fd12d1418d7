//! Why an image is refused.

use std::fmt;

/// The machine type of an image this rig cannot run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// 32-bit x86.
    X86,
    /// ARM64.
    Arm64,
    /// 32-bit ARM.
    Arm,
    /// Anything else, by its number in the file header.
    Other(u16),
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86 => f.write_str("x86 (32 bit)"),
            Self::Arm64 => f.write_str("ARM64"),
            Self::Arm => f.write_str("ARM (32 bit)"),
            Self::Other(machine) => write!(f, "machine type {machine:#06x}"),
        }
    }
}

/// An import that nobody provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The DLL as the image names it.
    pub dll: String,
    /// The export, or `#ordinal` where the image imports by ordinal.
    pub name: String,
}

/// Why an image is refused. Nothing of the image has run, nothing stays mapped.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// No DOS header, no PE signature, or an optional header that is not PE32+.
    #[error("not a 64-bit Windows image: {0}")]
    NotPe(&'static str),
    /// A header points outside the file or outside the image.
    #[error("the image is truncated or damaged: {0}")]
    Truncated(String),
    /// The image is for another processor.
    #[error("the image is for {0}; the rig runs x64 (AMD64) images")]
    WrongMachine(Machine),
    /// The subsystem is not `IMAGE_SUBSYSTEM_NATIVE`: a program or a user-mode DLL.
    #[error("not a kernel driver: the subsystem is {0}, a driver has 1 (native)")]
    NotNative(u16),
    /// The checksum field differs from the file's contents. The kernel refuses such a driver.
    #[error(
        "wrong checksum: the header says {stored:#010x}, the file has {computed:#010x} (link with /RELEASE)"
    )]
    BadChecksum {
        /// The header's value.
        stored: u32,
        /// The right value.
        computed: u32,
    },
    /// Imports that no module of the rig provides.
    #[error("imports that nobody provides: {}", list(.0))]
    MissingImport(Vec<Missing>),
    /// A section asks to be writable and executable at once.
    #[error("section {0} is writable and executable (bug check 0xC4, 0x2003)")]
    WriteExecute(String),
    /// A section shares a page with what is before it, or may.
    #[error("section {0} is not aligned to pages (bug check 0xC4, 0x2004)")]
    Unaligned(String),
    /// The image is bound to its preferred address.
    #[error("the image has no relocations (it was linked with /FIXED)")]
    NoRelocations,
    /// A relocation of a type that x64 images do not have.
    #[error("relocation type {kind} at {rva:#x} is unknown on x64")]
    UnknownRelocation {
        /// Its type.
        kind: u16,
        /// The place it applies to.
        rva: u32,
    },
    /// The system gives no memory for the image.
    #[error("cannot map {size:#x} bytes for the image: {source}")]
    Map {
        /// `SizeOfImage`.
        size: usize,
        /// What the system says.
        source: std::io::Error,
    },
}

impl LoadError {
    /// The number of the code integrity check of Driver Verifier's that stops at the image as well.
    pub fn integrity(&self) -> Option<u32> {
        match self {
            Self::WriteExecute(_) => Some(0x2003),
            Self::Unaligned(_) => Some(0x2004),
            _ => None,
        }
    }
}

fn list(missing: &[Missing]) -> String {
    missing.iter().map(|m| format!("{}!{}", m.dll, m.name)).collect::<Vec<_>>().join(", ")
}
