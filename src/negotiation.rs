//! What clients ask about formats before they set one.
//!
//! | property | of | answer |
//! |---|---|---|
//! | KSPROPERTY_PIN_PROPOSEDATAFORMAT | filters | whether a pin could be made with a format |
//! | KSPROPERTY_CONNECTION_PROPOSEDATAFORMAT | pins | whether a pin would take a format now |
//! | KSPROPERTY_PIN_CONSTRAINEDDATARANGES | the camera | for *Capture*, while somebody writes: the writer's format |

use core::marker::PhantomData;

use avstream::{
    Bytes, Error, FilterDispatch, LongProperty, OfFilter, OfPin, PinDispatch, PropertyItem, PropertySet,
    Proposal, Result, callbacks,
    ffi::{
        GUID, KSP_PIN, KSPROPERTY, KSPROPERTY_CONNECTION as ConnectionId, KSPROPERTY_PIN as PinId,
        KSPROPSETID_Connection, KSPROPSETID_Pin,
    },
};

use crate::formats::{self, Stream};

static PIN: GUID = KSPROPSETID_Pin;
static CONNECTION: GUID = KSPROPSETID_Connection;

/// A filter whose pins have the formats of this driver.
pub trait Offers: FilterDispatch {
    /// How many pin types it has.
    const PIN_TYPES: u32;

    /// What the pins of a type are given now, if it is not up to their client.
    fn given(&self, pin: u32) -> Option<Stream>;
}

/// The set of filters of kind `F`.
pub const fn of_filter<F: Offers>() -> PropertySet<OfFilter<F>> {
    Items::<F>::SET
}

/// The set of pins of kind `P`.
pub const fn of_pin<P: PinDispatch>() -> PropertySet<OfPin<P>> {
    ConnectionProposal::<P>::SET_OF_PIN
}

struct Items<F>(PhantomData<F>);

impl<F: Offers> Items<F> {
    const SET: PropertySet<OfFilter<F>> = PropertySet::new(
        &PIN,
        &[PropertyItem::long::<PinProposal<F>>(), PropertyItem::long::<ConstrainedRanges<F>>()],
    );
}

/// Whether a format that comes as a value is one of ours.
fn propose(bytes: Bytes<'_>) -> Result {
    Stream::of(Proposal::new(bytes)?.format()).map(drop)
}

fn check<F: Offers>(request: &KSP_PIN) -> Result {
    if request.PinId < F::PIN_TYPES { Ok(()) } else { Err(Error::INVALID_PARAMETER) }
}

struct PinProposal<F>(PhantomData<F>);

impl<F: Offers> LongProperty for PinProposal<F> {
    type Owner = OfFilter<F>;
    type Request = KSP_PIN;

    const ID: u32 = PinId::KSPROPERTY_PIN_PROPOSEDATAFORMAT as u32;
    const SET: Option<callbacks::SetLong<Self>> = Some(|_, request, bytes| {
        check::<F>(request)?;
        propose(bytes)
    });
}

struct ConstrainedRanges<F>(PhantomData<F>);

impl<F: Offers> LongProperty for ConstrainedRanges<F> {
    type Owner = OfFilter<F>;
    type Request = KSP_PIN;

    const ID: u32 = PinId::KSPROPERTY_PIN_CONSTRAINEDDATARANGES as u32;
    const GET: Option<callbacks::GetLong<Self>> = Some(|filter, request, room| {
        check::<F>(request)?;
        // Nothing is constrained, as with a descriptor that has no such ranges.
        let stream = filter.given(request.PinId).ok_or(Error::NOT_FOUND)?;
        let (first, second) = formats::only(stream).ok_or(Error::NOT_FOUND)?;
        room.ranges(&first, &second)
    });
}

struct ConnectionProposal<P>(PhantomData<P>);

impl<P: PinDispatch> ConnectionProposal<P> {
    const SET_OF_PIN: PropertySet<OfPin<P>> = PropertySet::new(&CONNECTION, &[PropertyItem::long::<Self>()]);
}

impl<P: PinDispatch> LongProperty for ConnectionProposal<P> {
    type Owner = OfPin<P>;
    type Request = KSPROPERTY;

    const ID: u32 = ConnectionId::KSPROPERTY_CONNECTION_PROPOSEDATAFORMAT as u32;
    const SET: Option<callbacks::SetLong<Self>> = Some(|_, _, bytes| propose(bytes));
}
