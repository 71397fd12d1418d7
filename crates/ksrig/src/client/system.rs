//! The rig as the system under test of the compliance suite.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use ks_compliance::fuzz::Random;
use ks_compliance::system::{self, Footprint, Interface, Memory, Reply, Span, Work};
use ks_sys::*;

use super::driver::Driver;
use super::program::Program;
use super::rig::Rig;
use super::sys::{self, Handle};
use super::{Error, Status};
use crate::nt::machine::{JoinHandle, Machine};
use crate::nt::thread::{Process, as_narrow};
use crate::nt::{self, inject, io, pool, sched, user, violation};

/// A rig with a driver loaded, and the user's program on it.
pub struct UnderTest {
    rig: Rig,
    path: PathBuf,
    driver: RefCell<Option<Driver>>,
}

impl UnderTest {
    /// Loads the driver.
    pub fn new(rig: Rig, path: &Path) -> Result<Self, Error> {
        let driver = rig.load(path)?;
        Ok(Self { rig, path: path.to_owned(), driver: RefCell::new(Some(driver)) })
    }

    /// Unloads the driver; the rules that were broken since the start, what is left over among them.
    pub fn end(self) -> Vec<String> {
        self.unload()
    }

    /// The same; what is done to the device afterwards fails.
    pub fn unload(&self) -> Vec<String> {
        if let Some(driver) = self.driver.take() {
            driver.unload();
        }
        system::Machine::broken_rules(self)
    }

    /// The status of what is done to the driver's device.
    fn with_driver(&self, body: impl FnOnce(&Driver) -> Result<(), Status>) -> Status {
        let done = self.driver.borrow().as_ref().map(body);
        done.unwrap_or(Err(Status(STATUS_NO_SUCH_DEVICE))).err().unwrap_or(Status::SUCCESS)
    }
}

impl Memory for user::Buffer {
    fn address(&self) -> usize {
        user::Buffer::address(self) as usize
    }

    fn bytes(&self) -> &[u8] {
        user::Buffer::bytes(self)
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        user::Buffer::bytes_mut(self)
    }
}

impl system::Request for io::request::Request {
    fn wait(&self, units: u64) -> Option<Reply> {
        let (status, information) = self.wait_for(units)?;
        Some(Reply { status: Status(status), information })
    }

    fn cancel(&self) {
        io::request::Request::cancel(self);
    }
}

/// A thread of the user's program, as the suite sees it.
pub(super) struct Caller;

fn open(root: Option<usize>, name: &[u8], access: u32) -> Result<usize, Status> {
    Handle::open(root, name, access).map(Handle::into_value)
}

fn start(handle: usize, code: u32, input: Span, output: Span) -> Box<dyn system::Request> {
    // SAFETY: the executive probes user addresses before it uses them; memory of the process outlives the
    // request (`System`).
    let request = unsafe {
        io::request::Request::device_io_control(
            handle as HANDLE,
            code,
            input.address as PVOID,
            input.length,
            output.address as PVOID,
            output.length,
        )
    };
    Box::new(request)
}

/// What does not depend on the caller's width either.
macro_rules! delegate {
    () => {
        fn memory(&self, length: usize) -> Box<dyn Memory> {
            Box::new(user::Buffer::new(length))
        }

        fn event(&self) -> usize {
            sys::event()
        }

        fn is_set(&self, event: usize, units: u64) -> bool {
            sys::is_set(event, units)
        }

        fn now(&self) -> u64 {
            sched::now()
        }

        fn sleep(&self, units: u64) {
            sched::sleep(units);
        }

        fn duplicate(&self, handle: usize) -> Result<usize, Status> {
            sys::duplicate(Process::User, handle, Process::User)
        }

        fn program(&self) -> Result<Box<dyn system::Program + '_>, Status> {
            Ok(Box::new(Program::default()))
        }

        fn together(&self, threads: Vec<Work>) -> Vec<(String, Status)> {
            let machine = Machine::current();
            let one = |(number, work): (usize, Work)| {
                machine.spawn(&format!("program thread {number}"), move || work(&Caller))
            };
            let threads: Vec<_> = threads.into_iter().enumerate().map(one).collect();
            threads.into_iter().flat_map(JoinHandle::join).collect()
        }
    };
}

/// What does not depend on the thread that asks.
macro_rules! anywhere {
    () => {
        fn name(&self) -> String {
            "the rig".to_owned()
        }

        fn open(&self, root: Option<usize>, name: &[u8], access: u32) -> Result<usize, Status> {
            open(root, name, access)
        }

        fn close(&self, handle: usize) -> Status {
            sys::close(handle)
        }

        fn start(&self, handle: usize, code: u32, input: Span, output: Span) -> Box<dyn system::Request> {
            start(handle, code, input, output)
        }

        delegate!();
    };
}

/// A thread of the user's program as one of 32 bits.
struct NarrowCaller;

impl system::System for NarrowCaller {
    fn name(&self) -> String {
        "the rig".to_owned()
    }

    fn open(&self, root: Option<usize>, name: &[u8], access: u32) -> Result<usize, Status> {
        as_narrow(|| open(root, name, access))
    }

    fn close(&self, handle: usize) -> Status {
        as_narrow(|| sys::close(handle))
    }

    fn start(&self, handle: usize, code: u32, input: Span, output: Span) -> Box<dyn system::Request> {
        as_narrow(|| start(handle, code, input, output))
    }

    delegate!();

    fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }
}

/// The memory of the user's program.
struct UserMemory;

impl system::Reach for UserMemory {
    fn peek(&self, span: Span) -> Option<Vec<u8>> {
        if span.length == 0 { Some(Vec::new()) } else { user::read(span.address, span.length as usize) }
    }

