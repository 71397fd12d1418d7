//! The registry services. All at PASSIVE_LEVEL, with previous mode KernelMode.

use std::ptr::null_mut;

use ks_sys::*;

use super::{
    hive::{self, Hive, Value},
    query::Answer,
};
use crate::nt::{
    bugcheck,
    exports::{Export, exports},
    handle::{ObReferenceObjectByHandle, create_handle},
    object::{self, OBJ_KERNEL_HANDLE, ObfDereferenceObject},
    string::text,
    thread::{KERNEL_MODE, Process, Thread},
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    ZwCreateKey(KeyHandle: PHANDLE, DesiredAccess: ACCESS_MASK, ObjectAttributes: POBJECT_ATTRIBUTES, TitleIndex: ULONG, Class: PUNICODE_STRING, CreateOptions: ULONG, Disposition: PULONG) -> NTSTATUS, 0..=0;
    ZwDeleteKey(KeyHandle: HANDLE) -> NTSTATUS, 0..=0;
    ZwDeleteValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING) -> NTSTATUS, 0..=0;
    ZwEnumerateKey(KeyHandle: HANDLE, Index: ULONG, KeyInformationClass: KEY_INFORMATION_CLASS, KeyInformation: PVOID, Length: ULONG, ResultLength: PULONG) -> NTSTATUS, 0..=0;
    ZwEnumerateValueKey(KeyHandle: HANDLE, Index: ULONG, Class: KEY_VALUE_INFORMATION_CLASS, Information: PVOID, Length: ULONG, ResultLength: PULONG) -> NTSTATUS, 0..=0;
    ZwFlushKey(KeyHandle: HANDLE) -> NTSTATUS, 0..=0;
    ZwOpenKey(KeyHandle: PHANDLE, DesiredAccess: ACCESS_MASK, ObjectAttributes: POBJECT_ATTRIBUTES) -> NTSTATUS, 0..=0;
    ZwQueryKey(KeyHandle: HANDLE, KeyInformationClass: KEY_INFORMATION_CLASS, KeyInformation: PVOID, Length: ULONG, ResultLength: PULONG) -> NTSTATUS, 0..=0;
    ZwQueryValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING, Class: KEY_VALUE_INFORMATION_CLASS, Information: PVOID, Length: ULONG, ResultLength: PULONG) -> NTSTATUS, 0..=0;
    ZwSetValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING, TitleIndex: ULONG, Type: ULONG, Data: PVOID, DataSize: ULONG) -> NTSTATUS, 0..=0;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

/// A handle of a key.
pub(super) unsafe fn open(key: usize, access: ACCESS_MASK, attributes: ULONG) -> HANDLE {
    let body = object::create(&object::KEY, size_of::<usize>(), hive::with(|hive| hive.path(key)));
    let kernel = attributes & OBJ_KERNEL_HANDLE != 0;
    let process = if kernel { Process::System } else { Thread::current().process() };
    // SAFETY: the body has room for the number; the handle takes a reference of its own.
    unsafe {
        body.cast::<usize>().write(key);
        let handle = create_handle(body, access, process);
        ObfDereferenceObject(body);
        handle
    }
}

/// The key of a handle.
pub(super) unsafe fn key_of(handle: HANDLE) -> Result<usize, NTSTATUS> {
    let mut body = null_mut();
    let kind: POBJECT_TYPE = (&raw const object::KEY).cast_mut().cast();
    // SAFETY: a local variable; the body is a key's.
    let key = unsafe {
        let status = ObReferenceObjectByHandle(handle, 0, kind, KERNEL_MODE, &raw mut body, null_mut());
        if status < 0 {
            return Err(status);
        }
        let key = *body.cast::<usize>();
        ObfDereferenceObject(body);
        key
    };
    if hive::with(|hive| hive.key(key).deleted) { Err(STATUS_KEY_DELETED) } else { Ok(key) }
}

/// Where object attributes lead: the key to start at, and the path from there.
unsafe fn place(attributes: POBJECT_ATTRIBUTES) -> Result<(usize, String), NTSTATUS> {
    // SAFETY: the caller's structure.
    unsafe {
        let attributes = attributes.as_ref().ok_or(STATUS_INVALID_PARAMETER)?;
        if attributes.Length as usize != size_of::<OBJECT_ATTRIBUTES>() {
            return Err(STATUS_INVALID_PARAMETER);
        }
        let path = text(attributes.ObjectName);
        if !attributes.RootDirectory.is_null() {
            let key = key_of(attributes.RootDirectory)?;
            return if path.starts_with('\\') { Err(STATUS_OBJECT_PATH_SYNTAX_BAD) } else { Ok((key, path)) };
        }
        if !path.starts_with('\\') {
            return Err(STATUS_OBJECT_PATH_SYNTAX_BAD);
        }
        hive::relative(&path).map(|path| (0, path.to_owned())).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
    }
}

