//! The bindings against the documented x64 layout (`ks-layout-x64.tsv`: size, and offset of each
//! member, of the structures of ks.h).
//!
//! bindgen writes each size and offset that it found into the bindings as an assertion that rustc
//! evaluated when it compiled them; here those numbers meet the documented ones.

use std::{collections::BTreeMap, mem::offset_of};

use ks_sys::*;

/// Where the anonymous unions lie, of which bindgen asserts nothing.
const UNIONS: [(&str, usize); 8] = [
    ("KSALLOCATOR_FRAMING", offset_of!(KSALLOCATOR_FRAMING, __bindgen_anon_1)),
    ("KSEVENTDATA", offset_of!(KSEVENTDATA, __bindgen_anon_1)),
    ("KSEVENT_ENTRY", offset_of!(KSEVENT_ENTRY, __bindgen_anon_1)),
    ("KSMETHOD_ITEM", offset_of!(KSMETHOD_ITEM, __bindgen_anon_1)),
    ("KSPIN_DESCRIPTOR", offset_of!(KSPIN_DESCRIPTOR, __bindgen_anon_1)),
    ("KSPROPERTY_ITEM", offset_of!(KSPROPERTY_ITEM, __bindgen_anon_1)),
    ("KSPROPERTY_ITEM", offset_of!(KSPROPERTY_ITEM, __bindgen_anon_2)),
    ("KSSTREAM_POINTER_OFFSET", offset_of!(KSSTREAM_POINTER_OFFSET, __bindgen_anon_1)),
];

/// The structures inside anonymous unions: of which structure, at which offset, the inner one.
const INSIDE: [(&str, usize, &str); 2] = [
    ("KSDATAFORMAT", 0, "KSDATAFORMAT__bindgen_ty_1"),
    (
        "KSPIN_DESCRIPTOR",
        offset_of!(KSPIN_DESCRIPTOR, __bindgen_anon_1),
        "KSPIN_DESCRIPTOR__bindgen_ty_1__bindgen_ty_1",
    ),
];

const BINDINGS: &str = include_str!(concat!(env!("OUT_DIR"), "/ks.rs"));
const DOCUMENTED: &str = include_str!("ks-layout-x64.tsv");

/// The text of the bindings without the line breaks of their formatting.
fn asserted(kind: &str) -> BTreeMap<String, usize> {
    let text = BINDINGS.split_whitespace().collect::<Vec<_>>().join(" ");
    let marker = format!("[\"{kind}");
    let mut found = BTreeMap::new();
    for part in text.split(marker.as_str()).skip(1) {
        let (name, rest) = part.split_once("\"]").expect("the assertion's name ends");
        let number = rest.split("- ").nth(1).and_then(|n| n.split("usize").next()).expect("a number");
        found.insert(name.trim().to_owned(), number.parse().expect("a decimal number"));
    }
    found
}

/// The structure's own name behind a `typedef`.
fn tag(name: &str) -> &str {
    let typedef = format!("pub type {name} = ");
    BINDINGS.split(typedef.as_str()).nth(1).and_then(|rest| rest.split(';').next()).unwrap_or(name)
}

#[test]
fn structures_have_the_documented_sizes_and_offsets() {
    let sizes = asserted("Size of ");
    let offsets = asserted("Offset of field: ");
    let mut checked = 0;
    for line in DOCUMENTED.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, member) = (tag(columns[0]), columns[1]);
        if member == "(sizeof)" {
            let documented: usize = columns[3].parse().unwrap();
            assert_eq!(sizes.get(name), Some(&documented), "size of {}", columns[0]);
        } else {
            let documented: usize = columns[2].parse().unwrap();
            let inner =
                INSIDE.iter().find(|(outer, ..)| *outer == columns[0]).and_then(|(_, base, inner)| {
                    offsets.get(&format!("{inner}::{member}")).map(|offset| base + offset)
                });
            let found = offsets.get(&format!("{name}::{member}")).copied().or(inner);
            // A member of an anonymous union lies where the union does.
            let union = || UNIONS.contains(&(columns[0], documented));
            assert!(
                found == Some(documented) || found.is_none() && union(),
                "{}.{member}: documented at {documented}, found at {found:?}",
                columns[0]
            );
        }
        checked += 1;
    }
    assert!(checked > 250, "the table has shrunk to {checked} rows");
}
