//! A mapped image.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::error::{LoadError, Missing};
use super::export;
use super::headers::{Headers, Section};
use super::import;
use super::layout::{Layout, PAGE};
use super::memory::Mapping;
use super::relocation;
use super::stub::Stubs;
use super::symbols::Symbols;

/// What an import resolves to.
#[derive(Clone, Copy, Debug)]
pub enum Import {
    /// A function: calls of it go through a stub to `thunk`. The stub leaves `tag` in
    /// [`PerThread::tag`](super::stub::PerThread), so that one thunk can serve many names.
    Function {
        /// The address of an `extern "win64"` function.
        thunk: usize,
        /// Any number.
        tag: u32,
    },
    /// A variable, such as `IoFileObjectType`: the slot receives its address as it is.
    Data(usize),
}

impl Import {
    /// A function that needs no tag.
    pub fn function(thunk: usize) -> Self {
        Self::Function { thunk, tag: 0 }
    }
}

/// A kernel image in memory: relocated, imports resolved, sections protected. Unmapped on drop.
pub struct Image {
    name: String,
    headers: Headers,
    pub(super) layout: Layout,
    imports: Vec<(String, String)>,
    /// The first slot of the import address table.
    slots: Option<u32>,
    exports: BTreeMap<String, u32>,
    mapping: Mapping,
    _stubs: Mapping,
    pdb: Option<PathBuf>,
    symbols: OnceLock<Symbols>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image({}, {:#x} bytes)", self.name, self.headers.size)
    }
}

impl Image {
    /// Loads the image at `path`; symbols come from the `.pdb` beside it.
    pub fn open(
        path: &Path,
        resolve: &mut dyn FnMut(&str, &str) -> Option<Import>,
    ) -> Result<Self, LoadError> {
        let bytes = std::fs::read(path)
            .map_err(|source| LoadError::Read { path: path.display().to_string(), source })?;
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let mut image = Self::load(&name, &bytes, resolve)?;
        image.pdb = Some(path.with_extension("pdb")).filter(|pdb| pdb.exists());
        Ok(image)
    }

    /// Loads an image from memory under a name. `resolve` is asked once for each import, in table order;
    /// nothing of the image runs.
    pub fn load(
        name: &str,
        bytes: &[u8],
        resolve: &mut dyn FnMut(&str, &str) -> Option<Import>,
    ) -> Result<Self, LoadError> {
        let headers = Headers::parse(bytes)?;
        let mut layout = Layout::new(bytes, &headers);
        let places = relocation::places(&layout, &headers)?;
        let slots = import::slots(&layout, &headers)?;
        let exports = export::names(&layout, &headers)?;

        let mut stubs = Stubs::new();
        let mut missing = Vec::new();
        let mut values = Vec::with_capacity(slots.len());
        for slot in &slots {
            match resolve(&slot.dll, &slot.name) {
                Some(Import::Function { thunk, tag }) => values.push((slot.rva, Ok(stubs.push(thunk, tag)))),
                Some(Import::Data(address)) => values.push((slot.rva, Err(address))),
                None => missing.push(Missing { dll: slot.dll.clone(), name: slot.name.clone() }),
            }
        }
        if !missing.is_empty() {
            return Err(LoadError::MissingImport(missing));
        }

        let size = headers.size as usize;
        let map_error = |source| LoadError::Map { size, source };
        let stubs = stubs.map().map_err(map_error)?;
        let mut mapping = Mapping::new(size).map_err(map_error)?;
        let delta = (mapping.base() as u64).wrapping_sub(headers.preferred);
        for rva in places {
            let value = layout.u64(rva).unwrap_or_default();
            layout.set_u64(rva, value.wrapping_add(delta));
        }
        for (rva, value) in values {
            let address = value.map_or_else(|address| address, |offset| stubs.base() + offset);
            layout.set_u64(rva, address as u64);
        }
        set_security_cookie(&mut layout, &headers, mapping.base() as u64);
        mapping.write(0, layout.bytes());
        protect(&mapping, &headers).map_err(map_error)?;

        Ok(Self {
            name: name.to_owned(),
            headers,
            layout,
            slots: slots.first().map(|slot| slot.rva),
            imports: slots.into_iter().map(|slot| (slot.dll, slot.name)).collect(),
            exports,
            mapping,
            _stubs: stubs,
            pdb: None,
            symbols: OnceLock::new(),
        })
    }

    /// The address of the entry point, `DriverEntry` or the stub of it that sets the security cookie.
    pub fn entry(&self) -> usize {
        self.base() + self.headers.entry as usize
    }

    /// Where the image starts.
    pub fn base(&self) -> usize {
        self.mapping.base()
    }

