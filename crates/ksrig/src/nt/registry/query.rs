//! The structures that queries give, as bytes.

use ks_sys::*;

use super::hive::{Hive, Value};
use crate::nt::string::wide;

/// A structure: its bytes, and how many of them are its fixed part.
pub struct Answer {
    bytes: Vec<u8>,
    fixed: usize,
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn units(text: &str) -> Vec<u8> {
    wide(text).iter().flat_map(|unit| unit.to_le_bytes()).collect()
}

impl Answer {
    fn new(fixed: Vec<u8>, rest: &[u8]) -> Self {
        Self { fixed: fixed.len(), bytes: [fixed.as_slice(), rest].concat() }
    }

    /// A value (`KEY_VALUE_INFORMATION_CLASS`).
    pub fn value(value: &Value, class: KEY_VALUE_INFORMATION_CLASS) -> Result<Self, NTSTATUS> {
        use _KEY_VALUE_INFORMATION_CLASS::*;
        let name = units(&value.name);
        let (kind, data, length) = (value.kind, &value.data, value.data.len() as u32);
        #[allow(non_upper_case_globals)]
        match class {
            KeyValueBasicInformation => Ok(Self::new(words(&[0, kind, name.len() as u32]), &name)),
            KeyValueFullInformation => {
                // Data begins on the next boundary of 4 bytes.
                let offset = (20 + name.len()).next_multiple_of(4);
                let mut rest = name.clone();
                rest.resize(offset - 20, 0);
                rest.extend(data);
                Ok(Self::new(words(&[0, kind, offset as u32, length, name.len() as u32]), &rest))
            }
            KeyValuePartialInformation => Ok(Self::new(words(&[0, kind, length]), data)),
            KeyValuePartialInformationAlign64 => Ok(Self::new(words(&[kind, length]), data)),
            _ => Err(STATUS_INVALID_PARAMETER),
        }
    }

    /// A key (`KEY_INFORMATION_CLASS`).
    pub fn key(hive: &mut Hive, number: usize, class: KEY_INFORMATION_CLASS) -> Result<Self, NTSTATUS> {
        use _KEY_INFORMATION_CLASS::*;
        let path = hive.path(number);
        let children = hive.key(number).children.clone();
        let longest = children.iter().map(|child| units(&hive.key(*child).name).len()).max().unwrap_or(0);
        let key = hive.key(number);
        let (written, name) = (key.written.to_le_bytes().to_vec(), units(&key.name));
        let length = name.len() as u32;
        #[allow(non_upper_case_globals)]
        match class {
            KeyBasicInformation => Ok(Self::new([written, words(&[0, length])].concat(), &name)),
            KeyNodeInformation => Ok(Self::new([written, words(&[0, u32::MAX, 0, length])].concat(), &name)),
            KeyFullInformation => {
                let names = key.values.iter().map(|value| units(&value.name).len()).max().unwrap_or(0);
                let data = key.values.iter().map(|value| value.data.len()).max().unwrap_or(0);
                let (subkeys, values) = (children.len() as u32, key.values.len() as u32);
                let counts = [0, u32::MAX, 0, subkeys, longest as u32, 0, values, names as u32, data as u32];
                Ok(Self::new([written, words(&counts)].concat(), &[]))
            }
            KeyNameInformation => {
                let path = units(&path);
                Ok(Self::new(words(&[path.len() as u32]), &path))
            }
            _ => Err(STATUS_INVALID_PARAMETER),
        }
    }

    /// Writes it into the caller's buffer. STATUS_BUFFER_TOO_SMALL when the fixed part does not fit,
    /// STATUS_BUFFER_OVERFLOW when the rest does not.
    ///
    /// # Safety
    /// The caller's buffer and variable.
    pub unsafe fn write(&self, buffer: PVOID, length: ULONG, result: PULONG) -> NTSTATUS {
        let room = length as usize;
        // SAFETY: what is copied fits.
        unsafe {
            result.write(self.bytes.len() as ULONG);
            if room < self.fixed {
                return STATUS_BUFFER_TOO_SMALL;
            }
            let count = room.min(self.bytes.len());
            buffer.cast::<u8>().copy_from_nonoverlapping(self.bytes.as_ptr(), count);
        }
        if room < self.bytes.len() { STATUS_BUFFER_OVERFLOW } else { STATUS_SUCCESS }
    }
}
