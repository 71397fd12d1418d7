//! Pins that are to process when another pin has something for them.

use core::{
    cell::UnsafeCell,
    ptr::{NonNull, null},
};

use crate::{
    bag::Ends,
    context::Control,
    error::{Error, Result},
    event::Event,
    ffi::{KSPIN, KsPinAttemptProcessing},
    pin::Pin,
    shared::Shared,
    spin_lock::SpinLock,
};

/// Pins that have asked to process when somebody says so.
pub struct Subscribers {
    /// The first of the nodes.
    first: SpinLock<*const Node>,
}

// SAFETY: the list belongs to the lock.
unsafe impl Sync for Subscribers {}
// SAFETY: as above.
unsafe impl Send for Subscribers {}

/// One pin, which is among the subscribers or not. It is never among them after its end.
pub struct Subscription {
    node: Shared<Node>,
}

struct Node {
    home: Shared<Subscribers>,
    pin: NonNull<KSPIN>,
    link: UnsafeCell<Link>,
    /// Nobody uses the node any more.
    unused: Event,
}

/// What the lock of `home` guards.
struct Link {
    next: *const Node,
    /// Is in the list.
    linked: bool,
    /// Is to leave the list; nobody begins to use it.
    leaving: bool,
    /// The pin has gone: never in the list again.
    ended: bool,
    /// Threads that are attempting to process this pin. Not 0: it stays in the list.
    users: u32,
}

// SAFETY: `link` belongs to the lock of `home`; the rest does not change.
unsafe impl Sync for Node {}
// SAFETY: as above. The pin is used while it is in the list, which it leaves before its end.
unsafe impl Send for Node {}

impl Subscribers {
    /// Nobody yet.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new() -> Result<Shared<Self>> {
        Shared::new(Self { first: SpinLock::new(null()) })
    }

    /// Attempts to process every subscribed pin, one after the other: in this thread if it is at
    /// PASSIVE_LEVEL, unless `asynchronous`, and in work items otherwise. IRQL ≤ DISPATCH_LEVEL; no spin
    /// lock may be held.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-kspinattemptprocessing>
    pub fn attempt_processing(&self, asynchronous: bool) {
        let mut last = null();
        while let Some(node) = self.next(last) {
            // SAFETY: in use, so that its pin has not ended.
            unsafe { KsPinAttemptProcessing(node.pin.as_ptr(), asynchronous.into()) };
            last = node;
        }
    }

    /// Stops using a node, NULL for none, and begins to use the one behind it.
    fn next<'a>(&self, last: *const Node) -> Option<&'a Node> {
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
        // SAFETY: nodes of the list are alive as long as the lock is held.
        while let Some(node) = unsafe { next.as_ref() } {
            // SAFETY: the lock is held.
            let link = unsafe { &mut *node.link.get() };
            if !link.leaving {
                link.users += 1;
                return Some(node);
            }
            next = link.next;
        }
        None
    }
}

impl Subscription {
    /// A subscription of a pin, which is not among the subscribers yet.
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory.
    pub fn new(pin: &Pin<'_, Control>, home: Shared<Subscribers>) -> Result<Self> {
        let raw = NonNull::new(pin.as_ptr()).ok_or(Error::INVALID_PARAMETER)?;
        let link = Link { next: null(), linked: false, leaving: false, ended: false, users: 0 };
        let node = Shared::new(Node { home, pin: raw, link: UnsafeCell::new(link), unused: Event::new() })?;
        // SAFETY: once, where it stays.
        unsafe { node.unused.initialize() };
        pin.ends(node.clone())?;
        Ok(Self { node })
    }

    /// Is among the subscribers from now on. IRQL ≤ DISPATCH_LEVEL.
    pub fn join(&self) {
        let node: &Node = &self.node;
        let mut first = node.home.first.lock();
        // SAFETY: the lock is held.
        let link = unsafe { &mut *node.link.get() };
        if !link.linked && !link.ended {
            *link = Link { next: *first, linked: true, ..*link };
            *first = node;
        }
    }

    /// Is not among the subscribers any more; waits for whoever is attempting to process this pin just now.
    /// PASSIVE_LEVEL.
    pub fn leave(&self) {
        self.node.leave(false);
    }
}

impl Node {
    fn leave(&self, forever: bool) {
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
                    *link = Link { next: null(), linked: false, leaving: false, ..*link };
                    return;
                }
                link.leaving = true;
                self.unused.clear();
            }
            self.unused.wait();
        }
    }
}

/// Takes a node out of the list, of which the lock is held.
fn unlink(first: &mut *const Node, node: &Node, next: *const Node) {
    let mut place: *mut *const Node = first;
    loop {
        // SAFETY: the list's beginning, or the member of one of its nodes.
        let found = unsafe { *place };
        if core::ptr::eq(found, node) {
            // SAFETY: as above.
            unsafe { *place = next };
            return;
        }
        // SAFETY: a node of the list, or NULL behind the last.
        let Some(found) = (unsafe { found.as_ref() }) else { return };
        // SAFETY: the lock is held.
        place = unsafe { &raw mut (*found.link.get()).next };
    }
}

impl Ends for Node {
    fn end(&self) {
        self.leave(true);
    }
}
