//! What a video header says about the picture, whichever of the two structures it is.

use crate::{
    ffi::{KS_BITMAPINFOHEADER, KS_VIDEOINFOHEADER, KS_VIDEOINFOHEADER2, RECT},
    raw,
};

/// What `KS_VIDEOINFOHEADER` and `KS_VIDEOINFOHEADER2` have in common, and what the second has beyond it.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ksmedia/ns-ksmedia-tagks_videoinfoheader2>
#[derive(Clone, Copy)]
pub struct VideoInfo<'a> {
    /// Which part of the signal is used; empty: all of it.
    pub source: &'a RECT,
    /// Which part of a frame is used; empty: all of it.
    pub target: &'a RECT,
    /// The time from one frame to the next, in 100 ns.
    pub interval: i64,
    /// The frame.
    pub bitmap: &'a KS_BITMAPINFOHEADER,
    /// What `KS_VIDEOINFOHEADER` does not have.
    pub extension: Option<VideoExtension>,
}

/// What `KS_VIDEOINFOHEADER2` has beyond `KS_VIDEOINFOHEADER`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoExtension {
    /// `KS_INTERLACE_…`
    pub interlace: u32,
    /// Whether duplication is restricted.
    pub copy_protection: u32,
    /// The shape of the whole picture.
    pub aspect: (u32, u32),
    /// `AMCONTROL_…`, and a `DXVA_ExtendedFormat`.
    pub control: u32,
    /// `dwReserved2`, which is to be zero.
    pub reserved: u32,
}

impl VideoExtension {
    /// The structure with these members and those of another.
    pub(crate) const fn with(self, info: &KS_VIDEOINFOHEADER) -> KS_VIDEOINFOHEADER2 {
        let mut whole = raw::video_info2(self.control);
        whole.rcSource = info.rcSource;
        whole.rcTarget = info.rcTarget;
        whole.dwBitRate = info.dwBitRate;
        whole.dwBitErrorRate = info.dwBitErrorRate;
        whole.AvgTimePerFrame = info.AvgTimePerFrame;
        whole.dwInterlaceFlags = self.interlace;
        whole.dwCopyProtectFlags = self.copy_protection;
        (whole.dwPictAspectRatioX, whole.dwPictAspectRatioY) = self.aspect;
        whole.dwReserved2 = self.reserved;
        whole.bmiHeader = info.bmiHeader;
        whole
    }
}

impl<'a> From<&'a KS_VIDEOINFOHEADER> for VideoInfo<'a> {
    fn from(info: &'a KS_VIDEOINFOHEADER) -> Self {
        Self {
            source: &info.rcSource,
            target: &info.rcTarget,
            interval: info.AvgTimePerFrame,
            bitmap: &info.bmiHeader,
            extension: None,
        }
    }
}

impl<'a> From<&'a KS_VIDEOINFOHEADER2> for VideoInfo<'a> {
    fn from(info: &'a KS_VIDEOINFOHEADER2) -> Self {
        Self {
            source: &info.rcSource,
            target: &info.rcTarget,
            interval: info.AvgTimePerFrame,
            bitmap: &info.bmiHeader,
            extension: Some(VideoExtension {
                interlace: info.dwInterlaceFlags,
                copy_protection: info.dwCopyProtectFlags,
                aspect: (info.dwPictAspectRatioX, info.dwPictAspectRatioY),
                control: raw::control_flags(info),
                reserved: info.dwReserved2,
            }),
        }
    }
}

/// Where the pixels of a frame lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surface {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Pixels from the beginning of a row to that of the next: at least as many as there are in one.
    pub pitch: u32,
    /// Whether the first row in memory is the upper one. Uncompressed RGB only: YUV always is.
    pub is_top_down: bool,
}

