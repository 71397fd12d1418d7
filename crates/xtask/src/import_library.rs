//! Import libraries in Microsoft's form, made from mingw-w64's.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;

use crate::{process, toolchain};

/// What a DLL exports, as far as a driver may link to it.
pub struct ImportLibrary {
    /// File name without extension.
    pub name: &'static str,
    /// The module that the import table names.
    pub dll: &'static str,
    /// Exports that mingw-w64's library does not know.
    pub more: &'static [&'static str],
}

/// Every library that wdk-build and ks-sys ask for.
pub const ALL: [ImportLibrary; 4] = [
    ImportLibrary {
        name: "ntoskrnl",
        dll: "ntoskrnl.exe",
        // __chkstk: a driver with a stack frame over 4 KB then links, and the image check can say what is wrong.
        more: &["ExAllocatePool2", "ExAllocatePool3", "ExFreePool2", "__chkstk"],
    },
    ImportLibrary { name: "hal", dll: "HAL.dll", more: &[] },
    ImportLibrary { name: "wmilib", dll: "WMILIB.SYS", more: &[] },
    ImportLibrary { name: "ks", dll: "ks.sys", more: &[] },
];

impl ImportLibrary {
    /// The module definition file.
    pub fn definition(&self) -> Result<String> {
        let source = Path::new(toolchain::MINGW_LIBRARIES).join(format!("lib{}.a", self.name));
        let data = fs::read(&source).with_context(|| format!("cannot read {}", source.display()))?;
        self.definition_from(&data).with_context(|| format!("cannot understand {}", source.display()))
    }

    fn definition_from(&self, archive: &[u8]) -> Result<String> {
        let archive = ArchiveFile::parse(archive)?;
        let mut symbols = BTreeSet::new();
        for symbol in archive.symbols()?.context("the archive has no symbol table")? {
            symbols.insert(std::str::from_utf8(symbol?.name())?.to_owned());
        }
        let mut exports: BTreeSet<String> = self.more.iter().map(|name| (*name).to_owned()).collect();
        for symbol in &symbols {
            // An import has a slot `__imp_name` and, where it is a function, a thunk `name`. C++ names are left out.
            if let Some(name) = symbol.strip_prefix("__imp_").filter(|name| !name.starts_with('?')) {
                let kind = if symbols.contains(name) { "" } else { " DATA" };
                exports.insert(format!("{name}{kind}"));
            }
        }
        let mut text = format!("LIBRARY \"{}\"\nEXPORTS\n", self.dll);
        for export in exports {
            writeln!(text, "{export}")?;
        }
        Ok(text)
    }

    /// Writes `name.def` and `name.lib` into a folder.
    pub fn write(&self, definition: &str, folder: &Path, machine: &str) -> Result<()> {
        let def = folder.join(self.name).with_extension("def");
        fs::write(&def, definition).with_context(|| format!("cannot write {}", def.display()))?;
        process::run(
            Command::new(toolchain::llvm("llvm-dlltool"))
                .args(["-m", machine, "-d"])
                .arg(&def)
                .arg("-l")
                .arg(folder.join(self.name).with_extension("lib")),
        )
    }
}
