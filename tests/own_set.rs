//! loopcam's own property set and event: who writes, who reads, what is shown meanwhile; and who may change it.

use std::{fmt::Write as _, fs};

use ks_sys::*;
use ksrig::client::{Filter, Packet, Pin, State, Status, bytes, connect, stream::Writer};
use loopcam_api::{
    CHANGED, DEFAULT_TIMEOUT, EVENT_SET, MAX_READERS, MAX_TIMEOUT, MIN_TIMEOUT, PLACEHOLDER, PROPERTY_SET,
    Placeholder, READERS, STATUS, TIMEOUT, WRITER_IDLE, WRITER_LIVE, WRITER_NONE,
};
use loopcam_tests::{
    headers, images, movie,
    own::{self, readers, status},
    picture,
    stand::{CAMERA, INPUT, Stand, builder, done, format, set_state, video},
};
use video::{Adjust, Conversion, Format, Geometry, Order, PixelFormat};

const NV12: u32 = u32::from_le_bytes(*b"NV12");

fn stand() -> Stand {
    Stand::built(&images::loopcam()[0], builder().trace(false))
}

/// A Capture pin of an own client.
fn capture(stand: &Stand, format: &str) -> (ksrig::client::graph::Place, Pin) {
    let place = stand.capture();
    let pin = place.create(&place.format(&video(format)).expect("the format")).expect("the pin");
    (place, pin)
}

/// The status says whether somebody has the right to write, whether somebody does, and what.
#[test]
fn status_follows_the_writer() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let filter = stand.filter(CAMERA);
        let nothing = loopcam_api::Status::default();
        assert_eq!(status(&filter), nothing);
        let wanted = video("nv12:64x48@25");
        let input = stand.input();
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("Input");
        assert_eq!(status(&filter).writer, WRITER_NONE);
        set_state(&sink, State::Acquire);
        assert_eq!(status(&filter).writer, WRITER_IDLE);
        set_state(&sink, State::Run);
        let mut writer = Writer::new(&sink, "writer", wanted.interval, 1);
        for number in 1..=3 {
            writer.write(&picture::bars(picture::format(&wanted), number)).expect("it is written");
        }
        stand.rig.settle();
        let live = status(&filter);
        let expected = loopcam_api::Status {
            writer: WRITER_LIVE,
            fourcc: NV12,
            bits: 12,
            width: 64,
            height: 48,
            interval: 400_000,
            pictures: 3,
            changes: live.changes,
            ..nothing
        };
        assert_eq!(live, expected);
        drop(writer);
        set_state(&sink, State::Pause);
        let idle = status(&filter);
        assert_eq!((idle.writer, idle.fourcc, idle.width, idle.interval), (WRITER_IDLE, 0, 0, 0));
        set_state(&sink, State::Stop);
        drop(sink);
        assert_eq!((status(&filter).writer, status(&filter).pictures), (WRITER_NONE, 3));
        for short in [1, 4, 8, 47] {
            let answer = own::ask(filter.handle(), own::SET, STATUS, short);
            assert_eq!(answer.status, Status(STATUS_BUFFER_TOO_SMALL));
        }
        drop((filter, input));
        stand.end();
    }
}

