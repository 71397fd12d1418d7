//! Where a check is made: the system under test, and the tally of what was found.

use std::{cell::RefCell, fmt::Display, panic::Location};

use ks_sys::NTSTATUS;

use crate::{
    client::{Filter, Pin},
    outcome::{Finding, Verdict},
    survey::{self, Subject},
    system::{Footprint, Interface, Machine, System},
    wire::Status,
};

/// What the user promises about the driver.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// The interface classes in which filters are to be found, and no others; none: nothing is promised.
    pub categories: Vec<ks_sys::GUID>,
    /// A part of the name, reference or link of the filters to look at; none: all.
    pub filter: Option<String>,
}

impl Promises {
    /// The filters to look at.
    pub fn chosen(&self, mut filters: Vec<Interface>) -> Vec<Interface> {
        if let Some(wanted) = self.filter.as_ref().map(|text| text.to_lowercase()) {
            filters.retain(|filter| {
                [&filter.link, &filter.name, &filter.reference]
                    .iter()
                    .any(|text| text.to_lowercase().contains(&wanted))
            });
        }
        filters
    }
}

/// How often what must not grow is done: 100,000 connections, 1,000 restarts.
pub const ROUNDS: u32 = 100_000;

#[derive(Default)]
struct Tally {
    assertions: u64,
    failures: Vec<Finding>,
    warnings: Vec<Finding>,
    notes: Vec<String>,
}

/// Where a check is made.
pub struct Bench<'a> {
    /// The system.
    pub system: &'a dyn System,
    /// What the user promises.
    pub promises: Promises,
    /// The seed of what is random.
    pub seed: u64,
    /// How many random requests are sent.
    pub requests: u64,
    /// How often what must not grow is done: connections as often, restarts a hundredth, the threads of H11 a
    /// five-hundredth of it.
    pub rounds: u32,
    tally: RefCell<Tally>,
}

/// What a bench found: the answer, assertions, failures, warnings, notes.
pub type Found = (Verdict, u64, Vec<Finding>, Vec<Finding>, Vec<String>);

fn add(list: &mut Vec<Finding>, at: &Location<'_>, what: String, expected: String, got: String) {
    let name = at.file().rsplit(['/', '\\']).next().unwrap_or_default();
    let at = format!("{name}:{}", at.line());
    match list.iter_mut().find(|known| known.at == at && known.expected == expected && known.got == got) {
        Some(known) => known.times += 1,
        None => list.push(Finding { at, what, expected, got, times: 1 }),
    }
}

impl<'a> Bench<'a> {
    /// A bench with nothing found yet.
    pub fn new(system: &'a dyn System, promises: Promises) -> Self {
        Self { system, promises, seed: 1, requests: 20_000, rounds: ROUNDS, tally: RefCell::default() }
    }

    /// An assertion. True if it holds.
    #[track_caller]
    pub fn holds(&self, holds: bool, what: impl Display, expected: impl Display, got: impl Display) -> bool {
        let mut tally = self.tally.borrow_mut();
        tally.assertions += 1;
        if !holds {
            let (what, expected, got) = (what.to_string(), expected.to_string(), got.to_string());
            add(&mut tally.failures, Location::caller(), what, expected, got);
        }
        holds
    }

    /// An assertion about two values that should be the same.
    #[track_caller]
    pub fn equal<T: PartialEq + std::fmt::Debug>(&self, what: impl Display, got: T, expected: T) -> bool {
        self.holds(got == expected, what, format_args!("{expected:?}"), format_args!("{got:?}"))
    }

    /// The request succeeded.
    #[track_caller]
    pub fn succeeds(&self, what: impl Display, got: Status) -> bool {
        self.holds(got.is_success(), what, "success", got)
    }

    /// The request came back with one of these statuses.
    #[track_caller]
    pub fn status(&self, what: impl Display, got: Status, allowed: &[NTSTATUS]) -> bool {
        let names: Vec<_> = allowed.iter().map(|status| Status(*status).to_string()).collect();
        self.holds(allowed.contains(&got.0), what, names.join(" or "), got)
    }

