//! The building block of a version resource: length, length of the value, kind, key, value, more blocks.

use crate::Error;

/// What a block's value is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Its length counts bytes.
    Binary = 0,
    /// Its length counts 16-bit characters.
    Text = 1,
}

/// A block. Each part begins at a multiple of four.
pub struct Block {
    key: String,
    bytes: Vec<u8>,
}

impl Block {
    /// Without inner blocks yet.
    pub fn new(key: &str, kind: Kind, value: &[u8]) -> Result<Self, Error> {
        let length = if kind == Kind::Text { value.len() / 2 } else { value.len() };
        let mut bytes = vec![0; 2];
        let too_long = || Error { key: key.to_owned() };
        bytes.extend(u16::try_from(length).map_err(|_| too_long())?.to_le_bytes());
        bytes.extend((kind as u16).to_le_bytes());
        bytes.extend(key.encode_utf16().chain([0]).flat_map(u16::to_le_bytes));
        let mut block = Self { key: key.to_owned(), bytes };
        block.append(value)?;
        Ok(block)
    }

    /// Puts a block inside, behind what is there.
    pub fn add(&mut self, inner: Self) -> Result<(), Error> {
        self.append(&inner.finish())
    }

    /// In bytes.
    pub fn length(&self) -> u16 {
        // `append` sees to it.
        self.bytes.len() as u16
    }

    /// The bytes, their length in front.
    pub fn finish(mut self) -> Vec<u8> {
        let length = self.length().to_le_bytes();
        self.bytes[..2].copy_from_slice(&length);
        self.bytes
    }

    fn append(&mut self, part: &[u8]) -> Result<(), Error> {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        self.bytes.extend(part);
        if self.bytes.len() > usize::from(u16::MAX) {
            return Err(Error { key: self.key.clone() });
        }
        Ok(())
    }
}
