//! The contact sheet: all pictures of all streams on one.

use super::picture::Picture;

/// Rows of at most four pictures with a gap between them; each stream begins a row.
pub fn contact_sheet(streams: &[Vec<&Picture>]) -> Picture {
    let rows: Vec<&[&Picture]> = streams.iter().flat_map(|stream| stream.chunks(4)).collect();
    const GAP: u32 = 8;
    const PAPER: [u8; 3] = [24, 26, 30];
    let width = rows.iter().map(|row| row.iter().map(|p| p.width + GAP).sum::<u32>()).max().unwrap_or(0);
    let tallest = |row: &&[&Picture]| row.iter().map(|p| p.height).max().unwrap_or(0) + GAP;
    let height = rows.iter().map(tallest).sum::<u32>();
    let mut sheet = Picture::new(width + GAP, height + GAP, PAPER);
    let mut top = GAP;
    for row in &rows {
        let mut left = GAP;
        for picture in *row {
            sheet.paste(picture, left, top);
            left += picture.width + GAP;
        }
        top += tallest(row);
    }
    sheet
}
