//! The rows of SPECIFICATION.md.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// A row of a table: `| S1 | what | 1,000 |`.
#[derive(Debug, PartialEq, Eq)]
pub struct Promise {
    /// `S1`
    pub id: String,
    /// In words.
    pub text: String,
    /// At most so much.
    pub limit: u64,
}

/// All promises of a page.
pub fn read(page: &Path) -> Result<Vec<Promise>> {
    let text = std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Vec<Promise>> {
    let mut promises: Vec<Promise> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| S")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, text, limit] = cells[..] else { bail!("a promise has three columns: {line}") };
        let number = limit.replace(',', "").parse();
        let limit = number.with_context(|| format!("the limit of {id} is a whole number, not {limit:?}"))?;
        ensure!(promises.iter().all(|other| other.id != id), "{id} is promised twice");
        promises.push(Promise { id: id.to_owned(), text: text.to_owned(), limit });
    }
    ensure!(!promises.is_empty(), "the page promises nothing");
    Ok(promises)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows are read; a row that promises nothing measurable is an error and not overlooked.
    #[test]
    fn rows() {
        let page = "# Page\n\n| | what | at most |\n|---|---|---|\n| S1 | bytes | 1,024 |\n";
        let promise = Promise { id: "S1".into(), text: "bytes".into(), limit: 1024 };
        assert_eq!(parse(page).unwrap(), [promise]);
        for wrong in ["", "| S1 | bytes | few |", "| S1 | 3 |", "| S1 | a | 1 |\n| S1 | b | 2 |"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
