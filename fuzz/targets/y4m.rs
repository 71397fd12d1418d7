//! `cargo xtask fuzz y4m`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopcam_fuzz::y4m(bytes));
