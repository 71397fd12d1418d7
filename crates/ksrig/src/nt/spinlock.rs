//! Spin locks.

use ks_sys::*;

/// Initialises a spin lock, free.
pub unsafe fn KeInitializeSpinLock(SpinLock: PKSPIN_LOCK) {
    todo!()
}

/// Acquires a spin lock, raises to DISPATCH_LEVEL and gives the old IRQL. IRQL <= DISPATCH_LEVEL.
pub unsafe fn KeAcquireSpinLockRaiseToDpc(SpinLock: PKSPIN_LOCK) -> KIRQL {
    todo!()
}

/// Releases a spin lock and lowers the IRQL.
pub unsafe fn KeReleaseSpinLock(SpinLock: PKSPIN_LOCK, NewIrql: KIRQL) {
    todo!()
}

/// Acquires a spin lock at DISPATCH_LEVEL.
pub unsafe fn KeAcquireSpinLockAtDpcLevel(SpinLock: PKSPIN_LOCK) {
    todo!()
}

/// Releases a spin lock and stays at DISPATCH_LEVEL.
pub unsafe fn KeReleaseSpinLockFromDpcLevel(SpinLock: PKSPIN_LOCK) {
    todo!()
}
