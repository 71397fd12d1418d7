//! `ksrig verify`, and the same from a test: scenarios that know no driver, calls that fail, schedules.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ksrig::{
    client::{
        scenario::{SCENARIOS, Scenario, scenario},
        verify::{Outcome, Run, Subject, faults::Sweep},
    },
    nt::{flags::Flags, inject::Plan},
    verifier::{Finding, Replay, Verdict},
};
use loopcam_tests::{
    images,
    movie::{self, Folder},
    stand::builder,
};

fn subject(image: &Path) -> Subject {
    let builder = builder().watch(Flags::ALL);
    Subject::new(builder, &[image.to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

fn named(name: &str) -> &'static Scenario {
    scenario(name).unwrap_or_else(|| panic!("no scenario {name}"))
}

fn text(findings: &[Finding]) -> String {
    findings.iter().map(ToString::to_string).collect()
}

/// Runs the command; its exit code, what it printed and its report.
fn verify(image: &Path, more: &[&str]) -> (Option<i32>, String, Verdict) {
    let name: String = more.join("-").chars().filter(|c| c.is_ascii_alphanumeric()).collect();
    let stem = image.file_stem().expect("a name").to_string_lossy();
    let folder = Folder::new(&format!("verify-{stem}-{name}"));
    let json = folder.file("report.json");
    let (image, file) = (image.display().to_string(), json.display().to_string());
    let arguments = [&["verify", image.as_str(), "--json", file.as_str()], more].concat();
    let done = movie::ksrig(&movie::rig(env!("CARGO_BIN_EXE_ksrig-under-test")), &arguments);
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    let report = fs::read(&json).unwrap_or_else(|error| {
        panic!("no report: {error}\n{text}{}", String::from_utf8_lossy(&done.stderr))
    });
    (done.status.code(), text, serde_json::from_slice(&report).expect("JSON"))
}

/// The camera in both flavours, watched for everything, in every scenario: no broken rule. Each scenario does
/// something.
#[test]
fn every_scenario_is_clean() {
    for image in images::loopcam() {
        let subject = subject(&image);
        for scenario in SCENARIOS {
            let outcome = subject.run(scenario, &Run::default());
            println!("{:<14} {:?}", scenario.name, outcome.done);
            assert!(outcome.findings.is_empty(), "{}: {}", scenario.name, text(&outcome.findings));
            assert!(outcome.done.values().any(|times| *times > 0), "{} does nothing", scenario.name);
            // What is wrong with a request harms no other.
            if scenario.name == "buffers" {
                let done = &outcome.done;
                assert_eq!(done["right ones done"] + done["right ones kept"], done["requests sent"]);
            }
        }
    }
}

/// Every place in the camera's driver that makes a call which can fail gets its failure once, in scenarios that reach all
/// of it: no broken rule, nothing left behind, everything comes back, and afterwards the driver does what it did.
#[test]
fn every_place_withstands_its_failure() {
    let [image, _] = images::loopcam();
    let subject = subject(&image);
    for name in ["load", "states", "stream", "power", "race-writer"] {
        let mut sweep = Sweep::new(1);
        sweep.go_on(
            &subject,
            named(name),
            |_, _| (),
            |sweep, outcome, replay| {
                assert!(outcome.findings.is_empty(), "{name} {replay}: {}", text(&outcome.findings));
                if sweep.sites_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        println!("{name}: {} places, {} calls, {} runs", sweep.sites.len(), sweep.calls, sweep.runs);
        assert!(sweep.sites_done && sweep.sites.len() > 15, "{name}: {} places", sweep.sites.len());
    }
}

/// The same with calls by their number, alone and with all that follow; every so often, as a rig that is not optimised
/// needs long.
#[test]
fn calls_fail_by_number() {
    let [_, image] = images::loopcam();
    let subject = subject(&image);
    for (name, stride) in [("load", 3), ("connect", 80), ("stream", 30), ("disable", 15)] {
        let run = Run { faults: Some(Plan::Count), ..Run::default() };
        let mut sweep = Sweep::by_number(subject.run(named(name), &run).tally.calls, stride);
        let mut struck = 0;
        sweep.go_on(
            &subject,
            named(name),
            |_, _| (),
            |_, outcome, replay| {
                assert!(outcome.findings.is_empty(), "{name} {replay}: {}", text(&outcome.findings));
                struck += u64::from(outcome.tally.struck.is_some());
                ControlFlow::Continue(())
            },
        );
        println!("{name}: {} calls, {} runs", sweep.calls, sweep.runs);
        assert!(sweep.runs > 2, "{name}: {} runs", sweep.runs);
        assert_eq!(struck, sweep.runs, "{name}: each run has its failure");
    }
}

/// The same failure twice is the same run: the call that fails, with its stack, and what is done.
#[test]
fn a_failure_replays() {
    let [image, _] = images::loopcam();
    let subject = subject(&image);
    let run = || subject.run(named("stream"), &Run::of(&Replay::Nth(40)));
    let (first, second) = (run(), run());
    assert!(first.tally.struck.is_some());
    assert_eq!(first.tally.struck, second.tally.struck);
    assert_eq!((first.tally.calls, first.done), (second.tally.calls, second.done));
}

/// Runs each race in both flavours until `run` has made so many runs and the time is up: no broken rule. `run` gives how many
/// it has made, and what came of the one that failed.
fn are_clean(
    least: u64,
    time: Duration,
    run: impl Fn(&Subject, &Scenario, &dyn Fn(u64) -> bool) -> (u64, Option<(Replay, Outcome)>),
) {
    for image in images::loopcam() {
        let subject = subject(&image);
        for scenario in SCENARIOS.iter().filter(|scenario| scenario.races) {
            let share = Instant::now();
            let (runs, failed) = run(&subject, scenario, &|made| made < least || share.elapsed() < time);
            if let Some((replay, outcome)) = failed {
                panic!("{} {replay}: {}", scenario.name, text(&outcome.findings));
            }
            println!("{}: {runs} runs", scenario.name);
        }
    }
}

/// A few hundred schedules of each race, in both flavours: no broken rule.
#[test]
fn races_are_clean() {
    are_clean(10, Duration::from_millis(1500), |subject, scenario, goes_on| {
        let explored = subject.explore(scenario, 1, 100, goes_on);
        (explored.schedules, explored.failed.map(|(choices, outcome)| (Replay::Choices(choices), outcome)))
    });
}

/// A race that was planted is found within 10,000 schedules from any seed, is made smaller, and replays from what is left,
/// 100 times out of 100. The driver without it passes as many schedules as that took.
#[test]
fn a_planted_race_is_found_and_replays() {
    let (racy, sound) = (subject(&images::raw("racy-count")), subject(&images::raw("sound")));
    let race = named("race-open");
    for seed in 1..=3 {
        let explored = racy.explore(race, seed, 10_000, |_| true);
        let (choices, outcome) = explored.failed.expect("the race is found");
        assert_eq!(outcome.findings[0].rule, "PoolLeak");
        let least = racy.minimise(race, choices.clone(), &outcome.findings[0], || true, |_, _| ());
        println!(
            "seed {seed}: schedule {}, {} choices, {} left",
            explored.schedules,
            choices.len(),
            least.len()
        );
        assert!(least.len() < choices.len(), "{least:?}");
        for _ in 0..100 {
            let again = racy.replay(race, &least);
            assert_eq!(again.findings.len(), 1, "{}", text(&again.findings));
            assert_eq!(again.findings[0].message, outcome.findings[0].message);
        }
        let passes = sound.explore(race, seed, explored.schedules.max(100), |_| true);
        assert!(passes.failed.is_none());
    }
}

/// Threads that run free, a few dozen runs of each race, in both flavours: no broken rule.
#[test]
fn free_threads_are_clean() {
    are_clean(5, Duration::from_millis(1000), |subject, scenario, goes_on| {
        let stressed = subject.stress(scenario, 1, 100, goes_on);
        (stressed.runs, stressed.failed.map(|(run, outcome)| (Replay::Free(run), outcome)))
    });
}

/// A race that was planted is found by threads that run free, too, and again by the command that is printed. The driver
/// without it passes as many runs as that took.
#[test]
fn a_planted_race_is_found_by_free_threads() {
    let image = images::raw("racy-count");
    let race = ["--scenario", "race-open"];
    let (code, text, verdict) = verify(&image, &[&race[..], &["--stress", "10000"]].concat());
    assert_eq!(code, Some(1), "{text}");
    let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
    assert_eq!(finding.rule, "PoolLeak", "{text}");
    assert!(finding.replay.starts_with("free:") && finding.command.contains(&finding.replay), "{text}");
    let (code, text, again) = verify(&image, &[&race[..], &["--replay", &finding.replay]].concat());
    assert_eq!((code, again.findings.0.len()), (Some(1), 1), "{text}");
    assert_eq!(again.findings.0[0].rule, "PoolLeak", "{text}");
    let runs = verdict.stress().map_or(0, |stress| stress.runs);
    let sound = subject(&images::raw("sound"));
    let passes = sound.stress(named("race-open"), 1, runs.max(100), |_| true);
    assert!(passes.failed.is_none());
}

/// What stops the machine while threads run free is told with its place, once, by whichever thread comes first.
#[test]
fn a_stop_of_free_threads_is_told() {
    let arguments = ["--scenario", "race-connect", "--stress", "20"];
    let (code, text, verdict) = verify(&images::raw("access-violation"), &arguments);
    assert_eq!(code, Some(1), "{text}");
    let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
    assert!(finding.stack[0].contains("sink::connect"), "{text}");
}

/// A driver that does not look at what it got is found when memory fails, although that ends the machine; the sweep goes
/// on behind it, and the command that is printed shows the same again.
#[test]
fn a_stop_does_not_end_a_sweep() {
    let image = images::raw("unchecked-pool");
    let all = ["--scenario", "states", "--faults", "systematic"];
    let (code, text, verdict) = verify(&image, &all);
    assert_eq!(code, Some(1), "{text}");
    let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
    assert!(finding.message.contains("address 0x0"), "{text}");
    assert!(finding.stack.iter().any(|frame| frame.contains("source::create")), "{text}");
    assert!(finding.injected.as_ref().is_some_and(|call| call.starts_with("pool, call")), "{text}");
    let faults = verdict.faults().expect("calls failed");
    assert!(faults.complete && faults.sites > 1, "{text}");
    let replay = ["--scenario", "states", "--replay", finding.replay.as_str()];
    let (code, text, again) = verify(&image, &replay);
    assert_eq!((code, again.findings.0.len()), (Some(1), 1), "{text}");
    assert_eq!(again.findings.0[0].stack, finding.stack);
    let (code, text, _) = verify(&images::raw("sound"), &all);
    assert_eq!(code, Some(0), "{text}");
}

/// A driver that stops the machine at its unloading, long after the failure or the race that is the cause: the cause is told,
/// the sweep and the number of schedules go on, and the word that is printed shows the same again.
#[test]
fn a_late_stop_keeps_its_cause() {
    let image = images::raw("late-crash");
    let (_, text, plain) = verify(&image, &["--scenario", "states"]);
    assert!(plain.findings.0.is_empty(), "{text}");
    // With this seed the plain run of the race is right.
    let seed = ["--seed", "2"];
    let sweep = ["--scenario", "states", "--faults", "systematic"];
    let race = ["--scenario", "race-open", "--schedules", "2000"];
    for (more, word, failed) in [(sweep, "site:", true), (race, "choices:", false)] {
        let (code, text, verdict) = verify(&image, &[&more[..], &seed].concat());
        assert_eq!(code, Some(1), "{text}");
        let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
        assert!(finding.stack[0].contains("variant::unload"), "{text}");
        assert!(finding.replay.starts_with(word), "{text}");
        let injected = finding.injected.as_deref().unwrap_or_default();
        assert_eq!(injected.starts_with("pool, call"), failed, "{text}");
        match failed {
            true => assert!(verdict.faults().is_some_and(|faults| faults.complete), "{text}"),
            false => assert!(verdict.schedules().is_some_and(|tried| tried.schedules > 0), "{text}"),
        }
        let replay = ["--scenario", more[1], "--replay", &finding.replay];
        let (code, text, again) = verify(&image, &[&replay[..], &seed].concat());
        assert_eq!((code, again.findings.0.len()), (Some(1), 1), "{text}");
        assert_eq!(again.findings.0[0].stack, finding.stack);
    }
}

/// A callback that never returns ends its own scenario and no other: the finding names the rule, and the exit code is 1.
#[test]
fn a_run_without_end_is_told() {
    let some = ["--scenario", "load", "--scenario", "connect", "--scenario", "states", "--patience", "2"];
    let (code, text, verdict) = verify(&images::raw("endless"), &some);
    assert_eq!(code, Some(1), "{text}");
    let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
    assert_eq!((finding.rule.as_str(), finding.scenario.as_str()), ("no end", "connect"), "{text}");
    assert_eq!(finding.message, "the run goes on after 2 s");
    let others: Vec<_> = verdict.played.iter().filter(|played| played.scenario != "connect").collect();
    assert_eq!(others.len(), 2, "{text}");
    assert!(others.iter().all(|played| played.found == 0 && !played.done.is_empty()), "{text}");
    let (code, text, _) = verify(&images::raw("sound"), &some);
    assert_eq!(code, Some(0), "{text}");
}

/// A driver that cannot be loaded is said to be that, with the reason, once.
#[test]
fn a_driver_that_does_not_load_is_told() {
    let (code, text, verdict) = verify(&images::raw("missing-import"), &[]);
    assert_eq!(code, Some(1), "{text}");
    let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
    assert_eq!(finding.rule, "not loaded", "{text}");
    assert!(finding.message.contains("KsPinHandshake"), "{text}");
}

/// What is left behind on the way out of a failure is found, whichever of the two calls fails, and nothing else is.
#[test]
fn a_leak_after_a_failure_is_found() {
    let image = images::raw("leaky-failure");
    let subject = subject(&image);
    assert!(subject.run(named("states"), &Run::default()).findings.is_empty());
    let mut rules = Vec::new();
    let mut sweep = Sweep::new(1);
    sweep.go_on(
        &subject,
        named("states"),
        |_, _| (),
        |sweep, outcome, _| {
            rules.extend(outcome.findings.into_iter().map(|finding| finding.rule));
            if sweep.sites_done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        },
    );
    assert_eq!(rules, ["PoolLeak"; 2]);
}

/// The command finds what the specimens do wrong, each fault once, in an HTML page too; a driver that stops the machine
/// ends one scenario and no more.
#[test]
fn specimens_are_found() {
    let specimens = [
        ("pending-connect", "KsCallbackReturn", Some((0xC4, Some(0x81005)))),
        ("raised-irql", "KsIrqlPinCallbacks", Some((0xC4, Some(0x81008)))),
        ("leak", "PoolLeak", Some((0xC4, Some(0x62)))),
    ];
    for (variant, rule, bug_check) in specimens {
        let folder = Folder::new(&format!("verify-page-{variant}"));
        let page: PathBuf = folder.file("report.html");
        let (code, text, verdict) = verify(&images::raw(variant), &["--html", &page.display().to_string()]);
        assert_eq!(code, Some(1), "{text}");
        let [finding] = &verdict.findings.0[..] else { panic!("{variant}: {text}") };
        assert_eq!((finding.rule.as_str(), finding.bug_check), (rule, bug_check), "{text}");
        assert!(finding.times > 1, "{text}");
        assert!(fs::read_to_string(&page).expect("a page").contains(rule));
    }
    for variant in ["overrun", "believes-pitch"] {
        let (code, text, verdict) = verify(&images::raw(variant), &[]);
        assert_eq!(code, Some(1), "{text}");
        let [finding] = &verdict.findings.0[..] else { panic!("{text}") };
        assert_eq!((finding.rule.as_str(), finding.scenario.as_str()), ("UserMemory", "buffers"), "{text}");
        assert!(finding.stack[0].contains("source::process"), "{text}");
    }

    let (code, text, verdict) = verify(&images::raw("access-violation"), &[]);
    assert_eq!(code, Some(1), "{text}");
    assert_eq!(verdict.findings.0.len(), 1, "{text}");
    assert!(verdict.findings.0[0].stack[0].contains("sink::connect"), "{text}");
    assert_eq!(verdict.played.len(), SCENARIOS.len());
    assert!(verdict.played.iter().filter(|played| played.found == 0).count() > 15, "{text}");
}

/// A scenario or a word that does not exist is wrong usage, and said so.
#[test]
fn wrong_words_are_refused() {
    let [image, _] = images::loopcam();
    let run = |more: &[&str]| {
        let image = image.display().to_string();
        let arguments = [&["verify", image.as_str()], more].concat();
        let done = movie::ksrig(env!("CARGO_BIN_EXE_ksrig-under-test"), &arguments);
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    for (arguments, word) in [
        (&["--scenario", "nothing"][..], "race-open"),
        (&["--scenario", "stream", "--replay", "nth:x"], "choices:3=1"),
        (&["--flags", "all"], "special-pool"),
        (&["--replay", "nth:1"], "--scenario"),
    ] {
        let (code, errors) = run(arguments);
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(word), "{errors}");
    }
}
