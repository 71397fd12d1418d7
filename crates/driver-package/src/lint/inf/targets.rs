//! `[Manufacturer]` and the models sections: which devices, on which Windows.

use super::{ERROR, INFVERIF, rule};
use crate::{
    inf::Decoration,
    lint::{Findings, InfFile, Levels, Rule},
};

const MANUFACTURER: &str = "install/inf-manufacturer-section";
const MODELS: &str = "install/inf-models-section";

/// The first build of Windows 10 that knows build numbers in decorations.
const FIRST_BUILD: u32 = 14310;

/// The rules.
pub const RULES: &[Rule] = &[
    rule(
        "1011",
        "every line of [Manufacturer] names a models section",
        Levels::ERROR,
        MANUFACTURER,
        nameless,
    ),
    rule(
        "1199",
        "what needs a newer Windows is kept off older ones",
        Levels::ERROR,
        "develop/run-from-driver-store",
        too_early,
    ),
    rule(
        "1261",
        "every device's install section is there",
        Levels::ERROR,
        "install/inf-ddinstall-section",
        no_install,
    ),
    rule("1271", "every device names an install section", Levels::ERROR, MODELS, nameless_install),
    rule("1274", "$ARCH$ is stamped", Levels::ERROR, "devtest/stampinf-command-options", unstamped),
    rule("1287", "decorations can be read", Levels::ERROR, MANUFACTURER, decorations),
    rule("1288", "build numbers are of Windows 10 14310 and later", Levels::ERROR, MANUFACTURER, builds),
    rule("1297", "the INF is for some device", Levels::ERROR, INFVERIF, no_devices),
    rule("2010", "models sections name their architecture", Levels::WARNING, MANUFACTURER, undecorated),
    rule("INF02", "every device has an id", Levels::ERROR, MODELS, no_id),
    rule("INF03", "ids are such as Windows takes", Levels::ERROR, "kernel/irp-mn-query-id", ids),
    rule(
        "INF04",
        "a universal INF tells no editions of Windows apart",
        Levels::infverif(None, ERROR, ERROR),
        "install/using-a-universal-inf-file",
        editions,
    ),
];

fn nameless(file: &InfFile, findings: &mut Findings<'_>) {
    for entry in file.inf.entries("Manufacturer") {
        // A name alone, without an equals sign, is manufacturer and section in one.
        if entry.key.is_some() && entry.value(0).is_empty() {
            let found = format!("{} has no models section", entry.raw_key());
            findings.add(entry.line, found, "write %Name% = Section, NTamd64.10.0...16299, or the like");
        }
    }
}

fn too_early(file: &InfFile, findings: &mut Findings<'_>) {
    let installs = file.inf.installs();
    for copy in file.inf.copies() {
        let Some(folder) = file.inf.destination(copy.list).filter(|folder| folder.dirid == "13") else {
            continue;
        };
        let early = installs
            .iter()
            .map(|(_, device)| &device.target)
            .find(|target| target.decoration.is_ok_and(|decoration| decoration.oldest() < (10, 0, 16299)));
        if let Some(target) = early {
            let found = format!(
                "folder 13 is for Windows 10 16299 and later, but [{}] begins earlier",
                target.section
            );
            let advice = "decorate the models section with NTamd64.10.0...16299, or copy to folder 12";
            return findings.add(folder.entry.line, found, advice);
        }
    }
}

fn no_install(file: &InfFile, findings: &mut Findings<'_>) {
    for device in file.inf.devices() {
        if !device.install().is_empty() && file.inf.install_section(&device).is_none() {
            let names = device.install_sections().join("], [");
            let found = format!("{} has no install section", device.entry.key());
            findings.add(device.entry.line, found, format!("define one of [{names}]"));
        }
    }
}

