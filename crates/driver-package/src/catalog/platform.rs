//! How catalogs name versions of Windows.

use crate::inf::{Architecture, Decoration};

/// A version of Windows on one kind of processor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    /// Of NT.
    pub version: (u32, u32),
    /// Of the processor.
    pub architecture: Architecture,
}

/// The versions, as a member's "OSAttr" and the catalog's "OS" name them.
// ASSUMED: "OS" has the names of catalogs that Windows ships; Inf2Cat's page has only those of its own options. No page
// says that anything but a reader looks at them.
const VERSIONS: [((u32, u32), &str); 7] = [
    ((5, 1), "XP"),
    ((5, 2), "XP"),
    ((6, 0), "Vista"),
    ((6, 1), "7"),
    ((6, 2), "8"),
    ((6, 3), "_v63_"),
    ((10, 0), "_v100_"),
];

impl Platform {
    /// Those that a models section is for: its version and all later ones.
    pub fn of(decoration: &Decoration) -> Vec<Self> {
        let architecture = decoration.architecture.unwrap_or(Architecture::X86);
        // The first Windows on such a processor.
        let first = match architecture {
            Architecture::X86 => (5, 1),
            Architecture::Amd64 | Architecture::Ia64 => (5, 2),
            Architecture::Arm => (6, 2),
            Architecture::Arm64 => (10, 0),
        };
        let (major, minor, _) = decoration.oldest();
        let oldest = first.max((major, minor));
        let versions = VERSIONS.iter().map(|(version, _)| *version).filter(|version| *version >= oldest);
        versions.map(|version| Self { version, architecture }).collect()
    }

    /// As "OSAttr" has it: 2 is for NT.
    pub fn os_attribute(self) -> String {
        format!("2:{}.{}", self.version.0, self.version.1)
    }

    /// As "OS" has it.
    pub fn os(self) -> String {
        let name = VERSIONS.iter().find(|(version, _)| *version == self.version).map_or("", |(_, name)| name);
        format!("{name}{}", self.architecture.name().to_uppercase().replace("AMD64", "X64"))
    }
}
