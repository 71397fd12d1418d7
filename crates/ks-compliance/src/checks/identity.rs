//! Family A: what the filters say of themselves.

use ks_sys::*;

use crate::{
    Bench, Check,
    client::{Filter, Object},
    property::{self, GET},
    survey::{self, Subject},
    wire::{Status, bytes, guid},
};

pub const CHECKS: &[Check] = &[
    Check {
        id: "A1",
        title: "interfaces are where they are promised, and nowhere else",
        page: "stream/ksproperty-topology-categories",
        run: categories,
    },
    Check {
        id: "A2",
        title: "names are there, and stay",
        page: "install/inf-addinterface-directive",
        run: names,
    },
    Check {
        id: "A3",
        title: "the topology is whole: nodes, connections, no orphan pin",
        page: "stream/ksproperty-topology-connections",
        run: topology,
    },
    Check {
        id: "A4",
        title: "pin types are counted, and none is beyond the count",
        page: "stream/ksproperty-pin-ctypes",
        run: pin_types,
    },
    Check {
        id: "A5",
        title: "what a pin type says of itself is valid, and stays",
        page: "stream/ksproperty-pin-dataflow",
        run: pin_properties,
    },
    Check {
        id: "A6",
        title: "the component id has the version of the file",
        page: "stream/ksproperty-general-componentid",
        run: component,
    },
    Check {
        id: "A7",
        title: "a hundred instances of a filter at once",
        page: "stream/avstream-filters",
        run: many_opens,
    },
];

fn topology_items(filter: &Filter<'_>, id: KSPROPERTY_TOPOLOGY::Type) -> Result<Vec<u8>, Status> {
    filter.get_sized(&property::request(KSPROPSETID_Topology, id as u32, GET, &[]))
}

fn guids(items: &[u8]) -> Vec<GUID> {
    let items = items.get(size_of::<KSMULTIPLE_ITEM>()..).unwrap_or_default();
    items.chunks_exact(size_of::<GUID>()).filter_map(bytes::read).collect()
}

fn sorted(guids: &[GUID]) -> Vec<String> {
    let mut texts: Vec<String> = guids.iter().map(guid::label).collect();
    texts.sort();
    texts
}

fn categories(bench: &Bench<'_>) {
    let subjects = bench.subjects();
    for subject in &subjects {
        let Subject { interface, filter, .. } = subject;
        bench.holds(!interface.categories.is_empty(), &interface.name, "an interface class", "none");
        let answer = topology_items(filter, KSPROPERTY_TOPOLOGY::KSPROPERTY_TOPOLOGY_CATEGORIES);
        let what = format!("{}: KSPROPERTY_TOPOLOGY_CATEGORIES", interface.name);
        if let Some(items) = bench.take(&what, answer) {
            let named = guids(&items);
            // Interface classes beside KS categories (a driver's own) need not be categories.
            for category in &named {
                let listed = interface.categories.iter().any(|known| is_equal_guid(known, category));
                bench.holds(
                    listed,
                    &what,
                    format_args!("an interface of class {}", guid::label(category)),
                    "none",
                );
            }
            let unnamed: Vec<_> = interface
                .categories
                .iter()
                .filter(|class| !named.iter().any(|known| is_equal_guid(known, class)))
                .collect();
            for class in unnamed {
                bench.warn(true, &what, "every interface class among the categories", guid::label(class));
            }
        }
        if !bench.promises.categories.is_empty() {
            for class in &interface.categories {
                let promised = bench.promises.categories.iter().any(|known| is_equal_guid(known, class));
                bench.holds(promised, &interface.name, "promised categories only", guid::label(class));
            }
        }
    }
    for promised in &bench.promises.categories {
        let found = subjects
            .iter()
            .any(|subject| subject.interface.categories.iter().any(|class| is_equal_guid(class, promised)));
        bench.holds(found, guid::label(promised), "a filter in the promised category", "none");
    }
}

fn names(bench: &Bench<'_>) {
    let first = bench.system.interfaces();
    bench.holds(!first.is_empty(), "the list of filters", "a filter", "none");
    for interface in &first {
        bench.holds(!interface.name.trim().is_empty(), &interface.link, "a friendly name", "none");
        bench.holds(
            !interface.name.contains('\0'),
            &interface.link,
            "a name that ends at its first NUL",
            "more",
        );
        bench.holds(!interface.link.is_empty(), &interface.name, "a symbolic link", "none");
    }
    let list = || -> Vec<(String, String, Vec<String>)> {
        let interfaces = bench.system.interfaces();
        interfaces.into_iter().map(|i| (i.link, i.name, sorted(&i.categories))).collect()
    };
    bench.equal("two looks at the list of filters", list(), list());
}

