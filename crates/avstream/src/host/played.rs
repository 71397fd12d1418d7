//! Memory, locks, events and stream pointers, for tests.

#![allow(clippy::undocumented_unsafe_blocks, clippy::multiple_unsafe_ops_per_block)]

use std::{
    alloc::Layout,
    boxed::Box,
    cell::{Cell, RefCell},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
    thread, thread_local,
    vec::Vec,
};

use ks_sys::{_KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation, *};

/// What an allocation begins with: its size.
const HEADER: usize = 16;

pub unsafe fn ExAllocatePoolWithTag(_: POOL_TYPE, size: SIZE_T, _: ULONG) -> PVOID {
    let layout = Layout::from_size_align(size as usize + HEADER, HEADER).unwrap();
    let memory = unsafe { std::alloc::alloc(layout) };
    unsafe { memory.cast::<Layout>().write(layout) };
    unsafe { memory.add(HEADER) }.cast()
}

pub unsafe fn ExFreePoolWithTag(memory: PVOID, _: ULONG) {
    let memory = unsafe { memory.cast::<u8>().sub(HEADER) };
    let layout = unsafe { memory.cast::<Layout>().read() };
    unsafe { std::alloc::dealloc(memory, layout) };
}

pub unsafe fn KeAcquireSpinLockRaiseToDpc(lock: PKSPIN_LOCK) -> KIRQL {
    let lock = unsafe { AtomicU64::from_ptr(lock) };
    while lock.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_err() {
        thread::yield_now();
    }
    0
}

pub unsafe fn KeReleaseSpinLock(lock: PKSPIN_LOCK, _: KIRQL) {
    unsafe { AtomicU64::from_ptr(lock) }.store(0, Ordering::Release);
}

unsafe fn signal<'a>(event: PRKEVENT) -> &'a AtomicI32 {
    unsafe { AtomicI32::from_ptr(&raw mut (*event).Header.SignalState) }
}

pub unsafe fn KeInitializeEvent(event: PRKEVENT, _: EVENT_TYPE, state: BOOLEAN) {
    unsafe { signal(event) }.store(state.into(), Ordering::SeqCst);
}

pub unsafe fn KeSetEvent(event: PRKEVENT, _: KPRIORITY, _: BOOLEAN) -> LONG {
    unsafe { signal(event) }.swap(1, Ordering::SeqCst)
}

pub unsafe fn KeClearEvent(event: PRKEVENT) {
    unsafe { signal(event) }.store(0, Ordering::SeqCst);
}

pub unsafe fn KeWaitForSingleObject(
    object: PVOID,
    _: KWAIT_REASON,
    _: KPROCESSOR_MODE,
    _: BOOLEAN,
    _: PLARGE_INTEGER,
) -> NTSTATUS {
    while unsafe { signal(object.cast()) }.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    STATUS_SUCCESS
}

/// A stream pointer and the frame it refers to, in one.
#[repr(C)]
struct Pointer {
    raw: KSSTREAM_POINTER,
    context: u64,
    data: [u8; 8],
    callback: PFNKSSTREAMPOINTER,
    is_locked: bool,
    /// To be cancelled when it is unlocked.
    is_pending: bool,
    is_cancelled: bool,
}

/// The clones that there are.
static QUEUE: Mutex<Vec<usize>> = Mutex::new(Vec::new());
static CLONED: AtomicU64 = AtomicU64::new(0);
static DELETED: AtomicU64 = AtomicU64::new(0);
/// What the next frames hold.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The queue, while this thread is in a cancel callback.
    static HELD: Cell<*mut Vec<usize>> = const { Cell::new(std::ptr::null_mut()) };
}

/// With the queue's spin lock, which a cancel callback is called with.
fn with<R>(action: impl FnOnce(&mut Vec<usize>) -> R) -> R {
    let held = HELD.get();
    if !held.is_null() {
        return action(unsafe { &mut *held });
    }
    let mut guard = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
    let queue: *mut Vec<usize> = &raw mut *guard;
    action(unsafe { &mut *queue })
}

