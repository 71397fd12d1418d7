//! The circuit of a connection: requester, producing stage, consuming stage, requester (R4.25 to R4.27).

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use ks_sys::{KSPIN_DATAFLOW, NTSTATUS, PFNKSPINIRPCOMPLETION, STATUS_UNSUCCESSFUL};

use super::{
    call::{PIN_IRP_COMPLETION, driver_call},
    external::External,
    frame::{Cancel, Request},
    injection,
    object::Pin,
    processing,
    queue::Queue,
    requester::{Framing, Requester},
};
use crate::nt::trace;

/// Where frames are filled or consumed.
pub(super) enum Stage {
    /// The queue of an AVStream pin.
    Queue(Arc<Queue>),
    /// A pin of another kind, by IRPs (kind C).
    External(Arc<External>),
}

impl Stage {
    /// Hands a frame over; back when the stage takes none. Gives whether its pin is to process.
    fn accept(&self, request: *mut Request) -> Result<bool, *mut Request> {
        match self {
            Self::Queue(queue) => queue.insert(request),
            Self::External(external) => external.send(request).map(|()| false),
        }
    }

    /// The same, and processes.
    fn send(&self, request: *mut Request) -> Result<(), *mut Request> {
        let due = self.accept(request)?;
        if let Some(pin) = self.pin().filter(|_| due) {
            processing::arrival(pin);
        }
        Ok(())
    }

    fn pin(&self) -> Option<&'static Pin> {
        match self {
            Self::Queue(queue) => Some(queue.pin),
            Self::External(_) => None,
        }
    }
}

