//! `cargo xtask fuzz image`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopcam_fuzz::image(bytes));
