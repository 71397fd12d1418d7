//! Registry entries.

use super::{ERROR, INFVERIF, ISOLATED, UNIVERSAL, rule};
use crate::{
    inf::{Entry, Kind, Owner, parse_number},
    lint::{Findings, InfFile, Levels, Rule},
};

const PAGE: &str = "install/inf-addreg-directive";
const ISOLATION: &str = "develop/driver-isolation";

const BINARY: u32 = 0x0000_0001;
const APPEND: u32 = 0x0000_0008;
const SZ: u32 = 0;
const MULTI_SZ: u32 = 0x0001_0000;
const DWORD: u32 = 0x0001_0001;
/// The bits of the flags that say what type the value is of.
const TYPE: u32 = 0xFFFF_0001;

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1224", "the root of a registry entry is one of Windows'", Levels::ERROR, PAGE, root),
    rule("1264", "values of types of one's own are marked as binary", Levels::ERROR, PAGE, own_type),
    rule("1265", "only lists of strings are appended to", Levels::ERROR, PAGE, append),
    rule("1267", "binary data is bytes in hexadecimal digits", Levels::ERROR, PAGE, bytes),
    rule("1268", "numbers are decimal, or hexadecimal with 0x", Levels::ERROR, PAGE, numbers),
    rule(
        "1304",
        "registry entries are relative to their owner",
        Levels::infverif(super::WARNING, ERROR, None),
        "install/using-a-universal-inf-file",
        absolute,
    ),
    rule("1305", "lists in the registry are not appended to", UNIVERSAL, INFVERIF, appended),
    rule("1320", "isolated drivers make keys below HKR only", ISOLATED, ISOLATION, foreign_keys),
    rule("1321", "isolated drivers set values below HKR only", ISOLATED, ISOLATION, foreign_values),
    rule("1323", "a service's values lie below Parameters", ISOLATED, ISOLATION, parameters),
    rule("1329", "filters are added by AddFilter", ISOLATED, "install/inf-addfilter-directive", filters),
    rule("1431", "values that Windows reads have their type", Levels::ERROR, PAGE, known_values),
    rule(
        "INF06",
        "security descriptors can be read",
        Levels::ERROR,
        "kernel/sddl-for-device-objects",
        descriptors,
    ),
];

/// A line of a section that `AddReg` names: root, subkey, name, flags, value.
struct Line<'a> {
    entry: &'a Entry,
    owner: Owner,
}

impl Line<'_> {
    fn root(&self) -> &str {
        self.entry.value(0)
    }

    fn name(&self) -> &str {
        self.entry.value(2)
    }

    /// Nothing if they are no number, which is another rule's.
    fn flags(&self) -> Option<u32> {
        match self.entry.value(3) {
            "" => Some(0),
            text => parse_number(text),
        }
    }

    fn is_relative(&self) -> bool {
        self.root().eq_ignore_ascii_case("HKR")
    }

    /// For people.
    fn key(&self) -> String {
        match self.entry.value(1) {
            "" => self.root().to_owned(),
            subkey => format!("{}\\{subkey}", self.root()),
        }
    }
}

fn lines(file: &InfFile) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for reference in file.inf.references() {
        if reference.kind != Kind::Registry || !reference.entry.is("AddReg") {
            continue;
        }
        for entry in file.inf.entries(reference.to) {
            if !lines.iter().any(|line| line.entry.line == entry.line && line.owner == reference.owner) {
                lines.push(Line { entry, owner: reference.owner });
            }
        }
    }
    lines
}

fn root(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        if !["HKR", "HKLM", "HKCR", "HKCU", "HKU"].iter().any(|root| root.eq_ignore_ascii_case(line.root())) {
            let found = format!("the root is \"{}\"", line.root());
            findings.add(line.entry.line, found, "write HKR, or, where it must be, HKLM, HKCR, HKCU or HKU");
        }
    }
}

fn own_type(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        // 0, 1 and 2 are strings of the three kinds.
        if line.flags().is_some_and(|flags| flags >> 16 > 2 && flags & BINARY == 0) {
            let found =
                format!("the flags of {} have a type of their own, without 1 for binary data", line.name());
            findings.add(line.entry.line, found, "add 1 to the flags, and write the value as bytes");
        }
    }
}

fn append(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        if line.flags().is_some_and(|flags| flags & APPEND != 0 && flags & TYPE != MULTI_SZ) {
            let found = format!("{} is appended to, but is no list of strings", line.name());
            findings.add(line.entry.line, found, "write 0x00010008 for a list, or take 8 out of the flags");
        }
    }
}

