//! What stands between the driver and an export, and the block that GS points to.
//!
//! An entry of the import address table holds the address of a stub. The stub notes in the thread's block
//! which import is called and where the driver was (stack pointer and non-volatile registers), then jumps to
//! the export's thunk with every argument register untouched. On x64 the kernel keeps its processor block
//! (KPCR) at GS; user-mode Linux uses FS and leaves GS free.

use std::arch::asm;
use std::cell::Cell;
use std::io;
use std::mem::offset_of;

use super::memory::Mapping;

/// The non-volatile registers of the x64 calling convention in their numbering: rbx, rbp, rsi, rdi, r12 to r15.
const NON_VOLATILE: [u8; 8] = [3, 5, 6, 7, 12, 13, 14, 15];
/// The first of the non-volatile vector registers, xmm6 to xmm15.
pub const NON_VOLATILE_XMM: usize = 6;

/// The block at GS: as much of a KPCR as inlined code looks at, then what the stubs note.
///
/// Offsets in the KPCR: `NtTib.Self` of the `_KPCR` 0x18, `CurrentPrcb` 0x20, `Irql` 0x50 (stale on real
/// machines, where CR8 has it), `Prcb` 0x180, `Prcb.CurrentThread` 0x188.
#[repr(C, align(4096))]
pub struct PerThread {
    kpcr: [u64; 512],
    /// The driver's stack pointer at its last call of an import: it points to the return address.
    pub driver_rsp: u64,
    /// The general registers at that moment, by number; volatile ones are stale.
    pub registers: [u64; 16],
    /// xmm6 to xmm15 at that moment.
    pub vectors: [u128; 10],
    /// The `tag` of the import that was called last.
    pub tag: u32,
    /// Where [`step_back`] returns to.
    back: u64,
}

/// The tag of functions that are as the driver's own code.
pub const OPEN: u32 = u32::MAX;
/// The tag of a call that was taken.
const TAKEN: u32 = OPEN - 1;

/// What the stubs noted: saved and restored around a callback into the driver.
#[derive(Clone, Copy, Default)]
pub struct Noted {
    /// See [`PerThread::driver_rsp`].
    pub driver_rsp: u64,
    /// See [`PerThread::registers`].
    pub registers: [u64; 16],
    /// See [`PerThread::vectors`].
    pub vectors: [u128; 10],
    /// See [`PerThread::tag`].
    pub tag: u32,
}

thread_local! {
    static BLOCK: Cell<*mut PerThread> = const { Cell::new(std::ptr::null_mut()) };
}

impl PerThread {
    /// This thread's block; null when [`install_for_thread`] has not run.
    pub fn current() -> *mut Self {
        BLOCK.get()
    }

    /// Stores the value that `mov reg, gs:[188h]` reads: the current thread object.
    pub fn set_current_thread(thread: u64) {
        let block = Self::current();
        if !block.is_null() {
            // SAFETY: the block belongs to this thread and stays until the thread ends.
            unsafe { (*block).kpcr[0x188 / 8] = thread };
        }
    }

    /// Where the return address lies of the call that a stub has noted last; none when it was taken already, or is one of an
    /// [`OPEN`] function. For a thread with a block: it is asked at each call.
    #[inline]
    pub fn take_call() -> Option<usize> {
        let (tag, place): (u32, usize);
        // SAFETY: reads the block that GS points to.
        unsafe {
            asm!(
                "mov {tag:e}, gs:[{tag_at}]", "mov {place}, gs:[{place_at}]",
                tag = out(reg) tag, place = out(reg) place,
                tag_at = const offset_of!(Self, tag), place_at = const offset_of!(Self, driver_rsp),
                options(nostack, readonly, preserves_flags),
            );
        }
        if tag >= TAKEN {
            return None;
        }
        // SAFETY: only this thread and its stubs write to the block.
        unsafe {
            asm!(
                "mov dword ptr gs:[{tag_at}], {taken:e}",
                tag_at = const offset_of!(Self, tag), taken = in(reg) TAKEN,
                options(nostack, preserves_flags),
            );
        }
        Some(place)
    }

