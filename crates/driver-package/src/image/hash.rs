//! What of an image is signed: everything but what a signature itself changes.

use super::{Layout, NotAnImage};
use crate::digest::Digest;

/// The Authenticode digest of an image: all of the file without the checksum, the directory entry of the certificate
/// table and that table. It is the same before and after signing.
///
/// # Errors
///
/// The file is no image.
pub fn authenticode(data: &[u8], digest: Digest) -> Result<Vec<u8>, NotAnImage> {
    let layout = Layout::parse(data)?;
    let end = layout.certificates.as_ref().map_or(data.len(), |range| range.start);
    let after = layout.certificates.as_ref().map_or(data.len(), |range| range.end);
    // A signer fills the file up to a multiple of eight before it appends the table.
    let padding = if layout.certificates.is_none() { data.len().next_multiple_of(8) - data.len() } else { 0 };
    Ok(digest.of([
        &data[..layout.checksum],
        &data[layout.checksum + 4..layout.security],
        &data[layout.security + 8..end],
        &data[after..],
        &[0; 8][..padding],
    ]))
}

/// The table of page hashes: for each page of the file its offset and its digest, filled up with zeros to a page.
///
/// The first page is the headers; the last entry has the end of the last section and zeros for a digest.
///
/// # Errors
///
/// The file is no image.
pub fn page_hashes(data: &[u8], digest: Digest) -> Result<Vec<u8>, NotAnImage> {
    let layout = Layout::parse(data)?;
    let page = layout.page.clamp(0x200, 0x10_0000);
    let zeros = vec![0; page];
    let mut table = Vec::new();
    let mut entry = |offset: usize, digest: Vec<u8>| {
        table.extend(u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes());
        table.extend(digest);
    };
    let filling = &zeros[..page.saturating_sub(layout.headers)];
    entry(
        0,
        digest.of([
            &data[..layout.checksum],
            &data[layout.checksum + 4..layout.security],
            &data[layout.security + 8..layout.headers],
            filling,
        ]),
    );
    let mut end = 0;
    for section in layout.sections {
        end = section.end;
        for (index, content) in data[section.clone()].chunks(page).enumerate() {
            entry(section.start + index * page, digest.of([content, &zeros[content.len()..]]));
        }
    }
    entry(end, vec![0; digest.length()]);
    Ok(table)
}