fn bytes(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        let binary = line.flags().is_some_and(|flags| flags & TYPE == BINARY);
        let is_byte = |text: &str| (1..=2).contains(&text.len()) && u8::from_str_radix(text, 16).is_ok();
        let wrong =
            line.entry.values.iter().skip(4).find(|value| !is_byte(value.text.trim_start_matches("0x")));
        if let Some(wrong) = wrong.filter(|_| binary) {
            let found = format!("{} has the byte \"{}\"", line.name(), wrong.text);
            findings.add(line.entry.line, found, "write bytes from 00 to FF with commas between them");
        }
    }
}

fn numbers(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        if line.flags().is_none() {
            let found = format!("the flags of {} are \"{}\"", line.name(), line.entry.value(3));
            findings.add(
                line.entry.line,
                found,
                "write a number: 0x00010001 is one of 32 bits, nothing a string",
            );
        }
        // Four bytes are written as bytes.
        let number = line.flags().is_some_and(|flags| flags & TYPE == DWORD) && line.entry.values.len() == 5;
        let value = line.entry.value(4);
        let is_number = parse_number(value).is_some()
            || value.strip_prefix('-').is_some_and(|value| value.parse::<i32>().is_ok());
        if number && !is_number {
            findings.add(
                line.entry.line,
                format!("the number {} is \"{value}\"", line.name()),
                "write 10 or 0x0A",
            );
        }
    }
    for service in file.inf.services() {
        for entry in file.inf.entries(service.section()) {
            let number = ["ServiceType", "StartType", "ErrorControl"].iter().any(|key| entry.is(key));
            if number && parse_number(entry.value(0)).is_none() {
                let found = format!("{} is \"{}\"", entry.key(), entry.value(0));
                findings.add(entry.line, found, "write 1, 3, or 0x00000001");
            }
        }
        let flags = service.entry.value(1);
        if !flags.is_empty() && parse_number(flags).is_none() {
            let found = format!("the flags of AddService are \"{flags}\"");
            findings.add(
                service.entry.line,
                found,
                "write 2 for the device's function driver, nothing for others",
            );
        }
    }
}

/// Below these a universal INF may write: COM classes and Media Foundation transforms.
const UNIVERSAL_KEYS: [&str; 4] = [
    r"SOFTWARE\Classes",
    r"SOFTWARE\Microsoft\Windows Media Foundation",
    r"SOFTWARE\WOW6432Node\Microsoft\Windows Media Foundation",
    r"SOFTWARE\WOW3232Node\Microsoft\Windows Media Foundation",
];

fn absolute(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file).iter().filter(|line| !line.is_relative()) {
        let subkey = line.entry.value(1);
        let below = |key: &&str| {
            subkey.split_at_checked(key.len()).is_some_and(|(head, rest)| {
                head.eq_ignore_ascii_case(key) && (rest.is_empty() || rest.starts_with('\\'))
            })
        };
        let allowed = match line.root().to_ascii_uppercase().as_str() {
            "HKCR" => true,
            "HKLM" => UNIVERSAL_KEYS.iter().any(below),
            _ => false,
        };
        if !allowed {
            findings.add(
                line.entry.line,
                format!("{} is written to", line.key()),
                "write HKR, the owner's own key",
            );
        }
    }
}

fn appended(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        if line.flags().is_some_and(|flags| flags & APPEND != 0 && flags & TYPE == MULTI_SZ) {
            let found = format!("the list {} is appended to", line.name());
            findings.add(line.entry.line, found, "write the whole list: what was there before is not known");
        }
    }
}

fn foreign_keys(file: &InfFile, findings: &mut Findings<'_>) {
    foreign(file, findings, |line| line.name().is_empty());
}

fn foreign_values(file: &InfFile, findings: &mut Findings<'_>) {
    foreign(file, findings, |line| !line.name().is_empty());
}

fn foreign(file: &InfFile, findings: &mut Findings<'_>, which: impl Fn(&Line<'_>) -> bool) {
    for line in lines(file).iter().filter(|line| !line.is_relative() && which(line)) {
        let what =
            if line.name().is_empty() { line.key() } else { format!("{} of {}", line.name(), line.key()) };
        findings.add(
            line.entry.line,
            format!("{what} is not the driver's own"),
            "write HKR, the owner's own key",
        );
    }
}

fn parameters(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file).iter().filter(|line| line.owner == Owner::Service && line.is_relative()) {
        let first = line.entry.value(1).split('\\').next().unwrap_or_default();
        if !first.eq_ignore_ascii_case("Parameters") {
            let found = format!("{} of the service's key {}", line.name(), line.key());
            findings.add(line.entry.line, found, "write HKR, Parameters, Name, …");
        }
    }
}

