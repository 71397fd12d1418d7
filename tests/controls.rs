//! What applications expect of any camera: the sets VIDEOPROCAMP, VIDEOCONTROL and DROPPEDFRAMES.

use ks_sys::*;
use ksrig::client::{
    Filter, Packet, Pin, State, Status,
    property::{self, Answer, GET, SET},
    stream::{Reader, Writer},
};
use loopcam_tests::{
    images, own, picture,
    stand::{CAMERA, CAPTURE, INPUT, Stand, builder, done, set_state, video},
};
use video::{Adjust, Conversion, Format};

const BASIC_SUPPORT: u32 = KSPROPERTY_TYPE_BASICSUPPORT;
const MANUAL: u32 = 2;
const INVALID: Status = Status(STATUS_INVALID_PARAMETER);

/// Number, least, greatest, step and default, as the set's pages require the ranges and the defaults.
const CONTROLS: [(u32, i32, i32, i32, i32); 4] = [
    (0, -10_000, 10_000, 25, 750),
    (1, 0, 10_000, 1, 100),
    (2, -18_000, 18_000, 100, 0),
    (3, 0, 10_000, 1, 100),
];

fn control(filter: &Filter, id: u32, flags: u32, value: [u32; 3], room: usize) -> Answer {
    let members: Vec<u8> = value.iter().chain(&[0]).flat_map(|word| word.to_le_bytes()).collect();
    let whole = property::request(PROPSETID_VIDCAP_VIDEOPROCAMP, id, flags, &members);
    let mut data = whole.clone();
    data.resize(room, 0);
    filter.property(&whole, data)
}

/// Value, flags and capabilities.
fn got(filter: &Filter, id: u32) -> (i32, u32, u32) {
    let answer = control(filter, id, GET, [7, 7, 7], 40);
    assert_eq!((answer.status, answer.information), (Status::SUCCESS, 40), "control {id}");
    let word = |at: usize| u32::from_le_bytes(answer.data[at..at + 4].try_into().expect("four bytes"));
    assert_eq!(answer.data[36..], [0; 4], "nothing of the kernel's in the gap at the end");
    (word(24) as i32, word(28), word(32))
}

fn set(filter: &Filter, id: u32, value: i32, flags: u32) -> Status {
    control(filter, id, SET, [value as u32, flags, 0], 40).status
}

/// BASICSUPPORT, default, limits and steps are those of the pages, and hold; what the camera does not have is not there.
#[test]
fn proc_amp_is_what_it_says() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let filter = stand.filter(CAMERA);
        for (id, least, greatest, step, default) in CONTROLS {
            let flags = control(&filter, id, BASIC_SUPPORT, [0; 3], 4);
            assert_eq!(flags.value::<u32>(), Ok(GET | SET));
            let answer = control(&filter, id, BASIC_SUPPORT, [0; 3], 4096);
            assert_eq!(answer.status, Status::SUCCESS);
            let words: Vec<u32> = answer.data[..answer.information]
                .chunks(4)
                .map(|word| u32::from_le_bytes(word.try_into().expect("four bytes")))
                .collect();
            // KSPROPERTY_DESCRIPTION: access, size, type (general, VT_I4), two lists.
            let kind = KSPROPTYPESETID_General;
            assert_eq!(words[..3], [GET | SET, answer.information as u32, kind.Data1]);
            assert_eq!(words[6..10], [VT_I4, 0, 2, 0]);
            let range = [2, 16, 1, 0, step as u32, 0, least as u32, greatest as u32];
            assert_eq!(words[10..18], range, "control {id}: stepped range");
            assert_eq!(words[18..], [3, 4, 1, 1, default as u32], "control {id}: default");

            assert_eq!(got(&filter, id), (default, MANUAL, MANUAL));
            for value in [least, greatest, default + step, default] {
                assert_eq!(set(&filter, id, value, MANUAL), Status::SUCCESS, "control {id}: {value}");
                assert_eq!(got(&filter, id), (value, MANUAL, MANUAL));
            }
            let mut wrong =
                vec![(least - 1, MANUAL), (greatest + 1, MANUAL), (i32::MIN, MANUAL), (i32::MAX, MANUAL)];
            wrong.extend((step > 1).then_some((default + 1, MANUAL)));
            // Nothing turns by itself.
            wrong.extend([0, 1, 3, u32::MAX].map(|flags| (default + step, flags)));
            for (value, flags) in wrong {
                assert_eq!(set(&filter, id, value, flags), INVALID, "control {id}: {value}, flags {flags}");
                assert_eq!(got(&filter, id), (default, MANUAL, MANUAL), "a refusal changes nothing");
            }
            assert_eq!(control(&filter, id, GET, [0; 3], 0).information, 40);
            assert_eq!(control(&filter, id, GET, [0; 3], 39).status, Status(STATUS_BUFFER_TOO_SMALL));
            assert_eq!(control(&filter, id, SET, [0; 3], 39).status, Status(STATUS_BUFFER_TOO_SMALL));
        }
        for id in (4..16).chain([u32::MAX]) {
            for flags in [GET, SET, BASIC_SUPPORT] {
                assert_eq!(control(&filter, id, flags, [0; 3], 40).status, Status(STATUS_NOT_FOUND), "{id}");
            }
        }
        drop(filter);
        stand.end();
    }
}

