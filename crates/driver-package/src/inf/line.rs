//! One line of a section: a key and its values.

/// A value, or a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// Without the quotation marks, `%tokens%` as they stand.
    pub raw: String,
    /// With the strings in place of the tokens. A token that is not defined, or is the number of a folder, stays.
    pub text: String,
    /// Whether any part of it was in quotation marks.
    pub quoted: bool,
}

/// A line of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// The line's number in the file, from 1; of a continued line, the first.
    pub line: usize,
    /// What is before the equals sign, if there is one.
    pub key: Option<Field>,
    /// What is between the commas.
    pub values: Vec<Field>,
    /// A quotation mark was opened and not closed.
    pub unclosed: bool,
}

impl Entry {
    /// The key with its strings; empty if there is none.
    pub fn key(&self) -> &str {
        self.key.as_ref().map_or("", |key| &key.text)
    }

    /// Whether the line is this directive.
    pub fn is(&self, directive: &str) -> bool {
        self.key().eq_ignore_ascii_case(directive)
    }

    /// A value with its strings; empty if it is not there.
    pub fn value(&self, index: usize) -> &str {
        self.values.get(index).map_or("", |value| &value.text)
    }

    /// Every key and value of the line.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.key.iter().chain(&self.values)
    }

    /// Reads a line without its comment and continuation.
    pub(super) fn parse(text: &str, line: usize) -> Self {
        let mut entry = Self { line, ..Self::default() };
        let mut field = Building::default();
        let mut scan = Scan::new(text);
        while let Some(piece) = scan.next() {
            match piece {
                // An equals sign after the first comma is text, as in `HKR,,Name,,a=b`.
                Piece::Plain('=') if entry.key.is_none() && entry.values.is_empty() => {
                    entry.key = Some(field.finish());
                }
                Piece::Plain(',') => entry.values.push(field.finish()),
                Piece::Plain(character) => field.push(character),
                Piece::Quoted(character) => field.push_quoted(character),
                Piece::Mark => field.field.quoted = true,
                Piece::Token(token) => field.push_token(token),
            }
        }
        entry.unclosed = scan.quoted;
        let last = field.finish();
        // `key =` has no value; `a,` has one.
        if !last.raw.is_empty() || last.quoted {
            entry.values.push(last);
        }
        entry
    }
}

/// Where the comment of a line begins, its length if there is none.
pub(super) fn comment(text: &str) -> usize {
    let mut scan = Scan::new(text);
    loop {
        let here = scan.position;
        match scan.next() {
            None => return text.len(),
            Some(Piece::Plain(';')) => return here,
            Some(_) => {}
        }
    }
}

/// The text without a backslash at its end that continues the line, or nothing if the line ends here.
pub(super) fn continued(text: &str) -> Option<&str> {
    let rest = text.trim_end().strip_suffix('\\')?;
    let mut scan = Scan::new(rest);
    while scan.next().is_some() {}
    (!scan.quoted).then_some(rest)
}

