//! What the tools read, whoever made it: any bytes are read or refused, without a panic and in bounded memory.

use driver_package::{catalog::Catalog, inf};
use ks_compliance::wire::{Format, Range};
use ksrig::{
    client,
    pe::{Image, Import, blocks::find, checksum},
    report::y4m,
};

/// An image of a driver. Its checksum is set right first: damage that the checksum shows goes no further.
pub fn image(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    let header = bytes.get(0x3C..0x40).map(|at| u32::from_le_bytes([at[0], at[1], at[2], at[3]]) as usize);
    if let Some(field) = header.and_then(|at| at.checked_add(24 + 64))
        && field.checked_add(4).is_some_and(|end| end <= bytes.len())
    {
        let sum = checksum::compute(&bytes, field);
        bytes[field..field + 4].copy_from_slice(&sum.to_le_bytes());
    }
    let mut resolve = |_: &str, _: &str| Some(Import::Data(0));
    if let Ok(image) = Image::load("fuzz.sys", &bytes, &mut resolve) {
        let size = image.len() as u32;
        let blocks = find(&image, []).blocks;
        assert!(blocks.iter().all(|block| block.start < block.end && block.end <= size));
        assert!(blocks.is_sorted_by_key(|block| block.start));
        let _ = image.function_entry(image.entry());
    }
}

/// An INF file, by both its readers.
pub fn inf(bytes: &[u8]) {
    let (text, _) = inf::decode(bytes);
    let _ = client::inf::Inf::parse(&text);
    let _ = inf::Inf::parse(&text);
}

/// A catalog of a driver package.
pub fn catalog(bytes: &[u8]) {
    let _ = Catalog::parse(bytes);
}

/// A video file: each frame that is read and written again is the same.
pub fn y4m(bytes: &[u8]) {
    let Ok(mut reader) = y4m::Reader::new(bytes) else { return };
    let header = reader.header.clone();
    // A size that the file does not have is no reason to take so much memory.
    if header.frame_len() > bytes.len() {
        return;
    }
    let mut frame = vec![0; header.frame_len()];
    let mut planes = frame.clone();
    while let Ok(true) = reader.read(&mut frame) {
        let mut again = vec![0; frame.len()];
        y4m::unpack(header.pixels, &frame, &mut planes);
        y4m::pack(header.pixels, &planes, &mut again);
        assert_eq!(again, frame);
    }
}

/// A data format and a data range, as drivers and programs send them.
pub fn formats(bytes: &[u8]) {
    let format = Format(bytes.to_vec());
    let _ = (format.head(), format.video(), format.to_string());
    for range in Range::list(bytes) {
        let _ = (range.default_format(), range.to_string());
    }
}
