//! What a reader misses while it has no buffer is counted once, whatever becomes of the writer meanwhile: in
//! KS_FRAME_INFO, in PROPSETID_VIDCAP_DROPPEDFRAMES, and by a discontinuity (`stream/capturing-video`).

use ks_sys::{KSPROPERTY_CONNECTION, KSPROPSETID_Connection, KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY};
use ksrig::client::{Packet, Request, State, Status, property};
use loopcam_tests::{
    images,
    stand::{Stand, builder, done, set_state},
    studio::{Open, Shape, noise},
};

const FORMAT: &str = "nv12:64x48@30";
const SECOND: u64 = 10_000_000;

/// Picture number, drop count, and whether there is a discontinuity.
fn numbers(packet: &Packet) -> (i64, i64, bool) {
    let info = packet.frame_info(0).expect("KS_FRAME_INFO");
    let gap = packet.header(0).OptionsFlags & KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY;
    (info.PictureNumber, info.DropCount, gap != 0)
}

/// The next frame's.
fn next(reader: &Open) -> (i64, i64, bool) {
    numbers(&reader.frame(Shape::new(FORMAT).len()))
}

/// Writes so many pictures, at the rate of the format; gives the last request, which is still on its way.
fn write(stand: &Stand, writer: &Open, shape: &Shape, count: u32) -> Request {
    let mut last = None;
    for number in 0..count {
        let request = writer.write(&noise(shape.len(), number));
        stand.rig.sleep(shape.video.interval);
        drop(last.replace(request).map(Request::wait));
    }
    last.expect("at least one")
}

/// How a writer may go.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It stops.
    Stops,
    /// Its handle is closed.
    Dies,
    /// It is there, and writes nothing any more.
    Silent,
}

/// The pictures that a reader missed between its last one and its writer's leaving are dropped, all of them.
#[test]
fn the_writer_goes() {
    for image in images::loopcam() {
        for way in [Way::Stops, Way::Dies, Way::Silent] {
            let stand = Stand::built(&image, builder().trace(false));
            let shape = Shape::new(FORMAT);
            let reader = stand.reader(&shape, State::Run);
            let writer = stand.writer(&shape);
            let first = reader.read(shape.len());
            drop(write(&stand, &writer, &shape, 1));
            assert_eq!(numbers(&done(first.wait()).packet), (1, 0, false));
            let last = write(&stand, &writer, &shape, 9);
            assert_eq!(reader.counted(), (9, 8), "the last may be shown yet");
            let mut rest = Some(writer);
            match way {
                Way::Stops => set_state(&rest.as_ref().expect("the writer").pin, State::Stop),
                Way::Dies => drop(rest.take()),
                Way::Silent => stand.rig.sleep(2 * SECOND),
            }
            assert_eq!(reader.counted(), (10, 9), "{way:?}: nobody will see the last");
            stand.rig.sleep(SECOND);
            assert_eq!(reader.counted(), (10, 9), "{way:?}: once");
            assert_eq!(next(&reader), (11, 9, true), "{way:?}: the placeholder");
            assert_eq!(next(&reader), (12, 9, false), "{way:?}: one discontinuity for one gap");
            assert_eq!(reader.counted(), (12, 9));
            drop((rest, last));
            drop(reader);
            stand.end();
        }
    }
}

/// Of what it missed a slower reader counts those that it would have been shown.
#[test]
fn a_slower_reader() {
    for image in images::loopcam() {
        for (written, missed) in [(1, 0), (2, 0), (3, 1), (30, 10)] {
            let stand = Stand::built(&image, builder().trace(false));
            let fast = Shape::new("nv12:64x48@60");
            let reader = stand.reader(&Shape::new("nv12:64x48@20"), State::Run);
            let writer = stand.writer(&fast);
            let first = reader.read(fast.len());
            drop(write(&stand, &writer, &fast, 1));
            assert_eq!(numbers(&done(first.wait()).packet), (1, 0, false));
            let last = write(&stand, &writer, &fast, written);
            set_state(&writer.pin, State::Stop);
            // A writer that comes and goes without a picture changes nothing.
            stand.rig.sleep(SECOND);
            set_state(&writer.pin, State::Run);
            set_state(&writer.pin, State::Stop);
            assert_eq!(reader.counted(), (1 + missed, missed), "{written}");
            assert_eq!(next(&reader), (2 + missed, missed, missed > 0), "{written}");
            drop((writer, last, reader));
            stand.end();
        }
    }
}

