//! Pin types, nodes and connections that are added to one filter instance (R7.34).
//!
//! The filter's descriptor is shared by all instances and may be read-only: the first addition makes a copy, and each
//! addition a new table. Former tables stay until the filter ends, for pins still refer to them.

use ks_sys::{
    KSFILTER_DESCRIPTOR, KSNODE_DESCRIPTOR, KSPIN_DESCRIPTOR_EX, KSTOPOLOGY_CONNECTION, NTSTATUS, PKSFILTER,
    STATUS_INSUFFICIENT_RESOURCES, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use super::{bag, descriptor, inputs, mutex, object::Filter};
use crate::nt::{pool, trace, violation};

const TAG: u32 = u32::from_le_bytes(*b"KSfe");

/// The memory of what was added to.
#[derive(Default)]
pub struct Edits {
    descriptor: Option<Box<KSFILTER_DESCRIPTOR>>,
    tables: Vec<Box<[u64]>>,
}

// SAFETY: plain memory; the pointers in it are the driver's.
unsafe impl Send for Edits {}

/// A table of the descriptor: where it is, how many entries it has, and how far they are apart.
struct Table {
    first: *const u8,
    count: u32,
    stride: usize,
}

impl Edits {
    /// The descriptor of the filter as one that may be changed.
    fn descriptor(&mut self, filter: &Filter) -> *mut KSFILTER_DESCRIPTOR {
        // SAFETY: the public structure lives as long as the filter; the control mutex is held.
        let ks = unsafe { &mut *filter.ks() };
        let own = self.descriptor.as_deref().map_or(std::ptr::null(), std::ptr::from_ref);
        // A driver that used KsEdit has a private copy already.
        if ks.Descriptor != own && !bag::holds(ks.Bag, ks.Descriptor.cast_mut().cast()) {
            // SAFETY: the descriptor lives as long as the filter.
            let copy = self.descriptor.insert(Box::new(unsafe { *ks.Descriptor }));
            ks.Descriptor = std::ptr::from_ref(&**copy);
        }
        ks.Descriptor.cast_mut()
    }

    /// A copy of a table with `items` behind it, each of `size` bytes.
    fn append(
        &mut self,
        table: &Table,
        items: *const u8,
        size: usize,
        more: u32,
    ) -> Result<*const u8, NTSTATUS> {
        let old = table.count as usize * table.stride;
        let bytes = old + more as usize * table.stride;
        if pool::fails_now(bytes, TAG) {
            return Err(STATUS_INSUFFICIENT_RESOURCES);
        }
        let mut memory = vec![0_u64; bytes.div_ceil(8)].into_boxed_slice();
        let to = memory.as_mut_ptr().cast::<u8>();
        // SAFETY: the driver's tables have that many entries, and the memory is large enough for all.
        unsafe {
            std::ptr::copy_nonoverlapping(table.first, to, old);
            for index in 0..more as usize {
                std::ptr::copy_nonoverlapping(
                    items.add(index * size),
                    to.add(old + index * table.stride),
                    size,
                );
            }
        }
        self.tables.push(memory);
        Ok(to)
    }
}

/// Finds the filter; without its control mutex there is a diagnostic, and the call goes on.
fn subject(filter: PKSFILTER, call: &str) -> &'static Filter {
    let filter = Filter::of(filter);
    if !filter.control().held_by_current_thread() {
        let message = format_args!("{call} without the filter control mutex (R7.34)");
        violation::report(mutex::CONTROL.name, 0, filter.name(), message);
    }
    filter
}