fn live<'a>(queue: &[usize], pointer: PKSSTREAM_POINTER) -> &'a mut Pointer {
    assert!(queue.contains(&pointer.expose_provenance()), "not a live clone");
    unsafe { &mut *pointer.cast::<Pointer>() }
}

fn call_back(queue: &mut Vec<usize>, pointer: &mut Pointer) {
    pointer.is_cancelled = true;
    let (callback, raw) = (pointer.callback.unwrap(), &raw mut pointer.raw);
    HELD.set(queue);
    unsafe { callback(raw) };
    HELD.set(std::ptr::null_mut());
}

fn boxed(pin: PKSPIN, data: [u8; 8], callback: PFNKSSTREAMPOINTER) -> *mut Pointer {
    let pointer = Box::into_raw(Box::new(Pointer {
        raw: unsafe { std::mem::zeroed() },
        context: 0,
        data,
        callback,
        is_locked: true,
        is_pending: false,
        is_cancelled: false,
    }));
    unsafe {
        (*pointer).raw.Pin = pin;
        (*pointer).raw.Context = (&raw mut (*pointer).context).cast();
        (*pointer).raw.OffsetIn.__bindgen_anon_1.Data = (&raw mut (*pointer).data).cast();
        (*pointer).raw.OffsetIn.Remaining = 8;
    }
    pointer
}

/// A leading edge with a frame that holds its number.
pub unsafe fn KsPinGetLeadingEdgeStreamPointer(
    pin: PKSPIN,
    _: KSSTREAM_POINTER_STATE::Type,
) -> PKSSTREAM_POINTER {
    boxed(pin, NEXT.fetch_add(1, Ordering::SeqCst).to_le_bytes(), None).cast()
}

pub unsafe fn KsStreamPointerAdvanceOffsetsAndUnlock(
    edge: PKSSTREAM_POINTER,
    _: ULONG,
    _: ULONG,
    _: BOOLEAN,
) {
    drop(unsafe { Box::from_raw(edge.cast::<Pointer>()) });
}

pub unsafe fn KsStreamPointerClone(
    edge: PKSSTREAM_POINTER,
    callback: PFNKSSTREAMPOINTER,
    _: ULONG,
    clone: *mut PKSSTREAM_POINTER,
) -> NTSTATUS {
    let edge = unsafe { &*edge.cast::<Pointer>() };
    let pointer = boxed(edge.raw.Pin, edge.data, callback);
    with(|queue| queue.push(pointer.expose_provenance()));
    CLONED.fetch_add(1, Ordering::SeqCst);
    unsafe { clone.write(pointer.cast()) };
    STATUS_SUCCESS
}

pub unsafe fn KsStreamPointerLock(pointer: PKSSTREAM_POINTER) -> NTSTATUS {
    with(|queue| {
        let pointer = live(queue, pointer);
        assert!(!pointer.is_locked, "locked twice");
        if pointer.is_cancelled {
            return STATUS_DEVICE_NOT_READY;
        }
        pointer.is_locked = true;
        STATUS_SUCCESS
    })
}

pub unsafe fn KsStreamPointerUnlock(pointer: PKSSTREAM_POINTER, _: BOOLEAN) {
    with(|queue| {
        let pointer = live(queue, pointer);
        assert!(pointer.is_locked, "unlocked twice");
        pointer.is_locked = false;
        if pointer.is_pending {
            let address = (&raw const *pointer).expose_provenance();
            call_back(queue, pointer);
            assert!(!queue.contains(&address), "the cancel callback has left its clone (R6.24)");
        }
    });
}

pub unsafe fn KsStreamPointerDelete(pointer: PKSSTREAM_POINTER) {
    with(|queue| {
        live(queue, pointer).data = [0xDD; 8];
        queue.retain(|live| *live != pointer.expose_provenance());
    });
    DELETED.fetch_add(1, Ordering::SeqCst);
    drop(unsafe { Box::from_raw(pointer.cast::<Pointer>()) });
}

/// Cancels one of the clones.
pub fn cancel(which: usize) {
    with(|queue| {
        let Some(index) = which.checked_rem(queue.len()) else { return };
        let pointer = unsafe { &mut *std::ptr::with_exposed_provenance_mut::<Pointer>(queue[index]) };
        if pointer.is_cancelled {
            return;
        }
        if pointer.is_locked {
            pointer.is_pending = true;
        } else {
            call_back(queue, pointer);
        }
    });
}

