//! Catalogs and signatures: made, read, tampered with, and judged by programs that others have written.

mod catalog;
#[allow(dead_code)]
#[path = "../lint/image.rs"]
mod image;
mod judges;
mod python;
mod sign;
mod tamper;
