//! Programs of 32 bits.

use std::fmt::Debug;

use ks_sys::*;
use ksrig::client::{Filter, Packet, Pin, State, Status, narrow, property};
use loopcam_tests::{
    headers, images, own, picture,
    stand::{CAMERA, CAPTURE, INPUT, OUTPUT, Stand, TEST_SOURCE, builder, done, format, set_state},
    studio::{FILL, Shape, assert_shows, noise, packet},
};

const FORMAT: &str = "nv12:66x48@30";

/// What a program asked, and what it was told.
#[derive(Default)]
struct Log(Vec<(String, String)>);

impl Log {
    fn note(&mut self, what: impl Into<String>, answer: impl Debug) {
        self.0.push((what.into(), format!("{answer:?}")));
    }

    /// Each property of a set that can be asked for without more than its name.
    fn ask(&mut self, name: &str, handle: usize, set: GUID, ids: std::ops::Range<u32>) {
        for id in ids {
            for room in [0, 4, 48, 4096] {
                let answer = own::ask(handle, set, id, room);
                self.note(
                    format!("{name} {id}, {room} bytes"),
                    (answer.status, answer.information, answer.data),
                );
            }
        }
    }

    fn read(&mut self, what: &str, pin: &Pin, packet: Packet) {
        let completion = pin.submit_read(packet).wait();
        let (packet, status) = (completion.packet, completion.status);
        let header = packet.header(0);
        let times = (header.PresentationTime.Time, header.Duration);
        self.note(what, (status, header.DataUsed, header.OptionsFlags, times));
        let info = packet.frame_info(0).map(|info| (info.PictureNumber, info.DropCount, info.dwFrameFlags));
        self.note(format!("{what}: frame info"), info);
        self.note(format!("{what}: pixels"), packet.frame(0));
    }

    fn write(&mut self, what: &str, pin: &Pin, stand: &Stand, number: u32) {
        let picture = noise(Shape::new(FORMAT).len(), number);
        let wait = pin.submit_write(Packet::from_frame(&picture));
        stand.rig.settle();
        self.note(what, wait.is_done());
        pin.set_state(State::Pause).expect("PAUSE");
        let completion = wait.wait();
        self.note(format!("{what}: back"), (completion.status, completion.information));
        pin.set_state(State::Run).expect("RUN");
    }
}

/// What a program does with the camera that has a pointer or a handle in it, and all that it can ask.
fn program(stand: &Stand) -> Vec<(String, String)> {
    let mut log = Log::default();
    let shape = Shape::new(FORMAT);
    let filter = stand.filter(CAMERA);
    log.note("pins", filter.pins());
    log.note("sets", filter.property_sets().map(|sets| sets.len()));
    let changes = own::changes(&filter);
    log.note("the event", changes.is_set());
    standard_sets(&mut log, &filter);
    own_set(&mut log, &filter);
    log.note("the event, after a change", (changes.is_set(), changes.is_set()));

    let reader = filter.create_pin(CAPTURE, &shape.format()).expect("Capture");
    log.note("no master clock", reader.set_master_clock(None));
    log.note("no allocator", reader.set_allocator(None));
    log.note("a clock", reader.clock().err());
    set_state(&reader, State::Run);
    log.ask("readers", filter.handle(), own::SET, 0..4);
    log.read("the placeholder", &reader, packet(shape.len()));
    log.read("without frame info", &reader, Packet::new(&[shape.len()]));
    log.read("too short", &reader, packet(shape.len() - 1));
    let several = reader.submit_read(Packet::with_frame_info(&[shape.len(); 3])).wait();
    log.note("several frames", (several.status, several.packet.len()));
    for index in 0..3 {
        log.note("one of them", (several.packet.header(index).DataUsed, several.packet.data(index)));
    }

    let input = filter.create_pin(INPUT, &shape.format()).expect("Input");
    set_state(&input, State::Run);
    for number in 0..3 {
        log.write("a picture", &input, stand, number);
    }
    let wait = input.submit_write(Packet::from_frame(&noise(shape.len(), 9)));
    log.read("the writer's picture", &reader, packet(shape.len()));
    log.ask("with a writer", filter.handle(), own::SET, 0..4);
    set_state(&input, State::Stop);
    log.note("the last picture", wait.wait().status);
    drop(input);

    // The value that is a handle of a pin.
    let (sink, source) = (stand.filter(CAMERA), stand.filter(TEST_SOURCE));
    let sink_pin = sink.create_pin(INPUT, &format(FORMAT)).expect("Input");
    let source_pin = source.connect(OUTPUT, &format(FORMAT), &sink_pin).expect("a connection");
    log.note("a second source", source.connect(OUTPUT, &format(FORMAT), &sink_pin).err());
    log.note("no sink", source.connect_to(OUTPUT, &format(FORMAT), 0x1234).err());
    for state in [State::Acquire, State::Pause, State::Run] {
        set_state(&sink_pin, state);
        set_state(&source_pin, state);
    }
    for _ in 0..3 {
        log.read("from the source", &reader, packet(shape.len()));
    }
    log.ask("counters", reader.handle(), PROPSETID_VIDCAP_DROPPEDFRAMES, 0..2);
    log.ask("connection", reader.handle(), KSPROPSETID_Connection, 0..8);
    drop((source_pin, sink_pin, sink, source, reader));
    log.note("the event, at last", (changes.is_set(), changes.disable()));
    drop(filter);
    log.0
}

