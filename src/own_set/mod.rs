//! What loopcam's camera has words for and kernel streaming has not: a property set of its own, and an event.
//!
//! `include/loopcam.h` and crate `loopcam-api` describe them to clients.

mod placeholder;
mod readers;
mod status;
mod timeout;

use avstream::{
    EventItem, EventSet, FilterDispatch, OfFilter, PropertyItem, PropertySet,
    ffi::{GUID, guid},
};

use crate::camera;

loopcam_api::structures!(avstream::plain);

static ID: GUID = guid(loopcam_api::PROPERTY_SET);
static EVENT_ID: GUID = guid(loopcam_api::EVENT_SET);

/// The properties, as a set of the camera.
pub const PROPERTIES: PropertySet<OfFilter<camera::Camera>> = PropertySet::new(
    &ID,
    &[
        PropertyItem::new::<status::Now>(),
        PropertyItem::long::<readers::Readers>(),
        PropertyItem::new::<timeout::Timeout>(),
        PropertyItem::long::<placeholder::Chosen>(),
    ],
);

/// The event, as a set of filters of kind `F`.
pub const fn events<F: FilterDispatch>() -> EventSet<OfFilter<F>> {
    const EVENTS: &[EventItem] = &[EventItem::new(loopcam_api::CHANGED)];
    EventSet::new(&EVENT_ID, EVENTS)
}

/// Tells whoever waits for it that something has changed.
pub fn tell(listeners: &avstream::Listeners) {
    listeners.tell(&EVENT_ID, loopcam_api::CHANGED);
}
