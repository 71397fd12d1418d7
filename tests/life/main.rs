//! The life of the device while programs use it: it stops, goes, sleeps and comes back; and programs of 32 bits.

mod graph;
mod narrow;
mod pause;
mod removal;
mod restart;
mod sleep;
mod stop;
mod together;
