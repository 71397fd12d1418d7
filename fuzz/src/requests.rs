//! Requests of a program to the driver, on the rig: every status is a documented one, nothing is left over, no rule is
//! broken, and everything comes back.

use std::{
    env, fs,
    path::PathBuf,
    process::abort,
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use ks_compliance::{
    Bench,
    bench::Promises,
    fuzz::{Ground, Random},
    system::Machine as _,
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
const INPUTS: usize = 2000;

/// What libFuzzer looks at beside its own counters: one byte for each block of the driver, set when it first runs.
#[cfg(feature = "libfuzzer")]
mod counters {
    use std::sync::atomic::{AtomicU8, Ordering};

    const COUNT: usize = 1 << 16;

    // Nothing here reads it.
    #[used]
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

/// The inputs since the driver was loaded.
static HISTORY_OF_SESSION: Mutex<Vec<Vec<u8>>> = Mutex::new(Vec::new());
static SESSION: Mutex<Option<Session>> = Mutex::new(None);

/// A driver on a rig, from its load to its unload: a thread, to which the rig belongs.
struct Session {
    thread: JoinHandle<()>,
    inputs: SyncSender<Vec<u8>>,
    /// After each input whether the session goes on.
    goes_on: Receiver<bool>,
}

fn driver() -> PathBuf {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/driver/default/loopcam.sys");
    env::var_os(DRIVER).map_or_else(|| built.into(), PathBuf::from)
}

/// Leaves the inputs that led here, in their order, and ends the process: libFuzzer keeps the last one.
fn wrong(what: &str) -> ! {
    eprintln!("{what}");
    if let Some(folder) = env::var_os(HISTORY).map(PathBuf::from) {
        let history = HISTORY_OF_SESSION.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = fs::remove_dir_all(&folder);
        let _ = fs::create_dir_all(&folder);
        for (number, input) in history.iter().enumerate() {
            let _ = fs::write(folder.join(format!("{number:04}")), input);
        }
        eprintln!("the inputs since the driver was loaded are in {}", folder.display());
    }
    abort()
}

fn on_stop(stop: &Stop) {
    wrong(&stop.to_string());
}

/// Loads the driver, plays what comes, and unloads it when enough has come or something stays: nothing may then.
fn live(inputs: &Receiver<Vec<u8>>, goes_on: &SyncSender<bool>) {
    let rig = Rig::builder().trace(false).on_stop(on_stop).build();
    let system = UnderTest::new(rig, &driver()).unwrap_or_else(|error| wrong(&error.to_string()));
    {
        let bench = Bench::new(&system, Promises::default());
        let ground = Ground::survey(&bench);
        let before = system.footprint();
        for (number, bytes) in inputs.iter().enumerate() {
            let statuses = ground.play(&bench, Random::of_bytes(&bytes));
            if let Some(rule) = system.broken_rules().first() {
                wrong(rule);
            }
            for status in statuses.keys() {
                if status.name().is_none() || *status == Status(ks_sys::STATUS_IO_TIMEOUT) {
                    wrong(&format!("a request came back with {status}"));
                }
            }
            // Cameras that were added stay, until the driver goes.
            let same = system.footprint() == before && number < INPUTS;
            let _ = goes_on.send(same);
            if !same {
                break;
            }
        }
    }
    if let Some(rule) = system.end().first() {
        wrong(rule);
    }
}

impl Session {
    fn begin() -> Self {
        if coverage::run() == 0
            && let Err(error) = coverage::record(None, Some(counters::ran))
        {
            wrong(&format!("the driver's blocks cannot be watched: {error}"));
        }
        let ((inputs, to_play), (played, goes_on)) = (sync_channel(0), sync_channel(0));
        Self { thread: thread::spawn(move || live(&to_play, &played)), inputs, goes_on }
    }

    /// No more inputs: waits for the unload.
    fn end(self) {
        let Self { thread, inputs, goes_on } = self;
        drop((inputs, goes_on));
        assert!(thread.join().is_ok(), "the driver's unload has failed");
    }
}

/// Plays what the bytes say.
pub fn requests(bytes: &[u8]) {
    let history = || HISTORY_OF_SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    let mut now = SESSION.lock().unwrap_or_else(PoisonError::into_inner);
    let session = now.get_or_insert_with(Session::begin);
    history().push(bytes.to_vec());
    let sent = session.inputs.send(bytes.to_vec()).is_ok();
    let goes_on = session.goes_on.recv();
    assert!(sent && goes_on.is_ok(), "the driver's thread has ended");
    if goes_on == Ok(false)
        && let Some(session) = now.take()
    {
        session.end();
        history().clear();
    }
}

/// Unloads the driver, if it is loaded: nothing of it may stay.
pub fn end() {
    if let Some(session) = SESSION.lock().unwrap_or_else(PoisonError::into_inner).take() {
        session.end();
    }
}
