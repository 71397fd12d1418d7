//! Flags of pins and filters.

use crate::ffi;

macro_rules! flags {
    ($(#[$doc:meta])* $type:ident { $($(#[$flag_doc:meta])* $name:ident = $value:ident;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $type(pub(crate) u32);

        impl $type {
            /// No flag.
            pub const NONE: Self = Self(0);
            $($(#[$flag_doc])* pub const $name: Self = Self(ffi::$value);)*

            /// These flags and those.
            #[must_use]
            pub const fn with(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Whether all of those are among these.
            #[must_use]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }
        }
    };
}

flags! {
    /// `KSPIN_DESCRIPTOR_EX.Flags`, without those that this crate does not serve (mappings, a distinct
    /// trailing edge, clocks) and those that only filter-centric filters have.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_kspin_descriptor_ex>
    PinFlags {
        /// Deferred processing uses the critical work queue.
        CRITICAL_PROCESSING = KSPIN_FLAG_CRITICAL_PROCESSING;
        /// Deferred processing uses the hypercritical work queue.
        HYPERCRITICAL_PROCESSING = KSPIN_FLAG_HYPERCRITICAL_PROCESSING;
        /// Processing always goes through a work item.
        ASYNCHRONOUS_PROCESSING = KSPIN_FLAG_ASYNCHRONOUS_PROCESSING;
        /// Arriving frames trigger nothing: processing is always attempted by the driver.
        DO_NOT_INITIATE_PROCESSING = KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING;
        /// Every arriving frame triggers processing, not only one that finds an empty queue.
        INITIATE_PROCESSING_ON_EVERY_ARRIVAL = KSPIN_FLAG_INITIATE_PROCESSING_ON_EVERY_ARRIVAL;
        /// Processing does not wait for frames of this pin (filter-centric only).
        FRAMES_NOT_REQUIRED_FOR_PROCESSING = KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING;
        /// Requests complete in the order of their arrival.
        ENFORCE_FIFO = KSPIN_FLAG_ENFORCE_FIFO;
        /// Processing waits for the state RUN, not only PAUSE.
        PROCESS_IN_RUN_STATE_ONLY = KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY;
        /// Instances after the first are fed with copies.
        SPLITTER = KSPIN_FLAG_SPLITTER;
        /// There is a queue, whatever interface and medium are.
        USE_STANDARD_TRANSPORT = KSPIN_FLAG_USE_STANDARD_TRANSPORT;
        /// There is no queue.
        DO_NOT_USE_STANDARD_TRANSPORT = KSPIN_FLAG_DO_NOT_USE_STANDARD_TRANSPORT;
        /// The format cannot change.
        FIXED_FORMAT = KSPIN_FLAG_FIXED_FORMAT;
        /// The class driver signals the end of the stream.
        GENERATE_EOS_EVENTS = KSPIN_FLAG_GENERATE_EOS_EVENTS;
        /// Frames of one instance suffice (filter-centric only).
        SOME_FRAMES_REQUIRED_FOR_PROCESSING = KSPIN_FLAG_SOME_FRAMES_REQUIRED_FOR_PROCESSING;
        /// Processing starts when one of such pins runs (filter-centric only).
        PROCESS_IF_ANY_IN_RUN_STATE = KSPIN_FLAG_PROCESS_IF_ANY_IN_RUN_STATE;
        /// No instance for user mode.
        DENY_USERMODE_ACCESS = KSPIN_FLAG_DENY_USERMODE_ACCESS;
    }
}

flags! {
    /// `KSFILTER_DESCRIPTOR.Flags`.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_ksfilter_descriptor>
    FilterFlags {
        /// Deferred processing uses the critical work queue.
        CRITICAL_PROCESSING = KSFILTER_FLAG_CRITICAL_PROCESSING;
        /// Deferred processing uses the hypercritical work queue.
        HYPERCRITICAL_PROCESSING = KSFILTER_FLAG_HYPERCRITICAL_PROCESSING;
        /// No instance for user mode.
        DENY_USERMODE_ACCESS = KSFILTER_FLAG_DENY_USERMODE_ACCESS;
    }
}