/// All clients turn the same knobs.
#[test]
fn knobs_are_the_cameras() {
    let stand = Stand::built(&images::loopcam()[0], builder().trace(false));
    let (one, other) = (stand.filter(CAMERA), stand.filter(CAMERA));
    assert_eq!(set(&one, 1, 150, MANUAL), Status::SUCCESS);
    assert_eq!(got(&other, 1), (150, MANUAL, MANUAL));
    drop(one);
    assert_eq!(got(&stand.filter(CAMERA), 1), (150, MANUAL, MANUAL));
    drop(other);
    stand.end();
}

fn adjusted(from: Format, bytes: &[u8], to: Format, adjust: Adjust) -> Vec<u8> {
    let conversion = Conversion::new(from, to, adjust);
    let (mut out, mut scratch) = (vec![0; to.image_size() as usize], vec![0; conversion.scratch()]);
    assert!(conversion.run(bytes, &mut out[..], &mut scratch));
    out
}

/// The knobs are real: a reader's picture is the writer's, adjusted as crate `video` does it; and the picture itself, byte
/// by byte, when they are back in their place.
#[test]
fn knobs_change_the_picture() {
    const SETTINGS: [[i32; 4]; 6] = [
        [750, 100, 0, 100],
        [3000, 100, 0, 100],
        [750, 150, 0, 100],
        [750, 100, 9000, 100],
        [750, 100, 0, 0],
        [1000, 80, -3000, 250],
    ];
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video("nv12:64x48@30");
        let like = picture::format(&wanted);
        let (input, capture) = (stand.input(), stand.capture());
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("Input");
        let pin = capture.create(&capture.format(&wanted).expect("the format")).expect("Capture");
        set_state(&sink, State::Run);
        set_state(&pin, State::Run);
        let mut writer = Writer::new(&sink, "writer", wanted.interval, 1);
        for (number, setting) in (1..).zip(SETTINGS.into_iter().chain([SETTINGS[0]])) {
            for (id, value) in (0..).zip(setting) {
                assert_eq!(set(&capture.filter, id, value, MANUAL), Status::SUCCESS);
            }
            let [brightness, contrast, hue, saturation] = setting;
            let adjust = Adjust::new(brightness, contrast, saturation, hue).expect("a setting");
            let read = pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
            let painted = picture::bars(like, number);
            writer.write(&painted).expect("the picture is written");
            let read = done(read.wait());
            let expected = adjusted(like, &painted, like, adjust);
            assert!(read.packet.data(0) == expected, "setting {setting:?}");
            assert_eq!(expected == painted, adjust.is_neutral(), "setting {setting:?}");
        }
        drop(writer);
        for pin in [&pin, &sink] {
            set_state(pin, State::Stop);
        }
        drop((pin, sink, input, capture));
        stand.end();
    }
}

/// What a client asks for: the stream, the data range, and the size, with room for an answer.
fn rates(
    filter: &Filter,
    id: u32,
    stream: u32,
    range: u32,
    (width, height): (i32, i32),
    room: usize,
) -> Answer {
    let mut extra = [stream, range, width as u32, height as u32].map(u32::to_le_bytes).concat();
    extra.resize(32, 0);
    filter.property(&property::request(PROPSETID_VIDCAP_VIDEOCONTROL, id, GET, &extra), vec![0xCC; room])
}

/// `KSPROPERTY_VIDEOCONTROL_CAPS`
const CAPS: u32 = 0;
/// `KSPROPERTY_VIDEOCONTROL_ACTUAL_FRAME_RATE`
const ACTUAL: u32 = 1;
/// `KSPROPERTY_VIDEOCONTROL_FRAME_RATES`
const RATES: u32 = 2;
/// `KSPROPERTY_VIDEOCONTROL_MODE`
const MODE: u32 = 3;

fn long(answer: &Answer, at: usize) -> i64 {
    i64::from_le_bytes(answer.data[at..at + 8].try_into().expect("eight bytes"))
}

