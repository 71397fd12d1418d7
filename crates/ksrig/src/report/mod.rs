//! What a run leaves behind for people: one HTML page, a contact sheet, video files, the event log.

mod arrivals;
mod base64;
pub mod events;
mod font;
mod graph;
mod page;
mod picture;
mod sequence;
mod sheet;
mod style;
mod svg;
mod verification;
pub mod y4m;

pub use graph::{Box, Graph, Link, Port};
pub use page::{Page, Stream};
pub use picture::Picture;
pub use sheet::contact_sheet;
pub use verification::Verification;