/// The placeholders that a reader missed before a writer came stay dropped.
#[test]
fn a_writer_comes() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let shape = Shape::new(FORMAT);
        let reader = stand.reader(&shape, State::Run);
        assert_eq!(next(&reader), (1, 0, false));
        stand.rig.sleep(10 * shape.video.interval + shape.video.interval / 2);
        assert_eq!(reader.counted(), (10, 9), "the last may be shown yet");
        let writer = stand.writer(&shape);
        let last = writer.write(&noise(shape.len(), 1));
        stand.rig.settle();
        assert_eq!(reader.counted(), (10, 9));
        assert_eq!(next(&reader), (11, 9, true), "the writer's picture in the place of the last");
        set_state(&writer.pin, State::Stop);
        assert_eq!(next(&reader), (12, 9, false));
        drop((writer, last, reader));
        stand.end();
    }
}

/// A PAUSE takes nothing back of what has been counted (`stream/capturing-video`).
#[test]
fn through_pause() {
    for image in images::loopcam() {
        for writes in [false, true] {
            let stand = Stand::built(&image, builder().trace(false));
            let shape = Shape::new(FORMAT);
            let reader = stand.reader(&shape, State::Run);
            let writer = writes.then(|| stand.writer(&shape));
            let first = reader.read(shape.len());
            let mut last = writer.as_ref().map(|writer| write(&stand, writer, &shape, 1));
            assert_eq!(numbers(&done(first.wait()).packet), (1, 0, false));
            match &writer {
                Some(writer) => drop(last.replace(write(&stand, writer, &shape, 10)).map(Request::wait)),
                None => stand.rig.sleep(10 * shape.video.interval + shape.video.interval / 2),
            }
            assert_eq!(reader.counted(), (10, 9), "{writes}");
            set_state(&reader.pin, State::Pause);
            assert_eq!(reader.counted(), (10, 9), "{writes}: in PAUSE");
            set_state(&reader.pin, State::Run);
            assert!(reader.counted() >= (10, 9), "{writes}: in RUN again");
            let (number, drops, gap) = next(&reader);
            assert!(gap && drops >= 9 && number == drops + 2, "{writes}: {number}, {drops}");
            if let Some(writer) = &writer {
                set_state(&writer.pin, State::Stop);
            }
            drop((writer, last, reader));
            stand.end();
        }
    }
}

/// A reader that pauses while Process gives it a picture has its drops counted once, whichever comes first.
#[test]
fn pause_meets_process() {
    let mut met = 0;
    for (image, seed) in
        images::loopcam().into_iter().flat_map(|image| (1..=12).map(move |seed| (image.clone(), seed)))
    {
        let stand = Stand::built(&image, builder().seed(seed).preemption(2).trace(false));
        let shape = Shape::new(FORMAT);
        let reader = stand.reader(&shape, State::Run);
        let writer = stand.writer(&shape);
        let first = reader.read(shape.len());
        drop(write(&stand, &writer, &shape, 1));
        assert_eq!(numbers(&done(first.wait()).packet), (1, 0, false));
        let last = write(&stand, &writer, &shape, 9);
        let pin = reader.pin.handle();
        let late = {
            let pause = stand.rig.spawn("pause", move || {
                let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
                let request = property::request(KSPROPSETID_Connection, id, property::SET, &[]);
                property::send(pin, &request, (State::Pause as u32).to_le_bytes().to_vec()).status
            });
            let late = reader.read(shape.len());
            assert_eq!(pause.join(), Status::SUCCESS);
            late
        };
        let counted = reader.counted();
        assert!([(9, 8), (10, 8)].contains(&counted), "seed {seed}: {counted:?}");
        met += u32::from(counted == (10, 8));
        set_state(&reader.pin, State::Run);
        assert_eq!(numbers(&done(late.wait()).packet), (10, 8, true), "seed {seed}");
        drop((last, writer, reader));
        stand.end();
    }
    assert!(met > 0, "Process never came first");
}
