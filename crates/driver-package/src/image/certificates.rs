//! The certificate table: where embedded signatures lie.

use super::{Layout, NotAnImage, layout::read};
use crate::asn1;

/// The certificate table of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateTable<'a> {
    /// The PKCS #7 structures of its entries.
    pub signatures: Vec<&'a [u8]>,
    /// What is wrong with the table.
    pub faults: Vec<String>,
}

const HEADER: usize = 8;
const WIN_CERT_REVISION_2_0: u16 = 0x0200;
const WIN_CERT_TYPE_PKCS_SIGNED_DATA: u16 = 2;

/// Reads the certificate table; empty if there is none.
///
/// # Errors
///
/// The file is no image.
pub fn certificates(data: &[u8]) -> Result<CertificateTable<'_>, NotAnImage> {
    let mut table = CertificateTable::default();
    let Some(range) = Layout::parse(data)?.certificates else { return Ok(table) };
    if !range.start.is_multiple_of(8) {
        table.faults.push(format!("it begins at {:#x}, which is no multiple of 8", range.start));
    }
    if range.end != data.len() {
        table.faults.push(format!("{} bytes follow it", data.len() - range.end));
    }
    let mut rest = &data[range];
    while !rest.is_empty() {
        match entry(rest) {
            Ok((signature, after)) => {
                table.signatures.push(signature);
                rest = after;
            }
            Err(fault) => {
                table.faults.push(fault);
                break;
            }
        }
    }
    Ok(table)
}

/// A `WIN_CERTIFICATE`, and what comes after it.
fn entry(bytes: &[u8]) -> Result<(&[u8], &[u8]), String> {
    let field = |at| read(bytes, at).map(u16::from_le_bytes);
    let length = read(bytes, 0).map(u32::from_le_bytes).unwrap_or_default() as usize;
    if length < HEADER || length.next_multiple_of(8) > bytes.len() {
        return Err(format!("an entry says that it has {length} bytes, of {} there", bytes.len()));
    }
    if field(4) != Some(WIN_CERT_REVISION_2_0) || field(6) != Some(WIN_CERT_TYPE_PKCS_SIGNED_DATA) {
        return Err("an entry is no PKCS #7 signature of revision 2".to_owned());
    }
    let (content, after) = bytes.split_at(length.next_multiple_of(8));
    // What pads the entry counts as part of it for some signers.
    let (signature, padding) = match asn1::first(&content[HEADER..]) {
        Ok((element, padding)) => (element.encoded, padding),
        Err(_) => (&content[HEADER..], [].as_slice()),
    };
    if padding.len() >= 8 || padding.iter().any(|&byte| byte != 0) {
        return Err(format!("{} bytes follow the signature in its entry", padding.len()));
    }
    Ok((signature, after))
}
