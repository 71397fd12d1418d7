//! Specimens of signature rules: a signed package with one change.

use std::{fs, path::Path};

use driver_package::{digest::Digest, image::Layout};

use super::{
    der::replace,
    image::{field, put32, seal},
    signed::{Made, change, identity, osslsigncode},
    specimen::Specimen,
};

/// A package for Windows 10 that is changed after signing.
fn changed(name: &str, change: impl Fn(&Path) + 'static) -> Specimen {
    Specimen::new(name, move |folder| {
        Made::modern().write(folder);
        change(folder);
    })
}

/// The same for its image, whose checksum is made right again.
fn image(name: &str, edit: impl Fn(&mut Vec<u8>) + 'static) -> Specimen {
    changed(name, move |folder| {
        change(&folder.join("cam.sys"), |file| {
            edit(file);
            seal(file);
        });
    })
}

/// The same for its catalog.
fn catalog(name: &str, edit: impl Fn(&mut Vec<u8>) + 'static) -> Specimen {
    changed(name, move |folder| change(&folder.join("cam.cat"), &edit))
}

/// Where the PKCS #7 structure of an image begins.
fn signature(file: &[u8]) -> usize {
    Layout::parse(file).unwrap().certificates.unwrap().start + 8
}

/// Puts another structure in the place of an image's signature.
fn attach(file: &mut Vec<u8>, signature: &[u8]) {
    let start = Layout::parse(file).unwrap().certificates.unwrap().start;
    file.truncate(start);
    let length = 8 + signature.len().next_multiple_of(8);
    file.extend((length as u32).to_le_bytes());
    file.extend([0, 2, 2, 0]);
    file.extend(signature);
    file.resize(start + length, 0);
    put32(file, field::directory(4) + 4, &[length as u32]);
}

/// Signatures with one mistake.
pub fn specimens() -> Vec<Specimen> {
    vec![
        Specimen::new("SIG01", |folder| {
            let made = Made::modern();
            made.write(folder);
            fs::write(folder.join("cam.cat"), made.catalog()).unwrap();
        }),
        Specimen::new("SIG02", |folder| {
            let made = Made::modern();
            made.write(folder);
            fs::write(folder.join("cam.sys"), made.image).unwrap();
        }),
        changed("SIG03", |folder| {
            osslsigncode(&folder.join("cam.sys"), Digest::Sha256, &["-h", "sha256", "-nest"])
        }),
        image("SIG03-table", |file| {
            let start = signature(file) - 8;
            let table = file[start..].to_vec();
            file.extend(&table);
            put32(file, field::directory(4) + 4, &[2 * table.len() as u32]);
        }),
        changed("SIG04", |folder| {
            identity(Digest::Sha1).sign(&folder.join("cam.cat"), Digest::Sha256).unwrap();
        }),
        // The structure is a NULL with something in it.
        image("SIG10", |file| {
            let at = signature(file);
            file[at] = 5;
        }),
        // The last byte of the signature itself.
        catalog("SIG11", |file| *file.last_mut().unwrap() ^= 1),
        // The date inside of the list.
        catalog("SIG11-content", |file| replace(file, b"261124000000Z", b"261123000000Z")),
        // The algorithm of the certificate's key stays, the signer's does not.
        catalog("SIG11-algorithm", |file| {
            let at = file
                .windows(9)
                .rposition(|part| part == [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1])
                .unwrap();
            file[at + 8] = 11;
        }),
        Specimen::new("SIG12", |folder| Made { digest: Digest::Sha256, ..Made::legacy() }.write(folder)),
        Specimen::new("SIG13", |folder| Made { digest: Digest::Sha1, ..Made::modern() }.write(folder)),
        image("SIG20", |file| file.extend([0; 8])),
        image("SIG20-entry", |file| {
            let at = signature(file) - 2;
            file[at] = 1;
        }),
        changed("SIG21", |folder| {
            let other = fs::read(folder.join("cam.cat")).unwrap();
            change(&folder.join("cam.sys"), |file| {
                attach(file, &other);
                seal(file);
            });
        }),
        image("SIG22", |file| file[0x480] ^= 1),
        changed("SIG23", |folder| osslsigncode(&folder.join("cam.sys"), Digest::Sha256, &["-h", "sha256"])),
        image("SIG24", |file| file[0xc80] ^= 1),
        // Code signing becomes server authentication.
        catalog("SIG30", |file| replace(file, &[0x2b, 6, 1, 5, 5, 7, 3, 3], &[0x2b, 6, 1, 5, 5, 7, 3, 1])),
        // Digital signature becomes key encipherment.
        catalog("SIG31", |file| replace(file, &[3, 2, 7, 0x80], &[3, 2, 5, 0x20])),
        catalog("SIG32", |file| validity(file, b"190101", b"200101")),
        catalog("SIG32-early", |file| validity(file, b"480101", b"490101")),
        changed("SIG33", |folder| {
            let place = folder.join("weak");
            make_certificate(&place, "rsa:1024");
            let arguments = [
                "-h",
                "sha256",
                "-certs",
                "weak.cert",
                "-key",
                "weak.key",
                "-in",
                "cam.cat",
                "-out",
                "new.cat",
            ];
            run("osslsigncode", folder, &[&["sign"], arguments.as_slice()].concat());
            fs::rename(folder.join("new.cat"), folder.join("cam.cat")).unwrap();
        }),
        // The subject's key identifier.
        catalog("SIG34", |file| {
            replace(file, &[0x55, 0x1d, 0x0e, 4, 0x16, 4, 0x14], &[0x55, 0x1d, 0x0f, 4, 0x16, 4, 0x14])
        }),
        // The name of the certificate's subject, of which the signature does not know.
        catalog("SIG34-issuer", |file| {
            let name = b"Tests of driver-package";
            let at = file.windows(name.len()).enumerate().filter(|(_, part)| part == name).nth(1).unwrap().0;
            file[at] = b'B';
        }),
        Specimen::new("SIG35", |folder| Made { digest: Digest::Sha256, ..Made::legacy() }.write(folder)),
    ]
}

/// Other days in the certificate.
fn validity(file: &mut [u8], from: &[u8], to: &[u8]) {
    // Two UTCTimes in one sequence.
    let at = file
        .windows(19)
        .position(|part| part.starts_with(b"\x30\x1e\x17\x0d") && part[17..] == *b"\x17\x0d")
        .unwrap();
    file[at + 4..at + 16].copy_from_slice(&[from, b"000000"].concat());
    file[at + 19..at + 31].copy_from_slice(&[to, b"000000"].concat());
}

fn make_certificate(place: &Path, key: &str) {
    let folder = place.parent().unwrap();
    let arguments = [
        "req",
        "-x509",
        "-newkey",
        key,
        "-nodes",
        "-subj",
        "/CN=weak",
        "-addext",
        "extendedKeyUsage=codeSigning",
        "-addext",
        "keyUsage=digitalSignature",
        "-keyout",
        "weak.key",
        "-out",
        "weak.cert",
    ];
    run("openssl", folder, &arguments);
}

fn run(program: &str, folder: &Path, arguments: &[&str]) {
    let output =
        std::process::Command::new(program).args(arguments).current_dir(folder).output().expect(program);
    assert!(
        output.status.success(),
        "{} {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
