//! `cargo xtask fuzz inf`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopcam_fuzz::inf(bytes));
