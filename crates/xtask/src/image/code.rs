//! Every instruction: only what each x64 processor has and the kernel allows without saving more state.
//!
//! SSE and SSE2 are free to use; x87 and MMX are not, AVX needs its state saved. The code is found by functions, from
//! .pdata, the exports and the map, because compilers may put tables between functions.

use std::collections::BTreeSet;

use anyhow::Result;
use iced_x86::{Code, CpuidFeature, Decoder, DecoderOptions, Instruction};
use object::LittleEndian as LE;

use super::{
    parse::{Image, is_executable},
    report::Report,
    unwind,
};
use crate::build::Flavour;

/// What every x64 processor that Windows runs on has, and no more state than the kernel keeps for itself.
fn is_everywhere(feature: CpuidFeature) -> bool {
    use CpuidFeature as F;

    matches!(
        feature,
        F::INTEL8086
            | F::INTEL8086_ONLY
            | F::INTEL186
            | F::INTEL286
            | F::INTEL386
            | F::INTEL486
            | F::X64
            | F::CPUID
            | F::TSC
            | F::MSR
            | F::CX8
            | F::CMOV
            | F::FXSR
            | F::MULTIBYTENOP
            | F::PAUSE
            | F::SYSCALL
            | F::SSE
            | F::SSE2
            | F::CET_IBT // a no-op where the processor does not know it
    )
}

/// Decodes every function.
pub fn check(image: &Image, flavour: Flavour, report: &mut Report) -> Result<()> {
    let mut faults = BTreeSet::new();
    let (mut functions, mut bytes) = (0, 0);
    for (begin, end) in ranges(image)? {
        functions += 1;
        bytes += end - begin;
        let code = image.bytes(begin, (end - begin) as usize)?;
        let mut decoder = Decoder::with_ip(64, code, u64::from(begin), DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let at = u32::try_from(instruction.ip())?;
            if let Some(objection) = objection(&instruction, flavour) {
                faults.insert((at, objection));
            }
            if instruction.is_invalid() {
                break;
            }
        }
    }
    const SHOWN: usize = 20;
    for (at, objection) in faults.iter().take(SHOWN) {
        report.bad("code", format!("{}: {objection}", image.place(*at)));
    }
    if faults.len() > SHOWN {
        report.bad("code", format!("and {} more", faults.len() - SHOWN));
    }
    if functions == 0 {
        report.bad("code", "no function found");
    } else if faults.is_empty() {
        report.good(
            "code",
            format!("{functions} functions, {bytes} bytes: no x87, MMX or AVX, nothing newer than SSE2"),
        );
    }
    Ok(())
}

fn objection(instruction: &Instruction, flavour: Flavour) -> Option<String> {
    if instruction.is_invalid() {
        return Some("not an instruction".into());
    }
    if flavour == Flavour::Downlevel
        && instruction.code() == Code::Int_imm8
        && instruction.immediate8() == 0x29
    {
        return Some("int 29h, which Windows knows from 8 on".into());
    }
    let features = instruction.cpuid_features();
    let foreign: Vec<String> = features
        .iter()
        .filter(|&&feature| !is_everywhere(feature))
        .map(|feature| format!("{feature:?}"))
        .collect();
    (!foreign.is_empty()).then(|| format!("{:?} is of {}", instruction.mnemonic(), foreign.join(", ")))
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
