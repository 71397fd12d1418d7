//! `cargo xtask fuzz requests`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopcam_fuzz::requests(bytes));