    /// What the stubs noted last; zeros on a thread without a block.
    pub fn noted() -> Noted {
        let block = Self::current();
        if block.is_null() {
            return Noted::default();
        }
        // SAFETY: the block belongs to this thread; only this thread's stubs write to it.
        unsafe {
            let PerThread { driver_rsp, registers, vectors, tag, .. } = *block;
            Noted { driver_rsp, registers, vectors, tag }
        }
    }

    /// Puts back what [`PerThread::noted`] gave, when a callback has returned.
    pub fn restore(noted: &Noted) {
        let block = Self::current();
        if !block.is_null() {
            // SAFETY: as in `noted`.
            unsafe {
                (*block).driver_rsp = noted.driver_rsp;
                (*block).registers = noted.registers;
                (*block).vectors = noted.vectors;
                (*block).tag = noted.tag;
            }
        }
    }
}

/// Returns to the driver with the trap flag set, and all else as it is.
#[unsafe(naked)]
unsafe extern "C" fn step_back() {
    core::arch::naked_asm!(
        "push qword ptr gs:[{back}]",
        "pushfq",
        "or qword ptr [rsp], 0x100",
        "popfq",
        "ret",
        back = const offset_of!(PerThread, back),
    )
}

/// An import will return with the trap flag set, if it returns to where `is_driver` says that a driver is.
///
/// # Safety
/// `place` came from [`PerThread::take_call`] at the beginning of that call, which the thread is still in and which calls
/// nothing of a driver's any more; and the thread's signal handlers have a stack of their own.
pub unsafe fn return_stepping(place: usize, is_driver: impl Fn(usize) -> bool) {
    let block = PerThread::current();
    let place = place as *mut u64;
    // SAFETY: the caller's promise: the return address lies there.
    let back = unsafe { place.read() };
    if block.is_null() || !is_driver(back as usize) {
        return;
    }
    // SAFETY: the block is this thread's.
    unsafe { (*block).back = back };
    // SAFETY: as for the reading.
    unsafe { place.write(step_back as *const () as u64) };
}

