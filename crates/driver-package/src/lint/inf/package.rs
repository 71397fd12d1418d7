//! What an INF says about the other files of its package.

use crate::{
    inf::{Architecture, Source},
    lint::{Check, Findings, InfFile, Levels, Package, Rule},
};

const SOURCES: &str = "install/inf-sourcedisksfiles-section";

/// The rules.
pub const RULES: &[Rule] = &[
    package("PKG01", "every file that the INF lists is there", Levels::ERROR, SOURCES, missing),
    package("PKG02", "every program is listed", Levels::WARNING, SOURCES, unlisted),
    package("PKG03", "every file that is listed is copied", Levels::WARNING, SOURCES, not_copied),
    package(
        "PKG04",
        "every INF has a catalog of its own",
        Levels::ERROR,
        "install/inf-version-section",
        shared_catalog,
    ),
    package("PKG05", "an image is for the machines that it is installed on", Levels::ERROR, SOURCES, machine),
];

const fn package(
    code: &'static str,
    title: &'static str,
    levels: Levels,
    page: &'static str,
    check: fn(&Package, &mut Findings<'_>),
) -> Rule {
    Rule { code, title, levels, page, check: Check::Package(check) }
}

/// The files that each INF lists.
fn sources(package: &Package) -> impl Iterator<Item = (&InfFile, Source<'_>)> {
    package.infs.iter().flat_map(|file| file.inf.sources().into_iter().map(move |source| (file, source)))
}

fn missing(package: &Package, findings: &mut Findings<'_>) {
    for (file, source) in sources(package) {
        if package.find(&source.path).is_none() {
            let found = format!("{} is not in the package", source.path);
            findings.add_in(
                &file.name,
                source.line,
                found,
                "put it there, or correct its name or its folder",
            );
        }
    }
}

fn unlisted(package: &Package, findings: &mut Findings<'_>) {
    if package.infs.is_empty() {
        return;
    }
    for name in ["sys", "dll", "exe"].iter().flat_map(|extension| package.with_extension(extension)) {
        if !sources(package).any(|(_, source)| source.path.eq_ignore_ascii_case(name)) {
            let advice =
                "list it in [SourceDisksFiles] and copy it, or take it out: it is not part of what is signed";
            findings.add_in(name, None, "no INF lists it", advice);
        }
    }
}

fn not_copied(package: &Package, findings: &mut Findings<'_>) {
    for file in &package.infs {
        let copies = file.inf.copies();
        for source in file.inf.sources() {
            let copied = copies.iter().any(|copy| {
                copy.source.eq_ignore_ascii_case(source.file)
                    && source.architecture.is_none_or(|only| only == copy.architecture)
            });
            if !copied {
                let found = format!("nothing copies {}", source.path);
                findings.add_in(
                    &file.name,
                    source.line,
                    found,
                    "name it in a section that CopyFiles names, or remove the line",
                );
            }
        }
    }
}

fn shared_catalog(package: &Package, findings: &mut Findings<'_>) {
    for (index, file) in package.infs.iter().enumerate() {
        let name = file.inf.version("CatalogFile");
        let same = |other: &&InfFile| other.inf.version("CatalogFile").eq_ignore_ascii_case(name);
        if let Some(other) = package.infs[..index].iter().find(same).filter(|_| !name.is_empty()) {
            let line = file.inf.entry("Version", "CatalogFile").map(|entry| entry.line);
            findings.add_in(
                &file.name,
                line,
                format!("{name} is the catalog of {} too", other.name),
                "name another",
            );
        }
    }
}

fn machine(package: &Package, findings: &mut Findings<'_>) {
    for file in &package.infs {
        for copy in file.inf.copies().iter().filter(|copy| copy.source.to_ascii_lowercase().ends_with(".sys"))
        {
            let Some(source) = file.inf.source(copy.source, copy.architecture) else { continue };
            let Some(image) =
                package.images.iter().find(|image| image.name.eq_ignore_ascii_case(&source.path))
            else {
                continue;
            };
            if let Some(machine) = image_machine(&image.bytes).filter(|machine| *machine != copy.architecture)
            {
                let (is, wanted) = (machine.name(), copy.architecture.name());
                let found = format!("{} is for {is}, but is installed on {wanted}", source.path);
                findings.add_in(
                    &file.name,
                    copy.entry.line,
                    found,
                    format!("build it for {wanted}, or correct the decorations"),
                );
            }
        }
    }
}

/// For which machine an image is, if it is one and the machine has a decoration.
fn image_machine(bytes: &[u8]) -> Option<Architecture> {
    let at = u32::from_le_bytes(*bytes.get(0x3C..)?.first_chunk()?);
    let header = bytes.get(usize::try_from(at).ok()?..)?.strip_prefix(b"PE\0\0")?;
    match u16::from_le_bytes(*header.first_chunk()?) {
        0x014C => Some(Architecture::X86),
        0x0200 => Some(Architecture::Ia64),
        0x01C4 => Some(Architecture::Arm),
        0x8664 => Some(Architecture::Amd64),
        0xAA64 => Some(Architecture::Arm64),
        _ => None,
    }
}
