//! What an INF or INX file says about a driver: its hardware id and the friendly names of its interfaces.
//!
//! Only what the rig needs is read: `AddInterface` lines, the sections they name, `[Strings]`.
//! <https://learn.microsoft.com/windows-hardware/drivers/install/inf-addinterface-directive>

use std::collections::BTreeMap;

use crate::nt::registry::{Place, Seed};

/// The interesting part of an INF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inf {
    /// The first hardware id of the models section, `ROOT\LOOPCAM`.
    pub hardware_id: Option<String>,
    /// Friendly names by reference string.
    pub names: BTreeMap<String, String>,
    /// What the installation puts into the registry: `AddReg` lines under HKR.
    pub registry: Vec<Seed>,
}

/// A line as its key and its comma-separated values, quotes removed.
type Line = (String, Vec<String>);

impl Inf {
    /// Reads the text of a file. What cannot be understood is passed over.
    pub fn parse(text: &str) -> Self {
        let sections = sections(text);
        let lines = |name: &str| sections.get(&name.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
        let strings: BTreeMap<String, String> = lines("strings")
            .iter()
            .filter_map(|(key, values)| Some((key.to_lowercase(), values.first()?.clone())))
            .collect();
        let expand = |text: &str| expand(text, &strings);

        let mut names = BTreeMap::new();
        for (_, values) in
            sections.values().flatten().filter(|(key, _)| key.eq_ignore_ascii_case("AddInterface"))
        {
            let [_, reference, section, ..] = values.as_slice() else { continue };
            let registry = lines(section).iter().filter(|(key, _)| key.eq_ignore_ascii_case("AddReg"));
            let entries = registry.flat_map(|(_, names)| names).flat_map(|name| lines(name));
            let friendly = entries.filter_map(|(_, values)| match values.as_slice() {
                [_, _, value, _, name, ..] if value.eq_ignore_ascii_case("FriendlyName") => {
                    Some(expand(name))
                }
                _ => None,
            });
            if let Some(name) = friendly.reduce(|_, last| last) {
                names.insert(expand(reference), name);
            }
        }
        // `%Provider% = Models, NTamd64.10.0` names the sections [Models] and [Models.NTamd64.10.0].
        let models = lines("manufacturer").iter().filter_map(|(_, values)| {
            let (name, targets) = values.split_first()?;
            Some(
                std::iter::once(name.clone())
                    .chain(targets.iter().map(move |target| format!("{name}.{target}"))),
            )
        });
        let ids = models.flatten().flat_map(|model| lines(&model)).filter_map(|(_, values)| values.get(1));
        let hardware_id = ids.into_iter().find(|id| !id.is_empty()).cloned();
        Self { hardware_id, names, registry: seeds(&sections, &strings) }
    }
}

/// The values under HKR: of install sections, of their `.HW` sections, of interfaces.
fn seeds(sections: &BTreeMap<String, Vec<Line>>, strings: &BTreeMap<String, String>) -> Vec<Seed> {
    let lines = |name: &str| sections.get(&name.to_lowercase()).map(Vec::as_slice).unwrap_or_default();
    let named = |section: &str, key: &str| -> Vec<Vec<String>> {
        let lines = lines(section).iter().filter(|(own, _)| own.eq_ignore_ascii_case(key));
        lines.map(|(_, values)| values.clone()).collect()
    };
    // A section that is installed has directives; which of its decorations counts is the installer's choice.
    let mut places: Vec<(String, Place)> = Vec::new();
    for name in sections.keys() {
        let place = if name.ends_with(".hw") { Place::Hardware } else { Place::Driver };
        let installs = place == Place::Hardware || !named(name, "CopyFiles").is_empty();
        if installs && !named(name, "AddReg").is_empty() {
            places.push((name.clone(), place));
        }
        for values in named(name, "AddInterface") {
            if let [_, reference, section, ..] = values.as_slice() {
                places.push((section.clone(), Place::Interface(expand(reference, strings))));
            }
        }
    }
    let mut seeds: Vec<Seed> = Vec::new();
    for (section, place) in places {
        for (_, values) in named(&section, "AddReg").concat().iter().flat_map(|name| lines(name)) {
            let seed = seed(place.clone(), values, strings);
            seeds.extend(seed.filter(|seed| !seeds.contains(seed)));
        }
    }
    seeds
}

/// `HKR, subkey, name, flags, value…`
fn seed(place: Place, values: &[String], strings: &BTreeMap<String, String>) -> Option<Seed> {
    use ks_sys::{REG_BINARY, REG_DWORD, REG_EXPAND_SZ, REG_MULTI_SZ, REG_SZ};

    let [root, subkey, name, rest @ ..] = values else { return None };
    let flags = rest.first().map_or("", String::as_str);
    let flags = match flags.strip_prefix("0x").or_else(|| flags.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok()?,
        None => flags.parse().unwrap_or(0),
    };
    const FLG_ADDREG_KEYONLY: u32 = 0x10;
    if !root.eq_ignore_ascii_case("HKR") || flags & FLG_ADDREG_KEYONLY != 0 {
        return None;
    }
    let data: Vec<String> = rest.iter().skip(1).map(|value| expand(value, strings)).collect();
    let text =
        |text: &str| -> Vec<u8> { text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect() };
    let first = data.first().map_or("", String::as_str);
    // The type is in the lowest bit and the upper half (FLG_ADDREG_TYPE_MASK).
    let (kind, data) = match flags & 0xFFFF_0001 {
        0 => (REG_SZ, text(first)),
        0x2_0000 => (REG_EXPAND_SZ, text(first)),
        0x1_0000 => (
            REG_MULTI_SZ,
            data.iter()
                .map(|part| text(part))
                .collect::<Vec<_>>()
                .concat()
                .into_iter()
                .chain([0, 0])
                .collect(),
        ),
        0x1_0001 => {
            let number = match first.strip_prefix("0x").or_else(|| first.strip_prefix("0X")) {
                Some(digits) => u32::from_str_radix(digits, 16).ok()?,
                None => first.parse().ok()?,
            };
            (REG_DWORD, number.to_le_bytes().to_vec())
        }
        1 => (REG_BINARY, data.iter().map(|byte| u8::from_str_radix(byte, 16).ok()).collect::<Option<_>>()?),
        _ => return None,
    };
    Some(Seed { place, subkey: expand(subkey, strings), name: expand(name, strings), kind, data })
}

fn sections(text: &str) -> BTreeMap<String, Vec<Line>> {
    let mut sections: BTreeMap<String, Vec<Line>> = BTreeMap::new();
    let mut current = String::new();
    for line in text.lines() {
        let line = without_comment(line).trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            current = name.to_lowercase();
        } else if !line.is_empty() && !current.is_empty() {
            let (key, values) = line.split_once('=').unwrap_or(("", line));
            let values = values.split(',').map(|value| value.trim().trim_matches('"').to_owned());
            let line = (key.trim().to_owned(), values.collect());
            sections.entry(current.clone()).or_default().push(line);
        }
    }
    sections
}

