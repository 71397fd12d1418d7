//! Rows of a picture in another size.
//!
//! Every row of the source is read once and scaled along its length; as many of them as a row of the result is made of
//! are kept, and weighed.

use crate::axis::{Axis, UNIT};
use crate::cutter::Cutter;
use crate::emit::Emit;
use crate::encoding::Encoding;
use crate::fetch::{Fetch, Line, padded};
use crate::fit::Area;
use crate::format::Format;
use crate::memory::Source;

/// Makes rows.
pub(crate) struct Scale<'a, S: ?Sized> {
    fetch: Fetch<'a, S>,
    source: Line<'a>,
    luma: Table<'a, 1>,
    chroma: Table<'a, 2>,
    rows: Axis,
    weights: &'a mut [u8],
    /// Sixteen bits for each sample of a row.
    sums: &'a mut [u8],
    kept: Kept<'a>,
    /// The first row of the source that has not been read.
    next: u32,
}

/// The scratch memory for a whole conversion.
pub(crate) fn bytes(from: Format, to: Format, area: Area) -> usize {
    let (wide, width) = (from.geometry.width() as usize, area.width as usize);
    let [luma, chroma, rows] = axes(from, area);
    let tables = entry(luma.taps) * width + entry(chroma.taps) * (width / 2);
    2 * Line::bytes(width)
        + Emit::bytes(to, width)
        + Fetch::<[u8]>::bytes(from, wide)
        + Line::bytes(wide)
        + tables
        + 2 * rows.taps
        + 2 * padded(width)
        + rows.taps * 2 * padded(width)
}

fn axes(from: Format, area: Area) -> [Axis; 3] {
    let (width, height) = (from.geometry.width(), from.geometry.height());
    [Axis::luma(width, area.width), Axis::chroma(width / 2, area.width / 2), Axis::luma(height, area.height)]
}

impl<'a, S: Source + ?Sized> Scale<'a, S> {
    pub(crate) fn new(
        from: Format,
        source: &'a S,
        encoding: Encoding,
        area: Area,
        cutter: &mut Cutter<'a>,
    ) -> Option<Self> {
        let (wide, width) = (from.geometry.width() as usize, area.width as usize);
        let [luma, chroma, rows] = axes(from, area);
        let mut fetch = Fetch::new(from, source, encoding, wide, cutter)?;
        fetch.turn_to(0, wide);
        Some(Self {
            fetch,
            source: Line::cut(cutter, wide)?,
            luma: Table::new(luma, area.width, cutter)?,
            chroma: Table::new(chroma, area.width / 2, cutter)?,
            rows,
            weights: cutter.cut(2 * rows.taps)?,
            sums: cutter.cut(2 * padded(width))?,
            kept: Kept { rows: cutter.cut(rows.taps * 2 * padded(width))?, width, count: rows.taps },
            next: 0,
        })
    }

    /// Makes row `y`; rows are to be made from the top.
    pub(crate) fn line(&mut self, y: u32, line: &mut Line<'_>) -> Option<()> {
        let start = self.rows.weigh(y, self.weights.as_chunks_mut().0);
        while self.next < start + self.rows.taps as u32 {
            self.fetch.line(self.next, &mut self.source)?;
            let (luma, chroma) = self.kept.row_mut(self.next)?;
            self.luma.apply(self.source.luma, luma)?;
            self.chroma.apply(self.source.chroma, chroma)?;
            self.next += 1;
        }
        let weights = self.weights.as_chunks().0;
        self.kept.weigh(start, weights, 0, self.sums, line.luma)?;
        self.kept.weigh(start, weights, 1, self.sums, line.chroma)?;
        // The right edge has no pair to the right of it.
        let end = self.kept.width;
        let last: [u8; 2] = *line.chroma.get(end - 2..)?.first_chunk()?;
        *line.chroma.get_mut(end..)?.first_chunk_mut()? = last;
        Some(())
    }
}

/// The weights of all samples of a row: for each the first sample of the source, and a weight for it and those behind it,
/// sixteen bits each. A sample has `N` channels.
struct Table<'a, const N: usize> {
    entries: &'a mut [u8],
    taps: usize,
}

/// The bytes of one entry.
const fn entry(taps: usize) -> usize {
    2 * (1 + taps)
}

impl<'a, const N: usize> Table<'a, N> {
    fn new(axis: Axis, samples: u32, cutter: &mut Cutter<'a>) -> Option<Self> {
        let table = cutter.cut(entry(axis.taps) * samples as usize)?;
        let mut rest = &mut *table;
        for index in 0..samples {
            let (one, others) = rest.split_at_mut_checked(entry(axis.taps))?;
            let (start, weights) = one.as_chunks_mut().0.split_first_mut()?;
            *start = (axis.weigh(index, weights) as u16).to_le_bytes();
            rest = others;
        }
        Some(Self { entries: table, taps: axis.taps })
    }

