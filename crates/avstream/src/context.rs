//! In which of the class driver's callbacks one is, as far as it decides what is legal.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/stream/mutexes-in-avstream>

mod sealed {
    pub trait Context {}
}

/// One of the contexts of this module.
pub trait Context: sealed::Context {}

/// The filter control mutex is held, IRQL is PASSIVE_LEVEL: Create, Close, SetDataFormat,
/// SetDeviceState, Connect, Disconnect. Nothing may take that mutex again.
pub enum Control {}

/// The processing mutex is held, the filter control mutex is not and may not be taken: Process.
pub enum Processing {}

impl sealed::Context for Control {}
impl sealed::Context for Processing {}
impl Context for Control {}
impl Context for Processing {}
