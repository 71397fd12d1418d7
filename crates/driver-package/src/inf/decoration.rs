//! `NTamd64.10.0...19041`: for which Windows a models section is.

use std::{fmt, str::FromStr};

/// A hardware platform of a decoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Architecture {
    /// 32-bit.
    X86,
    /// Itanium.
    Ia64,
    /// 64-bit.
    Amd64,
    /// 32-bit Arm.
    Arm,
    /// 64-bit Arm.
    Arm64,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::X86, Self::Ia64, Self::Amd64, Self::Arm, Self::Arm64];

    /// As decorations have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::X86 => "x86",
            Self::Ia64 => "ia64",
            Self::Amd64 => "amd64",
            Self::Arm => "arm",
            Self::Arm64 => "arm64",
        }
    }

    /// By its name; case does not count.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|architecture| architecture.name().eq_ignore_ascii_case(name))
    }
}

/// A `TargetOSVersion`: `NT[Architecture][.[Major][.[Minor][.[ProductType][.[SuiteMask][.[Build]]]]]]`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/install/inf-manufacturer-section>
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoration {
    /// If none is given, any on Windows XP, x86 on later systems.
    pub architecture: Option<Architecture>,
    /// 10 for Windows 10 and 11.
    pub major: Option<u32>,
    /// 2 of 5.2.
    pub minor: Option<u32>,
    /// A `VER_NT_…` value.
    pub product_type: Option<u32>,
    /// `VER_SUITE_…` bits.
    pub suite_mask: Option<u32>,
    /// Windows 10's build.
    pub build: Option<u32>,
}

impl Decoration {
    /// The oldest Windows that it is for, as (major, minor, build).
    pub fn oldest(&self) -> (u32, u32, u32) {
        (self.major.unwrap_or(0), self.minor.unwrap_or(0), self.build.unwrap_or(0))
    }
}

/// What is no decoration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADecoration;

impl fmt::Display for NotADecoration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not of the form NT[architecture][.major[.minor[.product[.suite[.build]]]]]")
    }
}

impl FromStr for Decoration {
    type Err = NotADecoration;

    fn from_str(text: &str) -> Result<Self, NotADecoration> {
        let mut parts = text.split('.');
        let head = parts.next().unwrap_or_default();
        let (nt, architecture) = head.split_at_checked(2).ok_or(NotADecoration)?;
        if !nt.eq_ignore_ascii_case("NT") {
            return Err(NotADecoration);
        }
        let architecture = match architecture {
            "" => None,
            name => Some(Architecture::named(name).ok_or(NotADecoration)?),
        };
        let mut numbers = [None; 5];
        for (index, part) in parts.enumerate() {
            let number = numbers.get_mut(index).ok_or(NotADecoration)?;
            if !part.is_empty() {
                *number = Some(parse_number(part).ok_or(NotADecoration)?);
            }
        }
        let [major, minor, product_type, suite_mask, build] = numbers;
        Ok(Self { architecture, major, minor, product_type, suite_mask, build })
    }
}

/// A number in decimal or, with 0x, hexadecimal digits.
pub(crate) fn parse_number(text: &str) -> Option<u32> {
    match text.get(..2) {
        Some("0x" | "0X") => u32::from_str_radix(&text[2..], 16).ok(),
        // No sign.
        _ if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manufacturer_pages_examples_are_read() {
        let amd64 = Decoration { architecture: Some(Architecture::Amd64), ..Decoration::default() };
        let ten = Decoration { major: Some(10), minor: Some(0), ..amd64 };
        assert_eq!("NTamd64".parse(), Ok(amd64));
        assert_eq!("ntAMD64.10.0...14393".parse(), Ok(Decoration { build: Some(14393), ..ten }));
        assert_eq!(
            "NT.7.8".parse(),
            Ok(Decoration { major: Some(7), minor: Some(8), ..Decoration::default() })
        );
        let suite = Decoration {
            architecture: Some(Architecture::X86),
            suite_mask: Some(0x80),
            ..Decoration::default()
        };
        assert_eq!("NTx86....0x80".parse(), Ok(suite));
    }

    #[test]
    fn nonsense_is_refused() {
        for text in
            ["", "N", "amd64", "NTamd65", "NT$ARCH$.10.0", "NT.a", "NT.+1", "NT.1.2.3.4.5.6", "NT.0x", "ÄÖ"]
        {
            assert_eq!(text.parse::<Decoration>(), Err(NotADecoration), "{text}");
        }
    }
}
