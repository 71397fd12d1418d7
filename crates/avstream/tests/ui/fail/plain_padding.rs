//! A structure with bytes between its members, which would be somebody's old memory.

avstream::plain! {
    struct Facts {
        small: u8,
        large: u32,
    }
}

fn main() {}
