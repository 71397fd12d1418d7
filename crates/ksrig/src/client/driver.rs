//! A loaded driver with its device.

use std::path::Path;

use super::Status;
use super::error::Error;
use super::format::SECOND;
use crate::nt::violation::{self, Violation};
use crate::nt::{pnp, sched};
use crate::pe;

/// How long files may take to go, 100 ns units: in CLOSE a driver may wait for its hardware.
const PATIENCE: u64 = 10 * SECOND;

/// A loaded driver with one started device. Removed and unloaded on drop.
pub struct Driver {
    driver: &'static pnp::Driver,
    device: &'static pnp::Device,
    loaded: bool,
}

impl Driver {
    /// DriverEntry, AddDevice, START; waits until the device's interfaces are enabled.
    pub(super) fn load(path: &Path, hardware_id: Option<&str>) -> Result<Self, Error> {
        let name = path.display().to_string();
        let driver = pnp::load_file(path).map_err(|reason| Error::Load { driver: name.clone(), reason })?;
        let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().to_uppercase());
        let hardware_id = hardware_id.map_or_else(|| format!(r"ROOT\{stem}"), str::to_owned);
        let failed = |action: &str, status| Error::status(format!("{action} of {name}"))(Status(status));
        let device = match driver.add_device(&hardware_id) {
            Ok(device) => device,
            Err(status) => {
                driver.unload();
                return Err(failed("AddDevice", status));
            }
        };
        let driver = Self { driver, device, loaded: true };
        let status = device.start();
        if !Status(status).is_success() {
            return Err(failed("the start", status));
        }
        sched::settle();
        Ok(driver)
    }

    /// The image.
    pub fn image(&self) -> Option<&'static pe::Image> {
        self.driver.image()
    }

    /// The device and its stack.
    pub fn device(&self) -> &'static pnp::Device {
        self.device
    }

    /// Removes the device and unloads the driver; what broke a rule on the way (leaks among it) comes back.
    pub fn unload(mut self) -> Vec<Violation> {
        self.take_down()
    }

    /// Gives what nobody has a handle of any more the time to be closed, at most ten seconds of virtual time.
    pub fn wait_for_files(&self) {
        self.device.wait_for_files(PATIENCE);
    }

    fn take_down(&mut self) -> Vec<Violation> {
        if !std::mem::replace(&mut self.loaded, false) {
            return Vec::new();
        }
        let before = violation::list().len();
        // A device that was pulled out is gone when its last file is.
        self.wait_for_files();
        let status = if self.device.is_removed() { Status::SUCCESS } else { Status(self.device.remove()) };
        if status.is_success() {
            self.driver.unload();
        } else {
            let driver = self.driver.name();
            violation::report("PnpRemove", 0, driver, format!("the device refuses its removal: {status}"));
        }
        violation::list().split_off(before)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.take_down();
    }
}
