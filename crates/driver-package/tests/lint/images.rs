//! Specimens of image rules: a good image with one change.

use super::{
    image::{self, FIXED_FILE_INFO, Image, PDATA, RDATA, RELOC, field, put16, put32, seal},
    signed::Made,
    specimen::Specimen,
};

/// A package for Windows 10 with an image that was changed, its checksum made right again.
fn changed(name: &str, change: impl Fn(&mut Vec<u8>) + 'static) -> Specimen {
    Specimen::new(name, move |folder| {
        let mut made = Made::modern();
        change(&mut made.image);
        seal(&mut made.image);
        made.write_with(folder, b"");
    })
}

fn legacy(name: &str, image: impl Fn() -> Image + 'static) -> Specimen {
    Specimen::new(name, move |folder| {
        Made { image: image().file(), ..Made::legacy() }.write_with(folder, b"")
    })
}

fn importing(name: &str, module: &'static str, function: &'static str) -> Specimen {
    changed(name, move |file| {
        *file = Image {
            imports: vec![("ntoskrnl.exe", vec!["ExFreePool"]), (module, vec![function])],
            ..Image::modern()
        }
        .file();
    })
}

/// Sets or clears bits of a 16-bit field.
fn bits(file: &mut [u8], at: usize, clear: u16, set: u16) {
    let value = u16::from_le_bytes([file[at], file[at + 1]]) & !clear | set;
    put16(file, at, &[value]);
}

/// Images with one mistake.
pub fn specimens() -> Vec<Specimen> {
    vec![
        changed("PE01", |file| *file = b"MZ".to_vec()),
        changed("PE01-text", |file| *file = b"no image".to_vec()),
        changed("PE01-truncated", |file| file.truncate(0x1000)),
        changed("PE01-directories", |file| put32(file, field::DIRECTORY_COUNT, &[4])),
        changed("PE01-headers", |file| put16(file, 0x3c, &[0xfff0])),
        changed("PE02", |file| put16(file, field::MACHINE, &[0x14c])),
        Specimen::new("PE03", |folder| {
            let mut made = Made::modern();
            made.image[0x500] ^= 1;
            made.write_with(folder, b"");
        }),
        changed("PE04", |file| file.extend([1; 24])),
        changed("PE10", |file| put16(file, field::SUBSYSTEM, &[3])),
        legacy("PE11", || Image { windows: [6, 0], ..Image::default() }),
        legacy("PE12", || Image { windows: [10, 0], ..Image::default() }),
        changed("PE13", |file| put32(file, field::ENTRY, &[0x2000])),
        changed("PE13-none", |file| put32(file, field::ENTRY, &[0])),
        changed("PE14", |file| put32(file, field::SECTION_ALIGNMENT, &[0x200])),
        changed("PE15", |file| put32(file, field::FILE_ALIGNMENT, &[0x80])),
        changed("PE20", |file| bits(file, field::CHARACTERISTICS, 2, 0)),
        changed("PE21", |file| bits(file, field::CHARACTERISTICS, 0x20, 0)),
        changed("PE22", |file| bits(file, field::CHARACTERISTICS, 0, 0x4000)),
        changed("PE23", |file| bits(file, field::CHARACTERISTICS, 0, 1)),
        changed("PE24", |file| bits(file, field::DLL_CHARACTERISTICS, 0x100, 0)),
        changed("PE25", |file| bits(file, field::DLL_CHARACTERISTICS, 0x40, 0)),
        changed("PE26", |file| bits(file, field::DLL_CHARACTERISTICS, 0x2000, 0)),
        changed("PE30", |file| put32(file, field::section(0) + 36, &[0xe000_0020])),
        changed("PE31", |file| put32(file, field::directory(12), &[0x1100, 16])),
        changed("PE32", |file| put32(file, field::section(2) + 12, &[0x2000])),
        changed("PE32-size", |file| put32(file, field::SIZE_OF_IMAGE, &[0x6000])),
        changed("PE33", |file| put32(file, field::section(3) + 36, &[0x6000_0020])),
        changed("PE40", |file| put32(file, field::directory(5), &[0, 0])),
        changed("PE40-outside", |file| put32(file, RELOC, &[0x9_0000])),
        changed("PE40-broken", |file| put32(file, RELOC + 4, &[0x9000])),
        Specimen::new("PE41", |folder| {
            let mut made = Made::modern();
            made.inf = made.inf.replace("NTamd64.10.0...19041", "NTamd64.10.0");
            put16(&mut made.image, RELOC + 8, &[0xaffc]);
            // Of a section that is as long.
            put32(&mut made.image, field::section(1) + 8, &[0x1000]);
            seal(&mut made.image);
            made.write_with(folder, b"");
        }),
        changed("PE42", |file| put32(file, field::directory(3), &[0, 0])),
        changed("PE42-order", |file| put32(file, PDATA, &[0x4000, 0x4001, 0x2308, 0x1000, 0x1009, 0x2300])),
        changed("PE42-outside", |file| put32(file, field::directory(3), &[0x3000, 0x4000])),
        changed("PE42-half", |file| put32(file, field::directory(3), &[0x3000, 20])),
        changed("PE43", |file| put32(file, field::directory(9), &[0x2200, 0x28])),
        changed("PE44", |file| put32(file, field::directory(13), &[0x2200, 0x28])),
        changed("PE45", |file| put32(file, field::directory(14), &[0x2200, 0x28])),
        changed("PE50", |file| put32(file, RDATA, &[0x9_0000])),
        importing("PE51", "KERNEL32.dll", "Sleep"),
        legacy("PE52", || Image {
            imports: vec![("ntoskrnl.exe", vec!["ExAllocatePool2"])],
            ..Image::default()
        }),
        importing("PE52-newest", "ntoskrnl.exe", "IoCheckFileObjectOpenedAsCopyDestination"),
        legacy("PE53", || Image {
            imports: vec![("NTOSKRNL.exe", vec!["KeGetCurrentIrql"])],
            ..Image::default()
        }),
        importing("PE54", "hal.dll", "#7"),
        importing("PE55", "ks.sys", "KsPinHandshake"),
        changed("PE60", |file| put32(file, field::directory(2), &[0, 0])),
        changed("PE60-broken", |file| put32(file, FIXED_FILE_INFO, &[1])),
        changed("PE61", |file| put32(file, FIXED_FILE_INFO + 36, &[1])),
        changed("PE62", |file| put32(file, FIXED_FILE_INFO + 32, &[4])),
        changed("PE63", |file| *file = Image { version: [1, 2, 3, 5], ..Image::modern() }.file()),
    ]
}

/// Every field of the headers, at any value: whatever a file says, it is told and nothing panics.
pub fn mutations() -> impl Iterator<Item = Vec<u8>> {
    let good = Image::modern().file();
    let places =
        (0..0x300).chain(RDATA..RDATA + 0x60).chain(PDATA..PDATA + 24).chain(image::RSRC..image::RSRC + 0x60);
    let places = places.chain(RELOC..RELOC + 16);
    let cut = [0, 1, 0x3f, 0x40, 0x83, 0x98, 0x100, 0x188, 0x278, 0x3ff, 0x400]
        .map(|length| good[..length].to_vec());
    let changed: Vec<Vec<u8>> = places
        .flat_map(|at| {
            [0, 0xff].map(|value| {
                let mut file = good.clone();
                file[at] = value;
                file
            })
        })
        .collect();
    cut.into_iter().chain(changed)
}