    /// Scales a row. The usual numbers of taps have code of their own.
    fn apply(&self, from: &[u8], to: &mut [u8]) -> Option<()> {
        match self.taps {
            2 => self.apply_fixed::<2, 6>(from, to),
            3 => self.apply_fixed::<3, 8>(from, to),
            4 => self.apply_fixed::<4, 10>(from, to),
            5 => self.apply_fixed::<5, 12>(from, to),
            6 => self.apply_fixed::<6, 14>(from, to),
            _ => self.apply_any(from, to),
        }
    }

    fn apply_fixed<const TAPS: usize, const ENTRY: usize>(&self, from: &[u8], to: &mut [u8]) -> Option<()> {
        let from = from.as_chunks::<N>().0;
        for (out, entry) in to.as_chunks_mut::<N>().0.iter_mut().zip(self.entries.as_chunks::<ENTRY>().0) {
            let (start, weights) = entry.as_chunks::<2>().0.split_first()?;
            let samples = from.get(usize::from(u16::from_le_bytes(*start))..)?.first_chunk::<TAPS>()?;
            *out = sum(samples, weights);
        }
        Some(())
    }

    fn apply_any(&self, from: &[u8], to: &mut [u8]) -> Option<()> {
        let from = from.as_chunks::<N>().0;
        let mut rest = &*self.entries;
        for out in to.as_chunks_mut::<N>().0 {
            let Some((one, others)) = rest.split_at_checked(entry(self.taps)) else { break };
            let (start, weights) = one.as_chunks::<2>().0.split_first()?;
            *out = sum(from.get(usize::from(u16::from_le_bytes(*start))..)?, weights);
            rest = others;
        }
        Some(())
    }
}

/// Samples, weighed.
#[inline(always)]
fn sum<const N: usize>(samples: &[[u8; N]], weights: &[[u8; 2]]) -> [u8; N] {
    let mut sums = [UNIT / 2; N];
    for (sample, weight) in samples.iter().zip(weights) {
        let weight = u32::from(u16::from_le_bytes(*weight));
        for (sum, channel) in sums.iter_mut().zip(sample) {
            *sum += weight * u32::from(*channel);
        }
    }
    sums.map(|sum| (sum >> 14).to_le_bytes()[0])
}

/// Rows that have the right length, each in the place of its number modulo their count: luma, then chroma.
struct Kept<'a> {
    rows: &'a mut [u8],
    width: usize,
    count: usize,
}

impl Kept<'_> {
    /// Where a row begins.
    fn place(&self, row: u32) -> usize {
        (row as usize).checked_rem(self.count).unwrap_or(0) * 2 * padded(self.width)
    }

    fn row_mut(&mut self, row: u32) -> Option<(&mut [u8], &mut [u8])> {
        let place = self.place(row);
        let room = padded(self.width);
        self.rows.get_mut(place..)?.get_mut(..2 * room)?.split_at_mut_checked(room)
    }

    /// Luma (`half` 0) or chroma (1) of a row.
    fn half(&self, row: u32, half: usize) -> Option<&[u8]> {
        let room = padded(self.width);
        self.rows.get(self.place(row) + half * room..)?.get(..room)
    }

    /// Weighs luma or chroma of the rows from `start` on.
    fn weigh(
        &self,
        start: u32,
        weights: &[[u8; 2]],
        half: usize,
        sums: &mut [u8],
        out: &mut [u8],
    ) -> Option<()> {
        let mut rows = (start..).zip(weights.iter().map(|weight| u16::from_le_bytes(*weight)));
        let mut next = || rows.next().map(|(row, weight)| Some((self.half(row, half)?, weight)));
        if let [_, _] = weights {
            let ((a, one), (b, two)) = (next()??, next()??);
            for (out, (a, b)) in out.iter_mut().zip(a.iter().zip(b)) {
                let sum = part(*a, one) + part(*b, two) + HALF;
                [*out, _] = (sum >> SHIFT).to_le_bytes();
            }
            return Some(());
        }
        let sums = sums.as_chunks_mut::<2>().0;
        sums.fill(HALF.to_le_bytes());
        while let Some(row) = next() {
            let (row, weight) = row?;
            for (sum, sample) in sums.iter_mut().zip(row) {
                *sum = (u16::from_le_bytes(*sum) + part(*sample, weight)).to_le_bytes();
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            [*out, _] = (u16::from_le_bytes(*sum) >> SHIFT).to_le_bytes();
        }
        Some(())
    }
}

/// What a sample with a weight is worth, in 128ths: products of sixteen bits, so that the compiler uses vectors.
#[inline(always)]
const fn part(sample: u8, weight: u16) -> u16 {
    let sample = sample as u16;
    sample * (weight >> SHIFT) + ((sample * (weight & 127) + HALF) >> SHIFT)
}

const SHIFT: u32 = 7;
const HALF: u16 = 64;
