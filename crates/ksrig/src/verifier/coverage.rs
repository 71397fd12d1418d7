//! Coverage of source lines: which lines have code in an image, and of which of them some has run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use crate::pe::{blocks::Block, lines::Line};

/// The lines of one file that have code: true where some of it has run.
pub type Lines = BTreeMap<u32, bool>;

/// The lines of a driver's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// By the file's name.
    pub files: BTreeMap<String, Lines>,
}

impl Coverage {
    /// What the blocks that have run say about the lines, in files that `name` gives a name.
    pub fn new<'l>(
        lines: &'l [Line],
        blocks: &[Block],
        run: &BTreeSet<u32>,
        name: impl Fn(&'l str) -> Option<&'l str>,
    ) -> Self {
        let mut coverage = Self::default();
        for line in lines {
            let Some(name) = name(&line.file) else { continue };
            // Code of a line that lies in no block is none that was found: it counts as not run.
            let first = blocks.partition_point(|block| block.end <= line.rva);
            let of_line = blocks[first..].iter().take_while(|block| block.start < line.rva + line.len);
            let ran = of_line.into_iter().any(|block| run.contains(&block.start));
            *coverage.files.entry(name.to_owned()).or_default().entry(line.line).or_default() |= ran;
        }
        coverage
    }

    /// Lines that ran, and all.
    pub fn totals(&self) -> (usize, usize) {
        self.files.values().map(totals).fold((0, 0), |sum, file| (sum.0 + file.0, sum.1 + file.1))
    }

    /// How much ran, in percent.
    pub fn percent(&self) -> f64 {
        percent(self.totals())
    }

    /// The lines that did not run, file by file.
    pub fn missing(&self) -> String {
        let mut text = String::new();
        for (file, lines) in &self.files {
            for line in lines.iter().filter(|(_, ran)| !**ran).map(|(line, _)| line) {
                let _ = writeln!(text, "{file}:{line}");
            }
        }
        text
    }

    /// As the tools of lcov read it.
    pub fn lcov(&self) -> String {
        let mut text = String::new();
        for (file, lines) in &self.files {
            let _ = writeln!(text, "SF:{file}");
            for (line, ran) in lines {
                let _ = writeln!(text, "DA:{line},{}", u8::from(*ran));
            }
            text.push_str("end_of_record\n");
        }
        text
    }
}

impl fmt::Display for Coverage {
    /// A table of the files.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |name: &str, counts: (usize, usize)| {
            writeln!(f, "{:>6} of {:>6} lines  {:>5.1} %  {name}", counts.0, counts.1, percent(counts))
        };
        for (file, lines) in &self.files {
            row(file, totals(lines))?;
        }
        row("together", self.totals())
    }
}

fn totals(lines: &Lines) -> (usize, usize) {
    (lines.values().filter(|ran| **ran).count(), lines.len())
}

fn percent((ran, all): (usize, usize)) -> f64 {
    100.0 * ran as f64 / all.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line is covered when a block with some of its code has run; files of others do not count.
    #[test]
    fn lines_of_blocks() {
        let line = |rva, len, file: &str, line| Line { rva, len, file: file.to_owned(), line };
        let lines = [
            line(0, 4, "/build/pin.rs", 1),
            line(4, 6, "/build/pin.rs", 2),
            line(10, 2, "/build/pin.rs", 3),
            line(20, 2, "/build/pin.rs", 3),
            line(30, 2, "/rust/library/core/mem.rs", 7),
            line(40, 2, "/build/far.rs", 9),
        ];
        let block = |start, end| Block { start, end };
        let blocks = [block(0, 8), block(8, 12), block(20, 25), block(30, 50)];
        let of = |run: &[u32]| {
            let run = run.iter().copied().collect();
            Coverage::new(&lines, &blocks, &run, |file| file.strip_prefix("/build/"))
        };
        assert_eq!(of(&[0]).missing(), "far.rs:9\npin.rs:3\n");
        assert_eq!(of(&[8, 30]).missing(), "pin.rs:1\n");
        assert_eq!(of(&[20]).totals(), (1, 4));
        assert_eq!(of(&[20]).lcov().lines().nth(4), Some("DA:1,0"));
        assert_eq!(Coverage::new(&lines, &blocks, &BTreeSet::new(), Some).totals(), (0, 5));
    }
}
