//! Specimens of catalog rules: a good catalog with one change. Nobody signs them.

use driver_package::catalog::{Builder, Version};

use super::{
    der::{edit, replace},
    signed::{Made, change},
    specimen::Specimen,
};

/// `CertificateTrustList`, from the outside.
const LIST: [usize; 5] = [1, 0, 2, 1, 0];

fn inside(path: &[usize]) -> Vec<usize> {
    [&LIST, path].concat()
}

fn bytes(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(order).collect()
}

/// A package with another catalog.
fn with(name: &str, catalog: impl Fn(&Made) -> Vec<u8> + 'static) -> Specimen {
    Specimen::new(name, move |folder| {
        let made = Made::modern();
        made.write_with(folder, &catalog(&made));
    })
}

/// A catalog with bytes that were changed.
fn changed(name: &str, old: impl Into<Vec<u8>>, new: impl Into<Vec<u8>>) -> Specimen {
    let (old, new) = (old.into(), new.into());
    with(name, move |made| {
        let mut catalog = made.catalog();
        replace(&mut catalog, &old, &new);
        catalog
    })
}

/// A catalog whose elements at a place were changed.
fn edited(name: &str, path: &[usize], change: fn(&mut Vec<Vec<u8>>)) -> Specimen {
    let path = inside(path);
    with(name, move |made| edit(&made.catalog(), &path, &change))
}

/// A catalog with the right members and something else about it.
fn built(name: &str, change: fn(Builder) -> Builder) -> Specimen {
    with(name, move |made| {
        let builder = made.builder().member("cam.inf", made.inf.as_bytes()).unwrap();
        change(builder.member("cam.sys", &made.image).unwrap()).build().unwrap()
    })
}

/// Catalogs with one mistake.
pub fn specimens() -> Vec<Specimen> {
    let little = |text: &str| bytes(text, u16::to_le_bytes);
    let big = |text: &str| bytes(text, u16::to_be_bytes);
    vec![
        Specimen::new("CAT01", |folder| {
            Made::modern().write_with(folder, b"");
            std::fs::remove_file(folder.join("cam.cat")).unwrap();
        }),
        with("CAT02", |_| b"no catalog".to_vec()),
        with("CAT02-truncated", |made| made.catalog()[..200].to_vec()),
        // Signed data about data.
        changed(
            "CAT02-content",
            [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x0a, 1],
            [0x2b, 6, 1, 4, 1, 0x82, 0x37, 0x0a, 2],
        ),
        changed("CAT02-algorithm", [0x82, 0x37, 0x0c, 1, 3], [0x82, 0x37, 0x0c, 1, 9]),
        // Bits that nobody uses are set.
        changed("CAT03", [0x03, 0x02, 0x05, 0xa0], [0x03, 0x02, 0x05, 0xb0]),
        edited("CAT04", &[4, 0, 1], |attributes| attributes.swap(0, 1)),
        edited("CAT04-twice", &[4, 0, 1], |attributes| attributes.insert(0, attributes[0].clone())),
        changed("CAT05", [0x82, 0x37, 0x0c, 1, 1], [0x82, 0x37, 0x0c, 1, 9]),
        edited("CAT05-identifier", &[], |list| list[1] = vec![4, 1, 0]),
        edited("CAT06", &[], |list| list[2] = b"\x17\x0d490101000000Z".to_vec()),
        Specimen::new("CAT07", |folder| {
            let made = Made { version: Version::V2, ..Made::legacy() };
            let builder = made.builder().os_attribute("2:5.2,2:10.0");
            let builder = builder.member("cam.inf", made.inf.as_bytes()).unwrap();
            let catalog = builder.member("cam.sys", &made.image).unwrap().build().unwrap();
            made.write_with(folder, &catalog);
        }),
        with("CAT10", |made| made.builder().member("cam.inf", made.inf.as_bytes()).unwrap().build().unwrap()),
        Specimen::new("CAT11", |folder| {
            let made = Made::modern();
            made.write_with(folder, &made.catalog());
            change(&folder.join("cam.sys"), |file| file[0x480] ^= 1);
        }),
        Specimen::new("CAT11-inf", |folder| {
            let made = Made::modern();
            made.write_with(folder, &made.catalog());
            change(&folder.join("cam.inf"), |file| file.extend(b"; one more line\r\n"));
        }),
        built("CAT12", |builder| builder.member("gone.dll", b"gone").unwrap()),
        with("CAT13", |made| {
            let builder = made.builder().member("cam.inf", made.inf.as_bytes()).unwrap();
            builder.member("other.sys", &made.image).unwrap().build().unwrap()
        }),
        edited("CAT14", &[4], |members| members.reverse()),
        edited("CAT15", &[4], |members| members.insert(0, members[0].clone())),
        edited("CAT20", &[4, 0], |member| member[0][5] ^= 1),
        edited("CAT20-none", &[4, 0, 1], |attributes| {
            attributes.retain(|attribute| !attribute.windows(5).any(|part| part == [0x82, 0x37, 2, 1, 4]));
        }),
        changed("CAT21", [0x82, 0x37, 0x0c, 1, 3], [0x82, 0x37, 0x0c, 1, 2]),
        Specimen::new("CAT22", |folder| {
            let made = Made { image: b"no image".to_vec(), ..Made::modern() };
            made.write_with(folder, &made.catalog());
        }),
        // The members' information: [2] for [0].
        changed("CAT23", [0x31, 0x02, 0x80, 0x00], [0x31, 0x02, 0x82, 0x00]),
        Specimen::new("CAT23-class", |folder| {
            let made = Made::legacy();
            let mut catalog = made.catalog();
            let class = |text: &str| bytes(text, u16::to_be_bytes);
            replace(&mut catalog, &class("{C689AAB8"), &class("{00000000"));
            made.write_with(folder, &catalog);
        }),
        changed("CAT24", [2, 4, 0x10, 1, 0, 1], [2, 4, 0x10, 1, 0, 2]),
        built("CAT30", |builder| builder.os_attribute("2:10.0;2:6.1")),
        built("CAT30-none", |builder| builder.os_attribute("")),
        built("CAT31", |builder| builder.os_attribute("2:6.1,2:6.2")),
        built("CAT32", |builder| builder.os("")),
        changed("CAT40", little("root\\contosocam"), little("Root\\ContosoCam")),
        with("CAT41", |made| {
            let mut catalog = made.catalog();
            replace(&mut catalog, &bytes("contoso", u16::to_le_bytes), &bytes("fabriko", u16::to_le_bytes));
            catalog
        }),
        built("CAT42", |builder| builder.hardware_id("usb\\vid_0000")),
        changed("CAT43", big("HWID1"), big("HWID2")),
    ]
}
