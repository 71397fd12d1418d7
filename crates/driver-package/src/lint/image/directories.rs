//! The directories: relocations, unwind data, and what the kernel does not have.

use object::{
    LittleEndian as LE,
    pe::{
        IMAGE_DIRECTORY_ENTRY_BASERELOC, IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR,
        IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT, IMAGE_DIRECTORY_ENTRY_EXCEPTION, IMAGE_DIRECTORY_ENTRY_TLS,
        IMAGE_FILE_MACHINE_AMD64,
    },
    read::pe::PeFile64,
};

use super::{
    super::{Check, Findings, ImageFile, Levels, Rule, Severity, image_file::directory},
    FORMAT, HVCI,
};

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE40",
        title: "the relocations can be read",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(relocations),
    },
    Rule {
        code: "PE41",
        title: "no relocation runs over the end of a page",
        // From 1703 on memory integrity takes them.
        levels: Levels::each([None, None, Some(Severity::Warning), None]),
        page: HVCI,
        check: Check::Image(straddling),
    },
    Rule {
        code: "PE42",
        title: "the unwind data is there, in order, and about the image",
        levels: Levels::ERROR,
        page: "win32/debug/pe-format#the-pdata-section",
        check: Check::Image(unwind),
    },
    Rule {
        code: "PE43",
        title: "the image has no thread-local storage",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            absent(
                file,
                findings,
                IMAGE_DIRECTORY_ENTRY_TLS,
                "thread-local storage",
                "keep no `thread` variables",
            );
        }),
    },
    Rule {
        code: "PE44",
        title: "the image has no delayed imports",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            absent(
                file,
                findings,
                IMAGE_DIRECTORY_ENTRY_DELAY_IMPORT,
                "delayed imports",
                "link without /DELAYLOAD",
            );
        }),
    },
    Rule {
        code: "PE45",
        title: "the image has no managed code",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(|file, findings| {
            absent(
                file,
                findings,
                IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR,
                "managed code",
                "compile without /clr",
            );
        }),
    },
];

fn absent(file: &ImageFile, findings: &mut Findings<'_>, index: usize, what: &str, advice: &str) {
    if file.pe().is_some_and(|pe| directory(&pe, index).is_some()) {
        findings.add(None, format!("the image has {what}, for which the kernel does nothing"), advice);
    }
}

/// The addresses to be adjusted.
fn relocated(pe: &PeFile64<'_>) -> object::read::Result<Vec<u32>> {
    let mut addresses = Vec::new();
    let Some(mut blocks) = pe.data_directories().relocation_blocks(pe.data(), &pe.section_table())? else {
        return Ok(addresses);
    };
    while let Some(block) = blocks.next()? {
        addresses.extend(block.map(|relocation| relocation.virtual_address));
    }
    Ok(addresses)
}

fn relocations(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let fault = match relocated(&pe) {
        _ if directory(&pe, IMAGE_DIRECTORY_ENTRY_BASERELOC).is_none() => "there are none".to_owned(),
        Ok(addresses) => {
            let outside =
                |address: &&u32| !pe.section_table().iter().any(|section| section.contains_rva(**address));
            match addresses.iter().find(outside) {
                Some(address) => format!("one is at {address:#x}, in no section"),
                None => return,
            }
        }
        Err(error) => format!("they are broken ({error})"),
    };
    findings.add(None, format!("relocations: {fault}"), "link with /DYNAMICBASE and without /FIXED");
}

fn straddling(file: &ImageFile, findings: &mut Findings<'_>) {
    let addresses = file.pe().and_then(|pe| relocated(&pe).ok()).unwrap_or_default();
    for address in addresses.into_iter().filter(|address| address % 0x1000 > 0x1000 - 8) {
        findings.add(
            None,
            format!(
                "the relocation at {address:#x} runs over the end of a page: refused before Windows 10 1703"
            ),
            "put no pointers into packed structures",
        );
    }
}

fn unwind(file: &ImageFile, findings: &mut Findings<'_>) {
    let Some(pe) = file.pe() else { return };
    let advice = "build it again with a compiler and linker that write unwind data";
    let Some(directory) = directory(&pe, IMAGE_DIRECTORY_ENTRY_EXCEPTION) else {
        return findings.add(
            None,
            "there is no unwind data (.pdata): an exception cannot be handled",
            advice,
        );
    };
    let (at, size) = (directory.virtual_address.get(LE), directory.size.get(LE) as usize);
    let Some(bytes) = pe.section_table().pe_data_at(pe.data(), at).and_then(|bytes| bytes.get(..size)) else {
        return findings.add(None, "the unwind data lies outside of the sections", advice);
    };
    let amd64 = pe.nt_headers().file_header.machine.get(LE) == IMAGE_FILE_MACHINE_AMD64;
    // Begin, end and unwind information; on ARM64 begin and the information.
    let entry = if amd64 { 12 } else { 8 };
    let mut end = 0;
    for (index, function) in bytes.chunks_exact(entry).enumerate() {
        let field = |at: usize| {
            let (fields, _) = function.as_chunks::<4>();
            u32::from_le_bytes(fields[at])
        };
        let (begin, after) = (field(0), if amd64 { field(1) } else { field(0) + 1 });
        let inside = pe.section_table().iter().any(|section| section.contains_rva(begin));
        if begin < end || after <= begin || !inside {
            return findings.add(
                None,
                format!("entry {index} of .pdata, {begin:#x} to {after:#x}, is out of order"),
                advice,
            );
        }
        end = after;
    }
    if !bytes.len().is_multiple_of(entry) {
        findings.add(None, "the unwind data ends in the middle of an entry", advice);
    }
}
