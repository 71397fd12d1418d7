//! The deliberate faults. Each feature is one of:
//!
//! | feature | what is wrong |
//! |---|---|
//! | `sound` | nothing: Connect succeeds |
//! | `no-connect` | nothing: the sink has neither Connect nor Disconnect, which are optional |
//! | `pending-connect` | Connect returns STATUS_PENDING (Verifier rule KsCallbackReturn, contract T4.4) |
//! | `failing-connect` | nothing: Connect refuses with the status that a test has set, STATUS_ACCESS_DENIED at first (T4.3) |
//! | `raised-irql` | Connect returns at DISPATCH_LEVEL (rule KsIrqlPinCallbacks) |
//! | `access-violation` | Connect writes to a null pointer's neighbourhood |
//! | `not-emulated` | Connect calls an export that ks.sys has and the rig does not emulate |
//! | `missing-import` | imports KsPinHandshake, which is documented and no export of ks.sys (contract R0.3) |
//! | `create-fails` | nothing: the source's Create fails, when Connect has succeeded already (T4.11) |
//! | `leak` | DriverEntry allocates pool that nobody frees |
//! | `null-category` | the category of the pins is GUID_NULL |
//! | `wrong-information` | a property says that it is shorter than its value |
//! | `no-sample-size` | the formats of an intersection have no size of a frame |
//! | `pin-leak` | the source's Create allocates pool that Close does not free |
//! | `stuck-state` | the source does not leave RUN for PAUSE |
//! | `long-data` | the source says that a frame has more data than its buffer |
//! | `overrun` | the source fills a whole frame, however long its buffer is |
//! | `believes-pitch` | the source writes rows as far apart as the frame info says |
//! | `wrong-framing` | the framing has no frames, and an alignment that is no mask |
//! | `wide-only` | a property refuses programs of 32 bits, although its value is the same for them |
//! | `racy-count` | the source's pins share memory, and count who uses it by reading and writing apart |
//! | `unchecked-pool` | the source's Create writes to memory that it may not have got |
//! | `leaky-failure` | the source's Create keeps what it has got of two pieces of memory when one is missing |
//! | `late-crash` | DriverUnload writes to a null pointer's neighbourhood if the source's Create has ever got no memory, or if two of them met |
//! | `endless` | Connect never returns |
//! | `clock` | nothing: the sink's pin has a clock, which goes as a test has set it |

use core::{
    ffi::c_void,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering},
};

use ks_sys::{
    GUID, GUID_NULL, KS_FRAME_INFO, KS_FRAME_INFO_SURFACE_PITCH_OFFSET, KSSTATE, KSSTREAM_HEADER,
    KsNullDriverUnload, NTSTATUS, PDRIVER_OBJECT, PKSPIN, STATUS_INSUFFICIENT_RESOURCES, STATUS_PENDING,
    STATUS_SUCCESS, STATUS_UNSUCCESSFUL,
};
use wdk_sys::{
    POOL_FLAG_NON_PAGED,
    ntddk::{ExAllocatePool2, ExFreePool},
};

use crate::answers;

/// Whether the sink's pin has a clock.
pub const HAS_CLOCK: bool = cfg!(feature = "clock");

/// Whether the sink has the dispatch entries Connect and Disconnect.
pub const CONNECTS: bool = !cfg!(feature = "no-connect");

unsafe extern "C" {
    /// An export of ntoskrnl.exe that wdk-sys does not have.
    fn KeRaiseIrqlToDpcLevel() -> u8;
}

#[cfg(feature = "wide-only")]
unsafe extern "C" {
    /// Another one.
    fn IoIs32bitProcess(irp: ks_sys::PIRP) -> u8;
}

/// Whether the property is refused.
pub fn refuses(_irp: ks_sys::PIRP) -> bool {
    #[cfg(feature = "wide-only")]
    // SAFETY: passive level, a live request.
    let refuses = unsafe { IoIs32bitProcess(_irp) } != 0;
    #[cfg(not(feature = "wide-only"))]
    let refuses = false;
    refuses
}

static USERS: AtomicU32 = AtomicU32::new(0);
static SHARED: AtomicPtr<c_void> = AtomicPtr::new(core::ptr::null_mut());

