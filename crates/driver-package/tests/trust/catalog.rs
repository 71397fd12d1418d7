//! Catalogs are made and read.

use std::time::{Duration, SystemTime};

use driver_package::{
    asn1,
    catalog::{self, Builder, Catalog, Error, NameValue, PackageError, Version},
    date::Date,
    digest::hexadecimal,
    spc::SubjectKind,
};

use crate::image::Image;

const DATE: Date = Date { year: 2026, month: 11, day: 24 };

fn sample(version: Version) -> Vec<u8> {
    let builder = Builder::new(version, DATE).os_attribute("2:5.2,2:10.0").os("XPX64,_v100_X64");
    let builder = builder.hardware_id("ROOT\\Cam").hardware_id("Root\\Aa").hardware_id("root\\cam");
    let builder = builder.member("cam.inf", b"[Version]").unwrap();
    builder.member("cam.sys", &Image::default().file()).unwrap().build().unwrap()
}

#[test]
fn what_is_written_is_read() {
    for version in [Version::V1, Version::V2] {
        let bytes = sample(version);
        assert_eq!(asn1::faults(&bytes), [], "strict DER, sorted");
        let catalog = Catalog::parse(&bytes).unwrap();
        assert_eq!(catalog.version, version);
        assert!(catalog.is_catalog_list);
        assert_eq!(catalog.identifier.len(), 16);
        // date -u -d 2026-11-24 +%s
        assert_eq!(catalog.this_update, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400));
        assert_eq!(catalog.value("OS"), Some("XPX64,_v100_X64"));
        assert_eq!(catalog.hardware_ids().collect::<Vec<_>>(), ["root\\aa", "root\\cam"]);
        assert_eq!(catalog.members.len(), 2);
        assert!(catalog.members.is_sorted_by(|a, b| a.identifier < b.identifier));
        for (name, kind) in [("cam.inf", SubjectKind::Flat), ("cam.sys", SubjectKind::Image)] {
            let member = catalog.members.iter().find(|member| member.value("File") == Some(name)).unwrap();
            assert_eq!(member.value("OSAttr"), Some("2:5.2,2:10.0"));
            assert!(member.names.iter().all(|pair| pair.flags == NameValue::TEXT));
            let digest = member.digest.as_ref().unwrap();
            assert_eq!((member.kind, digest.kind()), (Some(kind), Some(kind)));
            assert_eq!(digest.digest(), Some(version.digest()));
            assert_eq!(member.identifier, catalog.identifier_of(member.digest_value().unwrap()));
            assert_eq!(catalog.find(member.digest_value().unwrap()), Some(member));
        }
    }
}

