//! Row by row from one picture to another of the same pixels.

use crate::convert::planes;
use crate::format::Format;
use crate::memory::{Sink, Source};

/// Copies the pixels of a picture, whatever lies between its rows and in which order they are.
pub(crate) fn rows(
    from: Format,
    source: &(impl Source + ?Sized),
    to: Format,
    sink: &mut (impl Sink + ?Sized),
    scratch: &mut [u8],
) -> Option<()> {
    let bytes = from.row_bytes();
    let most = u32::try_from(scratch.len()).unwrap_or(u32::MAX).min(bytes);
    if most == 0 {
        return None;
    }
    let both = planes(from.layout()).into_iter().flatten().zip(planes(to.layout()).into_iter().flatten());
    for (from, to) in both {
        for row in 0..from.rows {
            let mut byte = 0;
            while byte < bytes {
                let piece = scratch.get_mut(..most.min(bytes - byte) as usize)?;
                source.read(from.at(row, byte), piece).then_some(())?;
                sink.write(to.at(row, byte), piece).then_some(())?;
                byte += most;
            }
        }
    }
    Some(())
}
