//! One enabled event: the `KSEVENT_ENTRY`, and how its client is told (R7.23, R7.24, R7.26).

use std::{
    collections::{BTreeMap, VecDeque},
    ptr::null_mut,
    sync::{Mutex, MutexGuard},
};

use ks_sys::{
    _POOL_TYPE::NonPagedPool, EVENT_MODIFY_STATE, HANDLE, KPRIORITY, KSEVENT_ENTRY, KSEVENT_ENTRY_BUFFERED,
    KSEVENT_ENTRY_DELETED, KSEVENT_ENTRY_ONESHOT, KSEVENT_ITEM, KSEVENT_SET, KSEVENTDATA, KSEVENTF_DPC,
    KSEVENTF_EVENT_HANDLE, KSEVENTF_EVENT_OBJECT, KSEVENTF_KSWORKITEM, KSEVENTF_SEMAPHORE_HANDLE,
    KSEVENTF_SEMAPHORE_OBJECT, KSEVENTF_WORKITEM, NTSTATUS, PFILE_OBJECT, PKDPC, PKSEVENT_ENTRY,
    PKSEVENTDATA, POBJECT_TYPE, PRKEVENT, PRKSEMAPHORE, PVOID, PWORK_QUEUE_ITEM, SEMAPHORE_MODIFY_STATE,
    STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL, STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER,
    STATUS_NO_MORE_ENTRIES, STATUS_SEMAPHORE_LIMIT_EXCEEDED, STATUS_SUCCESS, WORK_QUEUE_TYPE,
};

use super::{
    call::{EVENT_REMOVE, driver_call, driver_error},
    worker,
};
use crate::nt::{
    ExAllocatePoolWithTag, ExEventObjectType, ExFreePool, ExQueueWorkItem, ExSemaphoreObjectType,
    KERNEL_MODE, KeInsertQueueDpc, KeReadStateSemaphore, KeReleaseSemaphore, KeSetEvent, Machine,
    ObReferenceObjectByHandle, ObfDereferenceObject, trace, violation,
};

const TAG: u32 = u32::from_le_bytes(*b"KSev");
/// How many notifications a buffered event keeps. ASSUMED: some limit; the slots are "preallocated", no page says
/// how many.
const SLOTS: usize = 64;

/// How a client is told.
enum Notification {
    Event { event: PRKEVENT, increment: KPRIORITY, referenced: bool },
    Semaphore { semaphore: PRKSEMAPHORE, increment: KPRIORITY, adjustment: i32, referenced: bool },
    Dpc(PKDPC),
    WorkItem(PWORK_QUEUE_ITEM, WORK_QUEUE_TYPE),
    KsWorkItem(PWORK_QUEUE_ITEM, PVOID),
}

/// What AVStream keeps of an entry besides the public structure.
struct Private {
    notification: Notification,
    file: usize,
    object: &'static str,
    /// What a buffered event has not been asked for yet.
    waiting: VecDeque<Vec<u8>>,
}

#[derive(Default)]
struct Entries(Mutex<BTreeMap<usize, Private>>);

fn entries() -> MutexGuard<'static, BTreeMap<usize, Private>> {
    Machine::current().extension::<Entries>().0.lock().expect("never poisoned")
}

fn live(entry: PKSEVENT_ENTRY) {
    if !entries().contains_key(&(entry as usize)) {
        driver_error("KsInvalidEventEntry", "the pointer is no KSEVENT_ENTRY of an enabled event");
    }
}

/// Who enables an event, and which.
pub struct Enable {
    /// The file object of the client's handle.
    pub file: PFILE_OBJECT,
    /// The name of the object, for logs.
    pub object: &'static str,
    /// The mode of the request.
    pub mode: i8,
    /// Where the client's KSEVENTDATA lies: what identifies the event when it is disabled (R7.25).
    pub client: PKSEVENTDATA,
    /// `KSEVENT_TYPE_…`
    pub flags: u32,
    /// The event's set and item.
    pub set: *const KSEVENT_SET,
    /// As above.
    pub item: *const KSEVENT_ITEM,
}

