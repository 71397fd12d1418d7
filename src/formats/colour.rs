//! What the samples of a YUV picture mean.
//!
//! KS_VIDEOINFOHEADER2 can say it in its control flags. Where it does not, and in KS_VIDEOINFOHEADER, which cannot, the
//! size decides: BT.709 from 720 lines on and BT.601 below, both in limited range.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/ddi/ksmedia/ns-ksmedia-tagks_videoinfoheader2>

use avstream::ffi::{
    AMCONTROL_COLORINFO_PRESENT, AMCONTROL_USED, DXVA_NominalRange_Normal as FULL,
    DXVA_NominalRange_Wide as LIMITED, DXVA_NominalRangeShift, DXVA_VideoTransferMatrix_BT601 as BT601,
    DXVA_VideoTransferMatrix_BT709 as BT709, DXVA_VideoTransferMatrixShift,
};
use video::{Encoding, Format, Geometry, Matrix, Range};

/// The lines from which a picture is high definition.
const HIGH_DEFINITION: u32 = 720;
/// Matrix and range have three bits each.
const MASK: u32 = 7;

/// The encoding that goes with a size.
// ASSUMED: "the default is BT601 for standard definition (SD) video and BT709 for high definition (HD) video"
// (`ne-dxva-_dxva_videotransfermatrix.md`) without a number: 720 lines are the smallest high definition there is.
pub const fn of_size(geometry: Geometry) -> Encoding {
    let matrix = if geometry.height() < HIGH_DEFINITION { Matrix::Bt601 } else { Matrix::Bt709 };
    Encoding { matrix, range: Range::Limited }
}

/// The encoding of a picture with such control flags; `None` if it is one that we do not have.
pub const fn encoding(flags: u32, geometry: Geometry) -> Option<Encoding> {
    const PRESENT: u32 = AMCONTROL_USED | AMCONTROL_COLORINFO_PRESENT;
    let usual = of_size(geometry);
    if flags & PRESENT != PRESENT {
        return Some(usual);
    }
    let matrix = match flags >> DXVA_VideoTransferMatrixShift & MASK {
        0 => usual.matrix,
        BT709 => Matrix::Bt709,
        BT601 => Matrix::Bt601,
        _ => return None,
    };
    let range = match flags >> DXVA_NominalRangeShift & MASK {
        0 => usual.range,
        FULL => Range::Full,
        LIMITED => Range::Limited,
        _ => return None,
    };
    Some(Encoding { matrix, range })
}

/// The control flags of a picture: none if its encoding goes with its size.
pub const fn flags(format: Format) -> u32 {
    let (Encoding { matrix, range }, usual) = (format.encoding(), of_size(format.geometry));
    let is_usual = matches!(
        (matrix, usual.matrix, range),
        (Matrix::Bt601, Matrix::Bt601, Range::Limited) | (Matrix::Bt709, Matrix::Bt709, Range::Limited)
    );
    if format.pixel.is_rgb() || is_usual {
        return 0;
    }
    let matrix = match matrix {
        Matrix::Bt601 => BT601,
        Matrix::Bt709 => BT709,
    };
    let range = match range {
        Range::Full => FULL,
        Range::Limited => LIMITED,
    };
    AMCONTROL_USED
        | AMCONTROL_COLORINFO_PRESENT
        | matrix << DXVA_VideoTransferMatrixShift
        | range << DXVA_NominalRangeShift
}
