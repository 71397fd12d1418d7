//! Loading drivers, devices and their life.

use ks_sys::*;

/// Why a driver was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The image was refused.
    #[error("{0}")]
    Image(String),
    /// DriverEntry failed.
    #[error("DriverEntry returned {0:#010x}")]
    Entry(u32),
}

/// A loaded driver.
pub struct Driver {
    name: String,
}

/// Loads a driver image and calls DriverEntry.
pub fn load(name: &str, bytes: &[u8]) -> Result<&'static Driver, Error> {
    todo!()
}

/// The driver object of a driver written in Rust (tests; built-in drivers): `entry` plays DriverEntry.
pub fn load_builtin(name: &str, entry: PDRIVER_INITIALIZE) -> Result<&'static Driver, Error> {
    todo!()
}

/// A root-enumerated device and its stack.
pub struct Device {
    driver: &'static Driver,
}

impl Driver {
    /// The driver object.
    pub fn object(&self) -> PDRIVER_OBJECT {
        todo!()
    }

    /// Its file name ("loopcam.sys").
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Makes a root-enumerated physical device with this hardware id (`ROOT\LOOPCAM`) and calls AddDevice.
    pub fn add_device(&'static self, hardware_id: &str) -> Result<&'static Device, NTSTATUS> {
        todo!()
    }

    /// Calls DriverUnload and unmaps the image; what is left is reported as violations.
    pub fn unload(&'static self) {
        todo!()
    }
}

impl Device {
    /// The physical device object.
    pub fn pdo(&self) -> PDEVICE_OBJECT {
        todo!()
    }

    /// Sends IRP_MN_START_DEVICE and waits.
    pub fn start(&self) -> NTSTATUS {
        todo!()
    }

    /// Sends any PnP IRP to the top of the stack and waits.
    pub fn send(&self, minor: u8) -> NTSTATUS {
        todo!()
    }

    /// QUERY_REMOVE_DEVICE, then REMOVE_DEVICE; the device's own veto comes back.
    pub fn remove(&self) -> NTSTATUS {
        todo!()
    }

    /// SURPRISE_REMOVAL, then REMOVE_DEVICE.
    pub fn surprise_remove(&self) {
        todo!()
    }
}
