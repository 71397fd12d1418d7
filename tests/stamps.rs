//! Time stamps: the moment at which a picture came, as the graph's clock showed it then, or the stream's own running time.

use ks_sys::{KSSTREAM_HEADER_OPTIONSF_DURATIONVALID, KSSTREAM_HEADER_OPTIONSF_TIMEVALID};
use ksrig::client::{Clock, Driver, Filter, Packet, Pin, Request, State, Status};
use loopcam_tests::{
    images,
    raw::{self, Line},
    stand::{Stand, builder, done, format, set_state},
    studio::{Open, Shape, noise},
};

const FORMAT: &str = "nv12:64x48@30";
const SECOND: u64 = 10_000_000;
const MILLISECOND: u64 = SECOND / 1000;

/// Clocks that go as the system does, and slower and faster; a graph's time begins anywhere.
const LINES: [Line; 4] = [
    Line { start: 0, rate: 1000, error: 0 },
    Line { start: 123_456_789, rate: 1000, error: 0 },
    Line { start: 50_000_000, rate: 1250, error: 0 },
    Line { start: 7, rate: 801, error: 0 },
];

/// Another driver, whose pin has the clock that the graph goes by.
struct Master {
    clock: Clock,
    pin: Pin,
    filter: Filter,
    driver: Driver,
}

impl Master {
    fn new(stand: &Stand, line: Line) -> Self {
        let driver = stand.rig.load_also(images::raw("clock")).unwrap_or_else(|error| panic!("{error}"));
        let filter = stand.filter(raw::SINK);
        let pin = filter.create_pin(0, &format(raw::FORMAT)).expect("a pin of the other driver");
        raw::set_clock(&pin, line);
        let clock = pin.clock().expect("its clock");
        Self { clock, pin, filter, driver }
    }

    fn end(self) {
        drop((self.clock, self.pin, self.filter));
        self.driver.unload();
    }
}

/// A pin in RUN, with a master clock or without; and when it went there.
fn run(stand: &Stand, pin: &Pin, master: Option<&Master>) -> u64 {
    if let Some(master) = master {
        pin.set_master_clock(Some(&master.clock)).expect("the master clock is taken");
    }
    set_state(pin, State::Run);
    stand.rig.now()
}

/// A reader in RUN, and since when.
fn reader(stand: &Stand, master: Option<&Master>) -> (Open, u64) {
    let reader = stand.reader(&Shape::new(FORMAT), State::Stop);
    let since = run(stand, &reader.pin, master);
    (reader, since)
}

/// The stamp of a frame, which says that it is valid.
fn stamp(packet: &Packet) -> i64 {
    let header = packet.header(0);
    let valid = KSSTREAM_HEADER_OPTIONSF_TIMEVALID | KSSTREAM_HEADER_OPTIONSF_DURATIONVALID;
    assert_eq!(header.OptionsFlags & valid, valid);
    assert_eq!(header.Duration, Shape::new(FORMAT).video.interval as i64);
    header.PresentationTime.Time
}

/// Reads a frame now.
fn read(reader: &Open) -> i64 {
    stamp(&reader.frame(Shape::new(FORMAT).len()))
}

/// Writes pictures, and takes its buffers back.
struct Writer {
    open: Open,
    last: Option<Request>,
    written: u32,
}

impl Writer {
    fn new(stand: &Stand) -> Self {
        Self { open: stand.writer(&Shape::new(FORMAT)), last: None, written: 0 }
    }

    /// Writes a picture; gives the time.
    fn write(&mut self, stand: &Stand) -> u64 {
        self.written += 1;
        let request = self.open.write(&noise(Shape::new(FORMAT).len(), self.written));
        stand.rig.settle();
        if let Some(last) = self.last.replace(request) {
            assert_eq!(last.wait().status, Status::SUCCESS, "the picture before {}", self.written);
        }
        stand.rig.now()
    }

    fn end(self) {
        set_state(&self.open.pin, State::Stop);
        drop(self.last.map(Request::wait));
    }
}

/// A stamp is what the clock showed at that time. All that is lost are units of 100 ns, where a clock does not go as the
/// system does.
fn assert_is(stamp: i64, line: Line, time: u64, what: &str) {
    let expected = line.at(time);
    let room = if line.rate == 1000 { 0 } else { 2 };
    assert!((stamp - expected).abs() <= room, "{what}, {line:?}: {stamp} where {expected} was expected");
}

