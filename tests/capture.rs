//! Real video through the camera: `ksrig capture`, `ksrig demo`.

use std::{fs, path::Path};

use loopcam_tests::{
    images,
    movie::{self, Folder},
};

/// Sends a file through a driver; gives the captured file.
fn capture(driver: &Path, input: &Path, output: &Path) {
    let [driver, input, output] = [driver, input, output].map(|path| path.to_str().expect("a path in UTF-8"));
    let done = movie::ksrig(
        env!("CARGO_BIN_EXE_ksrig-under-test"),
        &["capture", driver, "--sink", "0/1", "--source", "0/0", "--input", input, "--output", output],
    );
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{text}");
}

/// For real video made by ffmpeg the captured pictures are those of the input, bit for bit; the files are equal; ffmpeg
/// decodes what was captured.
fn same(name: &str, source: &str, pixels: &str, frames: u32) {
    for (flavour, driver) in images::loopcam().iter().enumerate() {
        let folder = Folder::new(&format!("capture-{name}-{flavour}"));
        let (input, output) = (folder.file("in.y4m"), folder.file("out.y4m"));
        movie::make(&input, source, pixels, frames);
        capture(driver, &input, &output);
        let (sent, captured) = (movie::payload(&input), movie::payload(&output));
        assert_eq!(sent.len(), frames as usize);
        assert_eq!(captured.len(), sent.len());
        let differs = sent.iter().zip(&captured).position(|(sent, captured)| sent != captured);
        assert_eq!(differs, None, "the first picture that differs");
        let different = sent.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(
            different > frames as usize / 2,
            "the video moves: otherwise an old picture would do as well"
        );
        assert!(fs::read(&input).ok() == fs::read(&output).ok(), "the whole files, headers and all");
        movie::ffmpeg(&["-i", output.to_str().expect("a path in UTF-8"), "-f", "null", "-"]);
    }
}

/// 4:2:0, ffmpeg's moving test picture.
#[test]
fn test_picture_420() {
    same("test-420", "testsrc2=size=320x240:rate=30", "yuv420p", 120);
}

/// 4:2:2.
#[test]
fn test_picture_422() {
    same("test-422", "testsrc2=size=320x240:rate=25", "yuv422p", 120);
}

/// A few hundred frames with the grain and the detail of a natural picture.
#[test]
fn natural_video() {
    same("natural", "mandelbrot=size=352x288:rate=30,noise=alls=24:allf=t", "yuv420p", 300);
}

/// The largest and the smallest picture.
#[test]
fn extreme_sizes() {
    same("large", "testsrc2=size=1920x1080:rate=30,noise=alls=8:allf=t", "yuv420p", 8);
    same("small", "mandelbrot=size=16x16:rate=60", "yuv422p", 100);
}

/// A demo with a video leaves what the first reader got, which is the video, and the report.
#[test]
fn demo_with_input() {
    let folder = Folder::new("demo-input");
    let (input, out) = (folder.file("in.y4m"), folder.file("out"));
    movie::make(&input, "testsrc2=size=160x120:rate=30", "yuv420p", 30);
    let driver = &images::loopcam()[0];
    let [driver, input_name, out_name] =
        [driver, &input, &out].map(|path| path.to_str().expect("a path in UTF-8"));
    let done = movie::ksrig(
        env!("CARGO_BIN_EXE_ksrig-under-test"),
        &["demo", driver, "--input", input_name, "--out", out_name],
    );
    let text = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(0), "{text}");
    assert!(movie::payload(&input) == movie::payload(&out.join("capture.y4m")), "{text}");
    for file in ["report.html", "frames.png", "events.jsonl"] {
        assert!(out.join(file).metadata().is_ok_and(|file| file.len() > 0), "{file}");
    }
}
