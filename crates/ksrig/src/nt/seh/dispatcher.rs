//! What a language-specific handler gets to know about its frame.

use std::ptr::null_mut;

use ks_sys::{_CONTEXT, EXCEPTION_RECORD, PVOID};

use super::boundary::Frame;
use crate::pe::unwind::Handler;

/// A language-specific handler of a driver.
pub type Routine =
    unsafe extern "win64" fn(*mut EXCEPTION_RECORD, u64, *mut _CONTEXT, *mut DispatcherContext) -> i32;

/// `DISPATCHER_CONTEXT` of winnt.h, which the headers at hand have for other processors only.
///
/// <https://learn.microsoft.com/cpp/build/exception-handling-x64#language-specific-handler>
#[repr(C)]
pub struct DispatcherContext {
    pub control_pc: u64,
    pub image_base: u64,
    pub function_entry: PVOID,
    pub establisher_frame: u64,
    pub target_ip: u64,
    pub context_record: *mut _CONTEXT,
    pub language_handler: Routine,
    pub handler_data: PVOID,
    pub history_table: PVOID,
    pub scope_index: u32,
    pub fill: u32,
}

impl DispatcherContext {
    /// For a call of the frame's handler.
    pub fn new(frame: &Frame, handler: Handler, context: *mut _CONTEXT, target_ip: u64) -> Self {
        let (base, pc) = (frame.image.base() as u64, frame.context.rip);
        Self {
            control_pc: pc,
            image_base: base,
            function_entry: frame.image.function_entry(pc as usize).map_or(null_mut(), |at| at as PVOID),
            establisher_frame: frame.establisher,
            target_ip,
            context_record: context,
            // SAFETY: the image's tables say that a handler lies there.
            language_handler: unsafe { std::mem::transmute::<u64, Routine>(base + u64::from(handler.rva)) },
            handler_data: (base + u64::from(handler.data)) as PVOID,
            history_table: null_mut(),
            scope_index: frame.scope,
            fill: 0,
        }
    }
}
