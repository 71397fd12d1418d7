//! Formats: every one from every one, rows with padding, colours, and what is refused.

use ks_sys::*;
use ksrig::{
    client::{Format, Pixels, Range, State, Status, Video, bytes},
    ks::Options,
};
use loopcam_tests::{
    images, picture,
    stand::{CAMERA, CAPTURE, INPUT, Stand, builder, done, set_state, video},
    studio::{CONTROL, FILL, HEAD, Shape, assert_shows, noise, packet},
};
use video::{Encoding, Matrix};

const SECOND: u64 = 10_000_000;
const RATES: [f64; 5] = [5., 15., 24., 30., 60.];

/// The formats that a pin advertises, each with another of the rates.
fn advertised(ranges: &[Range]) -> Vec<Shape> {
    let formats = ranges.iter().enumerate().map(|(index, range)| {
        let format = range.default_format().expect("a video range");
        let is_second = is_equal_guid(&range.head().Specifier, &KSDATAFORMAT_SPECIFIER_VIDEOINFO2);
        let video = Video::new(format.pixels, format.width, format.height, RATES[index % RATES.len()]);
        Shape { control: is_second.then_some(0), ..Shape::of(video) }
    });
    formats.collect()
}

/// What the pins advertise: four pixel formats in nine sizes, described in both ways; each of them in itself is what an
/// intersection answers.
#[test]
fn ranges() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        for place in [stand.capture(), stand.input(), stand.output()] {
            let ranges = &place.pin.ranges;
            assert_eq!(ranges.len(), 72);
            for pixels in Pixels::ALL {
                let sizes = |second: bool| {
                    let specifier = if second {
                        KSDATAFORMAT_SPECIFIER_VIDEOINFO2
                    } else {
                        KSDATAFORMAT_SPECIFIER_VIDEOINFO
                    };
                    let ours = ranges.iter().filter(|range| {
                        range.pixels() == Some(pixels) && is_equal_guid(&range.head().Specifier, &specifier)
                    });
                    let format = |range: &Range| range.default_format().expect("a video range");
                    ours.map(format).map(|format| (format.width, format.height)).collect::<Vec<_>>()
                };
                assert_eq!(sizes(false), sizes(true), "{pixels}");
                for size in [(160, 120), (320, 240), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)] {
                    assert!(sizes(false).contains(&size), "{pixels} {size:?}");
                }
            }
            for range in ranges {
                let wish = range.default_format().expect("a video range");
                let answer = place.filter.intersect(place.pin.id, range).expect("an answer");
                assert_eq!(answer.video(), Some(wish));
                let (head, bitmap) = (answer.head().expect("a head"), answer.bitmap().expect("a bitmap"));
                assert!(is_equal_guid(&head.Specifier, &range.head().Specifier));
                assert_eq!((head.SampleSize, bitmap.biSizeImage), (wish.frame_len() as u32, head.SampleSize));
            }
        }
        stand.end();
    }
}

/// Every advertised format of the writer to every advertised format of a reader, each at one of the rates: byte by byte
/// what crate `video` makes of it, which its own tests compare with swscale; a plain copy where formats are equal.
fn everything(image: &std::path::Path, pixels: Pixels) {
    let stand = Stand::built(image, builder().trace(false));
    let shapes = advertised(&stand.capture().pin.ranges);
    // Each format in one of its two descriptions; which one is the chance of its place.
    let kinds = shapes.len() / 2;
    let chosen = |turn: usize| {
        let shapes = shapes.iter().enumerate();
        shapes
            .filter(move |(index, _)| (index / kinds + index + turn).is_multiple_of(2))
            .map(|(_, shape)| shape)
    };
    let writers = chosen(0).filter(|shape| shape.video.pixels == pixels).enumerate();
    let (even, odd): (Vec<_>, Vec<_>) = writers.partition(|(number, _)| number.is_multiple_of(2));
    for (turn, writers) in [even, odd].into_iter().enumerate() {
        // Half of them: a camera has no place for all at once.
        let readers: Vec<_> = chosen(turn).map(|shape| (shape, stand.reader(shape, State::Run))).collect();
        for (number, from) in writers {
            // No reader has a picture less than that ago.
            stand.rig.sleep(SECOND);
            let frame = noise(from.len(), number as u32);
            let writer = stand.writer(from);
            let reads: Vec<_> = readers.iter().map(|(to, reader)| (*to, reader.read(to.len()))).collect();
            let write = writer.write(&frame);
            for (to, read) in reads {
                let what = format!("{} as {}", from.video, to.video);
                let (from, to) = (from.looks(None), to.looks(None));
                let expected =
                    if from == to { frame.clone() } else { picture::converted_over(FILL, from, &frame, to) };
                assert_shows(read.wait(), to, &expected, &what);
            }
            set_state(&writer.pin, State::Stop);
            assert_eq!(write.wait().status, Status::SUCCESS);
        }
    }
    stand.end();
}

