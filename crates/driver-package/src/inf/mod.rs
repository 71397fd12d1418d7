//! INF files: [`Inf`] reads them.
//!
//! The syntax is that of
//! <https://learn.microsoft.com/windows-hardware/drivers/install/general-syntax-rules-for-inf-files>.

mod decoration;
mod driver_ver;
mod encoding;
mod line;
mod models;
mod section;
mod source;

pub use decoration::{Architecture, Decoration, NotADecoration};
pub use driver_ver::{DriverVer, NotADriverVer};
pub use encoding::{Encoding, NotAnEncoding, decode};
pub use line::{Entry, Field};
pub use models::{Device, Target};
pub use section::{Inf, Section, SyntaxError, SyntaxErrorKind};
pub use source::Source;