impl Enable {
    /// Makes the entry; the client's objects are referenced. Errors: STATUS_INVALID_PARAMETER for a notification
    /// that does not exist, or not for that mode; those of the handles; STATUS_INSUFFICIENT_RESOURCES. Passive level.
    pub fn entry(&self, data: &KSEVENTDATA) -> Result<PKSEVENT_ENTRY, NTSTATUS> {
        let notification = self.notification(data)?;
        // SAFETY: the item lives as long as its object.
        let extra = unsafe { (*self.item).ExtraEntryData } as usize;
        let bytes = size_of::<KSEVENT_ENTRY>() + extra;
        // SAFETY: any size.
        let entry: PKSEVENT_ENTRY = unsafe { ExAllocatePoolWithTag(NonPagedPool, bytes as u64, TAG) }.cast();
        if entry.is_null() {
            notification.release();
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let mut flags = 0;
        if self.flags & ks_sys::KSEVENT_TYPE_ONESHOT != 0 {
            flags |= KSEVENT_ENTRY_ONESHOT;
        }
        if self.flags & ks_sys::KSEVENT_TYPE_ENABLEBUFFERED != 0 {
            flags |= KSEVENT_ENTRY_BUFFERED;
        }
        // SAFETY: the memory was just allocated.
        unsafe {
            entry.cast::<u8>().write_bytes(0, bytes);
            let public = &mut *entry;
            public.Object = notification.object();
            public.EventData = self.client;
            public.NotificationType = data.NotificationType;
            public.EventSet = self.set;
            public.EventItem = self.item;
            public.FileObject = self.file;
            public.Flags = flags;
            if let Notification::Semaphore { adjustment, .. } = notification {
                public.SemaphoreAdjustment = adjustment as u32;
            }
        }
        let (file, object) = (self.file as usize, self.object);
        let private = Private { notification, file, object, waiting: VecDeque::new() };
        entries().insert(entry as usize, private);
        Ok(entry)
    }

    fn notification(&self, data: &KSEVENTDATA) -> Result<Notification, NTSTATUS> {
        let form = &data.__bindgen_anon_1;
        // R7.23: what the kernel alone may use.
        let kernel_only = [
            KSEVENTF_EVENT_OBJECT,
            KSEVENTF_SEMAPHORE_OBJECT,
            KSEVENTF_DPC,
            KSEVENTF_WORKITEM,
            KSEVENTF_KSWORKITEM,
        ];
        if self.mode != KERNEL_MODE && kernel_only.contains(&data.NotificationType) {
            return Err(STATUS_INVALID_PARAMETER);
        }
        // ASSUMED: reserved members that are not zero, as the page wants them, are a wrong parameter.
        let zero = |reserved: bool| if reserved { Err(STATUS_INVALID_PARAMETER) } else { Ok(()) };
        // SAFETY: every bit pattern is a value of each of the forms.
        unsafe {
            Ok(match data.NotificationType {
                KSEVENTF_EVENT_HANDLE => {
                    zero(form.EventHandle.Reserved != [0, 0])?;
                    let handle = form.EventHandle.Event;
                    let event = self.referenced(handle, EVENT_MODIFY_STATE, ExEventObjectType())?.cast();
                    Notification::Event { event, increment: 0, referenced: true }
                }
                KSEVENTF_SEMAPHORE_HANDLE => {
                    zero(form.SemaphoreHandle.Reserved != 0)?;
                    let (handle, adjustment) =
                        (form.SemaphoreHandle.Semaphore, form.SemaphoreHandle.Adjustment);
                    zero(adjustment <= 0)?;
                    let semaphore =
                        self.referenced(handle, SEMAPHORE_MODIFY_STATE, ExSemaphoreObjectType())?.cast();
                    Notification::Semaphore { semaphore, increment: 0, adjustment, referenced: true }
                }
                KSEVENTF_EVENT_OBJECT => {
                    zero(form.EventObject.Reserved != 0)?;
                    let (event, increment) = (form.EventObject.Event.cast(), form.EventObject.Increment);
                    Notification::Event { event, increment, referenced: false }
                }
                KSEVENTF_SEMAPHORE_OBJECT => {
                    let form = form.SemaphoreObject;
                    zero(form.Adjustment <= 0)?;
                    let (increment, adjustment) = (form.Increment, form.Adjustment);
                    let semaphore = form.Semaphore.cast();
                    Notification::Semaphore { semaphore, increment, adjustment, referenced: false }
                }
                KSEVENTF_DPC => {
                    zero(form.Dpc.Reserved != 0)?;
                    Notification::Dpc(form.Dpc.Dpc)
                }
                KSEVENTF_WORKITEM => {
                    zero(form.WorkItem.Reserved != 0)?;
                    Notification::WorkItem(form.WorkItem.WorkQueueItem, form.WorkItem.WorkQueueType)
                }
                KSEVENTF_KSWORKITEM => {
                    Notification::KsWorkItem(form.KsWorkItem.WorkQueueItem, form.KsWorkItem.KsWorkerObject)
                }
                _ => return Err(STATUS_INVALID_PARAMETER),
            })
        }
    }

    /// The object of a client's handle, referenced.
    fn referenced(&self, handle: HANDLE, access: u32, kind: POBJECT_TYPE) -> Result<PVOID, NTSTATUS> {
        let mut body = null_mut();
        // SAFETY: the places are ours; any handle may be given.
        let status =
            unsafe { ObReferenceObjectByHandle(handle, access, kind, self.mode, &raw mut body, null_mut()) };
        if status < 0 { Err(status) } else { Ok(body) }
    }
}

impl Notification {
    fn object(&self) -> PVOID {
        match *self {
            Self::Event { event, .. } => event.cast(),
            Self::Semaphore { semaphore, .. } => semaphore.cast(),
            Self::Dpc(dpc) => dpc.cast(),
            Self::WorkItem(item, _) | Self::KsWorkItem(item, _) => item.cast(),
        }
    }

