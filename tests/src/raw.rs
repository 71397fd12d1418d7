//! The specimens of tests/drivers/raw.

use ks_sys::{GUID, NTSTATUS, guid};
use ksrig::client::{Pin, Status, property};

/// The Sink filter's reference string.
pub const SINK: &str = "{2B6F0D1C-7A45-4E0B-9C1D-5E8842A71001}";
/// The Source filter's reference string.
pub const SOURCE: &str = "{2B6F0D1C-7A45-4E0B-9C1D-5E8842A71002}";
/// The one format.
pub const FORMAT: &str = "nv12:16x16@30";

const PROPERTY_SET: GUID = guid(0x2B6F_0D1C_7A45_4E0B_9C1D_5E88_42A7_2001);

/// What the class driver says about the pin at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answers {
    /// `KsPinGetConnectedPinInterface` for `IKsControl`.
    pub pin_interface: NTSTATUS,
    /// `KsPinGetConnectedFilterInterface` for `IKsControl`.
    pub filter_interface: NTSTATUS,
    /// `KsPinGetConnectedPinInterface` for an interface that nobody has.
    pub nobodys_interface: NTSTATUS,
    /// `KsPinGetConnectedPinFileObject` gives one.
    pub file_object: bool,
    /// `KsPinGetConnectedPinDeviceObject` gives one.
    pub device_object: bool,
}

fn ask(pin: &Pin, id: u32) -> Answers {
    let answer = pin.property(&property::request(PROPERTY_SET, id, property::GET, &[]), vec![0; 20]);
    assert_eq!(answer.status, Status::SUCCESS, "property {id} of the specimen");
    let mut numbers =
        answer.data.chunks_exact(4).map(|bytes| i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let mut next = || numbers.next().expect("five numbers");
    Answers {
        pin_interface: next(),
        filter_interface: next(),
        nobodys_interface: next(),
        file_object: next() != 0,
        device_object: next() != 0,
    }
}

/// The answers of this moment.
///
/// # Panics
/// When the specimen does not answer.
pub fn answers(pin: &Pin) -> Answers {
    ask(pin, 0)
}

/// The answers inside the last Connect.
///
/// # Panics
/// When the specimen does not answer.
pub fn answers_in_connect(pin: &Pin) -> Answers {
    ask(pin, 1)
}

/// What Connect of the variant `failing-connect` returns from now on.
///
/// # Panics
/// When the specimen does not take it.
pub fn set_connect_status(pin: &Pin, status: NTSTATUS) {
    let request = property::request(PROPERTY_SET, 2, property::SET, &[]);
    let answer = pin.property(&request, status.to_le_bytes().to_vec());
    assert_eq!(answer.status, Status::SUCCESS, "property 2 of the specimen");
}

/// How the clock of the variant `clock` goes.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// The clock's time when the system's is 0.
    pub start: i64,
    /// How much it goes on while the system's goes on by 1000.
    pub rate: i64,
    /// What it adds to the system's time when it says it.
    pub error: i64,
}

impl Line {
    /// What the clock shows at a time of the system.
    pub fn at(self, time: u64) -> i64 {
        self.start + time as i64 * self.rate / 1000
    }
}

/// The clock of the variant `clock` goes like this from now on.
///
/// # Panics
/// When the specimen does not take it.
pub fn set_clock(pin: &Pin, Line { start, rate, error }: Line) {
    let request = property::request(PROPERTY_SET, 3, property::SET, &[]);
    let line = [start, rate, error].map(i64::to_le_bytes).concat();
    let answer = pin.property(&request, line);
    assert_eq!(answer.status, Status::SUCCESS, "property 3 of the specimen");
}
