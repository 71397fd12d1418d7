//! The device sleeps, wakes up and is asked to go while programs read and write in threads of their own.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ksrig::{
    client::{State, stream::Writer},
    ks::Options,
    nt::machine::JoinHandle,
};
use loopcam_tests::{
    images, picture,
    stand::{Stand, builder, done, set_state},
    studio::Shape,
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
