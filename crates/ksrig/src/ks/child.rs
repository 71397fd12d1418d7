//! What is opened on a filter or a pin and is no AVStream object: clocks, allocators, topology nodes.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use ks_sys::{NTSTATUS, PFILE_OBJECT, PIRP, PVOID, STATUS_SUCCESS};

use super::{allocator::Allocator, irp, object::Object, subject::Subject};
use crate::nt::{Machine, ObfDereferenceObject, ObfReferenceObject, complete, trace};

/// Which of the three.
pub enum What {
    /// A handle to the clock of the pin (R7.2).
    Clock,
    /// An allocator of the pin (R7.9).
    Allocator(Allocator),
    /// A topology node of the filter, by its number (R7.35).
    Node(u32),
}

/// One of them: a file object with its own requests, whose parent stays as long as it does.
pub struct Child {
    name: String,
    file: PFILE_OBJECT,
    parent: Object,
    /// What it is.
    pub what: What,
}

// SAFETY: the file object lives as long as the child, and what can change is locked.
unsafe impl Sync for Child {}
// SAFETY: as above.
unsafe impl Send for Child {}

#[derive(Default)]
struct Children {
    live: Mutex<BTreeMap<usize, &'static Child>>,
    made: AtomicU32,
}

fn children() -> &'static Children {
    Machine::current().extension::<Children>()
}

impl Child {
    /// The child behind a file object's context.
    pub fn of_context(context: PVOID) -> Option<&'static Self> {
        children().live.lock().expect("never poisoned").get(&(context as usize)).copied()
    }

    /// How many there are.
    pub fn count() -> usize {
        children().live.lock().expect("never poisoned").len()
    }

    /// Opens it: the create request succeeds. The parent's file object is referenced, so that the parent is closed
    /// after its children (as a filter is after its pins, R2.3).
    pub fn open(irp: PIRP, parent: Object, what: What) -> NTSTATUS {
        let file = irp::file_object(irp);
        let word = match what {
            What::Clock => "clock",
            What::Allocator(_) => "allocator",
            What::Node(_) => "node",
        };
        let number = children().made.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{word} {number} of {}", parent.name());
        let child: &'static Self = Box::leak(Box::new(Self { name, file, parent, what }));
        children().live.lock().expect("never poisoned").insert(child.context() as usize, child);
        // SAFETY: the file object of a create request is the driver's to set up; the parent's lives.
        unsafe {
            (*file).FsContext = child.context();
            ObfReferenceObject(parent_file(parent).cast());
        }
        trace::event("child_open", &child.name, "");
        // SAFETY: the request is ours.
        unsafe { complete(irp, STATUS_SUCCESS, 0) }
    }

    /// Closes it (IRP_MJ_CLOSE) and completes the request. Passive level, no mutex held.
    pub fn close(&'static self, irp: PIRP) -> NTSTATUS {
        Subject::Child(self).events().free(self.file);
        super::event_entry::report_left(self.file, &self.name);
        if let What::Allocator(allocator) = &self.what {
            allocator.end(&self.name);
        }
        trace::event("child_close", &self.name, "");
        children().live.lock().expect("never poisoned").remove(&(self.context() as usize));
        let parent = parent_file(self.parent);
        // SAFETY: leaked in `open`; the list no longer has it.
        let child = unsafe { Box::from_raw(std::ptr::from_ref(self).cast_mut()) };
        // SAFETY: the file object lives as long as the request on it; the reference to the parent's is of `open`.
        unsafe {
            (*child.file).FsContext = std::ptr::null_mut();
            drop(child);
            ObfDereferenceObject(parent.cast());
            complete(irp, STATUS_SUCCESS, 0)
        }
    }

    fn context(&self) -> PVOID {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Its name in logs.
    pub fn name(&self) -> &'static str {
        // SAFETY: the name lives as long as the child, which outlives whoever asks for its name.
        unsafe { &*std::ptr::from_ref(self.name.as_str()) }
    }

    /// The filter or pin that it was opened on.
    pub fn parent(&self) -> Object {
        self.parent
    }

    /// Its file object.
    pub fn file_object(&self) -> PFILE_OBJECT {
        self.file
    }
}

fn parent_file(parent: Object) -> PFILE_OBJECT {
    match parent {
        Object::Filter(filter) => filter.file_object(),
        Object::Pin(pin) => pin.file_object(),
        Object::Device(_) | Object::Factory(_) => unreachable!("nothing is opened on devices and factories"),
    }
}
