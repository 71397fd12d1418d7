//! Whether a filter descriptor is consistent (sections 2.2 and 2.3 of the contract, 10.24), and reading it.

use ks_sys::{
    KSFILTER_DESCRIPTOR, KSFILTER_DESCRIPTOR_VERSION, KSFILTER_NODE, KSNODE_DESCRIPTOR,
    KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_DESCRIPTOR_EX, KSPIN_FLAG_CRITICAL_PROCESSING as CRITICAL,
    KSPIN_FLAG_DO_NOT_INITIATE_PROCESSING as DO_NOT_INITIATE,
    KSPIN_FLAG_FRAMES_NOT_REQUIRED_FOR_PROCESSING as FRAMES_NOT_REQUIRED,
    KSPIN_FLAG_GENERATE_MAPPINGS as MAPPINGS, KSPIN_FLAG_HYPERCRITICAL_PROCESSING as HYPERCRITICAL,
    KSPIN_FLAG_INITIATE_PROCESSING_ON_EVERY_ARRIVAL as EVERY_ARRIVAL,
    KSPIN_FLAG_PROCESS_IF_ANY_IN_RUN_STATE as ANY_IN_RUN, KSPIN_FLAG_PROCESS_IN_RUN_STATE_ONLY as RUN_ONLY,
    KSPIN_FLAG_SOME_FRAMES_REQUIRED_FOR_PROCESSING as SOME_FRAMES, KSPIN_FLAG_SPLITTER as SPLITTER,
    KSTOPOLOGY_CONNECTION,
};

use super::format;

/// Both `KSFILTER_FLAG_` and `KSPIN_FLAG_` have these values for the two queues.
const FILTER_CRITICAL: u32 = 2;
const FILTER_HYPERCRITICAL: u32 = 4;

/// A pin descriptor of a filter descriptor: `PinDescriptorSize` is the stride.
pub fn pin(filter: &KSFILTER_DESCRIPTOR, id: u32) -> Option<*const KSPIN_DESCRIPTOR_EX> {
    (id < filter.PinDescriptorsCount).then(|| {
        // SAFETY: the table has that many entries of that size (the driver's duty).
        unsafe { filter.PinDescriptors.byte_add(id as usize * filter.PinDescriptorSize as usize) }
    })
}

/// A node descriptor: `NodeDescriptorSize` is the stride.
pub fn node(filter: &KSFILTER_DESCRIPTOR, id: u32) -> Option<&'static KSNODE_DESCRIPTOR> {
    (id < filter.NodeDescriptorsCount).then(|| {
        // SAFETY: as for pins.
        unsafe { &*filter.NodeDescriptors.byte_add(id as usize * filter.NodeDescriptorSize as usize) }
    })
}

/// What is wrong with a descriptor, in words.
pub fn check(filter: &KSFILTER_DESCRIPTOR) -> Result<(), String> {
    let fail = |what: &str| Err(format!("KSFILTER_DESCRIPTOR: {what}"));
    if filter.Version != KSFILTER_DESCRIPTOR_VERSION {
        return fail("Version is not KSFILTER_DESCRIPTOR_VERSION");
    }
    if filter.ReferenceGuid.is_null() {
        return fail("ReferenceGuid is NULL");
    }
    if filter.Flags & FILTER_CRITICAL != 0 && filter.Flags & FILTER_HYPERCRITICAL != 0 {
        return fail("CRITICAL and HYPERCRITICAL processing exclude each other");
    }
    if filter.CategoriesCount > 0 && filter.Categories.is_null() {
        return fail("CategoriesCount without Categories");
    }
    // SAFETY: the driver's table.
    let centric = unsafe { filter.Dispatch.as_ref() }.is_some_and(|dispatch| dispatch.Process.is_some());
    // R2.6: none is as good as some.
    if filter.PinDescriptorsCount > 0 {
        if filter.PinDescriptors.is_null() {
            return fail("PinDescriptorsCount without PinDescriptors");
        }
        if (filter.PinDescriptorSize as usize) < size_of::<KSPIN_DESCRIPTOR_EX>()
            || !filter.PinDescriptorSize.is_multiple_of(8)
        {
            return fail("PinDescriptorSize is smaller than KSPIN_DESCRIPTOR_EX or no multiple of 8");
        }
    }
    for id in 0..filter.PinDescriptorsCount {
        // SAFETY: inside the table.
        let descriptor = unsafe { &*pin(filter, id).expect("below the count") };
        check_pin(descriptor, centric)
            .map_err(|what| format!("KSPIN_DESCRIPTOR_EX of pin type {id}: {what}"))?;
    }
    if filter.NodeDescriptorsCount > 0 {
        if filter.NodeDescriptors.is_null() {
            return fail("NodeDescriptorsCount without NodeDescriptors");
        }
        if (filter.NodeDescriptorSize as usize) < size_of::<KSNODE_DESCRIPTOR>()
            || !filter.NodeDescriptorSize.is_multiple_of(8)
        {
            return fail("NodeDescriptorSize is smaller than KSNODE_DESCRIPTOR or no multiple of 8");
        }
    }
    if filter.ConnectionsCount > 0 && filter.Connections.is_null() {
        return fail("ConnectionsCount without Connections");
    }
    for index in 0..filter.ConnectionsCount as usize {
        // SAFETY: the table has that many entries.
        let connection = unsafe { &*filter.Connections.add(index) };
        if !check_connection(filter, connection) {
            return Err(format!(
                "KSFILTER_DESCRIPTOR: connection {index} names a node or pin that is not there"
            ));
        }
    }
    Ok(())
}

