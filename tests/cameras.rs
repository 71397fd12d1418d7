//! Several cameras: added, named and removed while the device runs, each with a writer and readers of its own; kept over
//! restarts.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ks_sys::*;
use ksrig::{
    client::{Filter, Packet, Pin, State, Status, bytes, connect, graph::Place, stream::Writer},
    nt::sched,
};
use loopcam_api::{ADD, MAX_CAMERAS, NAME_ROOM, REMOVE, RENAME, WRITER_LIVE, WRITER_NONE};
use loopcam_tests::{
    images,
    own::{self, camera, cameras, manage, status},
    picture,
    scarcity::one_by_one,
    stand::{
        CAMERA, CAPTURE, INPUT, MANAGER, OUTPUT, Stand, TEST_SOURCE, builder, done, format, set_state, video,
    },
};

const FORMAT: &str = "nv12:64x48@30";
const KEY: &str =
    "\\Registry\\Machine\\System\\CurrentControlSet\\Enum\\ROOT\\LOOPCAM\\0000\\Device Parameters";

fn add(manager: &Filter, number: u32, name: &str) -> Status {
    manage(manager, ADD, &camera(number, name).to_bytes())
}

fn rename(manager: &Filter, number: u32, name: &str) -> Status {
    manage(manager, RENAME, &camera(number, name).to_bytes())
}

fn remove(manager: &Filter, number: u32) -> Status {
    manage(manager, REMOVE, &number.to_le_bytes())
}

/// The reference string of a camera's interfaces.
fn reference(number: u32) -> String {
    ksrig::client::guid::text(&guid(loopcam_api::REFERENCE + u128::from(number)))
}

/// What programs find among the cameras: reference strings and names.
fn found(stand: &Stand) -> Vec<(String, String)> {
    let category = |category| {
        let filters = stand.rig.filters_of(&category).into_iter();
        filters.map(|filter| (filter.reference, filter.name)).collect::<Vec<_>>()
    };
    let all = category(KSCATEGORY_VIDEO_CAMERA);
    assert_eq!((&category(KSCATEGORY_CAPTURE), &category(KSCATEGORY_VIDEO)), (&all, &all));
    all
}

fn names(list: &[(u32, &str)]) -> Vec<(u32, String)> {
    list.iter().map(|&(number, name)| (number, name.to_owned())).collect()
}

/// A pin of an own client, in RUN.
fn running(place: Place) -> (Place, Pin) {
    let pin = place.create(&place.format(&video(FORMAT)).expect("the format")).expect("the pin");
    set_state(&pin, State::Run);
    (place, pin)
}

fn packet() -> Packet {
    Packet::with_frame_info(&[video(FORMAT).frame_len()])
}

/// A camera that is added is found by the name it was given, and has a writer and readers of its own: what is written to
/// the one is not seen at the other.
#[test]
fn added_cameras_are_cameras() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        let before = found(&stand);
        assert_eq!(cameras(&manager).len(), 1);
        assert_eq!(add(&manager, 7, "Zweite ☺"), Status::SUCCESS);
        assert_eq!(cameras(&manager)[1..], names(&[(7, "Zweite ☺")]));
        assert_eq!(found(&stand)[before.len()..], [(reference(7), "Zweite ☺".to_owned())]);
        let own = status(&stand.filter(&reference(7)));
        assert_eq!(own, loopcam_api::Status::default(), "nothing of it is another's");

        let like = picture::format(&video(FORMAT));
        let both = [CAMERA.to_owned(), reference(7)];
        let inputs = both.each_ref().map(|name| running(stand.place(name, INPUT)));
        let captures = both.each_ref().map(|name| running(stand.place(name, CAPTURE)));
        let mut writers =
            inputs.each_ref().map(|(_, pin)| Writer::new(pin, "writer", video(FORMAT).interval, 1));
        for number in 1..=5 {
            let reads = captures.each_ref().map(|(_, pin)| pin.submit_read(packet()));
            for (writer, offset) in writers.iter_mut().zip([0, 100]) {
                writer.write(&picture::bars(like, number + offset)).expect("it is written");
            }
            for (read, offset) in reads.into_iter().zip([0, 100]) {
                let read = done(read.wait());
                assert!(read.packet.data(0) == picture::bars(like, number + offset), "{number} of {offset}");
            }
        }
        drop(writers);
        let state = |name: &str| {
            let status = status(&stand.filter(name));
            (status.writer, status.readers, status.running)
        };
        assert_eq!(both.each_ref().map(|name| state(name)), [(WRITER_LIVE, 1, 1); 2]);
        let [(_, pin), _] = &inputs;
        set_state(pin, State::Stop);
        assert_eq!(both.each_ref().map(|name| state(name).0), [WRITER_NONE, WRITER_LIVE]);
        drop((inputs, captures));
        assert_eq!(remove(&manager, 7), Status::SUCCESS);
        assert_eq!(found(&stand), before);
        drop(manager);
        stand.end();
    }
}

