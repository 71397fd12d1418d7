//! What crosses the border between a client and the kernel: structures as bytes, statuses, formats.

pub mod bytes;
pub mod format;
pub mod guid;
mod pixel;
mod range;
mod status;

pub use format::{Format, Video};
pub use pixel::Pixels;
pub use range::{Pictures, Range};
pub use status::Status;
