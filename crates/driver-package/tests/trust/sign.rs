//! Files are signed, and what was changed afterwards is found.

use std::{fs, path::Path};

use driver_package::{
    catalog::{self, Catalog, Version},
    digest::Digest,
    image,
    pkcs7::{Signature, SignedData},
    sign::{Error, Identity},
    spc::IndirectData,
};

use crate::image::Image;

const INF: &str = "[Version]\nCatalogFile=cam.cat\nDriverVer=11/24/2026,1.2.3.4\n[Manufacturer]\nMe=Cams,NTamd64.10.0\n\
    [Cams.NTamd64.10.0]\nCam=I,ROOT\\CAM\n[SourceDisksNames]\n1=Disk\n[SourceDisksFiles]\ncam.sys=1\n";

/// A package with both files signed; the certificate is made for it.
pub fn package(folder: &Path, digest: Digest) -> Identity {
    let identity = Identity::for_tests(&folder.join("keys"), "Tests & more", digest).unwrap();
    fs::write(folder.join("cam.inf"), INF).unwrap();
    fs::write(folder.join("cam.sys"), Image::default().file()).unwrap();
    let version = if digest == Digest::Sha1 { Version::V1 } else { Version::V2 };
    let catalog = catalog::create(&folder.join("cam.inf"), version).unwrap();
    identity.sign(&catalog, digest).unwrap();
    identity.sign(&folder.join("cam.sys"), digest).unwrap();
    identity
}

#[test]
fn both_files_are_signed() {
    for digest in [Digest::Sha1, Digest::Sha256] {
        let folder = tempfile::tempdir().unwrap();
        package(folder.path(), digest);
        let file = fs::read(folder.path().join("cam.sys")).unwrap();
        let checksum = image::checksum(&file).unwrap();
        assert_eq!(checksum.stated, checksum.right);
        let table = image::certificates(&file).unwrap();
        assert_eq!((table.signatures.len(), table.faults.as_slice()), (1, [].as_slice()));
        let data = SignedData::parse(table.signatures[0]).unwrap();
        let signature = Signature::of(&data).unwrap();
        assert_eq!(
            (signature.verify(), signature.digest(), signature.has_nested()),
            (Ok(()), Some(digest), false)
        );
        let signed: IndirectData = data.content_info.content.as_ref().unwrap().decode_as().unwrap();
        assert_eq!(signed.message_digest.digest.as_bytes(), image::authenticode(&file, digest).unwrap());
        assert_eq!(signed.page_hashes().unwrap(), Some((digest, image::page_hashes(&file, digest).unwrap())));

        let catalog = Catalog::parse(&fs::read(folder.path().join("cam.cat")).unwrap()).unwrap();
        let signature = Signature::of(&catalog.signed).unwrap();
        assert_eq!((signature.verify(), signature.digest()), (Ok(()), Some(digest)));
        // The catalog was made of the image without its signature.
        assert!(catalog.find(&image::authenticode(&file, catalog.version.digest()).unwrap()).is_some());
    }
}

#[test]
fn signing_anew_replaces_the_signature() {
    let folder = tempfile::tempdir().unwrap();
    let identity = package(folder.path(), Digest::Sha256);
    for name in ["cam.sys", "cam.cat"] {
        let path = folder.path().join(name);
        let length = fs::metadata(&path).unwrap().len();
        identity.sign(&path, Digest::Sha256).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), length, "{name}");
    }
}

#[test]
fn the_certificate_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let make = |digest| Identity::for_tests(folder.path(), "Tests", digest).unwrap().certificate().unwrap();
    assert_eq!(make(Digest::Sha256), make(Digest::Sha256));
    assert_ne!(make(Digest::Sha256), make(Digest::Sha1));
    use std::os::unix::fs::PermissionsExt as _;
    let key = folder.path().join("sha256/key.pem");
    assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o077, 0, "the key is the owner's only");
}

/// Bad input: each is told, and nothing is changed.
#[test]
fn what_cannot_sign_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    package(folder.path(), Digest::Sha256);
    let keys = at("keys/sha256");
    let export = |name: &str, arguments: &[&str]| {
        let mut command = std::process::Command::new("openssl");
        command.args(["pkcs12", "-export", "-passout", "pass:geheim"]).args(arguments);
        command.arg("-in").arg(keys.join("certificate.pem")).arg("-inkey").arg(keys.join("key.pem"));
        assert!(command.arg("-out").arg(at(name)).output().unwrap().status.success());
    };
    export("good.pfx", &[]);
    export("old.pfx", &["-legacy"]);
    for pfx in ["good.pfx", "old.pfx"] {
        let error = Identity::from_pfx(&at(pfx), "wrong").unwrap_err();
        assert!(matches!(error, Error::Password(_)), "{pfx}: {error}");
        let identity = Identity::from_pfx(&at(pfx), "geheim").unwrap();
        identity.sign(&at("cam.sys"), Digest::Sha256).unwrap();
    }
    let before = fs::read(at("cam.sys")).unwrap();
    fs::write(at("text.pfx"), "no certificate").unwrap();
    assert!(matches!(Identity::from_pfx(&at("text.pfx"), ""), Err(Error::NotPfx(_))));
    assert!(matches!(Identity::from_pfx(&at("nowhere.pfx"), ""), Err(Error::File(..))));

    let identity = Identity::from_pfx(&at("good.pfx"), "geheim").unwrap();
    fs::write(at("broken.sys"), "MZ, but no image").unwrap();
    let error = identity.sign(&at("broken.sys"), Digest::Sha256).unwrap_err();
    assert!(matches!(error, Error::Refused { tool: "osslsigncode", .. }), "{error}");
    assert_eq!(fs::read(at("broken.sys")).unwrap(), b"MZ, but no image");
    assert_eq!(fs::read(at("cam.sys")).unwrap(), before);
}

/// A certificate for something else than code is refused before anything is signed.
#[test]
fn a_certificate_for_servers_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let openssl = |arguments: &[&str]| {
        assert!(std::process::Command::new("openssl").args(arguments).output().unwrap().status.success());
    };
    openssl(&[
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=www",
        "-addext",
        "extendedKeyUsage=serverAuth",
        "-keyout",
        &at("key"),
        "-out",
        &at("cert"),
    ]);
    openssl(&[
        "pkcs12",
        "-export",
        "-passout",
        "pass:",
        "-in",
        &at("cert"),
        "-inkey",
        &at("key"),
        "-out",
        &at("a.pfx"),
    ]);
    let error = Identity::from_pfx(Path::new(&at("a.pfx")), "").unwrap_err().to_string();
    assert!(error.contains("code signing"), "{error}");
}
