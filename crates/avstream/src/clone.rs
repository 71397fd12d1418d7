//! A further reference to a frame.

use core::{
    marker::PhantomData,
    ptr::{NonNull, null_mut},
};

use crate::{
    error::{Error, Result},
    ffi::{KSPIN_DATAFLOW, KSSTREAM_POINTER, KsStreamPointerClone, KsStreamPointerDelete},
    memory::FrameSource,
    raw,
};

/// A locked reference to a frame beside the leading edge; the frame is not done before it is dropped.
///
/// It ends with the callback in which it was made. A reference that outlives it has to be cancellable:
/// see [`Slots`](crate::Slots).
///
/// <https://learn.microsoft.com/windows-hardware/drivers/ddi/ks/nf-ks-ksstreampointerclone>
pub struct FrameClone<'a> {
    pointer: NonNull<KSSTREAM_POINTER>,
    flow: KSPIN_DATAFLOW::Type,
    edge: PhantomData<&'a ()>,
}

impl FrameClone<'_> {
    pub(crate) fn new(edge: NonNull<KSSTREAM_POINTER>, flow: KSPIN_DATAFLOW::Type) -> Result<Self> {
        let mut clone = null_mut();
        // SAFETY: a live, locked stream pointer; a locked clone is never cancelled, so that it needs no callback.
        Error::check(unsafe { KsStreamPointerClone(edge.as_ptr(), None, 0, &mut clone) })?;
        let pointer = NonNull::new(clone).ok_or(Error::INSUFFICIENT_RESOURCES)?;
        Ok(Self { pointer, flow, edge: PhantomData })
    }

    /// The bytes of the frame; `None` if there is no buffer.
    #[must_use]
    pub fn source(&self) -> Option<FrameSource<'_>> {
        // SAFETY: a live stream pointer.
        let offset = unsafe { raw::offset(self.pointer.as_ptr(), self.flow) };
        // SAFETY: its position.
        let (data, len) = raw::bytes(unsafe { &*offset });
        // SAFETY: locked as long as this value lives.
        (!data.is_null()).then(|| unsafe { FrameSource::new(data, len) })
    }
}

impl Drop for FrameClone<'_> {
    fn drop(&mut self) {
        // SAFETY: a clone, deleted once.
        unsafe { KsStreamPointerDelete(self.pointer.as_ptr()) };
    }
}
