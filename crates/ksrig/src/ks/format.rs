//! Data formats and data ranges: copies of a client's format, matching, and SetDataFormat.

use ks_sys::{
    GUID, GUID_NULL, KSATTRIBUTE, KSATTRIBUTE_LIST, KSDATAFORMAT, KSDATARANGE, KSMULTIPLE_ITEM,
    KSPIN_DESCRIPTOR, NTSTATUS, PKSDATARANGE, STATUS_INVALID_BUFFER_SIZE, STATUS_NO_MATCH, STATUS_SUCCESS,
    is_equal_guid,
};

use super::{
    call::{PIN_SET_DATA_FORMAT, driver_status},
    object::Pin,
};

/// `KSDATAFORMAT_ATTRIBUTES` and `KSDATARANGE_ATTRIBUTES`: an attribute list follows.
pub const ATTRIBUTES: u32 = 2;
/// `KSDATARANGE_REQUIRED_ATTRIBUTES`.
const REQUIRED_ATTRIBUTES: u32 = 4;
/// `KSATTRIBUTE_REQUIRED`.
const ATTRIBUTE_REQUIRED: u32 = 1;

/// A format with its attribute list, as the pin's own copies.
#[derive(Clone, Default)]
pub struct Format {
    format: Box<[u64]>,
    attributes: Box<[u64]>,
}

fn copy_of(bytes: &[u8]) -> Box<[u64]> {
    let mut words = vec![0u64; bytes.len().div_ceil(8)].into_boxed_slice();
    // SAFETY: the words have at least that many bytes.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), words.as_mut_ptr().cast(), bytes.len()) };
    words
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(offset..offset + 4)?.try_into().ok()?))
}

impl Format {
    /// From the bytes that a client sent: format, padding to 8 bytes, attribute list (R3.1). Check 2 of section 3.2.
    pub fn parse(bytes: &[u8]) -> Result<Self, NTSTATUS> {
        let wrong = STATUS_INVALID_BUFFER_SIZE;
        if bytes.len() < size_of::<KSDATAFORMAT>() {
            return Err(wrong);
        }
        let size = u32_at(bytes, 0).ok_or(wrong)? as usize;
        let flags = u32_at(bytes, 4).ok_or(wrong)?;
        if size < size_of::<KSDATAFORMAT>() || size > bytes.len() {
            return Err(wrong);
        }
        let attributes = if flags & ATTRIBUTES == 0 {
            Box::default()
        } else {
            let list = bytes.get(size.next_multiple_of(8)..).ok_or(wrong)?;
            copy_of(attribute_list(list).ok_or(wrong)?)
        };
        Ok(Self { format: copy_of(&bytes[..size]), attributes })
    }

    /// The format.
    pub fn header(&self) -> &KSDATAFORMAT {
        // SAFETY: at least that many bytes, 8 byte aligned.
        unsafe { &*self.format.as_ptr().cast() }
    }

    /// The format and, behind it, the attribute list, as a client sends them.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for words in [&self.format, &self.attributes] {
            // SAFETY: the words' bytes.
            bytes.extend_from_slice(unsafe {
                std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), size_of_val::<[u64]>(words))
            });
        }
        if self.attributes.is_empty() && !self.format.is_empty() {
            bytes.truncate(size(self.header()).min(bytes.len()));
        }
        bytes
    }

    /// What `KSPIN.ConnectionFormat` points to.
    pub fn pointer(&self) -> *mut KSDATAFORMAT {
        if self.format.is_empty() { std::ptr::null_mut() } else { self.format.as_ptr().cast_mut().cast() }
    }

    /// What `KSPIN.AttributeList` points to.
    pub fn attribute_pointer(&self) -> *mut KSMULTIPLE_ITEM {
        if self.attributes.is_empty() {
            std::ptr::null_mut()
        } else {
            self.attributes.as_ptr().cast_mut().cast()
        }
    }

    fn has_attribute(&self, wanted: &GUID) -> bool {
        if self.attributes.is_empty() {
            return false;
        }
        // SAFETY: the list was checked by `parse`.
        unsafe {
            let list = self.attributes.as_ptr().cast::<u8>();
            let count = (*list.cast::<KSMULTIPLE_ITEM>()).Count;
            let mut attribute = list.add(size_of::<KSMULTIPLE_ITEM>()).cast::<KSATTRIBUTE>();
            for _ in 0..count {
                if is_equal_guid(&(*attribute).Attribute, wanted) {
                    return true;
                }
                attribute = attribute.byte_add(((*attribute).Size as usize).next_multiple_of(8));
            }
        }
        false
    }
}

