//! What is copied from where to where.

use super::{ERROR, INFVERIF, ISOLATED, WARNING, rule};
use crate::{
    inf::{FileCopy, Folder, Inf},
    lint::{Findings, InfFile, Levels, Rule},
};

const DESTINATION: &str = "install/inf-destinationdirs-section";
const SOURCES: &str = "install/inf-sourcedisksfiles-section";
const COPY: &str = "install/inf-copyfiles-directive";
const DIRIDS: &str = "install/using-dirids";

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1008", "every source file names its medium by a number", Levels::ERROR, SOURCES, no_disk),
    rule("1100", "what runs from the driver store keeps name and folder", Levels::ERROR, DIRIDS, moved),
    rule(
        "1101",
        "files in the driver store have no security of their own",
        Levels::ERROR,
        INFVERIF,
        security,
    ),
    rule("1102", "files in the driver store are not deleted or renamed", Levels::ERROR, DIRIDS, deleted),
    rule("1229", "every line of a list of files has a name", Levels::ERROR, COPY, nameless),
    rule("1230", "every copied file is in [SourceDisksFiles]", Levels::ERROR, SOURCES, unknown),
    rule("1231", "source files have their uncompressed names", UNIVERSAL_NAMES, INFVERIF, compressed),
    rule("1243", "folders are given by number", Levels::ERROR, DIRIDS, no_number),
    rule("1273", "every source medium is in [SourceDisksNames]", Levels::ERROR, SOURCES, unknown_disk),
    rule("1275", "every list of files has a folder", Levels::ERROR, DESTINATION, no_folder),
    rule(
        "1306",
        "universal drivers copy to Windows' own folders",
        SYSTEM_FOLDERS,
        "install/using-a-universal-inf-file",
        elsewhere,
    ),
    rule(
        "1322",
        "isolated drivers run from the driver store",
        ISOLATED,
        "develop/driver-isolation",
        not_isolated,
    ),
    rule("1330", "no file is copied over another", Levels::ERROR, INFVERIF, collisions),
    rule(
        "INF05",
        "an INF that includes others has no DefaultDestDir",
        Levels::WARNING,
        DESTINATION,
        default_folder,
    ),
];

const UNIVERSAL_NAMES: Levels = Levels::infverif(WARNING, ERROR, ERROR);
const SYSTEM_FOLDERS: Levels = Levels::infverif(WARNING, ERROR, None);

/// Every copied file with its folder, if it has one.
fn placed(inf: &Inf) -> Vec<(FileCopy<'_>, Folder<'_>)> {
    let copies = inf.copies().into_iter();
    copies.filter_map(|copy| inf.destination(copy.list).map(|folder| (copy, folder))).collect()
}

fn no_disk(file: &InfFile, findings: &mut Findings<'_>) {
    for source in file.inf.sources() {
        let disk = source.entry.value(0);
        if disk.is_empty() || !disk.bytes().all(|byte| byte.is_ascii_digit()) {
            let found = format!("{} is on medium \"{disk}\"", source.file);
            findings.add(
                source.line,
                found,
                "write the number of a line in [SourceDisksNames]: file.sys = 1",
            );
        }
    }
}

fn moved(file: &InfFile, findings: &mut Findings<'_>) {
    for (copy, folder) in placed(&file.inf).into_iter().filter(|(_, folder)| folder.dirid == "13") {
        if !copy.source.eq_ignore_ascii_case(copy.destination) {
            let found = format!("{} is renamed to {} on the way to folder 13", copy.source, copy.destination);
            findings.add(
                copy.entry.line,
                found,
                "give the file its name in the package: it is not copied, it stays",
            );
        }
        let Some(source) = file.inf.source(copy.source, copy.architecture) else { continue };
        let from = source.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let to = folder.subfolder.replace('\\', "/");
        if !from.eq_ignore_ascii_case(&to) {
            let found = format!(
                "{} lies in \"{from}\" of the package and goes to \"{to}\" of folder 13",
                copy.source
            );
            findings.add(
                copy.entry.line,
                found,
                "make both sub-folders the same: the file is not copied, it stays",
            );
        }
    }
}

fn security(file: &InfFile, findings: &mut Findings<'_>) {
    let mut lists: Vec<&str> = Vec::new();
    for (copy, _) in placed(&file.inf).into_iter().filter(|(_, folder)| folder.dirid == "13") {
        let Some(list) = copy.list.filter(|list| !lists.contains(list)) else { continue };
        lists.push(list);
        if let Some(section) = file.inf.section(&format!("{list}.security")) {
            findings.add(
                section.line,
                format!("[{}] is for files in folder 13", section.name),
                "remove the section",
            );
        }
    }
}

fn deleted(file: &InfFile, findings: &mut Findings<'_>) {
    for directive in ["DelFiles", "RenFiles"] {
        for (_, entry) in file.inf.directives(directive) {
            let lists = entry.values.iter().filter(|list| !list.text.starts_with('@'));
            for list in lists.filter(|list| {
                file.inf.destination(Some(&list.text)).is_some_and(|folder| folder.dirid == "13")
            }) {
                let found = format!("{directive} names [{}], whose files are in folder 13", list.text);
                findings.add(entry.line, found, "remove the line: Windows looks after the driver store");
            }
        }
    }
}