/// The source's pins share memory: another one uses it.
fn use_shared() {
    let users = USERS.load(Ordering::Relaxed);
    // SAFETY: passive level.
    let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, u32::from_le_bytes(*b"Shar")) };
    if users == 0 {
        SHARED.store(memory, Ordering::Relaxed);
    } else if !memory.is_null() {
        // SAFETY: allocated above.
        unsafe { ExFreePool(memory) };
    }
    USERS.store(users + 1, Ordering::Relaxed);
}

/// At the source's Close.
pub fn in_source_close() {
    let users = USERS.load(Ordering::Relaxed);
    if users == 1 {
        let memory = SHARED.swap(core::ptr::null_mut(), Ordering::Relaxed);
        if !memory.is_null() {
            // SAFETY: allocated above, and nobody's any more.
            unsafe { ExFreePool(memory) };
        }
    }
    USERS.store(users.wrapping_sub(1), Ordering::Relaxed);
}

#[cfg(feature = "missing-import")]
#[link(name = "ks.sys", kind = "raw-dylib", modifiers = "+verbatim")]
unsafe extern "C" {
    fn KsPinHandshake(
        pin: PKSPIN,
        input: *mut ks_sys::KSHANDSHAKE,
        output: *mut ks_sys::KSHANDSHAKE,
    ) -> NTSTATUS;
}

/// In DriverEntry.
pub fn in_driver_entry() {
    if cfg!(feature = "leak") {
        // SAFETY: passive level.
        let _ = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, u32::from_le_bytes(*b"LEAK")) };
    }
}

/// At the end of DriverEntry.
///
/// # Safety
///
/// The kernel's driver object, with AVStream on it.
pub unsafe fn after_driver_entry(driver: PDRIVER_OBJECT) {
    if cfg!(feature = "late-crash") {
        // SAFETY: the caller's promise.
        unsafe { (*driver).DriverUnload = Some(unload) };
    }
}

static BROKEN: AtomicBool = AtomicBool::new(false);
static WITHIN: AtomicBool = AtomicBool::new(false);

unsafe extern "C" fn unload(driver: PDRIVER_OBJECT) {
    // SAFETY: what AVStream does when a driver has no DriverUnload of its own.
    unsafe { KsNullDriverUnload(driver) };
    if BROKEN.load(Ordering::Relaxed) {
        // SAFETY: none; that is the fault.
        unsafe { core::ptr::without_provenance_mut::<u32>(8).write_volatile(1) };
    }
}

/// At the end of the sink's Connect.
pub fn in_connect(_pin: PKSPIN) -> NTSTATUS {
    if cfg!(feature = "raised-irql") {
        // SAFETY: always allowed; never to be left like this.
        let _ = unsafe { KeRaiseIrqlToDpcLevel() };
    }
    if cfg!(feature = "access-violation") {
        // SAFETY: none; that is the fault.
        unsafe { core::ptr::without_provenance_mut::<u32>(8).write_volatile(1) };
    }
    while cfg!(feature = "endless") {
        core::hint::spin_loop();
    }
    if cfg!(feature = "not-emulated") {
        // SAFETY: nothing here is a resource; never comes back on the rig.
        let _ = unsafe {
            ks_sys::KsLoadResource(
                core::ptr::null_mut(),
                0,
                1,
                1,
                core::ptr::null_mut(),
                core::ptr::null_mut(),
            )
        };
    }
    #[cfg(feature = "missing-import")]
    {
        // SAFETY: never reached: such an image is not loaded.
        let _ = unsafe { KsPinHandshake(_pin, core::ptr::null_mut(), core::ptr::null_mut()) };
    }
    if cfg!(feature = "pending-connect") {
        STATUS_PENDING
    } else if cfg!(feature = "failing-connect") {
        answers::connect_status()
    } else {
        STATUS_SUCCESS
    }
}

