//! Processor faults in driver code.

/// Installs the handler for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGTRAP in this process (once) and an
/// alternate stack for the calling thread.
pub fn install() {
    todo!()
}
