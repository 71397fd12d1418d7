//! KSPROPSETID_Topology and KSPROPSETID_General on a filter (section 7.4 of the contract).

use ks_sys::{
    GUID, KSFILTER_NODE, KSPIN_DATAFLOW::KSPIN_DATAFLOW_IN,
    KSPROPERTY_GENERAL::KSPROPERTY_GENERAL_COMPONENTID, KSPROPERTY_TOPOLOGY::*, KSPROPSETID_General,
    KSPROPSETID_Topology, KSTOPOLOGY_CONNECTION, NTSTATUS, STATUS_NOT_FOUND,
};

use super::{
    automation::{Item, Set},
    descriptor,
    filter::Filter,
    property_request::Request,
};

const fn get(id: i32, min_property: u32, min_data: u32, get: fn(&mut Request) -> NTSTATUS) -> Item {
    Item { id: id as u32, min_property, min_data, get: Some(get), set: None, control: true, handle: false }
}

/// KSPROPSETID_Topology.
pub const SET: Set = Set {
    guid: KSPROPSETID_Topology,
    items: &[
        get(KSPROPERTY_TOPOLOGY_CATEGORIES, 0x18, 0, categories),
        get(KSPROPERTY_TOPOLOGY_NODES, 0x18, 0, nodes),
        get(KSPROPERTY_TOPOLOGY_CONNECTIONS, 0x18, 0, connections),
        get(KSPROPERTY_TOPOLOGY_NAME, 0x20, 0, name),
    ],
};

/// KSPROPSETID_General.
pub const GENERAL: Set = Set {
    guid: KSPROPSETID_General,
    items: &[get(KSPROPERTY_GENERAL_COMPONENTID, 0x18, 0x48, component_id)],
};

fn with(request: &mut Request, body: impl FnOnce(&mut Request, &'static Filter) -> NTSTATUS) -> NTSTATUS {
    let filter = request.subject.filter();
    body(request, filter)
}

fn categories(request: &mut Request) -> NTSTATUS {
    with(request, |request, filter| {
        let descriptor = filter.descriptor();
        // SAFETY: the table has that many entries.
        let list: Vec<GUID> = (0..descriptor.CategoriesCount as usize)
            .map(|index| unsafe { *descriptor.Categories.add(index) })
            .collect();
        request.answer_array(&list)
    })
}

fn nodes(request: &mut Request) -> NTSTATUS {
    with(request, |request, filter| {
        let descriptor = filter.descriptor();
        let kind = |index| {
            // SAFETY: the driver's GUID, or null.
            descriptor::node(descriptor, index)
                .and_then(|node| unsafe { node.Type.as_ref() })
                .copied()
                .unwrap_or(ks_sys::GUID_NULL)
        };
        let list: Vec<GUID> = (0..descriptor.NodeDescriptorsCount).map(kind).collect();
        request.answer_array(&list)
    })
}

/// R7.33. Without connections: one node, and each pin on the pin of that node with the same id; the direction is
/// the pin's data flow.
fn connections(request: &mut Request) -> NTSTATUS {
    with(request, |request, filter| {
        let descriptor = filter.descriptor();
        let list: Vec<KSTOPOLOGY_CONNECTION> = if descriptor.ConnectionsCount > 0 {
            // SAFETY: the table has that many entries.
            (0..descriptor.ConnectionsCount as usize)
                .map(|index| unsafe { *descriptor.Connections.add(index) })
                .collect()
        } else {
            (0..descriptor.PinDescriptorsCount)
                .map(|pin| {
                    let pin_descriptor = filter.pin_descriptor(pin).expect("below the count");
                    // SAFETY: the descriptor lives as long as the filter.
                    let flow = unsafe { (*pin_descriptor).PinDescriptor.DataFlow };
                    let (from, to) =
                        if flow == KSPIN_DATAFLOW_IN { (KSFILTER_NODE, 0) } else { (0, KSFILTER_NODE) };
                    KSTOPOLOGY_CONNECTION { FromNode: from, FromNodePin: pin, ToNode: to, ToNodePin: pin }
                })
                .collect()
        };
        request.answer_array(&list)
    })
}

/// The name is the text that the registry has for the node's GUID; the rig's registry has none.
fn name(request: &mut Request) -> NTSTATUS {
    with(request, |_, _| STATUS_NOT_FOUND)
}

fn component_id(request: &mut Request) -> NTSTATUS {
    with(request, |request, filter| {
        // SAFETY: the driver's structure, or null.
        match unsafe { filter.descriptor().ComponentId.as_ref() } {
            Some(id) => request.answer(id),
            None => STATUS_NOT_FOUND,
        }
    })
}
