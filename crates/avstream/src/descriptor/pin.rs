//! Pin descriptors.

use core::marker::PhantomData;

use super::{DataRangeRef, Framing, PinFlags};
use crate::{
    ffi::{GUID, KSINSTANCE_INDETERMINATE, KSPIN_COMMUNICATION, KSPIN_DATAFLOW, KSPIN_DESCRIPTOR_EX},
    filter::FilterDispatch,
    intersection::intersect,
    pin_dispatch::{PinDispatch, Table},
    raw,
};

/// Any number of instances.
pub const ANY_NUMBER: u32 = KSINSTANCE_INDETERMINATE;

/// Where media data goes, relative to the filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataFlow {
    /// Into the filter.
    In,
    /// Out of the filter.
    Out,
}

/// Who makes the requests for an instance's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Communication {
    /// The other end: a client, or a pin that is connected to this one.
    Sink,
    /// The pin, which is connected to a sink.
    Source,
    /// Either, as the client decides for each instance.
    Both,
}

/// A pin type of filters of kind `F`.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_kspin_descriptor_ex>
#[repr(transparent)]
pub struct PinDescriptor<F> {
    raw: KSPIN_DESCRIPTOR_EX,
    filter: PhantomData<fn() -> F>,
}

impl<F: FilterDispatch> PinDescriptor<F> {
    /// Pins that `T` serves: one instance at most, none needed.
    #[must_use]
    pub const fn new<T: PinDispatch<Filter = F>>(flow: DataFlow, communication: Communication) -> Self {
        let mut raw = raw::empty_pin_descriptor();
        raw.Dispatch = &Table::<T>::DISPATCH;
        raw.InstancesPossible = 1;
        if !T::PROPERTIES.is_empty() || !T::EVENTS.is_empty() {
            raw.AutomationTable = &Table::<T>::AUTOMATION;
        }
        if T::INTERSECT.is_some() {
            raw.IntersectHandler = Some(intersect::<T>);
        }
        raw.PinDescriptor.DataFlow = match flow {
            DataFlow::In => KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN,
            DataFlow::Out => KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        };
        raw.PinDescriptor.Communication = match communication {
            Communication::Sink => KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK,
            Communication::Source => KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SOURCE,
            Communication::Both => KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH,
        };
        assert!(
            T::CONNECT.is_none() || !matches!(communication, Communication::Source),
            "pin: CONNECT is called on a sink; this pin is never one"
        );
        assert!(
            T::CONNECT.is_some() == T::DISCONNECT.is_some(),
            "pin: CONNECT and DISCONNECT undo each other; one of them is missing"
        );
        Self { raw, filter: PhantomData }
    }

    /// What such a pin is good for.
    #[must_use]
    pub const fn category(mut self, category: &'static GUID) -> Self {
        self.raw.PinDescriptor.Category = category;
        self
    }

    /// What such a pin is called: the name under that GUID in the registry.
    #[must_use]
    pub const fn name(mut self, name: &'static GUID) -> Self {
        self.raw.PinDescriptor.Name = name;
        self
    }

    /// How many instances there can be in one filter, and how many have to be.
    #[must_use]
    pub const fn instances(mut self, possible: u32, necessary: u32) -> Self {
        self.raw.InstancesPossible = possible;
        self.raw.InstancesNecessary = necessary;
        self
    }

    /// How frames are processed.
    #[must_use]
    pub const fn flags(mut self, flags: PinFlags) -> Self {
        self.raw.Flags = flags.0;
        self
    }

    /// The formats that such a pin can handle, the preferred ones first.
    #[must_use]
    pub const fn data_ranges(mut self, ranges: &'static [DataRangeRef]) -> Self {
        self.raw.PinDescriptor.DataRangesCount = ranges.len() as u32;
        self.raw.PinDescriptor.DataRanges = ranges.as_ptr().cast();
        self
    }

    /// The frames that such a pin would like to have.
    #[must_use]
    pub const fn framing(mut self, framing: &'static Framing) -> Self {
        self.raw.AllocatorFraming = (&raw const *framing).cast();
        self
    }

    /// Refuses what contradicts itself. Each rule is one of `ns-ks-_kspin_descriptor_ex.md`.
    pub(super) const fn check(&self) {
        let flags = PinFlags(self.raw.Flags);
        assert!(
            !flags.has(PinFlags::CRITICAL_PROCESSING.with(PinFlags::HYPERCRITICAL_PROCESSING)),
            "pin: CRITICAL_PROCESSING and HYPERCRITICAL_PROCESSING exclude each other"
        );
        assert!(
            !flags.has(
                PinFlags::DO_NOT_INITIATE_PROCESSING.with(PinFlags::INITIATE_PROCESSING_ON_EVERY_ARRIVAL)
            ),
            "pin: DO_NOT_INITIATE_PROCESSING and INITIATE_PROCESSING_ON_EVERY_ARRIVAL exclude each other"
        );
        assert!(
            !flags.has(
                PinFlags::FRAMES_NOT_REQUIRED_FOR_PROCESSING
                    .with(PinFlags::SOME_FRAMES_REQUIRED_FOR_PROCESSING)
            ),
            "pin: FRAMES_NOT_REQUIRED_FOR_PROCESSING and SOME_FRAMES_REQUIRED_FOR_PROCESSING exclude each other"
        );
        assert!(
            !flags.has(PinFlags::PROCESS_IN_RUN_STATE_ONLY.with(PinFlags::PROCESS_IF_ANY_IN_RUN_STATE)),
            "pin: PROCESS_IN_RUN_STATE_ONLY and PROCESS_IF_ANY_IN_RUN_STATE exclude each other"
        );
        assert!(
            !flags.has(PinFlags::USE_STANDARD_TRANSPORT.with(PinFlags::DO_NOT_USE_STANDARD_TRANSPORT)),
            "pin: USE_STANDARD_TRANSPORT and DO_NOT_USE_STANDARD_TRANSPORT exclude each other"
        );
        // Filters of this crate are pin-centric.
        assert!(
            !flags.has(PinFlags::FRAMES_NOT_REQUIRED_FOR_PROCESSING)
                && !flags.has(PinFlags::SOME_FRAMES_REQUIRED_FOR_PROCESSING)
                && !flags.has(PinFlags::PROCESS_IF_ANY_IN_RUN_STATE),
            "pin: the flag makes sense in a filter-centric filter only"
        );
        // SAFETY: the table that `new` has put there.
        let dispatch = unsafe { &*self.raw.Dispatch };
        assert!(
            dispatch.Process.is_some() || flags.has(PinFlags::DO_NOT_USE_STANDARD_TRANSPORT),
            "pin: standard transport needs PROCESS"
        );
        assert!(
            !flags.has(PinFlags::SPLITTER) || self.raw.InstancesPossible > 1,
            "pin: a SPLITTER needs more than one possible instance"
        );
        assert!(
            !flags.has(PinFlags::SPLITTER)
                || self.raw.PinDescriptor.DataFlow == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
            "pin: only an output pin is a SPLITTER"
        );
        assert!(self.raw.InstancesPossible > 0, "pin: no instance is possible");
        assert!(
            self.raw.InstancesNecessary <= self.raw.InstancesPossible,
            "pin: more instances are necessary than possible"
        );
        assert!(self.raw.PinDescriptor.DataRangesCount > 0, "pin: there is no data range");
        assert!(
            self.raw.IntersectHandler.is_some(),
            "pin: without INTERSECT the class driver answers for ranges without specifier only"
        );
    }
}