    /// `SizeOfImage`.
    #[allow(clippy::len_without_is_empty, reason = "an image is never empty")]
    pub fn len(&self) -> usize {
        self.headers.size as usize
    }

    /// The addresses of the image.
    pub fn range(&self) -> Range<usize> {
        self.base()..self.base() + self.len()
    }

    /// Whether an address lies in the image.
    pub fn contains(&self, address: usize) -> bool {
        self.offset(address).is_some()
    }

    /// The file name, such as `loopcam.sys`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// An address as an offset in the image.
    pub fn offset(&self, address: usize) -> Option<u32> {
        let offset = address.checked_sub(self.base())?;
        (offset < self.len()).then_some(offset as u32)
    }

    /// What the headers say.
    pub fn headers(&self) -> &Headers {
        &self.headers
    }

    /// The section an address of the image lies in.
    pub fn section_of(&self, address: usize) -> Option<&Section> {
        self.headers.section_of(self.offset(address)?)
    }

    /// All imports as (DLL, name), in table order.
    pub fn imports(&self) -> &[(String, String)] {
        &self.imports
    }

    /// The section with the import address table.
    pub fn import_section(&self) -> Option<&Section> {
        self.headers.section_of(self.slots?)
    }

    /// The address of an export.
    pub fn export(&self, name: &str) -> Option<usize> {
        self.exports.get(name).map(|rva| self.base() + *rva as usize)
    }

    /// The function an address lies in and the distance from its start, where symbols are there.
    pub fn symbol(&self, address: usize) -> Option<(String, u32)> {
        let offset = self.offset(address)?;
        self.symbols.get_or_init(|| Symbols::open(self.pdb.as_deref())).at(offset)
    }

    /// Where its functions begin and end, as the function table has them; leaf functions are not in it.
    pub fn functions(&self) -> Vec<(u32, u32)> {
        super::unwind::functions(self)
    }

    /// Its program database, if it lies beside it.
    pub fn pdb(&self) -> Option<&Path> {
        self.pdb.as_deref()
    }

    /// The address of the function table's entry for an address; none for a leaf function.
    pub fn function_entry(&self, address: usize) -> Option<usize> {
        let rva = super::unwind::entry(self, self.offset(address)?)?;
        Some(self.base() + rva as usize)
    }

    /// The sections that the kernel may page out: address, bytes, protection (`libc::PROT_*`).
    pub fn pageable(&self) -> impl Iterator<Item = (usize, usize, i32)> {
        self.headers.sections.iter().filter(|section| section.pageable() && section.size > 0).map(|section| {
            let bytes = (section.size as usize).next_multiple_of(PAGE);
            (self.base() + section.rva as usize, bytes, protection(section))
        })
    }

    /// Takes away what the kernel frees after DriverEntry: the discardable sections. A later touch faults.
    pub fn discard(&self) {
        for section in self.headers.sections.iter().filter(|section| section.discardable()) {
            let len = (section.size as usize).next_multiple_of(PAGE);
            // A failure leaves the section readable, which only hides a mistake of the driver.
            let _ = self.mapping.protect(section.rva as usize, len, libc::PROT_NONE);
        }
    }
}

/// Every section gets what it asks for; headers and gaps are read-only.
fn protect(mapping: &Mapping, headers: &Headers) -> std::io::Result<()> {
    mapping.protect(0, headers.size as usize, libc::PROT_READ)?;
    for section in &headers.sections {
        let len = (section.size as usize).next_multiple_of(PAGE);
        mapping.protect(section.rva as usize, len, protection(section))?;
    }
    Ok(())
}

/// What a section asks for (`libc::PROT_*`).
fn protection(section: &Section) -> i32 {
    let protection = [
        (section.readable(), libc::PROT_READ),
        (section.writable(), libc::PROT_WRITE),
        (section.executable(), libc::PROT_EXEC),
    ];
    protection.iter().filter(|(asked, _)| *asked).fold(0, |sum, (_, bit)| sum | bit)
}

/// The loader of Windows 8 and later replaces the compiler's default cookie, as the entry stub of older
/// systems does. Offset 0x58 of the load configuration holds the cookie's address.
fn set_security_cookie(layout: &mut Layout, headers: &Headers, base: u64) {
    const DEFAULT: u64 = 0x0000_2B99_2DDF_A232;
    let cookie = headers
        .directory(object::pe::IMAGE_DIRECTORY_ENTRY_LOAD_CONFIG)
        .and_then(|(rva, _)| layout.u64(rva.checked_add(0x58)?))
        .and_then(|address| u32::try_from(address.checked_sub(base)?).ok());
    if let Some(rva) = cookie.filter(|rva| layout.u64(*rva) == Some(DEFAULT)) {
        layout.set_u64(rva, 0x0000_5EED_C0DE_A11Du64);
    }
}
