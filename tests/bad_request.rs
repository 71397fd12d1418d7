//! Requests that lie or make no sense: each comes back with the documented status; nothing has changed, nothing leaks.

use ks_sys::*;
use ksrig::client::{Filter, Format, Packet, Pin, State, Status, Video, bytes, graph::Place, property, sys};
use loopcam_tests::{
    events::count,
    images,
    stand::{CAMERA, CAPTURE, INPUT, OUTPUT, Stand, TEST_SOURCE, done, format, set_state, video},
};

const FORMAT: &str = "nv12:64x48@30";

/// Runs a test with each flavour.
fn with_both(test: impl Fn(&Stand)) {
    for image in images::loopcam() {
        let stand = Stand::new(&image, ksrig::ks::Options::default());
        test(&stand);
        stand.end();
    }
}

fn refused<T: std::fmt::Debug>(result: Result<T, Status>, status: NTSTATUS, what: &str) {
    assert_eq!(result.map(drop), Err(Status(status)), "{what}");
}

/// Two sinks, two sources, a source to itself, a pin to its own filter: no such connection is made, no Connect called.
#[test]
fn pins_that_do_not_fit() {
    with_both(|stand| {
        let (camera, other, test_source) =
            (stand.filter(CAMERA), stand.filter(CAMERA), stand.filter(TEST_SOURCE));
        let format = format(FORMAT);
        let sink = camera.create_pin(INPUT, &format).expect("a sink pin");
        let readable = stand.filter(TEST_SOURCE);
        let read = readable.create_pin(OUTPUT, &format).expect("a pin to read from");
        let alive = stand.alive();
        // Input can only receive: it cannot be told to send.
        refused(other.connect(INPUT, &format, &sink), STATUS_INVALID_PARAMETER, "a sink to a sink");
        refused(other.connect(CAPTURE, &format, &read), STATUS_INVALID_PARAMETER, "two pins that give data");
        assert_eq!(stand.alive(), alive);
        drop(read);
        let source = test_source.connect(OUTPUT, &format, &sink).expect("a connection");
        let alive = stand.alive();
        refused(readable.connect(OUTPUT, &format, &source), STATUS_INVALID_PARAMETER, "a source to a source");
        refused(other.connect(INPUT, &format, &source), STATUS_INVALID_PARAMETER, "a sink to a source");
        assert_eq!(stand.alive(), alive);
        assert_eq!(count(&stand.rig.events(), "PinConnect"), 1);
    });
}

/// Two pins of one filter instance are not connected (10.12): the same control mutex would be needed twice.
#[test]
fn a_filter_to_itself() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, ksrig::ks::Options::default());
        let camera = stand.filter(CAMERA);
        let sink = camera.create_pin(INPUT, &format(FORMAT)).expect("a sink pin");
        refused(camera.connect(CAPTURE, &format(FORMAT), &sink), STATUS_INVALID_PARAMETER, "to itself");
        assert_eq!(count(&stand.rig.events(), "PinConnect"), 0);
        drop((sink, camera));
        let rules: Vec<_> = stand.end_with_violations().iter().map(|violation| violation.rule).collect();
        assert_eq!(rules, ["KsConnectSameFilter"]);
    }
}

/// A camera is not its own writer, through another instance of the filter: its pictures would go round for ever. The
/// sink is as it was, and takes another source.
#[test]
fn the_camera_to_itself() {
    with_both(|stand| {
        let (camera, other) = (stand.filter(CAMERA), stand.filter(CAMERA));
        let sink = camera.create_pin(INPUT, &format(FORMAT)).expect("a sink pin");
        let alive = stand.alive();
        refused(other.connect(CAPTURE, &format(FORMAT), &sink), STATUS_INVALID_PARAMETER, "its own reader");
        assert_eq!(stand.alive(), alive);
        assert_eq!(count(&stand.rig.events(), "PinConnect"), 1);
        assert_eq!(count(&stand.rig.events(), "PinDisconnect"), 0);
        let test_source = stand.filter(TEST_SOURCE);
        let source = test_source.connect(OUTPUT, &format(FORMAT), &sink).expect("a connection");
        drop((source, sink, other, camera, test_source));
    });
}

