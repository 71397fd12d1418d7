//! A complete package, from which the specimens of image, catalog and signature rules are made.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use driver_package::{
    catalog::{Builder, Version},
    date::Date,
    digest::Digest,
    sign::Identity,
};

use super::{image::Image, specimen::write};

/// For Windows 10 2004 and later.
pub const MODERN: &str = include_str!("modern.inf");

/// The same for Windows XP x64 and later.
pub fn legacy() -> String {
    MODERN.replace("10.0...19041", "5.2")
}

/// Where the certificates are kept from one run of the tests to the next.
fn keys() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("identities")
}

/// Who signs.
pub fn identity(digest: Digest) -> Identity {
    Identity::for_tests(&keys(), "Tests of driver-package", digest).expect("the certificate for tests")
}

/// What a package is made of.
pub struct Made {
    pub inf: String,
    pub image: Vec<u8>,
    pub version: Version,
    /// Of the signatures and of the certificate.
    pub digest: Digest,
}

impl Made {
    /// For Windows 10 2004 and later.
    pub fn modern() -> Self {
        Self {
            inf: MODERN.to_owned(),
            image: Image::modern().file(),
            version: Version::V2,
            digest: Digest::Sha256,
        }
    }

    /// For Windows XP x64 and later.
    pub fn legacy() -> Self {
        Self { inf: legacy(), image: Image::default().file(), version: Version::V1, digest: Digest::Sha1 }
    }

    /// Everything that goes into the catalog.
    pub fn builder(&self) -> Builder {
        let date = Date { year: 2026, month: 11, day: 24 };
        let builder = Builder::new(self.version, date).hardware_id("Root\\ContosoCam").os("_v100_X64");
        let versions = if self.version == Version::V1 { "2:5.2,2:6.0,2:6.1,2:10.0" } else { "2:10.0" };
        builder.os_attribute(versions)
    }

    /// The catalog, not signed.
    pub fn catalog(&self) -> Vec<u8> {
        let builder = self.builder().member("cam.inf", self.inf.as_bytes()).expect("an INF");
        builder.member("cam.sys", &self.image).expect("an image").build().expect("a catalog")
    }

    /// Both files of the package that are not signed, and a catalog.
    pub fn write_with(&self, folder: &Path, catalog: &[u8]) {
        write(folder, "cam.inf", &self.inf);
        write(folder, "cam.sys", &self.image);
        write(folder, "cam.cat", catalog);
    }

    /// The package, image and catalog signed.
    pub fn write(&self, folder: &Path) {
        self.write_with(folder, &self.catalog());
        for file in ["cam.sys", "cam.cat"] {
            identity(self.digest).sign(&folder.join(file), self.digest).expect("a signature");
        }
    }
}

/// Changes a file.
pub fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    change(&mut bytes);
    fs::write(path, bytes).expect("the file is written");
}

/// Signs a file with options of osslsigncode's own.
pub fn osslsigncode(file: &Path, digest: Digest, options: &[&str]) {
    let keys = keys().join(if digest == Digest::Sha1 { "sha1" } else { "sha256" });
    identity(digest);
    let signed = file.with_extension("signed");
    let mut command = Command::new("osslsigncode");
    command.arg("sign").args(options).arg("-certs").arg(keys.join("certificate.pem"));
    command.arg("-key").arg(keys.join("key.pem")).arg("-in").arg(file).arg("-out").arg(&signed);
    let output = command.output().expect("osslsigncode");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    fs::rename(signed, file).expect("renamed");
}
