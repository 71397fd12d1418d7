//! What the camera shows without a writer.

use ksrig::client::{State, stream::Reader};
use loopcam_tests::{
    images, picture,
    stand::{Link, Stand, builder, set_state, video},
};

/// A frame that was read.
struct Seen {
    data: Vec<u8>,
    arrival: u64,
    time: i64,
    picture_number: i64,
    drops: i64,
}

fn next(reader: &mut Reader<'_>) -> Seen {
    let seen = reader.next(|frame| {
        let info = frame.info.expect("KS_FRAME_INFO");
        Seen {
            data: frame.data.to_vec(),
            arrival: frame.time,
            time: frame.header.PresentationTime.Time,
            picture_number: info.PictureNumber,
            drops: info.DropCount,
        }
    });
    seen.unwrap_or_else(|error| panic!("{error}"))
}

/// Without a writer every picture is the placeholder with its number, bit-exact, in every pixel format, at the rate of the
/// format; time stamps and counters go on.
#[test]
fn without_a_writer() {
    for image in images::loopcam() {
        for format in [
            "nv12:320x240@30",
            "yuy2:64x48@25",
            "nv12:16x16@60",
            "yuy2:16x16@1",
            "rgb24:66x48@30",
            "rgb32:1280x720@15",
        ] {
            let stand = Stand::built(&image, builder().trace(false));
            let place = stand.capture();
            let wanted = video(format);
            let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
            set_state(&pin, State::Pause);
            let mut reader = Reader::new(&pin, "reader", wanted.frame_len(), 2);
            reader.prime();
            set_state(&pin, State::Run);
            let mut last: Option<Seen> = None;
            for number in 1..=20 {
                let seen = next(&mut reader);
                assert_eq!((seen.picture_number, seen.drops), (number, 0), "{format}");
                let painted = picture::placeholder(picture::format(&wanted), number as u32);
                assert!(
                    seen.data == painted,
                    "{format}: placeholder {number} is not what crate video paints"
                );
                if let Some(last) = last {
                    let rate = wanted.interval.abs_diff(seen.arrival - last.arrival);
                    assert!(rate <= 10_000, "{format}: {} after {}", seen.arrival, last.arrival);
                    let rate = (wanted.interval as i64).abs_diff(seen.time - last.time);
                    assert!(rate <= 10_000, "{format}: time stamp {} after {}", seen.time, last.time);
                }
                last = Some(seen);
            }
            set_state(&pin, State::Stop);
            drop(reader);
            drop((pin, place));
            stand.end();
        }
    }
}

/// A writer comes, and goes again: the reader sees placeholder, writer, placeholder; its counters and time stamps go on,
/// and no picture is lost on the way.
#[test]
fn writer_comes_and_goes() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video("nv12:64x48@30");
        let like = picture::format(&wanted);
        let place = stand.capture();
        let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
        set_state(&pin, State::Pause);
        let mut reader = Reader::new(&pin, "reader", wanted.frame_len(), 2);
        reader.prime();
        set_state(&pin, State::Run);
        let mut seen: Vec<Seen> = (0..5).map(|_| next(&mut reader)).collect();
        let link = stand.connect("nv12:64x48@30");
        link.set_state(State::Run);
        seen.extend((0..15).map(|_| next(&mut reader)));
        link.set_state(State::Stop);
        let Link { source, sink, filters } = link;
        drop((source, sink, filters));
        seen.extend((0..10).map(|_| next(&mut reader)));
        let is_placeholder: Vec<bool> = seen
            .iter()
            .map(|seen| {
                let number =
                    picture::number(like, &seen.data).expect("a number, the same in first and last row");
                let is_placeholder = seen.data == picture::placeholder(like, number);
                assert!(
                    is_placeholder || seen.data == picture::bars(like, number),
                    "picture {number} is neither"
                );
                is_placeholder
            })
            .collect();
        assert!(is_placeholder[..5].iter().all(|is| *is), "{is_placeholder:?}");
        assert!(is_placeholder[25..].iter().all(|is| *is), "{is_placeholder:?}");
        assert!(is_placeholder.iter().filter(|is| !**is).count() >= 10, "{is_placeholder:?}");
        let changes = is_placeholder.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 2, "placeholder, writer, placeholder: {is_placeholder:?}");
        for pair in seen.windows(2) {
            assert!(pair[1].picture_number > pair[0].picture_number, "picture numbers go on");
            assert!(
                pair[1].time > pair[0].time,
                "time stamps go on: {} after {}",
                pair[1].time,
                pair[0].time
            );
            let (skipped, dropped) =
                (pair[1].picture_number - pair[0].picture_number - 1, pair[1].drops - pair[0].drops);
            assert_eq!(skipped, dropped, "every number that is missing is counted");
        }
        set_state(&pin, State::Stop);
        drop(reader);
        drop((pin, place));
        stand.end();
    }
}
