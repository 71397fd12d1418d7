//! What a compiler makes of the C headers.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use crate::{images, movie};

const HEADERS: &str = "/usr/share/mingw-w64/include";
const CLANG: &str = "/usr/lib/llvm-22/bin/clang";

/// A program of 64 bits.
pub const WIDE: &str = "x86_64-w64-mingw32";
/// A program of 32 bits.
pub const NARROW: &str = "i686-w64-mingw32";
/// Both.
pub const BOTH: [&str; 2] = [WIDE, NARROW];

/// What comes in front of every source.
pub const INCLUDES: &str =
    "#include <windows.h>\n#include <ks.h>\n#include <ksmedia.h>\n#include \"loopcam.h\"\n";

/// A source that says that these expressions have these values.
pub fn assertions(equal: &[(String, u128)]) -> String {
    let mut text = format!("{INCLUDES}#include <stddef.h>\n");
    for (left, right) in equal {
        let _ = writeln!(text, "static_assert({left} == {right}ULL, \"{left}\");");
    }
    text
}

/// Compiles a file, C or C++ by its name, without any output.
///
/// # Panics
/// When the compiler says anything.
pub fn compile(target: &str, source: &Path) {
    let mut clang = Command::new(CLANG);
    clang.arg(format!("--target={target}"));
    clang.args(["-fsyntax-only", "-Wall", "-Wno-missing-braces", "-Werror", "-fms-extensions"]);
    clang.args(["-isystem", HEADERS, "-I"]).arg(images::root().join("include"));
    if source.extension().is_some_and(|extension| extension == "cpp") {
        clang.arg("-std=c++17");
    }
    let output = movie::run(clang.arg(source));
    let name = source.display();
    assert!(output.status.success(), "{target}, {name}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Each of these expressions has this value to a compiler for the target.
///
/// # Panics
/// When one has not.
pub fn assert_cpp(target: &str, equal: &[(String, u128)]) {
    let folder = movie::Folder::new(&format!("headers-{target}"));
    let source = folder.file("layout.cpp");
    fs::write(&source, assertions(equal)).expect("the source is written");
    compile(target, &source);
}
