//! Deferred procedure calls.

use ks_sys::*;

/// Initialises a DPC.
pub unsafe fn KeInitializeDpc(Dpc: PRKDPC, DeferredRoutine: PKDEFERRED_ROUTINE, DeferredContext: PVOID) {
    todo!()
}

/// Queues a DPC; FALSE when it was queued already.
pub unsafe fn KeInsertQueueDpc(Dpc: PRKDPC, SystemArgument1: PVOID, SystemArgument2: PVOID) -> BOOLEAN {
    todo!()
}

/// Takes a DPC from the queue; FALSE when it was not there.
pub unsafe fn KeRemoveQueueDpc(Dpc: PRKDPC) -> BOOLEAN {
    todo!()
}

/// Waits until all queued DPCs have run. PASSIVE_LEVEL.
pub fn KeFlushQueuedDpcs() {
    todo!()
}
