//! PROPSETID_VIDCAP_VIDEOPROCAMP: the knobs that applications expect on a camera. Those that it does not have are
//! not in the set.

use core::marker::PhantomData;

use avstream::{
    Error, OfFilter, Property, PropertyItem, PropertySet, Values, callbacks,
    ffi::{
        GUID, KSPROPERTY, KSPROPERTY_VIDCAP_VIDEOPROCAMP as Id, KSPROPERTY_VIDEOPROCAMP_FLAGS_MANUAL,
        KSPROPERTY_VIDEOPROCAMP_S, PROPSETID_VIDCAP_VIDEOPROCAMP,
    },
};

use super::Camera;
use crate::controls::Knob;

static SET: GUID = PROPSETID_VIDCAP_VIDEOPROCAMP;

/// The set.
pub const PROPERTIES: PropertySet<OfFilter<Camera>> = PropertySet::new(
    &SET,
    &[
        PropertyItem::new::<Setting<Brightness>>(),
        PropertyItem::new::<Setting<Contrast>>(),
        PropertyItem::new::<Setting<Hue>>(),
        PropertyItem::new::<Setting<Saturation>>(),
    ],
);

/// A knob that has a property.
trait Named: 'static {
    const ID: u32;
    const KNOB: Knob;
}

macro_rules! named {
    ($($name:ident = $id:ident;)*) => {
        $(
            struct $name;

            impl Named for $name {
                const ID: u32 = Id::$id as u32;
                const KNOB: Knob = Knob::$name;
            }
        )*
    };
}

named! {
    Brightness = KSPROPERTY_VIDEOPROCAMP_BRIGHTNESS;
    Contrast = KSPROPERTY_VIDEOPROCAMP_CONTRAST;
    Hue = KSPROPERTY_VIDEOPROCAMP_HUE;
    Saturation = KSPROPERTY_VIDEOPROCAMP_SATURATION;
}

struct Setting<K>(PhantomData<K>);

impl<K: Named> Property for Setting<K> {
    type Owner = OfFilter<Camera>;
    // What the pages call the descriptor is longer; nothing of it is needed beyond this.
    type Request = KSPROPERTY;
    type Value = KSPROPERTY_VIDEOPROCAMP_S;

    const ID: u32 = K::ID;
    const GET: Option<callbacks::Get<Self>> = Some(|camera, request| {
        Ok(KSPROPERTY_VIDEOPROCAMP_S {
            Property: *request,
            Value: camera.hub.controls.get(K::KNOB),
            Flags: KSPROPERTY_VIDEOPROCAMP_FLAGS_MANUAL,
            Capabilities: KSPROPERTY_VIDEOPROCAMP_FLAGS_MANUAL,
        })
    });
    const SET: Option<callbacks::Set<Self>> = Some(|camera, _, value| {
        camera.check_write()?;
        if value.Flags != KSPROPERTY_VIDEOPROCAMP_FLAGS_MANUAL {
            // Nothing turns by itself.
            return Err(Error::INVALID_PARAMETER);
        }
        camera.hub.controls.set(K::KNOB, value.Value)
    });
    const VALUES: Option<Values> = Some({
        let control = K::KNOB.control();
        Values::signed(control.min, control.max, control.step.cast_unsigned(), control.default)
    });
}
