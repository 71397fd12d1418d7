//! The types of a pin's callbacks: those of `KSPIN_DISPATCH`, as [`PinDispatch`] has them.
//!
//! That Process and Connect differ is the point: in C both are `PFNKSPIN`, and `STATUS_PENDING` is right in one
//! and forbidden in the other.

use crate::{
    context::{Control, Processing},
    error::Result,
    format::{DataRange, Format, VideoFormat},
    pin::Pin,
    pin_dispatch::PinDispatch,
    processed::Processed,
    published::Slots,
    shared::Shared,
    state::State,
};

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
