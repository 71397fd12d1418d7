//! The registry: one hive in memory per machine, empty but for what a client or an INF puts there.

mod device;
mod hive;
mod query;
mod values;
mod zw;

use super::exports::Export;

pub use self::{
    device::{IoOpenDeviceInterfaceRegistryKey, IoOpenDeviceRegistryKey, Place, Seed, friendly_name, seed},
    hive::{set_value, value},
    zw::{
        ZwCreateKey, ZwDeleteKey, ZwDeleteValueKey, ZwEnumerateKey, ZwEnumerateValueKey, ZwFlushKey,
        ZwOpenKey, ZwQueryKey, ZwQueryValueKey, ZwSetValueKey,
    },
};

/// The functions of this folder.
pub(super) fn tables() -> [&'static [&'static Export]; 3] {
    [device::EXPORTS, values::EXPORTS, zw::EXPORTS]
}

/// The control set's path.
pub(super) const CONTROL_SET: &str = "\\Registry\\Machine\\System\\CurrentControlSet";
