//! The points of the contract that no page settles: a correct driver is right with every setting.

use ksrig::ks::options::{ConnectError, Options};

/// Both settings of 10.1, 10.1b, 10.2 and 10.33, in all combinations.
pub fn all() -> impl Iterator<Item = Options> {
    (0..16).map(|bits| Options {
        connect_after_create: bits & 1 != 0,
        disconnect_before_close: bits & 2 != 0,
        connect_error: if bits & 4 != 0 { ConnectError::FallsBack } else { ConnectError::Fails },
        peer_visible_in_connect: bits & 8 == 0,
        ..Options::default()
    })
}

/// For messages of failed tests.
pub fn text(options: &Options) -> String {
    let Options {
        connect_after_create, disconnect_before_close, connect_error, peer_visible_in_connect, ..
    } = options;
    format!(
        "connect_after_create {connect_after_create}, disconnect_before_close {disconnect_before_close}, \
         connect_error {connect_error:?}, peer_visible_in_connect {peer_visible_in_connect}"
    )
}
