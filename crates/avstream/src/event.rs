//! Events: what clients of a filter wait for.
//!
//! The class driver keeps who has enabled an event and how it is told, and forgets it when the client closes its
//! handle (R7.24, R7.25): nothing of that is the driver's.
//!
//! <https://learn.microsoft.com/windows-hardware/drivers/stream/event-handling-in-avstream>

use core::{
    marker::PhantomData,
    mem::zeroed,
    ptr::{NonNull, null_mut},
};

use crate::{
    context::Control,
    error::Result,
    ffi::{GUID, KSEVENT_ITEM, KSEVENT_SET, KSEVENTDATA, KSFILTER, KsGenerateEvents, is_equal_guid},
    filter::Filter,
    owner::Owner,
    roll::{Member, Roll},
    shared::Shared,
};

/// An event, in the list of a set's events.
#[repr(transparent)]
pub struct EventItem(KSEVENT_ITEM);

// SAFETY: not changed, and without pointers.
unsafe impl Sync for EventItem {}

impl EventItem {
    /// The event of this number: it tells that something has happened, and no more.
    #[must_use]
    pub const fn new(id: u32) -> Self {
        Self(KSEVENT_ITEM {
            EventId: id,
            DataInput: size_of::<KSEVENTDATA>() as u32,
            // SAFETY: numbers and absent callbacks: the class driver does what there is to do.
            ..unsafe { zeroed() }
        })
    }
}

/// A set of events of filters or pins.
#[repr(transparent)]
pub struct EventSet<O> {
    raw: KSEVENT_SET,
    owner: PhantomData<fn() -> O>,
}

// SAFETY: not changed, and all that it points at is static.
unsafe impl<O> Sync for EventSet<O> {}

impl<O: Owner> EventSet<O> {
    /// The events of a set, each with another number.
    #[must_use]
    pub const fn new(set: &'static GUID, items: &'static [EventItem]) -> Self {
        let mut rest = items;
        while let [item, more @ ..] = rest {
            let mut others = more;
            while let [other, more @ ..] = others {
                assert!(item.0.EventId != other.0.EventId, "event: two have the same number");
                others = more;
            }
            rest = more;
        }
        let raw = KSEVENT_SET { Set: set, EventsCount: items.len() as u32, EventItem: items.as_ptr().cast() };
        Self { raw, owner: PhantomData }
    }

    /// Refuses a list in which a set is twice: the class driver would find the first only.
    pub(crate) const fn check(sets: &[Self]) {
        let mut rest = sets;
        while let [set, more @ ..] = rest {
            let mut others = more;
            while let [other, more @ ..] = others {
                // SAFETY: `new` has put a reference there.
                let a = unsafe { &*set.raw.Set };
                // SAFETY: as above.
                let b = unsafe { &*other.raw.Set };
                assert!(!is_equal_guid(a, b), "event: two sets have the same name");
                others = more;
            }
            rest = more;
        }
    }
}

/// The filters whose clients are told of events.
pub struct Listeners {
    roll: Shared<Roll<KSFILTER>>,
}

impl Listeners {
    /// Nobody yet.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES): there is no memory.
    pub fn new() -> Result<Self> {
        Ok(Self { roll: Roll::new()? })
    }

    /// Has the clients of a filter told from now on until it ends.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`](crate::Error::INSUFFICIENT_RESOURCES): there is no memory.
    pub fn add(&self, filter: &Filter<'_, Control>) -> Result {
        let raw = filter.raw();
        let member = Member::new(raw, self.roll.clone())?;
        filter.ends(member.clone())?;
        member.join();
        Ok(())
    }

    /// Tells all clients of the filters that have enabled the event. IRQL ≤ DISPATCH_LEVEL; no spin lock may be held.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksgenerateevents>
    pub fn tell(&self, set: &'static GUID, id: u32) {
        self.roll.each(|filter: NonNull<KSFILTER>| {
            // SAFETY: a filter that has not ended; the set is static, hence not paged.
            unsafe { KsGenerateEvents(filter.as_ptr().cast(), set, id, 0, null_mut(), None, null_mut()) };
        });
    }
}

#[cfg(test)]
mod tests {
    use core::mem::zeroed;

    use super::*;
    use crate::host::played;

    /// Filters that have left are not told.
    #[test]
    fn who_is_there_is_told() {
        let _alone = played::alone();
        static SET: GUID = crate::ffi::guid(1);
        let listeners = Listeners::new().unwrap();
        // SAFETY: numbers and null pointers.
        let mut filters: [KSFILTER; 2] = unsafe { zeroed() };
        let [first, second] = filters.each_mut().map(NonNull::from);
        let members = [first, second].map(|filter| Member::new(filter, listeners.roll.clone()).unwrap());
        listeners.tell(&SET, 3);
        assert_eq!(played::take_events(), []);
        members.iter().for_each(|member| member.join());
        listeners.tell(&SET, 3);
        let address = |filter: NonNull<KSFILTER>| filter.as_ptr().addr();
        assert_eq!(played::take_events(), [(address(second), 3), (address(first), 3)]);
        members[1].leave(true);
        members[1].join();
        listeners.tell(&SET, 4);
        assert_eq!(played::take_events(), [(address(first), 4)]);
        members[0].leave(true);
    }
}
