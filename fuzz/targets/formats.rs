//! `cargo xtask fuzz formats`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopcam_fuzz::formats(bytes));