    /// The request was refused, with a status that the headers know.
    #[track_caller]
    pub fn refused(&self, what: impl Display, got: Status) -> bool {
        self.holds(
            !got.is_success() && got.name().is_some(),
            what,
            "an error with a documented status",
            if got.name().is_some() { got.to_string() } else { format!("{got}, which no header has") },
        )
    }

    /// The status is one that the headers know; whether it is success or not.
    #[track_caller]
    pub fn known(&self, what: impl Display, got: Status) -> bool {
        self.holds(got.name().is_some(), what, "a documented status", got)
    }

    /// So many assertions were made elsewhere, and held.
    pub fn made(&self, assertions: u64) {
        self.tally.borrow_mut().assertions += assertions;
    }

    /// Works, but dubious.
    #[track_caller]
    pub fn warn(&self, doubtful: bool, what: impl Display, expected: impl Display, got: impl Display) {
        if doubtful {
            let mut tally = self.tally.borrow_mut();
            let (what, expected, got) = (what.to_string(), expected.to_string(), got.to_string());
            add(&mut tally.warnings, Location::caller(), what, expected, got);
        }
    }

    /// Something could not be checked.
    pub fn note(&self, why: impl Display) {
        let why = why.to_string();
        let mut tally = self.tally.borrow_mut();
        if !tally.notes.contains(&why) {
            tally.notes.push(why);
        }
    }

    /// The machine, or a note that this system cannot do what the check needs.
    pub fn machine(&self) -> Option<&'a dyn Machine> {
        let machine = self.system.machine();
        if machine.is_none() {
            self.note(format_args!("{} cannot do this", self.system.name()));
        }
        machine
    }

    /// What the machine holds, if it can be asked.
    pub fn footprint(&self) -> Option<Footprint> {
        self.system.machine().map(Machine::footprint)
    }

    /// Nothing was left over since an earlier look.
    #[track_caller]
    pub fn nothing_left(&self, what: impl Display, before: Option<Footprint>) {
        match (before, self.footprint()) {
            (Some(before), Some(now)) => {
                self.equal(format!("what is alive after {what}"), now, before);
            }
            _ => self.note(format_args!("{} does not say what is left over", self.system.name())),
        }
    }

    /// The filters under test, opened and asked.
    pub fn subjects(&self) -> Vec<Subject<'a>> {
        survey::subjects(self)
    }

    /// Opens another instance of a filter; a failure is an assertion that does not hold.
    #[track_caller]
    pub fn reopen(&self, subject: &Subject<'a>) -> Option<Filter<'a>> {
        let opened = Filter::open(self.system, &subject.interface.link);
        let status = opened.as_ref().err().copied().unwrap_or(Status::SUCCESS);
        self.succeeds(format_args!("opening {}", subject.interface.name), status).then_some(())?;
        opened.ok()
    }

    /// The value of a result; a failure is an assertion that does not hold.
    #[track_caller]
    pub fn take<T>(&self, what: impl Display, result: Result<T, Status>) -> Option<T> {
        let status = result.as_ref().err().copied().unwrap_or(Status::SUCCESS);
        self.succeeds(what, status);
        result.ok()
    }

    /// A new pin of the first format of a pin type that can be created by a client; on its own filter instance.
    pub fn pin_of(&self, subject: &Subject<'a>, pin: u32) -> Option<(Filter<'a>, Pin<'a>)> {
        let model = subject.pins.iter().find(|model| model.id == pin)?;
        let format = model.formats.first()?;
        let filter = Filter::open(self.system, &subject.interface.link).ok()?;
        let made = filter.create_pin(pin, format).ok()?;
        Some((filter, made))
    }

    /// What was found.
    pub fn finish(self) -> Found {
        let mut tally = self.tally.into_inner();
        if tally.assertions == 0 && tally.notes.is_empty() {
            tally.notes.push("the driver has nothing that this check could be made with".to_owned());
        }
        let verdict = if !tally.failures.is_empty() {
            Verdict::Fail
        } else if tally.assertions == 0 {
            Verdict::NotSupported
        } else {
            Verdict::Ok
        };
        (verdict, tally.assertions, tally.failures, tally.warnings, tally.notes)
    }
}
