//! A spin lock that another thread drops.

use avstream::SpinLock;

fn is_send<T: Send>(_: T) {}

fn lock(lock: &SpinLock<u32>) {
    is_send(lock.lock());
}

fn main() {}
