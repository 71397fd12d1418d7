//! The contact sheet: all pictures of all streams on one.

use super::picture::Picture;

/// Rows of pictures, one row per stream, with a gap between them.
pub fn contact_sheet(rows: &[Vec<&Picture>]) -> Picture {
    const GAP: u32 = 8;
    const PAPER: [u8; 3] = [24, 26, 30];
    let width = rows.iter().map(|row| row.iter().map(|p| p.width + GAP).sum::<u32>()).max().unwrap_or(0);
    let tallest = |row: &Vec<&Picture>| row.iter().map(|p| p.height).max().unwrap_or(0) + GAP;
    let height = rows.iter().map(tallest).sum::<u32>();
    let mut sheet = Picture::new(width + GAP, height + GAP, PAPER);
    let mut top = GAP;
    for row in rows {
        let mut left = GAP;
        for picture in row {
            sheet.paste(picture, left, top);
            left += picture.width + GAP;
        }
        top += tallest(row);
    }
    sheet
}
