//! Another program of the user's: a process that can be killed.

use std::cell::RefCell;

use ks_compliance::client::Streaming;
use ks_compliance::system::{self, Job};

use super::system::Caller;
use super::{Status, sys};
use crate::nt::thread::{Process, as_other};
use crate::nt::{handle, sched};

/// A process with handles of its own, in the address space of the user's program. Dropped, it ends as any process that
/// is killed: its requests are cancelled and waited for, then its handles are closed. There is one at a time.
#[derive(Default)]
pub struct Program {
    streaming: RefCell<Vec<Streaming>>,
}

impl system::Program for Program {
    fn stream(&self, job: &Job) -> Result<usize, Status> {
        let streaming = as_other(|| Streaming::begin(&Caller, job))?;
        let pin = streaming.pin;
        self.streaming.borrow_mut().push(streaming);
        Ok(pin)
    }

    fn give(&self, handle: usize) -> Result<usize, Status> {
        sys::duplicate(Process::User, handle, Process::Other)
    }

    fn take(&self, handle: usize) -> Result<usize, Status> {
        sys::duplicate(Process::Other, handle, Process::User)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        as_other(|| {
            let streaming = self.streaming.take();
            streaming.iter().for_each(Streaming::cancel);
            drop(streaming);
        });
        handle::close_all(Process::Other);
        sched::settle();
    }
}