/// Every open pin Capture of every client is listed, with its state, its format and its counters.
#[test]
fn readers_are_listed() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let filter = stand.filter(CAMERA);
        assert_eq!(own::get(&filter, READERS), [8, 0, 0, 0, 0, 0, 0, 0]);
        let first = capture(&stand, "nv12:64x48@30");
        let second = capture(&stand, "yuy2:160x120@15");
        let seen = readers(&filter);
        let expected = |pixels: &[u8; 4], bits, (width, height), interval| loopcam_api::Reader {
            fourcc: u32::from_le_bytes(*pixels),
            bits,
            width,
            height,
            interval,
            ..loopcam_api::Reader::default()
        };
        assert_eq!(
            seen,
            [expected(b"NV12", 12, (64, 48), 333_333), expected(b"YUY2", 16, (160, 120), 666_667)]
        );
        for state in [State::Acquire, State::Pause, State::Run, State::Pause, State::Acquire, State::Stop] {
            set_state(&first.1, state);
            assert_eq!(readers(&filter)[0].state, state as u32);
            let now = status(&filter);
            assert_eq!((now.readers, now.running), (2, u32::from(state == State::Run)));
        }
        set_state(&first.1, State::Run);
        let len = video("nv12:64x48@30").frame_len();
        done(first.1.submit_read(Packet::with_frame_info(&[len])).wait());
        stand.rig.sleep(10 * 333_333);
        let reader = readers(&filter)[0];
        assert!(reader.dropped >= 8 && reader.pictures == reader.dropped + 1, "{reader:?}");
        assert_eq!(reader.follows, 0);
        let link = stand.connect("nv12:64x48@30");
        link.set_state(State::Run);
        done(first.1.submit_read(Packet::with_frame_info(&[len])).wait());
        done(first.1.submit_read(Packet::with_frame_info(&[len])).wait());
        assert_eq!(readers(&filter)[0].follows, 1);
        link.set_state(State::Stop);
        set_state(&first.1, State::Stop);
        drop(first);
        assert_eq!(readers(&filter), [seen[1]]);
        // R7.13: by the room that there is.
        let ask = |room| own::ask(filter.handle(), own::SET, READERS, room);
        let list = 8 + loopcam_api::Reader::SIZE;
        assert_eq!((ask(0).status, ask(0).information), (Status(STATUS_BUFFER_OVERFLOW), list));
        assert_eq!((ask(4).information, ask(8).information), (4, 8));
        assert_eq!(ask(list - 1).status, Status(STATUS_BUFFER_TOO_SMALL));
        assert_eq!(ask(list + 5).information, list);
        drop((second, filter));
        drop(link);
        stand.end();
    }
}

/// As many readers as there is room for; the next is refused, and takes nobody's place.
#[test]
fn readers_are_limited() {
    let stand = stand();
    let filter = stand.filter(CAMERA);
    let place = stand.capture();
    let wanted = place.format(&video("nv12:16x16@30")).expect("the format");
    let mut pins: Vec<Pin> = (0..MAX_READERS).map(|_| place.create(&wanted).expect("the pin")).collect();
    let full = stand.alive();
    let refused = place.filter.create_pin(0, &wanted).err();
    assert_eq!(refused, Some(Status(STATUS_INSUFFICIENT_RESOURCES)));
    assert_eq!(stand.alive(), full);
    assert_eq!(readers(&filter).len(), MAX_READERS as usize);
    pins.remove(17);
    pins.push(place.create(&wanted).expect("there is room again"));
    assert_eq!(readers(&filter).len(), MAX_READERS as usize);
    drop((pins, place, filter));
    stand.end();
}

/// The time-out is what was set, within its range; a writer that is silent for as long is followed by the placeholder,
/// and comes back with its next picture.
#[test]
fn time_out() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let filter = stand.filter(CAMERA);
        let get = || u32::from_le_bytes(own::get(&filter, TIMEOUT).try_into().expect("four bytes"));
        let set = |value: u32| own::set(&filter, TIMEOUT, &value.to_le_bytes());
        assert_eq!(get(), DEFAULT_TIMEOUT);
        for value in [MIN_TIMEOUT, MAX_TIMEOUT, 200] {
            assert_eq!(set(value), Status::SUCCESS);
            assert_eq!(get(), value);
        }
        for value in [0, MIN_TIMEOUT - 1, MAX_TIMEOUT + 1, u32::MAX] {
            assert_eq!(set(value), Status(STATUS_INVALID_PARAMETER));
            assert_eq!(get(), 200);
        }
        for short in [0, 1, 3] {
            assert_eq!(own::set(&filter, TIMEOUT, &[0; 4][..short]), Status(STATUS_BUFFER_TOO_SMALL));
        }

        let wanted = video("nv12:64x48@30");
        let like = picture::format(&wanted);
        let input = stand.input();
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("Input");
        let (place, pin) = capture(&stand, "nv12:64x48@30");
        set_state(&sink, State::Run);
        set_state(&pin, State::Run);
        let read = || pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
        let mut writer = Writer::new(&sink, "writer", wanted.interval, 1);
        for number in 1..=2 {
            let reading = read();
            writer.write(&picture::bars(like, number)).expect("it is written");
            assert!(done(reading.wait()).packet.data(0) == picture::bars(like, number));
        }
        let silent_since = stand.rig.now();
        let shown = done(read().wait());
        let silence = stand.rig.now() - silent_since;
        let info = shown.packet.frame_info(0).expect("KS_FRAME_INFO");
        assert!(shown.packet.data(0) == picture::placeholder(like, info.PictureNumber as u32));
        let millisecond = 10_000;
        assert!((100 * millisecond..=250 * millisecond).contains(&silence), "{silence} of 200 ms");
        assert_eq!(status(&filter).writer, WRITER_IDLE);
        let reading = read();
        writer.write(&picture::bars(like, 7)).expect("it is written");
        let mut back = done(reading.wait());
        if back.packet.data(0) != picture::bars(like, 7) {
            // One more of the placeholder was on its way.
            back = done(read().wait());
        }
        assert!(back.packet.data(0) == picture::bars(like, 7));
        drop(writer);
        for pin in [&pin, &sink] {
            set_state(pin, State::Stop);
        }
        drop((pin, sink, place, input, filter));
        stand.end();
    }
}

