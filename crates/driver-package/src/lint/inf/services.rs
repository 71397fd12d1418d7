//! Services.

use super::{INFVERIF, rule};
use crate::{
    inf::{Service, parse_number},
    lint::{Findings, InfFile, Levels, Rule},
};

const PAGE: &str = "install/inf-addservice-directive";

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1211", "a device has one function driver", Levels::ERROR, PAGE, several),
    rule("1296", "a device has a function driver", Levels::ERROR, PAGE, none),
    rule("1289", "a service says what it is and how it starts", Levels::ERROR, PAGE, incomplete),
    rule("1250", "events are logged where Windows has a log", Levels::ERROR, PAGE, event_log),
    rule("1251", "a function driver can be started", Levels::WARNING, PAGE, disabled),
    rule("1252", "only drivers start with the system", Levels::WARNING, PAGE, early_service),
    rule("1253", "a service has a name", Levels::ERROR, PAGE, nameless),
    rule("1272", "the absence of a driver has no section", Levels::ERROR, PAGE, section_of_none),
    rule("2006", "a service's section is there", Levels::ERROR, PAGE, undefined),
    rule(
        "2084",
        "a service's file is one that the package copies",
        Levels::infverif(super::WARNING, super::WARNING, super::ERROR),
        "devtest/inf-verif-error-2084",
        not_copied,
    ),
    rule("2085", "a service's file is below a numbered folder", Levels::ERROR, INFVERIF, no_folder),
    rule(
        "INF07",
        "drivers of devices are not started by the service manager",
        Levels::ERROR,
        PAGE,
        auto_start,
    ),
];

/// The value of a key in a service's section.
fn value<'a>(file: &'a InfFile, service: &Service<'a>, key: &str) -> &'a str {
    file.inf.entry(service.section(), key).map_or("", |entry| entry.value(0))
}

fn number(file: &InfFile, service: &Service<'_>, key: &str) -> Option<u32> {
    parse_number(value(file, service, key)).filter(|_| !value(file, service, key).is_empty())
}

/// Services that have a section of their own.
fn defined(file: &InfFile) -> impl Iterator<Item = Service<'_>> {
    file.inf
        .services()
        .into_iter()
        .filter(|service| !service.section().is_empty() && file.inf.has(service.section()))
}

fn several(file: &InfFile, findings: &mut Findings<'_>) {
    let services: Vec<_> = file.inf.services().into_iter().filter(Service::is_function_driver).collect();
    for (index, service) in services.iter().enumerate() {
        if let Some(first) =
            services[..index].iter().find(|first| first.from.eq_ignore_ascii_case(service.from))
        {
            let found = format!(
                "[{}] has two function drivers, {} and {}",
                service.from,
                first.name(),
                service.name()
            );
            findings.add(service.entry.line, found, "leave flag 2 to one of them");
        }
    }
}

fn none(file: &InfFile, findings: &mut Findings<'_>) {
    // Extensions leave it to the package that they extend; network components are no devices.
    let class = file.inf.version("Class");
    if ["Extension", "NetService", "NetTrans", "NetClient"]
        .iter()
        .any(|known| known.eq_ignore_ascii_case(class))
    {
        return;
    }
    let services = file.inf.services();
    for (install, device) in file.inf.installs() {
        let section = format!("{install}.Services");
        let needs = file
            .inf
            .entries(&section)
            .chain(file.inf.entries(&install))
            .any(|entry| entry.is("Needs") && section_has_services(entry));
        let own = services
            .iter()
            .any(|service| service.from.eq_ignore_ascii_case(&section) && service.is_function_driver());
        if !own && !needs {
            let found = format!("[{install}], for {}, has no function driver", device.entry.key());
            let advice = format!(
                "write AddService = name, 2, section in [{section}]; if there is none, AddService = ,2"
            );
            findings.add(device.entry.line, found, advice);
        }
    }
}

/// Whether a `Needs` line takes in services.
fn section_has_services(needs: &crate::inf::Entry) -> bool {
    needs.values.iter().any(|section| section.text.to_ascii_lowercase().ends_with(".services"))
}

fn incomplete(file: &InfFile, findings: &mut Findings<'_>) {
    for service in defined(file) {
        for (key, example) in [
            ("ServiceType", "1"),
            ("StartType", "3"),
            ("ErrorControl", "1"),
            ("ServiceBinary", r"%13%\name.sys"),
        ] {
            if value(file, &service, key).is_empty() {
                let line = file.inf.section(service.section()).map(|section| section.line);
                let found = format!("[{}] has no {key}", service.section());
                findings.add(line, found, format!("write {key} = {example}, or the like"));
            }
        }
    }
}

