//! INF files: [`Inf`] reads them, [`stamp`] makes them from `.inx` sources.
//!
//! The syntax is that of
//! <https://learn.microsoft.com/windows-hardware/drivers/install/general-syntax-rules-for-inf-files>.

mod decoration;
mod driver_ver;
mod encoding;
mod file_copy;
mod interface;
mod line;
mod models;
mod reference;
mod section;
mod service;
mod source;
mod stamp;

pub use decoration::{Architecture, Decoration, NotADecoration};
pub use driver_ver::{DriverVer, NotADriverVer};
pub use encoding::{Encoding, NotAnEncoding, decode};
pub use file_copy::{FileCopy, Folder};
pub use interface::Interface;
pub use line::{Entry, Field};
pub use models::{Device, Target};
pub use reference::{Kind, Owner, Reference, SUFFIXES};
pub use section::{Inf, Section, SyntaxError, SyntaxErrorKind};
pub use service::Service;
pub use source::Source;
pub use stamp::{Stamp, StampError, stamp};

pub(crate) use decoration::parse_number;
pub(crate) use stamp::is_catalog_name;