    fn poke(&self, address: usize, bytes: &[u8]) {
        user::write(address, bytes);
    }
}

impl system::System for Caller {
    anywhere!();

    fn interfaces(&self) -> Vec<Interface> {
        Vec::new()
    }
}

impl system::System for UnderTest {
    anywhere!();

    fn interfaces(&self) -> Vec<Interface> {
        let one = |filter: super::Interface| {
            let super::Interface { link, reference, categories, name } = filter;
            Interface { link, reference, categories, name }
        };
        self.rig.filters().into_iter().map(one).collect()
    }

    fn image_version(&self) -> Option<[u16; 4]> {
        file_version(&std::fs::read(&self.path).ok()?)
    }

    fn narrow(&self) -> Option<(Box<dyn system::System + '_>, Rc<dyn system::Reach>)> {
        user::is_narrow().then(|| (Box::new(NarrowCaller) as _, Rc::new(UserMemory) as _))
    }

    fn machine(&self) -> Option<&dyn system::Machine> {
        Some(self)
    }
}

/// Functions whose pages know no failure for a live object, although they return a pointer.
const SURE: [&str; 7] = [
    "KsFilterGetAndGate",
    "KsGetDevice",
    "KsGetOuterUnknown",
    "KsGetParent",
    "KsPinGetAndGate",
    "KsPinGetParentFilter",
    "KsGetFilterFromIrp",
];

/// The version in a file's VS_FIXEDFILEINFO, which its signature announces.
fn file_version(file: &[u8]) -> Option<[u16; 4]> {
    let signature = [0xBD, 0x04, 0xEF, 0xFE, 0, 0, 1, 0];
    let at = file.windows(8).position(|window| window == signature)?;
    let half =
        |offset: usize| Some(u16::from_le_bytes(file.get(at + offset..at + offset + 2)?.try_into().ok()?));
    Some([half(10)?, half(8)?, half(14)?, half(12)?])
}

impl system::Machine for UnderTest {
    fn footprint(&self) -> Footprint {
        sched::settle();
        let (allocations, bytes) = pool::in_use();
        let (handles, objects) = nt::object::handles_and_objects();
        Footprint { allocations, bytes, handles, objects, mdls: nt::mdls_in_use() }
    }

    fn calls(&self, callback: &str) -> usize {
        nt::trace::count(|event| event.kind == "callback" && event.detail == callback)
    }

    fn broken_rules(&self) -> Vec<String> {
        let one = |v: &violation::Violation| {
            let place = v.stack.first().map_or_else(String::new, |frame| format!(", at {frame}"));
            format!("{} ({:#x}) on {}: {}{place}", v.rule, v.code, v.object, v.message)
        };
        // A filter connected to itself is the client's doing, and refused without the driver.
        violation::list().iter().filter(|v| v.rule != "KsConnectSameFilter").map(one).collect()
    }

    fn puller(&self) -> Box<dyn FnOnce() + Send> {
        let device = self.driver.borrow().as_ref().map(Driver::device);
        Box::new(move || {
            if let Some(device) = device {
                device.surprise_remove();
            }
            sched::settle();
        })
    }

    fn prioritize(&self, seed: u64, changes: usize, steps: u64) {
        let mut random = Random::new(seed);
        let changes = (0..changes).map(|_| 1 + random.number() % steps.max(1)).collect();
        sched::explore(sched::Plan::Priorities { seed, changes, stop_in: 0 });
    }

    fn unprioritize(&self) -> u64 {
        sched::explored().switch_points
    }

    fn query_remove(&self) -> Status {
        self.with_driver(|driver| {
            let answer = driver.query_remove();
            answer.and(driver.cancel_remove())
        })
    }

    fn restart(&self) -> Result<(), String> {
        if let Some(driver) = self.driver.take() {
            driver.unload();
        }
        let driver = self.rig.load(&self.path).map_err(|error| error.to_string())?;
        self.driver.replace(Some(driver));
        Ok(())
    }

    fn rebalance(&self) -> Status {
        self.with_driver(|driver| driver.stop().and_then(|()| driver.start()))
    }

    fn power(&self, on: bool) -> Status {
        self.with_driver(|driver| if on { driver.wake() } else { driver.sleep() })
    }

    fn unload(&self) -> Result<Footprint, String> {
        if let Some(driver) = self.driver.take() {
            driver.unload();
        }
        Ok(self.footprint())
    }

    fn watch_calls(&self, callback: &'static str, fail: Option<(&str, u32)>) {
        let fault = fail.map(|(call, nth)| inject::Fault {
            call: call.to_owned(),
            nth,
            status: STATUS_INSUFFICIENT_RESOURCES,
        });
        inject::arm(callback, fault);
    }

    fn watched_calls(&self) -> (Vec<String>, bool) {
        let (calls, struck) = inject::disarm();
        let can_fail = |call: &&str| !SURE.contains(call);
        (calls.into_iter().filter(can_fail).map(str::to_owned).collect(), struck)
    }
}

#[cfg(test)]
mod tests {
    use super::file_version;

    #[test]
    fn a_version_is_found() {
        let mut file = vec![7; 100];
        file[40..48].copy_from_slice(&[0xBD, 0x04, 0xEF, 0xFE, 0, 0, 1, 0]);
        file[48..56].copy_from_slice(&[2, 0, 1, 0, 4, 0, 3, 0]);
        assert_eq!(file_version(&file), Some([1, 2, 3, 4]));
        assert_eq!(file_version(&file[..50]), None);
        assert_eq!(file_version(&[]), None);
    }
}
