//! Every instruction: only what each processor has and the kernel allows without saving more state.
//!
//! The code is found by functions, from .pdata, the exports and the map, because compilers may put tables between
//! functions.

mod arm64;
mod x64;

use std::collections::BTreeSet;

use anyhow::Result;
use object::LittleEndian as LE;

use super::{
    parse::{Image, is_executable},
    report::Report,
    unwind,
};
use crate::build::Flavour;

/// Where, and what is wrong there.
type Fault = (u32, String);

/// Decodes every function.
pub fn check(image: &Image, flavour: Flavour, report: &mut Report) -> Result<()> {
    let functions = ranges(image)?;
    let bytes: u32 = functions.iter().map(|(begin, end)| end - begin).sum();
    let (faults, good) = match flavour {
        Flavour::Default | Flavour::Downlevel => (x64::faults(image, flavour, &functions)?, x64::GOOD),
        Flavour::Arm64 => (arm64::faults(image, &functions)?, arm64::GOOD),
    };
    let faults: BTreeSet<Fault> = faults.into_iter().collect();
    const SHOWN: usize = 20;
    for (at, objection) in faults.iter().take(SHOWN) {
        report.bad("code", format!("{}: {objection}", image.place(*at)));
    }
    if faults.len() > SHOWN {
        report.bad("code", format!("and {} more", faults.len() - SHOWN));
    }
    if functions.is_empty() {
        report.bad("code", "no function found");
    } else if faults.is_empty() {
        report.good("code", format!("{} functions, {bytes} bytes: {good}", functions.len()));
    }
    Ok(())
}

/// Where the functions are: from each known start to the known end, or to the next start or the section's end.
fn ranges(image: &Image) -> Result<Vec<(u32, u32)>> {
    let mut ranges = BTreeSet::new();
    let mut starts = BTreeSet::new();
    let with_unwind = unwind::functions(image)?;
    starts.extend(with_unwind.iter().map(|function| function.begin));
    starts.insert(image.header().address_of_entry_point.get(LE));
    starts.extend(image.exports()?.into_iter().map(|(_, rva)| rva));
    if let Some(map) = &image.map {
        starts.extend(map.symbols().iter().map(|symbol| symbol.rva));
    }
    starts.retain(|&rva| image.section_at(rva).is_some_and(is_executable));

    for function in &with_unwind {
        ranges.insert((function.begin, function.end));
    }
    for &begin in &starts {
        // Known by its unwind data, or a label inside such a function.
        if with_unwind.iter().any(|function| (function.begin..function.end).contains(&begin)) {
            continue;
        }
        let Some(section) = image.section_at(begin) else { continue };
        let size = section.virtual_size.get(LE).min(section.size_of_raw_data.get(LE));
        let section_end = section.virtual_address.get(LE) + size;
        let next = starts.range(begin + 1..).next().copied().unwrap_or(section_end).min(section_end);
        if next > begin {
            ranges.insert((begin, next));
        }
    }
    Ok(ranges.into_iter().collect())
}