fn done(result: Result<(), NTSTATUS>) -> NTSTATUS {
    result.err().unwrap_or(STATUS_SUCCESS)
}

/// Opens a key, or makes it: its parent must be there. (`nf-wdm-zwcreatekey.md`)
pub unsafe fn ZwCreateKey(
    KeyHandle: PHANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
    _TitleIndex: ULONG,
    _Class: PUNICODE_STRING,
    CreateOptions: ULONG,
    Disposition: PULONG,
) -> NTSTATUS {
    const REG_OPTION_CREATE_LINK: ULONG = 2;
    if CreateOptions & REG_OPTION_CREATE_LINK != 0 {
        bugcheck::not_emulated("ZwCreateKey of a symbolic link");
    }
    // SAFETY: the caller's structures and variables.
    let create = || unsafe {
        let (from, path) = place(ObjectAttributes)?;
        let path = path.trim_end_matches('\\');
        let (key, made) = hive::with(|hive| -> Result<(usize, bool), NTSTATUS> {
            if let Some(key) = hive.find(from, path) {
                return Ok((key, false));
            }
            let (parents, name) = path.rsplit_once('\\').unwrap_or(("", path));
            let parent = hive.find(from, parents).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
            Ok((hive.add(parent, name), true))
        })?;
        KeyHandle.write(open(key, DesiredAccess, (*ObjectAttributes).Attributes));
        if !Disposition.is_null() {
            Disposition.write(if made { REG_CREATED_NEW_KEY } else { REG_OPENED_EXISTING_KEY });
        }
        Ok(())
    };
    done(create())
}

/// Opens a key. (`nf-wdm-zwopenkey.md`)
pub unsafe fn ZwOpenKey(
    KeyHandle: PHANDLE,
    DesiredAccess: ACCESS_MASK,
    ObjectAttributes: POBJECT_ATTRIBUTES,
) -> NTSTATUS {
    // SAFETY: the caller's structures and variables.
    let open = || unsafe {
        let (from, path) = place(ObjectAttributes)?;
        let key = hive::with(|hive| hive.find(from, &path)).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        KeyHandle.write(open(key, DesiredAccess, (*ObjectAttributes).Attributes));
        Ok(())
    };
    done(open())
}

/// Deletes a key that has no subkeys. (`nf-wdm-zwdeletekey.md`)
pub unsafe fn ZwDeleteKey(KeyHandle: HANDLE) -> NTSTATUS {
    // SAFETY: the caller's handle.
    let key = unsafe { key_of(KeyHandle) };
    let delete = |key| if hive::with(|hive| hive.delete(key)) { Ok(()) } else { Err(STATUS_CANNOT_DELETE) };
    done(key.and_then(delete))
}

/// Deletes a value. (`nf-wdm-zwdeletevaluekey` of ntddk.h)
pub unsafe fn ZwDeleteValueKey(KeyHandle: HANDLE, ValueName: PUNICODE_STRING) -> NTSTATUS {
    // SAFETY: the caller's handle and string.
    let (key, name) = unsafe { (key_of(KeyHandle), text(ValueName)) };
    let found = key.map(|key| hive::with(|hive| hive.remove(key, &name)));
    done(found.and_then(|found| if found { Ok(()) } else { Err(STATUS_OBJECT_NAME_NOT_FOUND) }))
}

/// What the key is when the machine ends: nothing has to be written. (`nf-wdm-zwflushkey.md`)
pub unsafe fn ZwFlushKey(KeyHandle: HANDLE) -> NTSTATUS {
    // SAFETY: the caller's handle.
    done(unsafe { key_of(KeyHandle) }.map(|_| ()))
}

/// Answers a query about the key of a handle.
unsafe fn query(
    handle: HANDLE,
    (buffer, length, result): (PVOID, ULONG, PULONG),
    ask: impl FnOnce(&mut Hive, usize) -> Result<Answer, NTSTATUS>,
) -> NTSTATUS {
    // SAFETY: the caller's handle, buffer and variable.
    unsafe {
        match key_of(handle).and_then(|key| hive::with(|hive| ask(hive, key))) {
            Ok(answer) => answer.write(buffer, length, result),
            Err(status) => status,
        }
    }
}