fn nameless(file: &InfFile, findings: &mut Findings<'_>) {
    for (_, entry) in file.inf.directives("CopyFiles") {
        for list in &entry.values {
            for line in file.inf.entries(&list.text).filter(|line| line.value(0).is_empty()) {
                findings.add(
                    line.line,
                    format!("a line of [{}] has no file's name", list.text),
                    "write the name first",
                );
            }
        }
    }
}

fn unknown(file: &InfFile, findings: &mut Findings<'_>) {
    for copy in file.inf.copies() {
        if file.inf.source(copy.source, copy.architecture).is_none() {
            let architecture = copy.architecture.name();
            let found = format!("{} is not in [SourceDisksFiles], for {architecture}", copy.source);
            let advice = format!("write {} = 1 there, or in [SourceDisksFiles.{architecture}]", copy.source);
            findings.add(copy.entry.line, found, advice);
        }
    }
}

fn compressed(file: &InfFile, findings: &mut Findings<'_>) {
    for source in file.inf.sources().into_iter().filter(|source| source.file.ends_with('_')) {
        let found = format!("{} looks like a compressed file's name", source.file);
        findings.add(source.line, found, "write the name of the file as it is installed");
    }
}

fn no_number(file: &InfFile, findings: &mut Findings<'_>) {
    for entry in file.inf.entries("DestinationDirs") {
        let dirid = entry.value(0);
        if dirid != "-1" && (dirid.is_empty() || !dirid.bytes().all(|byte| byte.is_ascii_digit())) {
            let found = format!("{} goes to \"{dirid}\"", entry.key());
            findings.add(
                entry.line,
                found,
                "write the folder's number alone: 13, or 12, without percent signs",
            );
        }
    }
}

fn unknown_disk(file: &InfFile, findings: &mut Findings<'_>) {
    for source in file.inf.sources() {
        let disk = source.entry.value(0);
        if !disk.is_empty() && file.inf.source_disk(disk, source.architecture).is_none() {
            let found = format!("{} is on medium {disk}, which is not in [SourceDisksNames]", source.file);
            findings.add(source.line, found, format!("write {disk} = %Disk% there"));
        }
    }
}

fn no_folder(file: &InfFile, findings: &mut Findings<'_>) {
    for (section, entry) in file.inf.directives("CopyFiles") {
        for value in entry.values.iter().filter(|value| !value.text.is_empty()) {
            let list = Some(value.text.as_str()).filter(|list| !list.starts_with('@'));
            if file.inf.destination(list).is_none() {
                let found = format!("{}, which [{section}] copies, is not in [DestinationDirs]", value.text);
                let name = list.unwrap_or("DefaultDestDir");
                findings.add(entry.line, found, format!("write {name} = 13, or 12 before Windows 10 1709"));
            }
        }
    }
}

/// Whether a universal INF may copy to a folder.
fn is_system(folder: &Folder<'_>) -> bool {
    matches!(folder.dirid, "11" | "12" | "13") || (folder.dirid == "10" && !folder.subfolder.is_empty())
}

fn elsewhere(file: &InfFile, findings: &mut Findings<'_>) {
    for (copy, folder) in placed(&file.inf).into_iter().filter(|(_, folder)| !is_system(folder)) {
        let found = format!("{} goes to folder {} {}", copy.destination, folder.dirid, folder.subfolder);
        findings.add(folder.entry.line, found.trim_end(), "copy to 13, 12 or 11, or to a sub-folder of 10");
    }
}

fn not_isolated(file: &InfFile, findings: &mut Findings<'_>) {
    for (copy, folder) in placed(&file.inf).into_iter().filter(|(_, folder)| folder.dirid != "13") {
        let found = format!("{} goes to folder {}", copy.destination, folder.dirid);
        findings.add(folder.entry.line, found, "write 13, the driver store, here and in ServiceBinary");
    }
}

fn collisions(file: &InfFile, findings: &mut Findings<'_>) {
    let placed = placed(&file.inf);
    let place = |(copy, folder): &(FileCopy<'_>, Folder<'_>)| {
        format!("{:?} {} {} {}", copy.architecture, folder.dirid, folder.subfolder, copy.destination)
            .to_lowercase()
    };
    for (index, one) in placed.iter().enumerate() {
        let other = placed[..index].iter().find(|other| place(other) == place(one));
        if let Some((other, _)) = other.filter(|(other, _)| !other.source.eq_ignore_ascii_case(one.0.source))
        {
            let found = format!("{} and {} both become {}", other.source, one.0.source, one.0.destination);
            findings.add(one.0.entry.line, found, "give them different names");
        }
    }
}

fn default_folder(file: &InfFile, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("DestinationDirs", "DefaultDestDir") else { return };
    if !file.inf.directives("Include").is_empty() {
        let advice = "name each list of files instead: the included INF's files go to your default too";
        findings.add(entry.line, "DefaultDestDir stands beside Include", advice);
    }
}
