//! What has been done with each scenario and what is left, and the time there is for it.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::job::Work;
use crate::client::scenario::Scenario;
use crate::verifier::{Findings, Played};

/// One scenario's.
pub struct Course {
    pub scenario: &'static Scenario,
    pub played: Played,
    pub findings: Findings,
    /// What is left, in order.
    pub left: VecDeque<Work>,
    /// What comes when all courses have come so far.
    pub then: Vec<Work>,
}

impl Course {
    pub fn new(scenario: &'static Scenario, works: Vec<Work>, then: Vec<Work>) -> Self {
        let played = Played {
            scenario: scenario.name.to_owned(),
            title: scenario.title.to_owned(),
            ..Played::default()
        };
        Self { scenario, played, findings: Findings::default(), left: works.into(), then }
    }

    /// The real time that its faults still take, as far as it is known, in seconds.
    fn faults_left(&self) -> Option<f64> {
        let Some(Work::Faults(sweep)) = self.left.front() else { return None };
        let runs = sweep.runs_left().map_or(f64::INFINITY, |runs| runs as f64);
        let faults = self.played.faults.unwrap_or_default();
        Some(runs * faults.seconds / faults.runs.max(1) as f64)
    }
}

/// All of them. A thread takes one out to do something with it.
pub struct Courses(Mutex<Vec<Option<Course>>>);

impl Courses {
    pub fn new(courses: impl Iterator<Item = Course>) -> Self {
        Self(Mutex::new(courses.map(Some).collect()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Course>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with whichever is chosen, until none is; by as many threads as there are processors.
    pub fn each(
        &self,
        choose: impl Fn(&[Option<Course>]) -> Option<usize> + Sync,
        act: impl Fn(&mut Course) + Sync,
    ) {
        let take = || {
            let mut courses = self.lock();
            let index = choose(&courses)?;
            Some((index, courses[index].take()?))
        };
        std::thread::scope(|scope| {
            for _ in 0..processes() {
                scope.spawn(|| {
                    while let Some((index, mut course)) = take() {
                        act(&mut course);
                        self.lock()[index] = Some(course);
                    }
                });
            }
        });
    }

    /// All of them, in order.
    pub fn into_inner(self) -> impl Iterator<Item = Course> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten()
    }
}

/// As many as there are processors.
pub fn processes() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// The first of which something has not begun, or else, while there is time, the one whose faults take longest.
pub fn longest(courses: &[Option<Course>], time: Time) -> Option<usize> {
    let all = || courses.iter().enumerate().filter_map(|(index, course)| Some((index, course.as_ref()?)));
    let begins = |course: &Course| match course.left.front() {
        Some(Work::Faults(_)) => course.played.faults.is_none(),
        next => next.is_some(),
    };
    all().find(|(_, course)| begins(course)).map(|(index, _)| index).or_else(|| {
        let is_over = time.left().is_some_and(|left| left <= 0.0);
        let left = all().filter_map(|(index, course)| Some((index, course.faults_left()?)));
        left.filter(|_| !is_over).max_by(|one, other| one.1.total_cmp(&other.1)).map(|(index, _)| index)
    })
}

/// The first that has something left.
pub fn first(courses: &[Option<Course>]) -> Option<usize> {
    courses.iter().position(|course| course.as_ref().is_some_and(|course| !course.left.is_empty()))
}

/// The real time for something, in seconds; none = as long as it takes.
#[derive(Clone, Copy)]
pub struct Time {
    begun: Instant,
    seconds: Option<f64>,
}

impl Time {
    pub fn new(seconds: Option<f64>) -> Self {
        Self { begun: Instant::now(), seconds }
    }

    /// The beginning of it.
    pub fn part(self, part: f64) -> Self {
        Self { seconds: self.seconds.map(|seconds| seconds * part), ..self }
    }

    /// What is left.
    pub fn left(self) -> Option<f64> {
        self.seconds.map(|seconds| (seconds - self.begun.elapsed().as_secs_f64()).max(0.0))
    }

    /// What is left for the next of so many jobs, of which so many courses have some: those of one come one after the other.
    pub fn share(self, jobs: usize, courses: usize) -> Option<f64> {
        self.left().map(|left| left * processes().min(courses.max(1)) as f64 / jobs.max(1) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::scenario::SCENARIOS;
    use crate::client::verify::faults::Sweep;
    use crate::verifier::Faults;

    fn course(work: Work, faults: Option<Faults>) -> Option<Course> {
        let mut course = Course::new(&SCENARIOS[0], vec![work], vec![]);
        course.played.faults = faults;
        Some(course)
    }

    /// Everything begins, whatever the time; then the one that takes longest goes on, one whose length is not known before
    /// all; and none when time is up.
    #[test]
    fn the_longest_goes_first() {
        let time = Time::new(Some(60.0));
        let slow = Some(Faults { runs: 10, seconds: 5.0, ..Faults::default() });
        let sweep = |calls| Work::Faults(Sweep::by_number(calls, 1));
        let mut courses =
            [course(sweep(100), slow), course(sweep(7), slow), course(Work::Faults(Sweep::new(1)), slow)];
        assert_eq!(longest(&courses, time), Some(2));
        courses[2] = None;
        assert_eq!(longest(&courses, time), Some(0));
        assert_eq!(longest(&courses, time.part(0.0)), None);
        courses[1] = course(sweep(7), None);
        assert_eq!(longest(&courses, time.part(0.0)), Some(1));
        courses[0] = course(Work::Play, None);
        assert_eq!(longest(&courses, time.part(0.0)), Some(0));
    }

    /// The time is for all alike, whether they come one after the other or at the same time.
    #[test]
    fn time_is_shared() {
        let time = Time::new(Some(60.0));
        let share = |jobs, courses| time.share(jobs, courses).expect("a share").round();
        assert_eq!(share(2, 1), 30.0, "two of one scenario, one after the other");
        assert_eq!(share(1, 1), 60.0);
        assert_eq!(share(20, 10), 3.0 * processes().min(10) as f64);
        assert_eq!(Time::new(None).share(2, 1), None);
    }

    /// Each is taken by one thread at a time until nothing is left, and all are there in the end, in order.
    #[test]
    fn all_courses_end() {
        let courses = (0..20).map(|_| Course::new(&SCENARIOS[0], vec![Work::Play, Work::Play], vec![]));
        let courses = Courses::new(courses.enumerate().map(|(index, mut course)| {
            course.played.found = index;
            course
        }));
        courses.each(first, |course| drop(course.left.pop_front()));
        let found: Vec<_> =
            courses.into_inner().map(|course| (course.played.found, course.left.len())).collect();
        assert_eq!(found, (0..20).map(|index| (index, 0)).collect::<Vec<_>>());
    }
}
