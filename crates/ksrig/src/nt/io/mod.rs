//! The I/O manager: devices, IRPs, MDLs, files, device interfaces.

pub mod device;
pub mod file;
#[cfg(test)]
pub(crate) mod fixture;
pub mod interface;
pub mod irp;
pub mod mdl;
pub mod request;

pub use self::{device::*, file::*, interface::*, irp::*, mdl::*};
