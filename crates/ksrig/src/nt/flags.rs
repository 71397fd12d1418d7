//! What a machine watches beside the rules that cost nothing: the options of Driver Verifier that a run asks for.

use std::{fmt, str::FromStr};

/// The options that cost time or memory. All other rules are always watched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Each allocation of a driver has pages of its own, its end at an inaccessible one; freed ones stay inaccessible.
    /// (Driver Verifier's special pool, flag 0x1)
    pub special_pool: bool,
    /// With [`special_pool`](Self::special_pool): not the end but the beginning of an allocation is at an inaccessible
    /// page. (`!verifier` calls it Verify Start)
    pub pool_start: bool,
    /// Pageable memory, a program's too, cannot be reached at DISPATCH_LEVEL and above. (Force IRQL checking, 0x2)
    pub force_irql: bool,
    /// The order in which locks are taken has no cycle; they are initialised, and used by the functions that fit them.
    /// (Deadlock detection, 0x20)
    pub deadlock: bool,
    /// Memory of a program can be reached in its process only, and what it gives to system calls is looked at.
    /// (Security checks, 0x100)
    pub security: bool,
    /// Callbacks end within the time that the KsTimed rules give them. (Port/miniport interface checking, 0x10000)
    pub timed: bool,
}

type Set = fn(&mut Flags);

/// The names that a person gives.
const NAMES: &[(&str, Set)] = &[
    ("special-pool", |flags| flags.special_pool = true),
    ("pool-start", |flags| (flags.special_pool, flags.pool_start) = (true, true)),
    ("force-irql", |flags| flags.force_irql = true),
    ("deadlock", |flags| flags.deadlock = true),
    ("security", |flags| flags.security = true),
    ("ks", |flags| flags.timed = true),
    ("standard", |flags| {
        (flags.special_pool, flags.force_irql) = (true, true);
        (flags.deadlock, flags.security) = (true, true);
    }),
    ("none", |_| ()),
];

impl Flags {
    /// Only what is always watched.
    pub const NONE: Self = Self {
        special_pool: false,
        pool_start: false,
        force_irql: false,
        deadlock: false,
        security: false,
        timed: false,
    };

    /// Driver Verifier's standard options and the rules for AVStream drivers.
    pub const ALL: Self = Self {
        special_pool: true,
        pool_start: false,
        force_irql: true,
        deadlock: true,
        security: true,
        timed: true,
    };

    /// The names, for help texts.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }
}

impl FromStr for Flags {
    type Err = String;

    /// Reads names with commas between them.
    fn from_str(text: &str) -> Result<Self, String> {
        let mut flags = Self::default();
        for wanted in text.split(',').map(str::trim) {
            let Some((_, set)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)) else {
                let known: Vec<_> = Self::names().collect();
                return Err(format!("no option {wanted:?}; those are {}", known.join(", ")));
            };
            set(&mut flags);
        }
        Ok(flags)
    }
}

impl fmt::Display for Flags {
    /// The names that [`FromStr`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Vec::new();
        for (name, set) in NAMES.iter().filter(|(name, _)| !["standard", "none"].contains(name)) {
            let mut with = *self;
            set(&mut with);
            if with == *self && !(*name == "special-pool" && self.pool_start) {
                names.push(*name);
            }
        }
        f.write_str(if names.is_empty() { "none".to_owned() } else { names.join(",") }.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is printed is read again, and a name that nobody knows is refused with those that are known.
    #[test]
    fn names_are_read() {
        for flags in [Flags::default(), Flags::ALL, Flags { pool_start: true, ..Flags::ALL }] {
            assert_eq!(flags.to_string().parse(), Ok(flags));
        }
        assert_eq!("standard,ks".parse(), Ok(Flags::ALL));
        assert!("standard,all".parse::<Flags>().unwrap_err().contains("pool-start"));
    }
}