/// A picture of noise, as a client gives it.
fn noise(pixel: PixelFormat, width: u32, height: u32) -> (Format, Vec<u8>) {
    let format = Format::new(pixel, Geometry::new(width, height).expect("a size"));
    let format = format.with_order(Order::TopDown).expect("every format can be so");
    let mut state = 1_u32;
    let bytes = (0..format.image_size()).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    (format, bytes.collect())
}

fn head(format: Format) -> Placeholder {
    Placeholder {
        fourcc: format.pixel.fourcc(),
        bits: format.pixel.bits_per_pixel().into(),
        width: format.geometry.width(),
        height: format.geometry.height(),
    }
}

fn fitted(from: Format, bytes: &[u8], to: Format) -> Vec<u8> {
    let conversion = Conversion::new(from, to, Adjust::NEUTRAL);
    let (mut out, mut scratch) = (vec![0; to.image_size() as usize], vec![0; conversion.scratch()]);
    assert!(conversion.run(bytes, &mut out[..], &mut scratch));
    out
}

/// A picture that a client gives is what readers see without a writer, in their format and size, also those who read
/// already; what it has set it gets; zeros bring the camera's own picture back.
#[test]
fn placeholder_is_settable() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let filter = stand.filter(CAMERA);
        assert_eq!(own::get(&filter, PLACEHOLDER), [0; 16]);
        let wanted = video("nv12:64x48@30");
        let like = picture::format(&wanted);
        let (place, pin) = capture(&stand, "nv12:64x48@30");
        set_state(&pin, State::Run);
        let next = || done(pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()])).wait());
        next();
        for (pixel, width, height) in [
            (PixelFormat::Nv12, 64, 48),
            (PixelFormat::Yuy2, 64, 48),
            (PixelFormat::Rgb32, 64, 48),
            (PixelFormat::Rgb24, 50, 20),
            (PixelFormat::Nv12, 1920, 1080),
            (PixelFormat::Nv12, 16, 16),
        ] {
            let (from, bytes) = noise(pixel, width, height);
            let value = [&head(from).to_bytes()[..], &bytes].concat();
            assert_eq!(own::set(&filter, PLACEHOLDER, &value), Status::SUCCESS, "{from:?}");
            assert!(own::get(&filter, PLACEHOLDER) == value);
            // One of the old may be on its way.
            next();
            for _ in 0..2 {
                assert!(next().packet.data(0) == fitted(from, &bytes, like), "{from:?}");
            }
        }
        assert_eq!(own::set(&filter, PLACEHOLDER, &[0; 16]), Status::SUCCESS);
        assert_eq!(own::get(&filter, PLACEHOLDER), [0; 16]);
        next();
        let own_picture = next();
        let number = own_picture.packet.frame_info(0).expect("KS_FRAME_INFO").PictureNumber;
        assert!(own_picture.packet.data(0) == picture::placeholder(like, number as u32));
        set_state(&pin, State::Stop);
        drop((pin, place, filter));
        stand.end();
    }
}

