//! Which files are copied from where to where.

use super::{Architecture, Decoration, Entry, Inf};

/// A file that an installation copies.
#[derive(Clone, Debug)]
pub struct FileCopy<'a> {
    /// The line that names it.
    pub entry: &'a Entry,
    /// The section with the line; nothing if the directive itself names the file (`@name`).
    pub list: Option<&'a str>,
    /// For which machines.
    pub architecture: Architecture,
    /// Its name on the source medium.
    pub source: &'a str,
    /// Its name where it is copied to.
    pub destination: &'a str,
    /// The value of the flags, as it stands.
    pub flags: &'a str,
}

/// A folder of `[DestinationDirs]`.
#[derive(Clone, Debug)]
pub struct Folder<'a> {
    /// The line.
    pub entry: &'a Entry,
    /// The number of the folder: 13 is the driver store, 12 system32\drivers.
    pub dirid: &'a str,
    /// Below it, without a backslash at either end; empty if it is the folder itself.
    pub subfolder: &'a str,
}

impl Inf {
    /// The architectures of the targets, and of the sections that install without a device. One without an
    /// architecture is for x86.
    pub fn architectures(&self) -> Vec<Architecture> {
        let devices = self.devices().into_iter().filter_map(|device| device.target.decoration.ok());
        let devices = devices.map(|decoration| decoration.architecture.unwrap_or(Architecture::X86));
        let sections = self.sections.iter().filter_map(|section| of_default_install(&section.name));
        let mut all: Vec<_> = devices.chain(sections).collect();
        all.sort();
        all.dedup();
        all
    }

    /// Every file that an installation copies, once for each architecture.
    pub fn copies(&self) -> Vec<FileCopy<'_>> {
        let mut copies: Vec<FileCopy<'_>> = Vec::new();
        for (section, entry) in self.directives("CopyFiles") {
            for architecture in self.architectures_of(section) {
                for value in &entry.values {
                    let new = match value.text.strip_prefix('@') {
                        Some(name) => {
                            let (source, destination) = (name, name);
                            vec![FileCopy { entry, list: None, architecture, source, destination, flags: "" }]
                        }
                        None => self
                            .entries(&value.text)
                            .map(|line| FileCopy::of(line, &value.text, architecture))
                            .collect(),
                    };
                    for copy in new {
                        let same = |old: &FileCopy<'_>| {
                            old.entry.line == copy.entry.line && old.architecture == architecture
                        };
                        if !copies.iter().any(same) {
                            copies.push(copy);
                        }
                    }
                }
            }
        }
        copies.retain(|copy| !copy.destination.is_empty());
        copies
    }

    /// The architectures of the devices that a section is used for: all, if it is no install section.
    fn architectures_of(&self, section: &str) -> Vec<Architecture> {
        let mut found: Vec<_> = of_default_install(section).into_iter().collect();
        for device in self.devices() {
            let architecture =
                device.target.decoration.unwrap_or_default().architecture.unwrap_or(Architecture::X86);
            if self.install_section(&device).is_some_and(|install| install.eq_ignore_ascii_case(section)) {
                found.push(architecture);
            }
        }
        found.sort();
        found.dedup();
        if found.is_empty() { self.architectures() } else { found }
    }

    /// Where the files of a list go: what `[DestinationDirs]` says about it, or about lists that it does not name.
    pub fn destination(&self, list: Option<&str>) -> Option<Folder<'_>> {
        let own = list.and_then(|list| self.entry("DestinationDirs", list));
        let entry = own.or_else(|| self.entry("DestinationDirs", "DefaultDestDir"))?;
        Some(Folder { entry, dirid: entry.value(0), subfolder: entry.value(1).trim_matches('\\') })
    }
}

/// The architecture of `[DefaultInstall.NTamd64]` and what belongs to it; nothing for other sections.
fn of_default_install(section: &str) -> Option<Architecture> {
    let mut parts = section.split('.');
    let first = parts.next().unwrap_or_default();
    let known = ["DefaultInstall", "DefaultUninstall"].iter().any(|known| known.eq_ignore_ascii_case(first));
    let decoration: Option<Decoration> = parts.next().and_then(|part| part.parse().ok());
    known.then(|| decoration.unwrap_or_default().architecture.unwrap_or(Architecture::X86))
}

impl<'a> FileCopy<'a> {
    fn of(entry: &'a Entry, list: &'a str, architecture: Architecture) -> Self {
        // `name` alone, or `destination, source, unused, flags`.
        let destination = entry.value(0);
        let source = Some(entry.value(1)).filter(|source| !source.is_empty()).unwrap_or(destination);
        Self { entry, list: Some(list), architecture, source, destination, flags: entry.value(3) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_by_architecture() {
        let inf = Inf::parse(
            "[SourceDisksNames]\n1=D,,,\\bin\n[SourceDisksFiles]\nb.sys=1\n[SourceDisksFiles.arm64]\na.sys=1,arm64\n\
             [DestinationDirs]\nL=13,arm64\nDefaultDestDir=12\n[Manufacturer]\nM=C,NTamd64,NTarm64\n[C.NTamd64]\nA=I,X\n\
             [C.NTarm64]\nA=I,X\n[I.NTamd64]\nCopyFiles=@b.sys\n[I.NTarm64]\nCopyFiles=L\n[L]\nc.sys,a.sys,,4",
        );
        let copies = inf.copies();
        let found: Vec<_> = copies
            .iter()
            .map(|copy| (copy.architecture.name(), copy.source, copy.destination, copy.flags))
            .collect();
        assert_eq!(found, [("amd64", "b.sys", "b.sys", ""), ("arm64", "a.sys", "c.sys", "4")]);
        let folders: Vec<_> =
            copies.iter().map(|copy| inf.destination(copy.list).expect("a folder")).collect();
        assert_eq!((folders[0].dirid, folders[0].subfolder), ("12", ""));
        assert_eq!((folders[1].dirid, folders[1].subfolder), ("13", "arm64"));
        let path = |copy: &FileCopy<'_>| inf.source(copy.source, copy.architecture).map(|source| source.path);
        assert_eq!(path(&copies[0]).as_deref(), Some("bin/b.sys"));
        assert_eq!(path(&copies[1]).as_deref(), Some("bin/arm64/a.sys"));
    }
}
