//! What a check needs of the computer that runs the driver.

use std::rc::Rc;

use ks_sys::GUID;
use serde::{Deserialize, Serialize};

use crate::wire::Status;

/// 100 ns units in a second.
pub const SECOND: u64 = 10_000_000;

/// A filter that can be opened, as the system lists it.
#[derive(Clone, Debug)]
pub struct Interface {
    /// What to open.
    pub link: String,
    /// What tells the filter from the device's others: the factory's reference string.
    pub reference: String,
    /// The interface classes it is listed under.
    pub categories: Vec<GUID>,
    /// The friendly name.
    pub name: String,
}

/// A range of addresses of the client's process, which may be none of its memory: a request says so much.
#[derive(Clone, Copy, Debug, Default)]
pub struct Span {
    /// Where it begins.
    pub address: usize,
    /// Its length.
    pub length: u32,
}

/// Memory of the client's process. Freed on drop.
pub trait Memory {
    /// Its address.
    fn address(&self) -> usize;
    /// Its bytes.
    fn bytes(&self) -> &[u8];
    /// Its bytes, to change.
    fn bytes_mut(&mut self) -> &mut [u8];
}

/// What reaches a program's memory by its addresses.
pub trait Reach {
    /// The bytes of a range; none where there is no memory of the program.
    fn peek(&self, span: Span) -> Option<Vec<u8>>;
    /// Changes bytes; nothing where there is no memory of the program.
    fn poke(&self, address: usize, bytes: &[u8]);
}

/// What a request came back with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The final status.
    pub status: Status,
    /// `IO_STATUS_BLOCK.Information`.
    pub information: usize,
}

/// A request on its way. Dropped, it is cancelled and waited for.
pub trait Request {
    /// Its outcome, waited for no longer than so many 100 ns units.
    fn wait(&self, units: u64) -> Option<Reply>;
    /// Asks for its cancellation (`CancelIoEx`); it still has to be waited for.
    fn cancel(&self);
}

/// What another program is to do with a pin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// The name of the filter's interface.
    pub link: String,
    /// `KSPIN_CONNECT` and the format behind it.
    pub connect: Vec<u8>,
    /// The length of a frame.
    pub frame: usize,
    /// Whether it reads frames, or writes them.
    pub reads: bool,
    /// How many requests it keeps pending.
    pub requests: usize,
}

/// Another program: a process that has handles of its own.
///
/// Dropped, it is killed: the system cancels its requests and closes its handles, as for any process that ends.
pub trait Program {
    /// Opens a filter, makes a pin on it, takes the pin to RUN and sends requests that nobody waits for. The program's
    /// handle of the pin.
    fn stream(&self, job: &Job) -> Result<usize, Status>;
    /// Duplicates a handle of the calling program into this one.
    fn give(&self, handle: usize) -> Result<usize, Status>;
    /// Duplicates a handle of this program into the calling one.
    fn take(&self, handle: usize) -> Result<usize, Status>;
}

/// What a thread of the program does, and what it met: what was asked, and the answer.
pub type Work = Box<dyn FnOnce(&dyn System) -> Vec<(String, Status)> + Send>;

/// A computer with a driver on it, and a program that has handles.
///
/// Any number may be given as a handle, and any span to a request: whether it is memory of the process is for the
/// kernel to find out. A span that does lie in the process has to be [`Memory`] that outlives the request.
pub trait System {
    /// What it is, for the report.
    fn name(&self) -> String;
    /// The KS filters that can be opened.
    fn interfaces(&self) -> Vec<Interface>;
    /// `NtCreateFile`: opens by a name, relative to a handle if one is given. The name is the bytes that stand in the
    /// `UNICODE_STRING`: for pins they are not text.
    fn open(&self, root: Option<usize>, name: &[u8], access: u32) -> Result<usize, Status>;
    /// `NtClose`.
    fn close(&self, handle: usize) -> Status;
    /// `NtDeviceIoControlFile`, asynchronous.
    fn start(&self, handle: usize, code: u32, input: Span, output: Span) -> Box<dyn Request>;
    /// Zeroed memory, aligned to 16 bytes at least.
    fn memory(&self, length: usize) -> Box<dyn Memory>;
    /// An event, not set: its handle.
    fn event(&self) -> usize;
    /// Whether an event is set, waited for no longer than so many 100 ns units.
    fn is_set(&self, event: usize, units: u64) -> bool;
    /// The time, 100 ns units.
    fn now(&self) -> u64;
    /// Lets time pass.
    fn sleep(&self, units: u64);
    /// The version in the driver's file, where it can be read.
    fn image_version(&self) -> Option<[u16; 4]> {
        None
    }
    /// `NtDuplicateObject` within the process.
    fn duplicate(&self, handle: usize) -> Result<usize, Status>;
    /// Starts another program.
    fn program(&self) -> Result<Box<dyn Program + '_>, Status>;
    /// Runs each work in a thread of its own, all at once, and waits for them; what all of them met.
    fn together(&self, threads: Vec<Work>) -> Vec<(String, Status)>;
    /// The same program, compiled for 32 bits: requests hold structures of that size, and addresses lie below 4 GiB.
    /// With it what reaches its memory. None where the system runs no such program beside this one.
    fn narrow(&self) -> Option<(Box<dyn System + '_>, Rc<dyn Reach>)> {
        None
    }
    /// What can be done to the machine itself, where anything can.
    fn machine(&self) -> Option<&dyn Machine> {
        None
    }
}

/// What a machine holds for its drivers and programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Pool allocations of drivers.
    pub allocations: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Open handles.
    pub handles: usize,
    /// Objects.
    pub objects: usize,
    /// Memory descriptor lists.
    pub mdls: usize,
}

/// A machine that can be looked into and disturbed.
pub trait Machine {
    /// What it holds, when everything that could run has run.
    fn footprint(&self) -> Footprint;
    /// How often the driver's callback of that kind was called ("PinConnect").
    fn calls(&self, callback: &str) -> usize;
    /// The rules that the driver broke so far.
    fn broken_rules(&self) -> Vec<String>;
    /// Pulls the device out: SURPRISE_REMOVAL.
    fn pull(&self) {
        self.puller()();
    }
    /// What pulls the device out, for a thread to call.
    fn puller(&self) -> Box<dyn FnOnce() + Send>;
    /// Threads run by priorities that the seed draws, and fall behind at so many of the first `steps` points at which
    /// another could go on.
    fn prioritize(&self, seed: u64, changes: usize, steps: u64);
    /// Ends that; how many such points there were.
    fn unprioritize(&self) -> u64;
    /// QUERY_REMOVE_DEVICE, and CANCEL_REMOVE_DEVICE where something refuses: the status.
    fn query_remove(&self) -> Status;
    /// Removes the device, unloads the driver, loads and starts it again.
    fn restart(&self) -> Result<(), String>;
    /// STOP_DEVICE and START_DEVICE, as when resources are assigned anew.
    fn rebalance(&self) -> Status;
    /// The device sleeps (D3) or wakes up (D0).
    fn power(&self, on: bool) -> Status;
    /// Removes the device and unloads the driver for good; what it leaves behind.
    fn unload(&self) -> Result<Footprint, String>;
    /// Notes the fallible kernel calls that the driver makes directly in a callback of that kind, and lets one fail.
    fn watch_calls(&self, callback: &'static str, fail: Option<(&str, u32)>);
    /// Ends that: the calls that were made, and whether one failed on purpose.
    fn watched_calls(&self) -> (Vec<String>, bool);
}
