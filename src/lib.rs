//! loopcam: a loopback camera for Windows, as an AVStream minidriver.
//!
//! One device, three filters:
//!
//! * [`camera`], which applications open: its pin *Capture* gives pictures to any number of readers, its
//!   pin *Input* takes them from one writer, an application or another driver's pin in the kernel. There can be
//!   several [`cameras`], each with a writer and readers of its own;
//! * [`test_source`], whose one pin makes moving bars; it is there to be connected to *Input*;
//! * [`manager`], which has no pin: programs add and remove cameras by it.
//!
//! Writer and readers are different clients, which have different filters. They meet in the camera's
//! [`hub`]: it knows the newest picture, where the writer left it, and who waits for the next.

#![cfg(windows)]
#![no_std]

extern crate wdk_panic;

mod camera;
mod cameras;
mod clock;
mod controls;
mod counter;
mod device;
mod dropped_frames;
mod formats;
mod hub;
mod manager;
mod name;
mod negotiation;
mod own_set;
mod picture;
mod placeholder;
mod roster;
mod source_info;
mod test_source;

use device::Loopcam;

avstream::driver!(Loopcam);
