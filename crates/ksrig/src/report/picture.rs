//! Pictures people look at: RGB, made from a driver's frames.

use crate::client::Pixels;

/// An RGB picture, 8 bits a channel, no padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red, green, blue, row by row from the top.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A picture of one colour.
    pub fn new(width: u32, height: u32, colour: [u8; 3]) -> Self {
        let rgb = colour.repeat(width as usize * height as usize);
        Self { width, height, rgb }
    }

    /// A frame as a picture no wider than `limit`: each pixel is the mean of the samples it covers.
    pub fn from_frame(pixels: Pixels, width: u32, height: u32, frame: &[u8], limit: u32) -> Self {
        let step = width.div_ceil(limit).max(1);
        let (w, h) = ((width / step).max(1), (height / step).max(1));
        let mut rgb = Vec::with_capacity(w as usize * h as usize * 3);
        for row in 0..h {
            for column in 0..w {
                let mut sum = [0u32; 3];
                for y in row * step..(row + 1) * step {
                    for x in column * step..(column + 1) * step {
                        let sample =
                            sample(pixels, width, height, frame, x.min(width - 1), y.min(height - 1));
                        sum.iter_mut().zip(sample).for_each(|(sum, sample)| *sum += u32::from(sample));
                    }
                }
                let mean = sum.map(|sum| (sum / (step * step)) as u8);
                rgb.extend(if pixels.is_rgb() { mean } else { to_rgb(mean) });
            }
        }
        Self { width: w, height: h, rgb }
    }

    /// Copies another picture into this one; what hangs over is cut off.
    pub fn paste(&mut self, other: &Self, left: u32, top: u32) {
        let columns = other.width.min(self.width.saturating_sub(left)) as usize * 3;
        for row in 0..other.height.min(self.height.saturating_sub(top)) {
            let from = &other.rgb[(row * other.width) as usize * 3..][..columns];
            self.rgb[((top + row) * self.width + left) as usize * 3..][..columns].copy_from_slice(from);
        }
    }

    /// The picture as a PNG file.
    pub fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        // Writing to memory cannot fail, and the data has the size that was announced.
        let mut writer = encoder.write_header().expect("a PNG header");
        writer.write_image_data(&self.rgb).expect("PNG data of the announced size");
        drop(writer);
        bytes
    }
}

/// Luma and both chroma samples of a pixel, or its red, green and blue.
fn sample(pixels: Pixels, width: u32, height: u32, frame: &[u8], x: u32, y: u32) -> [u8; 3] {
    let row = pixels.stride(width);
    let (width, height, x, y) = (width as usize, height as usize, x as usize, y as usize);
    let at = |index: usize| frame.get(index).copied().unwrap_or_default();
    if pixels.is_rgb() {
        // From the bottom up, as a positive biHeight says.
        let pixel = (height - 1 - y) * row + x * usize::from(pixels.bits) / 8;
        [at(pixel + 2), at(pixel + 1), at(pixel)]
    } else if pixels == Pixels::YUY2 {
        let pair = y * row + x / 2 * 4;
        [at(pair + x % 2 * 2), at(pair + 1), at(pair + 3)]
    } else {
        let pair = width * height + y / 2 * row + x / 2 * 2;
        [at(y * row + x), at(pair), at(pair + 1)]
    }
}

/// ITU-R BT.601, limited range, in 16.16 fixed point.
fn to_rgb([y, u, v]: [u8; 3]) -> [u8; 3] {
    let (y, u, v) = ((i32::from(y) - 16) * 76309, i32::from(u) - 128, i32::from(v) - 128);
    let channel = |value: i32| ((value + 32768) >> 16).clamp(0, 255) as u8;
    [channel(y + 104597 * v), channel(y - 25675 * u - 53279 * v), channel(y + 132201 * u)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_bt601() {
        assert_eq!(to_rgb([16, 128, 128]), [0, 0, 0]);
        assert_eq!(to_rgb([235, 128, 128]), [255, 255, 255]);
        assert_eq!(to_rgb([81, 90, 240]), [254, 0, 0]);
        assert_eq!(to_rgb([145, 54, 34]), [0, 255, 1]);
        assert_eq!(to_rgb([41, 240, 110]), [0, 0, 255]);
    }

    #[test]
    fn both_arrangements_give_the_same_picture() {
        let rgb24: &[u8] = &[0, 0, 254, 0, 0, 254, 7, 7, 0, 0, 254, 0, 0, 254, 7, 7];
        let rgb24 = Picture::from_frame(Pixels::RGB24, 2, 2, rgb24, 2);
        let nv12 = Picture::from_frame(Pixels::NV12, 2, 2, &[81, 81, 81, 81, 90, 240], 2);
        assert_eq!(rgb24, nv12);
        let yuy2 = Picture::from_frame(Pixels::YUY2, 2, 2, &[81, 90, 81, 240, 81, 90, 81, 240], 2);
        assert_eq!(nv12, yuy2);
        assert_eq!(nv12.rgb, [254, 0, 0].repeat(4));
    }

    #[test]
    fn a_short_frame_is_no_reason_to_stop() {
        let picture = Picture::from_frame(Pixels::NV12, 1920, 1080, &[1, 2, 3], 320);
        assert_eq!((picture.width, picture.height), (320, 180));
    }

    #[test]
    fn a_png_can_be_read_again() {
        let picture = Picture::new(3, 2, [1, 2, 3]);
        let mut reader = png::Decoder::new(std::io::Cursor::new(picture.png())).read_info().unwrap();
        let mut rgb = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut rgb).unwrap();
        assert_eq!(rgb, picture.rgb);
    }
}