/// See [`everything`].
#[test]
fn everything_from_nv12() {
    everything(&images::loopcam()[0], Pixels::NV12);
}

/// See [`everything`].
#[test]
fn everything_from_yuy2() {
    everything(&images::loopcam()[1], Pixels::YUY2);
}

/// See [`everything`].
#[test]
fn everything_from_rgb24() {
    everything(&images::loopcam()[0], Pixels::RGB24);
}

/// See [`everything`].
#[test]
fn everything_from_rgb32() {
    everything(&images::loopcam()[1], Pixels::RGB32);
}

/// Every advertised format at every rate, in both descriptions: from a writer with sixty pictures a second they come whole
/// and at that rate.
fn every_rate(image: &std::path::Path) {
    let stand = Stand::built(image, builder().trace(false));
    let from = Shape::new("nv12:160x120@60");
    let frame = noise(from.len(), 3);
    let writer = stand.writer(&from);
    let mut last = None;
    for shape in advertised(&stand.capture().pin.ranges) {
        let expected = picture::converted_over(FILL, from.looks(None), &frame, shape.looks(None));
        for rate in RATES {
            let Video { pixels, width, height, .. } = shape.video;
            let to = Shape { video: Video::new(pixels, width, height, rate), ..shape };
            let what = to.video.to_string();
            let reader = stand.reader(&to, State::Run);
            let reads = [0, 1, 2].map(|_| reader.read(to.len()));
            while reads.iter().any(|read| !read.is_done()) {
                drop(last.replace(writer.write(&frame)));
                stand.rig.sleep(from.video.interval);
            }
            let times = reads.map(|read| {
                let completion = read.wait();
                let header = completion.packet.header(0);
                assert_eq!(header.Duration, to.video.interval as i64, "{what}");
                assert_shows(completion, to.looks(None), &expected, &what);
                header.PresentationTime.Time
            });
            // The first may have been there before the reader.
            let apart = (times[2] - times[1]).abs_diff(to.video.interval as i64);
            assert!(apart < from.video.interval, "{what}: {times:?}");
            set_state(&reader.pin, State::Stop);
        }
    }
    set_state(&writer.pin, State::Stop);
    drop((last, writer));
    stand.end();
}

/// See [`every_rate`].
#[test]
fn every_rate_default() {
    every_rate(&images::loopcam()[0]);
}

/// See [`every_rate`].
#[test]
fn every_rate_downlevel() {
    every_rate(&images::loopcam()[1]);
}

/// Writes one picture in one shape and reads it in another.
fn through(stand: &Stand, from: &Shape, to: &Shape, encodings: [Option<Encoding>; 2], what: &str) {
    let frame = noise(from.len(), 7);
    let reader = stand.reader(to, State::Run);
    let writer = stand.writer(from);
    let read = reader.read(to.len());
    let write = writer.write(&frame);
    let (from, to) = (from.looks(encodings[0]), to.looks(encodings[1]));
    let expected = picture::converted_over(FILL, from, &frame, to);
    assert_shows(read.wait(), to, &expected, what);
    set_state(&writer.pin, State::Stop);
    assert_eq!(write.wait().status, Status::SUCCESS);
}

/// `biWidth` beyond the width of the target rectangle: rows with padding, on both sides; RGB from the top and from the
/// bottom. What lies between the rows of the reader is not touched.
#[test]
fn padded_and_turned() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        for pixels in Pixels::ALL {
            let shapes: Vec<Shape> = [(0, false), (0, true), (2, false), (40, true)]
                .into_iter()
                .map(|(more, is_top_down)| {
                    let plain = Shape::of(Video::new(pixels, 66, 48, 30.));
                    Shape { pitch: plain.pitch + more, is_top_down, ..plain }
                })
                .collect();
            for from in &shapes {
                for to in &shapes {
                    through(&stand, from, to, [None, None], &format!("{from:?} to {to:?}"));
                }
                // Another size, other pixels.
                let small = Shape { pitch: 60, ..Shape::new("yuy2:32x32@30") };
                through(&stand, from, &small, [None, None], &format!("{from:?} to {small:?}"));
                through(&stand, &small, from, [None, None], &format!("{small:?} to {from:?}"));
            }
        }
        stand.end();
    }
}

