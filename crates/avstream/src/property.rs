//! Properties of filters and pins.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/stream/ks-properties>

use core::{marker::PhantomData, ptr::null};

use crate::{
    bytes::{Answer, Bytes, Room, Told},
    callback::callbacks,
    callbacks,
    error::{Error, status_of},
    ffi::{
        GUID, KSPROPERTY, KSPROPERTY_ITEM, KSPROPERTY_SET, NTSTATUS, PIRP, PKSIDENTIFIER, PVOID,
        STATUS_BUFFER_OVERFLOW, STATUS_SUCCESS, is_equal_guid,
    },
    owner::Owner,
    raw,
    structure::{self, Structure},
    values::{self, Values},
};

/// A property of a fixed size.
pub trait Property: Sized + 'static {
    /// Whose it is: [`OfFilter`](crate::OfFilter) or [`OfPin`](crate::OfPin).
    type Owner: Owner;
    /// What a request for it is: `KSPROPERTY`, or a structure that begins with one.
    type Request: Structure;
    /// What its value is.
    type Value: Structure;
    /// Its number in the set.
    const ID: u32;

    /// The value that it has. Without it the property cannot be read. PASSIVE_LEVEL; whether the control mutex is held
    /// is not known. An error goes to the client.
    const GET: Option<callbacks::Get<Self>> = None;

    /// Gives it a value, any, which it may refuse. Without it the property cannot be written. As
    /// [`GET`](Self::GET) otherwise.
    const SET: Option<callbacks::Set<Self>> = None;

    /// The values that it can have, for clients to know. Nothing is checked against it.
    const VALUES: Option<Values> = None;
}

/// A property whose value can be of any size.
pub trait LongProperty: Sized + 'static {
    /// As [`Property::Owner`].
    type Owner: Owner;
    /// As [`Property::Request`].
    type Request: Structure;
    /// Its number in the set.
    const ID: u32;

    /// Writes the value that it has, or says how large it is. As [`Property::GET`] otherwise.
    const GET: Option<callbacks::GetLong<Self>> = None;

    /// As [`Property::SET`].
    const SET: Option<callbacks::SetLong<Self>> = None;
}

/// A property, in the list of a set's properties.
#[repr(transparent)]
pub struct PropertyItem<O> {
    raw: KSPROPERTY_ITEM,
    owner: PhantomData<fn() -> O>,
}

// SAFETY: not changed, and without pointers but to functions and what is static.
unsafe impl<O> Sync for PropertyItem<O> {}

impl<O: Owner> PropertyItem<O> {
    /// The property that `P` serves.
    #[must_use]
    pub const fn new<P: Property<Owner = O>>() -> Self {
        const {
            assert!(
                size_of::<P::Value>() > 0,
                "property: a value without size cannot be told from a question for the size"
            )
        };
        const { assert!(P::GET.is_some() || P::SET.is_some(), "property: it can neither be read nor written") };
        let mut raw = raw::property_item(
            P::ID,
            request_size::<P::Request>(),
            size_of::<P::Value>() as u32,
            if P::GET.is_some() { Some(get::<P>) } else { None },
            if P::SET.is_some() { Some(set::<P>) } else { None },
        );
        raw.Values = if P::VALUES.is_some() { &values::Table::<P>::VALUES } else { null() };
        Self { raw, owner: PhantomData }
    }

    /// The property of any size that `P` serves.
    #[must_use]
    pub const fn long<P: LongProperty<Owner = O>>() -> Self {
        const { assert!(P::GET.is_some() || P::SET.is_some(), "property: it can neither be read nor written") };
        let raw = raw::property_item(
            P::ID,
            request_size::<P::Request>(),
            0,
            if P::GET.is_some() { Some(get_long::<P>) } else { None },
            if P::SET.is_some() { Some(set_long::<P>) } else { None },
        );
        Self { raw, owner: PhantomData }
    }
}

const fn request_size<R>() -> u32 {
    const { assert!(size_of::<R>() >= size_of::<KSPROPERTY>(), "property: a request begins with a KSPROPERTY") };
    size_of::<R>() as u32
}

/// A set of properties.
#[repr(transparent)]
pub struct PropertySet<O> {
    raw: KSPROPERTY_SET,
    owner: PhantomData<fn() -> O>,
}

// SAFETY: not changed, and all that it points at is static.
unsafe impl<O> Sync for PropertySet<O> {}