fn standard_sets(log: &mut Log, filter: &Filter) {
    let sets = [KSPROPSETID_Topology, KSPROPSETID_General, PROPSETID_VIDCAP_VIDEOPROCAMP];
    for (index, set) in sets.into_iter().enumerate() {
        log.ask(&format!("standard set {index}"), filter.handle(), set, 0..12);
    }
    // KSPROPERTY_VIDEOPROCAMP_S: contrast 150, by hand; KSPROPERTY_VIDEOCONTROL_CAPS of the pin Capture.
    let value = [[0; 24].as_slice(), &[150_u32, 2, 0, 0].map(u32::to_le_bytes).concat()].concat();
    let contrast = property::request(PROPSETID_VIDCAP_VIDEOPROCAMP, 1, property::SET, &[]);
    log.note("contrast", filter.property(&contrast, value));
    log.ask("contrast", filter.handle(), PROPSETID_VIDCAP_VIDEOPROCAMP, 1..2);
    let neutral = [[0; 24].as_slice(), &[100_u32, 2, 0, 0].map(u32::to_le_bytes).concat()].concat();
    log.note("neutral", filter.property(&contrast, neutral));
    let caps = property::request(PROPSETID_VIDCAP_VIDEOCONTROL, 0, property::GET, &[0; 16]);
    log.note("caps", filter.property(&caps, vec![0; 40]));
}

fn own_set(log: &mut Log, filter: &Filter) {
    log.ask("own set", filter.handle(), own::SET, 0..5);
    for value in [500_u32, 0] {
        log.note("time-out", own::set(filter, loopcam_api::TIMEOUT, &value.to_le_bytes()));
    }
    let head =
        loopcam_api::Placeholder { fourcc: u32::from_le_bytes(*b"NV12"), bits: 12, width: 16, height: 16 };
    let chosen = [&head.to_bytes()[..], &noise(16 * 24, 5)].concat();
    log.note("placeholder", own::set(filter, loopcam_api::PLACEHOLDER, &chosen));
    log.note("half of one", own::set(filter, loopcam_api::PLACEHOLDER, &chosen[..100]));
    log.note("as it was set", own::get(filter, loopcam_api::PLACEHOLDER) == chosen);
    log.ask("own set as it was set", filter.handle(), own::SET, 0..5);
}

/// A program of 32 bits and one of 64 do the same, and are told the same, to the byte.
#[test]
fn the_same_answers() {
    for image in images::loopcam() {
        let [wide, thin] = [false, true].map(|is_narrow| {
            let stand = Stand::built(&image, builder().trace(false));
            let log = if is_narrow { narrow(|| program(&stand)) } else { program(&stand) };
            stand.end();
            log
        });
        assert_eq!(wide.len(), thin.len());
        assert!(wide.len() > 100, "{}", wide.len());
        for ((what, wide), (_, thin)) in wide.iter().zip(&thin) {
            assert!(wide == thin, "{what}: {wide:.200} for 64 bits, {thin:.200} for 32");
        }
    }
}