/// Handles that are closed, of something else, or no handles at all, in the place of the sink's (R4.3).
#[test]
fn handles_that_are_no_pin() {
    with_both(|stand| {
        let (camera, test_source) = (stand.filter(CAMERA), stand.filter(TEST_SOURCE));
        let format = format(FORMAT);
        let closed = {
            let pin = camera.create_pin(INPUT, &format).expect("a pin");
            pin.handle()
        };
        let alive = stand.alive();
        for (handle, status, what) in [
            (closed, STATUS_INVALID_HANDLE, "a closed handle"),
            (0xDEAD_BEE8, STATUS_INVALID_HANDLE, "no handle"),
            (usize::MAX - 7, STATUS_INVALID_HANDLE, "no handle, with the kernel's bit"),
            (camera.handle(), STATUS_INVALID_PARAMETER, "a filter's handle"),
        ] {
            refused(test_source.connect_to(OUTPUT, &format, handle), status, what);
            assert_eq!(stand.alive(), alive, "{what}");
        }
        assert_eq!(count(&stand.rig.events(), "PinConnect"), 0);
        for code in [IOCTL_KS_PROPERTY, IOCTL_KS_READ_STREAM, IOCTL_KS_WRITE_STREAM, IOCTL_KS_RESET_STATE] {
            assert_eq!(sys::control(closed, code, &[0; 24], &mut [0; 64]).0, Status(STATUS_INVALID_HANDLE));
        }
        assert_eq!(sys::close(closed), Status(STATUS_INVALID_HANDLE));
    });
}

/// A `KSPIN_CONNECT` and the format that follows it.
fn connect_bytes(pin: u32, handle: usize, format: &Format) -> Vec<u8> {
    [bytes::of(&ksrig::client::connect(pin, handle)), &format.0].concat()
}

/// Overwrites a 32-bit number.
fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

const CONNECT: usize = size_of::<KSPIN_CONNECT>();
const HEAD: usize = size_of::<KSDATAFORMAT>();

/// `KSPIN_CONNECT` with sizes that lie (contract 3.2, check 2), and with ids that are not there (checks 3, 6, 7).
#[test]
fn lying_sizes() {
    with_both(|stand| {
        let sink_place = stand.input();
        let sink = sink_place.create(&format(FORMAT)).expect("a sink pin");
        for (place, handle) in [(stand.input(), 0), (stand.capture(), 0), (stand.output(), sink.handle())] {
            let alive = stand.alive();
            let good = connect_bytes(place.pin.id, handle, &format(FORMAT));
            let create =
                |bytes: &[u8]| place.filter.create_raw(place.pin.id, bytes, GENERIC_READ | GENERIC_WRITE);
            for len in [0, 1, CONNECT - 1, CONNECT, CONNECT + 1, CONNECT + HEAD - 1] {
                // The object manager knows no name of half a character.
                let status =
                    if len % 2 == 1 { STATUS_OBJECT_NAME_INVALID } else { STATUS_INVALID_BUFFER_SIZE };
                refused(create(&good[..len]), status, &format!("{len} bytes"));
            }
            let format_len = (good.len() - CONNECT) as u32;
            for size in [0, 1, HEAD as u32 - 1, format_len + 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
                let mut bytes = good.clone();
                put(&mut bytes, CONNECT, size);
                refused(create(&bytes), STATUS_INVALID_BUFFER_SIZE, &format!("FormatSize {size:#x}"));
            }
            let mut attributes = good.clone();
            put(&mut attributes, CONNECT + 4, KSDATAFORMAT_ATTRIBUTES);
            refused(create(&attributes), STATUS_INVALID_BUFFER_SIZE, "attributes that are not there");
            for (size, items) in [(0, 1), (8, 1), (7, 0), (u32::MAX, u32::MAX), (1 << 20, 1)] {
                let mut bytes = attributes.clone();
                bytes.resize(bytes.len().next_multiple_of(8), 0);
                bytes.extend([u32::to_le_bytes(size), u32::to_le_bytes(items)].concat());
                refused(
                    create(&bytes),
                    STATUS_INVALID_BUFFER_SIZE,
                    &format!("{items} attributes in {size} bytes"),
                );
            }
            let mut pin = good.clone();
            put(&mut pin, 48, 17);
            refused(create(&pin), STATUS_INVALID_PARAMETER, "an unknown pin");
            for (at, what) in
                [(0, "interface"), (16, "interface number"), (24, "medium"), (40, "medium number")]
            {
                let mut bytes = good.clone();
                put(&mut bytes, at, 0x1234_5678);
                refused(create(&bytes), STATUS_NO_MATCH, &format!("an unknown {what}"));
            }
            assert_eq!(stand.alive(), alive, "{}", place.name());
            drop(create(&good).expect("the same without a lie"));
        }
        drop((sink, sink_place));
    });
}

