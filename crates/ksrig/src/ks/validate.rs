//! The checks of a connect request before the driver is called (section 3.2 of the contract), strict ones (R3.5).

use ks_sys::{
    _MODE::UserMode, KSFILTER_FLAG_DENY_USERMODE_ACCESS, KSINSTANCE_INDETERMINATE, KSINTERFACESETID_Standard,
    KSMEDIUMSETID_Standard, KSPIN_COMMUNICATION, KSPIN_CONNECT, KSPIN_DESCRIPTOR,
    KSPIN_FLAG_DENY_USERMODE_ACCESS, KSPIN_INTERFACE, NTSTATUS, STATUS_ACCESS_DENIED,
    STATUS_INVALID_BUFFER_SIZE, STATUS_INVALID_PARAMETER, STATUS_NO_MATCH, STATUS_UNSUCCESSFUL,
    is_equal_guid,
};

use super::{
    filter::Filter,
    format::{self, Format},
};

/// A connect request that passed check 2.
pub struct Request {
    /// Interface, medium, pin type, sink and priority.
    pub connect: KSPIN_CONNECT,
    /// The format that the client wants.
    pub format: Format,
}

impl Request {
    /// From the bytes behind the pin's class name (R3.1, R3.2); check 2.
    pub fn parse(bytes: &[u8]) -> Result<Self, NTSTATUS> {
        let length = size_of::<KSPIN_CONNECT>();
        if bytes.len() < length {
            return Err(STATUS_INVALID_BUFFER_SIZE);
        }
        // SAFETY: that many bytes are there; any bits are a KSPIN_CONNECT.
        let connect = unsafe { bytes.as_ptr().cast::<KSPIN_CONNECT>().read_unaligned() };
        Ok(Self { connect, format: Format::parse(&bytes[length..])? })
    }

    /// Whether the pin is asked to be the IRP source (R3.3).
    pub fn is_source(&self) -> bool {
        !self.connect.PinToHandle.is_null()
    }

    /// Checks 3 to 10. The control mutex is held.
    pub fn check(&self, filter: &Filter, mode: i8) -> Result<(), NTSTATUS> {
        // 3
        let Some(descriptor) = filter.pin_descriptor(self.connect.PinId) else {
            return Err(STATUS_INVALID_PARAMETER);
        };
        // SAFETY: the descriptor lives as long as the filter.
        let descriptor = unsafe { &*descriptor };
        let pin = &descriptor.PinDescriptor;
        // 4, R2.8
        let denied = filter.descriptor().Flags & KSFILTER_FLAG_DENY_USERMODE_ACCESS != 0
            || descriptor.Flags & KSPIN_FLAG_DENY_USERMODE_ACCESS != 0;
        if mode == UserMode as i8 && denied {
            return Err(STATUS_ACCESS_DENIED);
        }
        // 5, R2.14, 10.9
        use KSPIN_COMMUNICATION::{
            KSPIN_COMMUNICATION_BOTH, KSPIN_COMMUNICATION_SINK, KSPIN_COMMUNICATION_SOURCE,
        };
        let role = if self.is_source() { KSPIN_COMMUNICATION_SOURCE } else { KSPIN_COMMUNICATION_SINK };
        if pin.Communication != role && pin.Communication != KSPIN_COMMUNICATION_BOTH {
            return Err(STATUS_INVALID_PARAMETER);
        }
        // 6 and 7
        if !interfaces(pin).iter().any(|own| same(own, &self.connect.Interface))
            || !mediums(pin).iter().any(|own| same(own, &self.connect.Medium))
        {
            return Err(STATUS_NO_MATCH);
        }
        // 8 and 9
        self.check_format(pin)?;
        // 10, R2.9
        if descriptor.InstancesPossible != KSINSTANCE_INDETERMINATE
            && filter.instances(self.connect.PinId) >= descriptor.InstancesPossible
        {
            return Err(STATUS_UNSUCCESSFUL);
        }
        Ok(())
    }

    fn check_format(&self, pin: &KSPIN_DESCRIPTOR) -> Result<(), NTSTATUS> {
        check_format(&self.format, pin)
    }
}

/// Checks 8 and 9: some range of the pin type fits the format.
pub fn check_format(format: &Format, pin: &KSPIN_DESCRIPTOR) -> Result<(), NTSTATUS> {
    let fits = format::ranges(pin)
        .iter()
        .any(|range| format::fits(format, range) && format::has_required(format, range));
    if fits { Ok(()) } else { Err(STATUS_NO_MATCH) }
}

fn same(one: &KSPIN_INTERFACE, other: &KSPIN_INTERFACE) -> bool {
    let (one, other) = (fields(one), fields(other));
    is_equal_guid(&one.0, &other.0) && one.1 == other.1
}

fn fields(identifier: &KSPIN_INTERFACE) -> (ks_sys::GUID, u32) {
    // SAFETY: the structure's only meaning besides its alignment.
    let fields = unsafe { identifier.__bindgen_anon_1.__bindgen_anon_1 };
    (fields.Set, fields.Id)
}

fn standard(set: ks_sys::GUID) -> KSPIN_INTERFACE {
    // SAFETY: all zero is a valid identifier: STREAMING and ANYINSTANCE are 0.
    let mut identifier = unsafe { std::mem::zeroed::<KSPIN_INTERFACE>() };
    identifier.__bindgen_anon_1.__bindgen_anon_1.Set = set;
    identifier
}

fn list(items: *const KSPIN_INTERFACE, count: u32, default: ks_sys::GUID) -> Vec<KSPIN_INTERFACE> {
    if count == 0 {
        return vec![standard(default)];
    }
    // SAFETY: the table has that many entries (the driver's duty).
    unsafe { std::slice::from_raw_parts(items, count as usize) }.to_vec()
}

/// The interfaces of a pin type; none means the standard one (R2.11).
pub fn interfaces(pin: &KSPIN_DESCRIPTOR) -> Vec<KSPIN_INTERFACE> {
    list(pin.Interfaces, pin.InterfacesCount, KSINTERFACESETID_Standard)
}

/// The mediums of a pin type; none means the standard one (R2.11).
pub fn mediums(pin: &KSPIN_DESCRIPTOR) -> Vec<KSPIN_INTERFACE> {
    list(pin.Mediums, pin.MediumsCount, KSMEDIUMSETID_Standard)
}