/// The page on stride: lSurfacePitch of a frame's KS_FRAME_INFO is the stride of its buffer, whatever the format says.
#[test]
fn surface_pitch_of_a_frame() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        for pixels in Pixels::ALL {
            let shape = Shape::of(Video::new(pixels, 66, 48, 30.));
            let plain = shape.looks(None);
            let stride = plain.stride() + 36;
            let padded = plain.with_stride(stride).expect("a stride");
            let (frame, wide) = (noise(shape.len(), 1), noise(padded.image_size() as usize, 2));
            let (reader, writer) = (stand.reader(&shape, State::Run), stand.writer(&shape));
            let read = |pitch: u32, len: usize| {
                let mut packet = packet(len);
                packet.set_surface_pitch(0, pitch as i32);
                reader.pin.submit_read(packet)
            };
            // From plain rows to padded ones.
            let wait = read(stride, padded.image_size() as usize);
            let first = writer.write(&frame);
            let expected = picture::converted_over(FILL, plain, &frame, padded);
            assert_shows(wait.wait(), padded, &expected, &format!("{pixels}: padded"));
            // From padded rows to plain ones.
            let wait = read(0, shape.len());
            let mut packet = ksrig::client::Packet::with_frame_info(&[wide.len()]);
            packet.frame_mut(0).copy_from_slice(&wide);
            packet.used(0, wide.len() as u32);
            packet.set_surface_pitch(0, stride as i32);
            let second = writer.pin.submit_write(packet);
            let expected = picture::converted_over(FILL, padded, &wide, plain);
            assert_shows(wait.wait(), plain, &expected, &format!("{pixels}: plain"));
            assert_eq!(first.wait().status, Status::SUCCESS);
            // The placeholder.
            set_state(&writer.pin, State::Stop);
            assert_eq!(second.wait().status, Status::SUCCESS);
            let frame = done(read(stride, padded.image_size() as usize).wait()).packet;
            let number = picture::number(padded, frame.data(0)).expect("a number");
            let painted = picture::placeholder(plain, number);
            let expected = picture::converted_over(FILL, plain, &painted, padded);
            assert!(frame.data(0) == expected, "{pixels}: the placeholder in padded rows");
            // Rows that overlap, end elsewhere or go backwards; and more than there is room for.
            for (pitch, len, status) in [
                (plain.row_bytes() as i32 - 1, 1 << 20, STATUS_INVALID_PARAMETER),
                (-(stride as i32), 1 << 20, STATUS_INVALID_PARAMETER),
                (i32::MIN, 1 << 20, STATUS_INVALID_PARAMETER),
                (i32::MAX, 1 << 20, STATUS_INVALID_PARAMETER),
                (65_537, 1 << 20, STATUS_INVALID_PARAMETER),
                (stride as i32, shape.len(), STATUS_INVALID_BUFFER_SIZE),
                (stride as i32, padded.image_size() as usize - 1, STATUS_INVALID_BUFFER_SIZE),
            ] {
                let done = read(pitch as u32, len).wait();
                assert_eq!(done.status, Status(status), "{pixels}: pitch {pitch} in {len} bytes");
                assert!(
                    done.packet.frame(0).iter().all(|byte| *byte == FILL),
                    "{pixels}: nothing is written"
                );
            }
            drop((reader, writer));
        }
        stand.end();
    }
}

/// KS_VIDEOINFOHEADER2 says what luma and chroma mean; where it does not, the size does.
#[test]
fn colours() {
    // dvdmedia.h and dxva.h.
    const USED: u32 = 0x81;
    let encodings = [
        (USED | 2 << 15 | 2 << 12, Encoding::ALL[0]),
        (USED | 2 << 15 | 1 << 12, Encoding::ALL[1]),
        (USED | 1 << 15 | 2 << 12, Encoding::ALL[2]),
        (USED | 1 << 15 | 1 << 12, Encoding::ALL[3]),
        // The default range of BT.709; the matrix of the size.
        (USED | 1 << 15, Encoding::ALL[2]),
        (USED | 1 << 12, Encoding::ALL[1]),
        // Flags that are not used, or do not speak of colour.
        (1 << 15 | 1 << 12, Encoding::ALL[0]),
        (0x80 | 1 << 15, Encoding::ALL[0]),
        (0x01 | 1 << 15, Encoding::ALL[0]),
        (0, Encoding::ALL[0]),
    ];
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        for (flags, encoding) in encodings {
            let coded = Shape { control: Some(flags), ..Shape::new("nv12:64x48@30") };
            for other in ["nv12:64x48@30", "yuy2:64x48@30", "rgb32:64x48@30", "nv12:32x32@30"] {
                let other = Shape::new(other);
                let what = format!("{flags:#x} {:?}", other.video);
                through(&stand, &coded, &other, [Some(encoding), None], &what);
                through(&stand, &other, &coded, [None, Some(encoding)], &what);
            }
        }
        // Nothing said: 718 lines are BT.601, 720 are BT.709.
        for (height, matrix) in [(718, Matrix::Bt601), (720, Matrix::Bt709)] {
            let high = Shape::of(Video::new(Pixels::YUY2, 16, height, 30.));
            assert_eq!(high.looks(None).encoding().matrix, matrix);
            let rgb = Shape::of(Video::new(Pixels::RGB24, 16, height, 30.));
            through(&stand, &high, &rgb, [None, None], &format!("{height} lines"));
        }
        stand.end();
    }
}

