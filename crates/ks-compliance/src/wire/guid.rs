//! GUIDs as people write them, and the names of those a person meets.

use ks_sys::GUID;

/// `{XXXXXXXX-XXXX-XXXX-XXXX-XXXXXXXXXXXX}`, as in reference strings and INF files.
pub fn text(guid: &GUID) -> String {
    let GUID { Data1, Data2, Data3, Data4 } = guid;
    let tail: String = Data4.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("{{{Data1:08X}-{Data2:04X}-{Data3:04X}-{}-{}}}", &tail[..4], &tail[4..])
}

/// Reads a GUID with or without braces.
pub fn parse(text: &str) -> Option<GUID> {
    let text = text.trim();
    let text = text.strip_prefix('{').map_or(Some(text), |rest| rest.strip_suffix('}'))?;
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    (lengths == [8, 4, 4, 4, 12])
        .then(|| u128::from_str_radix(&groups.concat(), 16).ok())
        .flatten()
        .map(ks_sys::guid)
}

macro_rules! names {
    ($($name:ident)*) => { &[$((ks_sys::$name, stringify!($name)),)*] };
}

#[rustfmt::skip]
const NAMES: &[(GUID, &str)] = names! {
    KSCATEGORY_CAPTURE KSCATEGORY_RENDER KSCATEGORY_VIDEO KSCATEGORY_AUDIO KSCATEGORY_VIDEO_CAMERA
    KSCATEGORY_BRIDGE KSCATEGORY_MIXER KSCATEGORY_SPLITTER KSCATEGORY_TVTUNER KSCATEGORY_CROSSBAR
    KSCATEGORY_DATATRANSFORM KSCATEGORY_DATACOMPRESSOR KSCATEGORY_DATADECOMPRESSOR
    KSPROPSETID_General KSPROPSETID_Pin KSPROPSETID_Topology KSPROPSETID_Connection KSPROPSETID_Stream KSPROPSETID_Clock
    KSPROPSETID_StreamInterface KSPROPSETID_MediaSeeking
    PROPSETID_VIDCAP_CAMERACONTROL PROPSETID_VIDCAP_VIDEOPROCAMP PROPSETID_VIDCAP_DROPPEDFRAMES
    PROPSETID_VIDCAP_VIDEOCONTROL PROPSETID_VIDCAP_VIDEOCOMPRESSION
    PINNAME_VIDEO_CAPTURE PINNAME_VIDEO_PREVIEW PINNAME_VIDEO_STILL PINNAME_VIDEO_ANALOGVIDEOIN
    KSDATAFORMAT_TYPE_VIDEO KSDATAFORMAT_TYPE_AUDIO KSDATAFORMAT_TYPE_STREAM
    KSDATAFORMAT_SPECIFIER_NONE KSDATAFORMAT_SPECIFIER_VIDEOINFO KSDATAFORMAT_SPECIFIER_VIDEOINFO2
    KSDATAFORMAT_SPECIFIER_WAVEFORMATEX
};

/// The GUID's name in the headers, if this crate knows it.
pub fn name(guid: &GUID) -> Option<&'static str> {
    NAMES.iter().find(|(known, _)| ks_sys::is_equal_guid(known, guid)).map(|(_, name)| *name)
}

/// The GUID of a name in the headers, if this crate knows it.
pub fn by_name(text: &str) -> Option<GUID> {
    NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text)).map(|(guid, _)| *guid)
}

/// The name, or the digits.
pub fn label(guid: &GUID) -> String {
    name(guid).map_or_else(|| text(guid), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let text_form = "{65E8773D-8F56-11D0-A3B9-00A0C9223196}";
        let guid = parse(text_form).unwrap();
        assert_eq!(text(&guid), text_form);
        assert_eq!(name(&guid), Some("KSCATEGORY_CAPTURE"));
        assert!(parse("65e8773d-8f56-11d0-a3b9-00a0c9223196").is_some());
        assert!(parse("{65E8773D}").is_none());
        assert!(parse("{65E8773D-8F56-11D0-A3B9-00A0C922319G}").is_none());
    }
}
