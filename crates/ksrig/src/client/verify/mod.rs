//! Verifying a driver: scenarios on fresh machines, as they are, with calls that fail, in all schedules, and with threads
//! that run free.
//!
//! ```no_run
//! use ksrig::client::{Rig, scenario, verify::{Subject, faults::Sweep, schedules}};
//!
//! let subject = Subject::new(Rig::builder(), &["driver.sys".into()])?;
//! for scenario in scenario::SCENARIOS {
//!     assert!(subject.run(scenario, &Default::default()).findings.is_empty());
//! }
//! # Ok::<(), ksrig::client::Error>(())
//! ```

pub mod faults;
mod run;
pub mod schedules;
mod stress;
mod subject;

pub use run::{Outcome, Run};
pub use stress::Stressed;
pub use subject::Subject;
