//! What the INF files say about the driver is what the driver says of itself, in both flavours.

use std::collections::BTreeSet;

use driver_package::inf::{self, Inf};
use ksrig::{client::guid, ks::Options};
use loopcam_tests::{
    images,
    stand::{CAMERA, MANAGER, Stand, TEST_SOURCE},
};

/// An INF file, read.
fn read(name: &str) -> Inf {
    let bytes = std::fs::read(images::inf(name)).expect("the INF file");
    let (text, encoding) = inf::decode(&bytes);
    encoding.expect("an encoding that Windows reads");
    Inf::parse(&text)
}

/// Each flavour with its INF.
fn flavours() -> impl Iterator<Item = (std::path::PathBuf, Inf)> {
    images::loopcam().into_iter().zip(["loopcam", "loopcam-legacy"].map(read))
}

/// Category and reference string, as INF files write them; case does not count there.
type Interfaces = BTreeSet<(String, String)>;

/// `AddInterface` lines and the descriptors' categories and reference GUIDs are the same set: an interface that the
/// driver registers and no INF names has neither a friendly name nor ksproxy's class id, and one that only the INF
/// names cannot be opened.
#[test]
fn interfaces_are_those_of_the_driver() {
    for (image, inf) in flavours() {
        let stand = Stand::new(&image, Options::default());
        let mut registered = Interfaces::new();
        for filter in stand.rig.filters() {
            let categories = filter.categories.iter();
            registered
                .extend(categories.map(|category| (guid::text(category), filter.reference.to_uppercase())));
        }
        let upper = |text: &str| text.to_uppercase();
        let listed: Interfaces = inf
            .interfaces()
            .iter()
            .map(|interface| (upper(interface.category()), upper(interface.reference())))
            .collect();
        assert_eq!(listed, registered, "{}", image.display());
        assert!(!listed.is_empty());
        stand.end();
    }
}

/// Every interface has its name and ksproxy's class id, by which DirectShow makes a filter of it.
#[test]
fn interfaces_have_names() {
    for (image, inf) in flavours() {
        for interface in inf.interfaces() {
            let name = match interface.reference().to_uppercase().as_str() {
                CAMERA => "Loopcam",
                TEST_SOURCE => "Loopcam Test Source",
                MANAGER => "Loopcam Cameras",
                other => panic!("{}: {other}", image.display()),
            };
            assert_eq!(interface.registry_value("FriendlyName"), Some(name));
            let proxy = interface.registry_value("CLSID").map(str::to_uppercase);
            assert_eq!(proxy.as_deref(), Some("{17CCA71B-ECD7-11D0-B908-00A0C9223196}"));
        }
    }
}

/// What compliance.ps1 promises of the driver's interface classes is what the INF files say.
#[test]
fn the_compliance_script_promises_the_classes() {
    let script = std::fs::read_to_string(images::root().join("scripts/windows/compliance.ps1"));
    let script = script.expect("the script");
    let list =
        script.lines().find_map(|line| line.trim().strip_prefix("$Category = '")).expect("its classes");
    let promised: BTreeSet<String> = list
        .trim_end_matches('\'')
        .split(',')
        .map(|class| match class {
            "KSCATEGORY_CAPTURE" => guid::text(&ks_sys::KSCATEGORY_CAPTURE),
            "KSCATEGORY_VIDEO" => guid::text(&ks_sys::KSCATEGORY_VIDEO),
            "KSCATEGORY_VIDEO_CAMERA" => guid::text(&ks_sys::KSCATEGORY_VIDEO_CAMERA),
            other => other.to_owned(),
        })
        .collect();
    for (_, inf) in flavours() {
        let listed: BTreeSet<String> =
            inf.interfaces().iter().map(|interface| interface.category().to_uppercase()).collect();
        assert_eq!(listed, promised);
    }
}