/// Nothing of a picture can be turned over or triggered, and MODE is refused for it.
#[test]
fn video_control_caps() {
    let stand = Stand::built(&images::loopcam()[0], builder().trace(false));
    let filter = stand.filter(CAMERA);
    let caps = rates(&filter, CAPS, CAPTURE, 0, (0, 0), 32);
    assert_eq!((caps.status, caps.information), (Status::SUCCESS, 32));
    assert_eq!(caps.data[24..], [CAPTURE, 0].map(u32::to_le_bytes).concat());
    assert_eq!(rates(&filter, CAPS, INPUT, 0, (0, 0), 32).status, INVALID);
    assert_eq!(rates(&filter, MODE, CAPTURE, 0, (0, 0), 32).status, Status(STATUS_NOT_FOUND));
    drop(filter);
    stand.end();
}

/// The rates are listed for every range, by the rules of lists of unknown size (R7.13); a stream, a range or a size that
/// does not exist is refused.
#[test]
fn frame_rates() {
    let stand = Stand::built(&images::loopcam()[0], builder().trace(false));
    let place = stand.capture();
    let filter = &place.filter;
    let size = (640, 480);
    let asked = rates(filter, RATES, CAPTURE, 0, size, 0);
    assert_eq!(asked.status, Status(STATUS_BUFFER_OVERFLOW));
    let whole = asked.information;
    let ranges = place.pin.ranges.len() as u32;
    for range in 0..ranges {
        let list = rates(filter, RATES, CAPTURE, range, size, whole);
        assert_eq!((list.status, list.information), (Status::SUCCESS, whole));
        let count = u32::from_le_bytes(list.data[4..8].try_into().expect("four bytes")) as usize;
        assert_eq!(whole, 8 + 8 * count);
        let rates: Vec<i64> = (0..count).map(|index| long(&list, 8 + 8 * index)).collect();
        assert!(rates.is_sorted() && rates.contains(&333_333) && rates[0] == 166_666, "{rates:?}");
        // Each is one that a pin can be opened with.
        let mut wanted = video("nv12:640x480@30");
        for rate in rates {
            wanted.interval = rate as u64;
            let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
            drop(pin);
        }
    }
    assert_eq!(rates(filter, RATES, CAPTURE, 0, size, 4).information, 4);
    assert_eq!(rates(filter, RATES, CAPTURE, 0, size, 8).information, 8);
    assert_eq!(rates(filter, RATES, CAPTURE, 0, size, whole - 1).status, Status(STATUS_BUFFER_TOO_SMALL));
    for (stream, range, size) in [
        (INPUT, 0, size),
        (7, 0, size),
        (CAPTURE, ranges, size),
        (CAPTURE, u32::MAX, size),
        (CAPTURE, 0, (641, 480)),
        (CAPTURE, 0, (0, 0)),
        (CAPTURE, 0, (-640, 480)),
        (CAPTURE, 0, (1 << 20, 480)),
    ] {
        assert_eq!(
            rates(filter, RATES, stream, range, size, whole).status,
            INVALID,
            "{stream} {range} {size:?}"
        );
    }
    drop(place);
    stand.end();
}

/// The actual rate is the reader's, or the writer's if that is slower; without an open pin of this client there is none.
#[test]
fn actual_frame_rate() {
    let stand = Stand::built(&images::loopcam()[0], builder().trace(false));
    let (place, other) = (stand.capture(), stand.filter(CAMERA));
    let now = |filter: &Filter| rates(filter, ACTUAL, CAPTURE, 0, (64, 48), 56);
    assert_eq!(now(&place.filter).status, Status(STATUS_NOT_SUPPORTED));
    let wanted = video("nv12:64x48@30");
    let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
    assert_eq!(now(&other).status, Status(STATUS_NOT_SUPPORTED));
    let both = |answer: &Answer| {
        assert_eq!((answer.status, answer.information), (Status::SUCCESS, 56));
        (long(answer, 40), long(answer, 48))
    };
    assert_eq!(both(&now(&place.filter)), (333_333, 166_666));
    assert_eq!(rates(&place.filter, ACTUAL, INPUT, 0, (64, 48), 56).status, INVALID);

    let slow = video("nv12:64x48@10");
    let input = stand.input();
    let sink = input.create(&input.format(&slow).expect("the format")).expect("Input");
    set_state(&sink, State::Run);
    set_state(&pin, State::Run);
    let read = pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
    let mut writer = Writer::new(&sink, "writer", slow.interval, 1);
    writer.write(&picture::bars(picture::format(&slow), 1)).expect("the picture is written");
    done(read.wait());
    assert_eq!(both(&now(&place.filter)), (1_000_000, 166_666));
    drop(writer);
    for pin in [&pin, &sink] {
        set_state(pin, State::Stop);
    }
    drop((pin, sink, place, input, other));
    stand.end();
}