impl VideoInfo<'_> {
    /// The frame's surface: `biWidth` is its pitch, and the target rectangle, if there is one, its width. `None` if the
    /// numbers are those of no surface, if something is cut off, or if the picture begins elsewhere than at the upper left
    /// corner.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/stream/handling-stride-in-avstream-codecs>
    // ASSUMED: a target narrower than `biWidth` is what says that rows are longer than the picture; the page on surface
    // parameters (`stream/data-range-intersections-in-avstream`) does not say in which members they are.
    #[must_use]
    pub fn surface(&self) -> Option<Surface> {
        const SIZE: u32 = size_of::<KS_BITMAPINFOHEADER>() as u32;
        let bitmap = self.bitmap;
        if bitmap.biSize < SIZE || bitmap.biPlanes != 1 || bitmap.biHeight == 0 {
            return None;
        }
        let pitch = u32::try_from(bitmap.biWidth).ok().filter(|pitch| *pitch > 0)?;
        let height = bitmap.biHeight.unsigned_abs();
        let (source, target) = (part(self.source)?, part(self.target)?);
        let (width, rows) = target.or(source).unwrap_or((pitch, height));
        let is_whole = source.is_none_or(|source| source == (width, height));
        if !is_whole || rows != height || width > pitch {
            return None;
        }
        Some(Surface { width, height, pitch, is_top_down: bitmap.biHeight < 0 })
    }
}

/// Width and height of a rectangle at the upper left corner; `Some(None)` if it is empty in the way that means nothing.
fn part(rectangle: &RECT) -> Option<Option<(u32, u32)>> {
    match *rectangle {
        RECT { left: 0, top: 0, right: 0, bottom: 0 } => Some(None),
        RECT { left: 0, top: 0, right, bottom } if right > 0 && bottom > 0 => {
            Some(Some((right.unsigned_abs(), bottom.unsigned_abs())))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: RECT = RECT { left: 0, top: 0, right: 0, bottom: 0 };

    const fn whole(right: i32, bottom: i32) -> RECT {
        RECT { left: 0, top: 0, right, bottom }
    }

    fn surface(width: i32, height: i32, source: RECT, target: RECT) -> Option<Surface> {
        let info = KS_VIDEOINFOHEADER {
            rcSource: source,
            rcTarget: target,
            bmiHeader: KS_BITMAPINFOHEADER {
                biSize: 40,
                biWidth: width,
                biHeight: height,
                biPlanes: 1,
                ..Default::default()
            },
            ..Default::default()
        };
        let extension = VideoExtension { control: 0x1234_5678, aspect: (16, 9), ..Default::default() };
        let second = extension.with(&info);
        let (first, second) = (VideoInfo::from(&info), VideoInfo::from(&second));
        assert_eq!(second.extension, Some(extension), "what is written is read");
        assert_eq!(first.surface(), second.surface(), "both structures say the same");
        first.surface()
    }

    #[test]
    fn pitch_is_the_width_of_the_bitmap() {
        let expected = Surface { width: 16, height: 8, pitch: 16, is_top_down: false };
        assert_eq!(surface(16, 8, EMPTY, EMPTY), Some(expected));
        assert_eq!(surface(16, 8, whole(16, 8), whole(16, 8)), Some(expected));
        assert_eq!(surface(16, -8, EMPTY, EMPTY), Some(Surface { is_top_down: true, ..expected }));
        let wider = Some(Surface { pitch: 64, ..expected });
        assert_eq!(surface(64, 8, EMPTY, whole(16, 8)), wider);
        assert_eq!(surface(64, 8, whole(16, 8), whole(16, 8)), wider);
        assert_eq!(surface(64, 8, whole(16, 8), EMPTY), wider);
    }

    #[test]
    fn what_is_no_surface() {
        for (width, height) in [(0, 8), (-16, 8), (16, 0), (i32::MIN, 8), (-1, -1)] {
            assert_eq!(surface(width, height, EMPTY, EMPTY), None, "{width}x{height}");
        }
        // Cut off, moved, upside down, scaled, wider than its rows.
        for (source, target) in [
            (whole(8, 8), EMPTY),
            (RECT { left: 2, top: 0, right: 16, bottom: 8 }, EMPTY),
            (EMPTY, RECT { left: 0, top: 2, right: 16, bottom: 10 }),
            (EMPTY, whole(-16, 8)),
            (EMPTY, whole(16, 0)),
            (EMPTY, whole(i32::MIN, i32::MIN)),
            (EMPTY, whole(16, 6)),
            (EMPTY, whole(18, 8)),
            (whole(16, 8), whole(8, 8)),
        ] {
            let found = surface(16, 8, source, target);
            // A source alone is a narrower picture.
            let expected = (source.right == 8 && target.right == 0).then_some(Surface {
                width: 8,
                height: 8,
                pitch: 16,
                is_top_down: false,
            });
            assert_eq!(found, expected, "{source:?} {target:?}");
        }
        assert_eq!(
            surface(16, i32::MIN, EMPTY, EMPTY).map(|s| s.height),
            Some(1 << 31),
            "for the caller to judge"
        );
    }
}