impl<O: Owner> PropertySet<O> {
    /// The properties of a set, each with another number.
    #[must_use]
    pub const fn new(set: &'static GUID, items: &'static [PropertyItem<O>]) -> Self {
        let mut rest = items;
        while let [item, more @ ..] = rest {
            let mut others = more;
            while let [other, more @ ..] = others {
                assert!(item.raw.PropertyId != other.raw.PropertyId, "property: two have the same number");
                others = more;
            }
            rest = more;
        }
        let raw = KSPROPERTY_SET {
            Set: set,
            PropertiesCount: items.len() as u32,
            PropertyItem: items.as_ptr().cast(),
            FastIoCount: 0,
            FastIoTable: null(),
        };
        Self { raw, owner: PhantomData }
    }

    /// Refuses a list in which a set is twice: the class driver would find the first only.
    pub(crate) const fn check(sets: &[Self]) {
        let mut rest = sets;
        while let [set, more @ ..] = rest {
            let mut others = more;
            while let [other, more @ ..] = others {
                // SAFETY: `new` has put a reference there.
                let a = unsafe { &*set.raw.Set };
                // SAFETY: as above.
                let b = unsafe { &*other.raw.Set };
                assert!(!is_equal_guid(a, b), "property: two sets have the same name");
                others = more;
            }
            rest = more;
        }
    }
}

/// The request that is being handled.
///
/// # Safety
///
/// `request` is what the class driver gave to a handler of an item for `R`.
unsafe fn request<R: Structure>(request: PKSIDENTIFIER) -> R {
    // SAFETY: at least as many bytes as the item's MinProperty says (R7.12).
    unsafe { request.cast::<R>().read_unaligned() }
}

/// Says how many bytes go to the client.
///
/// # Safety
///
/// `irp` is the request that is being handled.
unsafe fn inform(irp: PIRP, size: usize) {
    // SAFETY: the caller's promise.
    unsafe { (*irp).IoStatus.Information = size as u64 };
}

