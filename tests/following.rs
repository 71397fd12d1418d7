//! Readers that follow a writer: at their own rate, through its silence and through changes of format.

use ks_sys::*;
use ksrig::client::{Packet, Request, State, Status, Video};
use loopcam_tests::{
    images, picture,
    stand::{Stand, builder, done, set_state},
    studio::{FILL, Open, Shape, assert_shows, noise},
};

const SECOND: u64 = 10_000_000;

/// A writer that writes a picture whenever it is told to, and takes its buffers back.
struct Writer {
    shape: Shape,
    open: Open,
    last: Option<Request>,
    written: u32,
}

impl Writer {
    fn new(stand: &Stand, text: &str) -> Self {
        let shape = Shape::new(text);
        Self { shape, open: stand.writer(&shape), last: None, written: 0 }
    }

    /// The picture with a number.
    fn picture(shape: &Shape, number: u32) -> Vec<u8> {
        let mut picture = noise(shape.len(), 1);
        assert!(video::stamp::draw(shape.looks(None), number, &mut picture[..]));
        picture
    }

    /// Writes the next picture; gives its number.
    fn write(&mut self) -> u32 {
        self.written += 1;
        let request = self.open.write(&Self::picture(&self.shape, self.written));
        if let Some(last) = self.last.replace(request) {
            assert_eq!(last.wait().status, Status::SUCCESS, "the picture before {}", self.written);
        }
        self.written
    }

    /// Writes pictures at the rate of the format for so many of its intervals.
    fn write_for(&mut self, stand: &Stand, intervals: u32) {
        for _ in 0..intervals {
            self.write();
            stand.rig.sleep(self.shape.video.interval);
        }
    }

    fn stop(self) {
        set_state(&self.open.pin, State::Stop);
        if let Some(last) = self.last {
            assert_eq!(last.wait().status, Status::SUCCESS);
        }
    }
}

/// What a frame has of the writer.
#[derive(Debug, PartialEq, Eq)]
enum Shown {
    Placeholder,
    Picture(u32),
}

/// What a reader of the writer's own format was given.
fn shown(shape: &Shape, packet: &Packet) -> Shown {
    let looks = shape.looks(None);
    let number = picture::number(looks, packet.data(0)).expect("a number, the same in first and last row");
    if packet.data(0) == Writer::picture(shape, number) {
        return Shown::Picture(number);
    }
    assert!(packet.data(0) == picture::placeholder(looks, number), "neither picture nor placeholder");
    Shown::Placeholder
}

/// A writer that is slower than its format says: a reader that wants fewer pictures than that format has gets all that there
/// are, as far as they come no faster than it wants them.
#[test]
fn a_writer_that_is_slower_than_it_says() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let mut writer = Writer::new(&stand, "nv12:48x16@60");
        let shape = Shape::new("nv12:48x16@15");
        let reader = stand.reader(&shape, State::Run);
        for _ in 0..10 {
            let read = reader.read(shape.len());
            let written = writer.write();
            assert_eq!(shown(&shape, &done(read.wait()).packet), Shown::Picture(written));
            stand.rig.sleep(SECOND / 10);
        }
        writer.stop();
        drop(reader);
        stand.end();
    }
}

/// A reader whose format has fewer pictures per second gets fewer, evenly, and none of them counts as dropped; one whose
/// format has more gets those that there are.
#[test]
fn rates() {
    for image in images::loopcam() {
        for (writes, reads, expected) in [
            (60., 60., 60),
            (60., 30., 30),
            (60., 20., 20),
            (60., 15., 15),
            (60., 5., 5),
            (30., 24., 24),
            (24., 30., 24),
            (5., 60., 5),
        ] {
            let stand = Stand::built(&image, builder().trace(false));
            let shape = Shape::new("nv12:48x16@30");
            let at = |fps| Shape::of(Video::new(shape.video.pixels, 48, 16, fps));
            let mut writer = Writer::new(&stand, &format!("nv12:48x16@{writes}"));
            let reader = stand.reader(&at(reads), State::Run);
            let requests: Vec<Request> = (0..70).map(|_| reader.read(shape.len())).collect();
            writer.write_for(&stand, writes as u32);
            let frames: Vec<Packet> =
                requests.into_iter().filter(Request::is_done).map(|read| done(read.wait()).packet).collect();
            // The phase decides about one at either end.
            let count = frames.len();
            assert!(count.abs_diff(expected) <= 1, "{writes} to {reads}: {count} pictures");
            let mut last: Option<u32> = None;
            for (index, frame) in frames.iter().enumerate() {
                let info = frame.frame_info(0).expect("KS_FRAME_INFO");
                let numbers = (info.PictureNumber, info.DropCount);
                assert_eq!(numbers, (index as i64 + 1, 0), "{writes} to {reads}");
                let Shown::Picture(number) = shown(&shape, frame) else { panic!("a picture of the writer") };
                let ratio = f64::max(writes / reads, 1.);
                if let Some(last) = last.replace(number) {
                    let step = f64::from(number - last);
                    assert!((step - ratio).abs() < 1., "{writes} to {reads}: {number} after {last}");
                }
            }
            writer.stop();
            set_state(&reader.pin, State::Stop);
            drop(reader);
            stand.end();
        }
    }
}

