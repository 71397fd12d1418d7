//! A panic in a driver is a blue screen: the image must not have a way to one.
//!
//! Two signs, independent of each other: the panic handler (wdk-panic's) is the only user of KeBugCheckEx, so it is
//! not imported when the handler was dropped as unreachable; and no function of `core::panicking` is left.

use anyhow::Result;
use object::LittleEndian as LE;

use super::{
    parse::{Image, is_executable},
    report::Report,
};

/// Looks for both signs.
pub fn check(image: &Image, report: &mut Report) -> Result<()> {
    let bug_check =
        image.imports()?.iter().any(|module| module.functions.iter().any(|name| name == "KeBugCheckEx"));
    if bug_check {
        report.bad("panics", "KeBugCheckEx is imported: the panic handler can be reached");
    }
    let Some(map) = &image.map else {
        if !bug_check {
            report.good("panics", "KeBugCheckEx is not imported (no map beside the image to look for more)");
        }
        return Ok(());
    };
    if map.time_stamp != image.pe.nt_headers().file_header.time_date_stamp.get(LE) {
        report.bad("panics", "the map beside the image is of another link");
        return Ok(());
    }
    let in_code = |rva| image.section_at(rva).is_some_and(is_executable);
    let symbols: Vec<String> = map
        .symbols()
        .iter()
        .filter(|symbol| is_of_a_panic(&symbol.name) && in_code(symbol.rva))
        .map(|symbol| symbol.readable())
        .collect();
    if !symbols.is_empty() {
        report.bad("panics", format!("can happen, for these are in the code:\n{}", symbols.join("\n")));
    } else if !bug_check {
        report.good("panics", "no panicking branch: no KeBugCheckEx, no core::panicking in the code");
    }
    Ok(())
}

/// In either mangling, the path's parts stand with their lengths.
fn is_of_a_panic(symbol: &str) -> bool {
    ["4core9panicking", "17rust_begin_unwind", "5alloc18handle_alloc_error"]
        .iter()
        .any(|part| symbol.contains(part))
        || symbol == "rust_begin_unwind"
}
