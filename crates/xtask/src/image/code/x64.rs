//! x64: SSE and SSE2 are free to use; x87 and MMX are not, AVX needs its state saved.

use anyhow::Result;
use iced_x86::{Code, CpuidFeature, Decoder, DecoderOptions, Instruction};

use super::Fault;
use crate::{build::Flavour, image::parse::Image};

/// What is told of good code.
pub const GOOD: &str = "no x87, MMX or AVX, nothing newer than SSE2";

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

/// Decodes functions.
pub fn faults(image: &Image, flavour: Flavour, functions: &[(u32, u32)]) -> Result<Vec<Fault>> {
    let mut faults = Vec::new();
    for &(begin, end) in functions {
        let code = image.bytes(begin, (end - begin) as usize)?;
        let mut decoder = Decoder::with_ip(64, code, u64::from(begin), DecoderOptions::NONE);
        let mut instruction = Instruction::default();
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            let at = u32::try_from(instruction.ip())?;
            if let Some(objection) = objection(&instruction, flavour) {
                faults.push((at, objection));
            }
            if instruction.is_invalid() {
                break;
            }
        }
    }
    Ok(faults)
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