/// The attribute list at the start of the bytes, when it and its items lie inside.
fn attribute_list(bytes: &[u8]) -> Option<&[u8]> {
    let (size, count) = (u32_at(bytes, 0)? as usize, u32_at(bytes, 4)?);
    let list = bytes.get(..size)?;
    let mut at = size_of::<KSMULTIPLE_ITEM>();
    if size < at {
        return None;
    }
    for _ in 0..count {
        let item = u32_at(list, at)? as usize;
        if item < size_of::<KSATTRIBUTE>() || list.len() - at < item {
            return None;
        }
        at = (at + item).next_multiple_of(8);
    }
    Some(list)
}

/// A data range of a descriptor, with the attribute list that stands behind it in the table.
#[derive(Clone, Copy)]
pub struct Range {
    /// The range.
    pub range: PKSDATARANGE,
    /// Its attributes, or null.
    pub attributes: *const KSATTRIBUTE_LIST,
}

impl Range {
    /// The range.
    pub fn header(&self) -> &'static KSDATARANGE {
        // SAFETY: ranges live as long as the descriptor (the driver's duty); checked by `check_ranges`.
        unsafe { &*self.range }
    }

    fn required(&self) -> Vec<GUID> {
        if self.attributes.is_null() || flags(self.header()) & REQUIRED_ATTRIBUTES == 0 {
            return Vec::new();
        }
        // SAFETY: the driver's list.
        unsafe {
            let list = &*self.attributes;
            (0..list.Count as usize)
                .map(|index| &**list.Attributes.add(index))
                .filter(|attribute| attribute.Flags & ATTRIBUTE_REQUIRED != 0)
                .map(|attribute| attribute.Attribute)
                .collect()
        }
    }
}

/// `KSDATAFORMAT.FormatSize`.
pub fn size(format: &KSDATAFORMAT) -> usize {
    // SAFETY: the structure's only meaning besides its alignment.
    unsafe { format.__bindgen_anon_1.FormatSize as usize }
}

fn flags(format: &KSDATAFORMAT) -> u32 {
    // SAFETY: as in `size`.
    unsafe { format.__bindgen_anon_1.Flags }
}

/// Major format, subformat and specifier.
pub fn kinds(format: &KSDATAFORMAT) -> [GUID; 3] {
    // SAFETY: as in `size`.
    let fields = unsafe { format.__bindgen_anon_1 };
    [fields.MajorFormat, fields.SubFormat, fields.Specifier]
}

/// The ranges of a table; a range with attributes takes two entries.
pub fn table(ranges: *const PKSDATARANGE, count: u32) -> Vec<Range> {
    let mut found = Vec::new();
    let mut index = 0;
    while index < count as usize {
        // SAFETY: the table has that many entries.
        let range = unsafe { *ranges.add(index) };
        index += 1;
        let mut attributes = std::ptr::null();
        // SAFETY: a range of the driver.
        if flags(unsafe { &*range }) & ATTRIBUTES != 0 && index < count as usize {
            // SAFETY: inside the table.
            attributes = unsafe { (*ranges.add(index)).cast::<KSATTRIBUTE_LIST>() };
            index += 1;
        }
        found.push(Range { range, attributes });
    }
    found
}

