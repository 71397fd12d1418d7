//! What the whole-driver tests share.
//!
//! They look at the built images in `target/driver`, as Windows would get them, through the client's interface
//! of the rig. `cargo xtask build` makes the images.

pub mod events;
pub mod headers;
pub mod images;
pub mod movie;
pub mod own;
pub mod picture;
pub mod raw;
pub mod scarcity;
pub mod stand;
pub mod studio;
pub mod switches;