callbacks! {
    /// `KSPROPERTY_ITEM.GetPropertyHandler` (`nc-ks-pfnkshandler.md`).
    fn get<P: Property>(irp: PIRP, input: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
        let Some(get) = P::GET else { return Error::NOT_FOUND.status() };
        if data.is_null() {
            return Error::INVALID_PARAMETER.status();
        }
        // SAFETY: a handler of an item for `P`.
        let request = unsafe { request::<P::Request>(input) };
        // SAFETY: the request that is being handled, for an item of `P::Owner`.
        let value = unsafe { P::Owner::context(irp) }.and_then(|context| get(context, &request));
        match value {
            Ok(value) => {
                // SAFETY: at least as many bytes as the item's MinData says (R7.12).
                unsafe { structure::write(data.cast(), &value) };
                // SAFETY: the request that is being handled.
                unsafe { inform(irp, size_of::<P::Value>()) };
                STATUS_SUCCESS
            }
            Err(error) => error.status(),
        }
    }

    /// `KSPROPERTY_ITEM.SetPropertyHandler` (`nc-ks-pfnkshandler.md`).
    fn set<P: Property>(irp: PIRP, input: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
        let Some(set) = P::SET else { return Error::NOT_FOUND.status() };
        if data.is_null() {
            return Error::INVALID_PARAMETER.status();
        }
        // SAFETY: a handler of an item for `P`.
        let request = unsafe { request::<P::Request>(input) };
        // SAFETY: at least as many bytes as the item's MinData says (R7.12).
        let value = unsafe { data.cast::<P::Value>().read_unaligned() };
        // SAFETY: the request that is being handled, for an item of `P::Owner`.
        status_of(unsafe { P::Owner::context(irp) }.and_then(|context| set(context, &request, value)))
    }

    /// As [`get`].
    fn get_long<P: LongProperty>(irp: PIRP, input: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
        let Some(get) = P::GET else { return Error::NOT_FOUND.status() };
        // SAFETY: a handler of an item for `P`.
        let request = unsafe { request::<P::Request>(input) };
        // SAFETY: a device control request that is being handled.
        let len = unsafe { raw::output_length(irp) } as usize;
        // SAFETY: as many bytes as the client has room for (R7.11).
        let room = unsafe { Room::new(data.cast(), len) };
        // SAFETY: the request that is being handled, for an item of `P::Owner`.
        match unsafe { P::Owner::context(irp) }.and_then(|context| get(context, &request, room)) {
            Ok(Answer(told)) => {
                let (size, status) = match told {
                    Told::Value(size) => (size, STATUS_SUCCESS),
                    Told::Size(size) => (size, STATUS_BUFFER_OVERFLOW),
                };
                // SAFETY: the request that is being handled.
                unsafe { inform(irp, size) };
                status
            }
            Err(error) => error.status(),
        }
    }

    /// As [`set`].
    fn set_long<P: LongProperty>(irp: PIRP, input: PKSIDENTIFIER, data: PVOID) -> NTSTATUS {
        let Some(set) = P::SET else { return Error::NOT_FOUND.status() };
        // SAFETY: a handler of an item for `P`.
        let request = unsafe { request::<P::Request>(input) };
        // SAFETY: a device control request that is being handled.
        let len = unsafe { raw::output_length(irp) } as usize;
        // SAFETY: the value comes in the output buffer, as long as that is (R7.11).
        let bytes = unsafe { Bytes::new(data.cast(), len) };
        // SAFETY: the request that is being handled, for an item of `P::Owner`.
        status_of(unsafe { P::Owner::context(irp) }.and_then(|context| set(context, &request, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use core::mem::zeroed;

    use super::*;
    use crate::{
        context::Control,
        descriptor::FilterDescriptor,
        device::{Device, DeviceDispatch},
        error::Result,
        ffi::{
            IO_STACK_LOCATION, IRP, KSFILTER, KSIDENTIFIER, KSPROPERTY_MEMBERSLIST, KSPROPERTY_STEPPING_LONG,
            KSPROPERTY_VALUES, PFNKSHANDLER, STATUS_ACCESS_DENIED, VT_I4,
        },
        filter::{Filter, FilterDispatch, with_context},
        host::played,
        owner::OfFilter,
        spin_lock::SpinLock,
    };

    struct TestDevice;

    impl DeviceDispatch for TestDevice {
        const FILTERS: &'static [&'static FilterDescriptor<Self>] = &[];

        fn add(_: Device<'_, Self>) -> Result<Self> {
            Ok(Self)
        }
    }

    /// A filter with a number.
    struct TestFilter(SpinLock<i32>);

    impl FilterDispatch for TestFilter {
        type Device = TestDevice;

        fn create(_: &Filter<'_, Control>, _: &TestDevice) -> Result<Self> {
            Ok(Self(SpinLock::new(0)))
        }
    }

    /// The number; one that is not among its values is refused.
    struct Number;

    impl Property for Number {
        type Owner = OfFilter<TestFilter>;
        type Request = KSPROPERTY;
        type Value = i32;

        const ID: u32 = 7;
        const GET: Option<callbacks::Get<Self>> = Some(|filter, _| Ok(*filter.0.lock()));
        const SET: Option<callbacks::Set<Self>> = Some(|filter, _, value| {
            if value < -10 {
                return Err(Error::ACCESS_DENIED);
            }
            *filter.0.lock() = value;
            Ok(())
        });
        const VALUES: Option<Values> = Some(Values::signed(-10, 30, 5, 20));
    }

    /// As many bytes as the number says, each the request's number.
    struct Long;

    impl LongProperty for Long {
        type Owner = OfFilter<TestFilter>;
        type Request = [u64; 4];

        const ID: u32 = 8;
        const GET: Option<callbacks::GetLong<Self>> = Some(|filter, request, room| {
            let rest = [request[3] as u8; 8];
            room.record(&0x55_u8, &rest[..*filter.0.lock() as usize])
        });
        const SET: Option<callbacks::SetLong<Self>> = Some(|filter, _, bytes| {
            *filter.0.lock() = bytes.head()?;
            Ok(())
        });
    }

    static ITEMS: [PropertyItem<OfFilter<TestFilter>>; 2] =
        [PropertyItem::new::<Number>(), PropertyItem::long::<Long>()];

    /// Calls a handler with a value in a buffer: the status, `Information`, and what is there afterwards.
    fn call<const N: usize>(handler: PFNKSHANDLER, data: [u8; N]) -> (NTSTATUS, u64, [u8; N]) {
        // SAFETY: numbers and null pointers.
        let (mut irp, mut location): (IRP, IO_STACK_LOCATION) = unsafe { zeroed() };
        location.Parameters.DeviceIoControl.OutputBufferLength = N as u32;
        irp.Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation = &raw mut location;
        let (mut request, mut data) = ([0_u64, 0, 0, 9], data);
        let place: PVOID = if N == 0 { core::ptr::null_mut() } else { data.as_mut_ptr().cast() };
        // SAFETY: as the class driver calls it.
        let status =
            unsafe { handler.unwrap()(&raw mut irp, request.as_mut_ptr().cast::<KSIDENTIFIER>(), place) };
        (status, irp.IoStatus.Information, data)
    }

    fn on_a_filter(test: impl FnOnce(&TestFilter)) {
        with_context(TestFilter(SpinLock::new(5)), |raw: &mut KSFILTER, filter| {
            played::requests_are_for(raw);
            test(filter);
            played::requests_are_for(core::ptr::null_mut());
        });
    }

    fn handlers(item: &PropertyItem<OfFilter<TestFilter>>) -> (PFNKSHANDLER, PFNKSHANDLER) {
        raw::handlers(&item.raw)
    }

    /// R7.16: a handler fills the value and says how long it is; a refusal changes nothing.
    #[test]
    fn values_are_got_and_set() {
        let (get, set) = handlers(&ITEMS[0]);
        on_a_filter(|filter| {
            assert_eq!(call(get, [0xCC; 6]), (STATUS_SUCCESS, 4, [5, 0, 0, 0, 0xCC, 0xCC]));
            assert_eq!(call(set, (-7_i32).to_le_bytes()).0, STATUS_SUCCESS);
            assert_eq!(*filter.0.lock(), -7);
            assert_eq!(call(set, (-11_i32).to_le_bytes()).0, STATUS_ACCESS_DENIED);
            assert_eq!(*filter.0.lock(), -7);
            assert_eq!(call(get, []).0, Error::INVALID_PARAMETER.status());
        });
        // A request for no filter at all.
        assert_eq!(call(get, [0; 4]).0, Error::INVALID_PARAMETER.status());
    }

    /// R7.12: what the class driver checks before it calls a handler.
    #[test]
    fn items_say_what_is_needed() {
        let [number, long] = &ITEMS;
        assert_eq!((number.raw.PropertyId, number.raw.MinProperty, number.raw.MinData), (7, 24, 4));
        assert_eq!((long.raw.PropertyId, long.raw.MinProperty, long.raw.MinData), (8, 32, 0));
        assert!(long.raw.Values.is_null());
    }

    /// R7.13: the size to who has no room, all or nothing to who has.
    #[test]
    fn values_of_any_size() {
        let (get, set) = handlers(&ITEMS[1]);
        on_a_filter(|filter| {
            assert_eq!(call(set, 2_i32.to_le_bytes()).0, STATUS_SUCCESS);
            assert_eq!(call(set, [1, 2, 3]).0, Error::BUFFER_TOO_SMALL.status());
            assert_eq!(call(set, []).0, Error::BUFFER_TOO_SMALL.status());
            assert_eq!(*filter.0.lock(), 2);
            assert_eq!(call(get, []), (STATUS_BUFFER_OVERFLOW, 3, []));
            assert_eq!(call(get, [0xCC; 2]), (Error::BUFFER_TOO_SMALL.status(), 0, [0xCC; 2]));
            assert_eq!(call(get, [0xCC; 4]), (STATUS_SUCCESS, 3, [0x55, 9, 9, 0xCC]));
        });
    }

    /// R7.15: BASICSUPPORT and DEFAULTVALUES are answered from these lists.
    #[test]
    fn ranges_are_told() {
        let values: *const KSPROPERTY_VALUES = ITEMS[0].raw.Values;
        // SAFETY: the item's.
        let values = unsafe { &*values };
        assert_eq!((raw::id(&values.PropTypeSet), values.MembersListCount), (VT_I4, 2));
        // SAFETY: as many as it says.
        let lists: &[KSPROPERTY_MEMBERSLIST] = unsafe { core::slice::from_raw_parts(values.MembersList, 2) };
        let [range, default] = lists else { panic!("two") };
        // SAFETY: what its header says.
        let stepping = unsafe { *range.Members.cast::<KSPROPERTY_STEPPING_LONG>() };
        assert_eq!(
            (range.MembersHeader.MembersFlags, range.MembersHeader.MembersSize, range.MembersHeader.Flags),
            (2, 16, 0)
        );
        assert_eq!((stepping.SteppingDelta, raw::signed_bounds(&stepping.Bounds)), (5, (-10, 30)));
        assert_eq!(
            (
                default.MembersHeader.MembersFlags,
                default.MembersHeader.MembersSize,
                default.MembersHeader.Flags
            ),
            (3, 4, 1)
        );
        // SAFETY: as above.
        assert_eq!(unsafe { *default.Members.cast::<i32>() }, 20);
    }
}
