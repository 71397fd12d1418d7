//! C's types as Windows has them: `long` has 32 bits.

#![allow(missing_docs, non_camel_case_types)]

pub use core::ffi::{
    c_char, c_double, c_float, c_int, c_longlong, c_schar, c_short, c_uchar, c_uint, c_ulonglong, c_ushort,
    c_void,
};

pub type c_long = i32;
pub type c_ulong = u32;
