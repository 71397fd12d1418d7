//! Which code of drivers has run: a breakpoint on each basic block, taken away when it is met.
//!
//! The image is the one that is shipped, not one made for this. After its first run a block costs nothing. What has run
//! counts for the process: images that are loaded again have breakpoints only where nothing has been yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{File, OpenOptions},
    io::Write,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use super::{fault::ORDER, machine::lock};
use crate::pe::{
    self,
    blocks::{Found, find, find_from},
};

/// The folder to record to, for programs that do not call [`record`].
const FOLDER: &str = "KSRIG_COVERAGE";
const BREAKPOINT: u8 = 0xCC;

/// An image that is in memory, with breakpoints.
struct Trapped {
    /// Its addresses.
    range: Range<usize>,
    image: *const pe::Image,
    /// The first byte of each block that has not run, by its offset.
    original: BTreeMap<u32, u8>,
    /// Jumps to where a register says. Their breakpoints stay: each may go to a place that is not known yet.
    jumps: BTreeMap<u32, usize>,
    module: usize,
}

// SAFETY: the image is looked at while its code runs only, hence alive.
unsafe impl Send for Trapped {}

/// An image, as a file.
struct Module {
    /// Its name and checksum.
    identity: (String, u32),
    run: BTreeSet<u32>,
    /// Where it is written which blocks have run.
    file: Option<File>,
}

#[derive(Default)]
struct State {
    folder: Option<PathBuf>,
    first: Option<fn(u32)>,
    images: Vec<Trapped>,
    modules: Vec<Module>,
    /// The process's memory: writing through it needs no change of a protection.
    memory: Option<File>,
}

static ON: AtomicBool = AtomicBool::new(false);
static STATE: Mutex<State> =
    Mutex::new(State { folder: None, first: None, images: Vec::new(), modules: Vec::new(), memory: None });

/// Records which blocks run of the images that are loaded from now on: to a file for each image and process in the
/// folder, if there is one. `first` is called with a block's offset when it runs for the first time; it runs in a signal
/// handler. What an earlier call asked for goes on, except what this one asks for anew.
///
/// # Errors
/// When the folder or the process's memory cannot be written.
pub fn record(folder: Option<&Path>, first: Option<fn(u32)>) -> std::io::Result<()> {
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder)?;
    }
    let memory = OpenOptions::new().read(true).write(true).open("/proc/self/mem")?;
    let state = &mut *lock(&STATE);
    state.memory = Some(memory);
    state.first = first.or(state.first);
    if let Some(folder) = folder {
        for module in &mut state.modules {
            let mut file = module.create(folder)?;
            for offset in &module.run {
                file.write_all(&offset.to_le_bytes())?;
            }
            module.file = Some(file);
        }
        state.folder = Some(folder.to_owned());
    }
    ON.store(true, Ordering::Relaxed);
    Ok(())
}

impl Module {
    /// Its record of this process.
    fn create(&self, folder: &Path) -> std::io::Result<File> {
        let (name, checksum) = &self.identity;
        let path = folder.join(format!("{}{}", prefix(name, *checksum), std::process::id()));
        OpenOptions::new().create(true).append(true).open(path)
    }
}

/// Records as the environment says, once in a process.
pub(super) fn record_by_environment() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        if let Some(folder) = std::env::var_os(FOLDER)
            && let Err(error) = record(Some(Path::new(&folder)), None)
        {
            panic!("{FOLDER}={}: {error}", folder.display());
        }
    });
}

/// How many blocks have run.
pub fn run() -> usize {
    lock(&STATE).modules.iter().map(|module| module.run.len()).sum()
}

/// The name of an image's records begins so.
pub fn prefix(name: &str, checksum: u32) -> String {
    format!("{name}-{checksum:08x}-")
}

/// The blocks that have run of an image, from the records in a folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn recorded(folder: &Path, image: &pe::Image) -> std::io::Result<BTreeSet<u32>> {
    let prefix = prefix(image.name(), image.headers().checksum);
    let mut run = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let bytes = std::fs::read(entry.path())?;
            run.extend(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        }
    }
    Ok(run)
}