fn without_comment(line: &str) -> &str {
    let mut quoted = false;
    let end = line.find(|character| {
        quoted ^= character == '"';
        character == ';' && !quoted
    });
    &line[..end.unwrap_or(line.len())]
}

/// Replaces `%name%` by its string.
fn expand(text: &str, strings: &BTreeMap<String, String>) -> String {
    let name = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%'));
    name.and_then(|name| strings.get(&name.to_lowercase())).cloned().unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_hardware_id_are_found() {
        let inf = Inf::parse(
            r#"
            [Manufacturer] ; who
            %Provider% = Cam, NT$ARCH$.10.0...19041
            [Cam.NT$ARCH$.10.0...19041]
            %Device% = Cam.Install, Root\Cam
            [Cam.Install.Interfaces]
            AddInterface = %KSCATEGORY_CAPTURE%, %Camera%, Cam.Camera
            AddInterface = {3D7A9C14-0B5E-4C86-9E27-F4A6B1D80C53}, "GLOBAL", Cam.Other
            [Cam.Camera]
            AddReg = Cam.Camera.Registry
            [Cam.Camera.Registry]
            HKR,, CLSID,        , %ProxyClsid%
            HKR,, FriendlyName, , %CameraName%
            [Strings]
            Camera     = "{6C1F3F5A-93A8-4E0E-8F6B-2D9C57A1E4B0}"
            CameraName = "A; Camera"
            "#,
        );
        assert_eq!(inf.hardware_id.as_deref(), Some(r"Root\Cam"));
        let names: Vec<_> = inf.names.into_iter().collect();
        assert_eq!(names, [("{6C1F3F5A-93A8-4E0E-8F6B-2D9C57A1E4B0}".to_owned(), "A; Camera".to_owned())]);
    }

    #[test]
    fn registry_values_are_found() {
        let inf = Inf::parse(
            r#"
            [Cam.Install]
            CopyFiles = Cam.Files
            AddReg = Cam.Registry
            [Cam.Install.HW]
            AddReg = Cam.Hardware
            [Cam.Registry]
            HKR,, Rate, 0x00010001, 0x1E
            HKR, Sub, List, 0x00010000, a, "b c"
            HKLM,, Elsewhere, , x
            [Cam.Hardware]
            HKR,, Bits, 1, 01,ff
            [Cam.Install.Interfaces]
            AddInterface = {3D7A9C14-0B5E-4C86-9E27-F4A6B1D80C53}, "GLOBAL", Cam.Interface
            [Cam.Interface]
            AddReg = Cam.Interface.Registry
            [Cam.Interface.Registry]
            HKR,, FriendlyName, , %Name%
            [Strings]
            Name = "Cam"
            "#,
        );
        let found: Vec<_> =
            inf.registry.iter().map(|seed| (&seed.place, seed.name.as_str(), seed.kind)).collect();
        let interface = Place::Interface("GLOBAL".to_owned());
        let expected = [
            (&Place::Driver, "Rate", ks_sys::REG_DWORD),
            (&Place::Driver, "List", ks_sys::REG_MULTI_SZ),
            (&Place::Hardware, "Bits", ks_sys::REG_BINARY),
            (&interface, "FriendlyName", ks_sys::REG_SZ),
        ];
        assert_eq!(found, expected);
        assert_eq!(
            (inf.registry[0].data.as_slice(), inf.registry[2].data.as_slice()),
            (&[30, 0, 0, 0][..], &[1, 255][..])
        );
        assert_eq!((inf.registry[1].subkey.as_str(), inf.registry[1].data.len()), ("Sub", 14));
    }

    #[test]
    fn nonsense_is_passed_over() {
        assert_eq!(Inf::parse("[\n]=,,,\n%%%\nAddInterface=\n[Manufacturer]\n=,"), Inf::default());
    }
}
