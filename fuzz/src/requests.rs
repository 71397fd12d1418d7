//! Requests of a program to the driver, on the rig: every status is a documented one, nothing is left over, no rule is
//! broken, and everything comes back.

use std::{cell::RefCell, env, fs, path::PathBuf, process::abort};

use ks_compliance::{
    Bench,
    bench::Promises,
    fuzz::{Ground, Random},
    system::{self, Machine as _},
    wire::Status,
};
use ksrig::{
    client::{Rig, UnderTest},
    nt::{bugcheck::Stop, coverage},
};

/// The driver's image, in place of loopcam.sys as it was built.
const DRIVER: &str = "FUZZ_DRIVER";
/// A folder for the inputs since the driver was loaded, when something is wrong.
const HISTORY: &str = "FUZZ_HISTORY";
/// After so many inputs the driver is unloaded and loaded again.
const LIFE: usize = 500;

/// What libFuzzer looks at beside its own counters: one byte for each block of the driver, set when it first runs.
#[cfg(feature = "libfuzzer")]
mod counters {
    use std::sync::atomic::{AtomicU8, Ordering};

    const COUNT: usize = 1 << 16;

    // SAFETY: the section is libFuzzer's, which takes all that is in it for counters of a byte each.
    #[unsafe(link_section = "__libfuzzer_extra_counters")]
    static COUNTERS: [AtomicU8; COUNT] = [const { AtomicU8::new(0) }; COUNT];

    pub fn ran(block: u32) {
        COUNTERS[block as usize % COUNT].store(1, Ordering::Relaxed);
    }
}

#[cfg(not(feature = "libfuzzer"))]
mod counters {
    pub fn ran(_: u32) {}
}

/// A driver on a rig, and what was done to it.
struct Stand {
    system: &'static UnderTest,
    bench: Bench<'static>,
    ground: Option<Ground<'static>>,
    before: system::Footprint,
}

thread_local! {
    static STAND: RefCell<Option<Stand>> = const { RefCell::new(None) };
    static HISTORY_OF_STAND: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

fn driver() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/driver/default/loopcam.sys");
    env::var_os(DRIVER).map_or_else(|| built.into(), PathBuf::from)
}

/// Leaves the inputs that led here, in their order, and ends the process: libFuzzer keeps the last one.
fn wrong(what: &str) -> ! {
    eprintln!("{what}");
    if let Some(folder) = env::var_os(HISTORY).map(PathBuf::from) {
        HISTORY_OF_STAND.with_borrow(|history| {
            let _ = fs::remove_dir_all(&folder);
            let _ = fs::create_dir_all(&folder);
            for (number, input) in history.iter().enumerate() {
                let _ = fs::write(folder.join(format!("{number:04}")), input);
            }
        });
        eprintln!("the inputs since the driver was loaded are in {}", folder.display());
    }
    abort()
}

fn on_stop(stop: &Stop) {
    wrong(&stop.to_string());
}

impl Stand {
    fn new() -> Self {
        if coverage::run() == 0
            && let Err(error) = coverage::record(None, Some(counters::ran))
        {
            wrong(&format!("the driver's blocks cannot be watched: {error}"));
        }
        let rig = Rig::builder().trace(false).on_stop(on_stop).build();
        let system = UnderTest::new(rig, &driver()).unwrap_or_else(|error| wrong(&error.to_string()));
        let system: &'static UnderTest = Box::leak(Box::new(system));
        let bench = Bench::new(system, Promises::default());
        let ground = Some(Ground::survey(&bench));
        let before = system.footprint();
        Self { system, bench, ground, before }
    }

    /// Unloads the driver: nothing of it stays.
    fn end(mut self) {
        self.ground = None;
        for rule in self.system.unload() {
            wrong(&rule);
        }
    }
}

/// Plays what the bytes say.
pub fn requests(bytes: &[u8]) {
    STAND.with_borrow_mut(|slot| {
        let stand = slot.get_or_insert_with(Stand::new);
        HISTORY_OF_STAND.with_borrow_mut(|history| history.push(bytes.to_vec()));
        let Some(ground) = &stand.ground else { return };
        let statuses = ground.play(&stand.bench, Random::of_bytes(bytes));
        if let Some(rule) = stand.system.broken_rules().first() {
            wrong(rule);
        }
        for status in statuses.keys() {
            if status.name().is_none() || *status == Status(ks_sys::STATUS_IO_TIMEOUT) {
                wrong(&format!("a request came back with {status}"));
            }
        }
        // Cameras that were added stay, until the driver goes.
        let changed = stand.system.footprint() != stand.before;
        let old = HISTORY_OF_STAND.with_borrow(Vec::len) >= LIFE;
        if let Some(stand) = slot.take_if(|_| changed || old) {
            stand.end();
            HISTORY_OF_STAND.with_borrow_mut(Vec::clear);
        }
    });
}