/// A writer that is there and writes nothing any more is followed by the placeholder within a second; when it writes again
/// its pictures are shown again, at once; and what it wrote before its silence is not.
#[test]
fn silence() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let mut writer = Writer::new(&stand, "yuy2:64x48@30");
        let shape = writer.shape;
        let reader = stand.reader(&shape, State::Run);
        let mut number = 0;
        for _ in 0..3 {
            for _ in 0..10 {
                let read = reader.read(shape.len());
                let written = writer.write();
                let frame = done(read.wait()).packet;
                assert_eq!(shown(&shape, &frame), Shown::Picture(written));
                let info = frame.frame_info(0).expect("KS_FRAME_INFO");
                assert!(info.PictureNumber > number, "numbers go on");
                number = info.PictureNumber;
                stand.rig.sleep(shape.video.interval);
            }
            let begun = stand.rig.now();
            let read = reader.read(shape.len());
            let frame = done(read.wait()).packet;
            let waited = stand.rig.now() - begun;
            assert_eq!(shown(&shape, &frame), Shown::Placeholder);
            assert!((SECOND / 2..=SECOND).contains(&waited), "after {waited}");
            // At the rate of the reader.
            for _ in 0..5 {
                let begun = stand.rig.now();
                assert_eq!(shown(&shape, &reader.frame(shape.len())), Shown::Placeholder);
                let waited = stand.rig.now() - begun;
                assert!(waited.abs_diff(shape.video.interval) <= 10_000, "{waited}");
            }
            // A reader that comes now does not see what is old either.
            let late = stand.reader(&shape, State::Run);
            assert_eq!(shown(&shape, &late.frame(shape.len())), Shown::Placeholder);
        }
        // The slowest writer that there is is not silent between two pictures.
        writer.stop();
        let mut slow = Writer::new(&stand, "yuy2:64x48@1");
        for _ in 0..4 {
            let read = reader.read(shape.len());
            let written = slow.write();
            assert_eq!(shown(&shape, &done(read.wait()).packet), Shown::Picture(written));
            stand.rig.sleep(SECOND);
        }
        slow.stop();
        set_state(&reader.pin, State::Stop);
        drop(reader);
        stand.end();
    }
}

/// A writer that runs and never writes is followed by the placeholder too.
#[test]
fn silence_from_the_beginning() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let shape = Shape::new("nv12:64x48@30");
        let reader = stand.reader(&shape, State::Run);
        assert_eq!(shown(&shape, &reader.frame(shape.len())), Shown::Placeholder);
        let writer = Writer::new(&stand, "nv12:64x48@30");
        for _ in 0..5 {
            assert_eq!(shown(&shape, &reader.frame(shape.len())), Shown::Placeholder);
        }
        writer.stop();
        drop(reader);
        stand.end();
    }
}

/// A writer whose process goes while it writes is followed by the placeholder at once, and its place is free.
#[test]
fn a_writer_dies() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let shape = Shape::new("nv12:64x48@30");
        let reader = stand.reader(&shape, State::Run);
        for _ in 0..3 {
            let mut writer = Writer::new(&stand, "nv12:64x48@30");
            let read = reader.read(shape.len());
            let written = writer.write();
            assert_eq!(shown(&shape, &done(read.wait()).packet), Shown::Picture(written));
            // The handle is closed without a way down through the states.
            let Writer { open, last, .. } = writer;
            drop(open);
            drop(last.map(Request::wait));
            let begun = stand.rig.now();
            assert_eq!(shown(&shape, &reader.frame(shape.len())), Shown::Placeholder);
            assert!(stand.rig.now() - begun <= 2 * shape.video.interval);
        }
        drop(reader);
        stand.end();
    }
}

