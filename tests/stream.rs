//! Streams: states, formats, frames, time stamps, counters.

use ks_sys::*;
use ksrig::{
    client::{Packet, Pin, Reset, State, Status, Video, stream::Writer},
    ks::Options,
    nt::trace::Event,
};
use loopcam_tests::{
    events::calls_of,
    images, picture,
    stand::{Link, Stand, builder, done, format, set_state, video},
};

const FORMAT: &str = "nv12:64x48@30";

/// A Capture pin in a state.
fn capture(stand: &Stand, wanted: &Video, state: State) -> (ksrig::client::graph::Place, Pin) {
    let place = stand.capture();
    let pin = place.create(&place.format(wanted).expect("the format")).expect("the pin");
    set_state(&pin, state);
    (place, pin)
}

/// The state changes that the driver was told since the last time.
fn steps(events: &[Event]) -> usize {
    calls_of(events, "PinSetDeviceState").len()
}

/// R5.3, R5.7: every way between two states goes through single steps; no step, no callback.
#[test]
fn states_in_single_steps() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        let (place, pin) = capture(&stand, &video(FORMAT), State::Stop);
        for from in State::ALL {
            for to in State::ALL {
                set_state(&pin, from);
                let before = steps(&stand.rig.events());
                set_state(&pin, to);
                let expected = (to as i32).abs_diff(from as i32) as usize;
                assert_eq!(steps(&stand.rig.events()) - before, expected, "{from:?} to {to:?}");
                assert_eq!(pin.state(), Ok(to));
            }
        }
        drop((pin, place));
        stand.end();
    }
}

/// Even sizes from 16x16 to 3840x2160 by the ConfigCaps: the bars arrive bit-exact, through the connection and a
/// conversion.
#[test]
fn every_even_size() {
    const SIZES: [(u32, u32); 11] = [
        (16, 16),
        (18, 16),
        (16, 18),
        (46, 34),
        (48, 50),
        (162, 122),
        (640, 480),
        (1280, 720),
        (1920, 1080),
        (3838, 2158),
        (3840, 2160),
    ];
    let [default, downlevel] = images::loopcam();
    for (index, (width, height)) in SIZES.into_iter().enumerate() {
        let stand = Stand::built(if index % 2 == 0 { &default } else { &downlevel }, builder().trace(false));
        for pixels in ["nv12", "yuy2", "rgb24", "rgb32"] {
            let connection = format!("{pixels}:{width}x{height}@30");
            let link = stand.connect(&connection);
            let source = picture::format(&video(&connection));
            let pins: Vec<_> = ["nv12", "yuy2", "rgb24", "rgb32"]
                .into_iter()
                .map(|pixels| {
                    let wanted = video(&format!("{pixels}:{width}x{height}@30"));
                    let (place, pin) = capture(&stand, &wanted, State::Run);
                    let read = pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
                    (wanted, place, pin, read)
                })
                .collect();
            link.set_state(State::Run);
            for (wanted, place, pin, read) in pins {
                let completion = done(read.wait());
                let like = picture::format(&wanted);
                let data = completion.packet.data(0);
                assert_eq!(data.len(), wanted.frame_len());
                let number = picture::number(like, data).expect("a number, the same in first and last row");
                let mut painted = picture::bars(source, number);
                if like != source {
                    painted = picture::converted(source, &painted, like);
                }
                assert!(data == painted, "{connection} read as {wanted}");
                set_state(&pin, State::Stop);
                drop((pin, place));
            }
            drop(link);
        }
        stand.end();
    }
}

/// Sizes and rates that the ranges do not have are refused with STATUS_NO_MATCH, before anything is made.
#[test]
fn formats_outside_the_ranges() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        for place in [stand.capture(), stand.input(), stand.output()] {
            let alive = stand.alive();
            for wrong in [
                "nv12:15x16@30",
                "nv12:16x15@30",
                "nv12:14x16@30",
                "yuy2:16x14@30",
                "yuy2:641x480@30",
                "nv12:3842x2160@30",
                "yuy2:3840x2162@30",
                "rgb32:3842x2160@30",
                "rgb24:64x49@30",
                "nv12:640x480@61",
                "nv12:640x480@0.5",
            ] {
                let created = place.filter.create_pin(place.pin.id, &format(wrong)).map(drop);
                assert_eq!(created, Err(Status(STATUS_NO_MATCH)), "{} {wrong}", place.name());
                assert!(place.format(&video(wrong)).is_err(), "{} proposes {wrong}", place.name());
            }
            assert_eq!(stand.alive(), alive);
        }
        stand.end();
    }
}

