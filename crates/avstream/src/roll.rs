//! A list of objects that somebody else uses while they are in it, and never after their end.

use core::{
    cell::UnsafeCell,
    ptr::{NonNull, null},
};

use crate::{bag::Ends, error::Result, shared::Shared, spin_lock::SpinLock, wait::Event};

/// A list of objects of type `T`.
pub(crate) struct Roll<T> {
    /// The first of the members.
    first: SpinLock<*const Member<T>>,
}

// SAFETY: the list belongs to the lock.
unsafe impl<T> Sync for Roll<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Roll<T> {}

/// One object, which is in the list or not. It is never there after its end.
pub(crate) struct Member<T> {
    home: Shared<Roll<T>>,
    object: NonNull<T>,
    link: UnsafeCell<Link<T>>,
    /// Nobody uses the member any more.
    unused: Event,
}

/// What the lock of `home` guards.
struct Link<T> {
    next: *const Member<T>,
    /// Is in the list.
    linked: bool,
    /// Is to leave the list; nobody begins to use it.
    leaving: bool,
    /// The object has gone: never in the list again.
    ended: bool,
    /// Threads that are using this object. Not 0: it stays in the list.
    users: u32,
}

// SAFETY: `link` belongs to the lock of `home`; the rest does not change.
unsafe impl<T> Sync for Member<T> {}
// SAFETY: as above. The object is used while it is in the list, which it leaves before its end.
unsafe impl<T> Send for Member<T> {}

impl<T> Roll<T> {
    /// Nobody yet.
    pub(crate) fn new() -> Result<Shared<Self>> {
        Shared::new(Self { first: SpinLock::new(null()) })
    }

    /// Does something with every object in the list, one after the other, without a lock; each lives as long as that
    /// takes. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn each(&self, mut action: impl FnMut(NonNull<T>)) {
        let mut last = null();
        while let Some(member) = self.next(last) {
            action(member.object);
            last = member;
        }
    }

    /// Stops using a member, NULL for none, and begins to use the one behind it.
    fn next<'a>(&self, last: *const Member<T>) -> Option<&'a Member<T>> {
        let first = self.first.lock();
        // SAFETY: it is in use, hence in the list and alive; the lock is held.
        let mut next = match unsafe { last.as_ref() } {
            None => *first,
            Some(last) => {
                // SAFETY: the lock is held.
                let link = unsafe { &mut *last.link.get() };
                link.users -= 1;
                if link.users == 0 && link.leaving {
                    last.unused.set();
                }
                link.next
            }
        };
        // SAFETY: members of the list are alive as long as the lock is held.
        while let Some(member) = unsafe { next.as_ref() } {
            // SAFETY: the lock is held.
            let link = unsafe { &mut *member.link.get() };
            if !link.leaving {
                link.users += 1;
                return Some(member);
            }
            next = link.next;
        }
        None
    }
}

impl<T> Member<T> {
    /// An object that is not in the list yet. [`Ends::end`] is to be called before it ends.
    pub(crate) fn new(object: NonNull<T>, home: Shared<Roll<T>>) -> Result<Shared<Self>> {
        let link = Link { next: null(), linked: false, leaving: false, ended: false, users: 0 };
        let member = Shared::new(Self { home, object, link: UnsafeCell::new(link), unused: Event::new() })?;
        // SAFETY: once, where it stays.
        unsafe { member.unused.initialize() };
        Ok(member)
    }

    /// Is in the list from now on. IRQL ≤ DISPATCH_LEVEL.
    pub(crate) fn join(&self) {
        let mut first = self.home.first.lock();
        // SAFETY: the lock is held.
        let link = unsafe { &mut *self.link.get() };
        if !link.linked && !link.ended {
            link.next = *first;
            link.linked = true;
            *first = self;
        }
    }

    /// Is not in the list any more; waits for whoever is using this object just now. PASSIVE_LEVEL.
    pub(crate) fn leave(&self, forever: bool) {
        loop {
            {
                let mut first = self.home.first.lock();
                // SAFETY: the lock is held.
                let link = unsafe { &mut *self.link.get() };
                link.ended |= forever;
                if !link.linked {
                    return;
                }
                if link.users == 0 {
                    unlink(&mut first, self, link.next);
                    link.next = null();
                    link.linked = false;
                    link.leaving = false;
                    return;
                }
                link.leaving = true;
                self.unused.clear();
            }
            self.unused.wait();
        }
    }
}

/// Takes a member out of the list, of which the lock is held.
fn unlink<T>(first: &mut *const Member<T>, member: &Member<T>, next: *const Member<T>) {
    let mut place: *mut *const Member<T> = first;
    loop {
        // SAFETY: the list's beginning, or the field of one of its members.
        let found = unsafe { *place };
        if core::ptr::eq(found, member) {
            // SAFETY: as above.
            unsafe { *place = next };
            return;
        }
        // SAFETY: a member of the list, or NULL behind the last.
        let Some(found) = (unsafe { found.as_ref() }) else { return };
        // SAFETY: the lock is held.
        place = unsafe { &raw mut (*found.link.get()).next };
    }
}

impl<T> Ends for Member<T> {
    fn end(&self) {
        self.leave(true);
    }
}
