//! Filter-centric processing: the table of process pins that a filter's `Process` gets (R6.30, R6.36).

use std::{cell::UnsafeCell, ptr::null_mut};

use ks_sys::{
    BOOLEAN, KSFILTER_FLAG_RECEIVE_ZERO_LENGTH_SAMPLES, KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING,
    KSPROCESSPIN, KSPROCESSPIN_INDEXENTRY, KSSTREAM_HEADER, NTSTATUS, PKSPROCESSPIN, STATUS_PENDING,
    STATUS_SUCCESS,
};

use super::{
    object::{Filter, Pin},
    processing, splitter,
    stream_pointer::{self, Leading},
};
use crate::nt::{
    callback::{self, Callback, CallbackKind, Group},
    violation,
};

const PROCESS: CallbackKind = CallbackKind::new("FilterProcess", Group::Filter);

/// A pin's `KSPROCESSPIN`, under the processing mutex of its filter.
#[derive(Default)]
pub struct Entry(UnsafeCell<KSPROCESSPIN>);

// SAFETY: the structure is only touched by the holder of the processing mutex.
unsafe impl Send for Entry {}
// SAFETY: as above.
unsafe impl Sync for Entry {}

/// The table; its memory is used again.
#[derive(Default)]
pub struct Table {
    pins: Vec<PKSPROCESSPIN>,
    index: Vec<KSPROCESSPIN_INDEXENTRY>,
}

// SAFETY: the pointers are only followed by the holder of the processing mutex.
unsafe impl Send for Table {}

/// The pins of a filter that are in a pipe, by pin type.
///
/// ASSUMED: a pin in STOP is not in the table: it has no pipe and nothing that could be processed.
fn members(filter: &Filter) -> Vec<&'static Pin> {
    let mut pins = filter.pins();
    pins.retain(|pin| pin.transport().queue().is_some());
    // SAFETY: the public structure lives as long as the pin.
    pins.sort_by_key(|pin| unsafe { (*pin.ks()).Id });
    pins
}

/// Calls `Process` once. The filter's processing mutex is held, its gate captured.
pub(super) fn process(filter: &'static Filter) -> NTSTATUS {
    let pins = members(filter);
    if filter.descriptor().Flags & KSFILTER_FLAG_RECEIVE_ZERO_LENGTH_SAMPLES == 0
        && let Some(passed) = pass_empty(&pins)
    {
        return if passed { STATUS_SUCCESS } else { STATUS_PENDING };
    }
    let Some(routine) = filter.dispatch().and_then(|dispatch| dispatch.Process) else {
        return STATUS_PENDING;
    };
    let mut table = std::mem::take(&mut *filter.table.lock().expect("never poisoned"));
    build(&mut table, filter, &pins);
    let index = table.index.as_mut_ptr();
    // SAFETY: the minidriver's routine, the processing mutex held.
    let status = callback::call(Callback { kind: PROCESS, object: &filter.name() }, || unsafe {
        routine(filter.ks(), index)
    });
    for &entry in &table.pins {
        finish(entry);
    }
    *filter.table.lock().expect("never poisoned") = table;
    status
}