    fn release(&self) {
        if let Self::Event { referenced: true, .. } | Self::Semaphore { referenced: true, .. } = self {
            // SAFETY: referenced by `Enable::referenced`.
            unsafe { ObfDereferenceObject(self.object()) };
        }
    }
}

/// The bytes behind the public structure (`ExtraEntryData`).
///
/// # Safety
/// The item of the entry asked for as many.
pub unsafe fn extra<'a, T>(entry: PKSEVENT_ENTRY) -> &'a mut T {
    // SAFETY: the caller's promise; pool memory and the structure are aligned to 8.
    unsafe { &mut *entry.add(1).cast::<T>() }
}

/// Tells the client of an entry. Errors: STATUS_SEMAPHORE_LIMIT_EXCEEDED, STATUS_INSUFFICIENT_RESOURCES for a
/// buffered event whose slots are full. At most dispatch level.
///
/// # Safety
/// The entry is one of ours.
pub unsafe fn notify(entry: PKSEVENT_ENTRY, data: &[u8]) -> NTSTATUS {
    live(entry);
    let mut all = entries();
    let private = all.get_mut(&(entry as usize)).expect("checked above");
    // SAFETY: the entry lives.
    let (flags, client) = unsafe { ((*entry).Flags, (*entry).EventData) };
    if flags & KSEVENT_ENTRY_BUFFERED != 0 {
        if private.waiting.len() == SLOTS {
            return STATUS_INSUFFICIENT_RESOURCES;
        }
        private.waiting.push_back(data.to_vec());
        return STATUS_SUCCESS;
    }
    if trace::enabled() {
        // SAFETY: the item lives as long as its object.
        trace::event("event", private.object, format_args!("{}", unsafe { (*(*entry).EventItem).EventId }));
    }
    // SAFETY: the client's objects are referenced, or the kernel client's promise.
    unsafe {
        match private.notification {
            Notification::Event { event, increment, .. } => {
                KeSetEvent(event, increment, 0);
            }
            Notification::Semaphore { semaphore, increment, adjustment, .. } => {
                let new = KeReadStateSemaphore(semaphore).checked_add(adjustment);
                if new.is_none_or(|new| new > (*semaphore).Limit) {
                    return STATUS_SEMAPHORE_LIMIT_EXCEEDED;
                }
                KeReleaseSemaphore(semaphore, increment, adjustment, 0);
            }
            // ASSUMED: the DPC gets the client's KSEVENTDATA as its first argument, the second is NULL.
            Notification::Dpc(dpc) => {
                KeInsertQueueDpc(dpc, client.cast(), null_mut());
            }
            // ASSUMED: a work item that is still queued is not queued again.
            Notification::WorkItem(item, kind) => {
                if (*item).List.Flink.is_null() {
                    ExQueueWorkItem(item, kind);
                }
            }
            Notification::KsWorkItem(item, worker) => {
                return worker::KsQueueWorkItem(worker, item);
            }
        }
    }
    STATUS_SUCCESS
}

/// Tells the client of an entry and, if it is for one time only, removes it. The lock of its list is held.
///
/// # Safety
/// The entry is one of ours, and in a list.
pub unsafe fn generate(entry: PKSEVENT_ENTRY, data: &[u8]) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe {
        let status = notify(entry, data);
        if is_oneshot(entry) {
            unlink(entry);
            discard(entry);
        }
        status
    }
}