/// What is no picture of the size that it says is refused, and changes nothing; there is no room for an answer that is
/// too short.
#[test]
fn placeholder_is_checked() {
    let stand = stand();
    let filter = stand.filter(CAMERA);
    let (from, bytes) = noise(PixelFormat::Nv12, 64, 48);
    let good = [&head(from).to_bytes()[..], &bytes].concat();
    assert_eq!(own::set(&filter, PLACEHOLDER, &good), Status::SUCCESS);
    let before = stand.alive();
    let good_head = head(from);
    let heads = [
        Placeholder { fourcc: u32::from_le_bytes(*b"I420"), ..good_head },
        Placeholder { bits: 16, ..good_head },
        Placeholder { bits: 0, ..good_head },
        Placeholder { width: 0, ..good_head },
        Placeholder { width: 63, ..good_head },
        Placeholder { height: 47, ..good_head },
        Placeholder { width: 1922, ..good_head },
        Placeholder { height: 1082, ..good_head },
        Placeholder { width: u32::MAX, height: u32::MAX, ..good_head },
        Placeholder { fourcc: 0, bits: 8, ..good_head },
    ];
    for wrong in heads {
        let value = [&wrong.to_bytes()[..], &bytes].concat();
        assert_eq!(own::set(&filter, PLACEHOLDER, &value), Status(STATUS_INVALID_PARAMETER), "{wrong:?}");
    }
    for (len, expected) in [
        (0, STATUS_BUFFER_TOO_SMALL),
        (15, STATUS_BUFFER_TOO_SMALL),
        (16, STATUS_INVALID_BUFFER_SIZE),
        (good.len() - 1, STATUS_INVALID_BUFFER_SIZE),
    ] {
        assert_eq!(own::set(&filter, PLACEHOLDER, &good[..len]), Status(expected), "{len} bytes");
    }
    let long = [&good[..], &[0]].concat();
    assert_eq!(own::set(&filter, PLACEHOLDER, &long), Status(STATUS_INVALID_BUFFER_SIZE));
    assert_eq!(own::set(&filter, PLACEHOLDER, &[0; 17]), Status(STATUS_INVALID_BUFFER_SIZE));
    assert!(own::get(&filter, PLACEHOLDER) == good);
    assert_eq!(stand.alive(), before);
    let ask = |room| own::ask(filter.handle(), own::SET, PLACEHOLDER, room);
    assert_eq!((ask(0).status, ask(0).information), (Status(STATUS_BUFFER_OVERFLOW), good.len()));
    for room in [4, 8, 16, good.len() - 1] {
        assert_eq!(ask(room).status, Status(STATUS_BUFFER_TOO_SMALL), "{room}");
    }
    drop(filter);
    stand.end();
}