/// Sets breakpoints on the blocks of an image that have not run.
pub(super) fn attach(image: &pe::Image) {
    if !ON.load(Ordering::Relaxed) {
        return;
    }
    let state = &mut *lock(&STATE);
    let identity = (image.name().to_owned(), image.headers().checksum);
    let module = match state.modules.iter().position(|module| module.identity == identity) {
        Some(module) => module,
        None => {
            let mut module = Module { identity, run: BTreeSet::new(), file: None };
            module.file = state.folder.as_ref().map(|folder| {
                module.create(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            });
            state.modules.push(module);
            state.modules.len() - 1
        }
    };
    let Some(memory) = &state.memory else { return };
    let range = image.range();
    // An image that is where another was has taken its place.
    state.images.retain(|old| old.range.end <= range.start || range.end <= old.range.start);
    let run = &state.modules[module].run;
    let (original, jumps) = Default::default();
    let mut trapped = Trapped { range, image, original, jumps, module };
    trapped.set(find(image, run.iter().copied()), run, memory);
    state.images.push(trapped);
}

impl Trapped {
    /// Sets breakpoints on what was found, but where something has run already.
    fn set(&mut self, found: Found, run: &BTreeSet<u32>, memory: &File) {
        let starts = found.blocks.iter().map(|block| block.start).filter(|start| !run.contains(start));
        for offset in starts {
            let address = self.range.start + offset as usize;
            if let Some([byte]) = pe::try_read(address).filter(|[byte]| *byte != BREAKPOINT)
                && memory.write_all_at(&[BREAKPOINT], address as u64).is_ok()
            {
                self.original.insert(offset, byte);
            }
        }
        for (offset, register) in found.jumps {
            let address = self.range.start + offset as usize;
            if memory.write_all_at(&[BREAKPOINT], address as u64).is_ok() {
                self.jumps.insert(offset, register);
            }
        }
    }

    /// Code goes to an address: what is found there has breakpoints now.
    fn goes_to(&mut self, address: usize, run: &BTreeSet<u32>, memory: &File) {
        if !self.range.contains(&address) {
            return;
        }
        let offset = (address - self.range.start) as u32;
        let known = |start: u32| run.contains(&start) || self.original.contains_key(&start);
        if known(offset) {
            return;
        }
        // SAFETY: its code runs.
        let found = find_from(unsafe { &*self.image }, offset, &known);
        self.set(found, run, memory);
    }
}

/// A breakpoint was met at the address. If it is one of these, the registers are such that the code goes on as without it.
/// Called in the signal handler.
pub(super) fn met(address: usize, registers: &mut [i64]) -> bool {
    if !ON.load(Ordering::Relaxed) {
        return false;
    }
    let State { memory: Some(memory), images, modules, first, .. } = &mut *lock(&STATE) else { return false };
    let Some(image) = images.iter_mut().find(|image| image.range.contains(&address)) else { return false };
    let offset = (address - image.range.start) as u32;
    let (original, jump) = (image.original.remove(&offset), image.jumps.get(&offset).copied());
    let module = &mut modules[image.module];
    if original.is_some() && module.run.insert(offset) {
        if let Some(file) = &mut module.file {
            // A record that is lost makes the coverage smaller than it is, never larger.
            let _ = file.write_all(&offset.to_le_bytes());
        }
        if let Some(first) = first {
            first(offset);
        }
    }
    let to = match (jump, original) {
        (Some(register), _) => {
            let target = registers[ORDER[register] as usize];
            image.goes_to(target as usize, &module.run, memory);
            target
        }
        (None, Some(byte)) if memory.write_all_at(&[byte], address as u64).is_ok() => address as i64,
        _ => return false,
    };
    registers[libc::REG_RIP as usize] = to;
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        nt::{Machine, MachineOptions, fault::child, pnp},
        pe::specimen::Specimen,
    };

    static FIRST: AtomicBool = AtomicBool::new(false);

    /// Of a function with a branch what ran is recorded, and what did not is not; it runs as without breakpoints, also
    /// when it is loaded again. In a process of its own, as recording is the process's.
    #[test]
    fn branches_are_told_apart() {
        child::succeeds("nt::coverage::tests::branches");
    }

    #[test]
    #[ignore = "records for its whole process"]
    fn branches() {
        // sub rsp, 28h; xor eax, eax; test eax, eax; jne over; add rsp, 28h; ret; over: ud2
        let entry = [0x48, 0x83, 0xEC, 0x28, 0x31, 0xC0, 0x85, 0xC0, 0x75, 0x05];
        let code = [&entry[..], &[0x48, 0x83, 0xC4, 0x28, 0xC3], &[0x0F, 0x0B]].concat();
        let specimen = Specimen { import: "KeGetCurrentIrql", code: code.clone(), ..Specimen::default() };
        let bytes = specimen.build();
        let folder = std::env::temp_dir().join(format!("ksrig-coverage-{}", std::process::id()));
        record(None, Some(|_| FIRST.store(true, Ordering::Relaxed))).expect("memory");
        let machine = Machine::new(MachineOptions::default());
        let load = || pnp::load("branch.sys", &bytes).expect("DriverEntry succeeds");
        load().unload();
        assert!(FIRST.swap(false, Ordering::Relaxed));
        // What ran before there was a folder is in it all the same.
        record(Some(&folder), None).expect("a folder");
        for _ in 0..20 {
            let driver = load();
            let image = driver.image().expect("an image");
            let start = image.headers().entry;
            let found: Vec<u32> = find(image, []).blocks.iter().map(|block| block.start - start).collect();
            assert_eq!(found, [0, 10, 15]);
            let ran = recorded(&folder, image).expect("records");
            assert_eq!(ran, BTreeSet::from([start, start + 10]));
            driver.unload();
            // SAFETY: the images are not looked at any more. The next has the same address.
            unsafe { pnp::free_images() };
        }
        assert!(lock(&STATE).images.len() < 5);
        // A longer one: the callback goes on as well.
        let longer = Specimen { code: code.repeat(2), ..specimen };
        pnp::load("longer.sys", &longer.build()).expect("DriverEntry succeeds").unload();
        assert!(FIRST.load(Ordering::Relaxed));
        machine.shutdown();
        std::fs::remove_dir_all(&folder).expect("the folder");
    }
}