/// The writer's format changes while it runs: pixels, size, rate and rows. No reader is dropped, and each goes on to get
/// every picture in its own format.
#[test]
fn the_writer_changes_its_format() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let formats =
            ["nv12:64x48@30", "yuy2:64x48@30", "rgb24:34x18@30", "rgb32:640x480@15", "nv12:64x48@60"];
        let readers: Vec<(Shape, Open)> =
            ["nv12:64x48@60", "yuy2:80x32@60", "rgb32:64x48@60", "rgb24:160x120@60"]
                .into_iter()
                .map(Shape::new)
                .map(|shape| (shape, stand.reader(&shape, State::Run)))
                .collect();
        let mut from = Shape::new(formats[0]);
        let writer = stand.writer(&from);
        let mut last: Option<Request> = None;
        for (round, text) in formats.iter().cycle().take(12).enumerate() {
            let pitch = Shape::new(text).video.width + round as u32 % 3 * 8;
            from = Shape { pitch, ..Shape::new(text) };
            assert_eq!(writer.set_format(&from.format()), Status::SUCCESS, "{text}");
            for number in 0..3 {
                let frame = noise(from.len(), number + round as u32 * 3);
                let reads: Vec<Request> =
                    readers.iter().map(|(shape, reader)| reader.read(shape.len())).collect();
                let write = writer.write(&frame);
                for ((shape, _), read) in readers.iter().zip(reads) {
                    let looks = shape.looks(None);
                    let expected = picture::converted_over(FILL, from.looks(None), &frame, looks);
                    let completion = read.wait();
                    let info = completion.packet.frame_info(0).expect("KS_FRAME_INFO");
                    let expected_numbers = (round as i64 * 3 + i64::from(number) + 1, 0);
                    assert_eq!((info.PictureNumber, info.DropCount), expected_numbers, "{text}");
                    assert_shows(completion, looks, &expected, &format!("{text} as {}", shape.video));
                }
                drop(last.replace(write).map(Request::wait));
                stand.rig.sleep(from.video.interval);
            }
        }
        set_state(&writer.pin, State::Stop);
        drop(last.map(Request::wait));
        drop(readers);
        drop(writer);
        stand.end();
    }
}

/// A reader's format changes while it runs, also just before RUN with the parameters of a surface: it goes on in the new
/// one. What is too small for that by now comes back with STATUS_INVALID_BUFFER_SIZE.
#[test]
fn a_reader_changes_its_format() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let from = Shape::new("yuy2:64x48@30");
        let mut to = Shape::new("nv12:64x48@30");
        let reader = stand.reader(&to, State::Pause);
        to.pitch = 96;
        assert_eq!(reader.set_format(&to.format()), Status::SUCCESS, "just before RUN");
        set_state(&reader.pin, State::Run);
        let writer = stand.writer(&from);
        let mut last: Option<Request> = None;
        let mut frames = 0;
        let shapes = ["nv12:64x48@30", "rgb32:64x48@30", "yuy2:64x48@60", "rgb24:320x240@5", "nv12:16x16@30"];
        for text in shapes {
            for _ in 0..2 {
                frames += 1;
                let frame = noise(from.len(), frames);
                // Even the slowest of these readers wants the next picture by then.
                stand.rig.sleep(SECOND / 4);
                let read = reader.read(to.len());
                drop(last.replace(writer.write(&frame)).map(Request::wait));
                let expected = picture::converted_over(FILL, from.looks(None), &frame, to.looks(None));
                assert_shows(read.wait(), to.looks(None), &expected, &format!("as {to:?}"));
            }
            let waiting = reader.read(to.len());
            let next = Shape::new(text);
            let fits = next.len() <= to.len();
            assert_eq!(reader.set_format(&next.format()), Status::SUCCESS, "{text}");
            assert_eq!(reader.format(), next.format());
            to = next;
            stand.rig.sleep(SECOND / 4);
            let status = if fits { STATUS_SUCCESS } else { STATUS_INVALID_BUFFER_SIZE };
            drop(last.replace(writer.write(&noise(from.len(), 1000))).map(Request::wait));
            assert_eq!(waiting.wait().status, Status(status), "{text}");
        }
        set_state(&writer.pin, State::Stop);
        drop(last.map(Request::wait));
        drop((reader, writer));
        stand.end();
    }
}

