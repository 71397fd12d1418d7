//! What a scenario works with.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::survey::{Pair, Survey};
use crate::client::{Driver, Error, Filter, Rig};
use crate::nt::sched::{self, Plan};

/// How often what was done: "pins made".
pub type Done = BTreeMap<String, u64>;

/// What one thread of a race does.
pub type Race = (&'static str, Box<dyn FnOnce() + Send>);

/// A rig with drivers on it, and what is known of them.
pub struct Stage<'a> {
    /// The rig.
    pub rig: &'a Rig,
    /// What the drivers offer.
    pub survey: Arc<Survey>,
    /// The pairs of it.
    pub pairs: Arc<Vec<Pair>>,
    pub(in crate::client) paths: &'a [PathBuf],
    pub(in crate::client) drivers: RefCell<Vec<Driver>>,
    pub(in crate::client) done: RefCell<Done>,
    pub(in crate::client) plan: RefCell<Option<Plan>>,
}

impl Stage<'_> {
    /// Notes that something was done.
    pub fn did(&self, what: &str) {
        self.did_often(what, 1);
    }

    /// Notes that it was done so often.
    pub fn did_often(&self, what: &str, times: u64) {
        *self.done.borrow_mut().entry(what.to_owned()).or_default() += times;
    }

    /// Opens a filter of the survey.
    pub fn open(&self, index: usize) -> Option<Filter> {
        let filter = self.survey.filters[index].open().ok()?;
        self.did("filters opened");
        Some(filter)
    }

    /// Does something to each driver.
    pub fn each_driver<R>(&self, body: impl Fn(&Driver) -> R) {
        self.drivers.borrow().iter().for_each(|driver| drop(body(driver)));
    }

    /// Unloads the drivers, the first one last.
    pub fn unload(&self) {
        let drivers = std::mem::take(&mut *self.drivers.borrow_mut());
        drivers.into_iter().rev().for_each(|driver| drop(driver.unload()));
    }

    /// Loads the drivers.
    pub fn load(&self) -> Result<(), Error> {
        for (index, path) in self.paths.iter().enumerate() {
            let driver = if index == 0 { self.rig.load(path)? } else { self.rig.load_also(path)? };
            self.drivers.borrow_mut().push(driver);
        }
        Ok(())
    }

    /// Runs threads all at once and waits for them; their schedule is the run's to choose.
    pub fn race(&self, threads: Vec<Race>) {
        self.did_often("threads at once", threads.len() as u64);
        let start = |(name, body): Race| self.rig.spawn(name, body);
        let threads: Vec<_> = threads.into_iter().map(start).collect();
        // From the first race on to the end of the scenario.
        if let Some(plan) = self.plan.take() {
            sched::explore(plan);
        }
        threads.into_iter().for_each(crate::nt::machine::JoinHandle::join);
    }
}