/// A format whose parts contradict each other, or that ends too early for what it says it is: STATUS_NO_MATCH, by the
/// driver itself, which looks at no byte that is not there.
#[test]
fn lying_formats() {
    /// Offsets in a `KS_BITMAPINFOHEADER` behind the head and the first 48 bytes of the `KS_VIDEOINFOHEADER`.
    const BITMAP: usize = HEAD + 48;
    let lies: &[(&str, usize, u32)] = &[
        ("biSize 0", BITMAP, 0),
        ("biWidth 0", BITMAP + 4, 0),
        ("biWidth -64", BITMAP + 4, -64_i32 as u32),
        ("biWidth i32::MIN", BITMAP + 4, 0x8000_0000),
        ("biHeight 0", BITMAP + 8, 0),
        ("biHeight i32::MIN", BITMAP + 8, 0x8000_0000),
        ("biHeight i32::MAX", BITMAP + 8, 0x7FFF_FFFF),
        ("biPlanes 2, 12 bits", BITMAP + 12, 12 << 16 | 2),
        ("biBitCount 24", BITMAP + 12, 24 << 16 | 1),
        ("biCompression YUY2", BITMAP + 16, u32::from_le_bytes(*b"YUY2")),
        ("biSizeImage 0", BITMAP + 20, 0),
        ("biSizeImage too small", BITMAP + 20, 64 * 48 * 3 / 2 - 1),
        ("biSizeImage u32::MAX", BITMAP + 20, u32::MAX),
        ("SampleSize too small", 8, 17),
        ("a negative frame interval", HEAD + 44, u32::MAX),
        ("a source rectangle beyond the picture", HEAD + 8, 6400),
        ("a target rectangle that is inside out", HEAD + 16, 6400),
        ("subtype", 32, 0x1234_5678),
        ("major format", 16, 0x1234_5678),
        ("specifier", 48, 0x1234_5678),
    ];
    with_both(|stand| {
        let places = [stand.input(), stand.capture(), stand.output()];
        let alive = stand.alive();
        for place in &places {
            for (what, at, value) in lies {
                let mut format = format(FORMAT);
                put(&mut format.0, *at, *value);
                refused(place.filter.create_pin(place.pin.id, &format), STATUS_NO_MATCH, what);
                assert_eq!(stand.alive(), alive, "{what}");
            }
            let whole = format(FORMAT).0;
            for len in [HEAD, HEAD + 2, HEAD + 48, BITMAP + 38] {
                let mut short = Format(whole[..len].to_vec());
                put(&mut short.0, 0, len as u32);
                let result = place.filter.create_pin(place.pin.id, &short);
                refused(result, STATUS_NO_MATCH, &format!("a format of {len} bytes"));
            }
            assert_eq!(stand.alive(), alive, "{}", place.name());
        }
    });
}

/// A pin that takes frames but does not run, so that an accepted request would wait.
fn pins(stand: &Stand) -> ((Place, Pin), (Place, Pin)) {
    let [read, write] = [stand.capture(), stand.input()].map(|place| {
        let format = place.format(&video(FORMAT)).expect("the format");
        let pin = place.create(&format).expect("the pin");
        set_state(&pin, State::Pause);
        (place, pin)
    });
    (read, write)
}

/// The status of a request that must not be kept.
fn answer(pin: &Pin, code: u32, packet: Packet, len: u32) -> Status {
    match pin.submit_raw(code, packet, len).wait_for(1_000_000) {
        Ok(completion) => completion.status,
        Err(_) => panic!("the request was accepted"),
    }
}

const HEADER: usize = size_of::<KSSTREAM_HEADER>();