struct Installed(#[allow(dead_code, reason = "frees the block when the thread ends")] Box<PerThread>);

impl Drop for Installed {
    fn drop(&mut self) {
        BLOCK.set(std::ptr::null_mut());
        set_gs(0);
    }
}

thread_local! {
    static INSTALLED: Cell<Option<Installed>> = const { Cell::new(None) };
}

fn set_gs(address: u64) {
    const ARCH_SET_GS: i32 = 0x1001;
    // SAFETY: glibc and Rust use FS only; nothing on this thread but driver code and the stubs uses GS.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_SET_GS, address) };
}

/// Gives this thread its block, if it has none. A thread needs it before it runs driver code.
pub fn install_for_thread() {
    if !PerThread::current().is_null() {
        return;
    }
    let mut block = Box::new(PerThread {
        kpcr: [0; 512],
        driver_rsp: 0,
        registers: [0; 16],
        vectors: [0; 10],
        tag: TAKEN,
        back: 0,
    });
    let address = &raw mut *block;
    block.kpcr[0x18 / 8] = address as u64;
    block.kpcr[0x20 / 8] = address as u64 + 0x180;
    BLOCK.set(address);
    set_gs(address as u64);
    INSTALLED.set(Some(Installed(block)));
}

/// The stubs of one image.
pub(super) struct Stubs {
    code: Vec<u8>,
    common: usize,
}

const STUB: usize = 32;

impl Stubs {
    /// Space for `count` stubs.
    pub fn new() -> Self {
        let mut code = Vec::new();
        let rsp = offset_of!(PerThread, driver_rsp) as u32;
        code.extend([0x65, 0x48, 0x89, 0x24, 0x25]); // mov gs:[driver_rsp], rsp
        code.extend(rsp.to_le_bytes());
        for register in NON_VOLATILE {
            let at = offset_of!(PerThread, registers) as u32 + 8 * u32::from(register);
            let rex = 0x48 | (register >> 3) << 2;
            code.extend([0x65, rex, 0x89, 0x04 | (register & 7) << 3, 0x25]); // mov gs:[at], register
            code.extend(at.to_le_bytes());
        }
        for register in NON_VOLATILE_XMM as u8..16 {
            let at =
                offset_of!(PerThread, vectors) as u32 + 16 * u32::from(register - NON_VOLATILE_XMM as u8);
            code.push(0x65); // movaps gs:[at], register
            code.extend((register >= 8).then_some(0x44));
            code.extend([0x0f, 0x29, 0x04 | (register & 7) << 3, 0x25]);
            code.extend(at.to_le_bytes());
        }
        code.extend([0x41, 0xff, 0xe3]); // jmp r11
        code.resize(code.len().next_multiple_of(STUB), 0xcc);
        Self { code, common: 0 }
    }

    /// Adds a stub; its offset in the stubs' memory.
    pub fn push(&mut self, thunk: usize, tag: u32) -> usize {
        let at = self.code.len();
        self.code.extend([0x65, 0xc7, 0x04, 0x25]); // mov dword gs:[tag], imm32
        self.code.extend((offset_of!(PerThread, tag) as u32).to_le_bytes());
        self.code.extend(tag.to_le_bytes());
        self.code.extend([0x49, 0xbb]); // mov r11, imm64: neither an argument nor preserved
        self.code.extend((thunk as u64).to_le_bytes());
        let next = self.code.len() + 5;
        self.code.push(0xe9); // jmp common
        self.code.extend((self.common as i32 - next as i32).to_le_bytes());
        self.code.resize(at + STUB, 0xcc);
        at
    }

    /// Maps the stubs, readable and executable.
    pub fn map(self) -> io::Result<Mapping> {
        let mut mapping = Mapping::new(self.code.len())?;
        mapping.write(0, &self.code);
        mapping.protect(0, self.code.len(), libc::PROT_READ | libc::PROT_EXEC)?;
        Ok(mapping)
    }
}

/// Code that calls a thunk through a stub, as a driver calls an import: to measure what a call costs.
pub struct Caller {
    code: Mapping,
    _stubs: Mapping,
}

impl Caller {
    /// Makes the code.
    pub fn new(thunk: usize) -> io::Result<Self> {
        let mut stubs = Stubs::new();
        let at = stubs.push(thunk, 0);
        let stubs = stubs.map()?;
        let mut code = vec![0x53, 0x56, 0x48, 0x83, 0xec, 0x28]; // push rbx; push rsi; sub rsp, 28h
        code.extend([0x89, 0xcb, 0x48, 0xbe]); // mov ebx, ecx; mov rsi, stub
        code.extend(((stubs.base() + at) as u64).to_le_bytes());
        code.extend([0xff, 0xd6, 0xff, 0xcb, 0x75, 0xfa]); // again: call rsi; dec ebx; jnz again
        code.extend([0x48, 0x83, 0xc4, 0x28, 0x5e, 0x5b, 0xc3]); // add rsp, 28h; pop rsi; pop rbx; ret
        let mut mapping = Mapping::new(code.len())?;
        mapping.write(0, &code);
        mapping.protect(0, code.len(), libc::PROT_READ | libc::PROT_EXEC)?;
        Ok(Self { code: mapping, _stubs: stubs })
    }

    /// Calls it so many times, once at least. The thread has its block.
    ///
    /// # Safety
    /// The thunk takes no argument and may be called here.
    pub unsafe fn call(&self, times: u32) {
        // SAFETY: the code above is a function of this type.
        unsafe {
            let code: unsafe extern "win64" fn(u32) = std::mem::transmute(self.code.base());
            code(times.max(1));
        }
    }
}
