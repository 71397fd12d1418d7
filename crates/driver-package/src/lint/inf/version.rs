//! `[Version]`.

use std::time::SystemTime;

use super::{INFVERIF, rule, setup_class};
use crate::{
    date::Date,
    inf::{DriverVer, is_catalog_name},
    lint::{Check, Findings, InfFile, Levels, Package, Rule},
};

const PAGE: &str = "install/inf-version-section";
const CLASSES: &str = "install/system-defined-device-setup-classes-available-to-vendors";
const DRIVER_VER: &str = "install/inf-driverver-directive";

/// The class of packages that extend others.
const EXTENSION: &str = "{e2f84ce7-8efa-411c-aa69-97454ca4cb57}";

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1010", "ClassGuid is a GUID", Levels::ERROR, PAGE, class_guid),
    rule("1204", "the provider is not Microsoft", Levels::ERROR, INFVERIF, provider),
    rule("1213", "catalogs are named by CatalogFile only", Levels::ERROR, PAGE, catalog_listed),
    rule("1214", "CatalogFile is of the form name.cat", Levels::ERROR, PAGE, catalog_name),
    rule("1217", "the version in DriverVer is w.x.y.z", Levels::ERROR, DRIVER_VER, version),
    rule("1218", "the date in DriverVer is MM/DD/YYYY", Levels::ERROR, DRIVER_VER, date),
    Rule {
        code: "INF01",
        title: "the date in DriverVer is not in the future",
        levels: Levels::ERROR,
        page: "devtest/inf2cat",
        check: Check::Package(future),
    },
    rule("1233", "there is a CatalogFile, for the signature", Levels::ERROR, PAGE, no_catalog),
    rule("1234", "[Version] has what an installation needs", Levels::ERROR, PAGE, required),
    rule("1280", "the class has the name that goes with its GUID", Levels::ERROR, CLASSES, class_name),
    rule("1281", "the class has the GUID that goes with its name", Levels::ERROR, CLASSES, class_id),
    rule(
        "1284",
        "the class is not reserved for Windows",
        Levels::ERROR,
        "install/system-defined-device-setup-classes-reserved-for-system-use",
        reserved,
    ),
    rule("1285", "a class of Windows is not installed anew", Levels::ERROR, INFVERIF, class_install),
    rule("1286", "the class's name has no more than 31 characters", Levels::ERROR, INFVERIF, class_length),
    rule("1324", "installed files are protected", Levels::WARNING, PAGE, pnp_lockdown),
    rule("1380", "ExtensionId is a GUID", Levels::ERROR, PAGE, extension_id),
    rule("1381", "an extension has an ExtensionId", Levels::ERROR, PAGE, no_extension_id),
    rule("2009", "nothing deprecated stands in [Version]", Levels::WARNING, PAGE, deprecated),
];

fn class_guid(file: &InfFile, findings: &mut Findings<'_>) {
    guid(file, "ClassGuid", findings);
}

fn extension_id(file: &InfFile, findings: &mut Findings<'_>) {
    guid(file, "ExtensionId", findings);
}

fn guid(file: &InfFile, key: &str, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("Version", key) else { return };
    let value = entry.value(0);
    if !value.is_empty() && !super::is_guid(value) {
        let advice = "write {XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}, in hexadecimal digits, with the braces";
        findings.add(entry.line, format!("{key} is {value}"), advice);
    }
}

fn provider(file: &InfFile, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("Version", "Provider") else { return };
    let provider = entry.value(0);
    if provider.get(..9).is_some_and(|begin| begin.eq_ignore_ascii_case("Microsoft")) {
        findings.add(entry.line, format!("the provider is \"{provider}\""), "name who wrote the INF");
    }
}

/// The lines with catalogs: one for all, or by architecture.
fn catalogs(file: &InfFile) -> impl Iterator<Item = &crate::inf::Entry> {
    file.inf.entries("Version").filter(|entry| {
        let key = entry.key().to_ascii_lowercase();
        key == "catalogfile" || key.starts_with("catalogfile.nt")
    })
}

fn catalog_listed(file: &InfFile, findings: &mut Findings<'_>) {
    for source in file.inf.sources() {
        if source.file.to_ascii_lowercase().ends_with(".cat") {
            let found = format!("[SourceDisksFiles] has {}", source.file);
            findings.add(
                source.line,
                found,
                "remove the line: a catalog lies beside the INF and is not copied",
            );
        }
    }
}

fn catalog_name(file: &InfFile, findings: &mut Findings<'_>) {
    for entry in catalogs(file) {
        let name = entry.value(0);
        if !name.is_empty() && !is_catalog_name(name) {
            let advice =
                "name a file beside the INF, name.cat, in letters, digits, dots, hyphens and underscores";
            findings.add(entry.line, format!("the catalog is {name}"), advice);
        }
    }
}

fn no_catalog(file: &InfFile, findings: &mut Findings<'_>) {
    if !catalogs(file).any(|entry| !entry.value(0).is_empty()) {
        findings.add(None, "[Version] has no CatalogFile", "write CatalogFile = name.cat");
    }
}

/// Every `DriverVer` line: the file's and the install sections'.
fn driver_vers(file: &InfFile) -> Vec<&crate::inf::Entry> {
    let global = file.inf.entries("Version").filter(|entry| entry.is("DriverVer"));
    let special = file.inf.directives("DriverVer").into_iter().map(|(_, entry)| entry);
    global.chain(special).filter(|entry| !entry.values.is_empty()).collect()
}

