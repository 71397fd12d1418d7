//! What a driver did wrong, with all that is needed to see it again.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rule;
use crate::nt::{bugcheck::Stop, trace::Event, violation::Violation};

/// Events before it that a finding keeps.
const TRAIL: usize = 16;

/// The thread of a machine that a scenario is played by.
const FIRST: &str = "main";

/// One event before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Virtual time, 100 ns units.
    pub time: u64,
    /// The thread.
    pub thread: String,
    /// What happened, to which object, and the rest.
    pub what: String,
}

/// A broken rule, or what stopped the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, or what the stop says.
    pub rule: String,
    /// What Windows would stop with: the code, and its first parameter where that says what it is.
    pub bug_check: Option<(u32, Option<u64>)>,
    /// What a driver has to do.
    pub expected: String,
    /// Where that is written; empty for a stop.
    pub page: String,
    /// What happened.
    pub message: String,
    /// The object it happened to.
    pub object: String,
    /// The driver's calls, innermost first.
    pub stack: Vec<String>,
    /// The last events of the thread and of the object before it.
    pub trail: Vec<Step>,
    /// The call that failed on purpose before it, with the place.
    pub injected: Option<String>,
    /// The scenario.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// What was done to the run, for `--replay`.
    pub replay: String,
    /// The command that shows it again.
    pub command: String,
    /// How often it was found.
    pub times: u64,
}

impl Finding {
    /// A broken rule, with the events of its run.
    pub fn of_violation(violation: &Violation, events: &[Event]) -> Self {
        let rule = rule(violation.rule);
        let code = u64::from(violation.code);
        let at = events.iter().position(|event| {
            let same = event.object == violation.object && event.detail == violation.message;
            event.kind == "violation" && same && event.time == violation.time
        });
        Self {
            rule: violation.rule.to_owned(),
            bug_check: rule.and_then(|rule| bug_check(rule, code)),
            expected: rule.map_or_else(String::new, |rule| rule.title.to_owned()),
            page: rule.map_or_else(String::new, |rule| rule.page.to_owned()),
            message: violation.message.clone(),
            object: violation.object.clone(),
            stack: violation.stack.clone(),
            trail: at.map_or_else(Vec::new, |at| trail(events, at)),
            times: 1,
            ..Self::default()
        }
    }

    /// What stopped the machine.
    pub fn of_stop(stop: &Stop, events: &[Event]) -> Self {
        // Where everybody waits, the thread that waits longest is the first; else it is who did the last thing.
        let waits = ["deadlock", "no end"].contains(&stop.rule.as_str());
        let of_first = |event: &Event| event.thread == FIRST;
        let last =
            if waits { events.iter().rposition(of_first).map_or(0, |at| at + 1) } else { events.len() };
        Self {
            rule: stop.rule.clone(),
            bug_check: (stop.bug_check != 0).then_some((stop.bug_check, stop.code.map(u64::from))),
            expected: rule(&stop.rule).map_or(expected_of_stop(&stop.rule), |rule| rule.title).to_owned(),
            page: rule(&stop.rule).map_or("", |rule| rule.page).to_owned(),
            message: stop.message.clone(),
            stack: stop.stack.clone(),
            trail: trail(events, last),
            times: 1,
            ..Self::default()
        }
    }

    /// An image that does not pass the code integrity check of that number, and is not loaded therefore.
    pub fn of_image(code: u32, message: String) -> Self {
        const RULE: &str = "CodeIntegrity";
        let rule = rule(RULE);
        Self {
            bug_check: rule.and_then(|rule| bug_check(rule, code.into())),
            page: rule.map_or_else(String::new, |rule| rule.page.to_owned()),
            ..Self::of_process(RULE, rule.map_or("", |rule| rule.title), message)
        }
    }

    /// What the process of the run came to, when nothing else is known.
    pub fn of_process(rule: &str, expected: &str, message: String) -> Self {
        Self { rule: rule.to_owned(), expected: expected.to_owned(), message, times: 1, ..Self::default() }
    }

    /// Whether it is the same fault: the rule and the place in the driver. Where no driver is on the stack, what
    /// happened, however often.
    pub fn is_same(&self, other: &Self) -> bool {
        let place = |finding: &Self| match finding.stack.is_empty() {
            true => vec![finding.message.replace(|c: char| c.is_ascii_digit(), "")],
            false => finding.stack.clone(),
        };
        self.rule == other.rule && place(self) == place(other)
    }
}

/// The events of the same thread, or object, before the one at `at`.
fn trail(events: &[Event], at: usize) -> Vec<Step> {
    // A violation stands at `at`, a stop behind the last event.
    let last =
        events.get(at).filter(|event| event.kind == "violation").or(at.checked_sub(1).map(|at| &events[at]));
    let (thread, object) = last.map_or(("", ""), |event| (event.thread.as_str(), event.object.as_str()));
    let mine = |event: &&Event| event.thread == thread || event.object == object && !object.is_empty();
    let mut steps: Vec<_> = events[..at].iter().rev().filter(mine).take(TRAIL).map(Step::of).collect();
    steps.reverse();
    steps
}

impl Step {
    fn of(event: &Event) -> Self {
        let mut what = format!("{} {} {}", event.kind, event.object, event.detail);
        for (name, value) in &event.values {
            what.push_str(&format!(" {name}={value}"));
        }
        Self { time: event.time, thread: event.thread.clone(), what: what.trim_end().to_owned() }
    }
}

/// What Windows stops with for a rule; nothing where the rule has a number and this case of it has none.
fn bug_check(rule: &super::Rule, code: u64) -> Option<(u32, Option<u64>)> {
    let Some(first) = rule.code else { return (rule.bug_check != 0).then_some((rule.bug_check, None)) };
    let has_number = code != 0 || first == 0;
    (rule.bug_check != 0 && has_number).then_some((rule.bug_check, Some(code)))
}