/// A source in the kernel is connected to the Input of an added camera as to the first's.
#[test]
fn sources_are_connected_to_added_cameras() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        assert_eq!(add(&manager, 1, "Second"), Status::SUCCESS);
        let (second, source) = (stand.filter(&reference(1)), stand.filter(TEST_SOURCE));
        let sink = second.create_pin(INPUT, &format(FORMAT)).expect("the sink");
        let source_pin = source.connect(OUTPUT, &format(FORMAT), &sink).expect("the connection");
        set_state(&sink, State::Run);
        set_state(&source_pin, State::Run);
        let (place, reader) = running(stand.place(&reference(1), CAPTURE));
        let like = picture::format(&video(FORMAT));
        for _ in 0..3 {
            let read = done(reader.submit_read(packet()).wait());
            let number = picture::number(like, read.packet.data(0)).expect("a stamp");
            assert!(read.packet.data(0) == picture::bars(like, number));
        }
        // The camera goes while all of that runs.
        let pending = reader.submit_read(packet());
        assert_eq!(remove(&manager, 1), Status::SUCCESS);
        stand.rig.sleep(10 * video(FORMAT).interval);
        let pending = pending.wait();
        assert!([Status::SUCCESS, Status(STATUS_DEVICE_REMOVED)].contains(&pending.status));
        assert_eq!(reader.submit_read(packet()).wait().status, Status(STATUS_DEVICE_REMOVED));
        set_state(&source_pin, State::Stop);
        set_state(&sink, State::Stop);
        drop((reader, place, source_pin, sink, source, second, manager));
        stand.end();
    }
}

