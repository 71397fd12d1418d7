//! Scatter/gather mappings: pins with KSPIN_FLAG_GENERATE_MAPPINGS (R6.27, R6.28).
//!
//! The rig has no bus and no map registers: a physical address is the buffer's system address, and a buffer is broken
//! where the device's limit for one mapping says.

use std::ptr::null_mut;

use ks_sys::{
    KSMAPPING, NTSTATUS, PADAPTER_OBJECT, PKSDEVICE, PKSMAPPING, STATUS_INVALID_PARAMETER, STATUS_SUCCESS,
};

use super::{device::Device as DeviceObject, frame::Frame, pointer::StreamPointer, queue::Queue};
use crate::nt::{trace, violation};

/// What the device's DMA adapter was registered with.
#[derive(Clone, Copy)]
pub struct Dma {
    most: u32,
    stride: u32,
}

/// Registers the adapter of a device.
pub(super) fn register(device: &DeviceObject, adapter: PADAPTER_OBJECT, most: u32, stride: u32) -> NTSTATUS {
    let wrong = adapter.is_null() || most == 0;
    if wrong || (stride as usize) < size_of::<KSMAPPING>() || !stride.is_multiple_of(8) {
        return STATUS_INVALID_PARAMETER;
    }
    trace::event("dma", device.name(), format_args!("{most} bytes a mapping, {stride} bytes an entry"));
    *device.dma.lock().expect("never poisoned") = Some(Dma { most, stride });
    STATUS_SUCCESS
}

/// `KsDeviceRegisterAdapterObject`: the device's DMA adapter, for pins that generate mappings. Drivers for Win64 use
/// `IKsDeviceFunctions::RegisterAdapterObjectEx`. PASSIVE_LEVEL.
///
/// # Safety
/// None beyond the device, which is checked.
pub unsafe fn KsDeviceRegisterAdapterObject(
    Device: PKSDEVICE,
    AdapterObject: PADAPTER_OBJECT,
    MaxMappingByteCount: u32,
    MappingTableStride: u32,
) {
    let device = DeviceObject::of(Device);
    if register(device, AdapterObject, MaxMappingByteCount, MappingTableStride) < 0 {
        let message = "KsDeviceRegisterAdapterObject without an adapter, or with sizes that cannot be";
        violation::report("KsMappings", 0, device.name(), message);
    }
}

fn dma(queue: &Queue) -> Option<Dma> {
    *queue.pin.filter().device().dma.lock().expect("never poisoned")
}

/// Whether frames can be locked: the adapter was registered before (R6.27).
pub(super) fn can_lock(queue: &Queue) -> bool {
    let registered = !queue.mapped || dma(queue).is_some();
    if !registered {
        let message = "a frame is locked on a pin that generates mappings, but the device has no DMA adapter";
        violation::report("KsMappings", 0, queue.pin.name(), message);
    }
    registered
}

/// A stream pointer was locked: it gets the mappings of its frame, if it has none yet.
pub(super) fn fill(queue: &Queue, pointer: &mut StreamPointer, frame: &mut Frame) {
    if !queue.mapped {
        return;
    }
    let Some(Dma { most, stride }) = dma(queue) else { return };
    let bytes = if queue.input { frame.used() } else { frame.extent };
    let count = bytes.div_ceil(most);
    if frame.mappings.is_empty() {
        frame.mappings = vec![0; count as usize * stride as usize / 8];
        for index in 0..count {
            let at = index * most;
            let mapping = entry(frame.mappings.as_mut_ptr().cast(), stride, index);
            // SAFETY: the table has that many entries.
            unsafe {
                (*mapping).PhysicalAddress.QuadPart = frame.data as i64 + i64::from(at);
                (*mapping).ByteCount = most.min(bytes - at);
                (*mapping).Alignment = 1;
            }
        }
    }
    let public = &mut *pointer.public;
    let offset = if queue.input { &mut public.OffsetIn } else { &mut public.OffsetOut };
    // SAFETY: with mappings the table is the member in use.
    if unsafe { offset.__bindgen_anon_1.Mappings.is_null() } && count > 0 {
        offset.__bindgen_anon_1.Mappings = frame.mappings.as_mut_ptr().cast();
        (offset.Count, offset.Remaining) = (count, count);
    }
}

fn entry(first: PKSMAPPING, stride: u32, index: u32) -> PKSMAPPING {
    first.wrapping_byte_add(index as usize * stride as usize)
}

/// The entry so many behind this one.
pub(super) fn forward(queue: &Queue, mapping: PKSMAPPING, step: u32) -> PKSMAPPING {
    dma(queue).map_or(null_mut(), |dma| entry(mapping, dma.stride, step))
}

/// The bytes that a pointer has passed in its frame.
pub(super) fn passed(queue: &Queue, pointer: &StreamPointer, frame: &mut Frame) -> u32 {
    let offset = if queue.input { &pointer.public.OffsetIn } else { &pointer.public.OffsetOut };
    let Some(Dma { stride, .. }) = dma(queue) else { return 0 };
    let first: PKSMAPPING = frame.mappings.as_mut_ptr().cast();
    // SAFETY: the table has `Count` entries.
    (0..offset.Count - offset.Remaining)
        .map(|index| unsafe { (*entry(first, stride, index)).ByteCount })
        .sum()
}
