//! Several programs read the camera at once.

use ksrig::{
    client::{State, stream::Reader},
    ks::Options,
    nt::machine::JoinHandle,
};
use loopcam_tests::{
    images, picture,
    stand::{Link, Stand, builder, done, set_state, video},
};

const PICTURES: u64 = 60;
const CONNECTION: &str = "nv12:160x120@30";

/// What a reader saw of a picture.
struct Seen {
    stamp: u32,
    picture_number: i64,
    drops: i64,
}

/// A program that reads so many pictures, and looks at every byte of them.
fn read(stand: &Stand, index: u32, format: &str, pictures: u64) -> JoinHandle<Vec<Seen>> {
    let place = stand.capture();
    let wanted = video(format);
    let source = picture::format(&video(CONNECTION));
    let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
    stand.rig.spawn(&format!("reader {index}"), move || {
        set_state(&pin, State::Pause);
        let mut reader = Reader::new(&pin, &format!("reader {index}"), wanted.frame_len(), 3);
        reader.prime();
        set_state(&pin, State::Run);
        let format = picture::format(&wanted);
        let mut seen = Vec::new();
        for _ in 0..pictures {
            let one = reader.next(|frame| {
                let stamp =
                    picture::number(format, frame.data).expect("first and last row have the same number");
                let painted = picture::bars(source, stamp);
                let painted =
                    if format == source { painted } else { picture::converted(source, &painted, format) };
                assert!(painted == frame.data, "reader {index}: picture {stamp} is not what was painted");
                let info = frame.info.expect("KS_FRAME_INFO");
                Seen { stamp, picture_number: info.PictureNumber, drops: info.DropCount }
            });
            seen.push(one.unwrap_or_else(|error| panic!("{error}")));
        }
        set_state(&pin, State::Stop);
        drop(reader);
        drop(pin);
        drop(place);
        seen
    })
}

/// Eight readers, two formats, one of them stalled: the others get every picture, bit-exact and untorn, and the stalled
/// one loses its own pictures and nobody else's.
#[test]
fn one_stalled_reader_of_eight() {
    for (image, seed) in images::loopcam().into_iter().zip([1, 2]) {
        let stand = Stand::built(&image, builder().seed(seed).options(Options::default()).trace(false));
        let link = stand.connect(CONNECTION);
        link.set_state(State::Pause);
        set_state(&link.sink, State::Run);
        let formats = ["nv12:160x120@30", "yuy2:160x120@30"];
        let readers: Vec<_> =
            (1..8).map(|index| read(&stand, index, formats[index as usize % 2], PICTURES)).collect();
        let place = stand.capture();
        let wanted = video(formats[0]);
        let stalled = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
        set_state(&stalled, State::Run);
        let packet = || ksrig::client::Packet::with_frame_info(&[wanted.frame_len()]);
        let first = stalled.submit_read(packet());
        stand.rig.settle();
        set_state(&link.source, State::Run);

        for (reader, seen) in readers.into_iter().map(JoinHandle::join).enumerate() {
            let stamps: Vec<_> = seen.iter().map(|seen| seen.stamp).collect();
            let every: Vec<_> = (stamps[0]..stamps[0] + PICTURES as u32).collect();
            assert_eq!(stamps, every, "reader {reader} gets every picture");
            assert_eq!(stamps[0], 1, "reader {reader} gets the first picture");
            for (index, seen) in seen.iter().enumerate() {
                assert_eq!((seen.picture_number, seen.drops), (index as i64 + 1, 0), "reader {reader}");
            }
        }
        let first = done(first.wait());
        let info = first.packet.frame_info(0).expect("KS_FRAME_INFO");
        assert_eq!((info.PictureNumber, info.DropCount), (1, 0));
        let late = done(stalled.submit_read(packet()).wait());
        let info = late.packet.frame_info(0).expect("KS_FRAME_INFO");
        let stamp = picture::number(picture::format(&wanted), late.packet.data(0)).expect("untorn");
        assert!(stamp >= PICTURES as u32, "the newest picture and not an old one: {stamp}");
        assert_eq!(info.PictureNumber, i64::from(stamp));
        assert_eq!(info.DropCount, i64::from(stamp) - 2, "all that came between the first and this");
        set_state(&stalled, State::Stop);
        drop((stalled, place));
        let Link { source, sink, filters } = link;
        drop((source, sink, filters));
        stand.end();
    }
}

/// Readers come and go while the others read: whoever stays loses nothing.
#[test]
fn readers_come_and_go() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let link = stand.connect(CONNECTION);
        link.set_state(State::Pause);
        set_state(&link.sink, State::Run);
        let steady = read(&stand, 1, "nv12:160x120@30", PICTURES);
        stand.rig.settle();
        set_state(&link.source, State::Run);
        for index in 2..8 {
            let guest = read(&stand, index, ["nv12:160x120@30", "yuy2:160x120@30"][index as usize % 2], 5);
            for pair in guest.join().windows(2) {
                assert_eq!(pair[1].stamp, pair[0].stamp + 1, "reader {index}");
            }
        }
        let stamps: Vec<_> = steady.join().iter().map(|seen| seen.stamp).collect();
        assert_eq!(stamps, (1..=PICTURES as u32).collect::<Vec<_>>());
        drop(link);
        stand.end();
    }
}