/// Who has a camera open that is removed is refused everything that has to do with pictures, and may close it when it likes;
/// a new camera of the same number is another. Nothing of the old one is left then.
#[test]
fn removal_while_streaming() {
    const REMOVED: Status = Status(STATUS_DEVICE_REMOVED);
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        let before = (found(&stand), stand.alive());
        assert_eq!(add(&manager, 15, "Doomed"), Status::SUCCESS);
        let name = reference(15);
        let idle = stand.filter(&name);
        let event = own::changes(&idle);
        let (input, writer) = running(stand.place(&name, INPUT));
        let readers = [0; 4].map(|_| running(stand.place(&name, CAPTURE)));
        let like = picture::format(&video(FORMAT));
        let reads = readers.each_ref().map(|(_, pin)| [0; 3].map(|_| pin.submit_read(packet())));
        let write = |number| writer.submit_write(Packet::from_frame(&picture::bars(like, number)));
        let place = stand.place(&name, CAPTURE);
        let paused = place.create(&place.format(&video(FORMAT)).expect("the format")).expect("the pin");
        set_state(&paused, State::Pause);
        let waiting = paused.submit_read(packet());
        let first = write(1);
        stand.rig.settle();
        assert_eq!(remove(&manager, 15), Status::SUCCESS);
        stand.rig.settle();
        assert!(event.is_set(), "who waits for changes is told");
        assert_eq!(found(&stand), before.0);
        assert!(stand.rig.open_filter(&stand.rig.filter(CAMERA).expect("the first")).is_ok());
        for [first, second, third] in reads {
            let first = done(first.wait());
            assert!(first.packet.data(0) == picture::bars(like, 1));
            assert_eq!([second.wait().status, third.wait().status], [REMOVED; 2]);
        }
        assert_eq!(done(first.wait()).status, Status::SUCCESS);
        assert_eq!(write(2).wait().status, REMOVED);
        assert_eq!(readers[0].1.submit_read(packet()).wait().status, REMOVED);
        assert_eq!(paused.set_state(State::Run), Err(REMOVED));
        set_state(&paused, State::Stop);
        assert_eq!(waiting.wait().status, Status(STATUS_CANCELLED));
        drop((paused, place));
        for pin in [CAPTURE, INPUT] {
            assert_eq!(idle.create_pin(pin, &format(FORMAT)).err(), Some(REMOVED));
        }
        assert_eq!((status(&idle).writer, status(&idle).readers), (1, 4), "it is told truly what is open");

        // Another camera of that number, while the old one is still open.
        assert_eq!(add(&manager, 15, "New"), Status::SUCCESS);
        let (place, reader) = running(stand.place(&name, CAPTURE));
        stand.rig.sleep(2 * video(FORMAT).interval);
        done(reader.submit_read(packet()).wait());
        assert_eq!(status(&stand.filter(&name)).readers, 1);
        assert_eq!(remove(&manager, 15), Status::SUCCESS);
        drop((reader, place));

        for (place, pin) in readers {
            set_state(&pin, State::Stop);
            drop((pin, place));
        }
        set_state(&writer, State::Stop);
        event.disable().expect("it was enabled");
        drop((writer, input, idle));
        assert_eq!((found(&stand), stand.alive()), before);
        drop(manager);
        stand.end();
    }
}

/// Numbers that there cannot be, that are taken or not there, names that are none and values that are too short: refused,
/// and nothing is changed.
#[test]
fn refusals() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        let event = own::changes(&manager);
        assert_eq!(add(&manager, 2, "Two"), Status::SUCCESS);
        assert!(event.is_set());
        let before = (cameras(&manager), found(&stand), stand.alive());
        for number in [MAX_CAMERAS, MAX_CAMERAS + 1, u32::MAX, 1 << 31] {
            assert_eq!(add(&manager, number, "X"), Status(STATUS_INVALID_PARAMETER), "{number}");
        }
        for number in [0, 2] {
            assert_eq!(add(&manager, number, "X"), Status(STATUS_OBJECT_NAME_COLLISION), "{number}");
        }
        for number in [1, 3, MAX_CAMERAS, u32::MAX] {
            assert_eq!(rename(&manager, number, "X"), Status(STATUS_NOT_FOUND), "{number}");
            assert_eq!(remove(&manager, number), Status(STATUS_NOT_FOUND), "{number}");
        }
        assert_eq!(remove(&manager, 0), Status(STATUS_INVALID_PARAMETER), "the first stays");
        let endless = loopcam_api::Camera { number: 3, name: [0x41; NAME_ROOM] }.to_bytes();
        for bad in
            [camera(3, "").to_bytes(), camera(3, "a\nb").to_bytes(), camera(3, "\u{85}").to_bytes(), endless]
        {
            assert_eq!(manage(&manager, ADD, &bad), Status(STATUS_INVALID_PARAMETER));
        }
        assert_eq!(rename(&manager, 2, ""), Status(STATUS_INVALID_PARAMETER));
        let whole = camera(3, "Three").to_bytes();
        for short in [0, 1, 4, 8, whole.len() - 1] {
            for id in [ADD, RENAME] {
                assert_eq!(manage(&manager, id, &whole[..short]), Status(STATUS_BUFFER_TOO_SMALL));
            }
        }
        for short in 0..4 {
            assert_eq!(manage(&manager, REMOVE, &[2, 0, 0, 0][..short]), Status(STATUS_BUFFER_TOO_SMALL));
        }
        assert_eq!((cameras(&manager), found(&stand), stand.alive()), before);
        assert!(!event.is_set(), "nothing has changed");
        // The longest name there is.
        let long = "x".repeat(NAME_ROOM - 1);
        assert_eq!(add(&manager, 3, &long), Status::SUCCESS);
        assert_eq!(cameras(&manager)[2], (3, long));
        event.disable().expect("it was enabled");
        drop(manager);
        stand.end();
    }
}

