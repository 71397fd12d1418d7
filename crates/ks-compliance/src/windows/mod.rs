//! Real Windows handles as the system under test. The native calls are used, not Win32's: their statuses are the
//! driver's own, and a pin's name is no text.

mod interfaces;
mod memory;
mod program;
mod request;

use std::{process::ExitCode, ptr::null_mut, time::Duration};

use clap::Parser;
use ks_sys::GUID;
use windows_sys::{
    Wdk::{
        Foundation::{NtClose, OBJECT_ATTRIBUTES},
        Storage::FileSystem::{FILE_OPEN, NtCreateFile, NtDuplicateObject},
        System::SystemServices::RtlGetVersion,
    },
    Win32::{
        Foundation::{HANDLE, UNICODE_STRING, WAIT_OBJECT_0},
        Storage::FileSystem::{FILE_SHARE_READ, FILE_SHARE_WRITE},
        System::{
            IO::IO_STATUS_BLOCK,
            SystemInformation::OSVERSIONINFOW,
            Threading::{CreateEventW, GetCurrentProcess, WaitForSingleObject},
            WindowsProgramming::QueryUnbiasedInterruptTime,
        },
    },
};

use crate::{
    check, command,
    system::{Interface, Memory, Program, Request, Span, System, Work},
    wire::Status,
};

/// Measures how well the kernel streaming (KS) drivers of this computer behave.
///
/// Every filter that is installed is opened and asked; pins are made and streamed from. A faulty driver may stop the
/// computer: run it where nothing is lost.
#[derive(Parser)]
#[command(
    name = "ks-compliance",
    version,
    after_help = "\
Examples:
  ks-compliance --filter loopcam --category KSCATEGORY_VIDEO_CAMERA
  ks-compliance --filter loopcam --family B --html report.html

Exit codes: 0 nothing failed; 1 something failed; 2 wrong usage; 3 there is no KS filter to check."
)]
struct Arguments {
    #[command(flatten)]
    suite: command::Suite,
    /// Is the other program of a check: does what its standard input says, until it is killed
    #[arg(long, hide = true)]
    program: bool,
}

