//! The property *status*: whether somebody writes, and what. For tools and people; nothing depends on it.

use avstream::ffi::{GUID, guid};

use crate::hub::Hub;

/// The set: `{9D4C71E6-2A3B-4F85-B0D9-C6E7F8135A20}`.
pub static SET: GUID = guid(0x9D4C_71E6_2A3B_4F85_B0D9_C6E7_F813_5A20);

/// The number of the property in the set.
pub const ID: u32 = 0;

avstream::plain! {
    /// The device, as it is now.
    pub struct Status {
        /// 0: nobody writes. 1: somebody has the right to. 2: somebody does.
        pub writer: u32,
        /// How the writer's pixels are written down, as in `biCompression`; 0 while nobody writes.
        pub fourcc: u32,
        /// The writer's pixels in a row; 0 while nobody writes.
        pub width: u32,
        /// The writer's rows; 0 while nobody writes.
        pub height: u32,
        /// Pictures that have been written since the device was started.
        pub pictures: u64,
    }
}

impl Status {
    /// The status of the device that has this hub.
    pub fn of(hub: &Hub) -> Self {
        let pictures = hub.frames.sequence();
        match hub.live() {
            Some(format) => Self {
                writer: 2,
                fourcc: format.pixel.fourcc(),
                width: format.geometry.width(),
                height: format.geometry.height(),
                pictures,
            },
            None => Self { writer: hub.is_claimed().into(), fourcc: 0, width: 0, height: 0, pictures },
        }
    }
}