/// The ranges of a pin type.
pub fn ranges(pin: &KSPIN_DESCRIPTOR) -> Vec<Range> {
    table(pin.DataRanges, pin.DataRangesCount)
}

/// Whether the ranges of a descriptor are complete.
pub fn check_ranges(pin: &KSPIN_DESCRIPTOR) -> Result<(), String> {
    if pin.DataRangesCount > 0 && pin.DataRanges.is_null() {
        return Err("DataRangesCount without DataRanges".to_owned());
    }
    for index in 0..pin.DataRangesCount as usize {
        // SAFETY: the table has that many entries.
        if unsafe { *pin.DataRanges.add(index) }.is_null() {
            return Err(format!("data range {index} is NULL"));
        }
    }
    for (index, range) in ranges(pin).iter().enumerate() {
        if size(range.header()) < size_of::<KSDATARANGE>() {
            return Err(format!("FormatSize of data range {index} is smaller than KSDATARANGE"));
        }
    }
    Ok(())
}

fn wild(guid: &GUID) -> bool {
    is_equal_guid(guid, &GUID_NULL)
}

/// Check 8 of section 3.2: a format against a range of the pin. Only the range may have wildcards.
pub fn fits(format: &Format, range: &Range) -> bool {
    let [major, sub, specifier] = kinds(format.header());
    let [range_major, range_sub, range_specifier] = kinds(range.header());
    wild(&range_major)
        || is_equal_guid(&major, &range_major)
            && (wild(&range_sub)
                || is_equal_guid(&sub, &range_sub) && is_equal_guid(&specifier, &range_specifier))
}

/// Check 9: the attributes that the range requires are in the format's list.
pub fn has_required(format: &Format, range: &Range) -> bool {
    range.required().iter().all(|attribute| format.has_attribute(attribute))
}

/// R3.20: a client's range against a range of the pin; wildcards on either side.
pub fn meets(client: &KSDATARANGE, own: &KSDATARANGE) -> bool {
    kinds(client)
        .iter()
        .zip(kinds(own))
        .all(|(one, other)| wild(one) || wild(&other) || is_equal_guid(one, &other))
}

/// SetDataFormat for a new format, once per range that it fits, until one answer is not `STATUS_NO_MATCH` (R3.6).
/// On success the pin has the new format, else the former (R3.14). The control mutex is held.
pub fn set(pin: &'static Pin, format: Format) -> NTSTATUS {
    let ks = pin.ks();
    let former = std::mem::replace(&mut *pin.format.lock().expect("never poisoned"), format);
    install(pin);
    // SAFETY: the descriptor in force.
    let descriptor = unsafe { &(*pin.descriptor()).PinDescriptor };
    let Some(set_data_format) = pin.dispatch().and_then(|dispatch| dispatch.SetDataFormat) else {
        return STATUS_SUCCESS;
    };
    let current = pin.format.lock().expect("never poisoned").clone();
    let mut status = STATUS_NO_MATCH;
    for range in ranges(descriptor) {
        if !fits(&current, &range) || !has_required(&current, &range) {
            continue;
        }
        // R3.16: KSPIN has the new format now, the arguments the former.
        status = driver_status(PIN_SET_DATA_FORMAT, pin.name(), || {
            // SAFETY: the driver's callback with its own pin and range.
            unsafe {
                set_data_format(
                    ks,
                    former.pointer(),
                    former.attribute_pointer(),
                    range.range,
                    range.attributes,
                )
            }
        });
        if status != STATUS_NO_MATCH {
            break;
        }
    }
    if status < 0 {
        *pin.format.lock().expect("never poisoned") = former;
        install(pin);
    }
    status
}

fn install(pin: &Pin) {
    let format = pin.format.lock().expect("never poisoned");
    // SAFETY: the public structure lives as long as the pin; the boxes stay where they are.
    unsafe {
        (*pin.ks()).ConnectionFormat = format.pointer();
        (*pin.ks()).AttributeList = format.attribute_pointer();
    }
}
