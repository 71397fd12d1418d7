//! draft
#![no_std]
