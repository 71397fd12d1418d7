//! The checks, a file for each family or part of one.

use crate::Check;

mod clocks;
mod controls;
mod formats;
mod hostile;
mod identity;
mod instances;
mod intersection;
mod pnp;
mod properties;
mod resources;
mod states;
mod streaming;
mod transfer;
mod waiting;
mod writing;

/// All of them, in order.
pub const ALL: &[&[Check]] = &[
    identity::CHECKS,
    properties::CHECKS,
    hostile::CHECKS,
    controls::CHECKS,
    formats::CHECKS,
    intersection::CHECKS,
    formats::WITH_PINS,
    instances::CHECKS,
    states::CHECKS,
    transfer::CHECKS,
    streaming::CHECKS,
    waiting::CHECKS,
    writing::CHECKS,
    clocks::CHECKS,
    pnp::CHECKS,
    resources::CHECKS,
];
