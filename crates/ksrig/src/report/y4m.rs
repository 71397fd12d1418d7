//! YUV4MPEG2 files: the plain video files that ffmpeg, mpv and others read and write.
//!
//! A file holds planes, a driver's frame does not: `C420…` and NV12, `C422` and YUY2 hold the same samples in
//! another order, so [`pack`] and [`unpack`] lose nothing and each undoes the other.

use std::io::{self, BufRead, Write};

use crate::client::Pixels;

/// What the header of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames in a second, as a fraction.
    pub rate: (u32, u32),
    /// The arrangement a driver uses for the same samples.
    pub pixels: Pixels,
    /// The line as it stands in the file, without the line feed.
    pub line: String,
}

/// Why a file cannot be read. Every message says what to do about it or where the damage is.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The first line is not a header.
    #[error("not a YUV4MPEG2 file (make one with `ffmpeg -i VIDEO -pix_fmt yuv420p FILE.y4m`)")]
    NotY4m,
    /// A header field is missing or no number.
    #[error("the y4m header has a bad or missing {0} field: {1:?}")]
    Field(char, String),
    /// A colour space other than 4:2:0 and 4:2:2 with 8 bits.
    #[error(
        "y4m colour space C{0} is not supported: use 8-bit 4:2:0 or 4:2:2 (ffmpeg -pix_fmt yuv420p or yuv422p)"
    )]
    ColourSpace(String),
    /// A size that has half a chroma sample, or is zero or absurd.
    #[error("the y4m frame size {0}x{1} is not supported: width and height must be even, 2 to 16384")]
    Size(u32, u32),
    /// Something else where a frame should start.
    #[error("y4m frame {0} does not start with FRAME: the file is damaged")]
    NoFrame(u64),
    /// The file ends in the middle of a frame.
    #[error("the y4m file ends in frame {frame}: {found} of {expected} bytes")]
    Cut {
        /// Its number, from 0.
        frame: u64,
        /// The bytes that are there.
        found: usize,
        /// The bytes of a frame.
        expected: usize,
    },
}

impl Header {
    /// A header for frames of this arrangement.
    pub fn new(pixels: Pixels, width: u32, height: u32, rate: (u32, u32)) -> Self {
        let colour = if pixels == Pixels::YUY2 { "422" } else { "420mpeg2" };
        let line = format!("YUV4MPEG2 W{width} H{height} F{}:{} Ip A1:1 C{colour}", rate.0, rate.1);
        Self { width, height, rate, pixels, line }
    }

    /// Reads the first line of a file.
    pub fn parse(line: &str) -> Result<Self, Error> {
        let mut words = line.split(' ');
        if words.next() != Some("YUV4MPEG2") {
            return Err(Error::NotY4m);
        }
        let (mut width, mut height, mut rate) = (None, None, None);
        let mut pixels = Pixels::NV12;
        for word in words.filter(|word| !word.is_empty()) {
            let (key, value) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
            let bad = |key: char| Error::Field(key, value.to_owned());
            match key {
                "W" => width = Some(value.parse().map_err(|_| bad('W'))?),
                "H" => height = Some(value.parse().map_err(|_| bad('H'))?),
                "F" => {
                    let (count, seconds) = value.split_once(':').ok_or_else(|| bad('F'))?;
                    let parsed = count.parse().ok().zip(seconds.parse().ok());
                    rate = Some(parsed.filter(|rate| rate.0 != 0 && rate.1 != 0).ok_or_else(|| bad('F'))?);
                }
                "C" => {
                    pixels = match value {
                        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Pixels::NV12,
                        "422" => Pixels::YUY2,
                        _ => return Err(Error::ColourSpace(value.to_owned())),
                    }
                }
                _ => {}
            }
        }
        let missing = |key| Error::Field(key, String::new());
        let (width, height) = (width.ok_or_else(|| missing('W'))?, height.ok_or_else(|| missing('H'))?);
        let even = |size: u32| size.is_multiple_of(2) && (2..=16384).contains(&size);
        if !even(width) || !even(height) {
            return Err(Error::Size(width, height));
        }
        Ok(Self { width, height, rate: rate.unwrap_or((30, 1)), pixels, line: line.to_owned() })
    }

