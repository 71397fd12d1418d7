//! `ksrig verify` and the same from a test: scenarios that know no driver, calls that fail, schedules.

use std::{path::Path, time::Instant};

use ksrig::{
    client::{
        scenario::SCENARIOS,
        verify::{Run, Subject},
    },
    nt::flags::Flags,
};
use loopcam_tests::{images, stand::builder};

fn subject(image: &Path) -> Subject {
    let builder = builder().watch(Flags::ALL);
    Subject::new(builder, &[image.to_owned()]).unwrap_or_else(|error| panic!("{error}"))
}

/// The camera in both flavours, watched for everything, in every scenario: no broken rule. And each scenario does
/// something.
#[test]
fn every_scenario_is_clean() {
    for image in images::loopcam() {
        let subject = subject(&image);
        for scenario in SCENARIOS {
            let begun = Instant::now();
            let outcome = subject.run(scenario, &Run::default());
            println!("{:<14} {:>8.2?}  {:?}", scenario.name, begun.elapsed(), outcome.done);
            let findings: String = outcome.findings.iter().map(ToString::to_string).collect();
            assert!(findings.is_empty(), "{}: {findings}", scenario.name);
        }
    }
}