/// A key's own data. (`nf-wdm-zwquerykey.md`)
pub unsafe fn ZwQueryKey(
    KeyHandle: HANDLE,
    KeyInformationClass: KEY_INFORMATION_CLASS,
    KeyInformation: PVOID,
    Length: ULONG,
    ResultLength: PULONG,
) -> NTSTATUS {
    let ask = |hive: &mut Hive, key| Answer::key(hive, key, KeyInformationClass);
    // SAFETY: the caller's promise.
    unsafe { query(KeyHandle, (KeyInformation, Length, ResultLength), ask) }
}

/// A subkey's data, by its number; STATUS_NO_MORE_ENTRIES behind the last. (`nf-wdm-zwenumeratekey.md`)
pub unsafe fn ZwEnumerateKey(
    KeyHandle: HANDLE,
    Index: ULONG,
    KeyInformationClass: KEY_INFORMATION_CLASS,
    KeyInformation: PVOID,
    Length: ULONG,
    ResultLength: PULONG,
) -> NTSTATUS {
    let ask = |hive: &mut Hive, key| {
        let child = hive.key(key).children.get(Index as usize).copied().ok_or(STATUS_NO_MORE_ENTRIES)?;
        Answer::key(hive, child, KeyInformationClass)
    };
    // SAFETY: the caller's promise.
    unsafe { query(KeyHandle, (KeyInformation, Length, ResultLength), ask) }
}

/// A value, by its name. (`nf-wdm-zwqueryvaluekey.md`)
pub unsafe fn ZwQueryValueKey(
    KeyHandle: HANDLE,
    ValueName: PUNICODE_STRING,
    Class: KEY_VALUE_INFORMATION_CLASS,
    Information: PVOID,
    Length: ULONG,
    ResultLength: PULONG,
) -> NTSTATUS {
    // SAFETY: the caller's string.
    let name = unsafe { text(ValueName) };
    let ask = |hive: &mut Hive, key| {
        let value = hive.key(key).value(&name).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
        Answer::value(value, Class)
    };
    // SAFETY: the caller's promise.
    unsafe { query(KeyHandle, (Information, Length, ResultLength), ask) }
}

/// A value, by its number; STATUS_NO_MORE_ENTRIES behind the last. (`nf-wdm-zwenumeratevaluekey.md`)
pub unsafe fn ZwEnumerateValueKey(
    KeyHandle: HANDLE,
    Index: ULONG,
    Class: KEY_VALUE_INFORMATION_CLASS,
    Information: PVOID,
    Length: ULONG,
    ResultLength: PULONG,
) -> NTSTATUS {
    let ask = |hive: &mut Hive, key| {
        let value = hive.key(key).values.get(Index as usize).ok_or(STATUS_NO_MORE_ENTRIES)?;
        Answer::value(value, Class)
    };
    // SAFETY: the caller's promise.
    unsafe { query(KeyHandle, (Information, Length, ResultLength), ask) }
}