/// A device that has been stopped, or pulled out, takes no changes from who still has the manager open (R1.8, R1.15).
#[test]
fn a_device_that_is_gone_takes_no_cameras() {
    const NOT_READY: Status = Status(STATUS_DEVICE_NOT_READY);
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        assert_eq!(add(&manager, 2, "Two"), Status::SUCCESS);
        stand.driver().stop().expect("STOP_DEVICE");
        assert_eq!(add(&manager, 3, "Three"), NOT_READY);
        stand.driver().start().expect("START_DEVICE");
        stand.rig.settle();
        assert_eq!(add(&manager, 3, "Three"), Status::SUCCESS);
        stand.driver().pull_out();
        let before = cameras(&manager);
        assert_eq!(
            (add(&manager, 4, "Four"), rename(&manager, 2, "2"), remove(&manager, 2)),
            (NOT_READY, NOT_READY, NOT_READY)
        );
        assert_eq!(cameras(&manager), before);
        drop(manager);
        stand.rig.settle();
        assert!(stand.driver().is_gone());
        stand.end();
    }
}

/// Only who may write to the manager changes which cameras there are; who may read looks on, and is told.
#[test]
fn only_writers_manage() {
    const DENIED: Status = Status(STATUS_ACCESS_DENIED);
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let link = stand.rig.filter(MANAGER).expect("the manager").link;
        let open = |access| Filter::open_for(&link, access).expect("the filter");
        let (looker, writer) = (open(GENERIC_READ), open(GENERIC_READ | GENERIC_WRITE));
        let event = own::changes(&looker);
        assert_eq!(add(&writer, 4, "Four"), Status::SUCCESS);
        assert!(event.is_set());
        assert_eq!(
            (add(&looker, 5, "Five"), rename(&looker, 4, "5"), remove(&looker, 4)),
            (DENIED, DENIED, DENIED)
        );
        assert!(!event.is_set());
        assert_eq!(cameras(&looker), cameras(&writer));
        assert_eq!(rename(&writer, 4, "Vier"), Status::SUCCESS);
        assert!(event.is_set());
        assert_eq!(cameras(&looker)[1..], names(&[(4, "Vier")]));
        assert_eq!(found(&stand).last().expect("cameras").1, "Vier");
        assert_eq!(rename(&writer, 0, "First"), Status::SUCCESS, "the first as well");
        assert_eq!(cameras(&looker)[0], (0, "First".to_owned()));
        assert_eq!(remove(&writer, 4), Status::SUCCESS);
        assert!(event.is_set());
        event.disable().expect("it was enabled");
        // It has no pin.
        assert_eq!(writer.pin_count(), Ok(0));
        let request = [bytes::of(&connect(0, 0)), &format(FORMAT).0].concat();
        assert!(writer.create_raw(0, &request, GENERIC_READ).is_err());
        drop((looker, writer));
        stand.end();
    }
}

/// What a camera takes of the non-paged pool, as SPECIFICATION.md says.
const BYTES: usize = 2048;

