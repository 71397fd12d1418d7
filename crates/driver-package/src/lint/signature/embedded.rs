//! What the signature of an image says of the image.

use super::{
    super::{Check, Findings, ImageFile, Levels, Package, Rule, SignedFile},
    AGAIN, POLICY,
};
use crate::{image, oid, spc::IndirectData};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "SIG20",
        title: "the certificate table is in order",
        levels: Levels::ERROR,
        page: "win32/debug/pe-format#the-attribute-certificate-table-image-only",
        check: Check::Image(table),
    },
    Rule {
        code: "SIG21",
        title: "an image's signature is about an image",
        levels: Levels::ERROR,
        page: POLICY,
        check: Check::Signature(content),
    },
    Rule {
        code: "SIG22",
        title: "the image is what was signed",
        levels: Levels::ERROR,
        page: POLICY,
        check: Check::Package(|package, findings| each(package, findings, digest)),
    },
    Rule {
        code: "SIG23",
        title: "the signature has page hashes",
        levels: Levels::WARNING,
        page: POLICY,
        check: Check::Package(|package, findings| each(package, findings, has_page_hashes)),
    },
    Rule {
        code: "SIG24",
        title: "the page hashes are those of the image",
        levels: Levels::ERROR,
        page: POLICY,
        check: Check::Package(|package, findings| each(package, findings, page_hashes)),
    },
];

fn table(file: &ImageFile, findings: &mut Findings<'_>) {
    for fault in image::certificates(&file.bytes).unwrap_or_default().faults {
        findings.add(None, format!("the certificate table: {fault}"), AGAIN);
    }
}

fn indirect(signed: &SignedFile) -> Option<IndirectData> {
    let content = signed.data.as_ref().ok()?;
    if content.content_info.content_type != oid::SPC_INDIRECT_DATA {
        return None;
    }
    content.content_info.content.as_ref()?.decode_as().ok()
}

fn content(signed: &SignedFile, findings: &mut Findings<'_>) {
    let image = indirect(signed).is_some_and(|data| data.kind() == Some(crate::spc::SubjectKind::Image));
    if signed.embedded && signed.data.is_ok() && !image {
        findings.add(None, "what is signed is not the digest of an image", AGAIN);
    }
}

/// What is wrong with what a signature says of an image.
type Test = fn(&[u8], &IndirectData) -> Option<&'static str>;

fn each(package: &Package, findings: &mut Findings<'_>, test: Test) {
    for signed in package.signed.iter().filter(|signed| signed.embedded) {
        let image = package.images.iter().find(|image| image.name == signed.name);
        let (Some(image), Some(data)) = (image, indirect(signed)) else { continue };
        if let Some(fault) = test(&image.bytes, &data) {
            findings.add_in(signed.name.as_str(), None, fault, AGAIN);
        }
    }
}

fn digest(bytes: &[u8], data: &IndirectData) -> Option<&'static str> {
    let right = data.digest().and_then(|digest| image::authenticode(bytes, digest).ok());
    let same = right.is_some_and(|right| right == data.message_digest.digest.as_bytes());
    (!same).then_some("the image is not what was signed: its digest differs")
}

fn has_page_hashes(_: &[u8], data: &IndirectData) -> Option<&'static str> {
    matches!(data.page_hashes(), Ok(None)).then_some("the signature has no page hashes")
}

fn page_hashes(bytes: &[u8], data: &IndirectData) -> Option<&'static str> {
    let (digest, table) = match data.page_hashes() {
        Ok(hashes) => hashes?,
        Err(_) => return Some("the page hashes cannot be read"),
    };
    let same = image::page_hashes(bytes, digest).is_ok_and(|right| right == table);
    (!same).then_some("the page hashes are not those of the image")
}
