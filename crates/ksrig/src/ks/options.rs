//! The switches for what no page of the documentation settles (section 10 of the contract).

use std::collections::BTreeMap;

use ks_sys::NTSTATUS;

/// What a sink's Connect error does to the source (10.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectError {
    /// The source's create fails with exactly that status.
    #[default]
    Fails,
    /// The connection falls back to IRP transport, as to a pin that is not AVStream's (kind C).
    FallsBack,
}

/// What the callback of an intersection gets as its context (10.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntersectContext {
    /// The `KSFILTER`, as Microsoft's samples read it.
    #[default]
    Filter,
    /// `KSFILTER.Context`, as the callback's page says.
    Context,
}

/// The behaviour chosen for the open points of the contract; the default is the contract's choice.
#[derive(Clone, Debug)]
pub struct Options {
    /// 10.1: the sink's Connect comes after the source's Create and not before it.
    pub connect_after_create: bool,
    /// 10.1b: the sink's Disconnect comes before the source's Close and not after it.
    pub disconnect_before_close: bool,
    /// 10.2: what an error of Connect does.
    pub connect_error: ConnectError,
    /// 10.5: the context of an IntersectHandler.
    pub intersect_context: IntersectContext,
    /// 10.7: `ConnectionIsExternal` of a pin to which only a client talks.
    pub client_is_external: bool,
    /// 10.11: the status of a second source onto a connected sink.
    pub second_source: NTSTATUS,
    /// 10.14: `StreamHeaderSize` of a fresh pin.
    pub stream_header_size: u32,
    /// 10.21: the filter control mutex is held around the driver's property handlers.
    pub control_around_handlers: bool,
    /// 10.33: the connected-pin functions answer inside Connect.
    pub peer_visible_in_connect: bool,
    /// R1.16: when the device wakes up, pins go back to RUN before SetPower and not after it.
    pub run_before_power: bool,
    /// Names for the filters in logs and reports, by the factory's reference string (without it: its number).
    pub names: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect_after_create: false,
            disconnect_before_close: false,
            connect_error: ConnectError::default(),
            intersect_context: IntersectContext::default(),
            client_is_external: false,
            second_source: ks_sys::STATUS_UNSUCCESSFUL,
            stream_header_size: 0,
            control_around_handlers: false,
            peer_visible_in_connect: true,
            run_before_power: false,
            names: BTreeMap::new(),
        }
    }
}
