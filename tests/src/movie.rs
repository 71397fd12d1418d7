//! Real video, made and decoded by ffmpeg.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

/// A directory of one test, gone when it is over.
pub struct Folder(PathBuf);

impl Folder {
    /// An empty directory.
    ///
    /// # Panics
    /// When the system does not give one.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("loopcam-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    /// A path in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// How long a command may take.
const LIMIT: Duration = Duration::from_secs(240);

/// Runs a command.
///
/// # Panics
/// When it cannot be started, or does not end.
pub fn run(command: &mut Command) -> Output {
    let program = command.get_program().to_owned();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{program:?}: {error}"));
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let begun = Instant::now();
    let mut late = false;
    let status = loop {
        if let Some(status) = child.try_wait().expect("the state of a child") {
            break status;
        }
        if begun.elapsed() > LIMIT && !late {
            late = true;
            child.kill().expect("an end");
        }
        thread::sleep(Duration::from_millis(5));
    };
    let output = Output {
        status,
        stdout: stdout.join().expect("its output"),
        stderr: stderr.join().expect("its messages"),
    };
    assert!(!late, "{program:?} ran for {LIMIT:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Reads all of a pipe, so that the command never waits for a reader.
fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&mut bytes).expect("what a command says");
        }
        bytes
    })
}

/// Runs ffmpeg.
///
/// # Panics
/// When it is missing or fails.
pub fn ffmpeg(arguments: &[&str]) {
    let output = run(Command::new("ffmpeg").args(["-nostdin", "-y", "-v", "error"]).args(arguments));
    assert!(output.status.success(), "ffmpeg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A y4m file with so many frames of one of ffmpeg's sources.
pub fn make(path: &Path, source: &str, pixels: &str, frames: u32) {
    let path = path.to_str().expect("a path in UTF-8");
    ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        source,
        "-frames:v",
        &frames.to_string(),
        "-pix_fmt",
        pixels,
        "-strict",
        "-1",
        path,
    ]);
}

/// The frames of a y4m file, without headers: what `cmp` has to find equal.
///
/// # Panics
/// When the file is damaged.
pub fn payload(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let line = |from: usize| from + bytes[from..].iter().position(|byte| *byte == b'\n').expect("a line") + 1;
    let first = line(0);
    let header = String::from_utf8_lossy(&bytes[..first]).into_owned();
    let field = |key: char| {
        let words = header.split_whitespace().skip(1);
        words.filter_map(|word| word.strip_prefix(key)).next().unwrap_or("420jpeg").to_owned()
    };
    let size = |key| field(key).parse::<usize>().expect("a size");
    let luma = size('W') * size('H');
    let len = if field('C').starts_with("422") { luma * 2 } else { luma * 3 / 2 };
    let mut frames = Vec::new();
    let mut at = first;
    while at < bytes.len() {
        assert!(bytes[at..].starts_with(b"FRAME"), "{}: no frame at {at}", path.display());
        let start = line(at);
        frames.push(bytes[start..start + len].to_vec());
        at = start + len;
    }
    frames
}

/// The rig that runs for long: an optimised one, which KSRIG names, or the one built beside the test, as for [`ksrig()`].
pub fn rig(program: &str) -> String {
    std::env::var("KSRIG").unwrap_or_else(|_| program.to_owned())
}

/// The `ksrig` command: `program` is `env!("CARGO_BIN_EXE_ksrig-under-test")`.
pub fn ksrig(program: &str, arguments: &[&str]) -> Output {
    run(Command::new(program).args(arguments))
}
