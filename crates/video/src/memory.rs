//! Where pictures come from and go to.

/// Memory that a picture is read from.
///
/// Somebody else may write to it at the same time: two reads of one byte need not agree.
pub trait Source {
    /// The size in bytes.
    fn len(&self) -> usize;

    /// Copies the bytes from `offset` on into the whole of `out`.
    ///
    /// Returns `false`, and leaves `out` alone, when that reaches beyond the end.
    fn read(&self, offset: usize, out: &mut [u8]) -> bool;

    /// Whether there is not a single byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Memory that a picture is written to.
///
/// Somebody else may read it at the same time, and write to it as well.
pub trait Sink {
    /// The size in bytes.
    fn len(&self) -> usize;

    /// Copies the whole of `data` to the bytes from `offset` on.
    ///
    /// Returns `false`, and writes nothing, when that reaches beyond the end.
    fn write(&mut self, offset: usize, data: &[u8]) -> bool;

    /// Sets `len` bytes from `offset` on to `value`.
    ///
    /// Returns `false`, and writes nothing, when that reaches beyond the end.
    fn fill(&mut self, offset: usize, len: usize, value: u8) -> bool;

    /// Whether there is not a single byte.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Copies as much as there is of both. `copy_from_slice` would panic if the lengths differed, and at
/// `opt-level = "z"` the compiler does not see that they cannot.
fn copy(from: &[u8], to: &mut [u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

/// Ordinary memory, for hosts and tests.
impl Source for [u8] {
    fn len(&self) -> usize {
        self.len()
    }

    fn read(&self, offset: usize, out: &mut [u8]) -> bool {
        let Some(bytes) = self.get(offset..).and_then(|rest| rest.get(..out.len())) else {
            return false;
        };
        copy(bytes, out);
        true
    }
}

/// Ordinary memory, for hosts and tests.
impl Sink for [u8] {
    fn len(&self) -> usize {
        self.len()
    }

    fn write(&mut self, offset: usize, data: &[u8]) -> bool {
        let Some(bytes) = self.get_mut(offset..).and_then(|rest| rest.get_mut(..data.len())) else {
            return false;
        };
        copy(data, bytes);
        true
    }

    fn fill(&mut self, offset: usize, len: usize, value: u8) -> bool {
        let Some(bytes) = self.get_mut(offset..).and_then(|rest| rest.get_mut(..len)) else {
            return false;
        };
        bytes.fill(value);
        true
    }
}
