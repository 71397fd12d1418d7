//! The device interfaces that a file registers.

use super::{Entry, Inf};

/// An `AddInterface` line.
#[derive(Clone, Debug)]
pub struct Interface<'a> {
    inf: &'a Inf,
    /// The section with the line, `….Interfaces`.
    pub from: &'a str,
    /// The line.
    pub entry: &'a Entry,
}

impl<'a> Interface<'a> {
    /// The GUID of the interface class, in braces.
    pub fn category(&self) -> &'a str {
        self.entry.value(0)
    }

    /// What tells it from other interfaces of the device.
    pub fn reference(&self) -> &'a str {
        self.entry.value(1)
    }

    /// The section with the rest.
    pub fn section(&self) -> &'a str {
        self.entry.value(2)
    }

    /// The lines that write into its registry key.
    pub fn registry(&self) -> impl Iterator<Item = &'a Entry> {
        let inf = self.inf;
        let lists = inf.entries(self.section()).filter(|entry| entry.is("AddReg"));
        lists.flat_map(|entry| &entry.values).flat_map(move |list| inf.entries(&list.text))
    }

    /// A value in its registry key.
    pub fn registry_value(&self, name: &str) -> Option<&'a str> {
        let mut entries = self.registry().filter(|entry| entry.value(1).is_empty());
        entries.find(|entry| entry.value(2).eq_ignore_ascii_case(name)).map(|entry| entry.value(4))
    }
}

impl Inf {
    /// Every `AddInterface` line of an installation.
    pub fn interfaces(&self) -> Vec<Interface<'_>> {
        let lines = self.directives("AddInterface").into_iter();
        lines.map(|(from, entry)| Interface { inf: self, from, entry }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_interface_says_about_itself() {
        let inf = Inf::parse(
            "[Manufacturer]\nM=C,NTamd64\n[C.NTamd64]\nA=I,X\n[I]\n[I.Interfaces]\nAddInterface={g},ref,S\n\
             [S]\nAddReg=R,T\n[T]\nHKR,Sub,FriendlyName,,Not\nHKR,,friendlyname,,%N%\n[Strings]\nN=Camera",
        );
        let interfaces = inf.interfaces();
        let [interface] = &interfaces[..] else { panic!("{interfaces:?}") };
        assert_eq!((interface.category(), interface.reference()), ("{g}", "ref"));
        assert_eq!(interface.registry_value("FriendlyName"), Some("Camera"));
        assert_eq!(interface.registry_value("CLSID"), None);
    }
}