/// At the end of the source's Create.
pub fn in_source_create() -> NTSTATUS {
    if cfg!(feature = "racy-count") {
        use_shared();
    }
    if cfg!(feature = "unchecked-pool") {
        // SAFETY: passive level.
        let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, u32::from_le_bytes(*b"Unch")) };
        // SAFETY: none if there is no memory; that is the fault.
        unsafe { memory.cast::<u8>().write_volatile(1) };
        // SAFETY: allocated above.
        unsafe { ExFreePool(memory) };
    }
    if cfg!(feature = "leaky-failure") {
        // SAFETY: passive level.
        let memory = || unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, u32::from_le_bytes(*b"Two ")) };
        let (first, second) = (memory(), memory());
        if first.is_null() || second.is_null() {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        // SAFETY: allocated above.
        unsafe { ExFreePool(first) };
        // SAFETY: allocated above.
        unsafe { ExFreePool(second) };
    }
    if cfg!(feature = "late-crash") {
        let met = WITHIN.swap(true, Ordering::Relaxed);
        // SAFETY: passive level.
        let memory = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, u32::from_le_bytes(*b"Late")) };
        WITHIN.store(false, Ordering::Relaxed);
        if met || memory.is_null() {
            BROKEN.store(true, Ordering::Relaxed);
        }
        if !memory.is_null() {
            // SAFETY: allocated above.
            unsafe { ExFreePool(memory) };
        }
    }
    if cfg!(feature = "pin-leak") {
        // SAFETY: passive level.
        let _ = unsafe { ExAllocatePool2(POOL_FLAG_NON_PAGED, 100, u32::from_le_bytes(*b"LEAK")) };
    }
    if cfg!(feature = "create-fails") { STATUS_INSUFFICIENT_RESOURCES } else { STATUS_SUCCESS }
}

/// Before the source changes its state.
pub fn in_source_state(to: KSSTATE::Type, from: KSSTATE::Type) -> NTSTATUS {
    let stuck = cfg!(feature = "stuck-state") && from == KSSTATE::KSSTATE_RUN && to == KSSTATE::KSSTATE_PAUSE;
    if stuck { STATUS_UNSUCCESSFUL } else { STATUS_SUCCESS }
}

/// How much data the source says a frame of so many bytes has.
pub fn data_used(bytes: u32) -> u32 {
    if cfg!(feature = "long-data") { bytes + 1 } else { bytes }
}

/// How much of a whole frame the source writes into a buffer of so many bytes.
pub fn filled(room: u32, frame: u32) -> u32 {
    if cfg!(feature = "overrun") { frame } else { room.min(frame) }
}

/// Writes the rows of a picture once more, where the frame info says.
///
/// # Safety
///
/// A header as AVStream gives it, with all that belongs to it, and the frame's address.
pub unsafe fn write_rows(header: *const KSSTREAM_HEADER, data: *mut u8) {
    const ROW: usize = 16;
    if !cfg!(feature = "believes-pitch") {
        return;
    }
    // SAFETY: the caller's promise.
    let size = unsafe { (*header).Size } as usize;
    if size < size_of::<KSSTREAM_HEADER>() + size_of::<KS_FRAME_INFO>() {
        return;
    }
    let pitch = header.wrapping_add(1).wrapping_byte_add(KS_FRAME_INFO_SURFACE_PITCH_OFFSET).cast::<i32>();
    // SAFETY: behind the header there is as much as it says.
    let pitch = unsafe { pitch.read_unaligned() } as isize;
    for row in 0..ROW as isize {
        // SAFETY: none, for some pitches; that is the fault.
        unsafe { data.wrapping_offset(row * pitch).write_bytes(0x42, ROW) };
    }
}

/// The length that a property of so many bytes says it has.
pub fn information(bytes: usize) -> u64 {
    (if cfg!(feature = "wrong-information") { bytes - 4 } else { bytes }) as u64
}

/// The size of a frame in a format.
pub const fn sample_size(bytes: u32) -> u32 {
    if cfg!(feature = "no-sample-size") { 0 } else { bytes }
}

/// The frames and the alignment of the framing.
pub const fn framing() -> (u32, u32) {
    if cfg!(feature = "wrong-framing") { (0, 5) } else { (4, 0) }
}

/// The pins' category: none, or one that is nothing.
pub const CATEGORY: *const GUID =
    if cfg!(feature = "null-category") { &raw const NO_CATEGORY } else { core::ptr::null() };

static NO_CATEGORY: GUID = GUID_NULL;
