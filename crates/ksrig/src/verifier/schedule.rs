//! Which schedules are tried, and how one that fails is made smaller.

use std::collections::VecDeque;

use crate::nt::sched::{Choice, Plan, mix};

/// The options of a schedule that are not the first.
pub type Choices = Vec<(u64, u32)>;

/// The options that were taken and are not the first: with them the same schedule is made again.
pub fn taken(choices: &[Choice]) -> Choices {
    choices.iter().filter(|choice| choice.taken != 0).map(|choice| (choice.at, choice.taken)).collect()
}

/// The schedules of one scenario, in turns: all with few deviations from the plainest one, fewest first; priorities by
/// chance; pure chance. Most of the latter two have stops in the middle of driver code.
pub struct Schedules {
    seed: u64,
    made: u64,
    /// How many deviations the exhaustive part tries at once.
    deviations: usize,
    frontier: VecDeque<Choices>,
    /// The schedule that is being tried, if it is one of the exhaustive part.
    current: Option<Choices>,
    /// Switch points of the longest schedule so far: priorities change within them.
    switch_points: u64,
    /// Schedules that wait at most: more would never be tried.
    room: usize,
    /// Whether there was room for all.
    all: bool,
}

impl Schedules {
    /// Of at most so many schedules.
    pub fn new(seed: u64, deviations: usize, count: u64) -> Self {
        Self {
            seed,
            made: 0,
            deviations,
            frontier: VecDeque::from([Choices::new()]),
            current: None,
            switch_points: 1,
            room: usize::try_from(count).unwrap_or(usize::MAX),
            all: true,
        }
    }

    /// The next one to try.
    pub fn begin(&mut self) -> Plan {
        self.made += 1;
        let seed = mixed(self.seed.wrapping_add(self.made));
        let has_stops = self.made % 4 == 2 || self.made.is_multiple_of(16);
        let stop_in = if has_stops { 8 << ((seed >> 8) % 6) } else { 0 };
        self.current = if self.made % 2 == 1 { self.frontier.pop_front() } else { None };
        match &self.current {
            Some(choices) => Plan::Given(choices.clone()),
            None if self.made.is_multiple_of(8) => {
                Plan::Chance { seed, one_in: 2 + (seed % 15) as u32, stop_in }
            }
            None => {
                let place = |number| 1 + mixed(seed.wrapping_add(number)) % self.switch_points;
                Plan::Priorities { seed, changes: (0..1 + seed % 4).map(place).collect(), stop_in }
            }
        }
    }

    /// What came of it.
    pub fn end(&mut self, choices: &[Choice], switch_points: u64) {
        self.switch_points = self.switch_points.max(switch_points);
        let Some(current) = self.current.take().filter(|current| current.len() < self.deviations) else {
            return;
        };
        let after = current.last().map_or(0, |(at, _)| at + 1);
        for choice in choices.iter().filter(|choice| choice.at >= after) {
            for option in 1..choice.of {
                if self.frontier.len() >= self.room {
                    self.all = false;
                    return;
                }
                self.frontier.push_back([current.as_slice(), &[(choice.at, option)]].concat());
            }
        }
    }

    /// How many schedules were begun, and whether all with few deviations are among them.
    pub fn progress(&self) -> (u64, bool) {
        (self.made, self.all && self.frontier.is_empty() && self.current.is_none())
    }
}

/// A well-mixed number.
fn mixed(mut number: u64) -> u64 {
    mix(&mut number)
}

/// Leaves choices out, halves first, single ones and then pairs last, as long as the rest still `fails`: the shortest list
/// that was found within so many attempts.
pub fn minimise(
    mut choices: Choices,
    mut attempts: usize,
    mut fails: impl FnMut(&Choices) -> bool,
) -> Choices {
    let mut size = choices.len();
    while size > 0 && attempts > 0 {
        let (mut at, mut shorter) = (0, false);
        while at < choices.len() && attempts > 0 {
            let end = (at + size).min(choices.len());
            let rest = [&choices[..at], &choices[end..]].concat();
            attempts -= 1;
            if fails(&rest) {
                (choices, shorter) = (rest, true);
            } else {
                at = end;
            }
        }
        // Without one choice another may be superfluous too; the way to another thread and the way back go together.
        size = match size {
            1 if shorter => 1,
            1 => usize::from(leave_pair_out(&mut choices, &mut attempts, &mut fails)),
            _ => size / 2,
        };
    }
    choices
}

/// Leaves two choices out, if there are two without which the rest fails.
fn leave_pair_out(
    choices: &mut Choices,
    attempts: &mut usize,
    fails: &mut impl FnMut(&Choices) -> bool,
) -> bool {
    for first in 0..choices.len() {
        for second in first + 1..choices.len() {
            let Some(rest) = attempts.checked_sub(1) else { return false };
            *attempts = rest;
            let mut fewer = choices.clone();
            fewer.remove(second);
            fewer.remove(first);
            if fails(&fewer) {
                *choices = fewer;
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two choices that only together make it fail are what is left of a hundred, and no more attempts are made than
    /// allowed.
    #[test]
    fn the_fewest_choices_are_left() {
        let all: Choices = (0..100).map(|at| (at, 1)).collect();
        let mut attempts = 0;
        let least = minimise(all.clone(), 1000, |choices| {
            attempts += 1;
            choices.contains(&(17, 1)) && choices.contains(&(80, 1))
        });
        assert_eq!(least, [(17, 1), (80, 1)]);
        assert!(attempts < 100, "{attempts}");
        let paired = |choices: &Choices| choices.contains(&(17, 1)) == choices.contains(&(80, 1));
        assert_eq!(minimise(all.clone(), 1000, |choices| choices.len() > 1 && paired(choices)).len(), 2);
        assert_eq!(minimise(all.clone(), 0, |_| true), all);
        assert_eq!(minimise(all, 1000, |_| true), []);
    }

    /// The exhaustive part tries each option of each choice alone, then in pairs, each once.
    #[test]
    fn few_deviations_are_exhausted() {
        let mut schedules = Schedules::new(1, 2, 1000);
        let mut tried = Vec::new();
        while !schedules.progress().1 {
            if let Plan::Given(choices) = schedules.begin() {
                tried.push(choices);
            }
            let choices = [0, 1, 2].map(|at| Choice { at, taken: 0, of: if at == 1 { 3 } else { 2 } });
            schedules.end(&choices, 9);
        }
        let alone = [vec![], vec![(0, 1)], vec![(1, 1)], vec![(1, 2)], vec![(2, 1)]];
        assert_eq!(tried[..5], alone);
        assert_eq!(tried.len(), 5 + 5, "the pairs of different choices: 2 + 1 + 2");
        tried.sort_unstable();
        tried.dedup();
        assert_eq!(tried.len(), 10);
    }
}
