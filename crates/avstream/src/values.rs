//! The values that a property can have, as BASICSUPPORT and DEFAULTVALUES tell them.

use core::{marker::PhantomData, ptr::from_ref};

use crate::{
    ffi::{
        KSPROPERTY_MEMBER_FLAG_DEFAULT, KSPROPERTY_MEMBER_STEPPEDRANGES, KSPROPERTY_MEMBER_VALUES,
        KSPROPERTY_MEMBERSHEADER, KSPROPERTY_MEMBERSLIST, KSPROPERTY_STEPPING_LONG, KSPROPERTY_VALUES,
        KSPROPTYPESETID_General, VT_I4, VT_UI4,
    },
    property::Property,
    raw,
};

/// The values that a number of 32 bits can have: from one to another in equal steps; and the one it has at first.
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/ns-ks-ksproperty_values>
#[derive(Clone, Copy)]
pub struct Values {
    kind: u32,
    min: u32,
    max: u32,
    step: u32,
    default: u32,
}

impl Values {
    /// Numbers with a sign.
    #[must_use]
    pub const fn signed(min: i32, max: i32, step: u32, default: i32) -> Self {
        assert!(min <= default && default <= max, "values: the default is not among them");
        Self::new(VT_I4, [min.cast_unsigned(), max.cast_unsigned()], step, default.cast_unsigned())
    }

    /// Numbers without a sign.
    #[must_use]
    pub const fn unsigned(min: u32, max: u32, step: u32, default: u32) -> Self {
        assert!(min <= default && default <= max, "values: the default is not among them");
        Self::new(VT_UI4, [min, max], step, default)
    }

    const fn new(kind: u32, [min, max]: [u32; 2], step: u32, default: u32) -> Self {
        // Distances wrap as the numbers do, whether or not they have a sign.
        assert!(
            step > 0
                && max.wrapping_sub(min).is_multiple_of(step)
                && default.wrapping_sub(min).is_multiple_of(step),
            "values: the steps miss an end or the default"
        );
        Self { kind, min, max, step, default }
    }
}

/// The values of a property, as the class driver reads it.
pub(crate) struct Table<P>(PhantomData<P>);

impl<P: Property> Table<P> {
    const OWN: Values = match P::VALUES {
        Some(values) => values,
        None => Values::unsigned(0, 0, 1, 0),
    };

    const STEPPING: KSPROPERTY_STEPPING_LONG = KSPROPERTY_STEPPING_LONG {
        SteppingDelta: Self::OWN.step,
        Reserved: 0,
        Bounds: raw::bounds(Self::OWN.min, Self::OWN.max),
    };

    const LISTS: [KSPROPERTY_MEMBERSLIST; 2] = [
        KSPROPERTY_MEMBERSLIST {
            MembersHeader: KSPROPERTY_MEMBERSHEADER {
                MembersFlags: KSPROPERTY_MEMBER_STEPPEDRANGES,
                MembersSize: size_of::<KSPROPERTY_STEPPING_LONG>() as u32,
                MembersCount: 1,
                Flags: 0,
            },
            Members: from_ref(&Self::STEPPING).cast(),
        },
        KSPROPERTY_MEMBERSLIST {
            MembersHeader: KSPROPERTY_MEMBERSHEADER {
                MembersFlags: KSPROPERTY_MEMBER_VALUES,
                MembersSize: size_of::<u32>() as u32,
                MembersCount: 1,
                Flags: KSPROPERTY_MEMBER_FLAG_DEFAULT,
            },
            Members: from_ref(&Self::OWN.default).cast(),
        },
    ];

    /// For `KSPROPERTY_ITEM.Values`.
    pub(crate) const VALUES: KSPROPERTY_VALUES = KSPROPERTY_VALUES {
        PropTypeSet: raw::identifier(KSPROPTYPESETID_General, Self::OWN.kind),
        MembersListCount: Self::LISTS.len() as u32,
        MembersList: Self::LISTS.as_ptr(),
    };
}
