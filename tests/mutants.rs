//! The mutants of tests/drivers/mutants, each of which breaks one rule: `ksrig verify` sees that rule and no other.

use std::{
    collections::BTreeSet,
    env, fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use ksrig::{
    client::{
        scenario::scenario,
        verify::{Subject, faults::Sweep},
    },
    nt::flags::Flags,
};
use loopcam_tests::{
    images::{self, root},
    movie::{self, Folder},
    stand::builder,
};
use serde_json::Value;

/// What there is and what is expected of each.
const TABLE: &str = include_str!("drivers/mutants/mutants.tsv");

/// A line of the table.
#[derive(Clone, Debug)]
struct Mutant<'a> {
    name: &'a str,
    rule: &'a str,
    /// What Windows stops with: the bug check, and its first parameter where that says what it is.
    bug_check: Option<(u64, Option<u64>)>,
    /// What has to be on; none when it is always seen.
    option: Option<&'a str>,
    /// Rules that may be broken as a consequence.
    also: Vec<&'a str>,
    what: &'a str,
}

fn given(text: &str) -> Option<&str> {
    (text != "-").then_some(text)
}

fn number(text: &str) -> u64 {
    let digits = text.trim_start_matches("0x");
    u64::from_str_radix(digits, 16).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn table() -> Vec<Mutant<'static>> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let fields: Vec<_> = line.split('\t').collect();
            let [name, rule, check, option, also, what] = fields[..] else { panic!("{line}") };
            let bug_check = given(check).map(|check| {
                let (check, parameter) = match check.split_once('/') {
                    Some((check, parameter)) => (check, Some(number(parameter))),
                    None => (check, None),
                };
                (number(check), parameter)
            });
            let also = given(also).map_or_else(Vec::new, |also| also.split(',').collect());
            Mutant { name, rule, bug_check, option: given(option), also, what }
        })
        .collect()
}

/// The rig.
fn rig() -> String {
    movie::rig(env!("CARGO_BIN_EXE_ksrig-under-test"))
}

/// Scenarios that reach all that mutants do; those whose threads race are for the schedules.
const SCENARIOS: [&str; 9] =
    ["load", "enumerate", "properties", "events", "states", "connect", "cancel", "restart", "removal"];

/// What is found in a driver.
fn verify(name: &str, more: &[&str]) -> Vec<Value> {
    findings(&verdict(name, more))
}

fn findings(verdict: &Value) -> Vec<Value> {
    verdict["findings"].as_array().expect("findings").clone()
}

/// All that is told of a driver.
fn verdict(name: &str, more: &[&str]) -> Value {
    let options: String = more.iter().take(3).flat_map(|word| word.chars()).filter(|c| *c != '-').collect();
    let folder = Folder::new(&format!("mutant-{name}-{options}"));
    let (image, json) = (images::mutant(name).display().to_string(), folder.file("verdict.json"));
    let file = json.display().to_string();
    let arguments = [&["verify", image.as_str(), "--json", file.as_str()], more].concat();
    let done = movie::ksrig(&rig(), &arguments);
    let said = || String::from_utf8_lossy(&[&done.stdout[..], &done.stderr].concat()).into_owned();
    let text = fs::read(&json).unwrap_or_else(|error| panic!("{name}: no verdict: {error}\n{}", said()));
    let verdict: Value = serde_json::from_slice(&text).expect("JSON");
    let wrong = !findings(&verdict).is_empty();
    assert_eq!(done.status.code(), Some(i32::from(wrong)), "{name}: {}", said());
    verdict
}

fn scenarios(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["--scenario", name]).collect()
}

fn text<'a>(finding: &'a Value, field: &str) -> &'a str {
    finding[field].as_str().unwrap_or_default()
}

/// Whether a finding is what the table says.
fn is_expected(mutant: &Mutant<'_>, finding: &Value) -> bool {
    let check =
        finding["bug_check"].as_array().map(|pair| (pair[0].as_u64().expect("a number"), pair[1].as_u64()));
    text(finding, "rule") == mutant.rule && check == mutant.bug_check
}

