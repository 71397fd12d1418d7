//! Which sections a file names, and what for.

use super::{Entry, Inf};

/// What a section that a directive names is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list of files.
    Files,
    /// Registry entries.
    Registry,
    /// Device properties.
    Properties,
    /// A device interface.
    Interface,
    /// A service.
    Service,
    /// A section of one directive only, which has no other kind.
    Other(&'static str),
}

/// Where the registry entries of a section go: what HKR stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// The device's software key.
    Install,
    /// The device's hardware key.
    Hardware,
    /// A device interface's key.
    Interface,
    /// A service's key.
    Service,
    /// An event log's key.
    EventLog,
    /// Co-installers, classes and all else.
    Other,
}

/// A section's name in a directive.
#[derive(Clone, Debug)]
pub struct Reference<'a> {
    /// The section with the directive.
    pub from: &'a str,
    /// The directive's line.
    pub entry: &'a Entry,
    /// The section that it names.
    pub to: &'a str,
    /// What for.
    pub kind: Kind,
    /// What the section with the directive belongs to.
    pub owner: Owner,
}

/// The directives that name sections, what the sections are for, and in which values they are named; if none is
/// given, in all.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/install/summary-of-inf-directives>
const DIRECTIVES: &[(&str, Kind, Option<usize>)] = &[
    ("CopyFiles", Kind::Files, None),
    ("DelFiles", Kind::Files, None),
    ("RenFiles", Kind::Files, None),
    ("AddReg", Kind::Registry, None),
    ("DelReg", Kind::Registry, None),
    ("BitReg", Kind::Other("BitReg"), None),
    ("AddProperty", Kind::Properties, None),
    ("DelProperty", Kind::Properties, None),
    ("AddInterface", Kind::Interface, Some(2)),
    ("AddService", Kind::Service, Some(2)),
    ("AddService", Kind::Other("event log"), Some(3)),
    ("AddFilter", Kind::Other("AddFilter"), Some(2)),
    ("AddComponent", Kind::Other("AddComponent"), Some(2)),
    ("AddSoftware", Kind::Other("AddSoftware"), Some(2)),
    ("LogConfig", Kind::Other("LogConfig"), None),
    ("UpdateInis", Kind::Other("UpdateInis"), None),
    ("UpdateIniFields", Kind::Other("UpdateIniFields"), None),
    ("Ini2Reg", Kind::Other("Ini2Reg"), None),
    ("ProfileItems", Kind::Other("ProfileItems"), None),
    ("RegisterDlls", Kind::Other("RegisterDlls"), None),
    ("UnregisterDlls", Kind::Other("UnregisterDlls"), None),
    ("UmdfService", Kind::Other("UmdfService"), Some(1)),
    ("KmdfService", Kind::Other("KmdfService"), Some(1)),
];

/// What may stand behind the name of an install section, and what HKR stands for there.
pub const SUFFIXES: [(&str, Owner); 13] = [
    ("HW", Owner::Hardware),
    ("Services", Owner::Other),
    ("Interfaces", Owner::Other),
    ("CoInstallers", Owner::Other),
    ("LogConfigOverride", Owner::Other),
    ("FactDef", Owner::Other),
    ("WMI", Owner::Other),
    ("Components", Owner::Other),
    ("Software", Owner::Other),
    ("COM", Owner::Other),
    ("Events", Owner::Other),
    ("Filters", Owner::Other),
    ("Wdf", Owner::Other),
];

impl Inf {
    /// The sections in which an installation begins, with what HKR stands for: those of devices with all that belongs
    /// to them, and those with names that Windows knows.
    pub fn roots(&self) -> Vec<(&str, Owner)> {
        let mut install: Vec<String> = self.installs().into_iter().map(|(section, _)| section).collect();
        let known = ["DefaultInstall", "DefaultUninstall", "ClassInstall32", "InterfaceInstall32"];
        for section in &self.sections {
            let first = section.name.split('.').next().unwrap_or_default();
            // `.Services` and the like come with the section that they belong to.
            let last = section.name.rsplit('.').next().unwrap_or_default();
            let below = SUFFIXES.iter().any(|(suffix, _)| suffix.eq_ignore_ascii_case(last));
            if !below && known.iter().any(|known| known.eq_ignore_ascii_case(first)) {
                install.push(section.name.clone());
            }
        }
        let mut roots = Vec::new();
        for section in &self.sections {
            for base in &install {
                let Some((head, rest)) = section.name.split_at_checked(base.len()) else { continue };
                if !head.eq_ignore_ascii_case(base) {
                    continue;
                }
                let suffix = SUFFIXES.iter().find(|(suffix, _)| {
                    rest.strip_prefix('.').is_some_and(|rest| rest.eq_ignore_ascii_case(suffix))
                });
                match suffix {
                    Some((_, owner)) => roots.push((section.name.as_str(), *owner)),
                    None if rest.is_empty() => roots.push((section.name.as_str(), Owner::Install)),
                    None => {}
                }
            }
        }
        roots
    }

