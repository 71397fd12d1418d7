//! What an INF or INX file says about a driver: its hardware id and the friendly names of its interfaces.
//!
//! Only what the rig needs is read: `AddInterface` lines, the sections they name, `[Strings]`.
//! <https://learn.microsoft.com/windows-hardware/drivers/install/inf-addinterface-directive>

use std::collections::BTreeMap;

/// The interesting part of an INF file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inf {
    /// The first hardware id of the models section, `ROOT\LOOPCAM`.
    pub hardware_id: Option<String>,
    /// Friendly names by reference string.
    pub names: BTreeMap<String, String>,
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
        Self { hardware_id, names }
    }
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
    fn nonsense_is_passed_over() {
        assert_eq!(Inf::parse("[\n]=,,,\n%%%\nAddInterface=\n[Manufacturer]\n=,"), Inf::default());
    }
}