/// What is wrong with what was found, if anything.
fn judge(mutant: &Mutant<'_>, findings: &[Value]) -> Option<String> {
    if !findings.iter().any(|finding| is_expected(mutant, finding)) {
        let found: BTreeSet<_> =
            findings.iter().map(|f| format!("{} {}", text(f, "rule"), f["bug_check"])).collect();
        return Some(format!("MISSED; found {found:?}"));
    }
    let known = |finding: &&Value| {
        let rule = text(finding, "rule");
        rule != mutant.rule && !mutant.also.contains(&rule)
    };
    let others: Vec<_> = findings.iter().filter(known).map(|finding| format!("{finding:#}")).collect();
    (!others.is_empty()).then(|| format!("not alone: {}", others.join("\n")))
}

/// A text without what moves with each change of the sources: offsets, addresses, and numbers of objects.
fn settled(text: &str) -> String {
    let mut settled = String::new();
    let mut rest = text;
    // Marks that a number follows, which is left out.
    while let Some((at, mark)) =
        ["+0x", "at 0x", "#", "irp ", "device ", "filter ", "frame ", "lock ", "byte "]
            .iter()
            .filter_map(|mark| Some((rest.find(mark)?, mark)))
            .min()
    {
        let (before, after) = rest.split_at(at + mark.len());
        settled.push_str(before);
        let after_number = after.trim_start_matches(|c: char| {
            c.is_ascii_hexdigit() && (mark.ends_with("0x") || c.is_ascii_digit())
        });
        if after_number.len() < after.len() {
            settled.push('N');
        }
        rest = after_number;
    }
    settled + rest
}

/// The golden text: each fault once, the rule first that the mutant is about.
fn report(mutant: &Mutant<'_>, findings: &[Value]) -> String {
    let paragraph = |finding: &Value| {
        let mut lines = vec![text(finding, "rule").to_owned()];
        if let Some([check, parameter]) = finding["bug_check"].as_array().map(Vec::as_slice) {
            let parameter = parameter.as_u64().map_or_else(String::new, |p| format!(", parameter {p:#x}"));
            lines[0] += &format!("  (bug check {:#x}{parameter})", check.as_u64().expect("a number"));
        }
        lines.push(format!("    expected  {}", text(finding, "expected")));
        lines.push(format!("    got       {}", settled(text(finding, "message"))));
        let frames = finding["stack"].as_array().expect("frames");
        // "name.sys+0x123  function+0x4": the function's name is what stays.
        let names = frames.iter().filter_map(|frame| frame.as_str()?.split("  ").last());
        lines.extend(names.map(|name| format!("    in        {}", name.split('+').next().unwrap_or(name))));
        // Of a function that calls itself one is enough.
        lines.dedup();
        lines.join("\n") + "\n"
    };
    let of = |rule: &str| {
        let mine = findings.iter().filter(|finding| text(finding, "rule") == rule);
        mine.map(paragraph).collect::<BTreeSet<_>>()
    };
    let rules = std::iter::once(mutant.rule).chain(mutant.also.iter().copied());
    format!("{}: {}\n\n", mutant.name, mutant.what) + &rules.flat_map(of).collect::<Vec<_>>().join("\n")
}

fn golden(name: &str) -> PathBuf {
    root().join("tests/golden/mutants").join(name).with_extension("txt")
}

/// The text is the one that is kept; LOOPCAM_BLESS=1 keeps it.
fn compare(path: &Path, text: &str) -> Option<String> {
    if env::var_os("LOOPCAM_BLESS").is_some() {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder of golden texts");
        fs::write(path, text).expect("a golden text");
    }
    let kept = fs::read_to_string(path).unwrap_or_default();
    (kept != text).then(|| format!("the text is another one:\n{text}--- but kept is\n{kept}"))
}

/// What is wrong with what was found in the twin, if anything.
fn judge_twin(found: &[Value]) -> Option<String> {
    (!found.is_empty()).then(|| format!("the twin has it, too: {found:#?}"))
}

