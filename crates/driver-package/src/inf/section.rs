//! A whole file: its sections and their lines.

use std::{collections::BTreeMap, fmt};

use super::line::{self, Entry};

/// A section as it stands in the file. Several may have one name: Windows takes them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Without the brackets.
    pub name: String,
    /// The number of the line with the name, from 1.
    pub line: usize,
    /// The lines below it.
    pub entries: Vec<Entry>,
}

/// What keeps a line from being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong.
    pub kind: SyntaxErrorKind,
}

/// Kinds of [`SyntaxError`], with the names of the errors that Windows gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// A line stands before the first section.
    ExpectedSectionName,
    /// A section's name has no closing bracket, or something stands behind it.
    BadSectionNameLine,
    /// A section's name has more than 255 characters.
    SectionNameTooLong,
    /// A quotation mark is not closed.
    UnclosedQuotation,
    /// A field has more than 4095 characters.
    FieldTooLong,
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ExpectedSectionName => "a line stands before the first section",
            Self::BadSectionNameLine => "the section's name is not between [ and ] alone on its line",
            Self::SectionNameTooLong => "the section's name has more than 255 characters",
            Self::UnclosedQuotation => "a quotation mark is not closed",
            Self::FieldTooLong => "a field has more than 4095 characters",
        })
    }
}

/// The longest name of a section, in characters.
const LONGEST_NAME: usize = 255;
/// The longest field, in characters, without the zero at its end.
const LONGEST_FIELD: usize = 4095;

/// An INF file that was read. Lines that cannot be understood are left out, and reported in `errors`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inf {
    /// In the order of the file.
    pub sections: Vec<Section>,
    /// In the order of the file.
    pub errors: Vec<SyntaxError>,
}

impl Inf {
    /// Reads the text of a file.
    pub fn parse(text: &str) -> Self {
        let mut inf = Self::default();
        let mut lines = text.lines().map(|text| &text[..line::comment(text)]).zip(1..);
        while let Some((text, number)) = lines.next() {
            let text = text.trim();
            if text.is_empty() {
                continue;
            }
            if let Some(rest) = text.strip_prefix('[') {
                inf.begin_section(rest, number);
                continue;
            }
            let mut whole = text.to_owned();
            while let Some(begun) = line::continued(&whole) {
                let begun = begun.len();
                whole.truncate(begun);
                let Some((text, _)) = lines.next() else { break };
                whole.push_str(text.trim());
            }
            inf.add_line(&whole, number);
        }
        inf.expand();
        inf
    }

    fn begin_section(&mut self, rest: &str, line: usize) {
        let Some(name) = rest.strip_suffix(']').filter(|name| !name.contains(']')) else {
            self.error(line, SyntaxErrorKind::BadSectionNameLine);
            // What follows belongs to no section that is known.
            self.sections.push(Section { name: String::new(), line, entries: Vec::new() });
            return;
        };
        if name.chars().count() > LONGEST_NAME {
            self.error(line, SyntaxErrorKind::SectionNameTooLong);
        }
        self.sections.push(Section { name: name.trim().to_owned(), line, entries: Vec::new() });
    }

    fn add_line(&mut self, text: &str, line: usize) {
        let entry = Entry::parse(text, line);
        if entry.unclosed {
            self.error(line, SyntaxErrorKind::UnclosedQuotation);
        }
        if entry.fields().any(|field| field.raw.chars().count() > LONGEST_FIELD) {
            self.error(line, SyntaxErrorKind::FieldTooLong);
        }
        match self.sections.last_mut() {
            Some(section) => section.entries.push(entry),
            None => self.error(line, SyntaxErrorKind::ExpectedSectionName),
        }
    }

    fn error(&mut self, line: usize, kind: SyntaxErrorKind) {
        self.errors.push(SyntaxError { line, kind });
    }

    /// Puts the strings in place of the tokens.
    fn expand(&mut self) {
        let strings: BTreeMap<String, String> = self
            .entries("Strings")
            .map(|entry| (entry.raw_key().to_lowercase(), entry.values.first()))
            .map(|(key, value)| (key, value.map(|value| value.raw.clone()).unwrap_or_default()))
            .collect();
        for field in
            self.sections.iter_mut().flat_map(|section| &mut section.entries).flat_map(Entry::fields_mut)
        {
            field.text = line::expand(&field.raw, |name| strings.get(&name.to_lowercase()).cloned());
        }
    }

