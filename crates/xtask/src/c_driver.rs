//! The specimens in C: drivers with `__try`, which Rust cannot write.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    house, process,
    toolchain::{self, LLVM, LLVM_ROOT, MINGW_HEADERS},
};

/// An image: its name, its source under tests/c, the macros it is compiled with.
struct Specimen {
    name: &'static str,
    source: &'static str,
    defines: &'static [&'static str],
}

const SPECIMENS: [Specimen; 7] = [
    Specimen { name: "c-seh", source: "seh.c", defines: &[] },
    Specimen { name: "c-seh-unhandled", source: "seh.c", defines: &["UNHANDLED"] },
    Specimen { name: "c-shared", source: "shared.c", defines: &[] },
    Specimen { name: "c-shared-unplayed", source: "shared.c", defines: &["UNPLAYED"] },
    Specimen { name: "c-ks", source: "ks.c", defines: &[] },
    Specimen { name: "c-ks-client", source: "ks_client.c", defines: &[] },
    Specimen { name: "c-ks-client-more", source: "ks_client.c", defines: &["MORE"] },
];

/// Builds the specimens into `folder` with the import libraries of `libraries`, if a source is newer; gives their paths.
pub fn build(folder: &Path, libraries: &Path) -> Result<Vec<PathBuf>> {
    let sources = house::root().join("tests/c");
    let newest = newest(&sources)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut images = Vec::new();
    for specimen in &SPECIMENS {
        let image = folder.join(specimen.name).with_extension("sys");
        if fs::metadata(&image).and_then(|file| file.modified()).is_ok_and(|built| built > newest) {
            images.push(image);
            continue;
        }
        let object = image.with_extension("obj");
        let mut clang = Command::new(toolchain::llvm("clang"));
        clang.args(["--target=x86_64-pc-windows-msvc", "-O2", "-g", "-gcodeview", "-ffreestanding"]);
        clang.args(["-fms-compatibility", "-fms-extensions", "-fasync-exceptions"]);
        clang.args(["-fasynchronous-unwind-tables", "-Wall", "-Werror"]);
        // mingw-w64's headers want a compiler that says it is GCC.
        clang.args(["-fgnuc-version=13.2", "-D_WIN64", "-D_AMD64_", "-DAMD64", "-D_KERNEL_MODE"]);
        clang.arg("-resource-dir").arg(format!("{LLVM_ROOT}/lib/clang/{LLVM}"));
        for include in [house::root().join("crates/ks-sys/mingw"), format!("{MINGW_HEADERS}/ddk").into()] {
            clang.arg("-isystem").arg(include);
        }
        clang.arg("-isystem").arg(MINGW_HEADERS);
        clang.args(specimen.defines.iter().map(|define| format!("-D{define}")));
        clang.arg("-c").arg(sources.join(specimen.source)).arg("-o").arg(&object);
        process::run(&mut clang)?;

        let mut link = Command::new(toolchain::llvm("lld-link"));
        link.args(["/nologo", "/subsystem:native,10.00", "/driver:wdm", "/release", "/entry:DriverEntry"]);
        link.args(["/nodefaultlib", "/debug", "/dynamicbase"]);
        link.arg(format!("/out:{}", image.display())).arg(&object);
        for library in ["ntoskrnl.lib", "hal.lib", "ks.lib"] {
            link.arg(libraries.join(library));
        }
        process::run(&mut link)?;
        println!("built    {}", house::short(&image));
        images.push(image);
    }
    Ok(images)
}

/// When the sources, or this file, were changed last.
fn newest(sources: &Path) -> Result<std::time::SystemTime> {
    let mut newest = fs::metadata(house::root().join("crates/xtask/src/c_driver.rs"))?.modified()?;
    for entry in fs::read_dir(sources).with_context(|| format!("cannot read {}", sources.display()))? {
        newest = newest.max(entry?.metadata()?.modified()?);
    }
    Ok(newest)
}
