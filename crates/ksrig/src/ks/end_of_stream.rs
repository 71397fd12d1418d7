//! KSEVENT_CONNECTION_ENDOFSTREAM of pins with KSPIN_FLAG_GENERATE_EOS_EVENTS.

use ks_sys::{
    GUID, KSEVENT_CONNECTION::KSEVENT_CONNECTION_ENDOFSTREAM, KSEVENT_ITEM, KSEVENT_SET, KSEVENTDATA,
    KSEVENTSETID_Connection, KSPIN_FLAG_GENERATE_EOS_EVENTS, KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM,
};

use super::{
    automation::{OwnEvents, OwnItems},
    frame::{Cancel, Request},
    object::Pin,
};

static SET: GUID = KSEVENTSETID_Connection;

static ITEMS: OwnItems<1> = OwnItems([KSEVENT_ITEM {
    EventId: KSEVENT_CONNECTION_ENDOFSTREAM as u32,
    DataInput: size_of::<KSEVENTDATA>() as u32,
    ExtraEntryData: 0,
    AddHandler: None,
    RemoveHandler: None,
    SupportHandler: None,
}]);

/// The event set of such a pin.
pub static EVENTS: OwnEvents<1> = OwnEvents([KSEVENT_SET {
    Set: &raw const SET,
    EventsCount: 1,
    EventItem: &raw const ITEMS.0 as *const KSEVENT_ITEM,
}]);

/// A request leaves the pin's queue: the event, if a frame of it was the stream's last and was not taken back. At most
/// dispatch level, no lock held.
///
/// # Safety
/// The request is finished, and the caller's.
pub unsafe fn passed(pin: &Pin, request: *const Request) {
    if pin.flags() & KSPIN_FLAG_GENERATE_EOS_EVENTS == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    let request = unsafe { &*request };
    let last = request.frames.iter().any(|frame| {
        // SAFETY: headers live as long as the request that carries them.
        let options = unsafe { (*frame.header).OptionsFlags };
        options & KSSTREAM_HEADER_OPTIONSF_ENDOFSTREAM != 0
    });
    if last && request.cancel != Cancel::Done {
        let id = KSEVENT_CONNECTION_ENDOFSTREAM as u32;
        // SAFETY: the list is AVStream's own.
        unsafe { pin.events().named().generate(Some(&KSEVENTSETID_Connection), id, &[], |_| true) };
    }
}
