//! Files that are no driver for this rig: each is refused with a message that says why, before anything of it runs.

use std::{fs, path::Path};

use ksrig::{
    client::Error,
    nt::pnp,
    pe::{LoadError, Machine},
};
use loopcam_tests::{
    images,
    movie::{self, Folder},
    stand::{Alive, builder},
};

/// Offset of the PE signature.
fn pe(image: &[u8]) -> usize {
    u32::from_le_bytes(image[0x3C..0x40].try_into().expect("four bytes")) as usize
}

/// An image with one 16-bit field of its headers changed.
fn with_field(image: &[u8], offset: usize, value: u16) -> Vec<u8> {
    let at = pe(image) + offset;
    let mut image = image.to_vec();
    image[at..at + 2].copy_from_slice(&value.to_le_bytes());
    image
}

/// Loads a file into a fresh rig; its error. The rig is as before and loads a good driver afterwards.
fn refused(path: &Path) -> LoadError {
    let rig = builder().build();
    let alive = || Alive::now(&rig);
    let before = alive();
    let error = match rig.load(path) {
        Err(Error::Load { reason: pnp::Error::Image(error), .. }) => error,
        Err(error) => panic!("{}: another error: {error}", path.display()),
        Ok(_) => panic!("{} was loaded", path.display()),
    };
    assert_eq!(alive(), before, "nothing stays");
    assert!(rig.filters().is_empty() && rig.violations().is_empty());
    let good = rig.load(&images::loopcam()[0]).unwrap_or_else(|error| panic!("{error}"));
    assert!(good.unload().is_empty());
    error
}

/// The same for bytes.
fn refused_bytes(name: &str, bytes: &[u8]) -> LoadError {
    let folder = Folder::new(&format!("image-{name}"));
    let path = folder.file(&format!("{name}.sys"));
    fs::write(&path, bytes).expect("the file");
    refused(&path)
}

fn loopcam() -> Vec<u8> {
    fs::read(&images::loopcam()[0]).expect("loopcam.sys")
}

/// Text, nothing at all, and an old MS-DOS program.
#[test]
fn not_a_pe() {
    for (name, bytes) in [("text", &b"YUV4MPEG2 W16 H16"[..]), ("empty", b"")] {
        let error = refused_bytes(name, bytes);
        assert!(matches!(error, LoadError::NotPe(_)), "{name}: {error}");
    }
    // Where a PE header's offset would stand it has other bytes.
    let error = refused_bytes("dos", &[b'M', b'Z'].repeat(200));
    assert!(matches!(error, LoadError::Truncated(_)), "{error}");
    let mut image = loopcam();
    let at = pe(&image);
    image[at] = b'Q';
    assert!(matches!(refused_bytes("signature", &image), LoadError::NotPe(_)));
}

/// A file that ends too early, anywhere.
#[test]
fn truncated() {
    let image = loopcam();
    for len in [0x40, pe(&image) + 3, pe(&image) + 5, pe(&image) + 25, pe(&image) + 100] {
        let error = refused_bytes("truncated", &image[..len]);
        assert!(matches!(error, LoadError::Truncated(_)), "{len} bytes: {error}");
    }
    // The headers are whole: it is the checksum that sees that something is missing.
    for len in [0x400, image.len() / 2, image.len() - 1] {
        let error = refused_bytes("truncated", &image[..len]);
        assert!(matches!(error, LoadError::BadChecksum { .. }), "{len} bytes: {error}");
    }
}

/// Images for other processors.
#[test]
fn other_processors() {
    for (machine, name, expected) in [
        (0x014C, "x86", Machine::X86),
        (0xAA64, "arm64", Machine::Arm64),
        (0x01C4, "arm", Machine::Arm),
        (0x0200, "itanium", Machine::Other(0x0200)),
    ] {
        match refused_bytes(name, &with_field(&loopcam(), 4, machine)) {
            LoadError::WrongMachine(found) => assert_eq!(found, expected),
            error => panic!("{name}: {error}"),
        }
    }
}