fn event_log(file: &InfFile, findings: &mut Findings<'_>) {
    for service in file.inf.services() {
        let log = service.entry.value(4);
        if !log.is_empty()
            && !["System", "Application", "Security"].iter().any(|known| known.eq_ignore_ascii_case(log))
        {
            findings.add(
                service.entry.line,
                format!("the event log is \"{log}\""),
                "write System, or leave it out",
            );
        }
    }
}

fn disabled(file: &InfFile, findings: &mut Findings<'_>) {
    for service in defined(file).filter(Service::is_function_driver) {
        if number(file, &service, "StartType") == Some(4) {
            let found = format!("{} is disabled", service.name());
            findings.add(service.entry.line, found, "write StartType = 3: the device could not be installed");
        }
    }
}

fn early_service(file: &InfFile, findings: &mut Findings<'_>) {
    for service in defined(file) {
        let program = number(file, &service, "ServiceType").is_some_and(|kind| kind & 0x30 != 0);
        if program && matches!(number(file, &service, "StartType"), Some(0 | 1)) {
            let found = format!("{} is a program, and would start with the system", service.name());
            findings.add(service.entry.line, found, "write StartType = 2 or 3");
        }
    }
}

fn nameless(file: &InfFile, findings: &mut Findings<'_>) {
    for service in file.inf.services() {
        if service.name().is_empty() && !service.is_function_driver() {
            let advice = "write AddService = name, 2, section; for a device without a driver AddService = ,2";
            findings.add(service.entry.line, format!("a service in [{}] has no name", service.from), advice);
        }
    }
}

fn section_of_none(file: &InfFile, findings: &mut Findings<'_>) {
    for service in file.inf.services() {
        if service.name().is_empty() && service.is_function_driver() && !service.section().is_empty() {
            let found = format!("[{}] belongs to no service", service.section());
            findings.add(
                service.entry.line,
                found,
                "name the service, or leave the section out: AddService = ,2",
            );
        }
    }
}

fn undefined(file: &InfFile, findings: &mut Findings<'_>) {
    for service in file.inf.services().iter().filter(|service| !service.name().is_empty()) {
        if service.section().is_empty() || !file.inf.has(service.section()) {
            let found = format!("service {} has no section [{}]", service.name(), service.section());
            findings.add(service.entry.line, found, "define the section, or correct its name");
        }
    }
}

/// The folder's number and what follows it in `%13%\sub\name.sys`.
fn folder(path: &str) -> Option<(&str, &str)> {
    let (dirid, rest) = path.strip_prefix('%')?.split_once('%')?;
    let digits = !dirid.is_empty() && dirid.bytes().all(|byte| byte.is_ascii_digit());
    digits.then_some((dirid, rest.strip_prefix('\\')?))
}

fn not_copied(file: &InfFile, findings: &mut Findings<'_>) {
    let copies = file.inf.copies();
    for service in defined(file) {
        let Some(entry) = file.inf.entry(service.section(), "ServiceBinary") else { continue };
        let Some((dirid, path)) = folder(entry.value(0)) else { continue };
        let copied = copies.iter().any(|copy| {
            file.inf.destination(copy.list).is_some_and(|folder| {
                let place = [folder.subfolder, copy.destination].into_iter().filter(|part| !part.is_empty());
                folder.dirid == dirid && place.collect::<Vec<_>>().join("\\").eq_ignore_ascii_case(path)
            })
        });
        // What programs start by is a line with arguments, or a program of Windows.
        let driver = number(file, &service, "ServiceType").is_none_or(|kind| kind & 0x30 == 0);
        if !copied && driver {
            let found = format!("the package does not copy {}", entry.value(0));
            findings.add(
                entry.line,
                found,
                "name the folder's number, its sub-folder and the file as CopyFiles has them",
            );
        }
    }
}

fn no_folder(file: &InfFile, findings: &mut Findings<'_>) {
    for service in defined(file) {
        let Some(entry) = file.inf.entry(service.section(), "ServiceBinary") else { continue };
        if !entry.value(0).is_empty() && folder(entry.value(0).trim_start_matches('"')).is_none() {
            let found = format!("ServiceBinary is {}", entry.value(0));
            findings.add(entry.line, found, r"write %13%\name.sys, or %12%\name.sys before Windows 10 1709");
        }
    }
}

fn auto_start(file: &InfFile, findings: &mut Findings<'_>) {
    for service in defined(file).filter(Service::is_function_driver) {
        if number(file, &service, "ServiceType") == Some(1) && number(file, &service, "StartType") == Some(2)
        {
            findings.add(
                service.entry.line,
                format!("{} has StartType 2", service.name()),
                "write StartType = 3",
            );
        }
    }
}
