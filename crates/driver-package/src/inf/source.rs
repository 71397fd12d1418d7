//! Where the package has the files that an INF copies.

use super::{Architecture, Entry, Inf};

/// A file of the package: a line of `[SourceDisksFiles]`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/install/inf-sourcedisksfiles-section>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source<'a> {
    /// The line's number.
    pub line: usize,
    /// The line.
    pub entry: &'a Entry,
    /// Its name, without a folder.
    pub file: &'a str,
    /// Where it is in the package, with `/` between the parts.
    pub path: String,
    /// The hardware platform of the section; any if it has none.
    pub architecture: Option<Architecture>,
}

impl Inf {
    /// Every line of `[SourceDisksFiles]` and of its sections for one hardware platform.
    pub fn sources(&self) -> Vec<Source<'_>> {
        let mut sources = Vec::new();
        for section in &self.sections {
            let Some(architecture) = platform(&section.name, "SourceDisksFiles") else { continue };
            for entry in &section.entries {
                let folders = [
                    self.source_disk(entry.value(0), architecture).map_or("", |disk| disk.value(3)),
                    entry.value(1),
                ];
                let parts = folders.iter().flat_map(|folder| folder.split(['\\', '/'])).chain([entry.key()]);
                let path = parts.filter(|part| !matches!(*part, "" | ".")).collect::<Vec<_>>().join("/");
                sources.push(Source { line: entry.line, entry, file: entry.key(), path, architecture });
            }
        }
        sources
    }

    /// The source of a file by its name; those for the platform come first.
    pub fn source(&self, file: &str, architecture: Architecture) -> Option<Source<'_>> {
        let named = |source: &Source<'_>| source.file.eq_ignore_ascii_case(file);
        let mut sources: Vec<_> = self.sources().into_iter().filter(named).collect();
        sources.retain(|source| source.architecture.is_none_or(|only| only == architecture));
        sources.into_iter().max_by_key(|source| source.architecture)
    }

    /// The line of `[SourceDisksNames]` for a disk; its section for the platform comes first.
    pub fn source_disk(&self, disk: &str, architecture: Option<Architecture>) -> Option<&Entry> {
        let special = architecture.map(|architecture| format!("SourceDisksNames.{}", architecture.name()));
        let plain = "SourceDisksNames".to_owned();
        special.into_iter().chain([plain]).find_map(|section| self.entry(&section, disk))
    }
}

/// The platform of `name` or `name.platform`; nothing if the section is another.
fn platform(section: &str, name: &str) -> Option<Option<Architecture>> {
    if section.eq_ignore_ascii_case(name) {
        return Some(None);
    }
    let (head, tail) = section.split_at_checked(name.len())?;
    let platform = tail.strip_prefix('.').filter(|_| head.eq_ignore_ascii_case(name))?;
    Architecture::named(platform).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_joined() {
        let inf = Inf::parse(
            "[SourceDisksNames]\n1=Disk\n2=Disk,,,\\all\n[SourceDisksNames.arm64]\n1=Disk,,,\".\\arm\\\"\n\
             [SourceDisksFiles]\na.sys=1\nb.sys=2,sub\n[sourcedisksfiles.ARM64]\na.sys=1\n[SourceDisksFiles.x]\nc=1",
        );
        let sources = inf.sources();
        let paths: Vec<_> =
            sources.iter().map(|source| (source.path.as_str(), source.architecture)).collect();
        assert_eq!(
            paths,
            [("a.sys", None), ("all/sub/b.sys", None), ("arm/a.sys", Some(Architecture::Arm64))]
        );
        assert_eq!((sources[2].line, sources[2].file), (10, "a.sys"));
    }
}
