//! The file is the same, byte for byte, as a resource compiler's.

use std::{fs, path::Path, process::Command};

use version_resource::{VFT_DRV, VFT2_DRV_SYSTEM, VOS_NT_WINDOWS32, VersionInfo};

/// LLVM's, which `cargo xtask setup` installs.
const COMPILER: &str = "/usr/lib/llvm-22/bin/llvm-rc";

fn compiled(version: [u16; 4], strings: &[(&str, &str)]) -> Vec<u8> {
    let numbers = version.map(|number| number.to_string()).join(",");
    let values: String =
        strings.iter().map(|(name, text)| format!("VALUE L\"{name}\", L\"{text}\"\n")).collect();
    let source = format!(
        "LANGUAGE 9, 1\n1 VERSIONINFO FILEVERSION {numbers} PRODUCTVERSION {numbers} FILEFLAGSMASK 0x3f FILEFLAGS 0 \
         FILEOS {VOS_NT_WINDOWS32} FILETYPE {VFT_DRV} FILESUBTYPE {VFT2_DRV_SYSTEM}\nBEGIN\n\
         BLOCK \"StringFileInfo\"\nBEGIN\nBLOCK \"040904b0\"\nBEGIN\n{values}END\nEND\n\
         BLOCK \"VarFileInfo\"\nBEGIN\nVALUE \"Translation\", 0x409, 0x4b0\nEND\nEND\n"
    );
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join("version.rc"), source).expect("the script is written");
    // Names without a folder: an absolute path may look like an option (`/c...`, `/l...`).
    let status = Command::new(COMPILER)
        .current_dir(folder)
        .args(["/no-preprocess", "/c", "65001", "/fo", "version.res", "version.rc"])
        .status()
        .unwrap_or_else(|error| panic!("{COMPILER}: {error}; `cargo xtask setup` installs it"));
    assert!(status.success(), "{status}");
    fs::read(folder.join("version.res")).expect("the compiled resource")
}

#[test]
fn same_bytes_as_llvm_rc() {
    let examples: [&[(&str, &str)]; 4] = [
        &[("FileDescription", "An example")],
        &[("CompanyName", "A"), ("FileVersion", "1.2.3.0"), ("OriginalFilename", "example.sys")],
        &[("Comments", "")],
        &[("LegalCopyright", "© 2026 Müller, 東京")],
    ];
    for strings in examples {
        for version in [[0, 1, 0, 0], [10, 65535, 19041, 4]] {
            let written = VersionInfo { version, strings }.to_res().expect("fits");
            assert_eq!(written, compiled(version, strings), "{version:?} {strings:?}");
        }
    }
}
