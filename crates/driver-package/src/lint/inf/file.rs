//! The file as a whole: its encoding, its syntax.

use super::{
    super::{Check, Findings, InfFile, Levels, Package, Rule},
    INFVERIF,
};
use crate::inf::SyntaxErrorKind;

const SYNTAX: &str = "install/general-syntax-rules-for-inf-files";

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "1000",
        title: "a package has an INF file",
        levels: Levels::ERROR,
        page: INFVERIF,
        check: Check::Package(no_inf),
    },
    Rule {
        code: "1001",
        title: "[Version] has the signature of an INF file",
        levels: Levels::ERROR,
        page: "install/inf-version-section",
        check: Check::Inf(signature),
    },
    Rule {
        code: "1002",
        title: "every line can be read",
        levels: Levels::ERROR,
        page: SYNTAX,
        check: Check::Inf(syntax),
    },
    Rule {
        code: "1003",
        title: "the encoding is ANSI or UTF-16 LE",
        levels: Levels::ERROR,
        page: INFVERIF,
        check: Check::Inf(encoding),
    },
];

fn no_inf(package: &Package, findings: &mut Findings<'_>) {
    if package.infs.is_empty() {
        findings.add(
            None,
            "the folder has no file that ends in .inf",
            "name the package's folder; an .inx source must be stamped first",
        );
    }
}

fn signature(file: &InfFile, findings: &mut Findings<'_>) {
    let advice = "write Signature = \"$Windows NT$\" in [Version]";
    match file.inf.entry("Version", "Signature") {
        None => findings.add(None, "[Version] with a Signature is missing", advice),
        Some(entry) => {
            let value = entry.value(0);
            if !["$Windows NT$", "$Chicago$"].iter().any(|known| known.eq_ignore_ascii_case(value)) {
                findings.add(entry.line, format!("Signature is \"{value}\""), advice);
            }
        }
    }
}

fn syntax(file: &InfFile, findings: &mut Findings<'_>) {
    for error in &file.inf.errors {
        let advice = match error.kind {
            SyntaxErrorKind::ExpectedSectionName => "put the line into a section",
            SyntaxErrorKind::BadSectionNameLine => "write [name], and nothing else, on the line",
            SyntaxErrorKind::SectionNameTooLong => "choose a shorter name",
            SyntaxErrorKind::UnclosedQuotation => "close it; a quotation mark within a text is written twice",
            SyntaxErrorKind::FieldTooLong => "shorten the text",
        };
        findings.add(error.line, error.kind.to_string(), advice);
    }
}

fn encoding(file: &InfFile, findings: &mut Findings<'_>) {
    if let Err(wrong) = file.encoding {
        findings.add(
            None,
            format!("the encoding is {wrong}"),
            "save it as UTF-16 LE with a byte order mark, or keep to ASCII",
        );
    }
}
