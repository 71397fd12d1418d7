//! The device sleeps, wakes up, stops and goes while programs use it in threads of their own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ksrig::{
    client::{Filter, State, stream::Writer},
    ks::Options,
    nt::machine::JoinHandle,
};
use loopcam_tests::{
    images, picture,
    stand::{CAMERA, CAPTURE, INPUT, Stand, builder, done, set_state},
    studio::{Shape, packet},
};

const PICTURES: u32 = 40;
const FORMATS: [&str; 3] = ["nv12:64x48@30", "yuy2:64x48@30", "nv12:64x48@10"];

/// A program that reads so many pictures: each is whole, and every number that is missing is counted.
fn read(stand: &Stand, format: &'static str) -> JoinHandle<()> {
    let shape = Shape::new(format);
    let reader = stand.reader(&shape, State::Run);
    stand.rig.spawn(format, move || {
        let (mut number, mut dropped, mut time) = (0, 0, -1);
        for _ in 0..PICTURES {
            let packet = done(reader.read(shape.len()).wait()).packet;
            picture::number(shape.looks(None), packet.data(0)).expect("an untorn picture");
            let info = packet.frame_info(0).expect("KS_FRAME_INFO");
            assert_eq!(info.PictureNumber - number - 1, info.DropCount - dropped, "{format}");
            let shown = packet.header(0).PresentationTime.Time;
            assert!(shown >= time, "{format}: time goes back from {time} to {shown}");
            (number, dropped, time) = (info.PictureNumber, info.DropCount, shown);
        }
        set_state(&reader.pin, State::Stop);
    })
}

/// A program that writes until nobody reads any more.
fn write(stand: &Stand, ends: Arc<AtomicBool>) -> JoinHandle<()> {
    let shape = Shape::new(FORMATS[0]);
    let input = stand.writer(&shape);
    stand.rig.spawn("writer", move || {
        let mut writer = Writer::new(&input.pin, "writer", shape.video.interval, 3);
        let mut number = 0;
        while !ends.load(Ordering::Relaxed) {
            number += 1;
            let written = writer.write(&picture::bars(shape.looks(None), number));
            written.unwrap_or_else(|error| panic!("{error}"));
        }
        set_state(&input.pin, State::Stop);
    })
}

/// R1.16, with ten schedules: whenever the device goes to sleep, nothing is torn, lost without being counted, or stuck.
#[test]
fn while_programs_run() {
    for seed in 1..=10 {
        let image = &images::loopcam()[seed as usize % 2];
        let options = Options { run_before_power: seed % 3 == 0, ..Options::default() };
        let stand = Stand::built(image, builder().seed(seed).options(options).trace(false));
        let ends = Arc::new(AtomicBool::new(false));
        let readers = FORMATS.map(|format| read(&stand, format));
        let writer = write(&stand, Arc::clone(&ends));
        for round in 0..6 {
            stand.rig.sleep(1_000_000 + 777_777 * (seed + round));
            stand.driver().sleep().expect("D3");
            stand.rig.sleep(7_000_000);
            stand.driver().wake().expect("D0");
            stand.driver().query_remove().expect("no veto");
            stand.rig.sleep(500_000);
            stand.driver().cancel_remove().expect("CANCEL_REMOVE_DEVICE");
            stand.driver().start().expect("START_DEVICE once more");
        }
        for reader in readers {
            reader.join();
        }
        ends.store(true, Ordering::Relaxed);
        writer.join();
        stand.end();
    }
}

/// Programs that open the camera, do something with a pin and close it, whatever it says; until they may not any more.
fn come_and_go(stand: &Stand, pin: u32, ends: &Arc<AtomicBool>) -> JoinHandle<u32> {
    let (shape, ends) = (Shape::new(FORMATS[0]), Arc::clone(ends));
    let link = stand.rig.filter(CAMERA).expect("the camera").link;
    stand.rig.spawn(&format!("program with pin {pin}"), move || {
        let mut rounds = 0;
        while !ends.load(Ordering::Relaxed) {
            let opened =
                Filter::open(&link).and_then(|filter| Ok((filter.create_pin(pin, &shape.format())?, filter)));
            let Ok((pin, _filter)) = opened else {
                ksrig::nt::sched::sleep(50_000);
                continue;
            };
            let _ = pin.set_state(State::Run);
            let request = if pin.id() == CAPTURE {
                pin.submit_read(packet(shape.len()))
            } else {
                pin.submit_write(packet(shape.len()))
            };
            // What is not back by then is cancelled.
            let _ = request.wait_for(100_000 * u64::from(rounds % 5));
            ksrig::nt::sched::sleep(10_000);
            rounds += 1;
        }
        rounds
    })
}

/// R1.8, R1.15, R1.16: the device stops, starts, sleeps and wakes up while pins come and go, and is pulled out in the end;
/// no request is stuck, and nothing is left.
#[test]
fn while_programs_come_and_go() {
    for seed in 1..=3 {
        let image = &images::loopcam()[seed as usize % 2];
        let options = Options { removal_stops_pins: seed % 3 == 0, ..Options::default() };
        let stand = Stand::built(image, builder().seed(seed).options(options).trace(false));
        let ends = Arc::new(AtomicBool::new(false));
        let programs = [CAPTURE, CAPTURE, INPUT, CAPTURE, INPUT].map(|pin| come_and_go(&stand, pin, &ends));
        for round in 0..12 {
            stand.rig.sleep(77_777 * (seed + round) % 500_000);
            if round % 2 == 0 {
                stand.driver().sleep().expect("D3");
                stand.rig.sleep(77_777 * round);
                stand.driver().wake().expect("D0");
            } else {
                stand.driver().stop().expect("STOP_DEVICE");
                stand.driver().start().expect("START_DEVICE");
            }
        }
        stand.rig.sleep(77_777 * seed);
        stand.driver().pull_out();
        stand.rig.sleep(100_000);
        ends.store(true, Ordering::Relaxed);
        for program in programs {
            assert!(program.join() > 5);
        }
        stand.rig.settle();
        assert!(stand.driver().is_gone(), "seed {seed}");
        stand.end();
    }
}
