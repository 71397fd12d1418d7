//! One emulated computer with a user sitting at it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::driver::Driver;
use super::error::Error;
use super::filter::{Filter, Interface};
use super::inf::Inf;
use crate::ks;
use crate::nt::trace::Event;
use crate::nt::violation::Violation;
use crate::nt::{self, Machine, MachineOptions, machine::JoinHandle};

/// How a rig behaves.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    machine: MachineOptions,
    ks: ks::Options,
    hardware_id: Option<String>,
    ks_image: Option<PathBuf>,
    registry: Vec<nt::registry::Seed>,
}

impl Builder {
    /// Drivers import from this image of a ks.sys instead of the rig's own. It is loaded with the first driver.
    pub fn ks_image(mut self, path: &Path) -> Self {
        self.ks_image = Some(path.to_owned());
        self
    }

    /// The seed of every choice of the scheduler: the same seed gives the same run.
    pub fn seed(mut self, seed: u64) -> Self {
        self.machine.seed = seed;
        self
    }

    /// Whether events are kept.
    pub fn trace(mut self, trace: bool) -> Self {
        self.machine.trace = trace;
        self
    }

    /// How often a switch point hands over: once in so many times, 0 only when a thread blocks.
    pub fn preemption(mut self, one_in: u32) -> Self {
        self.machine.preemption = one_in;
        self
    }

    /// Whether driver code runs on all threads at the same time; see [`MachineOptions::free`].
    pub fn free(mut self, free: bool) -> Self {
        self.machine.free = free;
        self
    }

    /// Whether time in the driver is measured.
    pub fn measure(mut self, measure: bool) -> Self {
        self.machine.measure = measure;
        self
    }

    /// What is watched beside the rules that cost nothing.
    pub fn watch(mut self, flags: nt::flags::Flags) -> Self {
        self.machine.watch = flags;
        self
    }

    /// What the first thread of each machine calls when it begins.
    pub fn on_start(mut self, on_start: fn(&'static Machine)) -> Self {
        self.machine.on_start = Some(on_start);
        self
    }

    /// What is called before a fatal stop ends the process.
    pub fn on_stop(mut self, on_stop: fn(&nt::bugcheck::Stop)) -> Self {
        self.machine.on_stop = Some(on_stop);
        self
    }

    /// The switches for the open points of the contract.
    pub fn options(mut self, options: ks::Options) -> Self {
        self.ks = options;
        self
    }

    /// What has been said about the machine.
    pub fn machine(&self) -> &MachineOptions {
        &self.machine
    }

    /// Takes names and hardware id from the driver's INF.
    pub fn inf(mut self, inf: &Inf) -> Self {
        self.ks.names.extend(inf.names.clone());
        self.registry.extend(inf.registry.clone());
        self.hardware_id = inf.hardware_id.clone().or(self.hardware_id);
        self
    }

    /// Builds it. The calling thread becomes the user's.
    pub fn build(self) -> Rig {
        let machine = Machine::new(self.machine);
        nt::registry::seed(self.registry);
        let names = self.ks.names.clone();
        if self.ks_image.is_none() {
            ks::install(self.ks);
        }
        Rig {
            machine,
            names,
            hardware_id: self.hardware_id,
            ks_image: self.ks_image,
            library: OnceCell::new(),
        }
    }
}

/// One emulated computer with a user sitting at it. Belongs to the thread that built it.
pub struct Rig {
    machine: &'static Machine,
    names: BTreeMap<String, String>,
    hardware_id: Option<String>,
    ks_image: Option<PathBuf>,
    library: OnceCell<nt::pnp::Library>,
}

impl Rig {
    /// Starts with the default options.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Loads a driver and starts a root-enumerated device of it, as the installation of its INF would.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<Driver, Error> {
        self.load_ks()?;
        Driver::load(path.as_ref(), self.hardware_id.as_deref())
    }

    /// Loads another driver; its hardware id is made of its file name.
    pub fn load_also(&self, path: impl AsRef<Path>) -> Result<Driver, Error> {
        self.load_ks()?;
        Driver::load(path.as_ref(), None)
    }

    fn load_ks(&self) -> Result<(), Error> {
        let Some(path) = self.ks_image.as_ref().filter(|_| self.library.get().is_none()) else {
            return Ok(());
        };
        let failed = |reason| Error::Load { driver: path.display().to_string(), reason };
        let _ = self.library.set(nt::pnp::load_library("ks.sys", path).map_err(failed)?);
        Ok(())
    }

