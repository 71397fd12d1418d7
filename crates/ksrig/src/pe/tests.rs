//! The loader against small images: good ones run, bad ones are refused by name.

use std::sync::Mutex;

use object::pe;

use super::error::{LoadError, Machine};
use super::image::{Image, Import};
use super::specimen::{AFTER_CALL, SELF, Specimen, set_checksum};
use super::stub::{PerThread, install_for_thread};
use super::unwind::{Context, Frame, backtrace};

static SEEN: Mutex<Option<(u32, Context)>> = Mutex::new(None);

extern "win64" fn answer() -> u32 {
    let noted = PerThread::noted();
    *SEEN.lock().unwrap() = Context::at_import(&noted).map(|context| (noted.tag, context));
    42
}

fn resolve(_dll: &str, name: &str) -> Option<Import> {
    (name == "KeGetAnswer").then_some(Import::Function { thunk: answer as *const () as usize, tag: 7 })
}

fn load(bytes: &[u8]) -> Result<Image, LoadError> {
    Image::load("specimen.sys", bytes, &mut resolve)
}

#[test]
fn a_driver_is_relocated_runs_and_its_stack_is_seen() {
    let image = load(&Specimen::default().build()).unwrap();
    assert_eq!(image.imports(), [("ntoskrnl.exe".to_owned(), "KeGetAnswer".to_owned())]);
    let slot = (image.base() + SELF as usize) as *const usize;
    // SAFETY: the slot lies in the mapped image.
    assert_eq!(unsafe { *slot }, slot as usize);

    install_for_thread();
    // SAFETY: the specimen's entry point has this signature.
    let entry: extern "win64" fn() -> u32 = unsafe { std::mem::transmute(image.entry()) };
    assert_eq!(entry(), 42);
    let (tag, context) = SEEN.lock().unwrap().take().unwrap();
    assert_eq!(tag, 7);
    let frame = Frame { image: "specimen.sys".to_owned(), offset: AFTER_CALL, symbol: None };
    assert_eq!(frame.to_string(), "specimen.sys+0x100a");
    assert_eq!(backtrace(&[&image], context), [frame]);
}

#[test]
fn what_is_no_image_is_refused() {
    assert!(matches!(load(b""), Err(LoadError::NotPe(_))));
    assert!(matches!(load(b"#!/bin/sh\n"), Err(LoadError::NotPe(_))));
    assert!(matches!(load(&[b'M'; 4096]), Err(LoadError::NotPe(_))));
    let mut bytes = Specimen::default().build();
    bytes[0x3c..0x40].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(load(&bytes), Err(LoadError::Truncated(_))));
}

#[test]
fn another_machine_is_named() {
    for (machine, expected) in
        [(pe::IMAGE_FILE_MACHINE_I386, Machine::X86), (pe::IMAGE_FILE_MACHINE_ARM64, Machine::Arm64)]
    {
        let bytes = Specimen { machine, ..Specimen::default() }.build();
        assert!(matches!(load(&bytes), Err(LoadError::WrongMachine(found)) if found == expected));
    }
}

#[test]
fn a_program_is_not_a_driver() {
    let bytes = Specimen { subsystem: pe::IMAGE_SUBSYSTEM_WINDOWS_CUI, ..Specimen::default() }.build();
    assert!(matches!(load(&bytes), Err(LoadError::NotNative(3))));
}

#[test]
fn a_wrong_checksum_is_refused() {
    let bytes = Specimen { checksum: false, ..Specimen::default() }.build();
    assert!(matches!(load(&bytes), Err(LoadError::BadChecksum { stored: 0, .. })));
    let mut bytes = Specimen::default().build();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    assert!(matches!(load(&bytes), Err(LoadError::BadChecksum { .. })));
}

#[test]
fn missing_imports_are_all_named() {
    let bytes = Specimen { import: "KsFrobnicate", ..Specimen::default() }.build();
    let error = load(&bytes).unwrap_err();
    assert_eq!(error.to_string(), "imports that nobody provides: ntoskrnl.exe!KsFrobnicate");
}

#[test]
fn sections_that_share_pages_are_refused() {
    let mut bytes = Specimen::default().build();
    let nt = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
    bytes[nt + 24 + 32..][..4].copy_from_slice(&0x200_u32.to_le_bytes());
    set_checksum(&mut bytes);
    assert!(matches!(load(&bytes), Err(LoadError::Unaligned(name)) if name == ".text"));
}

#[test]
fn a_writable_executable_section_is_refused() {
    let good = Specimen::default();
    let bytes = Specimen { text: good.text | pe::IMAGE_SCN_MEM_WRITE, ..good }.build();
    assert!(matches!(load(&bytes), Err(LoadError::WriteExecute(name)) if name == ".text"));
}

#[test]
fn a_fixed_image_is_refused() {
    let good = Specimen::default();
    let characteristics = good.characteristics | pe::IMAGE_FILE_RELOCS_STRIPPED;
    let bytes = Specimen { relocations: false, characteristics, ..good }.build();
    assert!(matches!(load(&bytes), Err(LoadError::NoRelocations)));
}

#[test]
fn a_truncated_image_is_refused_wherever_it_ends() {
    let bytes = Specimen::default().build();
    for len in (0..bytes.len()).step_by(64) {
        assert!(load(&bytes[..len]).is_err(), "{len} bytes were accepted");
        // The checksum hides what comes behind it, so once more with a right one.
        let mut bytes = bytes[..len].to_vec();
        if len > 0x200 {
            set_checksum(&mut bytes);
        }
        let _ = load(&bytes);
    }
}

#[test]
fn damage_never_panics() {
    let good = Specimen::default().build();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as usize
    };
    for _ in 0..3_000 {
        let mut bytes = good.clone();
        for _ in 0..random() % 6 + 1 {
            let at = random() % bytes.len();
            bytes[at] = if random() % 4 == 0 { 0xff } else { random() as u8 };
        }
        let nt = u32::from_le_bytes(bytes[0x3c..0x40].try_into().unwrap()) as usize;
        if nt + 92 < bytes.len() {
            set_checksum(&mut bytes);
        }
        // Unwinding reads the tables of whatever was accepted.
        if let Ok(image) = load(&bytes) {
            for offset in (0x1000..0x3000).step_by(13) {
                let rip = (image.base() + offset) as u64;
                backtrace(&[&image], Context { rip, registers: [0; 16], vectors: [0; 16] });
            }
        }
    }
}

#[test]
fn the_built_driver_loads() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/driver/default/loopcam.sys");
    if !path.exists() {
        eprintln!("skipped: run `cargo xtask build` first");
        return;
    }
    let image = Image::open(&path, &mut |_, _| Some(Import::function(answer as *const () as usize))).unwrap();
    assert!(image.imports().iter().any(|(dll, name)| dll == "ks.sys" && name == "KsInitializeDriver"));
}
