//! Export drivers: images that other drivers import from, such as a ks.sys that a user has.

use std::path::Path;

use ks_sys::*;

use super::driver::{self, Driver, Error};
use crate::{
    nt::{
        callback::{self, CallbackKind, Group},
        exports,
        machine::{Machine, lock},
        string::{counted, wide},
        thread::as_kernel,
        trace,
    },
    pe,
};

/// An export driver that has been loaded.
#[derive(Debug)]
pub struct Library {
    /// What it imports and nobody plays: a call ends the run.
    pub unplayed: Vec<String>,
}

const INITIALIZE: CallbackKind = CallbackKind::new("DllInitialize", Group::Driver);

/// Loads an image whose exports drivers import from now on under the name `dll`, before any other provider of that
/// name; calls its DllInitialize, if it has one (kernel/dllinitialize-and-dllunload in the WDK's pages on export
/// drivers).
pub fn load_library(dll: &'static str, path: &Path) -> Result<Library, Error> {
    let image = pe::Image::open(path, &mut exports::lookup)?;
    let unplayed: Vec<String> = image
        .imports()
        .iter()
        .filter(|(_, name)| exports::is_missing(name))
        .map(|(dll, name)| format!("{dll}!{name}"))
        .collect();
    for name in &unplayed {
        trace::event("not_emulated", dll, format_args!("{} imports {name}", image.name()));
    }
    let initialize = image.export("DllInitialize");
    let driver = driver::register(dll, image);
    lock(&Machine::current().pnp).libraries.push((dll, driver));
    if let Some(address) = initialize {
        let service = dll.split('.').next().unwrap_or(dll);
        let path = wide(&format!("\\Registry\\Machine\\System\\CurrentControlSet\\Services\\{service}"));
        let mut path = counted(&path);
        // SAFETY: the export has this type by its name; the path lives during the call.
        let status = as_kernel(|| unsafe {
            let initialize: unsafe extern "win64" fn(PUNICODE_STRING) -> NTSTATUS =
                std::mem::transmute(address);
            callback::routine(address, INITIALIZE, &driver.name, || initialize(&raw mut path))
        });
        if status < 0 {
            return Err(Error::Entry(status));
        }
    }
    Ok(Library { unplayed })
}

/// The libraries of that name.
pub(in crate::nt) fn library(dll: &str) -> Option<&'static Driver> {
    let state = lock(&Machine::current().pnp);
    state.libraries.iter().find(|(own, _)| own.eq_ignore_ascii_case(dll)).map(|(_, driver)| *driver)
}
