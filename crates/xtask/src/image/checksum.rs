//! The header's checksum, which Windows compares for every driver.

use object::LittleEndian as LE;

use super::{parse::Image, report::Report};

/// Compares what the header says with what it should say.
pub fn check(image: &Image, report: &mut Report) {
    let stated = image.header().check_sum.get(LE);
    let right = checksum(image.data, field(image));
    report.check(
        "checksum",
        stated == right,
        format!("{right:#x}"),
        format!("{stated:#x}, should be {right:#x}: Windows refuses it (STATUS_IMAGE_CHECKSUM_MISMATCH)"),
    );
}

/// Where the field lies in the file.
fn field(image: &Image) -> usize {
    // The signature and the file header come before the optional header, whose checksum is at 64.
    image.pe.dos_header().e_lfanew.get(LE) as usize + 4 + 20 + 64
}

/// The sum of all 16-bit words with the carry added back, the field itself left out, plus the length.
pub fn checksum(data: &[u8], field: usize) -> u32 {
    let mut sum = 0u32;
    for (index, word) in data.chunks(2).enumerate() {
        let at = index * 2;
        if at == field || at == field + 2 {
            continue;
        }
        sum += u32::from(u16::from_le_bytes([word[0], word.get(1).copied().unwrap_or(0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum + u32::try_from(data.len()).unwrap_or(u32::MAX)
}