/// Replaces `%tokens%` by what `lookup` gives for their names and `%%` by `%`.
///
/// Numbers are folders, and stay, as does what is not defined.
pub(super) fn expand(raw: &str, lookup: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(start) = rest.find('%') {
        text.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        match rest.find('%') {
            Some(0) => text.push('%'),
            Some(end) => match lookup(&rest[..end]) {
                Some(string) => text.push_str(&string),
                None => text.extend(["%", &rest[..end], "%"]),
            },
            None => {
                text.push('%');
                break;
            }
        }
        rest = rest.split_once('%').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    text
}

/// The names of the `%tokens%` of a text.
pub(super) fn tokens(raw: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = raw;
    while let Some((_, after)) = rest.split_once('%') {
        let Some((name, after)) = after.split_once('%') else { break };
        if !name.is_empty() {
            tokens.push(name);
        }
        rest = after;
    }
    tokens
}

enum Piece<'a> {
    Plain(char),
    Quoted(char),
    /// A quotation mark that begins or ends a quotation.
    Mark,
    /// `%name%` or `%%`, outside quotation marks; commas and semicolons in it are its own.
    Token(&'a str),
}

struct Scan<'a> {
    text: &'a str,
    position: usize,
    quoted: bool,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, position: 0, quoted: false }
    }

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = &self.text[self.position..];
        let character = rest.chars().next()?;
        self.position += character.len_utf8();
        if character == '"' {
            if self.quoted && self.text[self.position..].starts_with('"') {
                self.position += 1;
                return Some(Piece::Quoted('"'));
            }
            self.quoted = !self.quoted;
            return Some(Piece::Mark);
        }
        if self.quoted {
            return Some(Piece::Quoted(character));
        }
        if character == '%'
            && let Some(end) = rest[1..].find('%')
            && !rest[1..][..end].contains('"')
        {
            let token = &rest[..end + 2];
            self.position += token.len() - 1;
            return Some(Piece::Token(token));
        }
        Some(Piece::Plain(character))
    }
}

/// A field under construction: blanks around it are dropped unless they are quoted.
#[derive(Default)]
struct Building {
    field: Field,
    /// What is before this stays.
    kept: usize,
}

impl Building {
    fn push(&mut self, character: char) {
        if !character.is_whitespace() || !self.field.raw.is_empty() {
            self.field.raw.push(character);
        }
    }

    fn push_quoted(&mut self, character: char) {
        self.field.raw.push(character);
        self.kept = self.field.raw.len();
    }

    fn push_token(&mut self, token: &str) {
        self.field.raw.push_str(token);
    }

    fn finish(&mut self) -> Field {
        let Self { mut field, kept } = std::mem::take(self);
        let end = kept.max(field.raw.trim_end().len());
        field.raw.truncate(end);
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> (Option<String>, Vec<String>) {
        let entry = Entry::parse(text, 1);
        (entry.key.map(|key| key.raw), entry.values.into_iter().map(|value| value.raw).collect())
    }

    fn values(text: &str) -> Vec<String> {
        raw(text).1
    }

    #[test]
    fn keys_and_values() {
        assert_eq!(raw("a = b , c"), (Some("a".into()), vec!["b".into(), "c".into()]));
        assert_eq!(raw("a ="), (Some("a".into()), vec![]));
        assert_eq!(raw("HKR,, Name, ,a=b"), (None, ["HKR", "", "Name", "", "a=b"].map(String::from).into()));
        assert_eq!(values("x = ,2"), ["", "2"]);
        assert_eq!(values("x = 2,"), ["2"]);
    }

    #[test]
    fn quotation_marks() {
        assert_eq!(values(r#"x = " a, b ; c ""d"" ""#), [r#" a, b ; c "d" "#]);
        assert_eq!(values(r#"x = "%13%\a b.sys" -k"#), [r"%13%\a b.sys -k"]);
        assert_eq!(values(r#"x = """#), [""]);
        assert!(Entry::parse(r#"x = "a"#, 1).unclosed);
    }

    #[test]
    fn comments_and_continuations() {
        assert_eq!(comment("a = b ; c"), 6);
        assert_eq!(comment(r#"a = "b ; c""#), 11);
        assert_eq!(comment("%a;b% = c"), 9);
        assert_eq!(continued(r"CopyFiles = a,\  "), Some("CopyFiles = a,"));
        assert_eq!(continued(r#"a = "b\"#), None);
        assert_eq!(continued(r#"a = "b\"\"#), Some(r#"a = "b\""#));
    }

    #[test]
    fn tokens_are_replaced() {
        let lookup = |name: &str| (name == "a").then(|| "A".to_owned());
        assert_eq!(expand("%a%-%b%-%13%-%%a%%-100%", lookup), "A-%b%-%13%-%a%-100%");
        assert_eq!(tokens("%a%-%%-%b%-%13%-%"), ["a", "b", "13"]);
    }
}