/// Values with which filters were added.
const FILTERS: [&str; 2] = ["UpperFilters", "LowerFilters"];

fn filters(file: &InfFile, findings: &mut Findings<'_>) {
    for line in lines(file) {
        if FILTERS.iter().any(|name| name.eq_ignore_ascii_case(line.name())) {
            let advice = "write AddFilter in [install-section.Filters]";
            findings.add(line.entry.line, format!("{} is set in the registry", line.name()), advice);
        }
    }
}

/// Values of a device's hardware key that Windows reads, with their types.
const KNOWN: [(&str, u32, &str); 6] = [
    ("Security", SZ, "a string: no flags"),
    ("DeviceType", DWORD, "a number: 0x00010001"),
    ("DeviceCharacteristics", DWORD, "a number: 0x00010001"),
    ("Exclusive", DWORD, "a number: 0x00010001"),
    ("UpperFilters", MULTI_SZ, "a list of strings: 0x00010000"),
    ("LowerFilters", MULTI_SZ, "a list of strings: 0x00010000"),
];

/// The entries of a device's hardware key.
fn hardware(file: &InfFile) -> Vec<Line<'_>> {
    let mut lines = lines(file);
    lines
        .retain(|line| line.owner == Owner::Hardware && line.is_relative() && line.entry.value(1).is_empty());
    lines
}

fn known_values(file: &InfFile, findings: &mut Findings<'_>) {
    for line in hardware(file) {
        let Some(flags) = line.flags() else { continue };
        let known = KNOWN.iter().find(|(name, ..)| name.eq_ignore_ascii_case(line.name()));
        if let Some((name, kind, what)) = known.filter(|(_, kind, _)| flags & TYPE != *kind) {
            let found = format!("{name} has the flags {:#010x}, which is not its type {kind:#010x}", flags);
            findings.add(line.entry.line, found, format!("write {what}"));
        }
    }
}

fn descriptors(file: &InfFile, findings: &mut Findings<'_>) {
    let of_devices = hardware(file).into_iter().filter(|line| line.name().eq_ignore_ascii_case("Security"));
    let mut all: Vec<(usize, &str)> = of_devices.map(|line| (line.entry.line, line.entry.value(4))).collect();
    for service in file.inf.services() {
        let entries = file.inf.entries(service.section()).filter(|entry| entry.is("Security"));
        all.extend(entries.map(|entry| (entry.line, entry.value(0))));
    }
    for (line, text) in all {
        if !is_descriptor(text) {
            let advice = "write D:P and entries such as (A;;GA;;;SY), six fields each, in quotation marks";
            findings.add(line, format!("\"{text}\" is no security descriptor"), advice);
        }
    }
}

/// Whether a text has the form `D:flags(type;flags;rights;guid;guid;account)…`, the only part that devices have.
fn is_descriptor(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("D:") else { return false };
    let (flags, entries) = rest.split_at(rest.find('(').unwrap_or(rest.len()));
    let mut flags = flags.to_owned();
    for flag in ["AI", "AR", "P"] {
        flags = flags.replacen(flag, "", 1);
    }
    let is_entry = |entry: &str| {
        let fields = entry.split(';').collect::<Vec<_>>();
        matches!(fields[..], [kind, _, rights, _, _, account]
            if ["A", "D"].contains(&kind) && !rights.is_empty() && !account.is_empty() && !entry.contains('('))
    };
    let body = entries.strip_prefix('(').map(|body| body.strip_suffix(')').map(|body| body.split(")(")));
    flags.is_empty()
        && match body {
            None => true,
            Some(None) => false,
            Some(Some(mut entries)) => entries.all(is_entry),
        }
}

#[cfg(test)]
mod tests {
    use super::is_descriptor;

    /// The page's own examples, and what is near to them.
    #[test]
    fn descriptors_are_read() {
        for good in [
            "D:P",
            "D:P(A;;GA;;;SY)",
            "D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)",
            "D:(A;;0x1F;;;S-1-5-4)",
        ] {
            assert!(is_descriptor(good), "{good}");
        }
        for bad in [
            "",
            "P(A;;GA;;;SY)",
            "D:X",
            "D:P(A;;GA;;SY)",
            "D:P(A;;GA;;;SY",
            "D:P(A;;GA;;;)",
            "D:P(Q;;GA;;;SY)",
            "D:P((A;;GA;;;SY))",
        ] {
            assert!(!is_descriptor(bad), "{bad}");
        }
    }
}
