//! The contact sheet: all pictures of all streams on one.

use super::font;
use super::page::Stream;
use super::picture::Picture;

const COLUMNS: usize = 4;
const GAP: u32 = 12;
const PAPER: [u8; 3] = [24, 26, 30];
const INK: [u8; 3] = [190, 196, 204];

/// Rows of pictures with their captions; each stream begins a row.
pub fn contact_sheet(streams: &[Stream]) -> Picture {
    let rows: Vec<_> = streams.iter().flat_map(|stream| stream.pictures.chunks(COLUMNS)).collect();
    let width = rows.iter().map(|row| row.iter().map(|(_, p)| p.width + GAP).sum::<u32>()).max().unwrap_or(0);
    let tallest = |row: &&[(String, Picture)]| {
        row.iter().map(|(_, picture)| picture.height).max().unwrap_or(0) + font::LINE + GAP * 3 / 2
    };
    let height = rows.iter().map(tallest).sum::<u32>();
    let mut sheet = Picture::new(width + GAP, height + GAP, PAPER);
    let mut top = GAP;
    for row in &rows {
        let mut left = GAP;
        for (caption, picture) in *row {
            sheet.paste(picture, left, top);
            font::write(&mut sheet, left, top + picture.height + GAP / 2, caption, INK);
            left += picture.width + GAP;
        }
        top += tallest(row);
    }
    sheet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_begins_a_row() {
        let picture = || ("frame 1".to_owned(), Picture::new(80, 40, [255, 0, 0]));
        let stream =
            |count| Stream { pictures: (0..count).map(|_| picture()).collect(), ..Stream::default() };
        let sheet = contact_sheet(&[stream(5), stream(1)]);
        assert_eq!(sheet.width, 4 * (80 + GAP) + GAP);
        let rows =
            (0..sheet.height).filter(|y| sheet.rgb[((y * sheet.width + GAP) * 3) as usize] == 255).count();
        assert_eq!(rows, 3 * 40, "three rows begin with a picture");
        assert_eq!(contact_sheet(&[]).width, GAP, "no pictures are no reason to stop");
    }
}
