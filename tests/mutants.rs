//! tmp

use std::{env, process::Command};

use ks_sys::{GUID, KSEVENT_TYPE_ENABLE, guid};
use ksrig::{
    client::{State, property},
    nt::flags::Flags,
};
use loopcam_tests::{
    images::root,
    stand::{self, Stand, set_state},
};

const SET: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_2001);
const EVENTS: GUID = guid(0x9D41_C6B0_2F83_4A57_8E16_70B3_5C2A_2002);
const SINK: &str = "{9D41C6B0-2F83-4A57-8E16-70B35C2A1001}";
const SOURCE: &str = "{9D41C6B0-2F83-4A57-8E16-70B35C2A1002}";
const FORMAT: &str = "nv12:16x16@30";

/// One.
#[test]
#[ignore = "x"]
fn one() {
    let name = env::var("MUTANT").unwrap();
    let image = root().join("target/driver/mutants").join(&name).with_extension("sys");
    let rig = ksrig::client::Rig::builder().watch(Flags::ALL);
    let stand = Stand::built(image, rig);
    let step = |what: &str| {
        if env::var_os("STEPS").is_some() {
            eprintln!("-- {what}")
        }
    };
    step("filters");
    for filter in [SINK, SOURCE] {
        let filter = stand.filter(filter);
        let answer = filter.property(&property::request(SET, 0, property::GET, &[]), vec![0; 8]);
        if answer.status != ksrig::client::Status::SUCCESS {
            println!("GET {}", answer.status);
        }
        let event = filter.enable_event(EVENTS, 0, KSEVENT_TYPE_ENABLE).unwrap();
        drop(event);
    }
    step("source");
    let format = stand::format(FORMAT);
    {
        let place = stand.place(SOURCE, 0);
        if let Ok(pin) = place.create(&format) {
            let event = pin.enable_event(EVENTS, 0, KSEVENT_TYPE_ENABLE).unwrap();
            let answer = pin.property(&property::request(SET, 0, property::GET, &[]), vec![0; 8]);
            if answer.status != ksrig::client::Status::SUCCESS {
                println!("GET {}", answer.status);
            }
            let _ = pin.set_state(State::Run).map_err(|e| println!("RUN {e}"));
            for _ in 0..3 {
                let done = pin.submit_read(ksrig::client::Packet::with_frame_info(&[384]));
                stand.rig.sleep(1_000_000);
                if !done.is_done() {
                    println!("read not done");
                    done.cancel();
                }
            }
            drop(event);
            let _ = pin.set_state(State::Stop).map_err(|e| println!("STOP {e}"));
        } else {
            println!("no source pin");
        }
    }
    step("sink alone");
    {
        let place = stand.place(SINK, 0);
        if let Ok(pin) = place.create(&format) {
            let _ = pin.set_state(State::Run).map_err(|e| println!("RUN {e}"));
            let done: Vec<_> =
                (0..3).map(|_| pin.submit_write(ksrig::client::Packet::from_frame(&[7; 384]))).collect();
            stand.rig.sleep(1_000_000);
            for done in done {
                done.cancel();
            }
            stand.rig.sleep(1_000_000);
            let _ = pin.set_state(State::Stop).map_err(|e| println!("STOP {e}"));
        } else {
            println!("no sink pin");
        }
    }
    for round in 0..2 {
        step("pair");
        let (from, to) = (stand.place(SOURCE, 0), stand.place(SINK, 0));
        let Ok(sink) = to.create(&format) else {
            println!("no sink");
            continue;
        };
        let Ok(source) = from.connect(&format, &sink) else {
            println!("no source");
            continue;
        };
        for state in [State::Acquire, State::Pause, State::Run] {
            let _ = sink.set_state(state).map_err(|e| println!("{state:?} {e}"));
            let _ = source.set_state(state).map_err(|e| println!("{state:?} {e}"));
        }
        stand.rig.sleep(5_000_000);
        if round == 0 {
            let _ = stand.driver().sleep();
            let _ = stand.driver().wake();
            stand.rig.sleep(5_000_000);
        }
        for state in [State::Pause, State::Acquire, State::Stop] {
            let _ = source.set_state(state).map_err(|e| println!("{state:?} {e}"));
            let _ = sink.set_state(state).map_err(|e| println!("{state:?} {e}"));
        }
    }
    step("stop start");
    let _ = stand.driver().stop();
    let _ = stand.driver().start();
    let _ = set_state;
    step("end");
    for v in stand.end_with_violations() {
        println!("{} {:#x} {}: {}\n      {}", v.rule, v.code, v.object, v.message, v.stack.join(" < "));
    }
}

/// All.
#[test]
fn all() {
    let table = include_str!("drivers/mutants/mutants.tsv");
    let only = env::var("ONLY").ok();
    for line in std::iter::once("Sound\t-\t-\t-\t-\t-").chain(table.lines().filter(|l| !l.starts_with('#'))) {
        let f: Vec<_> = line.split('\t').collect();
        if only.as_ref().is_some_and(|o| !o.split(',').any(|o| o == f[0])) {
            continue;
        }
        let out = Command::new("timeout")
            .arg("20")
            .arg(env::current_exe().unwrap())
            .args(["--exact", "one", "--ignored", "--nocapture"])
            .env("MUTANT", f[0])
            .output()
            .unwrap();
        println!(
            "=== {} wants {} {} [{}] also {}: exit {:?}",
            f[0],
            f[1],
            f[2],
            f[3],
            f[4],
            out.status.code()
        );
        let text = String::from_utf8_lossy(&out.stdout);
        for l in
            text.lines().filter(|l| !l.is_empty() && !l.starts_with("running") && !l.starts_with("test "))
        {
            println!("   {l}");
        }
        let err = String::from_utf8_lossy(&out.stderr);
        for l in err.lines().take(22) {
            println!("   ! {l}");
        }
    }
}
