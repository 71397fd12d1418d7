//! What a kind of pin does.

use core::{cell::UnsafeCell, marker::PhantomData, ptr::NonNull};

use crate::{
    automation, bag,
    callback::callbacks,
    callbacks,
    context::Control,
    error::{Error, Result, status_of},
    event::EventSet,
    ffi::{
        KS_FRAME_INFO, KSATTRIBUTE_LIST, KSAUTOMATION_TABLE, KSDATARANGE, KSPIN, KSPIN_DISPATCH, KSSTATE,
        KSSTREAM_HEADER, KsPinGetParentFilter, NTSTATUS, PIRP, PKSDATAFORMAT, PKSMULTIPLE_ITEM, PKSPIN,
    },
    filter::{self, FilterDispatch},
    kbox::KBox,
    opener::Opener,
    owner::OfPin,
    pin::Pin,
    processed::Processed,
    property::PropertySet,
    published::Slots,
    shared::Shared,
    state::State,
};

/// A kind of pin. A value is the context of one instance.
///
/// All callbacks but [`create`](Self::create) are optional: the class driver sees NULL unless the
/// constant is set. Callbacks of one pin may run at the same time in several threads as far as the
/// mutexes allow, so that a context is always shared.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-_kspin_dispatch>
pub trait PinDispatch: Sized + Send + Sync + 'static {
    /// The filter that has such pins.
    type Filter: FilterDispatch;

    /// Makes the context of a pin that a client opens. Its format has been accepted.
    ///
    /// # Errors
    ///
    /// Any: the open fails with it.
    fn create(pin: &Pin<'_, Control>, filter: &Self::Filter) -> Result<Self>;

    /// Whether whoever opens such a pin may: called before [`create`](Self::create), whose error it gives otherwise.
    const OPEN: Option<callbacks::Open<Self>> = None;

    /// Its properties, beside those that the class driver has.
    const PROPERTIES: &'static [PropertySet<OfPin<Self>>] = &[];

    /// Its events, beside those that the class driver has.
    const EVENTS: &'static [EventSet<OfPin<Self>>] = &[];

    /// Whether Create is to ask for stream headers that have room for `KS_FRAME_INFO`
    /// ([`LeadingEdge::set_frame_info`](crate::LeadingEdge::set_frame_info)).
    const FRAME_INFO: bool = false;

    /// The pin is going: its states are left, its connection may be there still.
    const CLOSE: Option<callbacks::Close<Self>> = None;

    /// There are frames to process, or somebody has asked for an attempt. Exclusive for this pin.
    const PROCESS: Option<callbacks::Process<Self>> = None;

    /// The queue has been flushed. The control mutex may or may not be held.
    const RESET: Option<callbacks::Reset<Self>> = None;

    /// A client proposes a format that is in a range of the pin: the first time before there is a
    /// context. [`Error::NO_MATCH`] lets the class driver try the next range. Without it every
    /// format of the ranges is accepted.
    const SET_FORMAT: Option<callbacks::SetFormat<Self>> = None;

    /// The pin goes from one state to a neighbouring one: `to`, then `from`.
    const SET_STATE: Option<callbacks::SetState<Self>> = None;

    /// An AVStream source pin connects to this pin, which is its sink. An error fails the source's open.
    ///
    /// It is called inside that open, and the control mutex of the source's filter is held as well:
    /// nothing may be asked of the source that takes it, such as a property.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nc-ks-pfnkspin>
    const CONNECT: Option<callbacks::Connect<Self>> = None;

    /// The source that was connected by a successful [`CONNECT`](Self::CONNECT) goes.
    const DISCONNECT: Option<callbacks::Disconnect<Self>> = None;

    /// The best format that is in a client's data range, the first, and in one of the pin's own, the
    /// second. [`Error::NO_MATCH`] lets the class driver try the next pair. Whether the control mutex is held is
    /// not known.
    const INTERSECT: Option<callbacks::Intersect<Self>> = None;

    /// Where this pin publishes frames. Opened on the way into PAUSE, and closed, with all frames given
    /// back, on the way out of it.
    const PUBLISHES: Option<callbacks::Publishes<Self>> = None;
}

/// The context, as an item of the pin's bag.
struct Block<T> {
    context: T,
    /// What is open for publishing. Guarded by the control mutex.
    published: UnsafeCell<Option<Shared<Slots>>>,
}

// SAFETY: `published` is used in callbacks that hold the control mutex only.
unsafe impl<T: Sync> Sync for Block<T> {}

impl<T: PinDispatch> Block<T> {
    const fn context(&self) -> &T {
        &self.context
    }

    /// # Safety
    ///
    /// The control mutex is held, and the reference is dropped with it.
    #[allow(clippy::mut_from_ref, reason = "exclusive by the control mutex")]
    unsafe fn published(&self) -> &mut Option<Shared<Slots>> {
        // SAFETY: the caller's promise.
        unsafe { &mut *self.published.get() }
    }
}

