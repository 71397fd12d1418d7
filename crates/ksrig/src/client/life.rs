//! What happens to a driver's device: it is stopped and started, asked to go and pulled out, disabled and enabled, sent
//! to sleep and woken up. Each call sends the requests of the PnP or power manager and waits until all is quiet.

use ks_sys::{
    _DEVICE_POWER_STATE::{PowerDeviceD0, PowerDeviceD3},
    IRP_MN_CANCEL_REMOVE_DEVICE, IRP_MN_QUERY_REMOVE_DEVICE, NTSTATUS,
};

use super::Status;
use super::driver::Driver;
use crate::nt::sched;

fn settled(status: NTSTATUS) -> Result<(), Status> {
    sched::settle();
    Status(status).check().map(drop)
}

impl Driver {
    /// QUERY_STOP_DEVICE and STOP_DEVICE, as when resources are assigned anew. The error is a veto.
    pub fn stop(&self) -> Result<(), Status> {
        settled(self.device().stop())
    }

    /// START_DEVICE: after [`stop`](Self::stop), or once more without one (XP and later). A device that was stopped and
    /// does not start again is pulled out.
    pub fn start(&self) -> Result<(), Status> {
        settled(self.device().start())
    }

    /// QUERY_REMOVE_DEVICE; CANCEL_REMOVE_DEVICE or REMOVE_DEVICE has to follow. The error is a veto.
    pub fn query_remove(&self) -> Result<(), Status> {
        settled(self.device().send(IRP_MN_QUERY_REMOVE_DEVICE as u8))
    }

    /// CANCEL_REMOVE_DEVICE.
    pub fn cancel_remove(&self) -> Result<(), Status> {
        settled(self.device().send(IRP_MN_CANCEL_REMOVE_DEVICE as u8))
    }

    /// QUERY_REMOVE_DEVICE and REMOVE_DEVICE, as the user disables the device; the driver stays loaded. While files are
    /// open it is refused with STATUS_DEVICE_BUSY, after CANCEL_REMOVE_DEVICE.
    pub fn disable(&self) -> Result<(), Status> {
        settled(self.device().disable())
    }

    /// AddDevice and START_DEVICE of the device that was disabled: it has the names that it had.
    pub fn enable(&self) -> Result<(), Status> {
        settled(self.device().enable())
    }

    /// SURPRISE_REMOVAL; REMOVE_DEVICE follows when the last file is closed.
    pub fn pull_out(&self) {
        self.device().surprise_remove();
        sched::settle();
    }

    /// Whether REMOVE_DEVICE has been sent after [`pull_out`](Self::pull_out).
    pub fn is_gone(&self) -> bool {
        self.device().is_removed()
    }

    /// D3.
    pub fn sleep(&self) -> Result<(), Status> {
        settled(self.device().set_power(PowerDeviceD3))
    }

    /// D0.
    pub fn wake(&self) -> Result<(), Status> {
        settled(self.device().set_power(PowerDeviceD0))
    }
}