/// Sixteen readers, each with a format of its own. One stalls, one cancels whatever it asked for, one is closed, one stops:
/// the others get every picture.
#[test]
fn sixteen_readers() {
    const TEXTS: [&str; 8] = [
        "nv12:64x48@30",
        "yuy2:64x48@30",
        "rgb24:64x48@30",
        "rgb32:64x48@30",
        "nv12:32x32@30",
        "yuy2:160x120@60",
        "rgb24:34x18@30",
        "rgb32:48x64@30",
    ];
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let from = Shape::new("nv12:64x48@30");
        let writer = stand.writer(&from);
        let mut readers: Vec<(Shape, Option<Open>)> = (0..16)
            .map(|index| Shape::new(TEXTS[index % TEXTS.len()]))
            .map(|shape| (shape, Some(stand.reader(&shape, State::Run))))
            .collect();
        let mut last: Option<Request> = None;
        let mut stalled: Vec<Request> = Vec::new();
        for number in 0..40 {
            let frame = noise(from.len(), number);
            let mut reads: Vec<(usize, Request)> = Vec::new();
            for (index, (shape, reader)) in readers.iter_mut().enumerate() {
                match (index, number, &*reader) {
                    // Has three buffers and never another.
                    (3, 0, Some(open)) => stalled.extend((0..3).map(|_| open.read(shape.len()))),
                    (3, ..) | (_, _, None) => {}
                    (7, _, Some(open)) => {
                        let read = open.read(shape.len());
                        read.cancel();
                        // The newest picture, if it was there; it took none of those before.
                        let status = read.wait().status;
                        assert!([Status(STATUS_CANCELLED), Status::SUCCESS].contains(&status), "{status}");
                    }
                    // Goes with requests on their way.
                    (9, 10, Some(open)) => {
                        let read = open.read(shape.len());
                        *reader = None;
                        assert_eq!(read.wait().status, Status(STATUS_CANCELLED));
                    }
                    (12, 20, Some(open)) => {
                        let read = open.read(shape.len());
                        set_state(&open.pin, State::Stop);
                        assert_eq!(read.wait().status, Status(STATUS_CANCELLED));
                        *reader = None;
                    }
                    (index, _, Some(open)) => reads.push((index, open.read(shape.len()))),
                }
            }
            let write = writer.write(&frame);
            for (index, read) in reads {
                let looks = readers[index].0.looks(None);
                let expected = picture::converted_over(FILL, from.looks(None), &frame, looks);
                let completion = read.wait();
                let info = completion.packet.frame_info(0).expect("KS_FRAME_INFO");
                let numbers = (info.PictureNumber, info.DropCount);
                assert_eq!(numbers, (i64::from(number) + 1, 0), "reader {index}");
                assert_shows(completion, looks, &expected, &format!("reader {index}"));
            }
            drop(last.replace(write).map(Request::wait));
            stand.rig.sleep(from.video.interval);
        }
        for (index, read) in stalled.into_iter().enumerate() {
            let info = done(read.wait()).packet.frame_info(0).expect("KS_FRAME_INFO");
            assert_eq!((info.PictureNumber, info.DropCount), (index as i64 + 1, 0));
        }
        // What it missed is counted, and is a discontinuity.
        let (shape, stalled) = (readers[3].0, readers[3].1.as_ref().expect("the stalled reader"));
        let frame = stalled.frame(shape.len());
        let info = frame.frame_info(0).expect("KS_FRAME_INFO");
        assert_eq!((info.PictureNumber, info.DropCount), (40, 36));
        let discontinuity = frame.header(0).OptionsFlags & KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY;
        assert_ne!(discontinuity, 0);
        set_state(&writer.pin, State::Stop);
        drop(last.map(Request::wait));
        drop(readers);
        drop(writer);
        stand.end();
    }
}
