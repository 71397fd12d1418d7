//! Schedules on purpose: who runs at each point where more than one thread could.

use std::collections::BTreeMap;

use super::step;

/// How the choices are made.
#[derive(Clone, Debug)]
pub enum Plan {
    /// By chance: at a switch point another thread goes on once in so many times.
    Chance {
        /// Of the chance.
        seed: u64,
        /// Once in so many times.
        one_in: u32,
        /// Once in so many entries of driver code the thread stops there, at an instruction by chance, and another goes on;
        /// 0 = never.
        stop_in: u32,
    },
    /// Priorities by chance: the ready thread with the highest runs, and at switch points that were drawn beforehand
    /// whoever runs falls below all others. A fault that takes so many ill-timed changes is met with a probability that
    /// is known (Burckhardt and others, "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010).
    Priorities {
        /// Of the first priorities.
        seed: u64,
        /// The switch points at which whoever runs falls.
        changes: Vec<u64>,
        /// As above; the thread that stops falls.
        stop_in: u32,
    },
    /// These options at these choices; at all others whoever runs goes on, or else who has been ready for longest.
    Given(Vec<(u64, u32)>),
}

/// A point at which more than one thread could go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The number of the choice.
    pub at: u64,
    /// What was taken: 0 is whoever runs, or who has been ready for longest if nobody does. At an entry of driver code: the
    /// place at which the thread stops there, 0 for none.
    pub taken: u32,
    /// From so many that are worth trying.
    pub of: u32,
}

/// What came of an exploration.
#[derive(Clone, Debug, Default)]
pub struct Explored {
    /// All choices in order.
    pub choices: Vec<Choice>,
    /// Points at which whoever ran could have been interrupted, alone or not.
    pub switch_points: u64,
}

/// The next pseudo-random number (splitmix64).
pub fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

enum Policy {
    Chance { random: u64, one_in: u32, stop_in: u32 },
    Priorities(Priorities),
    Given(BTreeMap<u64, u32>),
}

struct Priorities {
    random: u64,
    of: BTreeMap<u32, u64>,
    /// Below all priorities so far.
    lowest: u64,
    /// In ascending order.
    changes: Vec<u64>,
    stop_in: u32,
}

impl Priorities {
    /// First priorities lie above this, those of whoever fell below.
    const FIRST: u64 = 1 << 32;

    fn of(&mut self, thread: u32) -> u64 {
        let random = &mut self.random;
        *self.of.entry(thread).or_insert_with(|| Self::FIRST + (mix(random) >> 32))
    }

    fn fall(&mut self, thread: u32) {
        self.lowest -= 1;
        self.of.insert(thread, self.lowest);
    }
}

/// A plan that is being carried out.
pub(super) struct Exploration {
    policy: Policy,
    choices: Vec<Choice>,
    switch_points: u64,
}

impl Exploration {
    pub fn new(plan: Plan) -> Self {
        let policy = match plan {
            Plan::Chance { seed, one_in, stop_in } => {
                Policy::Chance { random: seed, one_in: one_in.max(1), stop_in }
            }
            Plan::Priorities { seed, mut changes, stop_in } => {
                changes.sort_unstable();
                let of = BTreeMap::new();
                Policy::Priorities(Priorities {
                    random: seed,
                    of,
                    lowest: Priorities::FIRST,
                    changes,
                    stop_in,
                })
            }
            Plan::Given(choices) => Policy::Given(choices.into_iter().collect()),
        };
        Self { policy, choices: Vec::new(), switch_points: 0 }
    }

    pub fn choices(&self) -> &[Choice] {
        &self.choices
    }

    pub fn end(self) -> Explored {
        Explored { choices: self.choices, switch_points: self.switch_points }
    }

    /// A thread passes a switch point.
    pub fn pass(&mut self, thread: u32) {
        self.switch_points += 1;
        if let Policy::Priorities(priorities) = &mut self.policy
            && priorities.changes.first().is_some_and(|change| *change <= self.switch_points)
        {
            priorities.changes.remove(0);
            priorities.fall(thread);
        }
    }

    /// A thread gives way of its own accord.
    pub fn fall(&mut self, thread: u32) {
        if let Policy::Priorities(priorities) = &mut self.policy {
            priorities.fall(thread);
        }
    }

    /// Which of the threads goes on: whoever runs, if anybody does, and then those that are ready.
    pub fn choose(&mut self, runs: Option<u32>, ready: &[u32]) -> usize {
        let (at, of) = (self.choices.len() as u64, ready.len() + usize::from(runs.is_some()));
        let taken = match &mut self.policy {
            Policy::Chance { random, one_in, .. } => match runs {
                Some(_) if !mix(random).is_multiple_of(u64::from(*one_in)) => 0,
                Some(_) => 1 + (mix(random) % ready.len() as u64) as usize,
                None => (mix(random) % of as u64) as usize,
            },
            Policy::Priorities(priorities) => {
                let all = runs.iter().chain(ready).enumerate();
                all.max_by_key(|(_, id)| priorities.of(**id)).map_or(0, |(index, _)| index)
            }
            Policy::Given(given) => given.get(&at).map_or(0, |option| *option as usize).min(of - 1),
        };
        self.choices.push(Choice { at, taken: taken as u32, of: of as u32 });
        taken
    }

    /// A thread enters driver code while others are ready, or a timer is soon due: the place at which it stops there (as
    /// [`Stall::at`](step::Stall::at) reads it); 0 = it does not.
    pub fn stop(&mut self) -> u32 {
        let at = self.choices.len() as u64;
        let taken = match &mut self.policy {
            Policy::Chance { random, stop_in, .. }
            | Policy::Priorities(Priorities { random, stop_in, .. }) => {
                let is_due = *stop_in > 0 && mix(random).is_multiple_of(u64::from(*stop_in));
                if is_due { step::place(|| mix(random)) } else { 0 }
            }
            Policy::Given(given) => given.get(&at).copied().unwrap_or(0),
        };
        // Too many to try each.
        self.choices.push(Choice { at, taken, of: 1 });
        taken
    }
}