fn answer(id: Result<u32, NTSTATUS>, place: *mut u32) -> NTSTATUS {
    match id {
        Ok(id) => {
            if !place.is_null() {
                // SAFETY: the caller's place.
                unsafe { *place = id };
            }
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}

/// `KsFilterCreatePinFactory`: a new pin type on one filter instance; its id is the number of pin types so far.
/// Passive level, the filter control mutex held.
///
/// # Safety
/// The descriptor, and what it refers to, lives as long as the filter; `PinID` is a place for the id.
pub unsafe fn KsFilterCreatePinFactory(
    Filter: PKSFILTER,
    PinDescriptor: *const KSPIN_DESCRIPTOR_EX,
    PinID: *mut u32,
) -> NTSTATUS {
    let filter = subject(Filter, "KsFilterCreatePinFactory");
    // SAFETY: the caller's descriptor.
    let Some(pin) = (unsafe { PinDescriptor.as_ref() }) else { return STATUS_INVALID_PARAMETER };
    if let Err(message) = descriptor::check_pin(pin, filter.is_centric()) {
        violation::report("KsDescriptor", 0, filter.name(), format_args!("KSPIN_DESCRIPTOR_EX: {message}"));
        return STATUS_INVALID_PARAMETER;
    }
    let mut edits = filter.edits.lock().expect("never poisoned");
    let own = edits.descriptor(filter);
    // SAFETY: the private copy.
    let own = unsafe { &mut *own };
    let size = size_of::<KSPIN_DESCRIPTOR_EX>();
    let count = own.PinDescriptorsCount;
    let stride = if count == 0 { size } else { own.PinDescriptorSize as usize };
    let table = Table { first: own.PinDescriptors.cast(), count, stride };
    let added = edits.append(&table, PinDescriptor.cast(), size, 1).map(|first| {
        own.PinDescriptors = first.cast();
        own.PinDescriptorSize = stride as u32;
        own.PinDescriptorsCount = count + 1;
        trace::event("pin_type", filter.name(), count);
        inputs::refresh(filter);
        count
    });
    answer(added, PinID)
}

/// `KsFilterCreateNode`: a new topology node on one filter instance. Passive level, the filter control mutex held.
///
/// # Safety
/// The descriptor, and what it refers to, lives as long as the filter; `NodeID` is a place for the id.
pub unsafe fn KsFilterCreateNode(
    Filter: PKSFILTER,
    NodeDescriptor: *const KSNODE_DESCRIPTOR,
    NodeID: *mut u32,
) -> NTSTATUS {
    let filter = subject(Filter, "KsFilterCreateNode");
    if NodeDescriptor.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    let mut edits = filter.edits.lock().expect("never poisoned");
    let own = edits.descriptor(filter);
    // SAFETY: the private copy.
    let own = unsafe { &mut *own };
    let size = size_of::<KSNODE_DESCRIPTOR>();
    let count = own.NodeDescriptorsCount;
    let stride = if count == 0 { size } else { own.NodeDescriptorSize as usize };
    let table = Table { first: own.NodeDescriptors.cast(), count, stride };
    let added = edits.append(&table, NodeDescriptor.cast(), size, 1).map(|first| {
        own.NodeDescriptors = first.cast();
        own.NodeDescriptorSize = stride as u32;
        own.NodeDescriptorsCount = count + 1;
        count
    });
    answer(added, NodeID)
}

/// `KsFilterAddTopologyConnections`: appends connections on one filter instance. Passive level, the filter control
/// mutex held.
///
/// # Safety
/// The array has that many entries.
pub unsafe fn KsFilterAddTopologyConnections(
    Filter: PKSFILTER,
    NewConnectionsCount: u32,
    NewTopologyConnections: *const KSTOPOLOGY_CONNECTION,
) -> NTSTATUS {
    let filter = subject(Filter, "KsFilterAddTopologyConnections");
    if NewConnectionsCount == 0 {
        return STATUS_SUCCESS;
    }
    if NewTopologyConnections.is_null() {
        return STATUS_INVALID_PARAMETER;
    }
    for index in 0..NewConnectionsCount as usize {
        // SAFETY: the caller's array.
        let connection = unsafe { &*NewTopologyConnections.add(index) };
        if !descriptor::check_connection(filter.descriptor(), connection) {
            return STATUS_INVALID_PARAMETER;
        }
    }
    let mut edits = filter.edits.lock().expect("never poisoned");
    let own = edits.descriptor(filter);
    // SAFETY: the private copy.
    let own = unsafe { &mut *own };
    let size = size_of::<KSTOPOLOGY_CONNECTION>();
    let table = Table { first: own.Connections.cast(), count: own.ConnectionsCount, stride: size };
    match edits.append(&table, NewTopologyConnections.cast(), size, NewConnectionsCount) {
        Ok(first) => {
            own.Connections = first.cast();
            own.ConnectionsCount += NewConnectionsCount;
            STATUS_SUCCESS
        }
        Err(status) => status,
    }
}
