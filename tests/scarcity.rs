//! Memory runs out, at every allocation one by one: an error, never a broken rule, and nothing is left behind.

use ks_sys::STATUS_INSUFFICIENT_RESOURCES;
use ksrig::{
    client::{Error, Packet, State, Status},
    ks::Options,
    nt::pool,
};
use loopcam_tests::{
    images, picture,
    scarcity::one_by_one,
    stand::{
        Alive, CAMERA, CAPTURE, INPUT, OUTPUT, Stand, TEST_SOURCE, builder, done, format, set_state, video,
    },
};

const FORMAT: &str = "nv12:64x48@30";

fn assert_no_memory<T>(result: Result<T, Status>, what: &str) {
    if let Err(status) = result.map(drop) {
        assert_eq!(status, Status(STATUS_INSUFFICIENT_RESOURCES), "{what}");
    }
}

/// DriverEntry, AddDevice and START.
#[test]
fn load() {
    for image in images::loopcam() {
        let rig = builder().build();
        let mut failed = 0;
        let allocations = one_by_one(
            |number| match rig.load(&image) {
                Ok(driver) => assert!(driver.unload().is_empty(), "allocation {number}"),
                Err(Error::Status { status, .. }) => {
                    assert_eq!(status, Status(STATUS_INSUFFICIENT_RESOURCES), "allocation {number}");
                    failed += 1;
                }
                Err(error) => panic!("allocation {number}: {error}"),
            },
            drop,
        );
        assert!(failed > 0, "the driver allocates for its device");
        println!("{allocations} allocations, {failed} of them make the start fail");
        assert!(rig.violations().is_empty(), "{:?}", rig.violations());
        assert_eq!(pool::in_use(), (0, 0));
    }
}

/// Filters and pins of all kinds.
#[test]
fn filters_and_pins() {
    for image in images::loopcam() {
        let stand = Stand::new(&image, Options::default());
        for (filter, pins) in [(CAMERA, [CAPTURE, INPUT].as_slice()), (TEST_SOURCE, &[OUTPUT])] {
            let interface = stand.rig.filter(filter).expect("the filter");
            let alive = stand.alive();
            let allocations = one_by_one(
                |number| match stand.rig.open_filter(&interface) {
                    Err(Error::Status { status, .. }) => {
                        assert_eq!(status, Status(STATUS_INSUFFICIENT_RESOURCES), "allocation {number}");
                    }
                    other => drop(other.expect("a filter")),
                },
                drop,
            );
            assert!(allocations > 0, "opening {filter} allocates");
            assert_eq!(stand.alive(), alive, "{filter}");
            let filter = stand.filter(filter);
            let alive = stand.alive();
            for pin in pins {
                let allocations = one_by_one(
                    |number| {
                        let made = filter.create_pin(*pin, &format(FORMAT));
                        assert_no_memory(made, &format!("pin {pin}, allocation {number}"));
                        assert_eq!(stand.alive(), alive, "pin {pin}, allocation {number}");
                    },
                    drop,
                );
                assert!(allocations > 0, "pin {pin} allocates");
            }
        }
        stand.end();
    }
}

/// The way of a connected pair and a reader through all states, with pictures: after the failure everything can be
/// stopped, and started again.
#[test]
fn states_and_streams() {
    for image in images::loopcam() {
        let stand = Stand::built(&image, builder().trace(false));
        let wanted = video(FORMAT);
        let link = stand.connect(FORMAT);
        let place = stand.capture();
        let pin = place.create(&place.format(&wanted).expect("the format")).expect("the pin");
        let read = || pin.submit_read(Packet::with_frame_info(&[wanted.frame_len()]));
        let run = || {
            link.set_state(State::Run);
            set_state(&pin, State::Run);
            let picture = done(read().wait()).packet;
            assert!(picture::number(picture::format(&wanted), picture.data(0)).is_some());
            set_state(&pin, State::Stop);
            link.set_state(State::Stop);
        };
        run();
        let alive: Alive = stand.alive();
        let allocations = one_by_one(
            |number| {
                let what = format!("allocation {number}");
                let pins = [&link.sink, &link.source, &pin];
                for state in [State::Acquire, State::Pause, State::Run] {
                    for pin in pins {
                        assert_no_memory(pin.set_state(state), &what);
                    }
                }
                let reads: Vec<_> = (0..3).map(|_| read()).collect();
                stand.rig.sleep(wanted.interval * 5);
                for pin in pins.into_iter().rev() {
                    set_state(pin, State::Stop);
                }
                // Shown, refused or cancelled: but all of them come back.
                drop(reads.into_iter().map(ksrig::client::Request::wait).collect::<Vec<_>>());
                assert_eq!(stand.alive(), alive, "{what}");
            },
            drop,
        );
        assert!(allocations > 0, "a circuit allocates its frames");
        run();
        drop((pin, place));
        drop(link);
        stand.end();
    }
}
