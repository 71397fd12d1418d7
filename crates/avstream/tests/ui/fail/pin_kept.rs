//! A pin that outlives the callback.

use avstream::{Control, Pin};

fn connect(pin: &Pin<'_, Control>) -> &'static Pin<'static, Control> {
    pin
}

fn main() {}
