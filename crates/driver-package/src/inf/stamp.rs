//! Makes an INF file from an `.inx` source, as the WDK's stampinf does.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/devtest/stampinf-command-options>

use super::{Architecture, DriverVer, NotAnEncoding, decode};

/// What is written into a file.
#[derive(Clone, Debug)]
pub struct Stamp<'a> {
    /// stampinf's `-d` and `-v`.
    pub version: DriverVer,
    /// stampinf's `-a`: what `$ARCH$` becomes. If none is given, `$ARCH$` is removed.
    pub architecture: Option<Architecture>,
    /// stampinf's `-c`: the name of the catalog. If none is given, the directive stays as it is.
    pub catalog: Option<&'a str>,
}

/// Why a source cannot be stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Windows would not read the file.
    #[error("the encoding is {0}: save the source as ASCII, or as UTF-16 LE with a byte order mark")]
    Encoding(NotAnEncoding),
    /// The directive has no line.
    #[error("[Version] has no line `{0} =`: write one, it is filled in")]
    NoLine(&'static str),
    /// Not of the form `name.cat`.
    #[error("the catalog's name must be of the form name.cat, in ASCII, without a folder")]
    CatalogName,
    /// A variable for which this function has no value.
    #[error("{0} stands for a version of the driver framework, which is not known here")]
    Framework(&'static str),
}

/// Writes date, version and catalog into the `[Version]` section, and an architecture for `$ARCH$`.
///
/// Nothing else is touched: not the encoding, the line ends, nor other lines.
///
/// # Errors
///
/// See [`StampError`].
pub fn stamp(source: &[u8], stamp: &Stamp<'_>) -> Result<Vec<u8>, StampError> {
    const FRAMEWORK: [&str; 4] =
        ["$KMDFVERSION$", "$KMDFCOINSTALLERVERSION$", "$UMDFVERSION$", "$UMDFCOINSTALLERVERSION$"];
    let (text, encoding) = decode(source);
    let encoding = encoding.map_err(StampError::Encoding)?;
    if let Some(variable) = FRAMEWORK.into_iter().find(|variable| text.contains(variable)) {
        return Err(StampError::Framework(variable));
    }
    let mut text = text.replace("$ARCH$", stamp.architecture.map_or("", Architecture::name));
    write(&mut text, "DriverVer", &stamp.version.to_string())?;
    if let Some(catalog) = stamp.catalog {
        if !is_catalog_name(catalog) {
            return Err(StampError::CatalogName);
        }
        write(&mut text, "CatalogFile", catalog)?;
    }
    Ok(encoding.encode(&text))
}

/// Whether `CatalogFile` can have this value: a file's name without a folder, in characters that no INF file quotes.
pub(crate) fn is_catalog_name(name: &str) -> bool {
    let stem = name.len().checked_sub(4).and_then(|end| name.split_at_checked(end));
    let is_plain =
        |stem: &str| stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    stem.is_some_and(|(stem, dot_cat)| {
        !stem.is_empty() && is_plain(stem) && dot_cat.eq_ignore_ascii_case(".cat")
    })
}

/// Replaces a directive's line in `[Version]`.
///
/// ASSUMED: stampinf writes the line where it stands, as `name = value` with single blanks and without the comment
/// that it had; no page shows the line. Sources that are to give the same bytes with either tool have it in this form.
fn write(text: &mut String, name: &'static str, value: &str) -> Result<(), StampError> {
    let mut section = "";
    let mut begin = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\r', '\n']);
        let trimmed = content.trim();
        if let Some(header) = trimmed.strip_prefix('[') {
            section = header.split(']').next().unwrap_or_default().trim();
        }
        let key = trimmed.split_once('=').map_or("", |(key, _)| key.trim());
        if section.eq_ignore_ascii_case("Version") && key.eq_ignore_ascii_case(name) {
            let range = begin..begin + content.len();
            text.replace_range(range, &format!("{name} = {value}"));
            return Ok(());
        }
        begin += line.len();
    }
    Err(StampError::NoLine(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: fn() -> Stamp<'static> = || Stamp {
        version: "11/04/2026,1.2.3.4".parse().expect("date and version"),
        architecture: Some(Architecture::Amd64),
        catalog: None,
    };

    #[test]
    fn only_what_is_stamped_changes() {
        let source =
            b"; DriverVer = x\r\n[Version]\r\nCatalogFile = a.cat\r\n driverver=  ; to come\r\n[M]\r\n\
                       %A%=B,NT$ARCH$.5.2\r\nDriverVer = 1\n caf\xE9";
        let expected = b"; DriverVer = x\r\n[Version]\r\nCatalogFile = a.cat\r\nDriverVer = 11/04/2026,1.2.3.4\r\n[M]\r\n\
                         %A%=B,NTamd64.5.2\r\nDriverVer = 1\n caf\xE9";
        assert_eq!(stamp(source, &STAMP()).as_deref(), Ok(&expected[..]));
        let stamped =
            stamp(b"[Version]\nCatalogFile=\nDriverVer=", &Stamp { catalog: Some("b.cat"), ..STAMP() });
        assert_eq!(
            stamped.as_deref(),
            Ok(&b"[Version]\nCatalogFile = b.cat\nDriverVer = 11/04/2026,1.2.3.4"[..])
        );
    }

    /// The page of stampinf's properties: without an architecture the variable is removed.
    #[test]
    fn without_architecture() {
        let stamped = stamp(b"[Version]\nDriverVer=\n[A.NT$ARCH$]", &Stamp { architecture: None, ..STAMP() });
        assert!(stamped.expect("a file").ends_with(b"[A.NT]"));
    }

    #[test]
    fn utf16_stays_utf16() {
        let units = "\u{FEFF}[Version]\r\nDriverVer=\r\nProvider=\"Ä\"".encode_utf16();
        let stamped = stamp(&units.flat_map(u16::to_le_bytes).collect::<Vec<_>>(), &STAMP()).expect("a file");
        let (text, encoding) = decode(&stamped);
        assert_eq!(encoding, Ok(super::super::Encoding::Utf16));
        assert_eq!(text, "[Version]\r\nDriverVer = 11/04/2026,1.2.3.4\r\nProvider=\"Ä\"");
    }

    #[test]
    fn what_cannot_be_stamped_is_refused() {
        let refused =
            |source: &[u8], catalog| stamp(source, &Stamp { catalog, ..STAMP() }).expect_err("no file");
        assert_eq!(
            refused("[Version]\nDriverVer=ä".as_bytes(), None),
            StampError::Encoding(NotAnEncoding::Utf8)
        );
        assert_eq!(refused(b"[V]\nDriverVer=", None), StampError::NoLine("DriverVer"));
        assert_eq!(refused(b"[Version]\nDriverVer=", Some("a.cat")), StampError::NoLine("CatalogFile"));
        for name in ["", ".cat", "a", "a.cat;", "sub\\a.cat", "\u{e4}.cat", "a\n.cat"] {
            assert_eq!(
                refused(b"[Version]\nDriverVer=\nCatalogFile=", Some(name)),
                StampError::CatalogName,
                "{name}"
            );
        }
        let framework = b"[Version]\nDriverVer=\n[W]\nKmdfLibraryVersion = $KMDFVERSION$";
        assert_eq!(refused(framework, None), StampError::Framework("$KMDFVERSION$"));
    }
}