/// Who waits is told when somebody comes to look, when he begins to, when he stops and when he goes; when a writer does;
/// and when something is set. A producer that starts when somebody looks needs no more.
#[test]
fn changes_are_told() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let filter = stand.filter(CAMERA);
        let event = own::changes(&filter);
        let mut seen = status(&filter).changes;
        let mut told = |what: &str, expected: bool| {
            stand.rig.settle();
            let changes = status(&filter).changes;
            assert_eq!((event.is_set(), changes != seen), (expected, expected), "{what}");
            seen = changes;
        };
        told("nothing yet", false);
        let (place, pin) = capture(&stand, "nv12:64x48@30");
        told("a reader comes", true);
        set_state(&pin, State::Run);
        told("it runs", true);
        stand.rig.sleep(10 * 333_333);
        let read = || done(pin.submit_read(Packet::with_frame_info(&[64 * 72])).wait());
        read();
        told("pictures of the placeholder", false);
        let wanted = video("nv12:64x48@30");
        let input = stand.input();
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("Input");
        told("a pin without the right to write", false);
        set_state(&sink, State::Acquire);
        told("a writer comes", true);
        set_state(&sink, State::Run);
        told("it runs", true);
        let mut writer = Writer::new(&sink, "writer", wanted.interval, 1);
        for number in 1..=2 {
            let reading = pin.submit_read(Packet::with_frame_info(&[64 * 72]));
            writer.write(&picture::bars(picture::format(&wanted), number)).expect("it is written");
            done(reading.wait());
        }
        told("the first picture of the writer", true);
        for number in 3..=5 {
            let reading = pin.submit_read(Packet::with_frame_info(&[64 * 72]));
            writer.write(&picture::bars(picture::format(&wanted), number)).expect("it is written");
            done(reading.wait());
        }
        told("more pictures of the writer", false);
        // Silent for longer than the time-out.
        read();
        told("the placeholder again", true);
        drop(writer);
        set_state(&sink, State::Stop);
        drop(sink);
        told("the writer goes", true);
        set_state(&pin, State::Stop);
        told("the reader stops", true);
        drop((pin, place));
        told("it goes", true);
        assert_eq!(own::set(&filter, TIMEOUT, &500_u32.to_le_bytes()), Status::SUCCESS);
        told("the time-out is set", true);
        assert_eq!(own::set(&filter, TIMEOUT, &0_u32.to_le_bytes()), Status(STATUS_INVALID_PARAMETER));
        told("it is refused", false);
        assert_eq!(own::set(&filter, PLACEHOLDER, &[0; 16]), Status::SUCCESS);
        told("the placeholder is set", true);
        event.disable().expect("it was enabled");
        drop((input, filter));
        stand.end();
    }
}

/// Many clients wait; one that closes its handle is forgotten while the others are told.
#[test]
fn waiting_clients_come_and_go() {
    let stand = stand();
    let clients: Vec<Filter> = (0..8).map(|_| stand.filter(CAMERA)).collect();
    let mut events: Vec<_> = clients.iter().map(own::changes).collect();
    let mut clients = clients;
    while clients.len() > 1 {
        let client = clients.swap_remove(clients.len() / 2);
        let index = events.len() / 2;
        let event = events.swap_remove(index);
        drop(client);
        drop(event);
        let (place, pin) = capture(&stand, "nv12:16x16@30");
        assert!(events.iter().all(ksrig::client::Event::is_set));
        drop((pin, place));
        stand.rig.settle();
        assert!(events.iter().all(ksrig::client::Event::is_set));
    }
    drop((events, clients));
    stand.end();
}

/// Only who may write to the camera feeds it or changes what others see; who may only read looks on.
#[test]
fn only_writers_write() {
    const READ: u32 = GENERIC_READ;
    const DENIED: Status = Status(STATUS_ACCESS_DENIED);
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let link = stand.rig.filter(CAMERA).expect("the camera").link;
        let open = |access| Filter::open_for(&link, access).expect("the filter");
        let (looker, writer) = (open(READ), open(GENERIC_READ | GENERIC_WRITE));
        let value = 500_u32.to_le_bytes();
        // KSPROPERTY_VIDEOPROCAMP_S: a value for the contrast, by hand.
        let contrast = [[0; 24].as_slice(), &[150_u32, 2, 0, 0].map(u32::to_le_bytes).concat()].concat();
        let turn = |filter: &Filter| {
            let request = ksrig::client::property::request(PROPSETID_VIDCAP_VIDEOPROCAMP, 1, 2, &[]);
            filter.property(&request, contrast.clone()).status
        };
        assert_eq!(own::set(&looker, TIMEOUT, &value), DENIED);
        assert_eq!(own::set(&looker, PLACEHOLDER, &[0; 16]), DENIED);
        assert_eq!(turn(&looker), DENIED);
        assert_eq!(own::get(&looker, TIMEOUT), DEFAULT_TIMEOUT.to_le_bytes());
        assert_eq!((status(&looker).writer, readers(&looker).len()), (WRITER_NONE, 0));
        assert_eq!(own::set(&writer, TIMEOUT, &value), Status::SUCCESS);
        assert_eq!(own::set(&writer, PLACEHOLDER, &[0; 16]), Status::SUCCESS);
        assert_eq!(turn(&writer), Status::SUCCESS);
        assert_eq!(own::get(&looker, TIMEOUT), value);

        let wanted = format("nv12:64x48@30");
        let request = [bytes::of(&connect(INPUT, 0)), &wanted.0].concat();
        let before = stand.alive();
        for access in [0, READ, FILE_READ_DATA, SYNCHRONIZE] {
            for filter in [&looker, &writer] {
                assert_eq!(filter.create_raw(INPUT, &request, access).err(), Some(DENIED), "{access:#x}");
            }
        }
        assert_eq!(stand.alive(), before, "a refusal leaves nothing behind");
        // As ksproxy opens a pin that takes pictures, and what a file's generic right becomes on the way.
        for access in
            [GENERIC_WRITE, GENERIC_READ | GENERIC_WRITE, FILE_WRITE_DATA | SYNCHRONIZE, GENERIC_ALL]
        {
            let pin = writer.create_raw(INPUT, &request, access).expect("Input");
            set_state(&pin, State::Acquire);
            set_state(&pin, State::Stop);
            drop(pin);
        }
        // Reading needs no more than reading.
        let request = [bytes::of(&connect(0, 0)), &wanted.0].concat();
        let pin = looker.create_raw(0, &request, READ).expect("Capture");
        set_state(&pin, State::Run);
        done(pin.submit_read(Packet::with_frame_info(&[64 * 72])).wait());
        set_state(&pin, State::Stop);
        drop((pin, looker, writer));
        stand.end();
    }
}