    /// The bytes of a frame, without its `FRAME` line.
    pub fn frame_len(&self) -> usize {
        self.pixels.frame_len(self.width, self.height)
    }
}

/// Reads a file frame by frame.
pub struct Reader<R> {
    /// The file's header.
    pub header: Header,
    input: R,
    frame: u64,
    planes: Vec<u8>,
}

/// Longer lines are no header.
const MAX_LINE: u64 = 4096;

fn line(input: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    io::Read::take(input, MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line)
}

impl<R: BufRead> Reader<R> {
    /// Reads the header.
    pub fn new(mut input: R) -> Result<Self, Error> {
        let first = line(&mut input)?;
        let text = first.strip_suffix(b"\n").and_then(|text| std::str::from_utf8(text).ok());
        let header = Header::parse(text.ok_or(Error::NotY4m)?)?;
        let planes = vec![0; header.frame_len()];
        Ok(Self { header, input, frame: 0, planes })
    }

    /// The next frame in the driver's arrangement; false at the end of the file.
    pub fn read(&mut self, frame: &mut [u8]) -> Result<bool, Error> {
        let first = line(&mut self.input)?;
        if first.is_empty() {
            return Ok(false);
        }
        let marker = first.strip_suffix(b"\n").ok_or(Error::NoFrame(self.frame))?;
        if marker != b"FRAME" && !marker.starts_with(b"FRAME ") {
            return Err(Error::NoFrame(self.frame));
        }
        let expected = self.planes.len();
        let mut found = 0;
        while found < expected {
            match self.input.read(&mut self.planes[found..]) {
                Ok(0) => return Err(Error::Cut { frame: self.frame, found, expected }),
                Ok(count) => found += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        pack(self.header.pixels, &self.planes, frame);
        self.frame += 1;
        Ok(true)
    }
}

/// Writes a file frame by frame.
pub struct Writer<W> {
    header: Header,
    output: W,
    planes: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    pub fn new(mut output: W, header: Header) -> io::Result<Self> {
        writeln!(output, "{}", header.line)?;
        let planes = vec![0; header.frame_len()];
        Ok(Self { header, output, planes })
    }

    /// Appends a frame that comes in the driver's arrangement.
    pub fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        unpack(self.header.pixels, frame, &mut self.planes);
        self.output.write_all(b"FRAME\n")?;
        self.output.write_all(&self.planes)
    }

    /// Writes out what is buffered.
    pub fn finish(mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Planes to the driver's arrangement: I420 to NV12, planar 4:2:2 to YUY2.
pub fn pack(pixels: Pixels, planes: &[u8], frame: &mut [u8]) {
    if pixels == Pixels::YUY2 {
        let (y, u, v) = planes_422(planes);
        let (luma, chroma) = (y.chunks_exact(2), u.iter().zip(v));
        for (out, (y, (u, v))) in frame.chunks_exact_mut(4).zip(luma.zip(chroma)) {
            out.copy_from_slice(&[y[0], *u, y[1], *v]);
        }
    } else {
        let (y, chroma) = planes.split_at(planes.len() / 3 * 2);
        let (u, v) = chroma.split_at(chroma.len() / 2);
        frame[..y.len()].copy_from_slice(y);
        for (out, (u, v)) in frame[y.len()..].chunks_exact_mut(2).zip(u.iter().zip(v)) {
            out.copy_from_slice(&[*u, *v]);
        }
    }
}

/// The driver's arrangement to planes: undoes [`pack`].
pub fn unpack(pixels: Pixels, frame: &[u8], planes: &mut [u8]) {
    if pixels == Pixels::YUY2 {
        let (y, chroma) = planes.split_at_mut(planes.len() / 2);
        let (u, v) = chroma.split_at_mut(chroma.len() / 2);
        let chroma = u.iter_mut().zip(v);
        for (quad, (y, (u, v))) in frame.chunks_exact(4).zip(y.chunks_exact_mut(2).zip(chroma)) {
            (y[0], *u, y[1], *v) = (quad[0], quad[1], quad[2], quad[3]);
        }
    } else {
        let (y, chroma) = planes.split_at_mut(planes.len() / 3 * 2);
        let (u, v) = chroma.split_at_mut(chroma.len() / 2);
        let (luma, pairs) = frame.split_at(y.len());
        y.copy_from_slice(luma);
        for (pair, (u, v)) in pairs.chunks_exact(2).zip(u.iter_mut().zip(v)) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
}

fn planes_422(planes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let (y, chroma) = planes.split_at(planes.len() / 2);
    let (u, v) = chroma.split_at(chroma.len() / 2);
    (y, u, v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 31 + i / 256 * 7) as u8).collect()
    }

    fn file(header: &str, frames: &[&[u8]]) -> Vec<u8> {
        let mut file = format!("{header}\n").into_bytes();
        for frame in frames {
            file.extend(b"FRAME\n");
            file.extend(*frame);
        }
        file
    }

    #[test]
    fn what_is_read_and_written_again_is_the_same_file() {
        for (colour, len) in [("420jpeg", 8 * 6 * 3 / 2), ("420mpeg2", 72), ("422", 96)] {
            let header = format!("YUV4MPEG2 W8 H6 F30000:1001 Ip A1:1 C{colour} XYSCSS=X");
            let (first, second) = (bytes(len), bytes(len).into_iter().rev().collect::<Vec<_>>());
            let input = file(&header, &[&first, &second]);
            let mut reader = Reader::new(input.as_slice()).unwrap();
            let mut output = Vec::new();
            let mut writer = Writer::new(&mut output, reader.header.clone()).unwrap();
            let mut frame = vec![0; reader.header.frame_len()];
            while reader.read(&mut frame).unwrap() {
                writer.write(&frame).unwrap();
            }
            writer.finish().unwrap();
            assert_eq!(output, input);
        }
    }

    #[test]
    fn the_arrangements_are_those_of_the_fourccs() {
        let mut nv12 = [0; 12];
        pack(Pixels::NV12, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], &mut nv12);
        assert_eq!(nv12, [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 10, 12]);
        let mut yuy2 = [0; 8];
        pack(Pixels::YUY2, &[1, 2, 3, 4, 5, 6, 7, 8], &mut yuy2);
        assert_eq!(yuy2, [1, 5, 2, 7, 3, 6, 4, 8]);
    }

    fn refused(file: &[u8]) -> String {
        let error = Reader::new(file).and_then(|mut reader| {
            let mut frame = vec![0; reader.header.frame_len()];
            while reader.read(&mut frame)? {}
            Ok(())
        });
        error.unwrap_err().to_string()
    }

    #[test]
    fn malformed_files_are_refused_with_a_reason() {
        assert!(refused(b"").contains("not a YUV4MPEG2"));
        assert!(refused(b"\0\0\0\x20ftypisom").contains("not a YUV4MPEG2"));
        assert!(refused(b"YUV4MPEG2 W8 H6").contains("not a YUV4MPEG2"), "no end of line");
        assert!(refused(b"YUV4MPEG2 H6 F1:1\n").contains("W field"));
        assert!(refused(b"YUV4MPEG2 W8 Hx F1:1\n").contains("H field"));
        assert!(refused(b"YUV4MPEG2 W8 H6 F30\n").contains("F field"));
        assert!(refused(b"YUV4MPEG2 W8 H6 F30:0\n").contains("F field"));
        assert!(refused(b"YUV4MPEG2 W7 H6 F30:1\n").contains("even"));
        assert!(refused(b"YUV4MPEG2 W99999998 H6 F30:1\n").contains("16384"));
        assert!(refused(b"YUV4MPEG2 W8 H6 F30:1 C444\n").contains("C444"));
        assert!(refused(b"YUV4MPEG2 W8 H6 F30:1 C420p10\n").contains("C420p10"));
        assert!(refused(&file("YUV4MPEG2 W8 H6 F1:1", &[&[0; 71]])).contains("71 of 72"));
        assert!(refused(&file("YUV4MPEG2 W8 H6 F1:1", &[&[0; 73]])).contains("frame 1"));
        assert!(refused(b"YUV4MPEG2 W8 H6 F1:1\nFRAMES\n").contains("frame 0"));
    }
}