/// The next notification that a buffered event keeps, into `place`. The second value is its length.
/// `STATUS_NO_MORE_ENTRIES` when there is none: ASSUMED.
pub fn next_buffered(entry: PKSEVENT_ENTRY, place: &mut [u8]) -> (NTSTATUS, usize) {
    let mut all = entries();
    let Some(private) = all.get_mut(&(entry as usize)) else { return (STATUS_NO_MORE_ENTRIES, 0) };
    let Some(next) = private.waiting.front() else { return (STATUS_NO_MORE_ENTRIES, 0) };
    let length = next.len();
    if place.is_empty() && length > 0 {
        return (STATUS_BUFFER_OVERFLOW, length);
    }
    let Some(place) = place.get_mut(..length) else { return (STATUS_BUFFER_TOO_SMALL, 0) };
    place.copy_from_slice(next);
    private.waiting.pop_front();
    (STATUS_SUCCESS, length)
}

/// Whether the entry ends with its first notification.
///
/// # Safety
/// The entry is one of ours.
pub unsafe fn is_oneshot(entry: PKSEVENT_ENTRY) -> bool {
    // SAFETY: the caller's promise.
    unsafe { (*entry).Flags & KSEVENT_ENTRY_ONESHOT != 0 }
}

/// Marks an entry as gone and takes it out of the list that it is in: its remove handler does so, if it has one.
/// The list's lock is held.
///
/// # Safety
/// The entry is one of ours, and in a list.
pub unsafe fn unlink(entry: PKSEVENT_ENTRY) {
    live(entry);
    // SAFETY: the caller's promise.
    let (handler, file) = unsafe {
        (*entry).Flags |= KSEVENT_ENTRY_DELETED;
        ((*(*entry).EventItem).RemoveHandler, (*entry).FileObject)
    };
    match handler {
        Some(handler) => {
            let object = entries().get(&(entry as usize)).map_or("", |private| private.object);
            // SAFETY: the driver's handler with its own entry.
            driver_call(EVENT_REMOVE, object, || unsafe { handler(file, entry) });
        }
        // SAFETY: the entry is in a list.
        None => unsafe {
            crate::nt::RemoveEntryList(&raw mut (*entry).ListEntry);
        },
    }
}

/// The remove handler left the entry in the list (R7.24): a violation, mended.
///
/// # Safety
/// The entry is in a list, whose lock is held.
pub unsafe fn not_unlinked(entry: PKSEVENT_ENTRY) {
    let object = entries().get(&(entry as usize)).map_or("", |private| private.object);
    let message = "the remove handler did not unlink EventEntry->ListEntry";
    violation::report("KsRemoveEvent", 0, object, message);
    // SAFETY: the caller's promise.
    unsafe { crate::nt::RemoveEntryList(&raw mut (*entry).ListEntry) };
}

/// Frees an entry that is in no list. At most dispatch level.
///
/// # Safety
/// Nobody uses the entry any more.
pub unsafe fn discard(entry: PKSEVENT_ENTRY) {
    live(entry);
    let private = entries().remove(&(entry as usize));
    if let Some(private) = private {
        private.notification.release();
    }
    // SAFETY: allocated by `Enable::entry`.
    unsafe { ExFreePool(entry.cast()) };
}

/// The client's handle is closed: entries of it that are still alive are the driver's leak, for only what a minidriver
/// kept in a list of its own is left. They stay where they are.
pub fn report_left(file: PFILE_OBJECT, name: &str) {
    let mut all = entries();
    let left = all.values().filter(|private| private.file == file as usize).count();
    all.values_mut().filter(|private| private.file == file as usize).for_each(|private| private.file = 0);
    drop(all);
    if left > 0 {
        let message = format!("{left} event(s) left that the driver had added to a list of its own");
        violation::report("KsEventLeft", 0, name, message);
    }
}

/// How many events are enabled.
pub fn count() -> usize {
    entries().len()
}
