//! What a pin's callbacks find in its structure, and the points with a switch that other tests leave alone.

use std::cell::RefCell;
use std::ptr::null_mut;

use ks_sys::*;

use crate::ks::{
    self, Options,
    fixture::{self, Fixture, bytes, close, control, open_pin, property},
    options::IntersectContext,
};

thread_local! {
    /// What the callbacks saw.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn see(text: String) {
    SEEN.with_borrow_mut(|seen| seen.push(text));
}

unsafe extern "win64" fn filter_create(filter: PKSFILTER, _irp: PIRP) -> NTSTATUS {
    // SAFETY: the callback's filter.
    unsafe { (*filter).Context = 0x77 as PVOID };
    STATUS_SUCCESS
}

unsafe extern "win64" fn set_format(
    pin: PKSPIN,
    old: PKSDATAFORMAT,
    _attributes: PKSMULTIPLE_ITEM,
    _range: *const KSDATARANGE,
    _attribute_range: *const KSATTRIBUTE_LIST,
) -> NTSTATUS {
    // SAFETY: the callback's pin.
    let (context, new) = unsafe { ((*pin).Context as usize, (*pin).ConnectionFormat) };
    see(format!(
        "format: context {context:#x}, old {}, new {}",
        !old.is_null(),
        !new.is_null() && new != old
    ));
    STATUS_SUCCESS
}

unsafe extern "win64" fn create(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
    // SAFETY: the callback's pin.
    let ks = unsafe { &mut *pin };
    ks.Context = 0x99 as PVOID;
    see(format!(
        "create: role {}, external {}, header {}",
        ks.Communication, ks.ConnectionIsExternal, ks.StreamHeaderSize
    ));
    STATUS_SUCCESS
}

unsafe extern "win64" fn intersect(
    context: PVOID,
    _irp: PIRP,
    _pin: PKSP_PIN,
    _range: PKSDATARANGE,
    _own: PKSDATARANGE,
    _length: u32,
    _data: PVOID,
    _size: *mut u32,
) -> NTSTATUS {
    see(format!("intersect: the filter's context {}", context as usize == 0x77));
    STATUS_NO_MATCH
}

unsafe extern "win64" fn get(irp: PIRP, _request: PKSIDENTIFIER, _data: PVOID) -> NTSTATUS {
    // SAFETY: a request to a pin.
    let pin = ks::Pin::of(unsafe { ks::hierarchy::KsGetPinFromIrp(irp) });
    see(format!("get: held {}", pin.filter().control().held_by_current_thread()));
    STATUS_SUCCESS
}

fn leak<T>(value: T) -> &'static T {
    Box::leak(Box::new(value))
}

/// A pin's table with one property.
fn table() -> &'static KSAUTOMATION_TABLE {
    let item = KSPROPERTY_ITEM {
        __bindgen_anon_1: KSPROPERTY_ITEM__bindgen_ty_1 { GetPropertyHandler: Some(get) },
        MinProperty: 24,
        ..KSPROPERTY_ITEM::default()
    };
    let set = KSPROPERTY_SET {
        Set: leak(fixture::SUB),
        PropertiesCount: 1,
        PropertyItem: leak(item),
        ..KSPROPERTY_SET::default()
    };
    leak(KSAUTOMATION_TABLE {
        PropertySetsCount: 1,
        PropertyItemSize: size_of::<KSPROPERTY_ITEM>() as u32,
        PropertySets: leak(set),
        ..KSAUTOMATION_TABLE::default()
    })
}

/// Opens a filter and a pin, gets the property, asks for an intersection, sets the format: what the callbacks saw.
fn seen(options: Options) -> Vec<String> {
    SEEN.take();
    let dispatch =
        KSPIN_DISPATCH { Create: Some(create), SetDataFormat: Some(set_format), ..KSPIN_DISPATCH::default() };
    let mut pin = fixture::pin_type(
        dispatch,
        KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT,
        KSPIN_COMMUNICATION::KSPIN_COMMUNICATION_BOTH,
        0,
    );
    pin.AutomationTable = table();
    pin.IntersectHandler = Some(intersect);
    let mut filter = fixture::filter(1, vec![pin]);
    filter.Dispatch = leak(KSFILTER_DISPATCH { Create: Some(filter_create), ..KSFILTER_DISPATCH::default() });
    let fixture = Fixture::with(options, KSDEVICE_DISPATCH::default(), vec![filter]);
    let handle = fixture.open_filter(1).unwrap();
    let pin = open_pin(handle, 0, null_mut()).unwrap();
    let own = bytes(&property(fixture::SUB, 0, KSPROPERTY_TYPE_GET));
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &own, &mut [0; 4]).0, STATUS_SUCCESS);
    let mut ask = bytes(&property(KSPROPSETID_Pin, 4, KSPROPERTY_TYPE_GET));
    ask.extend([0; 8]);
    ask.extend([72, 0, 0, 0, 1, 0, 0, 0]);
    ask.extend(bytes(&fixture::range(fixture::SUB)));
    assert_eq!(control(handle, IOCTL_KS_PROPERTY, &ask, &mut [0; 64]).0, STATUS_NO_MATCH);
    let id = KSPROPERTY_CONNECTION::KSPROPERTY_CONNECTION_DATAFORMAT as u32;
    let set = bytes(&property(KSPROPSETID_Connection, id, KSPROPERTY_TYPE_SET));
    let mut format = bytes(&fixture::format(fixture::SUB));
    assert_eq!(control(pin, IOCTL_KS_PROPERTY, &set, &mut format).0, STATUS_SUCCESS);
    close(pin);
    close(handle);
    fixture.end();
    SEEN.take()
}

/// R2.16: the role that was taken. R3.7, R3.16: before Create the context is the filter's and there is no old format,
/// afterwards the pin has its own and there is one. 10.5, R3.22: the intersection's context is the filter; 10.7: a client
/// is not external; 10.14: no header size; 10.21: no mutex around handlers.
#[test]
fn as_the_contract_chooses() {
    assert_eq!(
        seen(Options::default()),
        [
            "format: context 0x77, old false, new true",
            "create: role 1, external 0, header 0",
            "get: held false",
            "intersect: the filter's context false",
            "format: context 0x99, old true, new true",
        ]
    );
}

/// 10.5, 10.7, 10.14, 10.21 the other way.
#[test]
fn the_other_way() {
    let options = Options {
        intersect_context: IntersectContext::Context,
        client_is_external: true,
        stream_header_size: 56,
        control_around_handlers: true,
        ..Options::default()
    };
    assert_eq!(
        seen(options),
        [
            "format: context 0x77, old false, new true",
            "create: role 1, external 1, header 56",
            "get: held true",
            "intersect: the filter's context true",
            "format: context 0x99, old true, new true",
        ]
    );
}

/// R2.6: a filter without pin types opens, and says that it has none.
#[test]
fn a_filter_without_pins() {
    let fixture = Fixture::new(vec![fixture::filter(1, Vec::new())]);
    let filter = fixture.open_filter(1).unwrap();
    let mut count = [9; 4];
    let ask = bytes(&property(KSPROPSETID_Pin, 1, KSPROPERTY_TYPE_GET));
    assert_eq!(control(filter, IOCTL_KS_PROPERTY, &ask, &mut count), (STATUS_SUCCESS, 4));
    assert_eq!(count, [0; 4]);
    assert_eq!(open_pin(filter, 0, null_mut()).unwrap_err(), STATUS_INVALID_PARAMETER);
    close(filter);
    fixture.end();
}