/// Stream headers with the wrong Size, at NULL, too short, overlong, of another process's memory; frames at NULL, at
/// kernel addresses, longer than they are (R6.3).
#[test]
fn lying_stream_headers() {
    with_both(|stand| {
        let ((read_place, read), (write_place, write)) = pins(stand);
        let len = video(FORMAT).frame_len();
        let alive = stand.alive();
        for (pin, code) in [(&read, IOCTL_KS_READ_STREAM), (&write, IOCTL_KS_WRITE_STREAM)] {
            let answer =
                |what: &str, status: NTSTATUS, change: &dyn Fn(&mut KSSTREAM_HEADER), length: usize| {
                    let mut packet = Packet::new(&[len]);
                    let mut header = packet.header(0);
                    change(&mut header);
                    packet.set_header(0, &header);
                    assert_eq!(answer(pin, code, packet, length as u32), Status(status), "{what}");
                    assert_eq!(stand.alive(), alive, "{what}");
                };
            let whole = HEADER;
            for size in [0, 1, HEADER as u32 - 1, HEADER as u32 + 1, HEADER as u32 * 2, u32::MAX] {
                answer("Size", STATUS_INVALID_BUFFER_SIZE, &|header| header.Size = size, whole);
            }
            for length in [0, 1, HEADER - 1, HEADER + 1] {
                answer("the length of the headers", STATUS_INVALID_BUFFER_SIZE, &|_| {}, length);
            }
            answer("headers beyond their memory", STATUS_ACCESS_VIOLATION, &|_| {}, HEADER * 4000);
            let null = std::ptr::null_mut();
            answer("a frame at NULL", STATUS_ACCESS_VIOLATION, &|header| header.Data = null, whole);
            answer(
                "a frame in the kernel",
                STATUS_ACCESS_VIOLATION,
                &|header| header.Data = 0xFFFF_8000_0000_0000_u64 as PVOID,
                whole,
            );
            answer(
                "a frame at the last address",
                STATUS_ACCESS_VIOLATION,
                &|header| header.Data = usize::MAX as PVOID,
                whole,
            );
            answer(
                "a frame of 4 GB",
                STATUS_ACCESS_VIOLATION,
                &|header| header.FrameExtent = u32::MAX,
                whole,
            );
            let no_headers = pin.control(code, &[], &mut []);
            assert_eq!(no_headers.0, Status(STATUS_INVALID_BUFFER_SIZE), "no headers at all");
        }
        let mut packet = Packet::new(&[len]);
        packet.used(0, 1);
        assert_eq!(
            answer(&read, IOCTL_KS_READ_STREAM, packet, HEADER as u32),
            Status(STATUS_INVALID_PARAMETER),
            "a read with data"
        );
        let mut packet = Packet::new(&[len]);
        packet.used(0, len as u32 + 1);
        assert_eq!(
            answer(&write, IOCTL_KS_WRITE_STREAM, packet, HEADER as u32),
            Status(STATUS_INVALID_BUFFER_SIZE),
            "more used than there is"
        );
        let mut packet = Packet::new(&[len]);
        let mut header = packet.header(0);
        header.OptionsFlags = KSSTREAM_HEADER_OPTIONSF_SPLICEPOINT;
        packet.set_header(0, &header);
        assert_eq!(
            answer(&read, IOCTL_KS_READ_STREAM, packet, HEADER as u32),
            Status(STATUS_INVALID_PARAMETER),
            "a read with flags"
        );
        let wrong_way = [(&read, IOCTL_KS_WRITE_STREAM), (&write, IOCTL_KS_READ_STREAM)];
        for (pin, code) in wrong_way {
            assert_eq!(
                answer(pin, code, Packet::new(&[len]), HEADER as u32),
                Status(STATUS_INVALID_DEVICE_REQUEST)
            );
        }
        assert_eq!(stand.alive(), alive);
        // After all that: a picture goes through.
        for pin in [&write, &read] {
            set_state(pin, State::Run);
        }
        let wanted = read.submit_read(Packet::with_frame_info(&[len]));
        let picture: Vec<u8> = (0..len).map(|at| at as u8).collect();
        let sent = write.submit_write(Packet::from_frame(&picture));
        assert!(done(wanted.wait()).packet.data(0) == picture);
        set_state(&write, State::Stop);
        done(sent.wait());
        set_state(&read, State::Stop);
        drop((read, read_place, write, write_place));
    });
}

