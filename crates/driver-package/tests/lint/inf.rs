//! Specimens of INF rules: a good file with one edit.

use std::path::Path;

use driver_package::inf::{self, Stamp};

use super::specimen::{Make, Specimen, write};

/// The file of a package for Windows 10 1709 and later.
const MODERN: &str = include_str!("modern.inf");

/// A package for Windows 10 with a changed INF file.
fn modern(folder: &Path, inf: impl AsRef<[u8]>) {
    write(folder, "cam.inf", inf);
    write(folder, "cam.sys", "");
    write(folder, "cam.cat", "");
}

/// Packages without a mistake.
pub fn good() -> Vec<(&'static str, Make)> {
    vec![
        ("modern", Box::new(|folder| modern(folder, MODERN))),
        (
            "loopcam",
            Box::new(|folder| loopcam(folder, "loopcam", &["amd64/loopcam.sys", "arm64/loopcam.sys"])),
        ),
        ("loopcam-legacy", Box::new(|folder| loopcam(folder, "loopcam-legacy", &["loopcam.sys"]))),
    ]
}

/// A package of this repository, with its INF file stamped.
fn loopcam(folder: &Path, name: &str, images: &[&str]) {
    let source = format!("{}/../../inf/{name}.inx", env!("CARGO_MANIFEST_DIR"));
    let source = std::fs::read(&source).expect("the source of the INF file");
    let version = "11/24/2026,0.1.0.0".parse().expect("date and version");
    let catalog = format!("{name}.cat");
    let stamp = Stamp { version, architecture: None, catalog: Some(&catalog) };
    write(folder, &format!("{name}.inf"), inf::stamp(&source, &stamp).expect("an INF file"));
    for file in images.iter().copied().chain([catalog.as_str()]) {
        write(folder, file, "");
    }
}

/// `MODERN` with other text in some places.
fn edited(name: &'static str, edits: &'static [(&'static str, &'static str)]) -> Specimen {
    Specimen::new(name, move |folder| {
        let mut text = MODERN.to_owned();
        for (old, new) in edits {
            assert!(text.contains(old), "{name}: {old}");
            text = text.replace(old, new);
        }
        modern(folder, text);
    })
}

/// `MODERN` with more at its end.
fn added(name: &'static str, more: &'static str) -> Specimen {
    Specimen::new(name, move |folder| modern(folder, format!("{MODERN}{more}")))
}

/// `MODERN` with an entry in the device's hardware key.
fn hardware(name: &'static str, entry: &'static str) -> Specimen {
    Specimen::new(name, move |folder| {
        modern(folder, format!("{MODERN}[Cam.Install.HW]\nAddReg = Cam.Key\n[Cam.Key]\n{entry}\n"));
    })
}

/// `MODERN` with bytes changed, taken out, put in and cut off, by a fixed sequence.
pub fn mutations() -> impl Iterator<Item = Vec<u8>> {
    let mut state = 1_u64;
    // Knuth's MMIX generator; its upper bits are the good ones.
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    const INTERESTING: &[u8] = b"[]%\"=,;\\\n\r\t .{}()@_\0\xFF\xFEAN019";
    (0..500).map(move |_| {
        let mut bytes = MODERN.as_bytes().to_vec();
        for _ in 0..=random(12) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = INTERESTING[random(INTERESTING.len())],
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, INTERESTING[random(INTERESTING.len())]),
                _ => {
                    // A line moves.
                    let end = (at + random(60)).min(bytes.len());
                    let cut: Vec<u8> = bytes.drain(at..end).collect();
                    let to = random(bytes.len());
                    bytes.splice(to..to, cut);
                }
            }
        }
        if random(10) == 0 {
            bytes.truncate(random(bytes.len()));
        }
        bytes
    })
}

/// For all of Windows 10, so not a Windows Driver but universal.
const UNIVERSAL: (&str, &str) = ("NTamd64.10.0...19041", "NTamd64.10.0");
/// Copied to system32\drivers.
const DRIVERS: [(&str, &str); 2] = [("Cam.Copy = 13", "Cam.Copy = 12"), (r"%13%\cam.sys", r"%12%\cam.sys")];

/// Packages with one mistake.
pub fn specimens() -> Vec<Specimen> {
    let all = [
        file(),
        sections(),
        version(),
        targets(),
        needs(),
        files(),
        registry(),
        services(),
        legacy(),
        package(),
    ];
    all.into_iter().flatten().collect()
}

