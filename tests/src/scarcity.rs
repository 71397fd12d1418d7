//! Memory that runs out.

use ksrig::nt::pool;

/// Lets the first, second, ... allocation inside `action` fail until it makes no more of them; `check` gets each outcome,
/// with memory there again. How many allocations there were.
///
/// # Panics
/// When there is no end of them.
pub fn one_by_one<T>(mut action: impl FnMut(u64) -> T, mut check: impl FnMut(T)) -> u64 {
    for number in 0..200 {
        pool::fail_after(number);
        let outcome = action(number);
        // The failure is still to come if nobody allocated so often.
        let over = pool::fails_now(0, 0);
        pool::fail_when(None);
        check(outcome);
        if over {
            return number;
        }
    }
    panic!("more than 200 allocations");
}
