//! A rig with loopcam on it.

use std::{io::Write as _, path::Path};

use ksrig::{
    client::{
        Builder, Completion, Driver, Error, Filter, Format, Pin, Rig, State, Status, Video, graph::Place,
    },
    ks,
    nt::{bugcheck::Stop, object::handles_and_objects, pool, violation::Violation},
};

/// The Camera filter's reference string.
pub const CAMERA: &str = "{6C1F3F5A-93A8-4E0E-8F6B-2D9C57A1E4B0}";
/// The Test Source filter's reference string.
pub const TEST_SOURCE: &str = "{B8A4D2C7-5E61-4B39-A7F0-91C3E8D5062F}";
/// The manager's reference string.
pub const MANAGER: &str = "{E90A37F6-4C8D-4B15-8172-D6C09FB35E48}";
/// The Camera's pin *Capture*.
pub const CAPTURE: u32 = 0;
/// The Camera's pin *Input*.
pub const INPUT: u32 = 1;
/// The Test Source's pin.
pub const OUTPUT: u32 = 0;

/// A rig and the driver that is loaded into it.
pub struct Stand {
    driver: Option<Driver>,
    /// The rig.
    pub rig: Rig,
}

fn panic(stop: &Stop) {
    // Past the test harness, which keeps what is printed until a test is over: one that hangs now never is.
    let _ = write!(std::io::stderr(), "{stop}");
    panic!("{stop}");
}

/// A rig on which a fatal stop is a panic.
pub fn builder() -> Builder {
    Rig::builder().on_stop(panic)
}

impl Stand {
    /// Loads an image.
    pub fn new(image: impl AsRef<Path>, options: ks::Options) -> Self {
        Self::built(image, builder().options(options))
    }

    /// Loads an image into this rig.
    ///
    /// # Panics
    /// When it is not loaded.
    pub fn built(image: impl AsRef<Path>, builder: Builder) -> Self {
        let rig = builder.build();
        let driver = rig.load(image.as_ref()).unwrap_or_else(|error| panic!("{error}"));
        Self { driver: Some(driver), rig }
    }

    /// The driver.
    ///
    /// # Panics
    /// Never: it is unloaded at the end.
    pub fn driver(&self) -> &Driver {
        self.driver.as_ref().expect("a loaded driver")
    }

    /// A pin type.
    ///
    /// # Panics
    /// When there is none.
    pub fn place(&self, filter: &str, pin: u32) -> Place {
        let name = ksrig::client::graph::PinName { filter: filter.to_owned(), pin: pin.to_string() };
        self.rig.place(&name).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The Camera's pin *Input*.
    pub fn input(&self) -> Place {
        self.place(CAMERA, INPUT)
    }

    /// The Camera's pin *Capture*, of an own instance of the filter.
    pub fn capture(&self) -> Place {
        self.place(CAMERA, CAPTURE)
    }

    /// The Test Source's pin.
    pub fn output(&self) -> Place {
        self.place(TEST_SOURCE, OUTPUT)
    }

    /// Opens a filter.
    ///
    /// # Panics
    /// When that fails.
    pub fn filter(&self, name: &str) -> Filter {
        let opened = self.rig.filter(name).and_then(|interface| self.rig.open_filter(&interface));
        opened.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Removes the device and unloads the driver; loads it again. The registry stays.
    ///
    /// # Panics
    /// When it broke a rule or left anything behind, or is not loaded again.
    pub fn reload(&mut self, image: impl AsRef<Path>) {
        self.take_down();
        assert_eq!(pool::in_use(), (0, 0), "pool after the unload: (allocations, bytes)");
        self.driver = Some(self.rig.load(image.as_ref()).unwrap_or_else(|error| panic!("{error}")));
    }

    /// What is alive at the moment.
    pub fn alive(&self) -> Alive {
        Alive::now(&self.rig)
    }

    /// Unloads the driver.
    ///
    /// # Panics
    /// When it broke a rule or left anything behind.
    pub fn end(mut self) {
        self.take_down();
        let violations = self.rig.violations();
        assert!(violations.is_empty(), "{}", list(&violations));
        assert_eq!(pool::in_use(), (0, 0), "pool after the unload: (allocations, bytes)");
    }

    /// Unloads the driver; all rules that were broken since the start.
    pub fn end_with_violations(mut self) -> Vec<Violation> {
        self.take_down();
        self.rig.violations()
    }

    fn take_down(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.unload();
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // What is wrong is known already; no second panic on the way down.
            std::mem::forget(self.driver.take());
        }
    }
}

fn list(violations: &[Violation]) -> String {
    let line = |v: &Violation| {
        format!("{} ({:#x}) {}: {}\n    {}", v.rule, v.code, v.object, v.message, v.stack.join("\n    "))
    };
    violations.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What a machine holds for its drivers and programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alive {
    /// Driver allocations: (count, bytes).
    pub pool: (usize, usize),
    /// (handles, objects).
    pub objects: (usize, usize),
    /// Memory descriptor lists.
    pub mdls: usize,
}

impl Alive {
    /// What there is, when everything that could run has run.
    pub fn now(rig: &Rig) -> Self {
        rig.settle();
        Self { pool: pool::in_use(), objects: handles_and_objects(), mdls: ksrig::nt::mdls_in_use() }
    }
}

/// The status of a failed action.
///
/// # Panics
/// When it did not fail, or not with a status.
pub fn status<T>(result: Result<T, Error>) -> Status {
    match result {
        Err(Error::Status { status, .. }) => status,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it did not fail"),
    }
}

/// A format's numbers from `nv12:640x480@30`.
///
/// # Panics
/// When the text is none.
pub fn video(text: &str) -> Video {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

/// A format from `nv12:640x480@30`.
pub fn format(text: &str) -> Format {
    video(text).into()
}

/// Moves a pin through all states to `state`.
///
/// # Panics
/// When a step fails.
pub fn set_state(pin: &Pin, state: State) {
    pin.set_state(state).unwrap_or_else(|status| panic!("set_state({state:?}): {status}"));
}

/// A connected pair of pins. The source is closed first.
pub struct Link {
    /// The source pin.
    pub source: Pin,
    /// The sink pin.
    pub sink: Pin,
    /// Their filters.
    pub filters: (Filter, Filter),
}

impl Link {
    /// Both pins to a state: upwards the sink first, downwards the source (R4.37).
    pub fn set_state(&self, state: State) {
        let up = self.sink.state().is_ok_and(|now| now < state);
        let (first, second) = if up { (&self.sink, &self.source) } else { (&self.source, &self.sink) };
        set_state(first, state);
        set_state(second, state);
    }
}

impl Stand {
    /// Connects the Test Source to the Camera's *Input*.
    ///
    /// # Panics
    /// When that fails.
    pub fn connect(&self, format: &str) -> Link {
        let format = self::format(format);
        let camera = self.filter(CAMERA);
        let test_source = self.filter(TEST_SOURCE);
        let sink = camera.create_pin(INPUT, &format).expect("the sink pin");
        let source = test_source.connect(OUTPUT, &format, &sink).expect("the source pin");
        Link { source, sink, filters: (test_source, camera) }
    }
}

/// A read or write that succeeded.
///
/// # Panics
/// When it did not.
pub fn done(completion: Completion) -> Completion {
    assert_eq!(completion.status, Status::SUCCESS);
    completion
}
