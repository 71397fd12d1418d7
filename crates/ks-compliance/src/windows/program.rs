//! Another program: this one, started once more, which takes jobs from its standard input as JSON, a line each.

use std::{
    cell::RefCell,
    env,
    io::{BufRead as _, BufReader, Write as _},
    os::windows::io::AsRawHandle as _,
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
};

use ks_sys::{NTSTATUS, STATUS_UNSUCCESSFUL};
use windows_sys::Win32::{Foundation::HANDLE, System::Threading::GetCurrentProcess};

use super::{Handles, duplicate};
use crate::{
    client::Streaming,
    system::{Job, Program},
    wire::Status,
};

/// The process of another program. Killed on drop.
pub struct Other {
    child: RefCell<Child>,
    answers: RefCell<BufReader<ChildStdout>>,
}

/// Starts it.
pub fn start() -> Result<Other, Status> {
    let failed = |_| Status(STATUS_UNSUCCESSFUL);
    let mut command = Command::new(env::current_exe().map_err(failed)?);
    let command = command.arg("--program").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let answers = child.stdout.take().ok_or(Status(STATUS_UNSUCCESSFUL))?;
    Ok(Other { child: RefCell::new(child), answers: RefCell::new(BufReader::new(answers)) })
}

/// What the other program does: jobs, until its input ends or it is killed.
pub fn serve() -> ExitCode {
    let (handles, mut streaming) = (Handles::default(), Vec::new());
    for line in std::io::stdin().lock().lines() {
        let Ok(job) = line.and_then(|line| serde_json::from_str::<Job>(&line).map_err(Into::into)) else {
            break;
        };
        let answer: Result<usize, NTSTATUS> = match Streaming::begin(&handles, &job) {
            Ok(begun) => {
                let pin = begun.pin;
                streaming.push(begun);
                Ok(pin)
            }
            Err(status) => Err(status.0),
        };
        let Ok(answer) = serde_json::to_string(&answer) else { break };
        println!("{answer}");
    }
    ExitCode::SUCCESS
}

impl Other {
    fn process(&self) -> HANDLE {
        self.child.borrow().as_raw_handle()
    }

    fn ask(&self, job: &Job) -> std::io::Result<Result<usize, NTSTATUS>> {
        let mut child = self.child.borrow_mut();
        let input = child.stdin.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        writeln!(input, "{}", serde_json::to_string(job)?)?;
        input.flush()?;
        let mut line = String::new();
        self.answers.borrow_mut().read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }
}

impl Program for Other {
    fn stream(&self, job: &Job) -> Result<usize, Status> {
        self.ask(job).map_err(|_| Status(STATUS_UNSUCCESSFUL))?.map_err(Status)
    }

    fn give(&self, handle: usize) -> Result<usize, Status> {
        // SAFETY: a constant that means this process.
        duplicate(unsafe { GetCurrentProcess() }, handle, self.process())
    }

    fn take(&self, handle: usize) -> Result<usize, Status> {
        // SAFETY: as above.
        duplicate(self.process(), handle, unsafe { GetCurrentProcess() })
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let mut child = self.child.borrow_mut();
        // TerminateProcess; the wait ends when the last of its handles is closed.
        let _ = child.kill();
        let _ = child.wait();
    }
}