/// Without a clock in the graph a stamp is the time that the stream has spent in RUN when the picture came, however late
/// the reader's buffer is.
#[test]
fn running_time_at_the_arrival() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let mut writer = Writer::new(&stand);
        stand.rig.sleep(SECOND);
        let (early, since) = reader(&stand, None);
        stand.rig.sleep(15 * MILLISECOND);
        let (late, later) = reader(&stand, None);
        for pause in [0, 10, 33, 100, 400] {
            let waiting = early.read(Shape::new(FORMAT).len());
            let arrival = writer.write(&stand);
            assert_eq!(stamp(&done(waiting.wait()).packet), (arrival - since) as i64);
            stand.rig.sleep(pause * MILLISECOND);
            assert_eq!(read(&late), (arrival - later) as i64, "a buffer that is {pause} ms late");
            stand.rig.sleep(40 * MILLISECOND);
        }
        writer.end();
        drop((early, late));
        stand.end();
    }
}

/// With a clock in the graph a stamp is what that clock showed when the picture came: the same for all readers, whenever they
/// began and however late their buffers are, and whatever the clock's rate is (`nf-ks-iksreferenceclock-getcorrelatedtime`).
#[test]
fn clock_at_the_arrival() {
    for (image, line) in images::loopcam().iter().cycle().zip(LINES) {
        let stand = Stand::built(image, builder().trace(false));
        let master = Master::new(&stand, line);
        let mut writer = Writer::new(&stand);
        stand.rig.sleep(SECOND / 3);
        let (early, _) = reader(&stand, Some(&master));
        stand.rig.sleep(150 * MILLISECOND);
        let (late, _) = reader(&stand, Some(&master));
        stand.rig.sleep(MILLISECOND);
        for pause in [0, 10, 33, 100, 400] {
            let waiting = early.read(Shape::new(FORMAT).len());
            let arrival = writer.write(&stand);
            assert_is(stamp(&done(waiting.wait()).packet), line, arrival, "at once");
            stand.rig.sleep(pause * MILLISECOND);
            assert_is(read(&late), line, arrival, "late");
            stand.rig.sleep(40 * MILLISECOND);
        }
        writer.end();
        drop((early, late));
        master.end();
        stand.end();
    }
}

/// What came before RUN is stamped with the beginning of RUN.
#[test]
fn arrival_before_run() {
    for (image, line) in images::loopcam().iter().cycle().zip(LINES) {
        let stand = Stand::built(image, builder().trace(false));
        let master = Master::new(&stand, line);
        let mut writer = Writer::new(&stand);
        writer.write(&stand);
        stand.rig.sleep(100 * MILLISECOND);
        let (own, _) = reader(&stand, None);
        let (with, since) = reader(&stand, Some(&master));
        stand.rig.sleep(100 * MILLISECOND);
        assert_eq!(read(&own), 0);
        assert_is(read(&with), line, since, "before RUN");
        writer.end();
        drop((own, with));
        master.end();
        stand.end();
    }
}

/// Stamps go on from PAUSE to RUN: the stream's own time stands in between, the graph's clock goes as it does. What came
/// before the second RUN is stamped with its beginning; at ACQUIRE the stream's own time begins anew.
#[test]
fn through_pause() {
    for (image, line) in images::loopcam().iter().cycle().zip(LINES) {
        let stand = Stand::built(image, builder().trace(false));
        let master = Master::new(&stand, line);
        let mut writer = Writer::new(&stand);
        let (own, since) = reader(&stand, None);
        let (with, _) = reader(&stand, Some(&master));
        stand.rig.sleep(100 * MILLISECOND);
        writer.write(&stand);
        let stamps = (read(&own), read(&with));
        stand.rig.sleep(20 * MILLISECOND);
        for pin in [&own.pin, &with.pin] {
            set_state(pin, State::Pause);
        }
        let ran = (stand.rig.now() - since) as i64;
        stand.rig.sleep(200 * MILLISECOND);
        writer.write(&stand);
        stand.rig.sleep(200 * MILLISECOND);
        for pin in [&own.pin, &with.pin] {
            set_state(pin, State::Run);
        }
        let again = stand.rig.now();
        stand.rig.sleep(50 * MILLISECOND);
        assert!(ran > stamps.0);
        // What was written in PAUSE is none of theirs.
        let arrival = writer.write(&stand);
        assert_eq!(read(&own), ran + (arrival - again) as i64, "in RUN again");
        assert_is(read(&with), line, arrival, "in RUN again");
        for pin in [&own.pin, &with.pin] {
            set_state(pin, State::Stop);
            set_state(pin, State::Run);
        }
        let anew = stand.rig.now();
        stand.rig.sleep(MILLISECOND);
        let arrival = writer.write(&stand);
        assert_eq!(read(&own), (arrival - anew) as i64, "after STOP");
        assert_is(read(&with), line, arrival, "after STOP");
        writer.end();
        drop((own, with));
        master.end();
        stand.end();
    }
}

