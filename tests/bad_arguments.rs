//! The command with files and names that make no sense: a message that says what is wrong and what there is, exit
//! code 1 or 2, never a panic, and no output that looks like a result.

use std::fs;

use loopcam_tests::{
    images,
    movie::{self, Folder},
};

/// Runs the command; it has to fail with every one of these words.
fn refused(arguments: &[&str], words: &[&str]) {
    let output = movie::ksrig(env!("CARGO_BIN_EXE_ksrig-under-test"), arguments);
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!([Some(1), Some(2)].contains(&output.status.code()), "{arguments:?}: {:?}: {text}", output.status);
    assert!(!text.contains("panicked"), "{arguments:?}: {text}");
    for word in words {
        assert!(text.to_lowercase().contains(&word.to_lowercase()), "{arguments:?}: no {word:?} in: {text}");
    }
}

fn loopcam() -> String {
    images::loopcam()[0].to_str().expect("a path in UTF-8").to_owned()
}

/// y4m files that are none, are damaged, or are of a kind or size that the driver does not have.
#[test]
fn y4m_files() {
    let folder = Folder::new("y4m");
    let (input, output) = (folder.file("in.y4m"), folder.file("out.y4m"));
    let frame = |len: usize| [b"FRAME\n".to_vec(), vec![0x80; len]].concat();
    let file = |header: &str, frames: &[u8]| [header.as_bytes(), b"\n", frames].concat();
    let good = frame(16 * 16 * 3 / 2);
    for (bytes, words) in [
        (Vec::new(), ["YUV4MPEG2"].as_slice()),
        (b"RIFF....AVI LIST".to_vec(), &["YUV4MPEG2"]),
        (file("YUV4MPEG2", &good), &["y4m", "field"]),
        (file("YUV4MPEG2 W16 F30:1", &good), &["y4m", "H"]),
        (file("YUV4MPEG2 Wabc H16 F30:1", &good), &["W", "abc"]),
        (file("YUV4MPEG2 W-16 H16 F30:1", &good), &["W"]),
        (file("YUV4MPEG2 W16 H16 F0:0", &good), &["F"]),
        (file("YUV4MPEG2 W15 H16 F30:1", &good), &["15x16"]),
        (file("YUV4MPEG2 W0 H0 F30:1", &good), &["0x0"]),
        (file("YUV4MPEG2 W99999999 H99999999 F30:1", &good), &["99999999"]),
        (file("YUV4MPEG2 W16 H16 F30:1 C444", &good), &["444"]),
        (file("YUV4MPEG2 W16 H16 F30:1 C420p10", &good), &["420p10"]),
        (file("YUV4MPEG2 W16 H16 F30:1", b""), &["no frames"]),
        (file("YUV4MPEG2 W16 H16 F30:1", &good[..100]), &["frame 0"]),
        (file("YUV4MPEG2 W16 H16 F30:1", &[&good[..], &good[..200]].concat()), &["frame 1"]),
        (file("YUV4MPEG2 W16 H16 F30:1", &[&good[..], b"FRAMES?"].concat()), &["frame 1"]),
        (file("YUV4MPEG2 W16 H16 F30:1", &[&good[..], b"garbage\n"].concat()), &["frame 1"]),
        // Right as files, but no format of the driver.
        (file("YUV4MPEG2 W14 H16 F30:1", &frame(14 * 16 * 3 / 2)), &["14x16", "NV12"]),
        (file("YUV4MPEG2 W3842 H16 F30:1", &frame(3842 * 16 * 3 / 2)), &["3842x16", "NV12"]),
        (file("YUV4MPEG2 W16 H16 F1000:1", &good), &["1000 fps"]),
    ] {
        fs::write(&input, &bytes).expect("the file");
        let path = |path: &std::path::Path| path.to_str().expect("a path in UTF-8").to_owned();
        refused(&["capture", &loopcam(), "--input", &path(&input), "--output", &path(&output)], words);
    }
    let missing = folder.file("none.y4m");
    let arguments =
        ["capture", &loopcam(), "--input", missing.to_str().expect("a path in UTF-8"), "--output", "x"];
    refused(&arguments, &["none.y4m"]);
    let nowhere = folder.file("no/such/folder.y4m");
    let arguments =
        ["capture", &loopcam(), "--frames", "1", "--output", nowhere.to_str().expect("a path in UTF-8")];
    refused(&arguments, &["folder.y4m"]);
}

/// Filters, pins and formats that are not there: the message lists those that are.
#[test]
fn unknown_names() {
    let image = loopcam();
    let folder = Folder::new("names");
    let output = folder.file("out.y4m");
    let output = output.to_str().expect("a path in UTF-8");
    refused(&["connect", &image, "--from", "9/0", "--to", "0/1"], &["no filter \"9\"", "0 ("]);
    refused(&["connect", &image, "--from", "Nobody/0", "--to", "0/1"], &["no filter \"Nobody\""]);
    refused(&["connect", &image, "--from", "1/7", "--to", "0/1"], &["no pin \"7\""]);
    refused(&["connect", &image, "--from", "1/0", "--to", "0/Outlet"], &["no pin \"Outlet\"", "1 ("]);
    refused(&["connect", &image, "--from", "1", "--to", "0/1"], &["FILTER/PIN"]);
    refused(
        &["connect", &image, "--from", "1/0", "--to", "0/1", "--format", "nv12:15x15@30"],
        &["15x15", "NV12"],
    );
    refused(&["connect", &image, "--from", "1/0", "--to", "0/1", "--format", "rgb:64x64@30"], &["rgb"]);
    let rgb = ["capture", &image, "--frames", "1", "--format", "rgb24:64x48@30", "--output", output];
    refused(&rgb, &["y4m", "RGB24"]);
    refused(&["connect", &image, "--from", "1/0", "--to", "0/1", "--format", "nv12"], &["nv12:1280x720@30"]);
    refused(&["connect", &image, "--from", "0/1", "--to", "1/0"], &["STATUS_INVALID_PARAMETER"]);
    refused(
        &["capture", &image, "--source", "0/1", "--frames", "1", "--output", output],
        &["STATUS_INVALID_DEVICE_REQUEST"],
    );
    refused(&["connect", "no-such-driver.sys", "--from", "1/0", "--to", "0/1"], &["no-such-driver.sys"]);
    refused(&["connect", "/etc/passwd", "--from", "1/0", "--to", "0/1"], &["not a 64-bit Windows image"]);
    refused(&["no-such-command"], &["no-such-command"]);
}
