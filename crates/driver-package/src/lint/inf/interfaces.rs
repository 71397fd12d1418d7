//! Device interfaces.

use super::rule;
use crate::{
    inf::parse_number,
    lint::{Findings, InfFile, Levels, Rule},
};

const PAGE: &str = "install/inf-addinterface-directive";

/// The rules.
pub const RULES: &[Rule] = &[
    rule("1019", "an interface's class is a GUID", Levels::ERROR, PAGE, class),
    rule("1086", "an interface is added once", Levels::ERROR, PAGE, twice),
    rule("INF08", "the flags of AddInterface are 0", Levels::ERROR, PAGE, flags),
    rule(
        "INF09",
        "a streaming interface has its proxy and a friendly name",
        Levels::WARNING,
        "audio/installing-device-interfaces-for-an-audio-adapter",
        streaming,
    ),
];

/// The object in DirectShow that stands for a filter in the kernel.
const PROXY: &str = "{17CCA71B-ECD7-11D0-B908-00A0C9223196}";

/// The classes of kernel streaming that applications look for filters in.
const STREAMING: [(&str, &str); 7] = [
    ("KSCATEGORY_CAPTURE", "{65E8773D-8F56-11D0-A3B9-00A0C9223196}"),
    ("KSCATEGORY_RENDER", "{65E8773E-8F56-11D0-A3B9-00A0C9223196}"),
    ("KSCATEGORY_VIDEO", "{6994AD05-93EF-11D0-A3CC-00A0C9223196}"),
    ("KSCATEGORY_AUDIO", "{6994AD04-93EF-11D0-A3CC-00A0C9223196}"),
    ("KSCATEGORY_VIDEO_CAMERA", "{E5323777-F976-4F5B-9B55-B94699C46E44}"),
    ("KSCATEGORY_SENSOR_CAMERA", "{24E552D7-6523-47F7-A647-D3465BF1F5CA}"),
    ("KSCATEGORY_CROSSBAR", "{A799A801-A46D-11D0-A18C-00A02401DCD4}"),
];

fn class(file: &InfFile, findings: &mut Findings<'_>) {
    for interface in file.inf.interfaces().iter().filter(|interface| !super::is_guid(interface.category())) {
        let found = format!("the interface's class is {}", interface.category());
        findings.add(
            interface.entry.line,
            found,
            "write {XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}, with the braces",
        );
    }
}

fn twice(file: &InfFile, findings: &mut Findings<'_>) {
    let interfaces = file.inf.interfaces();
    for (index, one) in interfaces.iter().enumerate() {
        let same = interfaces[..index].iter().any(|other| {
            other.from.eq_ignore_ascii_case(one.from)
                && other.category().eq_ignore_ascii_case(one.category())
                && other.reference().eq_ignore_ascii_case(one.reference())
        });
        if same {
            let found = format!("[{}] has the interface {} twice", one.from, one.category());
            findings.add(one.entry.line, found, "remove one, or give it another reference string");
        }
    }
}

fn flags(file: &InfFile, findings: &mut Findings<'_>) {
    for interface in file.inf.interfaces() {
        let flags = interface.entry.value(3);
        if !flags.is_empty() && parse_number(flags) != Some(0) {
            findings.add(interface.entry.line, format!("the flags are {flags}"), "leave them out");
        }
    }
}

fn streaming(file: &InfFile, findings: &mut Findings<'_>) {
    // Extensions add to interfaces that are there.
    let extension = file.inf.version("Class").eq_ignore_ascii_case("Extension");
    for interface in file.inf.interfaces().into_iter().filter(|_| !extension) {
        let known = STREAMING.iter().find(|(_, guid)| guid.eq_ignore_ascii_case(interface.category()));
        let Some((category, _)) = known else { continue };
        let missing = match (interface.registry_value("CLSID"), interface.registry_value("FriendlyName")) {
            (Some(class), _) if !class.eq_ignore_ascii_case(PROXY) => {
                format!("the CLSID {class}, not the proxy's")
            }
            (None, _) => "no CLSID".to_owned(),
            (_, None | Some("")) => "no FriendlyName".to_owned(),
            _ => continue,
        };
        let found = format!("the interface of {category} has {missing}");
        let advice =
            format!("write HKR,,CLSID,,\"{PROXY}\" and HKR,,FriendlyName,,%Name% in its AddReg section");
        findings.add(interface.entry.line, found, advice);
    }
}
