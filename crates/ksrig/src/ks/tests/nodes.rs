//! Topology nodes as objects (R7.35, R7.14).

use std::{cell::Cell, ptr::null_mut};

use ks_sys::*;

use crate::{
    ks::{
        child::Child,
        create_child::KsCreateTopologyNode,
        event::KsGenerateEvents,
        event_entry,
        fixture::{self, Fixture, bytes, close, control, open, open_pin, property},
        hierarchy::{KsGetFilterFromIrp, KsGetNodeIdFromIrp, KsGetPinFromIrp},
    },
    nt::{io, user::Buffer},
};

const SET: GUID = guid(0x0DE5_0000_0000_0000_0000_0000_0000_0003);
const NODE: &str = "{0621061A-EE75-11D0-B915-00A0C9223196}\\";

thread_local! {
    static FILTER: Cell<PKSFILTER> = const { Cell::new(null_mut()) };
}

unsafe extern "win64" fn get(irp: PIRP, _request: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
    // SAFETY: MinData vouches for two words.
    unsafe {
        FILTER.set(KsGetFilterFromIrp(irp));
        let data = data.cast::<u32>();
        *data = KsGetNodeIdFromIrp(irp);
        *data.add(1) = u32::from(!KsGetPinFromIrp(irp).is_null());
        (*irp).IoStatus.Information = 8;
    }
    STATUS_SUCCESS
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

fn fixture() -> Fixture {
    // SAFETY: all zero is a valid item, set, and node.
    let (mut item, mut set, mut node): (KSPROPERTY_ITEM, KSPROPERTY_SET, KSNODE_DESCRIPTOR) =
        unsafe { std::mem::zeroed() };
    item.MinProperty = size_of::<KSPROPERTY>() as u32;
    item.MinData = 8;
    item.__bindgen_anon_1.GetPropertyHandler = Some(get);
    set.Set = leak(SET);
    set.PropertiesCount = 1;
    set.PropertyItem = leak(item);
    let event = leak(KSEVENT_ITEM { DataInput: 32, ..KSEVENT_ITEM::default() });
    let events = leak(KSEVENT_SET { Set: leak(SET), EventsCount: 1, EventItem: event });
    node.AutomationTable = leak(KSAUTOMATION_TABLE {
        PropertySetsCount: 1,
        PropertySets: leak(set),
        EventSetsCount: 1,
        EventSets: events,
        ..KSAUTOMATION_TABLE::default()
    });
    let (flow, sink) = (KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT, KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_SINK);
    let mut filter = fixture::filter(1, vec![fixture::pin_type(KSPIN_DISPATCH::default(), flow, sink, 0)]);
    filter.NodeDescriptorsCount = 2;
    filter.NodeDescriptorSize = size_of::<KSNODE_DESCRIPTOR>() as u32;
    filter.NodeDescriptors = leak([node, node]).as_ptr();
    Fixture::new(vec![filter])
}

fn open_node(parent: HANDLE, flags: u32, node: u32) -> Result<HANDLE, NTSTATUS> {
    let mut name: Vec<u16> = NODE.encode_utf16().collect();
    name.extend([flags as u16, (flags >> 16) as u16, node as u16, (node >> 16) as u16]);
    open(parent, &name)
}

#[test]
fn nodes_answer_their_own_table() {
    let fixture = fixture();
    let filter = fixture.open_filter(1).unwrap();
    let pin = open_pin(filter, 0, null_mut()).unwrap();
    for (parent, on_pin) in [(filter, 0), (pin, 1)] {
        let node = open_node(parent, 0, 1).unwrap();
        let mut output = [0; 8];
        let input = bytes(&property(SET, 0, KSPROPERTY_TYPE_GET));
        assert_eq!(control(node, IOCTL_KS_PROPERTY, &input, &mut output), (STATUS_SUCCESS, 8));
        assert_eq!((output[0], output[4]), (1, on_pin), "the node's id; the pin it was opened on");
        assert!(!FILTER.get().is_null());
        // The filter's own table is not the node's.
        let pins = bytes(&property(KSPROPSETID_Pin, 1, KSPROPERTY_TYPE_GET));
        assert_eq!(control(node, IOCTL_KS_PROPERTY, &pins, &mut output).0, STATUS_PROPSET_NOT_FOUND);
        close(node);
    }
    assert_eq!(open_node(filter, 0, 2).unwrap_err(), STATUS_INVALID_PARAMETER);
    assert_eq!(open_node(filter, 1, 0).unwrap_err(), STATUS_INVALID_PARAMETER);
    let (mut create, mut handle) = (KSNODE_CREATE { CreateFlags: 0, Node: 0 }, null_mut());
    // SAFETY: the pointers are good.
    unsafe {
        let status = KsCreateTopologyNode(filter, &raw mut create, GENERIC_READ, &raw mut handle);
        assert_eq!(status, STATUS_SUCCESS);
    }
    close(handle);
    close(pin);
    close(filter);
    assert_eq!(Child::count(), 0);
    fixture.end();
}

/// R7.14, R7.24: an event of a node, enabled on the filter's handle and on the node's own, is in the filter's list.
#[test]
fn nodes_have_events() {
    let fixture = fixture();
    let filter = fixture.open_filter(1).unwrap();
    let node = open_node(filter, 0, 1).unwrap();
    let slot = Buffer::new(8);
    // SAFETY: the places are the user's.
    let event = unsafe {
        let kind = _EVENT_TYPE::SynchronizationEvent;
        crate::nt::NtCreateEvent(slot.address().cast(), 0, null_mut(), kind, 0);
        *slot.address().cast::<HANDLE>()
    };
    let mut data = u64::from(KSEVENTF_EVENT_HANDLE).to_le_bytes().to_vec();
    data.extend((event as u64).to_le_bytes());
    data.extend([0; 16]);
    let of_node = bytes(&property(SET, 0, KSEVENT_TYPE_ENABLE));
    let mut of_filter = bytes(&property(SET, 0, KSEVENT_TYPE_ENABLE | KSEVENT_TYPE_TOPOLOGY));
    assert_eq!(
        control(filter, IOCTL_KS_ENABLE_EVENT, &of_filter, &mut data.clone()).0,
        STATUS_INVALID_BUFFER_SIZE
    );
    of_filter.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    let mut places = Vec::new();
    for (handle, input) in [(node, of_node), (filter, of_filter)] {
        let (input, place) = (Buffer::from_bytes(&input), Buffer::from_bytes(&data));
        let length = input.len() as u32;
        // SAFETY: the buffers live until the request has ended.
        let (status, _) = unsafe {
            let code = IOCTL_KS_ENABLE_EVENT;
            io::request::device_io_control(handle, code, input.address(), length, place.address(), 32)
        };
        assert_eq!(status, STATUS_SUCCESS);
        places.push(place);
    }
    let is_set = || {
        let mut now = LARGE_INTEGER { QuadPart: 0 };
        // SAFETY: the event's handle.
        unsafe { crate::nt::NtWaitForSingleObject(event, 0, &raw mut now) == STATUS_SUCCESS }
    };
    // SAFETY: the file object's filter lives.
    unsafe {
        let mut output = [0; 8];
        let input = bytes(&property(SET, 0, KSPROPERTY_TYPE_GET));
        assert_eq!(control(node, IOCTL_KS_PROPERTY, &input, &mut output).0, STATUS_SUCCESS);
        KsGenerateEvents(FILTER.get().cast(), null_mut(), 0, 0, null_mut(), None, null_mut());
    }
    assert!(is_set());
    assert_eq!(event_entry::count(), 2);
    close(node);
    assert_eq!(event_entry::count(), 1, "the node's client is gone");
    close(filter);
    assert_eq!(event_entry::count(), 0);
    close(event);
    fixture.end();
}