fn file() -> Vec<Specimen> {
    vec![
        Specimen::new("1000", |folder| write(folder, "cam.sys", "")),
        edited("1001", &[("$Windows NT$", "$Windows 95$")]),
        edited("1001-missing", &[("Signature   = \"$Windows NT$\"", "")]),
        edited("1002", &[("[Cam.Copy]", "[Cam.Copy")]),
        edited("1002-quotation", &[("\"Contoso\"\nDisk", "\"Contoso\nDisk")]),
        edited("1003", &[("Contoso", "Cöntoso")]),
    ]
}

fn sections() -> Vec<Specimen> {
    vec![
        edited("1005", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copy\nAddReg =")]),
        edited("1203", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copie")]),
        edited("1203-models", &[("[Cam.NTamd64.10.0...19041]", "[Cam.NTamd64.10.0...19042]")]),
        edited("1206", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copy\nAddReg = Cam.Copy")]),
        added("1209", "[cam.copy]\n"),
        edited("1290", &[("[Cam.Install.Services]", "[Cam.Install.Services]\nCopyFiles = Cam.Copy")]),
        added("2083", "[Cam.Forgotten]\nHKR,,Name,,Value\n"),
        edited("1235", &[("%CameraName%", "%CamraName%")]),
        added("1294", "CameraName = \"Twice\"\n"),
        added("1295", "[Strings.0407]\nProvider = \"Contoso\"\n"),
    ]
}

fn version() -> Vec<Specimen> {
    const CLASS: &str = "Class       = Camera";
    const GUID: &str = "{ca3e7ab9-b4c3-4ae6-8251-579ef933890f}";
    vec![
        edited("1010", &[(GUID, "ca3e7ab9-b4c3-4ae6-8251-579ef933890f")]),
        edited("1204", &[("\"Contoso\"\nDisk", "\"Microsoft Cameras\"\nDisk")]),
        edited("1213", &[("cam.sys = 1", "cam.sys = 1\ncam.cat = 1")]),
        edited("1214", &[("CatalogFile = cam.cat", "CatalogFile = sub\\cam.cat")]),
        edited("1217", &[("1.2.3.4", "1.2.65535.4")]),
        edited("1217-short", &[("1.2.3.4", "1.2.3")]),
        edited("1218", &[("11/24/2026", "24/11/2026")]),
        edited("1218-short", &[("11/24/2026", "1/24/2026")]),
        edited("INF01", &[("11/24/2026", "01/01/2049")]),
        edited("1233", &[("CatalogFile = cam.cat", "")]),
        edited("1234", &[("Provider    = %Provider%", "Provider    =")]),
        edited("1280", &[(CLASS, "Class       = Media")]),
        edited("1281", &[(GUID, "{4d36e96c-e325-11ce-bfc1-08002be10318}")]),
        edited("1284", &[(CLASS, "Class       = Sound"), (GUID, "{4d36e97c-e325-11ce-bfc1-08002be10318}")]),
        added("1285", "[ClassInstall32]\nAddReg = Cam.Camera.Registry\n"),
        edited(
            "1286",
            &[
                (CLASS, "Class = ThisNameHasFarMoreThan31Characters"),
                (GUID, "{00000000-0000-4000-8000-000000000001}"),
            ],
        ),
        edited("1324", &[("PnpLockdown = 1", "PnpLockdown = 0")]),
        edited("1380", &[("PnpLockdown = 1", "PnpLockdown = 1\nExtensionId = {1}")]),
        edited("1381", &[(CLASS, "Class = Extension"), (GUID, "{e2f84ce7-8efa-411c-aa69-97454ca4cb57}")]),
        edited("2009", &[("PnpLockdown = 1", "PnpLockdown = 1\nDriverPackageType = PlugAndPlay")]),
    ]
}

fn targets() -> Vec<Specimen> {
    const DEVICE: &str = r"Cam.Install, Root\ContosoCam";
    const MANUFACTURER: &str = "%Provider% = Cam, NTamd64.10.0...19041";
    vec![
        edited("1011", &[(MANUFACTURER, "%Provider% = Cam, NTamd64.10.0...19041\n%Device% =")]),
        edited("1199", &[UNIVERSAL]),
        edited("1261", &[(DEVICE, r"Cam.Instal, Root\ContosoCam")]),
        edited("1271", &[(DEVICE, r", Root\ContosoCam")]),
        edited("1274", &[("NTamd64", "NT$ARCH$")]),
        edited("1287", &[("NTamd64.10.0", "NTx64.10.0")]),
        edited("1288", &[("19041", "10240")]),
        edited("1297", &[(r"%Device% = Cam.Install, Root\ContosoCam", "")]),
        edited("2010", &[("NTamd64.10.0...19041", "NT.10.0...19041")]),
        edited("INF02", &[(DEVICE, "Cam.Install")]),
        edited("INF03", &[(DEVICE, r#"Cam.Install, "Root\Contoso Cam""#)]),
        edited("INF04", &[("10.0...19041", "10.0.1..19041")]),
    ]
}

fn needs() -> Vec<Specimen> {
    const SERVICES: &str = "[Cam.Install.Services]";
    vec![
        edited("1310", &[("KS.Registration,", "KS.Registration, Usb.Install.Services,")]),
        edited("1311", &[(SERVICES, "[Cam.Install.Services]\nInclude = usb.inf\nNeeds = Usb.Install")]),
        edited("1315", &[(SERVICES, "[Cam.Install.Services]\nNeeds = Usb.Install.Services")]),
        edited("1319", &[("ks.inf, kscaptur.inf", "ks.inf")]),
    ]
}

fn files() -> Vec<Specimen> {
    const COPY: &str = "[Cam.Copy]\ncam.sys";
    vec![
        edited("1008", &[("cam.sys = 1", "cam.sys = one")]),
        edited("1100", &[(COPY, "[Cam.Copy]\ncamera.sys, cam.sys"), (r"%13%\cam.sys", r"%13%\camera.sys")]),
        edited(
            "1100-folder",
            &[("Cam.Copy = 13", "Cam.Copy = 13, sub"), (r"%13%\cam.sys", r"%13%\sub\cam.sys")],
        ),
        added("1101", "[Cam.Copy.security]\n\"D:P(A;;GA;;;SY)(A;;GA;;;BA)\"\n"),
        edited("1102", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copy\nDelFiles = Cam.Copy")]),
        edited("1229", &[(COPY, "[Cam.Copy]\ncam.sys\n,cam.sys")]),
        edited("1230", &[("cam.sys = 1\n", "\n")]),
        edited("1231", &[("cam.sys = 1", "cam.sys = 1\ncam.sy_ = 1")]),
        edited("1243", &[("Cam.Copy = 13", "Cam.Copy = %13%")]),
        edited("1273", &[("cam.sys = 1", "cam.sys = 2")]),
        edited("1275", &[("Cam.Copy = 13", "")]),
        edited("1306", &[UNIVERSAL, ("Cam.Copy = 13", "Cam.Copy = 24"), (r"%13%\cam.sys", r"%24%\cam.sys")]),
        edited("1322", &DRIVERS),
        edited(
            "1330",
            &[
                (COPY, "[Cam.Copy]\ncam.sys\ncam.sys, other.sys"),
                ("cam.sys = 1", "cam.sys = 1\nother.sys = 1"),
            ],
        ),
        edited("INF05", &[("Cam.Copy = 13", "DefaultDestDir = 13")]),
    ]
}

fn registry() -> Vec<Specimen> {
    vec![
        edited(
            "1224",
            &[(
                "HKR,, FriendlyName, , %CameraName%",
                "HKXX,, Name, , Value\nHKR,, FriendlyName, , %CameraName%",
            )],
        ),
        hardware("1264", "HKR,, Data, 0x00380000, 1, 2"),
        hardware("1265", "HKR,, Data, 0x00000008, Text"),
        hardware("1267", "HKR,, Data, 1, 01, 100"),
        hardware("1268", "HKR,, Data, 0x00010001, 0xZZ"),
        hardware("1268-flags", "HKR,, Data, REG_DWORD, 1"),
        edited("1268-service", &[("StartType     = 3", "StartType     = demand")]),
        edited(
            "1304",
            &[
                UNIVERSAL,
                (
                    "HKR,, CLSID",
                    r"HKLM, SOFTWARE\ContosoCam, Mode, , 1
HKR,, CLSID",
                ),
            ],
        ),
        hardware("1305", "HKR,, Data, 0x00010008, More"),
        hardware("1320", r"HKLM, SOFTWARE\Contoso, , 0x00000010"),
        hardware("1321", r"HKLM, SOFTWARE\Contoso, Mode, , 1"),
        edited(
            "1323",
            &[
                ("ErrorControl  = 1", "ErrorControl  = 1\nAddReg = Cam.Key"),
                ("[Strings]", "[Cam.Key]\nHKR,, Mode, , 1\n[Strings]"),
            ],
        ),
        hardware("1329", "HKR,, UpperFilters, 0x00010000, Filter"),
        hardware("1431", "HKR,, Security, 0x00010001, 1"),
        hardware("INF06", "HKR,, Security, , \"D:P(A;;GA;;;SY)(A;;GA;;BA)\""),
        edited("1019", &[("{65E8773D-8F56-11D0-A3B9-00A0C9223196}", "{65E8773D-8F56-11D0-A3B9}")]),
        edited("1086", &[("%KSCATEGORY_VIDEO%,  ", "%KSCATEGORY_CAPTURE%,")]),
        edited("INF08", &[("%TestSource%, Cam.TestSource", "%TestSource%, Cam.TestSource, 1")]),
        edited("INF09", &[("HKR,, FriendlyName, , %CameraName%", "")]),
        edited("INF09-class", &[("17CCA71B", "17CCA71C")]),
    ]
}

fn services() -> Vec<Specimen> {
    const ADD: &str = "AddService = cam, 0x00000002, Cam.Service";
    vec![
        edited("1211", &[(ADD, "AddService = cam, 2, Cam.Service\nAddService = other, 2, Cam.Service")]),
        edited("1296", &[(ADD, "AddService = cam, , Cam.Service")]),
        edited("1289", &[("ErrorControl  = 1", "")]),
        edited("1250", &[(ADD, "AddService = cam, 2, Cam.Service, , Driver")]),
        edited("1251", &[("StartType     = 3", "StartType     = 4")]),
        edited(
            "1252",
            &[("ServiceType   = 1", "ServiceType   = 0x10"), ("StartType     = 3", "StartType     = 1")],
        ),
        edited("1253", &[(ADD, "AddService = cam, 2, Cam.Service\nAddService = , , Cam.Service")]),
        edited("1272", &[(ADD, "AddService = , 2, Cam.Service")]),
        edited("2006", &[(ADD, "AddService = cam, 2, Cam.Servce")]),
        edited("2084", &[(r"%13%\cam.sys", r"%13%\camera.sys")]),
        edited("2085", &[(r"%13%\cam.sys", r"System32\drivers\cam.sys")]),
        edited("INF07", &[("StartType     = 3", "StartType     = 2")]),
    ]
}

fn legacy() -> Vec<Specimen> {
    vec![
        added(
            "1303",
            "[Cam.Install.CoInstallers]\nAddReg = Cam.CoInstaller\n[Cam.CoInstaller]\nHKR,,CoInstallers32,0x00010000,co.dll\n",
        ),
        edited("1307", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copy\nRegisterDlls = Cam.Camera")]),
        added("1307-section", "[Cam.Install.FactDef]\nConfigPriority = NORMAL\n"),
        edited("1308", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copy\nDelReg = Cam.Camera.Registry")]),
        edited("1309", &[("CopyFiles = Cam.Copy", "CopyFiles = Cam.Copy\nRenFiles = Cam.Copy")]),
        added("1421", "[DefaultInstall]\nCopyFiles = Cam.Copy\n"),
        added("1422", "[DefaultUninstall.NTamd64]\nDelService = cam\n"),
    ]
}

fn package() -> Vec<Specimen> {
    vec![
        Specimen::new("PKG01", |folder| write(folder, "cam.inf", MODERN)),
        Specimen::new("PKG02", |folder| {
            modern(folder, MODERN);
            write(folder, "tool.exe", "");
        }),
        edited("PKG03", &[("cam.sys = 1", "cam.sys = 1\ncam.cat.txt = 1")]),
        Specimen::new("PKG04", |folder| {
            modern(folder, MODERN);
            write(folder, "other.inf", MODERN);
        }),
        Specimen::new("PKG05", |folder| {
            modern(folder, MODERN);
            // The smallest beginning of an image: where the header is, its mark, the machine.
            let mut image = vec![0; 0x40];
            image[0x3C] = 0x40;
            image.extend(b"PE\0\0\x64\xAA");
            write(folder, "cam.sys", image);
        }),
    ]
}
