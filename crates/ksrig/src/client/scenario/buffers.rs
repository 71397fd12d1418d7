//! Buffers that do not fit what the format says.

use super::stage::Stage;
use super::traffic::lane;
use crate::client::{Packet, State};
use crate::nt::sched;

/// From one row to the next, as nobody should believe it.
const PITCHES: [i32; 6] = [1, -1, 1 << 20, -(1 << 20), i32::MAX, i32::MIN];

/// Packets for a pin whose frames have so many bytes. What ends a driver for good comes last.
fn packets(frame: usize) -> impl Iterator<Item = Packet> {
    let pitched = PITCHES.into_iter().map(move |pitch| {
        let mut packet = Packet::with_frame_info(&[frame]).tight();
        packet.set_surface_pitch(0, pitch);
        packet
    });
    let several = [[frame, frame / 2], [1, frame]].into_iter().map(|lengths| Packet::new(&lengths).tight());
    let short = [frame.saturating_sub(1), frame / 2, 1, 0].into_iter();
    let short = short.flat_map(|length| {
        [Packet::new(&[length]), Packet::with_frame_info(&[length])].into_iter().map(Packet::tight)
    });
    pitched.chain(several).chain(short)
}

/// Requests with too little room or data, several frames of different lengths, pitches that cannot be: each followed by a
/// right one.
pub fn buffers(stage: &Stage<'_>) {
    for place in stage.survey.pins(|pin| pin.is_readable() || pin.is_writable()) {
        let Some(format) = stage.survey.pin(place).and_then(|pin| pin.small.as_ref()) else { continue };
        let Ok(mut lane) = lane(&stage.survey, place, format) else { continue };
        let _ = lane.to(State::Run);
        for packet in packets(lane.frame) {
            let flight = lane.send(packet);
            stage.did("requests sent");
            lane.turn(1);
            sched::sleep(3 * lane.interval);
            lane.turn(0);
            drop(flight);
        }
        stage.did_often("right frames", lane.done);
    }
}
