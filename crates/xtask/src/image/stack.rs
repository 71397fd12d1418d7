//! Stack frames: a kernel stack has 24 KB, for all drivers of a call together.

use anyhow::Result;

use super::{parse::Image, report::Report, unwind};

/// Over a page, the compiler would call `__chkstk` as well.
const LIMIT: u32 = 4096;

/// Looks at every function's unwind data.
pub fn check(image: &Image, report: &mut Report) -> Result<()> {
    let mut largest = (0, 0);
    let mut faults = 0;
    for function in unwind::functions(image)? {
        let frame = function.frame(image)?;
        largest = largest.max((frame, function.begin));
        if frame > LIMIT {
            faults += 1;
            report.bad("stack", format!("{frame} bytes in {}; at most {LIMIT}", image.place(function.begin)));
        }
    }
    if faults == 0 {
        let (frame, begin) = largest;
        let of = if begin == 0 { String::new() } else { format!(" in {}", image.place(begin)) };
        report.good("stack", format!("largest frame {frame} bytes{of}"));
    }
    Ok(())
}
