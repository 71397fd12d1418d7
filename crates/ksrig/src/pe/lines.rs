//! Lines of source code, from the program database beside the image.

use std::{collections::HashMap, fs::File, path::Path};

use pdb::{FallibleIterator, LineInfo, LineProgram, PdbInternalSectionOffset, SymbolData};

/// Code of one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where the code begins in the image.
    pub rva: u32,
    /// Its bytes.
    pub len: u32,
    /// The source file, as the compiler was given it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// All lines that have code, those of functions that were inlined as well.
///
/// # Errors
/// When the file cannot be read or is no program database.
pub fn lines(pdb: &Path) -> Result<Vec<Line>, Box<dyn std::error::Error>> {
    let mut pdb = pdb::PDB::open(File::open(pdb)?)?;
    let addresses = pdb.address_map()?;
    let strings = pdb.string_table()?;
    let information = pdb.debug_information()?;
    let mut found = Vec::new();
    let mut modules = information.modules()?;
    while let Some(module) = modules.next()? {
        let Some(module) = pdb.module_info(&module)? else { continue };
        let Ok(program) = module.line_program() else { continue };
        let inlinees: HashMap<_, _> = module.inlinees()?.map(|i| Ok((i.index(), i))).collect()?;
        let mut keep = |infos: Vec<LineInfo>, program: &LineProgram<'_>| -> pdb::Result<()> {
            for (index, info) in infos.iter().enumerate() {
                // Without a length it ends where the next one begins.
                let next =
                    infos.get(index + 1).and_then(|next| next.offset.offset.checked_sub(info.offset.offset));
                let Some(rva) = info.offset.to_rva(&addresses) else { continue };
                let file = program.get_file_info(info.file_index)?.name.to_string_lossy(&strings)?;
                let (len, file) = (info.length.or(next).unwrap_or(1), file.into_owned());
                found.push(Line { rva: rva.0, len, file, line: info.line_start });
            }
            Ok(())
        };
        let mut function = PdbInternalSectionOffset::default();
        let mut symbols = module.symbols()?;
        while let Some(symbol) = symbols.next()? {
            match symbol.parse() {
                Ok(SymbolData::Procedure(procedure)) => {
                    function = procedure.offset;
                    keep(program.lines_for_symbol(function).collect()?, &program)?;
                }
                Ok(SymbolData::InlineSite(site)) => {
                    if let Some(inlinee) = inlinees.get(&site.inlinee) {
                        keep(inlinee.lines(function, &site).collect()?, &program)?;
                    }
                }
                _ => {}
            }
        }
    }
    found.retain(|line| line.line != 0 && line.len != 0);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::pe::{Image, Import};

    /// What is missing or no program database is an error, and no reason to stop.
    #[test]
    fn what_is_no_database_is_refused() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for path in ["Cargo.toml", "none.pdb", ""] {
            assert!(lines(&here.join(path)).is_err(), "{path}");
        }
    }

    /// All lines of the built driver lie in its code, the entry point has one, and functions of the library that were inlined
    /// have theirs.
    #[test]
    fn lines_of_the_built_driver() {
        let driver =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/driver/default/loopcam.sys");
        if !driver.exists() {
            eprintln!("skipped: run `cargo xtask build` first");
            return;
        }
        let image = Image::open(&driver, &mut |_, _| Some(Import::function(1))).unwrap();
        let found = lines(image.pdb().unwrap()).unwrap();
        for line in &found {
            let section = image.headers().section_of(line.rva).unwrap();
            let end = section.rva + section.size;
            assert!(section.executable() && line.rva + line.len <= end && line.line > 0, "{line:?}");
        }
        let entry = image.headers().entry;
        assert!(found.iter().any(|line| line.rva == entry && line.file.ends_with(".rs")), "{entry:#x}");
        let library = |line: &Line| line.file.replace('\\', "/").contains("library/core/src/");
        assert!(found.iter().any(library));
    }
}