fn expected_of_stop(rule: &str) -> &'static str {
    match rule {
        "not emulated" => "the rig plays what the driver calls: this is no fault of the driver's",
        _ => "the driver does not stop the machine",
    }
}

impl fmt::Display for Finding {
    /// A paragraph for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.rule)?;
        match self.bug_check {
            Some((code, Some(parameter))) => {
                write!(f, "  (bug check {code:#x}, parameter {parameter:#x})")?;
            }
            Some((code, None)) => write!(f, "  (bug check {code:#x})")?,
            None => (),
        }
        writeln!(f)?;
        let mut line = |name: &str, text: &str| match text.is_empty() {
            true => Ok(()),
            false => writeln!(f, "    {name:<9} {text}"),
        };
        line("expected", &self.expected)?;
        line("got", &self.message)?;
        line("object", &self.object)?;
        line("page", &self.page)?;
        line("failed", self.injected.as_deref().unwrap_or_default())?;
        for (index, frame) in self.stack.iter().enumerate() {
            line(if index == 0 { "stack" } else { "" }, frame)?;
        }
        for (index, step) in self.trail.iter().enumerate() {
            let text = format!("{:>10} {}: {}", step.time, step.thread, step.what);
            line(if index == 0 { "before" } else { "" }, &text)?;
        }
        if self.times > 1 {
            line("times", &self.times.to_string())?;
        }
        line("scenario", &format!("{}, seed {}", self.scenario, self.seed))?;
        line("again", &self.command)
    }
}

/// Findings, each fault once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    /// Adds one; whether it is new.
    pub fn add(&mut self, finding: Finding) -> bool {
        match self.0.iter_mut().find(|known| known.is_same(&finding)) {
            Some(known) => known.times += finding.times,
            None => {
                self.0.push(finding);
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(time: u64, thread: &str, kind: &'static str, object: &str, detail: &str) -> Event {
        let (thread, object, detail) = (thread.to_owned(), object.to_owned(), detail.to_owned());
        Event { time, thread, kind, object, detail, values: Vec::new() }
    }

    fn violation() -> Violation {
        Violation {
            time: 7,
            rule: "KsCallbackReturn",
            code: 0x81005,
            message: "PinConnect returned 0x00000103, which it must not".to_owned(),
            object: "pin Camera/1#1".to_owned(),
            stack: vec!["loopcam.sys+0x1234  connect+0x12".to_owned()],
        }
    }

    /// The text of a finding: what was expected, got, where, what went before on this thread or object, and how to see it
    /// again.
    #[test]
    fn a_finding_as_text() {
        let events = [
            event(5, "worker", "irp", "pin Camera/1#1", "create"),
            event(6, "other", "irp", "pin Camera/0#1", "create"),
            event(7, "main", "callback", "pin Camera/1#1", "PinConnect"),
            event(7, "main", "violation", "pin Camera/1#1", &violation().message),
        ];
        let mut finding = Finding::of_violation(&violation(), &events);
        finding.scenario = "connect".to_owned();
        finding.seed = 1;
        finding.command = "ksrig verify loopcam.sys --scenario connect --seed 1".to_owned();
        finding.times = 3;
        let expected = "\
KsCallbackReturn  (bug check 0xc4, parameter 0x81005)
    expected  callbacks return allowed statuses only: Connect, SetDeviceState and SetDataFormat never STATUS_PENDING
    got       PinConnect returned 0x00000103, which it must not
    object    pin Camera/1#1
    page      https://learn.microsoft.com/windows-hardware/drivers/devtest/ks-kscallbackreturn
    stack     loopcam.sys+0x1234  connect+0x12
    before             5 worker: irp pin Camera/1#1 create
                       7 main: callback pin Camera/1#1 PinConnect
    times     3
    scenario  connect, seed 1
    again     ksrig verify loopcam.sys --scenario connect --seed 1
";
        assert_eq!(finding.to_string(), expected);
    }

    /// The same rule at the same place is one finding; at another place it is another.
    #[test]
    fn the_same_fault_is_one() {
        let mut findings = Findings::default();
        let first = Finding::of_violation(&violation(), &[]);
        let other = Finding { stack: vec!["loopcam.sys+0x99".to_owned()], ..first.clone() };
        assert!(findings.add(first.clone()) && !findings.add(first) && findings.add(other));
        assert_eq!(findings.0.iter().map(|finding| finding.times).collect::<Vec<_>>(), [2, 1]);
    }

    /// What Windows would stop with comes from the rule's table, or from the stop.
    #[test]
    fn findings_have_numbers() {
        let check = |name, code| rule(name).and_then(|rule| bug_check(rule, code));
        assert_eq!(check("KsFilterMutex", 0x8100A), Some((0xC4, Some(0x8100A))));
        assert_eq!(check("KsFilterMutex", 0), None);
        assert_eq!(check("UnloadPending", 0), Some((0xC7, Some(0))));
        assert_eq!(check("UnloadUncancelled", 0), Some((0xCE, None)));
        assert_eq!(check("KsDataUsed", 0), None);
        let (rule, message) = ("PoolFree".to_owned(), String::new());
        let stop = Stop { rule, bug_check: 0xC4, code: Some(0x10), message, stack: Vec::new() };
        let finding = Finding::of_stop(&stop, &[]);
        assert_eq!(finding.bug_check, Some((0xC4, Some(0x10))));
        assert!(!finding.page.is_empty(), "the page of the rule");
    }
}
