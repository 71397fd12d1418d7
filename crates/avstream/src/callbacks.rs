//! The types of a pin's callbacks: those of `KSPIN_DISPATCH`, as [`PinDispatch`] has them; and of the handlers of properties.
//!
//! That Process and Connect differ is the point: in C both are `PFNKSPIN`, and `STATUS_PENDING` is right in one
//! and forbidden in the other.

use crate::{
    bytes::{Answer, Bytes, Room},
    context::{Control, Processing},
    error::Result,
    format::{DataRange, Format, VideoFormat},
    opener::Opener,
    owner::Owner,
    pin::Pin,
    pin_dispatch::PinDispatch,
    processed::Processed,
    property::{LongProperty, Property},
    published::Slots,
    shared::Shared,
    state::State,
};

/// [`PinDispatch::OPEN`].
pub type Open<P> = fn(&<P as PinDispatch>::Filter, Opener) -> Result;
/// [`PinDispatch::CLOSE`].
pub type Close<P> = fn(&P, &Pin<'_, Control>);
/// [`PinDispatch::PROCESS`].
pub type Process<P> = fn(&P, &mut Pin<'_, Processing>) -> Processed;
/// [`PinDispatch::RESET`].
pub type Reset<P> = fn(&P);
/// [`PinDispatch::SET_FORMAT`].
pub type SetFormat<P> = fn(Option<&P>, &<P as PinDispatch>::Filter, &Pin<'_, Control>, Format<'_>) -> Result;
/// [`PinDispatch::SET_STATE`].
pub type SetState<P> = fn(&P, &Pin<'_, Control>, State, State) -> Result;
/// [`PinDispatch::CONNECT`].
pub type Connect<P> = fn(&P, &Pin<'_, Control>) -> Result;
/// [`PinDispatch::DISCONNECT`].
pub type Disconnect<P> = fn(&P, &Pin<'_, Control>);
/// [`PinDispatch::INTERSECT`].
pub type Intersect<P> = fn(&<P as PinDispatch>::Filter, DataRange<'_>, DataRange<'_>) -> Result<VideoFormat>;
/// [`PinDispatch::PUBLISHES`].
pub type Publishes<P> = fn(&P) -> Shared<Slots>;

/// [`Property::GET`].
pub type Get<P> = fn(
    &<<P as Property>::Owner as Owner>::Context,
    &<P as Property>::Request,
) -> Result<<P as Property>::Value>;
/// [`Property::SET`].
pub type Set<P> = fn(
    &<<P as Property>::Owner as Owner>::Context,
    &<P as Property>::Request,
    <P as Property>::Value,
) -> Result;
/// [`LongProperty::GET`].
pub type GetLong<P> = fn(
    &<<P as LongProperty>::Owner as Owner>::Context,
    &<P as LongProperty>::Request,
    Room<'_>,
) -> Result<Answer>;
/// [`LongProperty::SET`].
pub type SetLong<P> =
    fn(&<<P as LongProperty>::Owner as Owner>::Context, &<P as LongProperty>::Request, Bytes<'_>) -> Result;