/// The block of a pin.
///
/// # Safety
///
/// `pin` is a pin of kind `T` whose Create has succeeded, and outlives the reference.
unsafe fn block<'a, T: PinDispatch>(pin: NonNull<KSPIN>) -> Option<&'a Block<T>> {
    // SAFETY: a live pin.
    let block = unsafe { (*pin.as_ptr()).Context }.cast::<Block<T>>();
    // SAFETY: Create has put a block there, which lives as long as the pin.
    unsafe { block.as_ref() }
}

/// The context of a pin.
///
/// # Safety
///
/// As for [`block`].
pub(crate) unsafe fn context<'a, T: PinDispatch>(pin: NonNull<KSPIN>) -> Result<&'a T> {
    // SAFETY: the caller's promise.
    unsafe { block::<T>(pin) }.map(Block::context).ok_or(Error::DEVICE_NOT_READY)
}

/// The dispatch table of a kind of pin.
pub(crate) struct Table<T>(PhantomData<T>);

impl<T: PinDispatch> Table<T> {
    pub(crate) const DISPATCH: KSPIN_DISPATCH = KSPIN_DISPATCH {
        Create: Some(create::<T>),
        Close: Some(close::<T>),
        Process: if T::PROCESS.is_some() { Some(process::<T>) } else { None },
        Reset: if T::RESET.is_some() { Some(reset::<T>) } else { None },
        SetDataFormat: if T::SET_FORMAT.is_some() { Some(set_format::<T>) } else { None },
        SetDeviceState: if T::SET_STATE.is_some() || T::PUBLISHES.is_some() {
            Some(set_state::<T>)
        } else {
            None
        },
        Connect: if T::CONNECT.is_some() { Some(connect::<T>) } else { None },
        Disconnect: if T::DISCONNECT.is_some() { Some(disconnect::<T>) } else { None },
        Clock: core::ptr::null(),
        Allocator: core::ptr::null(),
    };

    pub(crate) const AUTOMATION: KSAUTOMATION_TABLE = automation::table(T::PROPERTIES, T::EVENTS);
}

/// # Safety
///
/// `raw` is a pin of kind `T` that is being created.
unsafe fn create_context<T: PinDispatch>(raw: NonNull<KSPIN>, opener: Opener) -> Result {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter_context::<T>(raw) }?;
    if let Some(open) = T::OPEN {
        open(filter, opener)?;
    }
    // SAFETY: the control mutex is held during Create (contract 8.1).
    let pin = unsafe { Pin::<Control>::from_raw(raw) };
    if T::FRAME_INFO {
        const SIZE: usize = size_of::<KSSTREAM_HEADER>() + size_of::<KS_FRAME_INFO>();
        // SAFETY: a live pin that is being created; the member is the minidriver's to set (R3.11).
        unsafe { (*raw.as_ptr()).StreamHeaderSize = const { SIZE as u32 } };
    }
    let context = T::create(&pin, filter)?;
    let block = KBox::new(Block { context, published: UnsafeCell::new(None) })?;
    // SAFETY: a live pin.
    let bag = unsafe { (*raw.as_ptr()).Bag };
    // SAFETY: its bag; the control mutex is held.
    let item = unsafe { bag::add(bag, block) }?;
    // SAFETY: a live pin, which nobody uses before Create has returned.
    unsafe { (*raw.as_ptr()).Context = item.as_ptr().cast() };
    Ok(())
}

/// # Safety
///
/// `pin` is a live pin of kind `T`, which outlives the reference.
unsafe fn filter_context<'a, T: PinDispatch>(pin: NonNull<KSPIN>) -> Result<&'a T::Filter> {
    // SAFETY: a live pin, PASSIVE_LEVEL.
    let filter = unsafe { KsPinGetParentFilter(pin.as_ptr()) };
    // SAFETY: pins of kind `T` are found in descriptors of `T::Filter` only.
    unsafe { filter::context(filter) }
}

/// A callback's pin and its block; returns from the callback if they are not there.
macro_rules! unwrap {
    ($pin:ident => $raw:ident, $block:ident $(, $otherwise:expr)?) => {
        let Some($raw) = NonNull::new($pin) else { return $($otherwise)? };
        // SAFETY: the class driver's promise: a pin whose Create has succeeded (contract 3.3).
        let Some($block) = (unsafe { block::<T>($raw) }) else { return $($otherwise)? };
    };
}