    /// What the image of ks.sys imports and the rig does not play, once it has been loaded.
    pub fn unplayed_imports_of_ks(&self) -> &[String] {
        self.library.get().map_or(&[], |library| &library.unplayed)
    }

    /// The filters that can be opened, in the order of their registration; one with several interfaces is
    /// listed once.
    pub fn filters(&self) -> Vec<Interface> {
        let mut filters: Vec<Interface> = Vec::new();
        for (class, interface) in nt::io::interface::all() {
            if !interface.enabled {
                continue;
            }
            match filters.iter_mut().find(|filter| filter.reference == interface.reference) {
                Some(filter) => filter.categories.push(class),
                None => {
                    // A driver may give its interfaces names beside those of its INF.
                    let told = || nt::registry::friendly_name(&class, &interface);
                    let name = self.names.get(&interface.reference).cloned().or_else(told);
                    let name = name.unwrap_or_else(|| format!("filter {}", filters.len()));
                    let nt::io::interface::Interface { link, reference, .. } = interface;
                    filters.push(Interface { link, reference, categories: vec![class], name });
                }
            }
        }
        filters
    }

    /// The filters of one category.
    pub fn filters_of(&self, category: &ks_sys::GUID) -> Vec<Interface> {
        let mut filters = self.filters();
        filters.retain(|filter| filter.categories.iter().any(|known| ks_sys::is_equal_guid(known, category)));
        filters
    }

    /// A filter by its number, its name or its reference string.
    pub fn filter(&self, wanted: &str) -> Result<Interface, Error> {
        let filters = self.filters();
        let by_number = wanted.parse().ok().and_then(|index: usize| filters.get(index));
        let same = |filter: &&Interface| {
            filter.name.eq_ignore_ascii_case(wanted) || filter.reference.eq_ignore_ascii_case(wanted)
        };
        by_number.or_else(|| filters.iter().find(same)).cloned().ok_or_else(|| Error::NoFilter {
            wanted: wanted.to_owned(),
            known: list(
                filters.iter().enumerate().map(|(index, filter)| format!("{index} ({})", filter.name)),
            ),
        })
    }

    /// Opens a filter.
    pub fn open_filter(&self, filter: &Interface) -> Result<Filter, Error> {
        Filter::open(&filter.link).map_err(Error::status(format!("opening {}", filter.name)))
    }

    /// Starts another thread of the user's program.
    pub fn spawn<T: Send + 'static>(
        &self,
        name: &str,
        body: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        self.machine.spawn(name, body)
    }

    /// Sets a value of the registry; false when the path is not one below `\Registry`.
    pub fn set_registry_value(&self, path: &str, name: &str, kind: u32, data: &[u8]) -> bool {
        nt::registry::set_value(path, name, kind, data)
    }

    /// A value of the registry: its type and its bytes.
    pub fn registry_value(&self, path: &str, name: &str) -> Option<(u32, Vec<u8>)> {
        nt::registry::value(path, name)
    }

    /// Ends it and gives back what its drivers' images took, when no driver is loaded: for who makes thousands of rigs.
    pub(super) fn end(self) {
        nt::sched::settle();
        if nt::pnp::drivers().is_empty() {
            // SAFETY: no driver is loaded, so nothing of one runs, and the client has given up all that was of one.
            unsafe { nt::pnp::free_images() };
        }
    }

    /// Virtual time, 100 ns units.
    pub fn now(&self) -> u64 {
        nt::sched::now()
    }

    /// Lets virtual time pass.
    pub fn sleep(&self, units: u64) {
        nt::sched::sleep(units);
    }

    /// Lets everything else run until nothing can without time passing.
    pub fn settle(&self) {
        nt::sched::settle();
    }

    /// The event log so far.
    pub fn events(&self) -> Vec<Event> {
        nt::trace::events()
    }

    /// Rules broken so far.
    pub fn violations(&self) -> Vec<Violation> {
        nt::violation::list()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.machine.shutdown();
    }
}

pub(super) fn list(items: impl Iterator<Item = String>) -> String {
    let text = items.collect::<Vec<_>>().join(", ");
    if text.is_empty() { "none".to_owned() } else { text }
}