#[test]
fn members_are_named_by_their_digest() {
    // printf '[Version]' | sha1sum, sha256sum
    let sha1 = "5F52228DC5F9EC828BF332F35EF290D375F411E5\0";
    let sha256 = "6bed22f0d5535b4768f2c1ad84a3c8566a29ac25afe231f91f367bd940425518";
    let of_inf = |version| {
        let catalog = Catalog::parse(&sample(version)).unwrap();
        catalog.members.into_iter().find(|member| member.value("File") == Some("cam.inf")).unwrap().identifier
    };
    assert_eq!(of_inf(Version::V1), sha1.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    assert_eq!(hexadecimal(&of_inf(Version::V2)), sha256);
}

/// Promise: the same input gives the same bytes, whatever the order; other input gives another identifier.
#[test]
fn the_same_package_gives_the_same_bytes() {
    let build = |names: [&str; 2]| {
        let builder = Builder::new(Version::V1, DATE);
        names.iter().fold(builder, |b, name| b.member(name, name.as_bytes()).unwrap()).build().unwrap()
    };
    assert_eq!(build(["a", "b"]), build(["b", "a"]));
    let identifier = |bytes: &[u8]| Catalog::parse(bytes).unwrap().identifier;
    assert_ne!(identifier(&build(["a", "b"])), identifier(&build(["a", "c"])));
}

/// Promise: no input makes the reader panic.
#[test]
fn broken_catalogs_are_refused() {
    for version in [Version::V1, Version::V2] {
        let good = sample(version);
        for length in 0..good.len() {
            Catalog::parse(&good[..length]).expect_err("truncated");
            assert_ne!(asn1::faults(&good[..length]), []);
        }
        let mut bytes = good.clone();
        for at in 0..good.len() {
            for value in [0x00, 0x7f, 0x80, 0x84, 0xff, good[at] ^ 1, good[at] ^ 0x20] {
                bytes[at] = value;
                let _ = Catalog::parse(&bytes);
                let _ = asn1::faults(&bytes);
            }
            bytes[at] = good[at];
        }
    }
    Catalog::parse(&[]).expect_err("empty");
}

#[test]
fn what_cannot_be_in_a_catalog_is_refused() {
    let wrong = Date { year: 2026, month: 2, day: 29 };
    assert_eq!(Builder::new(Version::V1, wrong).build(), Err(Error::Date(wrong)));
    let late = Date { year: 2050, month: 1, day: 1 };
    assert_eq!(Builder::new(Version::V1, late).build(), Err(Error::Date(late)));
    let error = Builder::new(Version::V1, DATE).member("a.sys", b"MZ and no more").unwrap_err();
    assert_eq!(error.to_string(), "a.sys: not a PE image: the file ends inside of the headers");
}

const INF: &str = "[Version]\nSignature=\"$Windows NT$\"\nCatalogFile=cam.cat\nDriverVer=11/24/2026,1.2.3.4\n\
    [Manufacturer]\nMe=Cams,NTamd64.6.1,NTarm64.10.0...16299,NTamd64.10.0\n[Cams.NTamd64.6.1]\nCam=I,ROOT\\CAM,Other\n\
    [Cams.NTarm64.10.0...16299]\nCam=I,ROOT\\CAM\n[Cams.NTamd64.10.0]\n\
    [SourceDisksNames]\n1=Disk\n[SourceDisksFiles.amd64]\ncam.sys=1,x64\n[SourceDisksFiles.arm64]\ncam.sys=1,arm64\n";

#[test]
fn the_catalog_of_a_package() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    write("cam.inf", INF.as_bytes());
    write("x64/cam.sys", &Image::default().file());
    let inf = folder.path().join("cam.inf");
    let missing = catalog::create(&inf, Version::V1).unwrap_err();
    assert!(matches!(&missing, PackageError::File(path, _) if path.ends_with("arm64/cam.sys")), "{missing}");
    assert!(!folder.path().join("cam.cat").exists());

    write("arm64/cam.sys", &Image { machine: 0xaa64, ..Image::modern() }.file());
    let path = catalog::create(&inf, Version::V1).unwrap();
    assert_eq!(path, folder.path().join("cam.cat"));
    let catalog = Catalog::parse(&std::fs::read(&path).unwrap()).unwrap();
    let mut files: Vec<_> = catalog.members.iter().map(|member| member.value("File").unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, ["cam.inf", "cam.sys", "cam.sys"]);
    assert_eq!(catalog.hardware_ids().collect::<Vec<_>>(), ["other", "root\\cam"]);
    assert_eq!(catalog.value("OS"), Some("7X64,8X64,_v63_X64,_v100_X64,_v100_ARM64"));
    assert_eq!(catalog.members[0].value("OSAttr"), Some("2:6.1,2:6.2,2:6.3,2:10.0"));

    for (old, new, says) in [
        ("CatalogFile=cam.cat", "", "CatalogFile"),
        ("11/24/2026", "24.11.2026", "DriverVer is `24.11.2026,1.2.3.4`"),
        ("Me=", "Mü=", "UTF-8"),
    ] {
        write("cam.inf", INF.replace(old, new).as_bytes());
        let error = catalog::create(&inf, Version::V1).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
