//! Keys of the registry.
//!
//! Whoever opens one is in the context of a system thread: in a callback of Plug and Play, or by
//! [`on_system_thread`](Device::on_system_thread).

use core::{
    marker::PhantomData,
    mem::{MaybeUninit, zeroed},
    ptr::{NonNull, null_mut},
};

use crate::{
    device::{Device, DeviceDispatch},
    error::{Error, Result},
    ffi::{
        _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation, ACCESS_MASK, GUID, HANDLE,
        IoOpenDeviceInterfaceRegistryKey, IoOpenDeviceRegistryKey, IoRegisterDeviceInterface, KEY_READ,
        KEY_VALUE_INFORMATION_CLASS, KEY_WRITE, NTSTATUS, PLUGPLAY_REGKEY_DEVICE, REG_SZ,
        RtlFreeUnicodeString, RtlStringFromGUID, STATUS_OBJECT_NAME_NOT_FOUND, UNICODE_STRING, ZwClose,
        ZwDeleteValueKey, ZwQueryValueKey, ZwSetValueKey,
    },
    wide,
};

/// An open key. All is PASSIVE_LEVEL.
///
/// # Invariants
///
/// `handle` is a kernel handle of a key, which this value alone closes.
pub struct RegistryKey {
    handle: NonNull<core::ffi::c_void>,
    /// Kernel handles are good in any process, but nobody needs that here.
    of_this_thread: PhantomData<*mut ()>,
}

const ACCESS: ACCESS_MASK = KEY_READ | KEY_WRITE;

impl<D: DeviceDispatch> Device<'_, D> {
    /// The device's (hardware) key, in which a driver keeps what belongs to this device. PASSIVE_LEVEL, in
    /// the context of a system thread.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-ioopendeviceregistrykey>
    ///
    /// # Errors
    ///
    /// What Plug and Play says.
    pub fn key(&self) -> Result<RegistryKey> {
        // SAFETY: a device that Plug and Play has found; PASSIVE_LEVEL.
        RegistryKey::open(|handle| unsafe {
            IoOpenDeviceRegistryKey(self.physical(), PLUGPLAY_REGKEY_DEVICE, ACCESS, handle)
        })
    }

    /// The key of the device's interface of a class with this reference, which is registered if it is not. PASSIVE_LEVEL,
    /// in the context of a system thread.
    ///
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-ioregisterdeviceinterface>
    /// <https://learn.microsoft.com/windows-hardware/drivers/ddi/wdm/nf-wdm-ioopendeviceinterfaceregistrykey>
    ///
    /// # Errors
    ///
    /// What Plug and Play says.
    pub fn interface_key(&self, class: &GUID, reference: &GUID) -> Result<RegistryKey> {
        // SAFETY: the call makes a string; PASSIVE_LEVEL.
        let mut reference = SystemString::new(|text| unsafe { RtlStringFromGUID(reference, text) })?;
        // SAFETY: as above; a device that Plug and Play has found.
        let mut link = SystemString::new(|text| unsafe {
            IoRegisterDeviceInterface(self.physical(), class, &raw mut reference.0, text)
        })?;
        // SAFETY: the link of a registered interface.
        RegistryKey::open(|handle| unsafe {
            IoOpenDeviceInterfaceRegistryKey(&raw mut link.0, ACCESS, handle)
        })
    }
}

impl RegistryKey {
    fn open(call: impl FnOnce(*mut HANDLE) -> NTSTATUS) -> Result<Self> {
        let mut handle = null_mut();
        Error::check(call(&raw mut handle))?;
        let handle = NonNull::new(handle).ok_or(Error::UNSUCCESSFUL)?;
        Ok(Self { handle, of_this_thread: PhantomData })
    }

    /// Writes text under a name, as `REG_SZ`; without the zero at its end, which is added.
    ///
    /// # Errors
    ///
    /// [`Error::INVALID_PARAMETER`]: the text is longer than [`LONGEST`](Self::LONGEST). Otherwise what the configuration
    /// manager says.
    pub fn set_text(&self, name: &[u16], text: &[u16]) -> Result {
        let mut name = wide::counted(name)?;
        let mut data = [0_u16; Self::LONGEST + 1];
        data.get_mut(..text.len())
            .filter(|_| text.len() <= Self::LONGEST)
            .ok_or(Error::INVALID_PARAMETER)?
            .copy_from_slice(text);
        let size = (text.len() + 1).wrapping_mul(size_of::<u16>()) as u32;
        // SAFETY: by the invariant a key; as many bytes as there are.
        Error::check(unsafe {
            ZwSetValueKey(self.handle.as_ptr(), &raw mut name, 0, REG_SZ, data.as_mut_ptr().cast(), size)
        })
    }

    /// The greatest length of text in [`set_text`](Self::set_text) and [`text`](Self::text).
    pub const LONGEST: usize = 127;

