//! The imports, against the lists that are kept by hand: an export that an old Windows lacks keeps the driver from
//! loading there, so a new import is a decision and not an accident.

use std::collections::BTreeSet;

use anyhow::{Result, bail};

use super::{
    parse::{Image, Module},
    report::Report,
};
use crate::build::Flavour;

/// The only modules that a WDM video driver links to.
const MODULES: [&str; 3] = ["ntoskrnl.exe", "hal.dll", "ks.sys"];

/// Documented, but no exports of any ks.sys.
const NEVER: [&str; 2] = ["KsPinHandshake", "KsPinDataIntersectionEx"];

/// What may be imported.
pub struct Lists {
    /// For each flavour.
    default: BTreeSet<Import>,
    downlevel: BTreeSet<Import>,
    /// What Windows XP x64 exports.
    old: BTreeSet<Import>,
}

/// A function of a module, the module in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Import {
    module: String,
    name: String,
}

impl Import {
    fn new(module: &str, name: &str) -> Self {
        Self { module: module.to_ascii_lowercase(), name: name.to_owned() }
    }
}

impl Lists {
    /// The lists of this repository.
    pub fn committed() -> Result<Self> {
        Self::parse(
            include_str!("../../data/imports.txt"),
            &[
                include_str!("../../../driver-package/data/nt52-x64-exports.txt"),
                include_str!("../../../driver-package/data/ks-xp-exports.txt"),
            ],
        )
    }

    fn parse(allowed: &str, old: &[&str]) -> Result<Self> {
        let mut lists = Self { default: BTreeSet::new(), downlevel: BTreeSet::new(), old: BTreeSet::new() };
        for words in lines(allowed) {
            let (import, flavours) = match words[..] {
                [module, name] => (Import::new(module, name), (true, true)),
                [module, name, "default"] => (Import::new(module, name), (true, false)),
                [module, name, "downlevel"] => (Import::new(module, name), (false, true)),
                _ => bail!("imports.txt: cannot understand `{}`", words.join(" ")),
            };
            if flavours.0 {
                lists.default.insert(import.clone());
            }
            if flavours.1 {
                lists.downlevel.insert(import);
            }
        }
        for words in old.iter().flat_map(|list| lines(list)) {
            let [module, name] = words[..] else { bail!("a list of exports: `{}`", words.join(" ")) };
            lists.old.insert(Import::new(module, name));
        }
        Ok(lists)
    }

    /// Why a flavour may not import something.
    fn objection(&self, import: &Import, flavour: Flavour) -> Option<&'static str> {
        let allowed = match flavour {
            Flavour::Default | Flavour::Arm64 => &self.default,
            Flavour::Downlevel => &self.downlevel,
        };
        if NEVER.contains(&import.name.as_str()) {
            Some("is documented but no ks.sys exports it")
        } else if !MODULES.contains(&import.module.as_str()) {
            Some("is of a module that a driver does not link to")
        } else if import.name == "__chkstk" {
            Some("is needed by stack frames over 4 KB only")
        } else if flavour == Flavour::Downlevel && !self.old.contains(import) {
            Some("is not exported by Windows XP x64 (crates/driver-package/data/*-exports.txt)")
        } else if !allowed.contains(import) {
            Some("is not in crates/xtask/data/imports.txt: add it, if every Windows of this flavour has it")
        } else {
            None
        }
    }
}

fn lines(text: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|words| !words.is_empty())
}

/// Lists the imports and checks each.
pub fn check(image: &Image, flavour: Flavour, lists: &Lists, report: &mut Report) -> Result<()> {
    let modules = image.imports()?;
    if modules.is_empty() {
        report.fact("imports", "none");
    }
    for Module { name: module, functions: names, .. } in &modules {
        let mut objections = 0;
        for name in names {
            if let Some(why) = lists.objection(&Import::new(module, name), flavour) {
                report.bad("imports", format!("{module}!{name} {why}"));
                objections += 1;
            }
        }
        let list = format!("{module} ({}): {}", names.len(), names.join(" "));
        if objections == 0 {
            report.good("imports", wrap(&list))
        } else {
            report.fact("imports", wrap(&list))
        }
    }
    Ok(())
}

/// Lines that fit a terminal.
fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    let mut width = 0;
    for word in text.split(' ') {
        if width > 0 && width + word.len() > 90 {
            wrapped.push('\n');
            width = 0;
        } else if width > 0 {
            wrapped.push(' ');
        }
        wrapped.push_str(word);
        width += word.len() + 1;
    }
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flavour_has_its_imports() {
        let lists = Lists::parse(
            "# comment\n\nks.sys KsFilterGetFirstChildPin\nntoskrnl.exe ExAllocatePool2 default # 2004\n\
             ntoskrnl.exe ExAllocatePoolWithTag downlevel\nntoskrnl.exe ExFreePool\n\
             HAL.dll KeQueryPerformanceCounter\nntoskrnl.exe EtwWrite\nks.sys KsCreatePin2\n",
            &[
                "# comment\nntoskrnl.exe\tExFreePool\nntoskrnl.exe\tExAllocatePoolWithTag\n\
                 hal.dll\tKeQueryPerformanceCounter\nntoskrnl.exe\tExAllocatePool2\n",
                "ks.sys\tKsFilterGetFirstChildPin\nks.sys\tKsGetPinFromIrp\n",
            ],
        )
        .unwrap();
        let allowed = |module, name| {
            [Flavour::Default, Flavour::Downlevel]
                .map(|flavour| lists.objection(&Import::new(module, name), flavour).is_none())
        };
        assert_eq!(allowed("ks.sys", "KsFilterGetFirstChildPin"), [true, true]);
        assert_eq!(allowed("ntoskrnl.exe", "ExFreePool"), [true, true]);
        assert_eq!(allowed("HAL.DLL", "KeQueryPerformanceCounter"), [true, true]);
        assert_eq!(allowed("ntoskrnl.exe", "ExAllocatePool2"), [true, false]);
        assert_eq!(allowed("ntoskrnl.exe", "ExAllocatePoolWithTag"), [false, true]);
        // In the list, but Windows XP x64 has it not; and not in the list, though it has.
        assert_eq!(allowed("ntoskrnl.exe", "EtwWrite"), [true, false]);
        assert_eq!(allowed("ks.sys", "KsCreatePin2"), [true, false]);
        assert_eq!(allowed("ks.sys", "KsGetPinFromIrp"), [false, false]);
        // The module counts.
        assert_eq!(allowed("ntoskrnl.exe", "KeQueryPerformanceCounter"), [false, false]);
    }

    #[test]
    fn a_spoilt_list_is_told() {
        assert!(Lists::parse("ks.sys", &[]).is_err());
        assert!(Lists::parse("ks.sys KsGetDevice sometimes", &[]).is_err());
        assert!(Lists::parse("", &["ntoskrnl.exe"]).is_err());
    }

    #[test]
    fn what_is_allowed_downlevel_is_old() {
        let lists = Lists::committed().unwrap();
        let too_new: Vec<_> = lists.downlevel.difference(&lists.old).collect();
        assert!(too_new.is_empty(), "mark these as `default`: {too_new:#?}");
    }
}
