//! ARM64: nothing newer than ARMv8.0, of which Windows 10's first machines are.
//!
//! LLVM itself tells: its disassembler, limited to that, does not know what is newer.

use std::{
    fmt::Write as _,
    io::Write as _,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use super::Fault;
use crate::{image::parse::Image, toolchain};

/// What is told of good code.
pub const GOOD: &str = "nothing newer than ARMv8.0";

/// Decodes functions.
pub fn faults(image: &Image, functions: &[(u32, u32)]) -> Result<Vec<Fault>> {
    let mut places = Vec::new();
    let mut words = String::new();
    for &(begin, end) in functions {
        ensure!(begin % 4 == 0 && end % 4 == 0, "{} is not made of whole instructions", image.place(begin));
        for at in (begin..end).step_by(4) {
            let word = image.bytes(at, 4)?;
            writeln!(words, "0x{:02x} 0x{:02x} 0x{:02x} 0x{:02x}", word[0], word[1], word[2], word[3])?;
            places.push((at, u32::from_le_bytes([word[0], word[1], word[2], word[3]])));
        }
    }
    let unknown = unknown(&words)?.into_iter().map(|line| {
        let &(at, word) = places.get(line).context("a line that was not asked for")?;
        Ok((at, format!("{word:08x} is no instruction of ARMv8.0")))
    });
    unknown.collect()
}

/// The lines that are no instructions.
fn unknown(words: &str) -> Result<Vec<usize>> {
    let mut command = Command::new(toolchain::llvm("llvm-mc"));
    command.args(["--disassemble", "--triple=aarch64-pc-windows-msvc", "--mattr=+v8a"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start llvm-mc: `cargo xtask setup` installs it")?;
    let mut input = child.stdin.take().context("llvm-mc takes no input")?;
    // It reads everything before it says anything.
    input.write_all(words.as_bytes()).context("llvm-mc does not read")?;
    drop(input);
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "llvm-mc failed ({}): {text}", output.status);
    // `<stdin>:3:1: warning: invalid instruction encoding`
    let complaints = text.lines().filter_map(|line| line.strip_prefix("<stdin>:"));
    complaints
        .map(|line| {
            let number = line.split(':').next().and_then(|number| number.parse::<usize>().ok());
            ensure!(line.contains("invalid instruction encoding"), "llvm-mc: {line}");
            number.and_then(|number| number.checked_sub(1)).context("llvm-mc names no line")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn what_is_newer_is_unknown() {
        // ret; fadd d0, d0, d1; brk #0xf003; ldaxr x0, [x1]
        let old = "0xc0 0x03 0x5f 0xd6\n0x00 0x28 0x61 0x1e\n0x60 0x00 0x3e 0xd4\n0x20 0xfc 0x5f 0xc8\n";
        assert_eq!(unknown(old).unwrap(), [0; 0]);
        // ldadd w1, w0, [x1] is of ARMv8.1; ret; ptrue p0.b is of SVE; ones are nothing at all
        let new = "0x20 0x00 0x21 0xb8\n0xc0 0x03 0x5f 0xd6\n0xe0 0xe3 0x18 0x25\n0xff 0xff 0xff 0xff\n";
        assert_eq!(unknown(new).unwrap(), [0, 2, 3]);
    }
}
