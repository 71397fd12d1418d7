//! A property or method request as AVStream's own handlers see it, and the forms of their answers.

use ks_sys::{
    GUID, KSPROPERTY, NTSTATUS, PIRP, PKSPROPERTY, STATUS_BUFFER_OVERFLOW, STATUS_BUFFER_TOO_SMALL,
    STATUS_SUCCESS,
};

use super::{buffers::Buffers, subject::Subject};

/// A property or method request with its buffers copied to the system's (R7.11).
pub struct Request {
    /// What it is for.
    pub subject: Subject,
    /// The request.
    pub irp: PIRP,
    /// The aligned copy of the input.
    pub property: PKSPROPERTY,
    /// Its length, at least that of `KSPROPERTY`.
    pub property_length: usize,
    /// The aligned copy of the output; the value for a SET.
    pub data: *mut u8,
    /// Its length.
    pub data_length: usize,
    /// The length of the answer.
    pub information: usize,
}

/// The set, the id and the flags of a property.
pub fn parts(property: &KSPROPERTY) -> (GUID, u32, u32) {
    // SAFETY: the structure's only meaning besides its alignment.
    let fields = unsafe { property.__bindgen_anon_1.__bindgen_anon_1 };
    (fields.Set, fields.Id, fields.Flags)
}

impl Request {
    /// The request with these copies.
    pub fn new(subject: Subject, irp: PIRP, buffers: &Buffers) -> Self {
        Self {
            subject,
            irp,
            property: buffers.input.cast(),
            property_length: buffers.input_length,
            data: buffers.data,
            data_length: buffers.data_length,
            information: 0,
        }
    }

    /// The input as the structure that the property's page names. MinProperty was checked.
    pub fn input<T: Copy>(&self) -> T {
        assert!(self.property_length >= size_of::<T>(), "MinProperty of the item is too small");
        // SAFETY: that many bytes are there, aligned to 8.
        unsafe { *self.property.cast::<T>() }
    }

    /// The input's bytes from an offset on.
    pub fn input_after(&self, offset: usize) -> &[u8] {
        // SAFETY: the copy has that length.
        let bytes = unsafe { std::slice::from_raw_parts(self.property.cast::<u8>(), self.property_length) };
        bytes.get(offset..).unwrap_or_default()
    }

    /// The value of a SET.
    pub fn value(&self) -> &[u8] {
        // SAFETY: the copy has that length.
        unsafe { std::slice::from_raw_parts(self.data, self.data_length) }
    }

    /// The value of a SET as a structure. MinData was checked.
    pub fn value_as<T: Copy>(&self) -> T {
        assert!(self.data_length >= size_of::<T>(), "MinData of the item is too small");
        // SAFETY: that many bytes are there, aligned to 8.
        unsafe { *self.data.cast::<T>() }
    }

    /// Answers with a structure.
    pub fn answer<T: Copy>(&mut self, value: &T) -> NTSTATUS {
        // SAFETY: a structure of plain values.
        let bytes =
            unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) };
        self.answer_bytes(bytes)
    }

    /// Answers with bytes: the size to a query of length 0, else all or nothing.
    pub fn answer_bytes(&mut self, bytes: &[u8]) -> NTSTATUS {
        if self.data_length == 0 {
            self.information = bytes.len();
            return STATUS_BUFFER_OVERFLOW;
        }
        if self.data_length < bytes.len() {
            return STATUS_BUFFER_TOO_SMALL;
        }
        self.put(bytes);
        STATUS_SUCCESS
    }

    /// Writes an answer that fits.
    fn put(&mut self, bytes: &[u8]) {
        assert!(bytes.len() <= self.data_length);
        // SAFETY: the output copy has at least that length.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.data, bytes.len()) };
        self.information = bytes.len();
    }

    /// Answers with a KSMULTIPLE_ITEM list: header, then the items, each on an 8 byte boundary (R7.13, R7.21).
    pub fn answer_list<'a>(&mut self, items: impl IntoIterator<Item = &'a [u8]>) -> NTSTATUS {
        let mut list = vec![0u8; 8];
        let mut count = 0u32;
        for item in items {
            list.resize(list.len().next_multiple_of(8), 0);
            list.extend_from_slice(item);
            count += 1;
        }
        let size = (list.len() as u32).to_le_bytes();
        list[..4].copy_from_slice(&size);
        list[4..8].copy_from_slice(&count.to_le_bytes());
        match self.data_length {
            0 => {
                self.information = list.len();
                STATUS_BUFFER_OVERFLOW
            }
            4 => {
                self.put(&size);
                STATUS_SUCCESS
            }
            8 => {
                self.put(&list[..8]);
                STATUS_SUCCESS
            }
            length if length < list.len() => STATUS_BUFFER_TOO_SMALL,
            _ => {
                self.put(&list);
                STATUS_SUCCESS
            }
        }
    }

    /// Answers with a list of structures.
    pub fn answer_array<T: Copy>(&mut self, items: &[T]) -> NTSTATUS {
        // SAFETY: structures of plain values.
        let bytes =
            |item: &T| unsafe { std::slice::from_raw_parts(std::ptr::from_ref(item).cast(), size_of::<T>()) };
        self.answer_list(items.iter().map(bytes))
    }
}