callbacks! {
    /// `KSPIN_DISPATCH.Create` (`nc-ks-pfnkspinirp.md`).
    fn create<T: PinDispatch>(pin: PKSPIN, irp: PIRP) -> NTSTATUS {
        let Some(raw) = NonNull::new(pin) else { return Error::INVALID_PARAMETER.status() };
        // SAFETY: the class driver's promise.
        let opener = unsafe { Opener::of(irp) };
        // SAFETY: as above.
        status_of(unsafe { create_context::<T>(raw, opener) })
    }

    /// `KSPIN_DISPATCH.Close` (`nc-ks-pfnkspinirp.md`).
    fn close<T: PinDispatch>(pin: PKSPIN, _irp: PIRP) -> NTSTATUS {
        unwrap!(pin => raw, block, status_of(Ok(())));
        // SAFETY: the control mutex is held during Close (R3.12).
        if let Some(published) = unsafe { block.published() }.take() {
            published.close();
        }
        if let Some(close) = T::CLOSE {
            // SAFETY: as above.
            close(block.context(), &unsafe { Pin::from_raw(raw) });
        }
        status_of(Ok(()))
    }

    /// `KSPIN_DISPATCH.Process` (`nc-ks-pfnkspin.md`).
    fn process<T: PinDispatch>(pin: PKSPIN) -> NTSTATUS {
        unwrap!(pin => raw, block, Processed::Wait.status());
        let Some(process) = T::PROCESS else { return Processed::Wait.status() };
        // SAFETY: the processing mutex is held during Process (R6.31).
        process(block.context(), &mut unsafe { Pin::from_raw(raw) }).status()
    }

    /// `KSPIN_DISPATCH.Reset` (`nc-ks-pfnkspinvoid.md`).
    fn reset<T: PinDispatch>(pin: PKSPIN) {
        unwrap!(pin => raw, block);
        let _ = raw;
        if let Some(reset) = T::RESET {
            reset(block.context());
        }
    }

    /// `KSPIN_DISPATCH.SetDataFormat` (`nc-ks-pfnkspinsetdataformat.md`).
    fn set_format<T: PinDispatch>(
        pin: PKSPIN,
        old_format: PKSDATAFORMAT,
        _old_attributes: PKSMULTIPLE_ITEM,
        _range: *const KSDATARANGE,
        _attribute_range: *const KSATTRIBUTE_LIST,
    ) -> NTSTATUS {
        let Some(raw) = NonNull::new(pin) else { return Error::INVALID_PARAMETER.status() };
        let Some(set_format) = T::SET_FORMAT else { return status_of(Ok(())) };
        // The reliable sign that Create has not been called: the context is the filter's still (R3.7).
        let context = if old_format.is_null() {
            None
        } else {
            // SAFETY: Create has succeeded.
            unsafe { block::<T>(raw) }.map(Block::context)
        };
        // SAFETY: the class driver's promise.
        let filter = match unsafe { filter_context::<T>(raw) } {
            Ok(filter) => filter,
            Err(error) => return error.status(),
        };
        // SAFETY: the control mutex is held during SetDataFormat (contract 8.1).
        let pin = unsafe { Pin::from_raw(raw) };
        status_of(set_format(context, filter, &pin, pin.format()))
    }

    /// `KSPIN_DISPATCH.SetDeviceState` (`nc-ks-pfnkspinsetdevicestate.md`).
    fn set_state<T: PinDispatch>(pin: PKSPIN, to: KSSTATE::Type, from: KSSTATE::Type) -> NTSTATUS {
        unwrap!(pin => raw, block, Error::INVALID_DEVICE_REQUEST.status());
        let (to, from) = (State::from_raw(to), State::from_raw(from));
        // SAFETY: the control mutex is held during SetDeviceState (R5.5).
        let published = unsafe { block.published() };
        if let Some(publishes) = T::PUBLISHES
            && from < State::Pause
            && to >= State::Pause
            && published.is_none()
        {
            let slots = publishes(block.context());
            if let Err(error) = slots.open(raw) {
                return error.status();
            }
            *published = Some(slots);
        }
        let result = match T::SET_STATE {
            // SAFETY: as above.
            Some(set_state) => set_state(block.context(), &unsafe { Pin::from_raw(raw) }, to, from),
            None => Ok(()),
        };
        // Frames may not be held below PAUSE (R5.13).
        let reached = if result.is_ok() { to } else { from };
        if reached < State::Pause
            && let Some(slots) = published.take()
        {
            slots.close();
        }
        status_of(result)
    }

    /// `KSPIN_DISPATCH.Connect` (`nc-ks-pfnkspin.md`). Never `STATUS_PENDING`: an [`Error`] is a failure.
    fn connect<T: PinDispatch>(pin: PKSPIN) -> NTSTATUS {
        unwrap!(pin => raw, block, Error::DEVICE_NOT_READY.status());
        let Some(connect) = T::CONNECT else { return status_of(Ok(())) };
        // SAFETY: the control mutex is held during Connect (R4.11).
        status_of(connect(block.context(), &unsafe { Pin::from_raw(raw) }))
    }

    /// `KSPIN_DISPATCH.Disconnect` (`nc-ks-pfnkspinvoid.md`).
    fn disconnect<T: PinDispatch>(pin: PKSPIN) {
        unwrap!(pin => raw, block);
        if let Some(disconnect) = T::DISCONNECT {
            // SAFETY: the control mutex is held during Disconnect (R4.11).
            disconnect(block.context(), &unsafe { Pin::from_raw(raw) });
        }
    }
}