/// Properties that are not there, with buffers that are too short, with values that mean nothing (R7.12).
#[test]
fn bad_properties() {
    with_both(|stand| {
        let ((read_place, read), (write_place, write)) = pins(stand);
        let alive = stand.alive();
        let unknown = guid(0x1234_5678_1234_1234_1234_1234_5678_9ABC);
        let state = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_STATE as u32;
        for pin in [&read, &write] {
            let send = |set: GUID, id: u32, flags: u32, data: Vec<u8>| {
                pin.property(&property::request(set, id, flags, &[]), data).status
            };
            assert_eq!(send(unknown, 0, property::GET, vec![0; 4]), Status(STATUS_PROPSET_NOT_FOUND));
            assert_eq!(
                send(KSPROPSETID_Connection, 999, property::GET, vec![0; 4]),
                Status(STATUS_NOT_FOUND)
            );
            for len in [0, 1, 3] {
                let status = send(KSPROPSETID_Connection, state, property::SET, vec![0; len]);
                assert_eq!(status, Status(STATUS_BUFFER_TOO_SMALL), "a state of {len} bytes");
            }
            for value in [4_u32, 17, u32::MAX] {
                let status = send(KSPROPSETID_Connection, state, property::SET, value.to_le_bytes().to_vec());
                assert_eq!(status, Status(STATUS_INVALID_PARAMETER), "state {value}");
            }
            for len in [0, 1, 23] {
                let request = property::request(KSPROPSETID_Connection, state, property::GET, &[]);
                let status = pin.property(&request[..len], vec![0; 4]).status;
                assert_eq!(status, Status(STATUS_INVALID_BUFFER_SIZE), "a property of {len} bytes");
            }
            assert_eq!(pin.state(), Ok(State::Pause), "nothing has changed");
            for value in [2_u32, 77, u32::MAX] {
                let status = pin.control(IOCTL_KS_RESET_STATE, &value.to_le_bytes(), &mut []).0;
                assert_eq!(status, Status(STATUS_INVALID_PARAMETER), "reset {value}");
            }
            for len in [0, 3] {
                let status = pin.control(IOCTL_KS_RESET_STATE, &vec![0; len], &mut []).0;
                assert_eq!(status, Status(STATUS_INVALID_BUFFER_SIZE), "a reset of {len} bytes");
            }
            let status = pin.control(IOCTL_KS_HANDSHAKE, &[0; 32], &mut [0; 32]).0;
            assert_eq!(status, Status(STATUS_INVALID_DEVICE_REQUEST), "a handshake from user mode (R4.7)");
            let status = pin.control(0x002F_FFFC, &[0; 32], &mut [0; 32]).0;
            assert_eq!(status, Status(STATUS_INVALID_DEVICE_REQUEST), "an unknown control code");
        }
        let filter = stand.filter(CAMERA);
        for pin in [2_u32, 1000, u32::MAX] {
            let extra = [pin.to_le_bytes(), [0; 4]].concat();
            let id = KSPROPERTY_PIN::KSPROPERTY_PIN_DATAFLOW as u32;
            let status = filter
                .property(&property::request(KSPROPSETID_Pin, id, property::GET, &extra), vec![0; 4])
                .status;
            assert_eq!(status, Status(STATUS_INVALID_PARAMETER), "pin {pin} of the filter");
        }
        drop(filter);
        assert_eq!(stand.alive(), alive);
        drop((read, read_place, write, write_place));
    });
}

/// Data intersections with ranges that lie about their size.
#[test]
fn lying_ranges() {
    with_both(|stand| {
        let filter: Filter = stand.filter(CAMERA);
        let wanted: Video = video(FORMAT);
        let place = stand.capture();
        let range = place.pin.ranges[0].narrowed(&wanted).0;
        let alive = stand.alive();
        let id = KSPROPERTY_PIN::KSPROPERTY_PIN_DATAINTERSECTION as u32;
        let ask = |size: u32, count: u32, ranges: &[u8]| {
            let items = [size.to_le_bytes(), count.to_le_bytes()].concat();
            let extra = [&CAPTURE.to_le_bytes()[..], &[0; 4], &items, ranges].concat();
            filter
                .property(&property::request(KSPROPSETID_Pin, id, property::GET, &extra), vec![0; 1000])
                .status
        };
        let whole = 8 + range.len() as u32;
        assert_eq!(ask(whole, 1, &range), Status::SUCCESS);
        for (size, count, ranges) in [
            (0, 1, &range[..]),
            (whole + 1, 1, &range),
            (u32::MAX, 1, &range),
            (whole, 2, &range),
            (whole, u32::MAX, &range),
            (whole, 1, &range[..HEAD - 1]),
            (8, 1, &[]),
        ] {
            let status = ask(size, count, ranges);
            let there = ranges.len();
            assert_eq!(
                status,
                Status(STATUS_INVALID_BUFFER_SIZE),
                "{count} ranges in {size} bytes, {there} are there"
            );
        }
        for size in [0, HEAD as u32 - 1, range.len() as u32 + 1, u32::MAX] {
            let mut range = range.clone();
            put(&mut range, 0, size);
            let status = ask(whole, 1, &range);
            assert_eq!(status, Status(STATUS_INVALID_BUFFER_SIZE), "FormatSize {size:#x}");
        }
        assert_eq!(ask(8, 0, &[]), Status(STATUS_NO_MATCH), "no ranges");
        assert_eq!(stand.alive(), alive);
        drop((filter, place));
    });
}
