//! The black around a picture.

use crate::fit::Area;
use crate::format::{Format, Layout};
use crate::memory::Sink;

/// Pixels that are written at once.
const PIECE: u32 = 64;

/// Makes everything black but an area.
pub(crate) fn draw(format: Format, area: Area, sink: &mut (impl Sink + ?Sized)) -> Option<()> {
    let (width, height) = (format.geometry.width(), format.geometry.height());
    let right = area.x + area.width;
    for y in 0..height {
        if y < area.y || y >= area.y + area.height {
            black(format, (0, y), width, sink)?;
        } else {
            black(format, (0, y), area.x, sink)?;
            black(format, (right, y), width - right, sink)?;
        }
    }
    Some(())
}

/// Makes a piece of a row black, with the chroma of the pair of rows that it begins.
fn black(format: Format, (x, y): (u32, u32), width: u32, sink: &mut (impl Sink + ?Sized)) -> Option<()> {
    if width == 0 {
        return Some(());
    }
    let black = format.encoding().black();
    match format.layout() {
        Layout::SemiPlanar { luma, chroma } => {
            sink.fill(luma.at(y, x), width as usize, black).then_some(())?;
            if y.is_multiple_of(2) {
                sink.fill(chroma.at(y / 2, x), width as usize, 128).then_some(())?;
            }
            Some(())
        }
        Layout::Packed(plane) => repeat(&[[black, 128]; PIECE as usize], width, |x2, data| {
            sink.write(plane.at(y, 2 * (x + x2)), data)
        }),
        Layout::Rgb { plane, bytes: 3 } => sink.fill(plane.at(y, 3 * x), 3 * width as usize, 0).then_some(()),
        Layout::Rgb { plane, .. } => repeat(&[[0, 0, 0, 255]; PIECE as usize], width, |x2, data| {
            sink.write(plane.at(y, 4 * (x + x2)), data)
        }),
    }
}

/// Writes `width` equal pixels, piece by piece.
fn repeat<const N: usize>(
    piece: &[[u8; N]; PIECE as usize],
    width: u32,
    mut write: impl FnMut(u32, &[u8]) -> bool,
) -> Option<()> {
    let mut x = 0;
    while x < width {
        let pixels = piece.get(..(width - x).min(PIECE) as usize)?;
        write(x, pixels.as_flattened()).then_some(())?;
        x += PIECE;
    }
    Some(())
}
