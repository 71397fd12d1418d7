//! From one pixel format to the other.

use crate::format::{Format, Layout, Plane};
use crate::memory::{Sink, Source};
use crate::packed::{luma as take_luma, mean_chroma, pack};
use crate::span::{PIXELS, spans};

/// Converts a picture to the other pixel format of the same size.
///
/// Luma stays as it is, and the [stamp](crate::stamp) with it. From NV12 to YUY2 both rows get the
/// chroma that they share; the other way they share the mean of what they have, halves rounded up.
/// From NV12 to YUY2 and back is the same picture.
///
/// Every byte of the source is read once and every byte of the picture is written once. Returns
/// `false`, and writes nothing, if the sizes differ, the pixel formats do not (copy instead), or
/// one of the pictures does not fit into its memory; or `false` when the memory refuses a piece.
pub fn convert(
    from: Format,
    source: &(impl Source + ?Sized),
    to: Format,
    sink: &mut (impl Sink + ?Sized),
) -> bool {
    if from.geometry != to.geometry || !from.fits(source.len()) || !to.fits(sink.len()) {
        return false;
    }
    match (from.layout(), to.layout()) {
        (Layout::SemiPlanar { luma, chroma }, Layout::Packed(packed)) => {
            to_packed(luma, chroma, source, packed, sink)
        }
        (Layout::Packed(packed), Layout::SemiPlanar { luma, chroma }) => {
            to_semi_planar(packed, source, luma, chroma, sink)
        }
        _ => false,
    }
}

/// NV12 to YUY2, by pairs of rows.
fn to_packed(
    luma: Plane,
    chroma: Plane,
    source: &(impl Source + ?Sized),
    packed: Plane,
    sink: &mut (impl Sink + ?Sized),
) -> bool {
    let mut ys = [0; PIXELS];
    let mut cs = [0; PIXELS];
    let mut both = [0; 2 * PIXELS];
    for pair in 0..chroma.rows {
        for span in spans(luma.stride) {
            let read = cs.get_mut(..span.pixels).is_some_and(|out| source.read(chroma.at(pair, span.x), out));
            if !read {
                return false;
            }
            for row in [2 * pair, 2 * pair + 1] {
                let read =
                    ys.get_mut(..span.pixels).is_some_and(|out| source.read(luma.at(row, span.x), out));
                if !read {
                    return false;
                }
                pack(&ys, &cs, &mut both);
                let written = both
                    .get(..2 * span.pixels)
                    .is_some_and(|data| sink.write(packed.at(row, 2 * span.x), data));
                if !written {
                    return false;
                }
            }
        }
    }
    true
}

/// YUY2 to NV12, by pairs of rows.
fn to_semi_planar(
    packed: Plane,
    source: &(impl Source + ?Sized),
    luma: Plane,
    chroma: Plane,
    sink: &mut (impl Sink + ?Sized),
) -> bool {
    let mut upper = [0; 2 * PIXELS];
    let mut lower = [0; 2 * PIXELS];
    let mut samples = [0; PIXELS];
    for pair in 0..chroma.rows {
        for span in spans(luma.stride) {
            for (row, both) in [(2 * pair, &mut upper), (2 * pair + 1, &mut lower)] {
                let read = both
                    .get_mut(..2 * span.pixels)
                    .is_some_and(|out| source.read(packed.at(row, 2 * span.x), out));
                if !read {
                    return false;
                }
                take_luma(both, &mut samples);
                let written =
                    samples.get(..span.pixels).is_some_and(|data| sink.write(luma.at(row, span.x), data));
                if !written {
                    return false;
                }
            }
            mean_chroma(&upper, &lower, &mut samples);
            let written =
                samples.get(..span.pixels).is_some_and(|data| sink.write(chroma.at(pair, span.x), data));
            if !written {
                return false;
            }
        }
    }
    true
}
