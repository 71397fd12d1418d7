//! `cargo xtask fuzz catalog`

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loopcam_fuzz::catalog(bytes));
