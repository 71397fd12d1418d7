//! An environment of Python's with the verifiers in `judges.txt`, made on first use under `target/`.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use serde_json::Value;

const REQUIREMENTS: &str = include_str!("judges.txt");

/// The program that asks the verifiers, running.
pub struct Judges {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Judges {
    /// Starts it. Without a network, and without the environment from an earlier run, this fails and says so.
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trust/judges.py");
        let mut command = Command::new(environment().join("bin/python"));
        let mut child =
            command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python starts");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, answers }
    }

    /// One question, one answer.
    pub fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.child.stdin.as_ref().expect("a pipe"), "{question}").expect("the judges listen");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the judges answer");
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("the judges said `{answer}` to {question}"))
    }
}

impl Drop for Judges {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The environment's folder. Tests in other processes wait until it is complete.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(folder.join("judges.lock")).expect("a lock");
    lock.lock().expect("the lock");
    let environment = folder.join("judges");
    let complete = environment.join("complete");
    if fs::read_to_string(&complete).is_ok_and(|installed| installed == REQUIREMENTS) {
        return environment;
    }
    let requirements = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/trust/judges.txt");
    run(
        Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment),
        "Debian's package python3-venv",
    );
    run(
        Command::new(environment.join("bin/python")).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            requirements,
        ]),
        "a network, or a mirror of PyPI (PIP_INDEX_URL)",
    );
    fs::write(complete, REQUIREMENTS).expect("the mark is written");
    environment
}

fn run(command: &mut Command, needs: &str) {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; this test needs {needs}"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?} failed; this test needs {needs}.\n{text}");
}