/// The program.
pub fn main() -> ExitCode {
    let Arguments { suite, program } = Arguments::parse();
    if program {
        return program::serve();
    }
    if suite.list {
        print!("{}", command::list());
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = check::select(&suite.family) {
        eprintln!("ks-compliance: {reason}");
        return ExitCode::from(2);
    }
    let handles = Handles { categories: suite.category.clone() };
    let filters = handles.interfaces();
    let chosen = suite.promises().chosen(filters.clone()).len();
    if chosen == 0 {
        eprintln!("ks-compliance: {}", nothing_to_check(&suite, &filters));
        return ExitCode::from(3);
    }
    let driver = suite.filter.clone().unwrap_or_else(|| format!("{chosen} filters"));
    let made = suite.run(driver, handles.name(), |check| check.make(suite.bench(&handles)));
    match made {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("ks-compliance: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Why nothing can be checked, and what to do about it.
fn nothing_to_check(suite: &command::Suite, filters: &[Interface]) -> String {
    match &suite.filter {
        Some(filter) if !filters.is_empty() => {
            let names: Vec<_> = filters.iter().map(|filter| format!("\n  {}  {}", filter.name, filter.link)).collect();
            format!("no KS filter of this computer has {filter:?} in its name or link. There are:{}", names.concat())
        }
        _ => "this computer has no KS filter, so there is nothing to check. Install the driver (Device Manager shows \
              whether its device has started), then run this again. A filter that is only in a class of its own is \
              found by --category {GUID OF THE CLASS}."
            .to_owned(),
    }
}

/// The handles of this process.
#[derive(Clone, Default)]
struct Handles {
    /// Interface classes to look into besides those that everybody knows.
    categories: Vec<GUID>,
}

impl System for Handles {
    fn name(&self) -> String {
        let mut version = OSVERSIONINFOW {
            dwOSVersionInfoSize: size_of::<OSVERSIONINFOW>() as u32,
            ..OSVERSIONINFOW::default()
        };
        // Not GetVersionEx, which tells the program what it wants to hear.
        // SAFETY: a local structure that says its size.
        unsafe { RtlGetVersion(&raw mut version) };
        let OSVERSIONINFOW { dwMajorVersion, dwMinorVersion, dwBuildNumber, .. } = version;
        format!("Windows {dwMajorVersion}.{dwMinorVersion}.{dwBuildNumber}")
    }

    fn interfaces(&self) -> Vec<Interface> {
        interfaces::all(&self.categories)
    }

    fn open(&self, root: Option<usize>, name: &[u8], access: u32) -> Result<usize, Status> {
        let length = u16::try_from(name.len()).map_err(|_| Status(ks_sys::STATUS_OBJECT_NAME_INVALID))?;
        let mut name = name.to_vec();
        // Windows wants whole characters and an aligned string; a Vec of 16 bit units is both.
        name.resize(name.len().next_multiple_of(2), 0);
        let mut units: Vec<u16> =
            name.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let text = UNICODE_STRING { Length: length, MaximumLength: length, Buffer: units.as_mut_ptr() };
        let attributes = OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as u32,
            RootDirectory: root.unwrap_or_default() as HANDLE,
            ObjectName: &raw const text,
            Attributes: OBJ_CASE_INSENSITIVE,
            ..OBJECT_ATTRIBUTES::default()
        };
        let mut handle: HANDLE = null_mut();
        let mut block = IO_STATUS_BLOCK::default();
        // SAFETY: all pointers lead to local variables that live as long as the call.
        let status = unsafe {
            NtCreateFile(
                &raw mut handle,
                access,
                &raw const attributes,
                &raw mut block,
                null_mut(),
                0,
                FILE_SHARE_READ | FILE_SHARE_WRITE,
                FILE_OPEN,
                0,
                null_mut(),
                0,
            )
        };
        Status(status).check().map(|_| handle as usize)
    }

    fn close(&self, handle: usize) -> Status {
        // SAFETY: any value may be given.
        Status(unsafe { NtClose(handle as HANDLE) })
    }

    fn start(&self, handle: usize, code: u32, input: Span, output: Span) -> Box<dyn Request> {
        request::start(handle, code, input, output)
    }

    fn memory(&self, length: usize) -> Box<dyn Memory> {
        memory::allocate(length)
    }

    fn event(&self) -> usize {
        // SAFETY: no attributes, no name.
        unsafe { CreateEventW(null_mut(), 1, 0, null_mut()) as usize }
    }

    fn is_set(&self, event: usize, units: u64) -> bool {
        // SAFETY: any handle may be waited for.
        unsafe { WaitForSingleObject(event as HANDLE, milliseconds(units)) == WAIT_OBJECT_0 }
    }

    fn now(&self) -> u64 {
        let mut now = 0;
        // SAFETY: a local variable.
        unsafe { QueryUnbiasedInterruptTime(&raw mut now) };
        now
    }

    fn sleep(&self, units: u64) {
        std::thread::sleep(Duration::from_nanos(units * 100));
    }

    fn duplicate(&self, handle: usize) -> Result<usize, Status> {
        // SAFETY: a constant that means this process.
        let process = unsafe { GetCurrentProcess() };
        duplicate(process, handle, process)
    }

    fn program(&self) -> Result<Box<dyn Program + '_>, Status> {
        Ok(Box::new(program::start()?))
    }

    fn together(&self, threads: Vec<Work>) -> Vec<(String, Status)> {
        let start = |work: Work| {
            let handles = self.clone();
            std::thread::spawn(move || work(&handles))
        };
        let threads: Vec<_> = threads.into_iter().map(start).collect();
        // A thread that panics has met nothing that could be told.
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    }
}

/// `NtDuplicateObject` with the same rights: a handle in the process `to` for what `handle` is in the process `from`.
fn duplicate(from: HANDLE, handle: usize, to: HANDLE) -> Result<usize, Status> {
    const DUPLICATE_SAME_ACCESS: u32 = 2;
    let mut copy: HANDLE = null_mut();
    // SAFETY: any handle may be given; the copy's place is a local variable.
    let status =
        unsafe { NtDuplicateObject(from, handle as HANDLE, to, &raw mut copy, 0, 0, DUPLICATE_SAME_ACCESS) };
    Status(status).check().map(|_| copy as usize)
}

const OBJ_CASE_INSENSITIVE: u32 = 0x40;

/// 100 ns units as milliseconds, rounded up.
fn milliseconds(units: u64) -> u32 {
    units.div_ceil(10_000).min(u64::from(u32::MAX - 1)) as u32
}