/// All cameras that there can be; after the device has been stopped and started, and after it has been removed and comes
/// again, there are the same ones, with the same names. What was removed does not come back.
#[test]
fn cameras_are_kept() {
    for image in images::loopcam() {
        let mut stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        let none = stand.alive();
        for number in 1..MAX_CAMERAS {
            assert_eq!(add(&manager, number, &format!("Camera {number}")), Status::SUCCESS);
        }
        let all = stand.alive();
        let bytes = (all.pool.1 - none.pool.1) / (MAX_CAMERAS as usize - 1);
        assert!(bytes <= BYTES, "{bytes} bytes of pool for a camera");
        assert_eq!(remove(&manager, 9), Status::SUCCESS);
        assert_eq!(rename(&manager, 10, "Ten"), Status::SUCCESS);
        let (list, seen) = (cameras(&manager), found(&stand));
        assert_eq!((list.len(), seen.len()), (15, 15));
        drop(manager);

        assert_eq!(stand.driver().stop(), Ok(()));
        assert_eq!(stand.driver().start(), Ok(()));
        stand.rig.settle();
        assert_eq!(found(&stand).len(), seen.len(), "after a stop and a start");
        assert_eq!(cameras(&stand.filter(MANAGER)), list);

        stand.reload(&image);
        let again = found(&stand);
        assert_eq!(again.len(), seen.len());
        assert!(seen.iter().all(|camera| again.contains(camera)), "{again:?}");
        let manager = stand.filter(MANAGER);
        assert_eq!(cameras(&manager), list);
        let (place, pin) = running(stand.place(&reference(10), CAPTURE));
        stand.rig.sleep(2 * video(FORMAT).interval);
        done(pin.submit_read(packet()).wait());
        drop((pin, place));
        for (number, _) in &list[1..] {
            assert_eq!(remove(&manager, *number), Status::SUCCESS);
        }
        drop(manager);
        stand.reload(&image);
        assert_eq!(found(&stand).len(), 1);
        stand.end();
    }
}

/// Whatever stands in the device's key where the cameras are kept, the device starts, with those that are some.
#[test]
fn anything_in_the_registry() {
    for image in images::loopcam() {
        let mut stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        assert_eq!(add(&manager, 1, "One"), Status::SUCCESS);
        drop(manager);
        let text = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for (number, kind, data) in [
            (2, REG_DWORD, vec![1, 0, 0, 0]),
            (3, REG_SZ, vec![]),
            (4, REG_SZ, text("No zero")),
            (5, REG_SZ, text("Odd\0")[..7].to_vec()),
            (6, REG_SZ, text(&format!("{}\0", "x".repeat(64)))),
            (7, REG_SZ, text(&"x".repeat(100_000))),
            (8, REG_MULTI_SZ, text("a\0b\0\0")),
            (9, REG_SZ, text("bell \u{7}\0")),
            (16, REG_SZ, text("Seventeen\0")),
        ] {
            assert!(
                stand.rig.set_registry_value(KEY, &format!("Camera{number:02}"), kind, &data),
                "{number}"
            );
        }
        stand.reload(&image);
        let manager = stand.filter(MANAGER);
        assert_eq!(cameras(&manager)[1..], names(&[(1, "One"), (4, "No zero"), (5, "Odd")]));
        assert_eq!(remove(&manager, 1), Status::SUCCESS);
        assert_eq!(stand.rig.registry_value(KEY, "Camera01"), None);
        drop(manager);
        stand.end();
    }
}

