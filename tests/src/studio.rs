//! Programs that write into the camera and read from it, in any format.

use ks_sys::GUID;
use ksrig::client::{Completion, Format, Packet, Pin, Request, State, Status, Video, bytes, graph::Place};
use video::{Encoding, Order};

use crate::{
    own, picture,
    stand::{Stand, done, set_state, video},
};

/// A pin of a client, with its filter. The pin is closed first.
pub struct Open {
    /// The pin.
    pub pin: Pin,
    _place: Place,
}

/// A format and everything that a program may say about it.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Pixels, size and rate.
    pub video: Video,
    /// `biWidth`: pixels from one row to the next.
    pub pitch: u32,
    /// Whether `biHeight` is negative.
    pub is_top_down: bool,
    /// `dwControlFlags` of KS_VIDEOINFOHEADER2, which is used then.
    pub control: Option<u32>,
}

impl Shape {
    /// Rows without padding, RGB from the bottom up, KS_VIDEOINFOHEADER: `nv12:640x480@30`.
    pub fn new(text: &str) -> Self {
        Self::of(video(text))
    }

    /// The same.
    pub fn of(video: Video) -> Self {
        Self { video, pitch: video.width, is_top_down: false, control: None }
    }

    /// The bytes of a frame.
    pub fn len(&self) -> usize {
        self.video.pixels.frame_len(self.pitch, self.video.height)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As the client says it.
    ///
    /// # Panics
    /// Never: a video format has these headers.
    pub fn format(&self) -> Format {
        let mut format = Format::from(self.video);
        if self.control.is_some() {
            format = format.with_header2().expect("a video format");
        }
        let mut head = format.head().expect("a format");
        let (at, mut bitmap) = (format.bitmap_at().expect("a place"), format.bitmap().expect("a bitmap"));
        bitmap.biWidth = self.pitch as i32;
        if self.is_top_down {
            bitmap.biHeight = -bitmap.biHeight;
        }
        bitmap.biSizeImage = self.len() as u32;
        head.SampleSize = bitmap.biSizeImage;
        bytes::write(&mut format.0[at..], &bitmap);
        bytes::write(&mut format.0, &head);
        if let Some(control) = self.control {
            format.0[HEAD + CONTROL..][..4].copy_from_slice(&control.to_le_bytes());
        }
        format
    }

    /// As crate `video` says it.
    ///
    /// # Panics
    /// When loopcam has no such format.
    pub fn looks(&self, encoding: Option<Encoding>) -> video::Format {
        let format = picture::format(&self.video);
        let format = format.with_encoding(encoding.unwrap_or(format.encoding()));
        let is_top_down = self.is_top_down || !format.pixel.is_rgb();
        let order = if is_top_down { Order::TopDown } else { Order::BottomUp };
        let stride = format.pixel.stride(self.pitch);
        format.with_order(order).and_then(|format| format.with_stride(stride)).expect("a format of loopcam")
    }
}

/// `sizeof(KSDATAFORMAT)`.
pub const HEAD: usize = 64;
/// Where dwControlFlags lies in KS_VIDEOINFOHEADER2.
pub const CONTROL: usize = ks_sys::KS_VIDEOINFOHEADER2_CONTROL_FLAGS_OFFSET;
/// GUID of nothing in particular.
pub const STRANGE: GUID = ks_sys::guid(0x7B0C_93E2_51A4_4D6F_8E0B_6C2A_913F_55D2);

impl Stand {
    /// A reader in a state.
    pub fn reader(&self, shape: &Shape, state: State) -> Open {
        self.open(self.capture(), &shape.format(), state)
    }

    /// A writer in RUN.
    pub fn writer(&self, shape: &Shape) -> Open {
        self.open(self.input(), &shape.format(), State::Run)
    }

    /// A pin of an own client, in a state.
    ///
    /// # Panics
    /// When that fails.
    pub fn open(&self, place: Place, format: &Format, state: State) -> Open {
        let pin = place.create(format).unwrap_or_else(|error| panic!("{error}"));
        set_state(&pin, state);
        Open { pin, _place: place }
    }
}

impl Open {
    /// Begins to read a frame of so many bytes.
    pub fn read(&self, len: usize) -> Request {
        self.pin.submit_read(packet(len))
    }

    /// Reads a frame of so many bytes.
    ///
    /// # Panics
    /// When that fails.
    pub fn frame(&self, len: usize) -> Packet {
        done(self.read(len).wait()).packet
    }

    /// Picture number and drop count, by PROPSETID_VIDCAP_DROPPEDFRAMES.
    ///
    /// # Panics
    /// When the pin does not count.
    pub fn counted(&self) -> (i64, i64) {
        let set = ks_sys::PROPSETID_VIDCAP_DROPPEDFRAMES;
        let answer = own::ask(self.pin.handle(), set, 0, 48);
        assert_eq!(answer.status, Status::SUCCESS, "the drop counter");
        let long = |at: usize| i64::from_le_bytes(answer.data[at..at + 8].try_into().expect("eight bytes"));
        (long(24), long(32))
    }

    /// Begins to write a frame.
    pub fn write(&self, frame: &[u8]) -> Request {
        self.pin.submit_write(Packet::from_frame(frame))
    }

    /// Sets another format.
    pub fn set_format(&self, format: &Format) -> Status {
        self.pin.set_format(format)
    }

    /// The format in force.
    ///
    /// # Panics
    /// When there is none.
    pub fn format(&self) -> Format {
        let id = ks_sys::KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32;
        let get = ksrig::client::property::GET;
        let request = ksrig::client::property::request(ks_sys::KSPROPSETID_Connection, id, get, &[]);
        Format(ksrig::client::property::get_sized(self.pin.handle(), &request).expect("a format"))
    }
}

/// A frame to read into, filled with something, with room for frame info.
pub fn packet(len: usize) -> Packet {
    let mut packet = Packet::with_frame_info(&[len]);
    packet.frame_mut(0).fill(FILL);
    packet
}

/// What is in a buffer before it is read into.
pub const FILL: u8 = 0xA5;

/// A picture full of noise, always the same for a number.
pub fn noise(len: usize, number: u32) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x9E37_79B9) | 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..len).map(|_| next()).collect()
}

/// A frame is as long as its format says and has these bytes, whatever lies between its rows.
///
/// # Panics
/// When it is not.
pub fn assert_shows(completion: Completion, looks: video::Format, expected: &[u8], what: &str) {
    let packet = done(completion).packet;
    assert_eq!(packet.data(0).len(), looks.image_size() as usize, "{what}: DataUsed");
    assert_eq!(packet.data(0).len(), expected.len(), "{what}");
    let same = packet.data(0) == expected;
    assert!(
        same,
        "{what}: not the picture that crate video makes, or something beside its pixels was written"
    );
}
