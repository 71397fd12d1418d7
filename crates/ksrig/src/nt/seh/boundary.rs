//! Where the rig called a handler of the driver: a walk of the frames goes on at the frames of the exception.

use std::ptr::null;

use super::dispatcher::DispatcherContext;
use crate::{
    nt::{pnp, thread::Thread},
    pe::{
        Image,
        unwind::{Context, Handler},
    },
};

/// A call of a handler, a filter or a termination block that has not returned. It lies in the frame of its caller.
pub struct Boundary {
    /// The boundary that a walk meets after this one.
    outer: *const Self,
    /// Where a walk goes on.
    context: Context,
    /// Whose scope index says which of the frame's scopes are done, when the frame is being unwound.
    unwinding: *const DispatcherContext,
    /// The frame whose handler was called.
    establisher: u64,
}

/// A walk of a thread's frames, from the innermost one outwards.
#[derive(Clone, Copy)]
pub struct Cursor {
    /// The frame that comes next.
    pub context: Context,
    /// The first of its scopes that counts.
    pub scope: u32,
    /// The boundary that the walk meets next.
    outer: *const Boundary,
    /// Frames up to this one have been asked by an exception that the present one came out of.
    nested: u64,
}

/// One frame of a walk.
#[derive(Clone, Copy)]
pub struct Frame {
    /// The image its code lies in.
    pub image: &'static Image,
    /// The state in the frame.
    pub context: Context,
    /// The frame's name.
    pub establisher: u64,
    /// Its handler.
    pub handler: Option<Handler>,
    /// The first of its scopes that counts.
    pub scope: u32,
    /// Whether its handler is being asked by another exception.
    pub nested: bool,
}

impl Cursor {
    /// A walk from this state on.
    pub fn new(context: Context) -> Self {
        Self { context, scope: 0, outer: Thread::current().seh.get(), nested: 0 }
    }

    /// A walk of what lies outside of the handler that the caller was called by.
    pub fn outside(context: Context) -> Self {
        Self::new(Context { rip: 0, ..context })
    }

    /// The next frame; `None` where the rig called the driver.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(image) = pnp::image_at(self.context.rip as usize) {
                let context = self.context;
                let undone = self.context.unwind(image)?;
                return Some(Frame {
                    image,
                    context,
                    establisher: undone.establisher,
                    handler: undone.handler,
                    scope: std::mem::take(&mut self.scope),
                    nested: undone.establisher <= self.nested,
                });
            }
            if self.outer.is_null() {
                return None;
            }
            // SAFETY: the boundary's frame is alive: it lies outside of the frames walked so far.
            let boundary = unsafe { &*self.outer };
            self.context = boundary.context;
            self.outer = boundary.outer;
            if boundary.unwinding.is_null() {
                self.nested = self.nested.max(boundary.establisher);
            } else {
                // SAFETY: as above; the dispatcher context lies in the same frame.
                self.scope = unsafe { (*boundary.unwinding).scope_index };
            }
        }
    }

    /// The boundary around a call of the frame's handler while an exception looks for one, which started at `raised`.
    pub fn searching(raised: &Self, frame: &Frame) -> Boundary {
        let establisher = frame.establisher;
        Boundary { outer: raised.outer, context: raised.context, unwinding: null(), establisher }
    }

    /// The boundary around a call of the frame's handler while the frame is being unwound.
    pub fn unwinding(&self, frame: &Frame, dispatcher: *const DispatcherContext) -> Boundary {
        let (context, establisher) = (frame.context, frame.establisher);
        Boundary { outer: self.outer, context, unwinding: dispatcher, establisher }
    }

    /// The calls of handlers outside of the walk so far are all that is left: the others are abandoned.
    pub fn abandon_inner(&self) {
        Thread::current().seh.set(self.outer);
    }
}