/// Memory runs out at each allocation of the adding and the removal of a camera: it is there as a whole or not at all, also
/// after the next start, and nothing is left behind.
#[test]
fn memory_runs_out() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let manager = stand.filter(MANAGER);
        assert_eq!((add(&manager, 1, "One"), remove(&manager, 1)), (Status::SUCCESS, Status::SUCCESS));
        let before = (cameras(&manager), found(&stand), stand.alive());
        let mut refused = 0;
        one_by_one(
            |_| add(&manager, 1, "One"),
            |status| {
                refused += u32::from(!status.is_success());
                if status.is_success() {
                    assert_eq!(remove(&manager, 1), Status::SUCCESS);
                } else {
                    assert_eq!(status, Status(STATUS_INSUFFICIENT_RESOURCES));
                }
                assert_eq!(stand.rig.registry_value(KEY, "Camera01"), None);
                assert_eq!((cameras(&manager), found(&stand), stand.alive()), before);
            },
        );
        assert_eq!(add(&manager, 1, "One"), Status::SUCCESS);
        let with_one = (cameras(&manager), found(&stand), stand.alive());
        one_by_one(
            |_| remove(&manager, 1),
            |status| {
                refused += u32::from(!status.is_success());
                if status.is_success() {
                    assert_eq!((cameras(&manager), found(&stand), stand.alive()), before);
                    assert_eq!(add(&manager, 1, "One"), Status::SUCCESS);
                }
                assert_eq!((cameras(&manager), found(&stand), stand.alive()), with_one);
            },
        );
        assert!(refused > 3, "{refused}");
        drop(manager);
        stand.end();
    }
}

const MILLISECOND: u64 = 10_000;

/// Cameras come and go by the hands of several programs at once, while others open them and read: whatever happens first,
/// nothing is left behind and no rule is broken.
#[test]
fn programs_at_once() {
    for (image, seed) in images::loopcam().into_iter().flat_map(|image| [(image.clone(), 1), (image, 2)]) {
        let stand = Stand::built(&image, builder().seed(seed).preemption(3).trace(false));
        let link = stand.rig.filter(MANAGER).expect("the manager").link;
        let (before, categories) = (stand.alive(), KSCATEGORY_VIDEO_CAMERA);
        let managers = [0, 1].map(|thread| {
            let link = link.clone();
            stand.rig.spawn(&format!("manager {thread}"), move || {
                let manager = Filter::open(&link).expect("the manager");
                let mut added = 0;
                for round in 0..10 {
                    let number = 1 + (round + thread) % 3;
                    added += u32::from(add(&manager, number, "Fleeting").is_success());
                    let _ = rename(&manager, number, "Brief");
                    sched::sleep(MILLISECOND);
                    let _ = remove(&manager, 1 + round % 3);
                }
                added
            })
        });
        let over = Arc::new(AtomicBool::new(false));
        let readers = [0, 1].map(|thread| {
            let link = stand.rig.filters_of(&categories)[0].link.clone();
            let over = Arc::clone(&over);
            stand.rig.spawn(&format!("reader {thread}"), move || {
                let mut opened = 0;
                for round in 0_u32.. {
                    if over.load(Ordering::Relaxed) {
                        break;
                    }
                    sched::sleep(MILLISECOND / 7);
                    let link = link.replace(&reference(0), &reference(1 + round % 3));
                    let Ok(filter) = Filter::open(&link) else { continue };
                    let Ok(pin) = filter.create_pin(CAPTURE, &format(FORMAT)) else { continue };
                    opened += 1;
                    set_state(&pin, State::Run);
                    let read = pin.submit_read(packet());
                    let _ = pin.submit_read(packet());
                    set_state(&pin, State::Stop);
                    let _ = read.wait();
                }
                opened
            })
        });
        let added: u32 = managers.map(ksrig::nt::machine::JoinHandle::join).into_iter().sum();
        over.store(true, Ordering::Relaxed);
        let opened: u32 = readers.map(ksrig::nt::machine::JoinHandle::join).into_iter().sum();
        assert!(added > 5 && opened > 0, "{added} cameras were added, {opened} pins opened");
        let manager = stand.filter(MANAGER);
        for number in 1..4 {
            let _ = remove(&manager, number);
        }
        drop(manager);
        assert_eq!(stand.alive(), before);
        stand.end();
    }
}
