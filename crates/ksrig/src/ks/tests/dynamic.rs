//! Pin types, nodes and connections that a filter instance adds to itself (R7.34), as avssamp does.

use std::{cell::Cell, ptr::null_mut};

use ks_sys::*;

use super::dispatch;
use crate::{
    ks::{
        Filter, Options,
        filter_edit::{KsFilterAddTopologyConnections, KsFilterCreateNode, KsFilterCreatePinFactory},
        fixture::{self, Fixture, close, control, open_pin, property},
        object::{Kind, Objects},
    },
    nt::violation,
};

thread_local! {
    static FILTER: Cell<PKSFILTER> = const { Cell::new(null_mut()) };
    static ADD: Cell<bool> = const { Cell::new(false) };
}

fn output() -> KSPIN_DESCRIPTOR_EX {
    let (flow, both) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH);
    fixture::pin_type(dispatch(), flow, both, 0)
}

fn node() -> KSNODE_DESCRIPTOR {
    KSNODE_DESCRIPTOR { Type: &fixture::MAJOR, ..KSNODE_DESCRIPTOR::default() }
}

/// One more pin type, a node, and a connection between both.
unsafe extern "win64" fn create(filter: PKSFILTER, _irp: PIRP) -> NTSTATUS {
    FILTER.set(filter);
    if ADD.get() {
        let (mut pin, mut id) = (99, 99);
        // SAFETY: the callback's filter, whose control mutex is held.
        unsafe {
            assert_eq!(KsFilterCreatePinFactory(filter, &output(), &mut pin), STATUS_SUCCESS);
            assert_eq!(KsFilterCreateNode(filter, &node(), &mut id), STATUS_SUCCESS);
            assert_eq!((pin, id), (1, 0));
            let ends = [
                KSTOPOLOGY_CONNECTION { FromNode: 0, FromNodePin: 0, ToNode: KSFILTER_NODE, ToNodePin: 1 },
                KSTOPOLOGY_CONNECTION { FromNode: 0, FromNodePin: 0, ToNode: KSFILTER_NODE, ToNodePin: 2 },
            ];
            assert_eq!(KsFilterAddTopologyConnections(filter, 2, ends.as_ptr()), STATUS_INVALID_PARAMETER);
            assert_eq!(KsFilterAddTopologyConnections(filter, 1, ends.as_ptr()), STATUS_SUCCESS);
        }
    }
    STATUS_SUCCESS
}

fn count(filter: HANDLE, set: GUID, id: i32) -> u32 {
    let mut answer = [0; 8];
    let request = fixture::bytes(&property(set, id as u32, KSPROPERTY_TYPE_GET));
    let status = control(filter, IOCTL_KS_PROPERTY, &request, &mut answer).0;
    assert_eq!(status, STATUS_SUCCESS);
    // A list's KSMULTIPLE_ITEM has the count second.
    let at = if is_equal_guid(&set, &KSPROPSETID_Pin) { 0 } else { 4 };
    u32::from_le_bytes(answer[at..at + 4].try_into().unwrap())
}

#[test]
fn one_instance_has_more_pin_types() {
    let mut descriptor = fixture::filter(1, vec![output()]);
    let dispatch = KSFILTER_DISPATCH { Create: Some(create), ..KSFILTER_DISPATCH::default() };
    descriptor.Dispatch = Box::leak(Box::new(dispatch));
    let fixture = Fixture::with(Options::default(), KSDEVICE_DISPATCH::default(), vec![descriptor]);
    ADD.set(true);
    let more = fixture.open_filter(1).unwrap();
    let first = FILTER.get();
    ADD.set(false);
    let plain = fixture.open_filter(1).unwrap();
    let types = KSPROPERTY_PIN::KSPROPERTY_PIN_CTYPES;
    assert_eq!((count(more, KSPROPSETID_Pin, types), count(plain, KSPROPSETID_Pin, types)), (2, 1));
    assert_eq!(count(more, KSPROPSETID_Topology, KSPROPERTY_TOPOLOGY::KSPROPERTY_TOPOLOGY_NODES), 1);
    assert_eq!(count(more, KSPROPSETID_Topology, KSPROPERTY_TOPOLOGY::KSPROPERTY_TOPOLOGY_CONNECTIONS), 1);
    let pin = open_pin(more, 1, null_mut()).unwrap();
    assert_eq!(open_pin(plain, 1, null_mut()).unwrap_err(), STATUS_INVALID_PARAMETER);
    // A pin keeps its descriptor when the table grows under it.
    let filter = Filter::of(first);
    let before = filter.pins()[0].descriptor();
    {
        let _control = filter.control().acquire();
        let mut id = 0;
        // SAFETY: a live filter.
        let status = unsafe { KsFilterCreatePinFactory(first, &output(), &mut id) };
        assert_eq!((status, id), (STATUS_SUCCESS, 2));
    }
    assert_eq!(filter.pins()[0].descriptor(), before);
    assert_eq!(filter.pins()[0].flags(), 0);
    assert_eq!(violation::list(), []);
    // Without the mutex there is a diagnostic; a wrong descriptor is refused.
    let mut wrong = output();
    wrong.Flags = KSPIN_FLAG_CRITICAL_PROCESSING | KSPIN_FLAG_HYPERCRITICAL_PROCESSING;
    // SAFETY: as above.
    assert_eq!(unsafe { KsFilterCreatePinFactory(first, &wrong, null_mut()) }, STATUS_INVALID_PARAMETER);
    let rules: Vec<_> = violation::take().iter().map(|violation| violation.rule).collect();
    assert_eq!(rules, ["KsFilterMutex", "KsDescriptor"]);
    [pin, more, plain].into_iter().for_each(close);
    assert_eq!((Objects::count(Kind::Pin), Objects::count(Kind::Filter)), (0, 0));
    fixture.end();
}
