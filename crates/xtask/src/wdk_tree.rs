//! A folder that has the shape of a WDK (`WDKContentRoot`), made of what Debian packages: mingw-w64's public headers,
//! symlinked, and import libraries generated from mingw-w64's.
//!
//! ```text
//! target/wdk/Include/10.0.26100.0/km/crt/   our own corrections, searched first: crates/ks-sys/mingw
//! target/wdk/Include/10.0.26100.0/km/*.h    mingw-w64's ddk
//! target/wdk/Include/10.0.26100.0/shared    mingw-w64's include
//! target/wdk/Lib/10.0.26100.0/km/{x64,ARM64}/*.lib  ntoskrnl, hal, wmilib, ks
//! ```

use std::{
    collections::hash_map::DefaultHasher,
    fs,
    hash::{Hash, Hasher},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{house, import_library, process, toolchain};

/// wdk-build takes the highest version in Lib/ that begins with `10.`.
const VERSION: &str = "10.0.26100.0";

/// The folder of a machine in Lib/, and dlltool's name of the machine.
const MACHINES: [(&str, &str); 2] = [("x64", "i386:x86-64"), ("ARM64", "arm64")];

/// What wdk-build links besides: the support objects of /GS, and of ARM64's compiler. Nothing that rustc emits refers
/// to them.
const EMPTY: [&str; 2] = ["BufferOverflowFastFailK.lib", "arm64rt.lib"];

/// The tree and what identifies its content.
pub struct WdkTree {
    /// For `WDKContentRoot`.
    pub root: PathBuf,
    /// Changes when the libraries change. (Cargo looks at the headers itself: bindgen reports each.)
    pub fingerprint: u64,
}

impl WdkTree {
    /// The folder of the import libraries for x64.
    pub fn libraries(&self) -> PathBuf {
        self.root.join("Lib").join(VERSION).join("km/x64")
    }
}

/// Makes the tree if it is not there or not up to date.
pub fn make() -> Result<WdkTree> {
    let root = house::root().join("target/wdk");
    let corrections = house::root().join("crates/ks-sys/mingw");
    let headers = [files(&Path::new(toolchain::MINGW_HEADERS).join("ddk"))?, files(&corrections)?].concat();
    let definitions: Vec<String> =
        import_library::ALL.iter().map(|library| library.definition()).collect::<Result<_>>()?;

    let mut hasher = DefaultHasher::new();
    // One machine speaks for all: the definitions are the same.
    (VERSION, &MACHINES[..1], &definitions).hash(&mut hasher);
    let fingerprint = hasher.finish();
    (MACHINES, EMPTY, &headers).hash(&mut hasher);
    let stamp = root.join("stamp");
    let content = format!("{:016x}\n", hasher.finish());
    if fs::read_to_string(&stamp).is_ok_and(|old| old == content) {
        return Ok(WdkTree { root, fingerprint });
    }

    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    let include = root.join("Include").join(VERSION);
    let kernel_mode = include.join("km");
    let first = kernel_mode.join("crt");
    create(&first)?;
    link(Path::new(toolchain::MINGW_HEADERS), &include.join("shared"))?;
    for header in &headers {
        let folder = if header.starts_with(&corrections) { &first } else { &kernel_mode };
        link(header, &folder.join(header.file_name().context("a header without a name")?))?;
    }
    for (folder, machine) in MACHINES {
        let libraries = root.join("Lib").join(VERSION).join("km").join(folder);
        create(&libraries)?;
        for (library, definition) in import_library::ALL.iter().zip(&definitions) {
            library.write(definition, &libraries, machine)?;
        }
        for empty in EMPTY {
            process::run(
                Command::new(toolchain::llvm("llvm-ar"))
                    .args(["--format=coff", "rcs"])
                    .arg(libraries.join(empty)),
            )?;
        }
    }
    fs::write(&stamp, content).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(WdkTree { root, fingerprint })
}

/// The files of a folder, in order.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn create(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn link(original: &Path, link: &Path) -> Result<()> {
    symlink(original, link).with_context(|| format!("cannot make {}", link.display()))
}