thread_local! {
    /// The filter that this thread's requests are for.
    static FILTER: Cell<PKSFILTER> = const { Cell::new(std::ptr::null_mut()) };
}

/// Requests of this thread are for that filter from now on.
pub fn requests_are_for(filter: PKSFILTER) {
    FILTER.set(filter);
}

pub unsafe fn KsGetFilterFromIrp(_: PIRP) -> PKSFILTER {
    FILTER.get()
}

/// The events that were generated: object and number.
static EVENTS: Mutex<Vec<(usize, ULONG)>> = Mutex::new(Vec::new());

pub unsafe fn KsGenerateEvents(
    object: PVOID,
    _: *const GUID,
    id: ULONG,
    _: ULONG,
    _: PVOID,
    _: PFNKSGENERATEEVENTCALLBACK,
    _: PVOID,
) {
    EVENTS.lock().unwrap_or_else(PoisonError::into_inner).push((object.expose_provenance(), id));
}

/// The events that were generated since the last call.
pub fn take_events() -> Vec<(usize, ULONG)> {
    core::mem::take(&mut *EVENTS.lock().unwrap_or_else(PoisonError::into_inner))
}

/// For one test at a time.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The clones that were made and that were deleted.
pub fn counts() -> (u64, u64) {
    (CLONED.load(Ordering::SeqCst), DELETED.load(Ordering::SeqCst))
}

/// A value of the registry: name, type, data.
type Value = (Vec<u16>, ULONG, Vec<u8>);

thread_local! {
    /// Those of this thread's only key.
    static VALUES: RefCell<Vec<Value>> = const { RefCell::new(Vec::new()) };
}

unsafe fn text(name: PUNICODE_STRING) -> Vec<u16> {
    let name = unsafe { &*name };
    unsafe { std::slice::from_raw_parts(name.Buffer, usize::from(name.Length) / 2) }.to_vec()
}

pub unsafe fn ZwClose(_: HANDLE) -> NTSTATUS {
    STATUS_SUCCESS
}

pub unsafe fn ZwSetValueKey(
    _: HANDLE,
    name: PUNICODE_STRING,
    _: ULONG,
    kind: ULONG,
    data: PVOID,
    size: ULONG,
) -> NTSTATUS {
    let data = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size as usize) }.to_vec();
    let name = unsafe { text(name) };
    VALUES.with_borrow_mut(|values| {
        values.retain(|(other, ..)| *other != name);
        values.push((name, kind, data));
    });
    STATUS_SUCCESS
}

pub unsafe fn ZwDeleteValueKey(_: HANDLE, name: PUNICODE_STRING) -> NTSTATUS {
    let name = unsafe { text(name) };
    VALUES.with_borrow_mut(|values| {
        let count = values.len();
        values.retain(|(other, ..)| *other != name);
        if values.len() < count { STATUS_SUCCESS } else { STATUS_OBJECT_NAME_NOT_FOUND }
    })
}

pub unsafe fn ZwQueryValueKey(
    _: HANDLE,
    name: PUNICODE_STRING,
    class: KEY_VALUE_INFORMATION_CLASS,
    place: PVOID,
    room: ULONG,
    size: PULONG,
) -> NTSTATUS {
    assert_eq!(class, KeyValuePartialInformation);
    let name = unsafe { text(name) };
    VALUES.with_borrow(|values| {
        let Some((_, kind, data)) = values.iter().find(|(other, ..)| *other == name) else {
            return STATUS_OBJECT_NAME_NOT_FOUND;
        };
        let numbers = [0, *kind, data.len() as u32].map(u32::to_le_bytes);
        let bytes = [numbers.as_flattened(), data].concat();
        unsafe { *size = bytes.len() as u32 };
        let fits = bytes.len() <= room as usize;
        let count = bytes.len().min(room as usize);
        unsafe { place.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), count) };
        if fits { STATUS_SUCCESS } else { STATUS_BUFFER_OVERFLOW }
    })
}