/// One bit of the code is wrong: the checksum says so, wherever it is.
#[test]
fn corrupted() {
    let image = loopcam();
    for at in [0x400, image.len() / 2, image.len() - 1] {
        let mut image = image.clone();
        image[at] ^= 0x10;
        let error = refused_bytes("corrupted", &image);
        assert!(
            matches!(error, LoadError::BadChecksum { stored, computed } if stored != computed),
            "{at:#x}: {error}"
        );
    }
}

/// A program is no driver.
#[test]
fn not_native() {
    const WINDOWS_GUI: u16 = 2;
    let error = refused_bytes("program", &with_field(&loopcam(), 24 + 68, WINDOWS_GUI));
    assert!(matches!(error, LoadError::NotNative(WINDOWS_GUI)), "{error}");
}

/// The image with the checksum that it has to have.
fn with_checksum(mut image: Vec<u8>) -> Vec<u8> {
    let at = pe(&image) + 24 + 64;
    if let LoadError::BadChecksum { computed, .. } = refused_bytes("checksum", &image) {
        image[at..at + 4].copy_from_slice(&computed.to_le_bytes());
    }
    image
}

/// An image that Driver Verifier's code integrity checks stop at is refused, and is a finding with Windows' number: a section
/// that can be written and executed, sections that share pages. (devtest/code-integrity-checking)
#[test]
fn no_code_integrity() {
    const WRITE: u32 = 0x8000_0000;
    let good = loopcam();
    let at = pe(&good);
    let optional = usize::from(u16::from_le_bytes([good[at + 20], good[at + 21]]));
    let characteristics = at + 24 + optional + 36;
    let mut writable = good.clone();
    let old = u32::from_le_bytes(writable[characteristics..][..4].try_into().expect("four bytes"));
    writable[characteristics..][..4].copy_from_slice(&(old | WRITE).to_le_bytes());
    let unaligned = with_field(&good, 24 + 32, 0x200);
    for (name, image, parameter) in [("writable", writable, 0x2003), ("unaligned", unaligned, 0x2004)] {
        let image = with_checksum(image);
        let error = refused_bytes(name, &image);
        assert_eq!(error.integrity(), Some(parameter), "{error}");
        let folder = Folder::new(&format!("verified-{name}"));
        let (path, json) = (folder.file("bad.sys"), folder.file("verdict.json"));
        fs::write(&path, image).expect("the file");
        let [path, file] = [&path, &json].map(|path| path.display().to_string());
        let done = movie::ksrig(env!("CARGO_BIN_EXE_ksrig-under-test"), &["verify", &path, "--json", &file]);
        assert_eq!(done.status.code(), Some(1));
        let verdict: serde_json::Value =
            serde_json::from_slice(&fs::read(&json).expect("the verdict")).expect("JSON");
        let findings = verdict["findings"].as_array().expect("findings");
        assert_eq!(findings.len(), 1, "{findings:#?}");
        assert_eq!(findings[0]["rule"], "CodeIntegrity");
        assert_eq!(findings[0]["bug_check"], serde_json::json!([0xC4, parameter]));
    }
}

/// An import that nobody provides is named.
#[test]
fn missing_import() {
    match refused(&images::raw("missing-import")) {
        LoadError::MissingImport(missing) => {
            let names: Vec<_> =
                missing.iter().map(|missing| format!("{}!{}", missing.dll, missing.name)).collect();
            assert_eq!(names, ["ks.sys!KsPinHandshake"]);
        }
        error => panic!("{error}"),
    }
}

/// No such file, and a directory.
#[test]
fn no_file() {
    for path in [images::root().join("no-such.sys"), images::root().to_owned()] {
        assert!(matches!(refused(&path), LoadError::Read { .. }), "{}", path.display());
    }
}