/// A clock of another driver may do anything: stamps go on, and no further than the clock.
#[test]
fn clock_that_goes_wrong() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let steady = Line { start: 1000, rate: 1000, error: 0 };
        let master = Master::new(&stand, steady);
        let mut writer = Writer::new(&stand);
        let (with, _) = reader(&stand, Some(&master));
        // What it calls the system's time is none; in ticks of something, or nothing at all.
        let hour = 3600 * SECOND as i64;
        let mut last = 0;
        for error in [hour, -hour, i64::MAX / 2, i64::MIN / 2, 1, -(SECOND as i64) * 2] {
            raw::set_clock(&master.pin, Line { error, ..steady });
            stand.rig.sleep(33 * MILLISECOND);
            let arrival = writer.write(&stand);
            stand.rig.sleep(20 * MILLISECOND);
            last = read(&with);
            assert_is(last, steady, arrival, "a wrong system time");
        }
        // It is set back, forward, and back by more than it has ever shown; stands; goes backwards.
        let lines = [(-hour / 1000, 1000), (hour, 1000), (-hour, 1000), (0, 0), (hour, -1000), (1000, 1000)];
        for (start, rate) in lines {
            let line = Line { start, rate, error: 0 };
            raw::set_clock(&master.pin, line);
            for _ in 0..3 {
                stand.rig.sleep(33 * MILLISECOND);
                writer.write(&stand);
                stand.rig.sleep(20 * MILLISECOND);
                let stamp = read(&with);
                assert!(stamp > last, "{line:?}: {stamp} after {last}");
                let now = line.at(stand.rig.now());
                assert!(stamp <= now.max(last + 1), "{line:?}: {stamp}, where it is {now}");
                last = stamp;
            }
        }
        writer.end();
        drop(with);
        master.end();
        stand.end();
    }
}

/// The camera's own pictures, and the Test Source's, are of the moment at which the timer ticks, and not of that at which
/// somebody has a buffer for them.
#[test]
fn ticks() {
    for (image, line) in images::loopcam().iter().cycle().zip(LINES) {
        let stand = Stand::built(image, builder().trace(false));
        let master = Master::new(&stand, line);
        let interval = Shape::new(FORMAT).video.interval;
        let place = stand.output();
        let source = place.create(&Shape::new(FORMAT).format()).expect("the Test Source's pin");
        let source_since = run(&stand, &source, Some(&master));
        let (own, since) = reader(&stand, None);
        let (with, _) = reader(&stand, Some(&master));
        // It ticks from the first buffer on.
        stand.rig.sleep(5 * MILLISECOND);
        let first = stand.rig.now();
        let reads = [&own, &with].map(|reader| reader.read(Shape::new(FORMAT).len()));
        let [at_once, with_clock] = reads.map(|read| stamp(&done(read.wait()).packet));
        assert_eq!(at_once, (first - since) as i64);
        assert_is(with_clock, line, first, "the first");
        let mut shown = 0;
        for pause in [0, 0, 35, 0, 72, 15, 0, 4, 0] {
            stand.rig.sleep(pause * interval / 10);
            // The last tick that has been, or else the next.
            shown = u64::max(shown + 1, (stand.rig.now() - first) / interval);
            let tick = first + shown * interval;
            let reads = [&own, &with].map(|reader| reader.read(Shape::new(FORMAT).len()));
            let [own, with] = reads.map(|read| stamp(&done(read.wait()).packet));
            assert_eq!(own, (tick - since) as i64, "tick {shown}");
            assert_is(with, line, tick, &format!("tick {shown}"));
        }
        // Which has nothing to show between two ticks.
        let painted = done(source.submit_read(Packet::with_frame_info(&[Shape::new(FORMAT).len()])).wait());
        assert_eq!((stand.rig.now() - source_since) % interval, 0, "it ticks with its interval");
        assert_is(stamp(&painted.packet), line, stand.rig.now(), "the Test Source");
        drop((own, with, source, place));
        master.end();
        stand.end();
    }
}
