//! What a linker leaves, made independent of the place.
//!
//! The image names its symbols' file by a GUID, which the linker makes of the symbols, and those hold paths (one of
//! them random: rustc's folder of temporary files). So the GUID, and the time stamp made of the whole image, are
//! different in each folder. Here both are made of what is in the image.

use std::ops::Range;

use anyhow::{Context, Result, ensure};
use object::{LittleEndian as LE, pe::IMAGE_DIRECTORY_ENTRY_DEBUG, read::pe::PeFile64};
use sha2::{Digest, Sha256};

use crate::image::checksum::checksum;

/// The files of one link.
pub struct Linked {
    /// The PE image.
    pub image: Vec<u8>,
    /// Its symbols.
    pub pdb: Vec<u8>,
    /// Its map.
    pub map: Vec<u8>,
}

impl Linked {
    /// Gives the files an identity made of the image's content: the same content, the same bytes.
    pub fn identify(&mut self) -> Result<()> {
        let places = Places::find(&self.image)?;
        let old_guid: Vec<u8> = self.image[places.guid.clone()].to_vec();
        for field in places.all() {
            self.image[field].fill(0);
        }
        let hash = Sha256::digest(&self.image);
        let (guid, stamp) = (&hash[..16], &hash[16..20]);
        for field in &places.stamps {
            self.image[field.clone()].copy_from_slice(stamp);
        }
        self.image[places.guid].copy_from_slice(guid);
        let sum = checksum(&self.image, places.checksum.start);
        self.image[places.checksum].copy_from_slice(&sum.to_le_bytes());

        let at = only(&self.pdb, &old_guid).context("the symbols are not those of the image")?;
        self.pdb[at..at + 16].copy_from_slice(guid);
        self.stamp_map(u32::from_le_bytes([stamp[0], stamp[1], stamp[2], stamp[3]]))
    }

    /// The map has the same stamp as the image: it shows that they belong together.
    fn stamp_map(&mut self, stamp: u32) -> Result<()> {
        const LABEL: &[u8] = b"Timestamp is ";
        let start = only(&self.map, LABEL).context("the map has no time stamp")? + LABEL.len();
        let length = self.map[start..].iter().position(|&byte| byte == b'\n');
        let end = start + length.context("the map ends early")?;
        self.map.splice(start..end, format!("{stamp:08x} (made of the content)").into_bytes());
        Ok(())
    }
}

/// Where in an image its identity stands.
struct Places {
    guid: Range<usize>,
    stamps: Vec<Range<usize>>,
    checksum: Range<usize>,
}

impl Places {
    fn find(image: &[u8]) -> Result<Self> {
        let pe = PeFile64::parse(image)?;
        let headers = pe.dos_header().e_lfanew.get(LE) as usize + 4;
        let directory = pe.data_directory(IMAGE_DIRECTORY_ENTRY_DEBUG).context("no debug directory")?;
        let (start, size) = directory.file_range(&pe.section_table())?;
        let mut stamps = Vec::new();
        let mut guid = None;
        // IMAGE_DEBUG_DIRECTORY: time stamp at 4, type at 12, where its data is in the file at 24.
        for entry in (start as usize..(start + size) as usize).step_by(28) {
            stamps.push(entry + 4..entry + 8);
            let data = number(image, entry + 24)? as usize;
            if image.get(data..data + 4) == Some(b"RSDS") {
                guid = Some(data + 4..data + 20);
            }
        }
        stamps.push(headers + 4..headers + 8);
        let guid = guid.context("the image does not name its symbols")?;
        // The optional header comes after 20 bytes; the checksum is at 64.
        let checksum = headers + 20 + 64;
        let places = Self { guid, stamps, checksum: checksum..checksum + 4 };
        ensure!(places.all().all(|field| field.end <= image.len()), "the image ends early");
        Ok(places)
    }

    fn all(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        [&self.guid, &self.checksum].into_iter().chain(&self.stamps).cloned()
    }
}

fn number(bytes: &[u8], at: usize) -> Result<u32> {
    let bytes = bytes.get(at..at + 4).context("the image ends early")?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The place of something that is there once.
fn only(bytes: &[u8], part: &[u8]) -> Option<usize> {
    let mut places = bytes.windows(part.len()).enumerate().filter(|(_, window)| *window == part);
    let (at, _) = places.next()?;
    places.next().is_none().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::specimen::{CHECKSUM, Specimen, TIME_STAMP, directory, put32};

    const GUID: [u8; 16] = *b"sixteen bytes!!!";

    /// A link whose files say when and where it was made.
    fn linked(stamp: u32, guid: [u8; 16]) -> Linked {
        let mut image = Specimen::default().image();
        let (entry, data) = (0x2900, 0x2940);
        put32(&mut image, TIME_STAMP, &[stamp]);
        put32(&mut image, directory(6), &[entry as u32, 28]);
        // Flags, stamp, version, type, size, address, place in the file.
        put32(&mut image, entry, &[0, stamp, 0, 2, 24, data as u32, data as u32]);
        image[data..data + 4].copy_from_slice(b"RSDS");
        image[data + 4..data + 20].copy_from_slice(&guid);
        let pdb = [b"before".as_slice(), &guid, b"after, in /some/folder"].concat();
        Linked { image, pdb, map: format!(" Timestamp is {stamp:08x} (then)\n more\n").into_bytes() }
    }

    #[test]
    fn time_and_place_are_forgotten() {
        let mut one = linked(1, GUID);
        let mut other = linked(2, *b"quite another ID");
        assert_ne!(one.image, other.image);
        one.identify().unwrap();
        other.identify().unwrap();
        assert_eq!(one.image, other.image);
        assert_eq!(one.pdb, other.pdb);
        assert_eq!(one.map, other.map);
        // A different image is still another.
        let mut third = linked(1, GUID);
        third.image[0x1000] ^= 1;
        third.identify().unwrap();
        assert_ne!(one.image[TIME_STAMP..TIME_STAMP + 4], third.image[TIME_STAMP..TIME_STAMP + 4]);
    }

    #[test]
    fn the_files_belong_together() {
        let mut linked = linked(1, GUID);
        linked.identify().unwrap();
        let stamp = number(&linked.image, TIME_STAMP).unwrap();
        let map = String::from_utf8(linked.map).unwrap();
        assert_eq!(map, format!(" Timestamp is {stamp:08x} (made of the content)\n more\n"));
        assert_eq!(linked.image[0x2944..0x2954], linked.pdb[6..22]);
        assert_eq!(number(&linked.image, CHECKSUM).unwrap(), checksum(&linked.image, CHECKSUM));
    }

    #[test]
    fn what_does_not_belong_together_is_told() {
        let mut other_symbols = linked(1, GUID);
        other_symbols.pdb[6] ^= 1;
        assert!(other_symbols.identify().unwrap_err().to_string().contains("symbols"));
        let mut no_map = linked(1, GUID);
        no_map.map.clear();
        assert!(no_map.identify().unwrap_err().to_string().contains("map"));
        let mut none = linked(1, GUID);
        put32(&mut none.image, directory(6), &[0, 0]);
        assert!(none.identify().is_err());
        let mut short = linked(1, GUID);
        put32(&mut short.image, 0x2900 + 24, &[u32::MAX - 1]);
        assert!(short.identify().is_err());
    }
}