    /// The first section of a name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.is(name))
    }

    /// Whether there is a section of a name.
    pub fn has(&self, name: &str) -> bool {
        self.section(name).is_some()
    }

    /// The lines of all sections of a name.
    pub fn entries(&self, name: &str) -> impl Iterator<Item = &Entry> {
        self.sections.iter().filter(move |section| section.is(name)).flat_map(|section| &section.entries)
    }

    /// The first line of a section with a key.
    pub fn entry(&self, section: &str, key: &str) -> Option<&Entry> {
        self.entries(section).find(|entry| entry.is(key))
    }

    /// A value of `[Version]`, with its strings; empty if it is not there.
    pub fn version(&self, key: &str) -> &str {
        self.entry("Version", key).map_or("", |entry| entry.value(0))
    }

    /// The names of the `%tokens%` that no `[Strings]` section defines, each with its line. Folders' numbers are none.
    pub fn undefined_tokens(&self) -> Vec<(usize, &str)> {
        let defined: Vec<&str> = self
            .sections
            .iter()
            .filter(|section| section.is_strings())
            .flat_map(|section| section.entries.iter().map(Entry::raw_key))
            .collect();
        let is_defined = |name: &str| defined.iter().any(|defined| defined.eq_ignore_ascii_case(name));
        let is_folder = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        let lines =
            self.sections.iter().filter(|section| !section.is_strings()).flat_map(|section| &section.entries);
        lines
            .flat_map(|entry| {
                entry.fields().flat_map(|field| line::tokens(&field.raw)).map(|name| (entry.line, name))
            })
            .filter(|(_, name)| !is_folder(name) && !is_defined(name))
            .collect()
    }
}

impl Section {
    /// Whether this is its name; case does not count.
    pub fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether it is `[Strings]`, or `[Strings.0407]` of a language.
    pub fn is_strings(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        name == "strings" || name.starts_with("strings.")
    }
}

impl Entry {
    /// The key as it stands; empty if there is none.
    pub fn raw_key(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.raw)
    }

    fn fields_mut(&mut self) -> impl Iterator<Item = &mut super::Field> {
        self.key.iter_mut().chain(&mut self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_lines_and_strings() {
        let inf = Inf::parse(
            "; comment\r\n[Version] ; who\r\nProvider = %me% ; x\r\nCopyFiles = a,\\\r\n   b\r\n[strings]\r\nMe=\"M;e\"",
        );
        assert_eq!(inf.errors, []);
        assert_eq!(inf.version("provider"), "M;e");
        let copy = inf.entry("version", "copyfiles").expect("the line");
        assert_eq!((copy.line, copy.value(0), copy.value(1)), (4, "a", "b"));
        assert_eq!(inf.section("STRINGS").expect("the section").line, 6);
    }

    /// General Syntax Rules: sections of one name are one section.
    #[test]
    fn sections_of_one_name_are_one() {
        let inf = Inf::parse("[a]\n1=1\n[b]\n[A]\n2=2");
        assert_eq!(inf.entries("a").map(Entry::key).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn mistakes_have_their_line() {
        let text = format!("x\n[a\nb=\"c\n[{0}]\nd={0}{0}", "n".repeat(2048));
        let found =
            Inf::parse(&text).errors.into_iter().map(|error| (error.line, error.kind)).collect::<Vec<_>>();
        use SyntaxErrorKind::*;
        let expected = [
            (1, ExpectedSectionName),
            (2, BadSectionNameLine),
            (3, UnclosedQuotation),
            (4, SectionNameTooLong),
            (5, FieldTooLong),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn undefined_tokens_are_found() {
        let inf = Inf::parse("[a]\n%x%=%Y%,%13%\\f,%%z%%,%w%\n[Strings]\ny=1\n[Strings.0407]\nx=2\nv=%u%");
        assert_eq!(inf.undefined_tokens(), [(2, "w")]);
    }
}
