//! Buffers that do not fit what the format says.

use super::stage::Stage;
use super::traffic::lane;
use crate::client::{Packet, State};
use crate::nt::sched;

/// From one row to the next, as nobody should believe it. The lowest stays within what is kept free before a program's memory.
const PITCHES: [i32; 5] = [1, -1, 1 << 20, -(1 << 20), i32::MAX];

/// Packets for a pin whose frames have so many bytes, each with an inaccessible page where it is overrun.
fn packets(frame: usize) -> impl Iterator<Item = Packet> {
    let pitched = PITCHES.into_iter().map(move |pitch| {
        let packet = Packet::with_frame_info(&[frame]);
        let mut packet = if pitch < 0 { packet.at_page_start() } else { packet.at_page_end() };
        packet.set_surface_pitch(0, pitch);
        packet
    });
    let several = [[frame, frame / 2], [1, frame]].into_iter().map(|lengths| Packet::new(&lengths));
    let short = [frame.saturating_sub(1), frame / 2, 1, 0].into_iter();
    let short = short.flat_map(|length| [Packet::new(&[length]), Packet::with_frame_info(&[length])]);
    pitched.chain(several.chain(short).map(Packet::at_page_end))
}

/// Requests with pitches that cannot be, several frames of different lengths, too little room or data: after each a right one
/// is sent, and given up if it is not done when the next has had its time.
pub fn buffers(stage: &Stage<'_>) {
    for place in stage.survey.pins(|pin| pin.is_readable() || pin.is_writable()) {
        let Some(format) = stage.survey.pin(place).and_then(|pin| pin.small.as_ref()) else { continue };
        let Ok(mut lane) = lane(&stage.survey, place, format) else { continue };
        let _ = lane.to(State::Run);
        for packet in packets(lane.frame) {
            let flight = lane.send(packet);
            stage.did("requests sent");
            lane.submit();
            sched::sleep(3 * lane.interval);
            lane.turn(0);
            // A driver may keep the newest.
            while lane.flights.len() > 1 {
                lane.flights.pop_front();
            }
            drop(flight);
        }
        stage.did_often("right ones done", lane.done);
        stage.did_often("right ones kept", lane.flights.len() as u64);
    }
}