/// Every frame has a time stamp and a duration that are valid, and the picture numbers go up by one; what the reader
/// was too slow for is counted as dropped.
#[test]
fn times_and_numbers() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        let link = stand.connect(FORMAT);
        link.set_state(State::Run);
        let (place, pin) = capture(&stand, &wanted, State::Run);
        let (mut time, mut number, mut drops) = (-1, 0, 0);
        for pause in [0, 0, 0, 5, 0, 0, 17, 0, 1] {
            stand.rig.sleep(wanted.interval * pause + 1000 * pause.min(1));
            let frame = done(pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()])).wait()).packet;
            let (header, info) = (frame.header(0), frame.frame_info(0).expect("KS_FRAME_INFO"));
            let valid = KSSTREAM_HEADER_OPTIONSF_TIMEVALID | KSSTREAM_HEADER_OPTIONSF_DURATIONVALID;
            assert_eq!(header.OptionsFlags & valid, valid);
            assert_eq!((header.PresentationTime.Numerator, header.PresentationTime.Denominator), (1, 1));
            assert_eq!(header.Duration, wanted.interval as i64);
            assert!(header.PresentationTime.Time > time, "time goes on");
            let (missing, dropped) = (info.PictureNumber - number - 1, info.DropCount - drops);
            assert_eq!(missing, dropped, "every number that is missing is counted");
            // The newest picture of the pause is shown, or the first after it.
            let plausible = (pause as i64 - 2).max(0)..=pause as i64;
            assert!(plausible.contains(&dropped), "{dropped} dropped in a pause of {pause} pictures");
            (time, number, drops) = (header.PresentationTime.Time, info.PictureNumber, info.DropCount);
        }
        set_state(&pin, State::Stop);
        drop((pin, place));
        drop(link);
        stand.end();
    }
}

/// A buffer that is too small for a picture comes back with STATUS_INVALID_BUFFER_SIZE and untouched; a larger one is
/// used as far as the picture goes; the stream goes on.
#[test]
fn buffer_sizes() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        let len = wanted.frame_len();
        let link = stand.connect(FORMAT);
        link.set_state(State::Run);
        let (place, pin) = capture(&stand, &wanted, State::Run);
        for (size, fits) in
            [(len - 1, false), (len, true), (1, false), (len + 1, true), (len * 3, true), (len, true)]
        {
            let mut packet = Packet::with_frame_info(&[size]);
            packet.frame_mut(0).fill(0xA5);
            let completion = pin.submit_read(packet).wait();
            let (header, frame) = (completion.packet.header(0), completion.packet.frame(0));
            if fits {
                assert_eq!(completion.status, Status::SUCCESS, "{size} bytes");
                assert_eq!(header.DataUsed as usize, len, "{size} bytes");
                assert!(
                    frame[len..].iter().all(|byte| *byte == 0xA5),
                    "nothing is written behind the picture"
                );
            } else {
                assert_eq!(completion.status, Status(STATUS_INVALID_BUFFER_SIZE), "{size} bytes");
                assert!(frame.iter().all(|byte| *byte == 0xA5), "{size} bytes: nothing is written");
            }
        }
        set_state(&pin, State::Stop);
        drop((pin, place));
        drop(link);
        stand.end();
    }
}

/// A client writes: whole pictures arrive bit-exact at the reader; a short or overlong one is refused with
/// STATUS_INVALID_BUFFER_SIZE and nobody sees it.
#[test]
fn short_and_overlong_writes() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        let len = wanted.frame_len();
        let input = stand.input();
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("the sink pin");
        set_state(&sink, State::Run);
        let (place, pin) = capture(&stand, &wanted, State::Run);
        let mut newest: Option<ksrig::client::Request> = None;
        let sizes = [len, len - 1, len, len + 1, len, 1, len, len + 100, len, 0, len];
        for (number, used) in sizes.into_iter().enumerate() {
            let read = pin.submit_read(Packet::with_frame_info(&[len]));
            let picture: Vec<u8> = (0..used).map(|at| (at * 7 + number * 31) as u8).collect();
            // Room behind the picture, so that not even the buffer's end stops what is overlong.
            let mut frame = picture.clone();
            frame.resize(len + 100, 0xA5);
            let mut packet = Packet::from_frame(&frame);
            packet.used(0, used as u32);
            let write = sink.submit_write(packet);
            if used == len {
                let seen = done(read.wait());
                assert!(seen.packet.data(0) == picture, "picture {number}");
                // The newest picture stays in the writer's buffer, and comes back with the next one.
                assert!(!write.is_done(), "picture {number}");
                if let Some(last) = newest.replace(write) {
                    assert_eq!(last.wait().status, Status::SUCCESS, "picture before {number}");
                }
            } else {
                let status = if used == 0 { Status::SUCCESS } else { Status(STATUS_INVALID_BUFFER_SIZE) };
                assert_eq!(write.wait().status, status, "{used} bytes");
                assert!(read.wait_for(wanted.interval * 3).is_err(), "{used} bytes: nobody sees a picture");
            }
        }
        set_state(&sink, State::Stop);
        set_state(&pin, State::Stop);
        drop((pin, place));
        drop((sink, input));
        stand.end();
    }
}