/// A change of a format's bytes that makes it one that loopcam does not have.
type Change = fn(&mut Vec<u8>);

/// Formats that are wrong in one place are refused with STATUS_NO_MATCH, for a new pin and for one that streams; and
/// nothing changes.
#[test]
fn wrong_formats() {
    fn put(bytes: &mut [u8], at: usize, value: u32) {
        bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    fn bitmap(bytes: &mut [u8], change: impl FnOnce(&mut KS_BITMAPINFOHEADER)) {
        let format = Format(bytes.to_vec());
        let mut bitmap = format.bitmap().expect("a bitmap");
        change(&mut bitmap);
        bytes::write(&mut bytes[format.bitmap_at().expect("a place")..], &bitmap);
    }
    let both: [(&str, Change); 20] = [
        ("SampleSize", |b| put(b, 8, 7)),
        ("rcSource cut off", |b| put(b, HEAD + 8, 32)),
        ("rcTarget cut off at the bottom", |b| put(b, HEAD + 28, 40)),
        ("rcTarget moved", |b| put(b, HEAD + 16, 2)),
        ("rcTarget backwards", |b| put(b, HEAD + 24, (-64_i32).cast_unsigned())),
        ("rcTarget wider than the rows", |b| put(b, HEAD + 24, 68)),
        ("AvgTimePerFrame", |b| put(b, HEAD + 40, 1)),
        ("AvgTimePerFrame of a minute", |b| put(b, HEAD + 40, 600_000_000)),
        ("biSize", |b| bitmap(b, |bitmap| bitmap.biSize = 39)),
        ("biWidth 0", |b| bitmap(b, |bitmap| bitmap.biWidth = 0)),
        ("biWidth negative", |b| bitmap(b, |bitmap| bitmap.biWidth = -64)),
        ("biWidth beyond every stride", |b| bitmap(b, |bitmap| bitmap.biWidth = 65_538)),
        ("biWidth huge", |b| bitmap(b, |bitmap| bitmap.biWidth = i32::MAX)),
        ("biHeight 0", |b| bitmap(b, |bitmap| bitmap.biHeight = 0)),
        ("biHeight of the other end", |b| bitmap(b, |bitmap| bitmap.biHeight = i32::MIN)),
        ("biPlanes", |b| bitmap(b, |bitmap| bitmap.biPlanes = 2)),
        ("biBitCount", |b| bitmap(b, |bitmap| bitmap.biBitCount = 1)),
        ("biCompression", |b| bitmap(b, |bitmap| bitmap.biCompression = 3)),
        ("biSizeImage", |b| bitmap(b, |bitmap| bitmap.biSizeImage -= 1)),
        ("biSizeImage larger", |b| bitmap(b, |bitmap| bitmap.biSizeImage += 64)),
    ];
    let second: [(&str, Change); 6] = [
        ("interlaced", |b| put(b, HEAD + 48, 1)),
        ("copy protection", |b| put(b, HEAD + 52, 1)),
        ("reserved", |b| put(b, HEAD + CONTROL + 4, 1)),
        ("SMPTE 240M", |b| put(b, HEAD + CONTROL, 0x81 | 3 << 15)),
        ("range from 48 to 208", |b| put(b, HEAD + CONTROL, 0x81 | 3 << 12)),
        ("the size of the other header", |b| {
            put(b, 0, 152);
            b.truncate(152);
        }),
    ];
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        for text in ["nv12:64x48@30", "yuy2:64x48@30", "rgb24:66x48@30", "rgb32:64x48@30"] {
            for control in [None, Some(0)] {
                let shape = Shape { control, ..Shape::new(text) };
                let good = shape.format();
                let (reader, writer) = (stand.reader(&shape, State::Run), stand.writer(&shape));
                let filter = stand.filter(CAMERA);
                let alive = stand.alive();
                let more: &[(&str, Change)] = if control.is_some() { &second } else { &[] };
                for (what, change) in both.iter().chain(more) {
                    let mut wrong = good.clone();
                    change(&mut wrong.0);
                    let what = format!("{text} {control:?}: {what}");
                    for pin in [CAPTURE, INPUT] {
                        let made = filter.create_pin(pin, &wrong).map(drop);
                        assert_eq!(made, Err(Status(STATUS_NO_MATCH)), "{what}: pin {pin}");
                    }
                    for pin in [&reader, &writer] {
                        assert_eq!(pin.set_format(&wrong), Status(STATUS_NO_MATCH), "{what}");
                        assert_eq!(pin.format(), good, "{what}: the format in force");
                    }
                }
                assert_eq!(stand.alive(), alive, "{text}");
                // The stream goes on.
                let read = reader.read(shape.len());
                let frame = noise(shape.len(), 3);
                let write = writer.write(&frame);
                let looks = shape.looks(None);
                assert_shows(read.wait(), looks, &picture::converted_over(FILL, looks, &frame, looks), text);
                set_state(&writer.pin, State::Stop);
                assert_eq!(write.wait().status, Status::SUCCESS);
                drop((reader, writer, filter));
            }
        }
        stand.end();
    }
}