fn version(file: &InfFile, findings: &mut Findings<'_>) {
    for entry in driver_vers(file) {
        let text = entry.value(1);
        let parts = text.split('.').map(|part| {
            let digits = part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse::<u16>().ok().filter(|number| digits && *number < u16::MAX)
        });
        let parts = parts.collect::<Option<Vec<_>>>();
        if parts.is_none_or(|parts| parts.len() != 4 || parts == [0; 4]) {
            let advice = "write four numbers below 65535, not all 0: 11/24/2026,1.0.0.0";
            findings.add(entry.line, format!("the version is \"{text}\""), advice);
        }
    }
}

fn date(file: &InfFile, findings: &mut Findings<'_>) {
    for entry in driver_vers(file) {
        let text = entry.value(0);
        let lengths = text.split(['/', '-']).map(str::len);
        if !lengths.eq([2, 2, 4]) || format!("{text},1.0.0.0").parse::<DriverVer>().is_err() {
            let advice =
                "write month, day and year with two, two and four digits, from 1970 on: 11/24/2026,1.0.0.0";
            findings.add(entry.line, format!("the date is \"{text}\""), advice);
        }
    }
}

fn future(package: &Package, findings: &mut Findings<'_>) {
    let now = package.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let Some(today) = Date::from_unix(now.as_secs()) else { return };
    for file in &package.infs {
        for entry in driver_vers(file) {
            let Ok(DriverVer { date, .. }) = format!("{},1.0.0.0", entry.value(0)).parse() else { continue };
            if date > today {
                let advice =
                    "write the date in UTC on which the package was made: Inf2Cat refuses later ones";
                findings.add_in(&file.name, entry.line, format!("the date is {date}"), advice);
            }
        }
    }
}

fn required(file: &InfFile, findings: &mut Findings<'_>) {
    for (key, example) in [
        ("Class", "Camera"),
        ("ClassGuid", "{ca3e7ab9-b4c3-4ae6-8251-579ef933890f}"),
        ("Provider", "%Provider%"),
        ("DriverVer", "11/24/2026,1.0.0.0"),
    ] {
        if file.inf.version(key).is_empty() {
            let line = file.inf.entry("Version", key).map(|entry| entry.line);
            findings.add(
                line,
                format!("[Version] has no {key}"),
                format!("write {key} = {example}, or the like"),
            );
        }
    }
}

fn class_name(file: &InfFile, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("Version", "Class") else { return };
    let (class, guid) = (entry.value(0), file.inf.version("ClassGuid"));
    let Some((name, _)) = setup_class::find("", guid) else { return };
    if !class.eq_ignore_ascii_case(name) {
        findings.add(
            entry.line,
            format!("the class is {class}, its GUID that of {name}"),
            format!("write Class = {name}"),
        );
    }
}

fn class_id(file: &InfFile, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("Version", "ClassGuid") else { return };
    let (class, guid) = (file.inf.version("Class"), entry.value(0));
    let Some((name, id)) = setup_class::find(class, "") else { return };
    if !guid.eq_ignore_ascii_case(id) {
        findings.add(
            entry.line,
            format!("the GUID of class {name} is not {guid}"),
            format!("write ClassGuid = {id}"),
        );
    }
}

fn reserved(file: &InfFile, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("Version", "Class") else { return };
    let class = entry.value(0);
    if setup_class::is_reserved(class) {
        let advice = "take a class that is available to vendors";
        findings.add(entry.line, format!("class {class} is for Windows itself"), advice);
    }
}

fn class_install(file: &InfFile, findings: &mut Findings<'_>) {
    let (class, guid) = (file.inf.version("Class"), file.inf.version("ClassGuid"));
    if setup_class::find(class, guid).is_none() {
        return;
    }
    for section in &file.inf.sections {
        let first = section.name.split('.').next().unwrap_or_default();
        if first.eq_ignore_ascii_case("ClassInstall32") {
            findings.add(
                section.line,
                format!("[{}] would install class {class}", section.name),
                "remove the section",
            );
        }
    }
}

fn class_length(file: &InfFile, findings: &mut Findings<'_>) {
    let Some(entry) = file.inf.entry("Version", "Class") else { return };
    let length = entry.value(0).chars().count();
    if length > 31 {
        findings.add(
            entry.line,
            format!("the class's name has {length} characters"),
            "choose a shorter name",
        );
    }
}

fn pnp_lockdown(file: &InfFile, findings: &mut Findings<'_>) {
    if file.inf.version("PnpLockdown") != "1" {
        let line = file.inf.entry("Version", "PnpLockdown").map(|entry| entry.line);
        findings.add(
            line,
            "other programs may change the installed files",
            "write PnpLockdown = 1 in [Version]",
        );
    }
}

fn no_extension_id(file: &InfFile, findings: &mut Findings<'_>) {
    let extension = file.inf.version("ClassGuid").eq_ignore_ascii_case(EXTENSION);
    if extension && file.inf.version("ExtensionId").is_empty() {
        findings.add(
            None,
            "[Version] has no ExtensionId",
            "write ExtensionId = with a new GUID, and keep it from then on",
        );
    }
}

fn deprecated(file: &InfFile, findings: &mut Findings<'_>) {
    for key in ["DriverPackageType", "DriverPackageDisplayName"] {
        if let Some(entry) = file.inf.entry("Version", key) {
            findings.add(
                entry.line,
                format!("{key} is ignored: it was for Driver Install Frameworks"),
                "remove the line",
            );
        }
    }
}