/// The way of the frames between the two ends of a connection.
///
/// It follows the data: the pin with data out fills the frames, the pin with data in consumes them,
/// whichever of both is the IRP source (R4.2).
pub struct Circuit {
    producer: Stage,
    consumer: Stage,
    requester: Requester,
    trips: AtomicU64,
    /// Who wants to know of each trip (R4.34).
    completions: Vec<(&'static Pin, PFNKSPINIRPCOMPLETION)>,
}

// SAFETY: the stages and the requester are made to be shared.
unsafe impl Send for Circuit {}
// SAFETY: as above.
unsafe impl Sync for Circuit {}

impl Circuit {
    /// Joins the queues of the members, which exist, and allocates the frames: two pins of an intra-AVStream
    /// connection, or a source whose sink is not AVStream's. PASSIVE_LEVEL.
    pub fn build(members: &[&'static Pin]) -> Result<Arc<Self>, NTSTATUS> {
        // SAFETY: the public structure lives as long as the pin.
        let produces = |pin: &Pin| unsafe { (*pin.ks()).DataFlow } == KSPIN_DATAFLOW::KSPIN_DATAFLOW_OUT;
        let queue = |pin: &Pin| pin.transport().queue().map(Stage::Queue).ok_or(STATUS_UNSUCCESSFUL);
        let (producer, consumer) = match *members {
            [one, other] => {
                let [producer, consumer] = if produces(one) { [one, other] } else { [other, one] };
                if !produces(producer) || produces(consumer) {
                    // Two ends with data flow in the same direction: nothing can flow.
                    return Err(STATUS_UNSUCCESSFUL);
                }
                (queue(producer)?, queue(consumer)?)
            }
            [pin] => {
                let external = Stage::External(External::new(pin.connected_file(), produces(pin)));
                if produces(pin) { (queue(pin)?, external) } else { (external, queue(pin)?) }
            }
            _ => return Err(STATUS_UNSUCCESSFUL),
        };
        let mut framing = Framing::of(members);
        // R4.31: the allocator that the source was given.
        let source = members.iter().find(|pin| pin.is_source());
        let allocator = source.and_then(|pin| pin.allocator.lock().expect("never poisoned").clone());
        if let Some(allocator) = &allocator {
            framing = framing.within(allocator)?;
        }
        if members.iter().any(|pin| injection::mode(pin).is_some()) {
            // R4.33: no buffers are requested.
            framing.count = 0;
        }
        let stack = [&producer, &consumer].into_iter().map(|stage| match stage {
            Stage::Queue(_) => 1,
            Stage::External(external) => external.stack_size(),
        });
        let stack = stack.max().unwrap_or(1);
        let completions = members
            .iter()
            .filter_map(|&pin| {
                Some((pin, injection::irp_completion(pin))).filter(|(_, routine)| routine.is_some())
            })
            .collect();
        let mut circuit = Arc::<Self>::new_uninit();
        let requester = Requester::new(framing, allocator, Arc::as_ptr(&circuit).cast(), stack)?;
        let value = Self { producer, consumer, requester, trips: AtomicU64::new(0), completions };
        Arc::get_mut(&mut circuit).expect("nobody else has it").write(value);
        // SAFETY: just written.
        let circuit = unsafe { circuit.assume_init() };
        if trace::enabled() {
            let name = |stage: &Stage| stage.pin().map_or("another driver's pin", Pin::name);
            trace::event_with(
                "circuit",
                name(&circuit.producer),
                format_args!("to {}", name(&circuit.consumer)),
                &[("frames", &framing.count), ("bytes", &framing.bytes), ("header", &framing.header)],
            );
        }
        Ok(circuit)
    }

    /// Lets frames go round: those that are at home now are sent to the producing stage.
    pub fn resume(&self) {
        self.requester.feed(true);
        let mut trigger = false;
        for _ in 0..self.at_home() {
            let Some(request) = self.requester.take() else { break };
            match self.producer.accept(request) {
                Ok(due) => trigger |= due,
                Err(request) => {
                    self.requester.keep(request);
                    break;
                }
            }
        }
        if let Some(pin) = self.producer.pin().filter(|_| trigger) {
            processing::arrival(pin);
        }
    }

    /// From now on frames that come home stay there.
    pub fn pause(&self) {
        self.requester.feed(false);
    }

    /// The queues are closed: what another driver has comes home, cancelled. PASSIVE_LEVEL.
    pub(super) fn drain(&self) {
        for stage in [&self.producer, &self.consumer] {
            if let Stage::External(external) = stage {
                external.drain();
            }
        }
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

    /// The stage of another driver, if the circuit has one.
    pub(super) fn external(&self) -> Option<&Arc<External>> {
        [&self.producer, &self.consumer].into_iter().find_map(|stage| match stage {
            Stage::External(external) => Some(external),
            Stage::Queue(_) => None,
        })
    }

    /// A frame of the minidriver enters the circuit behind the pin that it is injected on (R4.33).
    /// IRQL <= DISPATCH_LEVEL, no lock held.
    pub(super) fn inject(&self, pin: &Pin, request: *mut Request) -> Result<(), *mut Request> {
        let own = self.producer.pin().is_some_and(|own| std::ptr::eq(own, pin));
        if own { self.consumer.send(request) } else { self.producer.send(request) }
    }

    /// A queue has finished with a frame: on to the next stage. IRQL <= DISPATCH_LEVEL, no lock held.
    pub(super) fn route(&self, request: *mut Request) {
        // SAFETY: a finished request is nobody's but ours.
        let (from_producer, flows) = unsafe {
            let finished = &mut *request;
            let queue = finished.queue.take();
            let from_producer = queue.is_some_and(
                |queue| matches!(&self.producer, Stage::Queue(producer) if Arc::ptr_eq(&queue, producer)),
            );
            // ASSUMED: what was taken back, or failed by the minidriver, does not reach the consumer.
            (from_producer, finished.cancel != Cancel::Done && finished.status >= 0)
        };
        if from_producer && flows { self.on(request) } else { self.home(request, false) }
    }

    /// Another driver has completed the IRP of a frame. IRQL <= DISPATCH_LEVEL, no lock held.
    pub(super) fn returned(&self, request: *mut Request) {
        // SAFETY: a completed request is nobody's but ours.
        let failed = unsafe { (*request).status } < 0;
        let produced = matches!(self.producer, Stage::External(_));
        if produced && !failed { self.on(request) } else { self.home(request, failed) }
    }

    /// From the producing stage to the consuming one; a frame that was injected there is home.
    fn on(&self, request: *mut Request) {
        // SAFETY: the request is nobody's but ours.
        let injector = unsafe { (*request).injected.as_ref() }.map(|injected| injected.pin);
        let at_home =
            injector.is_some_and(|pin| self.consumer.pin().is_some_and(|own| std::ptr::eq(own, pin)));
        if at_home {
            return self.home(request, false);
        }
        // SAFETY: as above.
        unsafe { (*request).reset() };
        if let Err(back) = self.consumer.send(request) {
            self.home(back, false);
        }
    }

    fn home(&self, request: *mut Request, failed: bool) {
        self.trips.fetch_add(1, Ordering::Relaxed);
        for (pin, routine) in &self.completions {
            if let Some(routine) = routine {
                // SAFETY: the minidriver's routine, with an IRP of the circuit.
                driver_call(PIN_IRP_COMPLETION, pin.name(), || unsafe { routine(pin.ks(), (*request).irp) });
            }
        }
        // SAFETY: the request is nobody's but ours.
        if unsafe { (*request).injected.is_some() } {
            injection::give_back(request);
        } else if failed {
            // ASSUMED: a frame that another driver failed stays at home until the next change of state.
            self.requester.stay(request);
        } else if let Some(again) = self.requester.home(request)
            && let Err(back) = self.producer.send(again)
        {
            self.requester.keep(back);
        }
    }
}
