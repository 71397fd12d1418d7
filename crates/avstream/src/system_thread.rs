//! What is to be done in the context of a system thread.

use crate::{
    callback::callbacks,
    device::{Device, DeviceDispatch},
    error::{Error, Result},
    ffi::{
        _WORK_QUEUE_TYPE::DelayedWorkQueue, IoAllocateWorkItem, IoFreeWorkItem, IoQueueWorkItem,
        PDEVICE_OBJECT, PVOID,
    },
    wait::Event,
};

/// Work for another thread.
struct Work<'a> {
    action: &'a mut (dyn FnMut() + Send),
    done: Event,
}

impl<D: DeviceDispatch> Device<'_, D> {
    /// Does something in the context of a system thread, as Plug and Play's functions ask for, and waits until it is done.
    /// PASSIVE_LEVEL; not with a mutex held that the action takes, or that
    /// comes after one that it takes (R8.1).
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/kernel/system-worker-threads>
    ///
    /// # Errors
    ///
    /// [`Error::INSUFFICIENT_RESOURCES`]: there is no memory; nothing has been done.
    pub fn on_system_thread<R: Send>(self, action: impl FnOnce() -> R + Send) -> Result<R> {
        let (mut action, mut result) = (Some(action), None);
        self.work(&mut || result = action.take().map(|action| action()))?;
        result.ok_or(Error::UNSUCCESSFUL)
    }

    fn work(self, action: &mut (dyn FnMut() + Send)) -> Result {
        // SAFETY: a live device.
        let object = unsafe { (*self.as_ptr()).FunctionalDeviceObject };
        // SAFETY: its device object, which stays while the item is queued.
        let item = unsafe { IoAllocateWorkItem(object) };
        if item.is_null() {
            return Err(Error::INSUFFICIENT_RESOURCES);
        }
        let mut work = Work { action, done: Event::new() };
        // SAFETY: once, and it stays where it is. A stack is paged out while its thread waits in user mode only.
        unsafe { work.done.initialize() };
        let work: *mut Work<'_> = &raw mut work;
        // SAFETY: the routine's context is there until the event is set.
        unsafe { IoQueueWorkItem(item, Some(run), DelayedWorkQueue, work.cast()) };
        // SAFETY: an event is for several threads; of the rest only the other thread makes use.
        unsafe { &(*work).done }.wait();
        // SAFETY: it is not queued any more (`nf-wdm-iofreeworkitem.md`).
        unsafe { IoFreeWorkItem(item) };
        Ok(())
    }
}

callbacks! {
    /// `IO_WORKITEM_ROUTINE` (`nc-wdm-io_workitem_routine.md`).
    fn run(_device: PDEVICE_OBJECT, work: PVOID) {
        let work = work.cast::<Work<'_>>();
        // SAFETY: `work` waits for the event, and does nothing with the action meanwhile.
        unsafe { ((*work).action)() };
        // SAFETY: as above; afterwards nothing of it is there any more.
        unsafe { (*work).done.set() };
    }
}

// SAFETY: an address; what is done with the device has its own rules about threads.
unsafe impl<D> Send for Device<'_, D> {}
// SAFETY: as above.
unsafe impl<D> Sync for Device<'_, D> {}