fn nameless_install(file: &InfFile, findings: &mut Findings<'_>) {
    for device in file.inf.devices().iter().filter(|device| device.install().is_empty()) {
        let found = format!("{} names no install section", device.entry.key());
        findings.add(device.entry.line, found, "write %Device% = Install.Section, Hardware\\Id");
    }
}

fn unstamped(file: &InfFile, findings: &mut Findings<'_>) {
    for section in file.inf.sections.iter().filter(|section| section.name.contains("$ARCH$")) {
        findings.add(
            section.line,
            format!("[{}] has $ARCH$", section.name),
            "stamp the file: stampinf -a amd64",
        );
    }
    for target in file.inf.targets().iter().filter(|target| target.section.contains("$ARCH$")) {
        findings.add(
            target.line,
            format!("{} has $ARCH$", target.section),
            "stamp the file: stampinf -a amd64",
        );
    }
}

fn decorations(file: &InfFile, findings: &mut Findings<'_>) {
    for target in file.inf.targets().iter().filter(|target| !target.text.contains("$ARCH$")) {
        if let Err(why) = target.decoration {
            let advice = "write NT, x86, amd64, arm or arm64, and version numbers: NTamd64.10.0...16299";
            findings.add(target.line, format!("the decoration {} is {why}", target.text), advice);
        }
    }
}

fn builds(file: &InfFile, findings: &mut Findings<'_>) {
    for target in file.inf.targets() {
        let Ok(decoration) = target.decoration else { continue };
        if decoration.build.is_some() && decoration.oldest() < (10, 0, FIRST_BUILD) {
            let advice =
                "leave the build out, or begin with 10.0 and 14310: older systems drop the decoration";
            findings.add(target.line, format!("{} has a build that no Windows knows", target.text), advice);
        }
    }
}

fn no_devices(file: &InfFile, findings: &mut Findings<'_>) {
    let primitive = |name: &str| name.to_ascii_lowercase().starts_with("defaultinstall");
    let installs = file.inf.devices().iter().any(|device| device.ids().next().is_some());
    if !installs && !file.inf.sections.iter().any(|section| primitive(&section.name)) {
        findings.add(
            None,
            "no models section has a hardware id",
            "list the devices: %Device% = Install.Section, Hardware\\Id",
        );
    }
}

fn undecorated(file: &InfFile, findings: &mut Findings<'_>) {
    for target in file.inf.targets() {
        let none = matches!(target.decoration, Ok(Decoration { architecture: None, .. }));
        if none && !file.inf.devices_of(&target).is_empty() {
            let advice = "name the architecture, NTamd64: without it the section is for x86";
            findings.add(target.line, format!("[{}] names no architecture", target.section), advice);
        }
    }
}

fn no_id(file: &InfFile, findings: &mut Findings<'_>) {
    for device in file.inf.devices().iter().filter(|device| device.ids().next().is_none()) {
        let found = format!("{} has neither hardware nor compatible id", device.entry.key());
        findings.add(device.entry.line, found, "write %Device% = Install.Section, Hardware\\Id");
    }
}

fn ids(file: &InfFile, findings: &mut Findings<'_>) {
    for device in file.inf.devices() {
        for id in device.ids() {
            let wrong = match id {
                _ if id.chars().count() >= 200 => "200 characters or more",
                _ if id.chars().any(|character| !('\u{21}'..='\u{7F}').contains(&character)) => {
                    "a blank, or a character beyond ASCII"
                }
                _ if id.contains(',') => "a comma",
                _ => continue,
            };
            findings.add(device.entry.line, format!("the id {id} has {wrong}"), "choose another id");
        }
    }
}

fn editions(file: &InfFile, findings: &mut Findings<'_>) {
    for target in file.inf.targets() {
        let Ok(decoration) = target.decoration else { continue };
        if decoration.product_type.is_some() || decoration.suite_mask.is_some() {
            let found = format!("{} names a product type or a suite", target.text);
            findings.add(target.line, found, "leave both fields empty: NTamd64.10.0...16299");
        }
    }
}