/// What is left open may stay open: no interval, no sample size, no rectangles, no image size of RGB.
#[test]
fn formats_that_leave_something_open() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        let filter = stand.filter(CAMERA);
        for text in ["nv12:64x48@30", "rgb24:66x48@30"] {
            for control in [None, Some(0)] {
                let mut format = Shape { control, ..Shape::new(text) }.format();
                format.0[8..12].fill(0);
                format.0[HEAD..HEAD + 48].fill(0);
                if text.starts_with("rgb") {
                    let at = format.bitmap_at().expect("a place");
                    format.0[at + 20..at + 24].fill(0);
                }
                filter
                    .create_pin(CAPTURE, &format)
                    .map(drop)
                    .unwrap_or_else(|status| panic!("{text}: {status}"));
            }
        }
        drop(filter);
        stand.end();
    }
}

/// A range that says nothing about pictures gets what the writer writes, with its pixels if those are open too; without a
/// writer, the camera's first.
#[test]
fn intersection_follows_the_writer() {
    /// A KSDATARANGE without anything behind it.
    fn open(stand: &Stand, subtype: GUID, specifier: GUID) -> Format {
        let head = bytes::FormatHead {
            FormatSize: HEAD as u32,
            MajorFormat: KSDATAFORMAT_TYPE_VIDEO,
            SubFormat: subtype,
            Specifier: specifier,
            ..bytes::zeroed()
        };
        let filter = stand.filter(CAMERA);
        filter.intersect(CAPTURE, &Range(bytes::of(&head).to_vec())).expect("an answer")
    }
    let (first, second) = (KSDATAFORMAT_SPECIFIER_VIDEOINFO, KSDATAFORMAT_SPECIFIER_VIDEOINFO2);
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        let usual = Some(video("nv12:640x480@30"));
        assert_eq!(open(&stand, GUID_NULL, GUID_NULL).video(), usual);
        let shape = Shape { is_top_down: true, pitch: 80, ..Shape::new("rgb32:76x42@25") };
        let writer = stand.writer(&shape);
        for specifier in [first, second, GUID_NULL] {
            let answer = open(&stand, GUID_NULL, specifier);
            assert_eq!(answer.video(), Some(shape.video));
            let bitmap = answer.bitmap().expect("a bitmap");
            assert_eq!((bitmap.biWidth, bitmap.biHeight), (76, -42), "without padding, from the top");
            let answer = open(&stand, Pixels::YUY2.subtype(), specifier);
            assert_eq!(answer.video(), Some(video("yuy2:76x42@25")));
        }
        drop(writer);
        assert_eq!(open(&stand, GUID_NULL, GUID_NULL).video(), usual);
        // An encoding that does not go with the size is said, as far as it can be.
        let coded = Shape { control: Some(0x81 | 1 << 15 | 1 << 12), ..Shape::new("yuy2:64x48@30") };
        let writer = stand.writer(&coded);
        let answer = open(&stand, GUID_NULL, second);
        assert_eq!(answer.0[HEAD + CONTROL..][..4], (0x81 | 1_u32 << 15 | 1 << 12).to_le_bytes());
        assert_eq!(open(&stand, GUID_NULL, first).video(), Some(coded.video));
        let answer = open(&stand, Pixels::NV12.subtype(), second);
        assert_eq!(answer.0[HEAD + CONTROL..][..4], [0; 4], "what is converted has the usual encoding");
        drop(writer);
        stand.end();
    }
}