    /// Reads text into `text`; how many units it has, up to the first zero. `None`: there is no such value, or it is no
    /// text, or longer than there is room for.
    pub fn text(&self, name: &[u16], text: &mut [u16]) -> Option<usize> {
        let mut name = wide::counted(name).ok()?;
        // SAFETY: numbers.
        let mut value: Value = unsafe { zeroed() };
        let mut size = 0;
        const CLASS: KEY_VALUE_INFORMATION_CLASS = KeyValuePartialInformation;
        // SAFETY: by the invariant a key; a place of that size.
        let status = unsafe {
            ZwQueryValueKey(
                self.handle.as_ptr(),
                &raw mut name,
                CLASS,
                (&raw mut value).cast(),
                size_of::<Value>() as u32,
                &raw mut size,
            )
        };
        if status != 0 || value.kind != REG_SZ {
            return None;
        }
        let units = (value.size as usize).checked_div(size_of::<u16>())?;
        let data = value.data.get(..units)?;
        let len = data.iter().position(|&unit| unit == 0).unwrap_or(units);
        text.get_mut(..len)?.copy_from_slice(data.get(..len)?);
        Some(len)
    }

    /// Deletes the value of a name; there need not be one.
    ///
    /// # Errors
    ///
    /// What the configuration manager says.
    pub fn delete(&self, name: &[u16]) -> Result {
        let mut name = wide::counted(name)?;
        // SAFETY: by the invariant a key.
        match unsafe { ZwDeleteValueKey(self.handle.as_ptr(), &raw mut name) } {
            STATUS_OBJECT_NAME_NOT_FOUND => Ok(()),
            status => Error::check(status),
        }
    }
}

impl Drop for RegistryKey {
    fn drop(&mut self) {
        // SAFETY: by the invariant.
        let _ = unsafe { ZwClose(self.handle.as_ptr()) };
    }
}

/// `KEY_VALUE_PARTIAL_INFORMATION` with room for data (`ns-wdm-_key_value_partial_information.md`).
#[repr(C)]
struct Value {
    index: u32,
    kind: u32,
    size: u32,
    data: [u16; RegistryKey::LONGEST + 1],
}

/// A string whose memory the system has allocated.
struct SystemString(UNICODE_STRING);

impl SystemString {
    fn new(call: impl FnOnce(*mut UNICODE_STRING) -> NTSTATUS) -> Result<Self> {
        let mut text = MaybeUninit::zeroed();
        Error::check(call(text.as_mut_ptr()))?;
        // SAFETY: numbers and a pointer: zeros if nothing else.
        Ok(Self(unsafe { text.assume_init() }))
    }
}

impl Drop for SystemString {
    fn drop(&mut self) {
        // SAFETY: allocated by the call that made it, freed once (`nf-wdm-rtlfreeunicodestring.md`).
        unsafe { RtlFreeUnicodeString(&raw mut self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: [u16; 4] = wide::ascii("Name");

    fn key() -> RegistryKey {
        RegistryKey { handle: NonNull::dangling(), of_this_thread: PhantomData }
    }

    /// What was written is read, as long as there is room for it, until it is deleted.
    #[test]
    fn text_is_kept() {
        let key = key();
        let mut place = [7; RegistryKey::LONGEST + 1];
        assert_eq!(key.text(&NAME, &mut place), None);
        for len in [0, 1, 5, RegistryKey::LONGEST] {
            let text = [0x263A; RegistryKey::LONGEST];
            let text = &text[..len];
            assert_eq!(key.set_text(&NAME, text), Ok(()));
            assert_eq!(key.text(&NAME, &mut place), Some(len));
            assert_eq!(place[..len], *text);
            assert_eq!(key.text(&NAME, &mut place[..len]), Some(len));
            assert!(len == 0 || key.text(&NAME, &mut place[..len - 1]).is_none());
        }
        assert_eq!(key.set_text(&NAME, &[1; RegistryKey::LONGEST + 1]), Err(Error::INVALID_PARAMETER));
        assert_eq!(key.text(&NAME, &mut place), Some(RegistryKey::LONGEST));
        assert_eq!((key.delete(&NAME), key.delete(&NAME)), (Ok(()), Ok(())));
        assert_eq!(key.text(&NAME, &mut place), None);
    }

    /// What somebody else has written there, who may write anything: no text, text without an end, or too much of it.
    #[test]
    fn what_is_no_text() {
        let (key, mut place) = (key(), [7; RegistryKey::LONGEST + 1]);
        let mut write = |kind: u32, data: &[u8]| {
            let mut name = wide::counted(&NAME).unwrap();
            let (data, size) = (data.as_ptr().cast_mut().cast(), data.len() as u32);
            // SAFETY: a string and as many bytes as there are.
            let status = unsafe { ZwSetValueKey(key.handle.as_ptr(), &raw mut name, 0, kind, data, size) };
            assert_eq!(status, 0);
            key.text(&NAME, &mut place)
        };
        const REG_BINARY: u32 = 3;
        assert_eq!(write(REG_BINARY, &[1, 0, 0, 0]), None);
        assert_eq!(write(REG_SZ, &[1, 0, 2, 0]), Some(2));
        assert_eq!(write(REG_SZ, &[1, 0, 2]), Some(1));
        assert_eq!(write(REG_SZ, &[]), Some(0));
        assert_eq!(write(REG_SZ, &[1; 256]), Some(128));
        assert_eq!(write(REG_SZ, &[1; 258]), None);
    }
}
