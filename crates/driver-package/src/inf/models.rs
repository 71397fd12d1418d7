//! Which devices a file installs, on which Windows, by which sections.

use super::{Architecture, Decoration, Entry, Inf, NotADecoration};

/// One models section that `[Manufacturer]` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The line in `[Manufacturer]`.
    pub line: usize,
    /// Of the models section, decorated.
    pub section: String,
    /// The decoration as it stands; empty if there is none.
    pub text: &'a str,
    /// The decoration as it is understood.
    pub decoration: Result<Decoration, NotADecoration>,
}

/// A line of a models section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device<'a> {
    /// The line.
    pub entry: &'a Entry,
    /// What the section is for.
    pub target: Target<'a>,
}

impl<'a> Device<'a> {
    /// The name of the install section as the line has it, without `.NT…`.
    pub fn install(&self) -> &'a str {
        self.entry.value(0)
    }

    /// The hardware id and the compatible ids.
    pub fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.entry.values.iter().skip(1).map(|value| value.text.as_str()).filter(|id| !id.is_empty())
    }

    /// The install section's names in the order in which Windows looks for them, the most special one first.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/install/inf-ddinstall-section>
    pub fn install_sections(&self) -> Vec<String> {
        let name = self.install();
        let architecture =
            self.target.decoration.unwrap_or_default().architecture.unwrap_or(Architecture::X86);
        vec![format!("{name}.NT{}", architecture.name()), format!("{name}.NT"), name.to_owned()]
    }
}

impl Inf {
    /// The models sections of `[Manufacturer]`, in order. An entry without decorations names the plain section.
    pub fn targets(&self) -> Vec<Target<'_>> {
        let mut targets = Vec::new();
        for entry in self.entries("Manufacturer") {
            let Some((name, decorations)) = entry.values.split_first() else { continue };
            if decorations.is_empty() {
                let decoration = Ok(Decoration::default());
                targets.push(Target { line: entry.line, section: name.text.clone(), text: "", decoration });
            }
            targets.extend(decorations.iter().map(|decoration| Target {
                line: entry.line,
                section: format!("{}.{}", name.text, decoration.text),
                text: &decoration.text,
                decoration: decoration.text.parse(),
            }));
        }
        targets
    }

    /// The lines of all models sections.
    pub fn devices(&self) -> Vec<Device<'_>> {
        self.targets().into_iter().flat_map(|target| self.devices_of(&target)).collect()
    }

    /// The lines of one models section.
    pub fn devices_of<'a>(&'a self, target: &Target<'a>) -> Vec<Device<'a>> {
        self.entries(&target.section).map(|entry| Device { entry, target: target.clone() }).collect()
    }

    /// The install section of a device, if the file has one.
    pub fn install_section(&self, device: &Device<'_>) -> Option<String> {
        device.install_sections().into_iter().find(|name| self.has(name))
    }

    /// The install sections in use, each once, with a device that uses it.
    pub fn installs(&self) -> Vec<(String, Device<'_>)> {
        let mut installs: Vec<(String, Device<'_>)> = Vec::new();
        for device in self.devices() {
            let Some(section) = self.install_section(&device) else { continue };
            if !installs.iter().any(|(known, _)| known.eq_ignore_ascii_case(&section)) {
                installs.push((section, device));
            }
        }
        installs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_and_their_install_sections() {
        let inf = Inf::parse(
            "[Manufacturer]\n%M%=Cams, NTx86.5.1, NTamd64\n%N%=Others\n\
             [Cams.NTx86.5.1]\nA=One, ROOT\\A\n[Cams.ntamd64]\nA=One, ROOT\\A, ROOT\\B\nB=Two,,\n[Others]\nC=Three, C\n\
             [One]\n[One.NT]\n[One.NTamd64]",
        );
        let sections = inf.targets().into_iter().map(|target| target.section).collect::<Vec<_>>();
        assert_eq!(sections, ["Cams.NTx86.5.1", "Cams.NTamd64", "Others"]);
        let found = inf.devices().iter().map(|device| inf.install_section(device)).collect::<Vec<_>>();
        assert_eq!(found, [Some("One.NT".to_owned()), Some("One.NTamd64".to_owned()), None, None]);
        assert_eq!(inf.devices()[1].ids().collect::<Vec<_>>(), [r"ROOT\A", r"ROOT\B"]);
    }
}