    /// The sections of directives that an installation comes by: the roots, and what they lead to.
    pub fn reached(&self) -> Vec<(&str, Owner)> {
        let mut reached: Vec<(&str, Owner)> = Vec::new();
        let mut open: Vec<(&str, Owner)> = self.roots();
        open.reverse();
        while let Some((section, owner)) = open.pop() {
            let same =
                |(known, as_what): &(&str, Owner)| known.eq_ignore_ascii_case(section) && *as_what == owner;
            if reached.iter().any(same) {
                continue;
            }
            reached.push((section, owner));
            for reference in self.references_of(section, owner) {
                match reference.kind {
                    Kind::Interface => open.push((reference.to, Owner::Interface)),
                    Kind::Service => open.push((reference.to, Owner::Service)),
                    Kind::Other("event log") => open.push((reference.to, Owner::EventLog)),
                    // Lists of other things than directives.
                    _ => {}
                }
            }
            // Sections of this file that are taken in.
            let needs = self.entries(section).filter(|entry| entry.is("Needs"));
            open.extend(needs.flat_map(|entry| &entry.values).map(|value| (value.text.as_str(), owner)));
        }
        reached
    }

    /// Every section's name in a directive that an installation comes by.
    pub fn references(&self) -> Vec<Reference<'_>> {
        let reached = self.reached().into_iter();
        let mut references: Vec<_> =
            reached.flat_map(|(section, owner)| self.references_of(section, owner)).collect();
        references.sort_by_key(|reference| reference.entry.line);
        references
    }

    fn references_of<'a>(&'a self, section: &'a str, owner: Owner) -> Vec<Reference<'a>> {
        let mut references = Vec::new();
        for entry in self.entries(section) {
            for (_, kind, place) in DIRECTIVES.iter().filter(|(name, ..)| entry.is(name)) {
                let values =
                    entry.values.iter().enumerate().filter(|(index, _)| place.is_none_or(|at| at == *index));
                let names = values.map(|(_, value)| value.text.as_str());
                // `@name` is a file.
                references.extend(
                    names.filter(|name| !name.is_empty() && !name.starts_with('@')).map(|to| Reference {
                        from: section,
                        entry,
                        to,
                        kind: *kind,
                        owner,
                    }),
                );
            }
        }
        references
    }

    /// The directives of this name that an installation comes by, with the sections that they are in.
    pub fn directives(&self, name: &str) -> Vec<(&str, &Entry)> {
        let mut sections: Vec<&str> = Vec::new();
        for (section, _) in self.reached() {
            if !sections.iter().any(|known| known.eq_ignore_ascii_case(section)) {
                sections.push(section);
            }
        }
        let with = |section| self.entries(section).map(move |entry| (section, entry));
        sections.into_iter().flat_map(with).filter(|(_, entry)| entry.is(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_followed_from_the_devices() {
        let inf = Inf::parse(
            "[Manufacturer]\nM=Cams,NTamd64\n[Cams.NTamd64]\nA=One,ID\n[One]\nCopyFiles=Files,@x.sys\nNeeds=More\n\
             [More]\nAddReg=Soft\n[One.HW]\nAddReg=Hard\n[One.Services]\nAddService=s,2,Svc,Log\n[Svc]\nAddReg=Par\n\
             [Other]\nAddReg=Lost",
        );
        let found: Vec<_> = inf.references().iter().map(|to| (to.to, to.kind, to.owner)).collect();
        let expected = [
            ("Files", Kind::Files, Owner::Install),
            ("Soft", Kind::Registry, Owner::Install),
            ("Hard", Kind::Registry, Owner::Hardware),
            ("Svc", Kind::Service, Owner::Other),
            ("Log", Kind::Other("event log"), Owner::Other),
            ("Par", Kind::Registry, Owner::Service),
        ];
        assert_eq!(found, expected);
        assert_eq!(inf.directives("AddReg").len(), 3);
    }

    /// Sections that name each other do not keep it busy for ever.
    #[test]
    fn circles_end() {
        let inf = Inf::parse("[Manufacturer]\nM=C\n[C]\nA=I,X\n[I]\nNeeds=J\n[J]\nNeeds=I\nAddReg=R");
        assert_eq!(inf.references().len(), 1);
    }
}