/// `lSurfacePitch`, and how long the structure is, lie elsewhere in the KS_FRAME_INFO of a program of 32 bits: its rows
/// are as long as it says, both ways.
#[test]
fn rows_are_as_long_as_they_say() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        narrow(|| {
            let shape = Shape::new(FORMAT);
            let plain = shape.looks(None);
            let padded = plain.with_stride(plain.stride() + 36).expect("a stride");
            let (reader, writer) = (stand.reader(&shape, State::Run), stand.writer(&shape));
            // The header that the pin asks for has room for the longer structure of a program of 64 bits.
            let size = own::ask(reader.pin.handle(), KSPROPSETID_StreamInterface, 0, 4);
            assert_eq!(size.data, (48_u32 + 72).to_le_bytes());
            let wide = noise(padded.image_size() as usize, 2);
            let padded_packet = |bytes: Option<&[u8]>| {
                let mut packet = packet(wide.len());
                packet.set_surface_pitch(0, padded.stride() as i32);
                if let Some(bytes) = bytes {
                    packet.frame_mut(0).copy_from_slice(bytes);
                    packet.used(0, bytes.len() as u32);
                }
                packet
            };
            // From plain rows to padded ones, and back.
            let frame = noise(shape.len(), 1);
            let wait = reader.pin.submit_read(padded_packet(None));
            let first = writer.write(&frame);
            let completion = wait.wait();
            let info = completion.packet.frame_info(0).expect("KS_FRAME_INFO");
            assert_eq!((info.ExtendedHeaderSize, info.PictureNumber), (64, 1));
            let expected = picture::converted_over(FILL, plain, &frame, padded);
            assert_shows(completion, padded, &expected, "padded");
            let wait = reader.read(shape.len());
            let second = writer.pin.submit_write(padded_packet(Some(&wide)));
            let expected = picture::converted_over(FILL, padded, &wide, plain);
            assert_shows(wait.wait(), plain, &expected, "plain");
            assert_eq!(first.wait().status, Status::SUCCESS);
            set_state(&writer.pin, State::Stop);
            assert_eq!(done(second.wait()).status, Status::SUCCESS);
            set_state(&reader.pin, State::Stop);
            drop((reader, writer));
        });
        stand.end();
    }
}

/// What a program of 32 bits sends in these tests is what its compiler makes of ks.h and ksmedia.h.
#[test]
fn structures_of_32_bits() {
    let sizes = [
        ("sizeof(void *)", 4),
        ("sizeof(KSSTREAM_HEADER)", 48),
        ("offsetof(KSSTREAM_HEADER, Data)", 40),
        ("offsetof(KSSTREAM_HEADER, OptionsFlags)", 44),
        ("sizeof(KS_FRAME_INFO)", 64),
        ("offsetof(KS_FRAME_INFO, PictureNumber)", 8),
        ("offsetof(KS_FRAME_INFO, DropCount)", 16),
        ("offsetof(KS_FRAME_INFO, hDirectDraw)", 24),
        ("offsetof(KS_FRAME_INFO, hSurfaceHandle)", 28),
        ("offsetof(KS_FRAME_INFO, DirectDrawRect)", 32),
        ("offsetof(KS_FRAME_INFO, Reserved1)", 48),
        ("sizeof(KSPIN_CONNECT)", 64),
        ("offsetof(KSPIN_CONNECT, PinToHandle)", 52),
        ("offsetof(KSPIN_CONNECT, Priority)", 56),
        ("sizeof(KSEVENTDATA)", 16),
        ("offsetof(KSEVENTDATA, EventHandle.Event)", 4),
    ];
    // What the camera's standard sets answer has no pointer in it, and the same layout in both.
    let same = [
        ("sizeof(KSPROPERTY_VIDEOPROCAMP_S)", 40),
        ("sizeof(KSPROPERTY_VIDEOCONTROL_CAPS_S)", 32),
        ("sizeof(KSPROPERTY_VIDEOCONTROL_FRAME_RATES_S)", 40),
        ("sizeof(KSPROPERTY_DROPPEDFRAMES_CURRENT_S)", 48),
        ("offsetof(KSPROPERTY_DROPPEDFRAMES_CURRENT_S, PictureNumber)", 24),
        ("sizeof(KSALLOCATOR_FRAMING)", 24),
        ("sizeof(KSALLOCATOR_FRAMING_EX)", 112),
        ("sizeof(KSPROPERTY_DESCRIPTION)", 40),
        ("sizeof(KS_DATARANGE_VIDEO)", 296),
        ("sizeof(KS_DATARANGE_VIDEO2)", 320),
        ("sizeof(KS_DATAFORMAT_VIDEOINFOHEADER)", 152),
        ("sizeof(KS_DATAFORMAT_VIDEOINFOHEADER2)", 176),
        ("sizeof(KSP_PIN)", 32),
    ];
    let equal = |list: &[(&str, u128)]| -> Vec<_> {
        list.iter().map(|(left, right)| ((*left).to_owned(), *right)).collect()
    };
    headers::assert_cpp(headers::NARROW, &[equal(&sizes), equal(&same)].concat());
    headers::assert_cpp(headers::WIDE, &equal(&same));
}