/// Whether the filter has the nodes and pins of a connection.
pub(super) fn check_connection(filter: &KSFILTER_DESCRIPTOR, connection: &KSTOPOLOGY_CONNECTION) -> bool {
    let known = |node, pin| {
        if node == KSFILTER_NODE {
            pin < filter.PinDescriptorsCount
        } else {
            node < filter.NodeDescriptorsCount
        }
    };
    known(connection.FromNode, connection.FromNodePin) && known(connection.ToNode, connection.ToNodePin)
}

/// What is wrong with the descriptor of a pin type, in words. `centric`: of a filter-centric filter.
pub(super) fn check_pin(pin: &KSPIN_DESCRIPTOR_EX, centric: bool) -> Result<(), String> {
    // Section 2.3: the pairs that the flags page calls exclusive.
    let exclusive = [
        (CRITICAL, HYPERCRITICAL, "CRITICAL and HYPERCRITICAL processing"),
        (DO_NOT_INITIATE, EVERY_ARRIVAL, "DO_NOT_INITIATE and INITIATE_ON_EVERY_ARRIVAL"),
        (FRAMES_NOT_REQUIRED, SOME_FRAMES, "FRAMES_NOT_REQUIRED and SOME_FRAMES_REQUIRED"),
        (RUN_ONLY, ANY_IN_RUN, "PROCESS_IN_RUN_STATE_ONLY and PROCESS_IF_ANY_IN_RUN_STATE"),
    ];
    for (one, other, names) in exclusive {
        if pin.Flags & one != 0 && pin.Flags & other != 0 {
            return Err(format!("{names} exclude each other"));
        }
    }
    // SAFETY: the driver's table.
    let process = unsafe { pin.Dispatch.as_ref() }.is_some_and(|dispatch| dispatch.Process.is_some());
    if centric && process {
        return Err("Process in a pin of a filter-centric filter (R2.5)".to_owned());
    }
    let inner = &pin.PinDescriptor;
    if inner.InterfacesCount > 0 && inner.Interfaces.is_null() {
        return Err("InterfacesCount without Interfaces".to_owned());
    }
    if inner.MediumsCount > 0 && inner.Mediums.is_null() {
        return Err("MediumsCount without Mediums".to_owned());
    }
    format::check_ranges(inner)?;
    if pin.Flags & SPLITTER != 0 && (inner.DataFlow != KSPIN_DATAFLOW_OUT || pin.InstancesPossible < 2) {
        return Err("SPLITTER is for output pins with more than one possible instance".to_owned());
    }
    if pin.Flags & MAPPINGS != 0 && (centric || pin.Flags & SPLITTER != 0) {
        return Err(
            "GENERATE_MAPPINGS of a filter-centric filter, or of a splitter, is not emulated".to_owned()
        );
    }
    Ok(())
}