/// Nobody but the system, administrators, whoever is logged on here and the service that opens cameras is let in by the
/// INFs, and files below the device are under the same rule.
#[test]
fn packages_let_few_in() {
    for name in ["loopcam", "loopcam-legacy"] {
        let text = fs::read_to_string(images::inf(name)).expect("the INF");
        let line = |word: &str| {
            let lines: Vec<&str> =
                text.lines().filter(|line| line.starts_with("HKR") && line.contains(word)).collect();
            assert_eq!(lines.len(), 1, "{name}: {word}");
            lines[0].to_owned()
        };
        let security = line("Security");
        let (_, descriptor) = security.split_once("\"D:P").expect("a protected list");
        let entries: Vec<&str> =
            descriptor.trim_end_matches('"').split(['(', ')']).filter(|entry| !entry.is_empty()).collect();
        assert_eq!(entries, ["A;;GA;;;SY", "A;;GA;;;BA", "A;;GRGWGX;;;IU", "A;;GRGWGX;;;LS"], "{name}");
        assert!(line("DeviceCharacteristics").ends_with("0x00000100"), "{name}: FILE_DEVICE_SECURE_OPEN");
    }
}

/// `include/loopcam.h` says the same as crate `loopcam-api`, to a compiler of programs of 64 bits and of 32.
#[test]
fn header_and_crate_agree() {
    let mut equal = Vec::new();
    let mut is = |left: &str, right: u128| equal.push((left.to_owned(), right));
    macro_rules! structure {
        ($c:ident = $rust:ident { $($c_member:ident = $member:ident)* }) => {
            is(concat!("sizeof(", stringify!($c), ")"), size_of::<loopcam_api::$rust>() as u128);
            let whole = 0 $(+ size_of_val(&loopcam_api::$rust::default().$member))*;
            assert_eq!(whole, size_of::<loopcam_api::$rust>(), "a member is missing here");
            $(
                is(
                    concat!("offsetof(", stringify!($c), ", ", stringify!($c_member), ")"),
                    std::mem::offset_of!(loopcam_api::$rust, $member) as u128,
                );
                is(
                    concat!("sizeof(((P", stringify!($c), ")0)->", stringify!($c_member), ")"),
                    size_of_val(&loopcam_api::$rust::default().$member) as u128,
                );
            )*
        };
    }
    structure!(LOOPCAM_STATUS = Status {
        Writer = writer FourCC = fourcc Bits = bits Width = width Height = height Readers = readers
        Running = running Changes = changes Interval = interval Pictures = pictures
    });
    structure!(LOOPCAM_READER = Reader {
        State = state Follows = follows FourCC = fourcc Bits = bits Width = width Height = height
        Interval = interval Pictures = pictures Dropped = dropped
    });
    structure!(LOOPCAM_PLACEHOLDER = Placeholder { FourCC = fourcc Bits = bits Width = width Height = height });
    structure!(LOOPCAM_CAMERA = Camera { Number = number Name = name });
    for (name, value) in [
        ("KSPROPERTY_LOOPCAM_STATUS", STATUS),
        ("KSPROPERTY_LOOPCAM_READERS", READERS),
        ("KSPROPERTY_LOOPCAM_TIMEOUT", TIMEOUT),
        ("KSPROPERTY_LOOPCAM_PLACEHOLDER", PLACEHOLDER),
        ("KSEVENT_LOOPCAM_CHANGED", CHANGED),
        ("LOOPCAM_WRITER_NONE", WRITER_NONE),
        ("LOOPCAM_WRITER_IDLE", WRITER_IDLE),
        ("LOOPCAM_WRITER_LIVE", WRITER_LIVE),
        ("LOOPCAM_TIMEOUT_MIN", MIN_TIMEOUT),
        ("LOOPCAM_TIMEOUT_MAX", MAX_TIMEOUT),
        ("LOOPCAM_TIMEOUT_DEFAULT", DEFAULT_TIMEOUT),
        ("LOOPCAM_PLACEHOLDER_MAX_WIDTH", loopcam_api::MAX_PLACEHOLDER_WIDTH),
        ("LOOPCAM_PLACEHOLDER_MAX_HEIGHT", loopcam_api::MAX_PLACEHOLDER_HEIGHT),
        ("LOOPCAM_MAX_READERS", MAX_READERS),
        ("KSPROPERTY_LOOPCAM_MANAGER_CAMERAS", loopcam_api::CAMERAS),
        ("KSPROPERTY_LOOPCAM_MANAGER_ADD", loopcam_api::ADD),
        ("KSPROPERTY_LOOPCAM_MANAGER_RENAME", loopcam_api::RENAME),
        ("KSPROPERTY_LOOPCAM_MANAGER_REMOVE", loopcam_api::REMOVE),
        ("LOOPCAM_MAX_CAMERAS", loopcam_api::MAX_CAMERAS),
        ("LOOPCAM_NAME_ROOM", loopcam_api::NAME_ROOM as u32),
    ] {
        is(name, value.into());
    }
    let mut text = headers::assertions(&equal);
    for (name, digits) in [
        ("PROPSETID_LOOPCAM", PROPERTY_SET),
        ("KSEVENTSETID_LOOPCAM", EVENT_SET),
        ("KSCATEGORY_LOOPCAM_MANAGER", loopcam_api::MANAGER_CATEGORY),
        ("PROPSETID_LOOPCAM_MANAGER", loopcam_api::MANAGER_SET),
    ] {
        let _ = writeln!(text, "constexpr GUID {name}_VALUE = {{ STATIC_{name} }};");
        let value = guid(digits);
        let mut is = |member: &str, right: u64| {
            let _ =
                writeln!(text, "static_assert({name}_VALUE.{member} == {right}ULL, \"{name}.{member}\");");
        };
        is("Data1", value.Data1.into());
        is("Data2", value.Data2.into());
        is("Data3", value.Data3.into());
        for (index, byte) in value.Data4.into_iter().enumerate() {
            is(&format!("Data4[{index}]"), byte.into());
        }
        // The text that DEFINE_GUIDSTRUCT has is the same identifier.
        let header = fs::read_to_string(images::root().join("include/loopcam.h")).expect("the header");
        let digits = format!("{digits:032X}");
        let dashed =
            [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-");
        assert!(header.contains(&format!("DEFINE_GUIDSTRUCT(\"{dashed}\", {name});")));
    }
    let folder = movie::Folder::new("header");
    let source = folder.file("header.cpp");
    fs::write(&source, text).expect("the source is written");
    let plain = folder.file("plain.c");
    fs::write(&plain, format!("{}LOOPCAM_STATUS status;\n", headers::INCLUDES))
        .expect("the source is written");
    headers::compile(headers::WIDE, &plain);
    for target in headers::BOTH {
        headers::compile(target, &source);
    }
}