/// The race is seen within 10,000 tries, of which the report tells the number as `count`; the twin has none in as many.
fn check_race(mutant: &Mutant<'_>, how: &str, count: &str) -> Option<String> {
    let tries = |name, count: u64| verdict(name, &["--scenario", "race-open", how, &count.to_string()]);
    let found = tries(mutant.name, 10_000);
    let tried = found["played"][0][how.trim_start_matches('-')][count].as_u64().expect("a number");
    let twin = || judge_twin(&findings(&tries("Sound", tried.max(100))));
    // Which of the faults comes first is chance's choice: no golden text.
    judge(mutant, &findings(&found)).or_else(twin)
}

/// What is found when a driver's calls fail, in scenarios that make all pins and enable all events.
fn after_failures(name: &str) -> Vec<Value> {
    let subject = Subject::new(builder().watch(Flags::ALL), &[images::mutant(name)]).expect("it loads");
    let mut found = Vec::new();
    for name in ["states", "events"] {
        Sweep::new(1).go_on(
            &subject,
            scenario(name).expect("a scenario"),
            |_, _| (),
            |_, outcome, _| {
                let value = |finding| serde_json::to_value(finding).expect("JSON");
                found.extend(outcome.findings.iter().map(value));
                ControlFlow::Continue(())
            },
        );
    }
    found
}

/// What is wrong with what the rig says of a mutant, if anything.
fn check(mutant: &Mutant<'_>) -> Option<String> {
    let (name, option) = (mutant.name, mutant.option);
    match option {
        Some("schedules") => return check_race(mutant, "--schedules", "schedules"),
        Some("stress") => return check_race(mutant, "--stress", "runs"),
        Some("faults") => {
            let found = after_failures(name);
            let twin = || judge_twin(&after_failures("Sound"));
            let wrong = judge(mutant, &found).or_else(|| compare(&golden(name), &report(mutant, &found)));
            return wrong.or_else(twin);
        }
        _ => {}
    }
    let scenarios = scenarios(&SCENARIOS);
    let found = verify(name, &scenarios);
    let with = |flags| verify(name, &[&["--flags", flags][..], &scenarios].concat());
    // The rule; the number may be a nearer one where special pool remembers what was freed.
    let without = || with("none").iter().any(|finding| text(finding, "rule") == mutant.rule);
    let alone = || match option {
        None => (!without()).then(|| "not seen with no option".to_owned()),
        Some(option) if !with(option).iter().any(|finding| is_expected(mutant, finding)) => {
            Some(format!("not seen with {option} alone"))
        }
        // Without its option it would harm the rig's own memory.
        Some("special-pool") => None,
        Some(option) => without().then(|| format!("seen without {option}, too")),
    };
    judge(mutant, &found).or_else(|| compare(&golden(name), &report(mutant, &found))).or_else(alone)
}

