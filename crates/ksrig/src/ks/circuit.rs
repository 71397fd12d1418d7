//! The circuit of two connected pins: requester, producing queue, consuming queue, requester (R4.25, R4.26).

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ks_sys::{KSPIN_DATAFLOW, NTSTATUS, STATUS_UNSUCCESSFUL};

use super::{
    frame::{Cancel, Request},
    object::Pin,
    processing,
    queue::Queue,
    requester::{Framing, Requester},
};
use crate::nt::trace;

/// The way of the frames between the two ends of an intra-AVStream connection.
///
/// It follows the data: the pin with data out fills the frames, the pin with data in consumes them,
/// whichever of both is the IRP source (R4.2).
pub struct Circuit {
    producer: Arc<Queue>,
    consumer: Arc<Queue>,
    requester: Requester,
    trips: AtomicU64,
}

impl Circuit {
    /// Joins the queues of two pins, which exist, and allocates the frames. PASSIVE_LEVEL.
    pub fn build(ends: [&'static Pin; 2]) -> Result<Arc<Self>, NTSTATUS> {
        // SAFETY: the public structure lives as long as the pin.
        let produces = |pin: &Pin| unsafe { (*pin.ks()).DataFlow } == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT;
        let [producer, consumer] = if produces(ends[0]) { ends } else { [ends[1], ends[0]] };
        if !produces(producer) || produces(consumer) {
            // Two ends with data flow in the same direction: nothing can flow.
            return Err(STATUS_UNSUCCESSFUL);
        }
        let (Some(from), Some(to)) = (producer.transport().queue(), consumer.transport().queue()) else {
            return Err(STATUS_UNSUCCESSFUL);
        };
        let mut framing = Framing::of([producer, consumer]);
        // R4.31: the allocator that the source was given.
        let source = if ends[0].is_source() { ends[0] } else { ends[1] };
        let allocator = source.allocator.lock().expect("never poisoned").clone();
        if let Some(allocator) = &allocator {
            framing = framing.within(allocator)?;
        }
        let mut circuit = Arc::<Self>::new_uninit();
        let requester = Requester::new(framing, allocator, Arc::as_ptr(&circuit).cast())?;
        let value = Self { producer: from, consumer: to, requester, trips: AtomicU64::new(0) };
        Arc::get_mut(&mut circuit).expect("nobody else has it").write(value);
        // SAFETY: just written.
        let circuit = unsafe { circuit.assume_init() };
        if trace::enabled() {
            trace::event_with(
                "circuit",
                producer.name(),
                format_args!("to {}", consumer.name()),
                &[("frames", &framing.count), ("bytes", &framing.bytes), ("header", &framing.header)],
            );
        }
        Ok(circuit)
    }

    /// Lets frames go round: those at home are put into the producing queue. Nothing is processed by that yet.
    pub fn prime(&self) {
        self.requester.feed(true);
        self.send();
    }

    /// Sends the frames at home if frames go round. IRQL <= DISPATCH_LEVEL, no lock held.
    pub fn resume(&self) {
        if self.send() {
            processing::arrival(self.producer.pin);
        }
    }

    fn send(&self) -> bool {
        let mut trigger = false;
        while let Some(request) = self.requester.take() {
            match self.producer.insert(request) {
                Ok(due) => trigger |= due,
                Err(request) => {
                    self.requester.keep(request);
                    break;
                }
            }
        }
        trigger
    }

    /// From now on frames that come home stay there.
    pub fn pause(&self) {
        self.requester.feed(false);
    }

    /// What the requester allocated.
    pub fn framing(&self) -> Framing {
        self.requester.framing()
    }

    /// Frames at home.
    pub fn at_home(&self) -> usize {
        self.requester.at_home()
    }

    /// How many times a frame came home.
    pub fn trips(&self) -> u64 {
        self.trips.load(Ordering::Relaxed)
    }

    /// A queue has finished with a frame: on to the next one. IRQL <= DISPATCH_LEVEL, no lock held.
    pub(super) fn route(&self, request: *mut Request) {
        // SAFETY: a finished request is nobody's but ours.
        let (from_producer, flows) = unsafe {
            let finished = &mut *request;
            let queue = finished.queue.take();
            let from_producer = queue.is_some_and(|queue| Arc::ptr_eq(&queue, &self.producer));
            // ASSUMED: what was taken back, or failed by the minidriver, does not reach the consumer.
            (from_producer, finished.cancel != Cancel::Done && finished.status >= 0)
        };
        let mut request = request;
        if from_producer && flows {
            // SAFETY: as above.
            unsafe { (*request).reset() };
            match self.consumer.insert(request) {
                Ok(trigger) => {
                    if trigger {
                        processing::arrival(self.consumer.pin);
                    }
                    return;
                }
                Err(back) => request = back,
            }
        }
        self.trips.fetch_add(1, Ordering::Relaxed);
        let Some(again) = self.requester.home(request) else { return };
        match self.producer.insert(again) {
            Ok(true) => processing::arrival(self.producer.pin),
            Ok(false) => {}
            Err(back) => self.requester.keep(back),
        }
    }
}
