//! What clients ask about formats before they set one.

use ks_sys::*;
use ksrig::{
    client::{Filter, Format, Range, Status, property},
    ks::Options,
};
use loopcam_tests::{
    images,
    stand::{CAMERA, CAPTURE, INPUT, OUTPUT, Stand, TEST_SOURCE},
    studio::{CONTROL, HEAD, Shape},
};

fn of_pin(id: KSPROPERTY_PIN::Type, verb: u32, pin: u32) -> Vec<u8> {
    property::request(KSPROPSETID_Pin, id as u32, verb, &[pin.to_le_bytes(), [0; 4]].concat())
}

/// KSPROPERTY_PIN_PROPOSEDATAFORMAT.
fn propose(filter: &Filter, pin: u32, format: &[u8]) -> Status {
    let request = of_pin(KSPROPERTY_PIN::KSPROPERTY_PIN_PROPOSEDATAFORMAT, property::SET, pin);
    filter.property(&request, format.to_vec()).status
}

/// Formats that loopcam has, and some that it has not.
fn proposals() -> Vec<(Format, bool)> {
    let shape = Shape::new("yuy2:64x48@30");
    let second = Shape { control: Some(0x81 | 1 << 15), ..shape };
    let mut list: Vec<(Format, bool)> =
        [shape, second, Shape { pitch: 80, ..shape }, Shape::new("rgb24:66x48@5")]
            .into_iter()
            .map(|shape| (shape.format(), true))
            .collect();
    for (at, value) in
        [(8, 7_u32), (16, 1), (32, 1), (48, 1), (HEAD + 40, 1), (HEAD + CONTROL, 0x81 | 3 << 15)]
    {
        let mut wrong = second.format();
        wrong.0[at..at + 4].copy_from_slice(&value.to_le_bytes());
        list.push((wrong, false));
    }
    list
}

/// The pages: SUCCESS if a pin can be made with the format, or set to it, STATUS_NO_MATCH if not; which is what happens
/// then. Nothing is changed by asking.
#[test]
fn proposed_formats() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        for (filter, pin) in [(CAMERA, CAPTURE), (CAMERA, INPUT), (TEST_SOURCE, OUTPUT)] {
            let filter = stand.filter(filter);
            let first = Shape::new("nv12:32x32@30").format();
            let made = filter.create_pin(pin, &first).expect("a pin");
            let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_PROPOSEDATAFORMAT as u32;
            let request = property::request(KSPROPSETID_Connection, id, property::SET, &[]);
            let current = property::request(
                KSPROPSETID_Connection,
                KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32,
                property::GET,
                &[],
            );
            let alive = stand.alive();
            for (format, is_ours) in proposals() {
                let expected = if is_ours { Status::SUCCESS } else { Status(STATUS_NO_MATCH) };
                assert_eq!(propose(&filter, pin, &format.0), expected, "pin {pin}: {format}");
                assert_eq!(made.property(&request, format.0.clone()).status, expected, "pin {pin}: {format}");
                let now = property::get_sized(made.handle(), &current).expect("the format");
                assert_eq!(now, first.0, "pin {pin}: nothing changes");
            }
            assert_eq!(stand.alive(), alive);
            drop(made);
            for (format, is_ours) in proposals() {
                assert_eq!(filter.create_pin(pin, &format).is_ok(), is_ours, "pin {pin}: {format}");
            }
            // Sizes that lie, and a pin that is none.
            let good = proposals().remove(0).0.0;
            for (size, len) in
                [(63_u32, good.len()), (0, 64), (u32::MAX, good.len()), (153, 152), (152, 3), (64, 0)]
            {
                let mut wrong = good.clone();
                wrong[..4].copy_from_slice(&size.to_le_bytes());
                wrong.truncate(len);
                assert_eq!(
                    propose(&filter, pin, &wrong),
                    Status(STATUS_INVALID_BUFFER_SIZE),
                    "{size} in {len}"
                );
            }
            for nobody in [2, 17, u32::MAX] {
                assert_eq!(propose(&filter, nobody, &good), Status(STATUS_INVALID_PARAMETER), "pin {nobody}");
            }
            drop(filter);
        }
        stand.end();
    }
}

/// While somebody writes, what *Capture* is given without conversion is the writer's format, in both descriptions; without
/// a writer, and for other pins, nothing is constrained.
#[test]
fn constrained_ranges() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        let constrained = |filter: &str, pin: u32| {
            let request = of_pin(KSPROPERTY_PIN::KSPROPERTY_PIN_CONSTRAINEDDATARANGES, property::GET, pin);
            property::get_sized(stand.filter(filter).handle(), &request)
        };
        let nothing = Err(Status(STATUS_NOT_FOUND));
        for (filter, pin) in [(CAMERA, CAPTURE), (CAMERA, INPUT), (TEST_SOURCE, OUTPUT)] {
            assert_eq!(constrained(filter, pin), nothing);
        }
        assert_eq!(constrained(CAMERA, 2), Err(Status(STATUS_INVALID_PARAMETER)));
        for text in ["nv12:1280x720@30", "rgb24:66x48@5", "yuy2:3840x2160@60"] {
            let shape = Shape { pitch: Shape::new(text).video.width + 32, ..Shape::new(text) };
            let writer = stand.writer(&shape);
            let ranges = Range::list(&constrained(CAMERA, CAPTURE).expect("ranges"));
            assert_eq!(ranges.len(), 2);
            for (range, specifier) in
                ranges.iter().zip([KSDATAFORMAT_SPECIFIER_VIDEOINFO, KSDATAFORMAT_SPECIFIER_VIDEOINFO2])
            {
                assert!(is_equal_guid(&range.head().Specifier, &specifier));
                assert_eq!(range.default_format(), Some(shape.video));
                let caps = range.video().expect("pictures").caps;
                let size = |size: SIZE| (size.cx as u32, size.cy as u32);
                let expected = (shape.video.width, shape.video.height);
                assert_eq!((size(caps.MinOutputSize), size(caps.MaxOutputSize)), (expected, expected));
                assert_eq!(caps.MinFrameInterval, caps.MaxFrameInterval);
                // Between the members of KS_VIDEO_STREAM_CONFIG_CAPS there is nobody's old memory.
                assert_eq!(range.0[80 + 100..80 + 104], [0; 4]);
                let place = stand.capture();
                let format = place.filter.intersect(CAPTURE, range).expect("a format");
                assert_eq!(format.video(), Some(shape.video));
            }
            assert_eq!(constrained(CAMERA, INPUT), nothing);
            drop(writer);
            assert_eq!(constrained(CAMERA, CAPTURE), nothing);
        }
        stand.end();
    }
}
