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
    /// R1.15: SURPRISE_REMOVAL takes the pins down to STOP, and their requests come back; otherwise streams go on until
    /// the handles are closed.
    pub removal_stops_pins: bool,
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
            removal_stops_pins: false,
            run_before_power: false,
            names: BTreeMap::new(),
        }
    }
}

/// A switch: an open point with its setting other than the contract's choice.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// The point, as the contract numbers it: "10.1b".
    pub point: &'static str,
    /// What is so then.
    pub meaning: &'static str,
    flip: fn(&mut Options),
}

impl Switch {
    /// Sets the options so.
    pub fn flip(&self, options: &mut Options) {
        (self.flip)(options);
    }

    /// The switch of a point.
    pub fn of(point: &str) -> Option<&'static Self> {
        SWITCHES.iter().find(|switch| switch.point.eq_ignore_ascii_case(point))
    }
}

const fn switch(point: &'static str, meaning: &'static str, flip: fn(&mut Options)) -> Switch {
    Switch { point, meaning, flip }
}

/// All of them: a driver is right with each.
pub const SWITCHES: &[Switch] = &[
    switch("10.1", "the sink's Connect comes after the source's Create", |o| o.connect_after_create = true),
    switch("10.1b", "the sink's Disconnect comes before the source's Close", |o| {
        o.disconnect_before_close = true
    }),
    switch("10.2", "after an error of Connect frames go as requests, as to a foreign pin", |o| {
        o.connect_error = ConnectError::FallsBack;
    }),
    switch("10.5", "an intersection handler gets the filter's context", |o| {
        o.intersect_context = IntersectContext::Context;
    }),
    switch("10.7", "a pin that a client talks to is external", |o| o.client_is_external = true),
    switch("10.11", "a second source onto a sink is STATUS_DEVICE_BUSY", |o| {
        o.second_source = ks_sys::STATUS_DEVICE_BUSY;
    }),
    switch("10.14", "a fresh pin's StreamHeaderSize is a header's", |o| {
        o.stream_header_size = size_of::<ks_sys::KSSTREAM_HEADER>() as u32;
    }),
    switch("10.21", "property handlers run under the filter control mutex", |o| {
        o.control_around_handlers = true
    }),
    switch("10.33", "the peer cannot be asked for inside Connect", |o| o.peer_visible_in_connect = false),
    switch("R1.15", "a surprise removal takes the pins down to STOP", |o| o.removal_stops_pins = true),
    switch("R1.16", "pins go back to RUN before SetPower when the device wakes up", |o| {
        o.run_before_power = true
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Each switch changes the options in one place, and no two the same.
    #[test]
    fn switches_differ() {
        let text = |flip: &dyn Fn(&mut Options)| {
            let mut options = Options::default();
            flip(&mut options);
            format!("{options:?}")
        };
        let mut all: Vec<String> =
            SWITCHES.iter().map(|switch| text(&|options| switch.flip(options))).collect();
        all.push(text(&|_| ()));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), SWITCHES.len() + 1);
        assert!(Switch::of("10.1B").is_some_and(|switch| switch.point == "10.1b"));
        assert!(Switch::of("10.3").is_none());
    }
}
