//! A driver, or several, and the machines that they run on.

use std::path::PathBuf;
use std::sync::Arc;

use super::run::LIMIT;
use crate::client::scenario::{Pair, Survey};
use crate::client::{Builder, Driver, Error};
use crate::nt::{object, sched};

/// What the drivers do at the end of a run, when nothing fails any more: filters, pins and pairs that came about, and pins
/// that frames came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Health {
    pub filters: usize,
    pub pins: usize,
    pub links: usize,
    pub streaming: usize,
}

/// What is verified.
pub struct Subject {
    pub(super) builder: Builder,
    pub(super) paths: Vec<PathBuf>,
    pub(super) survey: Arc<Survey>,
    pub(super) pairs: Arc<Vec<Pair>>,
    pub(super) health: Health,
    /// Objects of the machine itself that come about with a first driver and stay.
    pub(super) stays: usize,
}

impl Subject {
    /// Loads the drivers into such a machine once and finds out what they offer.
    pub fn new(builder: Builder, paths: &[PathBuf]) -> Result<Self, Error> {
        let rig = builder.clone().build();
        sched::limit(LIMIT);
        let (_, before) = object::handles_and_objects();
        let mut drivers: Vec<Driver> = Vec::new();
        for (index, path) in paths.iter().enumerate() {
            drivers.push(if index == 0 { rig.load(path)? } else { rig.load_also(path)? });
        }
        let survey = Arc::new(Survey::of(&rig));
        let pairs = Arc::new(survey.pairs(&rig));
        let mut subject =
            Self { builder, paths: paths.to_vec(), survey, pairs, health: Health::default(), stays: 0 };
        subject.health = subject.look(&rig);
        drivers.into_iter().rev().for_each(drop);
        subject.stays = 1.min(object::handles_and_objects().1.saturating_sub(before));
        drop(rig);
        Ok(subject)
    }

    /// What the drivers offer.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }
}
