//! temporary
#![allow(missing_docs)]
mod fixture;
use std::time::Instant;
use fixture::{Bench, Kind, format, on_process};
use ks_sys::{KSSTREAM_POINTER_STATE::KSSTREAM_POINTER_STATE_LOCKED as LOCKED, *};
use ksrig::{client::{Packet, Rig, State}, ks::stream_pointer::*};
#[test]
fn perf() {
    let bench = Bench::with(Rig::builder().trace(false).preemption(0), &[&[Kind::output()]]);
    let client = bench.filters[0].create_pin(0, &format(64)).unwrap();
    client.set_state(State::Run).unwrap();
    on_process(0, |ks| {
        let edge = unsafe { KsPinGetLeadingEdgeStreamPointer(ks, LOCKED) };
        if edge.is_null() { return STATUS_PENDING; }
        KsStreamPointerAdvanceOffsetsAndUnlock(edge, 0, 64, 0);
        STATUS_SUCCESS
    });
    let mut packet = Packet::new(&[384]);
    for _ in 0..3 {
        let t = Instant::now();
        for _ in 0..100_000 {
            packet.prepare();
            let done = client.submit_read(packet).wait();
            packet = done.packet;
        }
        println!("{} ns per read", t.elapsed().as_nanos() / 100_000);
    }
}