fn topology(bench: &Bench<'_>) {
    use KSPROPERTY_TOPOLOGY::*;
    for Subject { interface, filter, pins } in &bench.subjects() {
        let name = &interface.name;
        for (id, item) in [
            (KSPROPERTY_TOPOLOGY_CATEGORIES, size_of::<GUID>()),
            (KSPROPERTY_TOPOLOGY_NODES, size_of::<GUID>()),
            (KSPROPERTY_TOPOLOGY_CONNECTIONS, size_of::<KSTOPOLOGY_CONNECTION>()),
        ] {
            let what = format!("{name}: KSPROPSETID_Topology {}", id as u32);
            if let Some(items) = bench.take(&what, topology_items(filter, id)) {
                let head: KSMULTIPLE_ITEM = bytes::read(&items).unwrap_or_else(bytes::zeroed);
                bench.equal(format_args!("{what}: Size"), head.Size as usize, items.len());
                bench.equal(format_args!("{what}: Count"), 8 + head.Count as usize * item, items.len());
            }
        }
        let nodes =
            topology_items(filter, KSPROPERTY_TOPOLOGY_NODES).map(|items| guids(&items)).unwrap_or_default();
        for (index, node) in nodes.iter().enumerate() {
            bench.holds(
                !is_equal_guid(node, &GUID_NULL),
                format_args!("{name}: node {index}"),
                "a type",
                "none",
            );
            let input = property::request(
                KSPROPSETID_Topology,
                KSPROPERTY_TOPOLOGY_NAME as u32,
                GET,
                &[(index as u32).to_le_bytes(), [0; 4]].concat(),
            );
            if let Ok(text) = filter.get_sized(&input) {
                bench.holds(
                    text.ends_with(&[0, 0]),
                    format_args!("{name}: name of node {index}"),
                    "a NUL",
                    "none",
                );
            }
        }
        let beyond = property::request(
            KSPROPSETID_Topology,
            KSPROPERTY_TOPOLOGY_NAME as u32,
            GET,
            &[(nodes.len() as u32).to_le_bytes(), [0; 4]].concat(),
        );
        bench.refused(
            format_args!("{name}: name of a node that is not there"),
            filter.property(&beyond, vec![0; 64]).status,
        );
        let items = topology_items(filter, KSPROPERTY_TOPOLOGY_CONNECTIONS).unwrap_or_default();
        let items = items.get(8..).unwrap_or_default();
        let connections: Vec<KSTOPOLOGY_CONNECTION> =
            items.chunks_exact(size_of::<KSTOPOLOGY_CONNECTION>()).filter_map(bytes::read).collect();
        // Without connections of its own a filter has one node that no list names, each pin on the node's pin of the
        // same number (KSFILTER_DESCRIPTOR, ConnectionsCount).
        let default = nodes.is_empty() && connections.iter().all(|c| c.FromNodePin == c.ToNodePin);
        let count = if default { 1 } else { nodes.len() };
        let mut touched = vec![false; pins.len()];
        for (index, connection) in connections.iter().enumerate() {
            let ends = [
                (connection.FromNode, connection.FromNodePin, "from"),
                (connection.ToNode, connection.ToNodePin, "to"),
            ];
            for (node, pin, end) in ends {
                let what = format!("{name}: connection {index}, {end}");
                if node == KSFILTER_NODE {
                    if bench.holds((pin as usize) < pins.len(), &what, "a pin of the filter", pin) {
                        touched[pin as usize] = true;
                    }
                } else {
                    bench.holds((node as usize) < count, &what, "a node of the filter", node);
                }
            }
        }
        for (id, touched) in touched.iter().enumerate() {
            bench.holds(*touched, format_args!("{name}/{id}"), "a connection that ends at the pin", "none");
        }
    }
}

/// The properties of KSPROPSETID_Pin that are asked of a pin type.
const OF_A_PIN: [(KSPROPERTY_PIN::Type, &str); 9] = [
    (KSPROPERTY_PIN::KSPROPERTY_PIN_CINSTANCES, "CINSTANCES"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_DATAFLOW, "DATAFLOW"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_DATARANGES, "DATARANGES"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_INTERFACES, "INTERFACES"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_MEDIUMS, "MEDIUMS"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_COMMUNICATION, "COMMUNICATION"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_NECESSARYINSTANCES, "NECESSARYINSTANCES"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_CATEGORY, "CATEGORY"),
    (KSPROPERTY_PIN::KSPROPERTY_PIN_NAME, "NAME"),
];

fn pin_types(bench: &Bench<'_>) {
    for Subject { interface, filter, pins } in &bench.subjects() {
        // None is allowed (`PinDescriptorsCount` in `ns-ks-_ksfilter_descriptor.md`).
        let count = pins.len() as u32;
        bench.equal(
            format_args!("{}: CTYPES once more", interface.name),
            survey::pin_count(filter).ok(),
            Some(count),
        );
        for (id, name) in OF_A_PIN {
            for beyond in [count, count + 1, 0x7FFF_FFFF, 0x8000_0000, u32::MAX] {
                let pin = [beyond.to_le_bytes(), [0; 4]].concat();
                let input = property::request(KSPROPSETID_Pin, id as u32, GET, &pin);
                for room in [0, 4, 4096] {
                    let answer = filter.property(&input, vec![0x5A; room]);
                    let what = format!("{}: {name} of pin {beyond:#x}", interface.name);
                    bench.refused(&what, answer.status);
                    bench.holds(
                        answer.data.iter().all(|byte| *byte == 0x5A),
                        &what,
                        "nothing written",
                        "bytes",
                    );
                }
            }
        }
    }
}