/// Each mutant breaks its rule and no other, but for those that follow from it, with the words that are kept in
/// tests/golden/mutants (LOOPCAM_BLESS=1 writes them anew); an option that is needed suffices and is needed, and where none
/// is, it is seen without any. The twin withstands the schedules that show a race. Prints the matrix.
#[test]
fn each_mutant_breaks_its_rule() {
    let table = table();
    // The last ones take longest, and begin first.
    let next = Mutex::new(table.iter().enumerate().rev());
    let results = Mutex::new(Vec::new());
    let processors = thread::available_parallelism().map_or(1, Into::into);
    thread::scope(|scope| {
        for _ in 0..processors {
            scope.spawn(|| {
                while let Some((index, mutant)) = {
                    let mut next = next.lock().expect("not poisoned");
                    next.next()
                } {
                    let wrong = check(mutant);
                    results.lock().expect("not poisoned").push((index, wrong));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("not poisoned");
    results.sort_by_key(|(index, _)| *index);
    println!("{:<30} {:<30} {:<14} {:<13}", "mutant", "rule", "bug check", "seen with");
    for (index, wrong) in &results {
        let Mutant { name, rule, bug_check, option, .. } = &table[*index];
        let check = bug_check.map_or_else(
            || "-".to_owned(),
            |(check, parameter)| match parameter {
                Some(parameter) => format!("{check:#X}/{parameter:#X}"),
                None => format!("{check:#X}"),
            },
        );
        let word = match wrong {
            None => "ok",
            Some(wrong) if wrong.starts_with("MISSED") => "MISSED",
            Some(_) => "BAD",
        };
        println!("{name:<30} {rule:<30} {check:<14} {:<13} {word}", option.unwrap_or("anything"));
    }
    let wrong: Vec<_> =
        results.iter().filter_map(|(index, wrong)| Some((table[*index].name, wrong.as_ref()?))).collect();
    println!("{} of {} mutants are caught", results.len() - wrong.len(), results.len());
    let list: String = wrong.iter().map(|(name, wrong)| format!("{name}: {wrong}\n")).collect();
    assert!(wrong.is_empty(), "{list}");
}

/// The twin, whose name is none of the table's, is right with everything on, in every scenario.
#[test]
fn the_twin_breaks_no_rule() {
    let found = verify("Sound", &[]);
    assert!(found.is_empty(), "{found:#?}");
}

/// Rules that no mutant breaks, with the tests in which they are: what a driver cannot do in a scenario, or what the smallest
/// image shows as well.
const ELSEWHERE: [(&str, &str, &str); 14] = [
    // Only clients do these.
    ("KsConnectSameFilter", "tests/bad_request.rs", "a_filter_to_itself"),
    ("KsAllocatorFrames", "crates/ksrig/src/ks/tests/allocators.rs", "an_allocator_of_the_driver_is_used"),
    // Everything is destroyed afterwards.
    ("KsFilterClose", "crates/ksrig/src/ks/tests/closing.rs", "a_filter_outlives_its_pins"),
    // A driver needs a device object of its own beside AVStream's.
    ("RemoveDevice", "crates/ksrig/src/nt/pnp/tests.rs", "removal_is_whole"),
    ("access violation", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("illegal instruction", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("FastFail", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("divide error", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("general protection", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("breakpoint", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("assertion", "crates/ksrig/src/nt/fault/mod.rs", "faults_are_reported"),
    ("unhandled exception", "tests/seh.rs", "unhandled_exceptions_stop_the_machine"),
    ("no end", "tests/verify.rs", "a_run_without_end_is_told"),
    ("deadlock", "crates/ksrig/src/nt/sched/tests.rs", "deadlock_is_reported"),
];

/// Every rule has a mutant, or a test elsewhere that names it; names are not used twice.
#[test]
fn the_table_is_whole() {
    let table = table();
    let names: BTreeSet<_> = table.iter().map(|mutant| mutant.name).collect();
    assert_eq!(names.len(), table.len());
    let broken: BTreeSet<_> = table.iter().map(|mutant| mutant.rule).collect();
    for (rule, file, test) in ELSEWHERE {
        assert!(!broken.contains(rule), "{rule} has a mutant");
        let text = fs::read_to_string(root().join(file)).expect("a test");
        let is_there = text.contains(&format!("fn {test}()")) && text.contains(rule);
        assert!(is_there, "no test {test} of {rule} in {file}");
    }
    let known = |rule: &str| broken.contains(rule) || ELSEWHERE.iter().any(|(name, ..)| *name == rule);
    let rules = ksrig::verifier::RULES.iter().map(|rule| rule.name);
    let missing: Vec<_> = rules.filter(|rule| !known(rule)).collect();
    assert!(missing.is_empty(), "nothing breaks {missing:?}");
    for golden in fs::read_dir(root().join("tests/golden/mutants")).expect("the golden texts") {
        let name = golden.expect("an entry").path();
        let name = name.file_stem().and_then(|name| name.to_str()).expect("a name");
        assert!(names.contains(name), "{name} is no mutant any more");
    }
}