/// `KSPROPERTY_DROPPEDFRAMES_CURRENT`: picture number, drop count, average size.
fn dropped(pin: &Pin) -> (i64, i64, u32) {
    let answer = own::ask(pin.handle(), PROPSETID_VIDCAP_DROPPEDFRAMES, 0, 48);
    assert_eq!((answer.status, answer.information), (Status::SUCCESS, 48));
    assert_eq!(answer.data[44..], [0; 4], "nothing of the kernel's in the gap at the end");
    let size = u32::from_le_bytes(answer.data[40..44].try_into().expect("four bytes"));
    (long(&answer, 24), long(&answer, 32), size)
}

/// The counters are those of the frames; they begin again on the way into ACQUIRE and go on from PAUSE to RUN; after a drop
/// comes a discontinuity, once (`stream/capturing-video`).
#[test]
fn dropped_frames() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let place = stand.capture();
        let wanted = video("yuy2:64x48@30");
        let len = wanted.frame_len() as u32;
        let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
        assert_eq!(dropped(&pin), (0, 0, 0));
        let gap =
            |header: &KSSTREAM_HEADER| header.OptionsFlags & KSSTREAM_HEADER_OPTIONSF_DATADISCONTINUITY != 0;
        set_state(&pin, State::Pause);
        let mut reader = Reader::new(&pin, "reader", wanted.frame_len(), 2);
        reader.prime();
        set_state(&pin, State::Run);
        let next = |reader: &mut Reader<'_>| {
            let seen = reader.next(|frame| (frame.info.expect("KS_FRAME_INFO"), gap(&frame.header)));
            let (info, gap) = seen.unwrap_or_else(|error| panic!("{error}"));
            (info.PictureNumber, info.DropCount, gap)
        };
        for number in 1..=5 {
            assert_eq!(next(&mut reader), (number, 0, false));
        }
        // Nobody takes pictures for a while: two lie there already.
        stand.rig.sleep(10 * wanted.interval + wanted.interval / 2);
        let (picture, drops, size) = dropped(&pin);
        assert!(drops >= 7 && picture == 7 + drops && size == len, "{picture}, {drops}, {size}");
        assert_eq!(next(&mut reader), (6, 0, false));
        assert_eq!(next(&mut reader), (7, 0, false));
        let (after, lost, gap) = next(&mut reader);
        assert!(gap && lost >= drops && after == 8 + lost, "{after}, {lost}");
        assert_eq!(next(&mut reader), (after + 1, lost, false), "one discontinuity for one gap");
        let before = dropped(&pin);
        set_state(&pin, State::Pause);
        assert_eq!(dropped(&pin), before);
        set_state(&pin, State::Run);
        assert!(dropped(&pin).0 >= before.0);
        let (number, ..) = next(&mut reader);
        assert!(number > after + 1, "counting goes on");
        set_state(&pin, State::Acquire);
        assert!(dropped(&pin).0 >= before.0, "not on the way back to ACQUIRE");
        set_state(&pin, State::Stop);
        set_state(&pin, State::Acquire);
        assert_eq!(dropped(&pin), (0, 0, 0));
        set_state(&pin, State::Stop);
        drop(reader);
        // Not a property of the pin that takes pictures.
        let input = stand.input();
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("Input");
        let answer = own::ask(sink.handle(), PROPSETID_VIDCAP_DROPPEDFRAMES, 0, 48);
        assert_eq!(answer.status, Status(STATUS_PROPSET_NOT_FOUND));
        drop((pin, sink, input, place));
        stand.end();
    }
}

/// The Test Source counts as well, whoever takes its pictures.
#[test]
fn dropped_frames_of_the_test_source() {
    let stand = Stand::built(&images::loopcam()[1], builder().trace(false));
    let link = stand.connect("nv12:64x48@30");
    assert_eq!(dropped(&link.source), (0, 0, 0));
    link.set_state(State::Run);
    stand.rig.sleep(10 * 333_333);
    let (picture, drops, size) = dropped(&link.source);
    assert!((9..=12).contains(&picture) && drops == 0 && size == 64 * 72, "{picture}, {drops}, {size}");
    link.set_state(State::Stop);
    link.set_state(State::Acquire);
    assert_eq!(dropped(&link.source), (0, 0, 0));
    drop(link);
    stand.end();
}