/// Sets a value. (`nf-wdm-zwsetvaluekey.md`)
pub unsafe fn ZwSetValueKey(
    KeyHandle: HANDLE,
    ValueName: PUNICODE_STRING,
    _TitleIndex: ULONG,
    Type: ULONG,
    Data: PVOID,
    DataSize: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's handle, string and data.
    unsafe {
        let data = if DataSize == 0 {
            Vec::new()
        } else {
            std::slice::from_raw_parts(Data.cast::<u8>(), DataSize as usize).to_vec()
        };
        let value = Value { name: text(ValueName), kind: Type, data };
        done(key_of(KeyHandle).map(|key| hive::with(|hive| hive.set(key, value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::{
        Machine, MachineOptions, ZwClose,
        string::{counted, wide},
    };

    fn attributes(root: HANDLE, name: &UNICODE_STRING) -> OBJECT_ATTRIBUTES {
        OBJECT_ATTRIBUTES {
            Length: size_of::<OBJECT_ATTRIBUTES>() as ULONG,
            RootDirectory: root,
            ObjectName: (&raw const *name).cast_mut(),
            ..OBJECT_ATTRIBUTES::default()
        }
    }

    unsafe fn create(root: HANDLE, path: &str) -> (NTSTATUS, HANDLE, u32) {
        let (units, mut handle, mut disposition) = (wide(path), null_mut(), 0);
        let name = counted(&units);
        let mut attributes = attributes(root, &name);
        // SAFETY: local variables.
        let status = unsafe {
            let none = null_mut();
            ZwCreateKey(
                &raw mut handle,
                KEY_ALL_ACCESS,
                &raw mut attributes,
                0,
                none,
                0,
                &raw mut disposition,
            )
        };
        (status, handle, disposition)
    }

    /// Keys are made, found without case, enumerated and deleted; values are set, found, enumerated and deleted; buffers
    /// that are too small have the documented statuses.
    #[test]
    fn keys_and_values() {
        let machine = Machine::new(MachineOptions::default());
        // SAFETY: local variables; each handle is closed once.
        unsafe {
            let base = "\\Registry\\Machine\\System\\CurrentControlSet\\Services";
            assert_eq!(create(null_mut(), "\\Registry\\Machine\\None\\Deep").0, STATUS_OBJECT_NAME_NOT_FOUND);
            assert_eq!(create(null_mut(), "Relative").0, STATUS_OBJECT_PATH_SYNTAX_BAD);
            let (status, key, made) = create(null_mut(), &format!("{base}\\Cam"));
            assert_eq!((status, made), (STATUS_SUCCESS, REG_CREATED_NEW_KEY));
            let (status, again, made) =
                create(null_mut(), &base.to_uppercase().replace("SERVICES", "Services\\CAM"));
            assert_eq!((status, made), (STATUS_SUCCESS, REG_OPENED_EXISTING_KEY));
            assert_eq!(ZwClose(again), STATUS_SUCCESS);
            let (_, child, _) = create(key, "Parameters");

            let name = wide("Rate");
            let mut name = counted(&name);
            let mut rate = 30_u32;
            let data = (&raw mut rate).cast();
            assert_eq!(ZwSetValueKey(child, &raw mut name, 0, REG_DWORD, data, 4), STATUS_SUCCESS);
            let mut buffer = [0_u32; 16];
            let (mut length, at) = (0, buffer.as_mut_ptr().cast());
            let partial = _KEY_VALUE_INFORMATION_CLASS::KeyValuePartialInformation;
            let mut ask = |room| {
                let status = ZwQueryValueKey(child, &raw mut name, partial, at, room, &raw mut length);
                (status, length)
            };
            assert_eq!(ask(8), (STATUS_BUFFER_TOO_SMALL, 16));
            assert_eq!(ask(12), (STATUS_BUFFER_OVERFLOW, 16));
            assert_eq!(ask(64), (STATUS_SUCCESS, 16));
            assert_eq!(buffer[..4], [0, REG_DWORD, 4, 30]);
            let full = _KEY_VALUE_INFORMATION_CLASS::KeyValueFullInformation;
            assert_eq!(ZwEnumerateValueKey(child, 0, full, at, 64, &raw mut length), STATUS_SUCCESS);
            assert_eq!((buffer[2], buffer[3], buffer[4], buffer[7], length), (28, 4, 8, 30, 32));
            let none = ZwEnumerateValueKey(child, 1, full, at, 64, &raw mut length);
            assert_eq!(none, STATUS_NO_MORE_ENTRIES);

            let basic = _KEY_INFORMATION_CLASS::KeyBasicInformation;
            assert_eq!(ZwEnumerateKey(key, 0, basic, at, 64, &raw mut length), STATUS_SUCCESS);
            assert_eq!((buffer[3], length), (20, 36));
            assert_eq!(ZwEnumerateKey(key, 1, basic, at, 64, &raw mut length), STATUS_NO_MORE_ENTRIES);
            let full = _KEY_INFORMATION_CLASS::KeyFullInformation;
            assert_eq!(ZwQueryKey(key, full, at, 64, &raw mut length), STATUS_SUCCESS);
            assert_eq!((buffer[5], buffer[6], buffer[8], length), (1, 20, 0, 44));

            assert_eq!(ZwDeleteKey(key), STATUS_CANNOT_DELETE);
            assert_eq!(ZwFlushKey(child), STATUS_SUCCESS);
            assert_eq!(ZwDeleteValueKey(child, &raw mut name), STATUS_SUCCESS);
            assert_eq!(ZwDeleteValueKey(child, &raw mut name), STATUS_OBJECT_NAME_NOT_FOUND);
            assert_eq!(ZwDeleteKey(child), STATUS_SUCCESS);
            assert_eq!(ZwFlushKey(child), STATUS_KEY_DELETED);
            assert_eq!((ZwClose(child), ZwClose(key)), (STATUS_SUCCESS, STATUS_SUCCESS));
            assert_eq!(ZwFlushKey(key), STATUS_INVALID_HANDLE);
        }
        assert!(hive::set_value("\\Registry\\Machine\\A", "b", REG_SZ, &[1]));
        assert_eq!(hive::value("\\registry\\machine\\a", "B"), Some((REG_SZ, vec![1])));
        assert!(!hive::set_value("A", "b", REG_SZ, &[]));
        machine.shutdown();
    }
}