fn build(table: &mut Table, filter: &Filter, pins: &[&'static Pin]) {
    table.pins.clear();
    table.pins.extend(pins.iter().map(|pin| pin.transport().process_pin.0.get()));
    for (&pin, &entry) in pins.iter().zip(&table.pins) {
        let source =
            splitter::copy_source(pin).map_or(null_mut(), |source| source.transport().process_pin.0.get());
        // SAFETY: the processing mutex is held.
        unsafe { entry.write(KSPROCESSPIN { Pin: pin.ks(), CopySource: source, ..KSPROCESSPIN::default() }) };
        // R6.37: what AVStream serves itself is not the minidriver's.
        if source.is_null() {
            fill(pin, entry);
        }
    }
    table.index.clear();
    let mut at = 0;
    for id in 0..filter.descriptor().PinDescriptorsCount {
        // SAFETY: the public structure lives as long as the pin.
        let count = pins[at..].iter().take_while(|pin| unsafe { (*pin.ks()).Id == id }).count();
        let first = if count == 0 { null_mut() } else { table.pins[at..].as_mut_ptr() };
        table.index.push(KSPROCESSPIN_INDEXENTRY { Pins: first, Count: count as u32 });
        at += count;
    }
}

/// Locks the leading edge and says what is there; without a frame the entry has neither pointer nor data.
fn fill(pin: &Pin, entry: PKSPROCESSPIN) {
    let queue = pin.transport().queue();
    let frame = queue.and_then(|queue| stream_pointer::lock_leading(&queue));
    // SAFETY: the processing mutex is held.
    let entry = unsafe { &mut *entry };
    (entry.BytesUsed, entry.Terminate) = (0, 0);
    let Some(Leading { pointer, data, bytes, options }) = frame else {
        (entry.StreamPointer, entry.Data) = (null_mut(), null_mut());
        (entry.BytesAvailable, entry.Flags) = (0, 0);
        return;
    };
    (entry.StreamPointer, entry.Data, entry.BytesAvailable, entry.Flags) = (pointer, data, bytes, options);
}

/// The leading edge moves on by what was used; a frame that is used up, or terminated, leaves the queue (R6.36).
fn finish(entry: PKSPROCESSPIN) {
    // SAFETY: the processing mutex is held.
    let entry = unsafe { &mut *entry };
    if !entry.StreamPointer.is_null() {
        stream_pointer::finish_process(entry.StreamPointer, entry.BytesUsed, entry.Terminate != 0);
        entry.StreamPointer = null_mut();
    }
}

/// R2.7: frames that only carry flags go past the minidriver. `None`: there is no such frame; else whether they went,
/// which they do as soon as each output has a frame that can take the flags.
///
/// ASSUMED: all flags go on, with the time stamps that they speak of.
fn pass_empty(pins: &[&'static Pin]) -> Option<bool> {
    let mut flags: Option<KSSTREAM_HEADER> = None;
    let mut outputs = Vec::new();
    for &pin in pins {
        let queue = pin.transport().queue()?;
        if !queue.input {
            if splitter::copy_source(pin).is_none() {
                outputs.push(queue);
            }
        } else if let Some(header) = stream_pointer::empty_leading(&queue) {
            let merged = flags.get_or_insert(header);
            merged.OptionsFlags |= header.OptionsFlags;
        }
    }
    let header = flags?;
    if outputs.iter().any(|queue| !queue.has_frames()) {
        return Some(false);
    }
    for queue in &outputs {
        stream_pointer::send_empty(queue, &header);
    }
    for &pin in pins {
        if let Some(queue) = pin.transport().queue().filter(|queue| queue.input)
            && stream_pointer::empty_leading(&queue).is_some()
        {
            stream_pointer::drop_leading(&queue);
        }
    }
    Some(true)
}

/// Refreshes a process pin inside `Process`; TRUE if the pin's conditions for processing are met. FALSE in STOP.
/// (`nf-ks-ksprocesspinupdate.md`)
///
/// ASSUMED: what was used so far counts first, as at the end of `Process`.
///
/// # Safety
/// An entry of the table that the `Process` got.
#[allow(non_snake_case)]
pub unsafe fn KsProcessPinUpdate(ProcessPin: PKSPROCESSPIN) -> BOOLEAN {
    // SAFETY: the caller's entry.
    let pin = Pin::of(unsafe { (*ProcessPin).Pin });
    if !callback::inside(PROCESS.name) {
        let message = "KsProcessPinUpdate outside of a filter's Process";
        violation::report("KsProcessPinUpdate", 0, pin.name(), message);
        return 0;
    }
    if pin.transport().queue().is_none() {
        return 0;
    }
    finish(ProcessPin);
    // SAFETY: the caller's entry.
    if unsafe { (*ProcessPin).CopySource.is_null() } {
        fill(pin, ProcessPin);
    }
    let transport = pin.transport();
    let ready = transport.reached() >= processing::minimum(pin);
    let frames = transport.has_frames() || pin.flags() & KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING != 0;
    u8::from(ready && frames)
}
