//! The I/O manager: devices, IRPs, MDLs, files, device interfaces.

pub mod build;
pub mod call;
pub mod cancel;
pub mod complete;
pub mod control;
pub mod create;
pub mod device;
pub mod file;
#[cfg(test)]
pub(crate) mod fixture;
pub mod interface;
pub mod irp;
pub mod mdl;
pub mod request;
#[cfg(test)]
mod tests;

pub use self::{
    build::*, call::*, cancel::*, complete::*, control::*, create::*, device::*, file::*, interface::*,
    irp::*, mdl::*,
};