/// Requests that wait when the pin stops or is reset come back with STATUS_CANCELLED, once and all; in STOP none is
/// taken (R5.12, R5.13, R5.15).
#[test]
fn stop_and_reset_bring_requests_back() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        let read = |pin: &Pin| pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
        let (place, pin) = capture(&stand, &wanted, State::Run);
        // Once before counting: the first picture starts threads of the rig.
        done(read(&pin).wait());
        set_state(&pin, State::Acquire);
        let alive = stand.alive();
        let waiting: Vec<_> = (0..5).map(|_| read(&pin)).collect();
        set_state(&pin, State::Stop);
        for request in waiting {
            assert_eq!(request.wait().status, Status(STATUS_CANCELLED));
        }
        assert_eq!(read(&pin).wait().status, Status(STATUS_DEVICE_NOT_READY), "in STOP");
        set_state(&pin, State::Pause);
        let waiting: Vec<_> = (0..5).map(|_| read(&pin)).collect();
        pin.reset(Reset::Begin).expect("reset");
        for request in waiting {
            assert_eq!(request.wait().status, Status(STATUS_CANCELLED));
        }
        assert_eq!(read(&pin).wait().status, Status(STATUS_DEVICE_NOT_READY), "while it is reset");
        pin.reset(Reset::End).expect("end of the reset");
        let one = read(&pin);
        assert!(!one.is_done());
        one.cancel();
        assert_eq!(one.wait().status, Status(STATUS_CANCELLED), "by the client's own wish");
        set_state(&pin, State::Run);
        done(read(&pin).wait());
        set_state(&pin, State::Stop);
        set_state(&pin, State::Acquire);
        assert_eq!(stand.alive(), alive);
        drop((pin, place));
        stand.end();
    }
}

/// A handle that is closed with requests on their way: they come back, nothing is left.
#[test]
fn close_with_requests_on_their_way() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        for state in [State::Acquire, State::Pause, State::Run] {
            let (place, pin) = capture(&stand, &wanted, state);
            let waiting: Vec<_> =
                (0..5).map(|_| pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]))).collect();
            pin.close();
            for request in waiting {
                let status = request.wait().status;
                assert!([Status(STATUS_CANCELLED), Status::SUCCESS].contains(&status), "{status}");
            }
            drop(place);
        }
        stand.end();
    }
}

/// The writer is an application that keeps several buffers on their way, at its own rate.
#[test]
fn application_as_writer() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video("yuy2:32x32@60");
        let input = stand.input();
        let sink = input.create(&input.format(&wanted).expect("the format")).expect("the sink pin");
        set_state(&sink, State::Run);
        let (place, pin) = capture(&stand, &wanted, State::Run);
        let mut writer = Writer::new(&sink, "writer", wanted.interval, 4);
        for number in 0..100_u32 {
            let frame: Vec<u8> = (0..wanted.frame_len()).map(|at| (at as u32 * 3 + number) as u8).collect();
            let read = pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
            writer.write(&frame).unwrap_or_else(|error| panic!("{error}"));
            assert!(done(read.wait()).packet.data(0) == frame, "picture {number}");
        }
        set_state(&sink, State::Stop);
        drop(writer);
        set_state(&pin, State::Stop);
        drop((pin, place));
        drop((sink, input));
        stand.end();
    }
}

/// A pair that is connected cannot be fed by a client at the same time, and a stopped pair starts again.
#[test]
fn stop_and_start_again() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        let link = stand.connect(FORMAT);
        let (place, pin) = capture(&stand, &wanted, State::Run);
        for _ in 0..5 {
            link.set_state(State::Run);
            let write = link.sink.submit_write(Packet::from_frame(&vec![0; wanted.frame_len()]));
            assert_eq!(write.wait().status, Status(STATUS_INVALID_DEVICE_REQUEST));
            let like = picture::format(&wanted);
            for _ in 0..3 {
                let read = pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
                let frame = done(read.wait()).packet;
                let number = picture::number(like, frame.data(0)).expect("an untorn picture");
                assert!(frame.data(0) == picture::bars(like, number), "picture {number}");
            }
            link.set_state(State::Stop);
        }
        set_state(&pin, State::Stop);
        drop((pin, place));
        let Link { source, sink, filters } = link;
        drop((source, sink, filters));
        stand.end();
    }
}
