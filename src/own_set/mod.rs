//! What loopcam's camera has words for and kernel streaming has not: a property set of its own, and an event.
//!
//! `include/loopcam.h` and crate `loopcam-api` describe them to clients.

mod placeholder;
mod readers;
mod status;
mod timeout;

use avstream::{
    EventItem, EventSet, OfFilter, PropertyItem, PropertySet,
    ffi::{GUID, guid},
};

use crate::camera::Camera;

loopcam_api::structures!(avstream::plain);

static ID: GUID = guid(loopcam_api::PROPERTY_SET);
static EVENT_ID: GUID = guid(loopcam_api::EVENT_SET);

/// The properties, as a set of the camera.
pub const PROPERTIES: PropertySet<OfFilter<Camera>> = PropertySet::new(
    &ID,
    &[
        PropertyItem::new::<status::Now>(),
        PropertyItem::long::<readers::Readers>(),
        PropertyItem::new::<timeout::Timeout>(),
        PropertyItem::long::<placeholder::Chosen>(),
    ],
);

/// The event, as a set of the camera.
pub const EVENTS: EventSet<OfFilter<Camera>> =
    EventSet::new(&EVENT_ID, &[EventItem::new(loopcam_api::CHANGED)]);

/// Tells whoever waits for it that something has changed.
pub fn tell(listeners: &avstream::Listeners) {
    listeners.tell(&EVENT_ID, loopcam_api::CHANGED);
}
