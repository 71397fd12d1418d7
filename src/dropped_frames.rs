//! PROPSETID_VIDCAP_DROPPEDFRAMES: how many pictures a client of a pin got, and how many it did not.

use core::marker::PhantomData;

use avstream::{
    OfPin, PinDispatch, Property, PropertyItem, PropertySet, callbacks,
    ffi::{
        GUID, KSPROPERTY, KSPROPERTY_DROPPEDFRAMES_CURRENT_S, KSPROPERTY_VIDCAP_DROPPEDFRAMES as Id,
        PROPSETID_VIDCAP_DROPPEDFRAMES,
    },
};

use crate::counter::Counter;

static SET: GUID = PROPSETID_VIDCAP_DROPPEDFRAMES;

/// A pin that counts its pictures.
pub trait Counts: PinDispatch {
    /// The pictures up to now.
    fn counter(&self) -> Counter;
}

/// What a pin has counted.
pub struct Current<P>(PhantomData<P>);

impl<P: Counts> Current<P> {
    /// The set, of pins of this kind.
    pub const PROPERTIES: PropertySet<OfPin<P>> = PropertySet::new(&SET, &[PropertyItem::new::<Self>()]);
}

impl<P: Counts> Property for Current<P> {
    type Owner = OfPin<P>;
    // What the page calls the descriptor is longer; nothing of it is needed beyond this.
    type Request = KSPROPERTY;
    type Value = KSPROPERTY_DROPPEDFRAMES_CURRENT_S;

    const ID: u32 = Id::KSPROPERTY_DROPPEDFRAMES_CURRENT as u32;
    const GET: Option<callbacks::Get<Self>> = Some(|pin, request| {
        let counter = pin.counter();
        Ok(KSPROPERTY_DROPPEDFRAMES_CURRENT_S {
            Property: *request,
            PictureNumber: counter.picture,
            DropCount: counter.dropped,
            AverageFrameSize: counter.average_size(),
        })
    });
}
