//! A good image passes; every way to be bad is told, and nothing else is.

use super::{
    check,
    map::Map,
    parse::Image,
    specimen::{self, RETURN, Specimen, put16, put32, seal},
};
use crate::build::Flavour;

/// What is said against an image: `subject: reason`.
fn faults_of(file: &[u8], map: &str, flavour: Flavour) -> Vec<String> {
    let map = (!map.is_empty()).then(|| Map::parse(map).unwrap());
    let image = Image::parse(file, map).unwrap();
    let report = check(&image, flavour).unwrap();
    report.faults().map(|(subject, text)| format!("{subject}: {text}")).collect()
}

fn faults(specimen: &Specimen) -> Vec<String> {
    faults_of(&specimen.image(), &specimen.map(), Flavour::Default)
}

/// The one thing that is said against an image with something changed, the checksum made right again.
fn fault_when(change: impl FnOnce(&mut Vec<u8>)) -> String {
    let specimen = Specimen::default();
    let mut file = specimen.image();
    change(&mut file);
    seal(&mut file);
    one(faults_of(&file, &specimen.map(), Flavour::Default))
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{faults:#?}");
}

#[track_caller]
fn one(mut faults: Vec<String>) -> String {
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.remove(0)
}

#[track_caller]
fn assert_has(text: &str, part: &str) {
    assert!(text.contains(part), "`{text}` should contain `{part}`");
}

fn refusal(file: &[u8]) -> String {
    Image::parse(file, None).err().expect("should be refused").to_string()
}

#[test]
fn a_good_image_passes() {
    assert_none(&faults(&Specimen::default()));
    assert_none(&faults_of(&Specimen::default().image(), "", Flavour::Default));
}

#[test]
fn what_is_no_64_bit_driver_is_refused() {
    assert_has(&refusal(b""), "not a PE image");
    assert_has(&refusal(b"hello, this is a text of some length"), "not a PE image");
    assert_has(&refusal(&std::fs::read("/proc/self/exe").unwrap()), "not a PE image");
    let spoilt = |at, value| {
        let mut file = Specimen::default().image();
        put16(&mut file, at, &[value]);
        refusal(&file)
    };
    assert_has(&spoilt(specimen::MAGIC, 0x10b), "32-bit");
    assert_has(&spoilt(specimen::MACHINE, 0x1c4), "0x01c4");
    assert_has(&refusal(&Specimen::default().image()[..0x100]), "broken");
}

#[test]
fn headers() {
    assert_has(&fault_when(|file| put16(file, specimen::SUBSYSTEM, &[3])), "subsystem: 3");
    assert_has(
        &fault_when(|file| put16(file, specimen::SUBSYSTEM_VERSION, &[6, 0])),
        "version: subsystem 6.0",
    );
    assert_has(&fault_when(|file| put32(file, specimen::ENTRY, &[0x1004])), "DriverEntry is at 0x1000");
    assert_has(&fault_when(|file| put32(file, specimen::SECTION_ALIGNMENT, &[0x200])), "alignment: ");
    for (bit, name) in
        [(0x40, "DYNAMIC_BASE"), (0x100, "NX_COMPAT"), (0x80, "FORCE_INTEGRITY"), (0x2000, "WDM_DRIVER")]
    {
        assert_has(&fault_when(|file| put16(file, specimen::DLL_CHARACTERISTICS, &[0x21e0 & !bit])), name);
    }
    assert_has(&fault_when(|file| put16(file, specimen::CHARACTERISTICS, &[0x6022])), "UP_SYSTEM_ONLY");
    assert_has(&fault_when(|file| put16(file, specimen::CHARACTERISTICS, &[0x2023])), "RELOCS_STRIPPED");
    assert_has(&fault_when(|file| put32(file, specimen::directory(9), &[0x2700, 40])), "thread-local");
    assert_has(&fault_when(|file| put32(file, specimen::directory(13), &[0x2700, 64])), "delay-loaded");
}

#[test]
fn version_resource() {
    let fixed = specimen::VERSION + 40;
    assert_has(&fault_when(|file| put32(file, specimen::directory(2), &[0, 0])), "no version resource");
    assert_has(&fault_when(|file| put32(file, specimen::RESOURCES + 16, &[10])), "no version resource");
    assert_has(&fault_when(|file| put32(file, fixed, &[0])), "without VS_FIXEDFILEINFO");
    assert_has(&fault_when(|file| put32(file, fixed + 8, &[0x7_0007])), "file version 7.7.0.0");
    assert_has(&fault_when(|file| put32(file, fixed + 20, &[0x2_0001])), "product version");
    assert_has(&fault_when(|file| put32(file, fixed + 36, &[1])), "type 1, subtype 7");
}

#[test]
fn a_version_is_of_its_flavour() {
    let faults = faults_of(&Specimen::default().image(), "", Flavour::Downlevel);
    assert_has(&one(faults), "the downlevel flavour is for 5.2");
}

#[test]
fn checksum() {
    let mut file = Specimen::default().image();
    file[0x2600] ^= 1;
    assert_has(&one(faults_of(&file, "", Flavour::Default)), "STATUS_IMAGE_CHECKSUM_MISMATCH");
    put32(&mut file, specimen::CHECKSUM, &[0]);
    assert_has(&one(faults_of(&file, "", Flavour::Default)), "checksum: 0x0");
}

#[test]
fn relocations() {
    let none = Specimen { relocations: Vec::new(), ..Specimen::default() };
    assert_has(&one(faults(&none)), "relocations: none");
    let over_the_edge = Specimen { relocations: vec![0x2ff8, 0x2ffc], ..Specimen::default() };
    assert_has(&one(faults(&over_the_edge)), "0x2ffc");
}

#[test]
fn protection() {
    assert_has(
        &fault_when(|file| put32(file, specimen::section_flags(2), &[0xe000_0040])),
        "writable and executable: .pdata",
    );
    let faults = fault_when(|file| put32(file, specimen::section_flags(1), &[0x6000_0040]));
    assert_has(&faults, "import table: the import table at 0x2000 is in an executable section");
}

#[test]
fn imports() {
    let with = |module, function| {
        let mut specimen = Specimen::default();
        specimen.imports.push((module, vec![function]));
        faults(&specimen)
    };
    // Modules have no case.
    assert_none(&with("KS.SYS", "KsInitializeDriver"));
    assert_has(&one(with("ntoskrnl.exe", "ZwLoadDriver")), "ntoskrnl.exe!ZwLoadDriver is not in");
    assert_has(&one(with("ks.sys", "KsPinHandshake")), "no ks.sys exports it");
    assert_has(&one(with("ks.sys", "KsPinDataIntersectionEx")), "no ks.sys exports it");
    assert_has(&one(with("ntdll.dll", "RtlInitUnicodeString")), "does not link to");
    assert_has(&one(with("ntoskrnl.exe", "__chkstk")), "over 4 KB");
}

#[test]
fn imports_by_number_are_not_allowed() {
    let fault = fault_when(|file| put32(file, 0x2000 + 40, &[7, 0x8000_0000]));
    assert_has(&fault, "ks.sys!#7 is not in");
}

#[test]
fn panics() {
    let mut specimen = Specimen::default();
    specimen.imports.push(("ntoskrnl.exe", vec!["KeBugCheckEx"]));
    let found = faults_of(&specimen.image(), "", Flavour::Default);
    assert!(found.iter().any(|fault| fault.starts_with("panics: KeBugCheckEx")), "{found:#?}");

    let specimen = Specimen::with_code(&[RETURN]);
    for name in [
        "_ZN4core9panicking9panic_fmt17h0123456789abcdefE",
        "_RNvNtCsfT01jRvt1Pv_4core9panicking18panic_bounds_check",
        "rust_begin_unwind",
    ] {
        let map = specimen.map().replace("second", name);
        let found = faults_of(&specimen.image(), &map, Flavour::Default);
        assert_has(&one(found), "panics: can happen");
    }
}

#[test]
fn a_map_of_another_link_proves_nothing() {
    let fault = fault_when(|file| put32(file, specimen::TIME_STAMP, &[1]));
    assert_has(&fault, "of another link");
}

#[test]
fn instructions() {
    let with = |code: &[u8]| faults(&Specimen::with_code(&[code, &[RETURN]].concat()));
    // addps xmm0, xmm1; movdqa xmm0, xmm1; rep movsb; pause
    let everywhere = [0x0f, 0x58, 0xc1, 0x66, 0x0f, 0x6f, 0xc1, 0xf3, 0xa4, 0xf3, 0x90];
    assert_none(&with(&everywhere));
    assert_has(&one(with(&[0xd9, 0xe8])), "second: Fld1 is of FPU");
    assert_has(&one(with(&[0x90, 0xdf, 0xe0])), "second+0x1: Fnstsw is of FPU");
    assert_has(&one(with(&[0x0f, 0x6f, 0xc1])), "Movq is of MMX");
    assert_has(&one(with(&[0x0f, 0x77])), "Emms is of MMX");
    assert_has(&one(with(&[0xc5, 0xf8, 0x77])), "Vzeroupper is of AVX");
    assert_has(&one(with(&[0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2])), "Vaddps is of AVX512F");
    assert_has(&one(with(&[0xf3, 0x0f, 0xb8, 0xc1])), "Popcnt is of POPCNT");
    assert_has(&one(with(&[0x06])), "not an instruction");
}

#[test]
fn instructions_are_looked_for_in_functions_only() {
    // A function that ends, then a table of bytes that would be fld1, then another function.
    let mut specimen = Specimen::default();
    specimen.functions[0].0.extend([0xd9, 0xe8]);
    let mut file = specimen.image();
    // The unwind data says where the function ends.
    put32(&mut file, 0x3004, &[0x1009]);
    seal(&mut file);
    assert_none(&faults_of(&file, "", Flavour::Default));
}

#[test]
fn fast_fail_is_unknown_to_old_windows() {
    let specimen = Specimen::with_code(&[0xcd, 0x29, RETURN]);
    assert_none(&faults(&specimen));
    let found = faults_of(&specimen.image(), &specimen.map(), Flavour::Downlevel);
    assert!(found.iter().any(|fault| fault.contains("second: int 29h")), "{found:#?}");
}

#[test]
fn stack() {
    let with = |codes: &[u8]| {
        let mut specimen = Specimen::default();
        specimen.functions.push((vec![RETURN], Some(codes.to_vec())));
        faults(&specimen)
    };
    // sub rsp, 0ff8h; push rbx: exactly a page
    assert_none(&with(&[8, 0x01, 0xff, 0x01, 1, 0x30]));
    assert_has(&one(with(&[8, 0x01, 0x00, 0x02, 1, 0x30])), "4104 bytes in second");
    // sub rsp, 100000h
    assert_has(&one(with(&[8, 0x11, 0, 0, 0x10, 0])), "1048576 bytes in second");
}