fn pin_properties(bench: &Bench<'_>) {
    use KSPROPERTY_PIN::*;
    for subject in &bench.subjects() {
        for pin in &subject.pins {
            let (name, filter) = (subject.name(pin), &subject.filter);
            let number = |id| filter.pin_value::<u32>(id, pin.id).unwrap_or(u32::MAX);
            let flow = number(KSPROPERTY_PIN_DATAFLOW);
            bench.holds(matches!(flow, 1 | 2), format_args!("{name}: DATAFLOW"), "IN or OUT", flow);
            bench.holds(
                pin.communication <= 4,
                format_args!("{name}: COMMUNICATION"),
                "0 to 4",
                pin.communication,
            );
            bench.holds(!pin.interfaces.is_empty(), format_args!("{name}: INTERFACES"), "one at least", 0);
            bench.holds(!pin.mediums.is_empty(), format_args!("{name}: MEDIUMS"), "one at least", 0);
            for item in pin.interfaces.iter().chain(&pin.mediums) {
                bench.holds(
                    !is_equal_guid(&item.Set, &GUID_NULL),
                    &name,
                    "a set for each interface and medium",
                    "NULL",
                );
            }
            if let Ok(category) = filter.pin_value::<GUID>(KSPROPERTY_PIN_CATEGORY, pin.id) {
                bench.holds(
                    !is_equal_guid(&category, &GUID_NULL),
                    format_args!("{name}: CATEGORY"),
                    "a GUID",
                    "NULL",
                );
            }
            if let Ok(text) = filter.pin_items(KSPROPERTY_PIN_NAME, pin.id) {
                let what = format!("{name}: NAME");
                bench.holds(
                    text.len() >= 4 && text.len() % 2 == 0,
                    &what,
                    "UTF-16 text",
                    format_args!("{} bytes", text.len()),
                );
                bench.holds(text.ends_with(&[0, 0]), &what, "a NUL at its end", "none");
            }
            let necessary = number(KSPROPERTY_PIN_NECESSARYINSTANCES);
            bench.holds(
                necessary <= pin.possible,
                format_args!("{name}: NECESSARYINSTANCES"),
                format_args!("at most {}", pin.possible),
                necessary,
            );
            for (id, property) in OF_A_PIN {
                let first = filter.pin_items(id, pin.id);
                let second = subject_again(bench, subject).and_then(|other| other.pin_items(id, pin.id));
                bench.equal(
                    format_args!("{name}: {property}, asked through another instance"),
                    second,
                    first,
                );
            }
        }
    }
}

fn subject_again<'a>(bench: &Bench<'a>, subject: &Subject<'a>) -> Result<Filter<'a>, Status> {
    Filter::open(bench.system, &subject.interface.link)
}

fn component(bench: &Bench<'_>) {
    let Some(version) = bench.system.image_version() else {
        bench.note(format_args!("{} does not say the version of the driver's file", bench.system.name()));
        return;
    };
    for Subject { interface, filter, .. } in &bench.subjects() {
        let id = KSPROPERTY_GENERAL::KSPROPERTY_GENERAL_COMPONENTID as u32;
        match filter.get::<KSCOMPONENTID>(KSPROPSETID_General, id, &[]) {
            Ok(component) => {
                let what = format!("{}: COMPONENTID", interface.name);
                let expected = (u32::from(version[0]), u32::from(version[1]));
                bench.equal(&what, (component.Version, component.Revision), expected);
                bench.holds(!is_equal_guid(&component.Component, &GUID_NULL), &what, "a component", "NULL");
            }
            Err(status) => bench.note(format_args!("{}: no component id ({status})", interface.name)),
        }
    }
}

fn many_opens(bench: &Bench<'_>) {
    const MANY: usize = 100;
    for Subject { interface, pins, .. } in &bench.subjects() {
        // The first instance may make what stays for all.
        drop(Filter::open(bench.system, &interface.link));
        let before = bench.footprint();
        let mut open = Vec::new();
        for index in 0..MANY {
            let opened = Filter::open(bench.system, &interface.link);
            let Some(filter) = bench.take(format_args!("{}: instance {index}", interface.name), opened)
            else {
                break;
            };
            let answer = survey::pin_count(&filter);
            bench.equal(
                format_args!("{}: instance {index}: CTYPES", interface.name),
                answer.ok(),
                Some(pins.len() as u32),
            );
            open.push(filter);
        }
        drop(open);
        bench.nothing_left(format_args!("{MANY} instances of {}", interface.name), before);
    }
}
