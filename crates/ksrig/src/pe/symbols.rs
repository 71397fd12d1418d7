//! Names of functions, from the program database beside the image.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use pdb::FallibleIterator;

type Names = BTreeMap<u32, String>;

/// Functions by their address in the image.
pub struct Symbols(Arc<Names>);

/// Files that have been read, with the time of their last change: a driver is loaded a thousand times.
static READ: Mutex<BTreeMap<(PathBuf, SystemTime), Arc<Names>>> = Mutex::new(BTreeMap::new());

impl Symbols {
    /// Reads the functions of a `.pdb`; none when it is absent or unreadable, for names are a comfort only.
    pub fn open(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self(Arc::default()) };
        let changed = path.metadata().and_then(|data| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
        let mut known = READ.lock().unwrap_or_else(PoisonError::into_inner);
        let names = known.entry((path.to_owned(), changed));
        Self(Arc::clone(names.or_insert_with(|| Arc::new(read(path).unwrap_or_default()))))
    }

    /// The function at or before `rva`, and the distance from its start.
    pub fn at(&self, rva: u32) -> Option<(String, u32)> {
        let (start, name) = self.0.range(..=rva).next_back()?;
        Some((name.clone(), rva - start))
    }
}

fn read(path: &Path) -> Result<Names, Box<dyn std::error::Error>> {
    let mut pdb = pdb::PDB::open(File::open(path)?)?;
    let addresses = pdb.address_map()?;
    let mut names = BTreeMap::new();
    let publics = pdb.global_symbols()?;
    let mut symbols = publics.iter();
    while let Some(symbol) = symbols.next()? {
        if let Ok(pdb::SymbolData::Public(public)) = symbol.parse()
            && public.function
            && let Some(rva) = public.offset.to_rva(&addresses)
        {
            names.insert(rva.0, public.name.to_string().into_owned());
        }
    }
    // Procedures of the modules come second: they have the readable names and include private functions.
    let information = pdb.debug_information()?;
    let mut modules = information.modules()?;
    while let Some(module) = modules.next()? {
        let Some(module) = pdb.module_info(&module)? else { continue };
        let mut symbols = module.symbols()?;
        while let Some(symbol) = symbols.next()? {
            if let Ok(pdb::SymbolData::Procedure(procedure)) = symbol.parse()
                && let Some(rva) = procedure.offset.to_rva(&addresses)
            {
                names.insert(rva.0, procedure.name.to_string().into_owned());
            }
        }
    }
    Ok(names)
}
