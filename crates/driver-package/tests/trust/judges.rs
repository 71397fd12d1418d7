//! Others judge what is made here: osslsigncode, signify, LIEF and pefile.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use driver_package::{
    digest::{Digest, hexadecimal},
    image::{self, Layout},
};
use serde_json::{Value, json};

use crate::{python::Judges, sign::package};

/// A signed package, and the certificate to trust.
struct Case {
    folder: tempfile::TempDir,
    digest: Digest,
}

impl Case {
    fn new(digest: Digest) -> Self {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path(), digest);
        Self { folder, digest }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn certificate(&self) -> PathBuf {
        self.path(if self.digest == Digest::Sha1 { "keys/sha1" } else { "keys/sha256" })
            .join("certificate.pem")
    }

    fn embedded(&self, ask: &str, file: &Path) -> Value {
        json!({ "ask": ask, "file": file, "certificate": self.certificate(), "length": self.digest.length() })
    }

    fn catalog(&self, file: &Path, catalog: &Path) -> Value {
        json!({ "ask": "signify_catalog", "file": file, "catalog": catalog, "certificate": self.certificate() })
    }

    /// Whether osslsigncode finds a file right, by itself or by a catalog.
    fn osslsigncode(&self, file: &Path, catalog: Option<&Path>) -> bool {
        let mut command = Command::new("osslsigncode");
        command.arg("verify").arg("-CAfile").arg(self.certificate());
        if let Some(catalog) = catalog {
            command.arg("-catalog").arg(catalog);
        }
        command
            .arg("-in")
            .arg(file)
            .output()
            .expect("osslsigncode (`cargo xtask setup` installs it)")
            .status
            .success()
    }

    /// A copy of a file with one byte changed.
    fn tampered(&self, name: &str, at: usize) -> PathBuf {
        let mut bytes = fs::read(self.path(name)).unwrap();
        bytes[at] ^= 1;
        let path = self.path(&format!("tampered-{name}"));
        fs::write(&path, bytes).unwrap();
        path
    }
}

#[test]
fn others_verify_what_was_signed() {
    let mut judges = Judges::start();
    for digest in [Digest::Sha1, Digest::Sha256] {
        let case = Case::new(digest);
        let [image, inf, catalog] = ["cam.sys", "cam.inf", "cam.cat"].map(|name| case.path(name));
        assert!(case.osslsigncode(&image, None), "{digest}");
        assert!(case.osslsigncode(&image, Some(&catalog)), "{digest}");
        for question in [
            case.embedded("signify_embedded", &image),
            case.embedded("lief_signature", &image),
            case.catalog(&image, &catalog),
            case.catalog(&inf, &catalog),
        ] {
            assert_eq!(judges.ask(&question), "verified", "{question}");
        }
        let file = fs::read(&image).unwrap();
        let checksum = image::checksum(&file).unwrap();
        for ask in ["lief_checksum", "pefile_checksum"] {
            assert_eq!(
                judges.ask(&case.embedded(ask, &image)),
                json!([checksum.stated, checksum.right]),
                "{ask}"
            );
        }
        let authenticode = hexadecimal(&image::authenticode(&file, digest).unwrap());
        assert_eq!(judges.ask(&case.embedded("lief_digest", &image)), authenticode.as_str());
    }
}

/// The judges can say no, and do wherever we do.
#[test]
fn others_find_what_was_changed() {
    let mut judges = Judges::start();
    let case = Case::new(Digest::Sha256);
    let [inf, catalog] = ["cam.inf", "cam.cat"].map(|name| case.path(name));
    let file = fs::read(case.path("cam.sys")).unwrap();
    let layout = Layout::parse(&file).unwrap();
    // Bytes that are signed, from the stub to the last section, each in another part of the file.
    let places = (0x40..layout.certificates.unwrap().start).step_by(211);
    let unsigned = [layout.checksum..layout.checksum + 4, layout.security..layout.security + 8];
    for at in places.filter(|at| unsigned.iter().all(|range| !range.contains(at))) {
        let image = case.tampered("cam.sys", at);
        assert!(!case.osslsigncode(&image, None), "{at:#x}");
        assert!(!case.osslsigncode(&image, Some(&catalog)), "{at:#x}");
        for question in [
            case.embedded("signify_embedded", &image),
            case.embedded("lief_signature", &image),
            case.catalog(&image, &catalog),
        ] {
            assert_ne!(judges.ask(&question), "verified", "{at:#x}: {question}");
        }
    }
    for at in (0..fs::metadata(&inf).unwrap().len() as usize).step_by(17) {
        assert_ne!(judges.ask(&case.catalog(&case.tampered("cam.inf", at), &catalog)), "verified", "{at}");
    }
    // The signed list, which begins about here and is longer than this.
    for at in (60..800).step_by(37) {
        let tampered = case.tampered("cam.cat", at);
        assert_ne!(judges.ask(&case.catalog(&inf, &tampered)), "verified", "{at}");
        assert!(!case.osslsigncode(&case.path("cam.sys"), Some(&tampered)), "{at}");
    }
}

/// A signature is not trusted because it is one.
#[test]
fn others_do_not_trust_another_certificate() {
    let mut judges = Judges::start();
    let (case, other) = (Case::new(Digest::Sha256), Case::new(Digest::Sha256));
    let question = json!({ "ask": "signify_embedded", "file": case.path("cam.sys"), "certificate": other.certificate() });
    assert_ne!(judges.ask(&question), "verified");
    assert!(!other.osslsigncode(&case.path("cam.sys"), None));
}
