//! The run-time library's functions on the registry: a path relative to a well-known key.

use ks_sys::*;

use super::{
    CONTROL_SET,
    hive::{self, Value},
    zw,
};
use crate::nt::{
    bugcheck,
    callback::{self, CallbackKind, Group},
    exports::{Export, exports},
    string::{self, wcslen, wide},
};

exports! {
    static TABLE = ("IrqlDdi", 0x20003);
    RtlCheckRegistryKey(RelativeTo: ULONG, Path: PWSTR) -> NTSTATUS, 0..=0;
    RtlCreateRegistryKey(RelativeTo: ULONG, Path: PWSTR) -> NTSTATUS, 0..=0;
    RtlDeleteRegistryValue(RelativeTo: ULONG, Path: PCWSTR, ValueName: PCWSTR) -> NTSTATUS, 0..=0;
    RtlQueryRegistryValues(RelativeTo: ULONG, Path: PCWSTR, QueryTable: PRTL_QUERY_REGISTRY_TABLE, Context: PVOID, Environment: PVOID) -> NTSTATUS, 0..=0;
    RtlWriteRegistryValue(RelativeTo: ULONG, Path: PCWSTR, ValueName: PCWSTR, ValueType: ULONG, ValueData: PVOID, ValueLength: ULONG) -> NTSTATUS, 0..=0;
}

/// The functions of this file.
pub(super) static EXPORTS: &[&Export] = TABLE;

unsafe fn text(string: PCWSTR) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: the caller's string is terminated.
    unsafe { String::from_utf16_lossy(std::slice::from_raw_parts(string, wcslen(string))) }
}

/// The key to start at and the path from there.
unsafe fn place(relative_to: ULONG, path: PCWSTR) -> Result<(usize, String), NTSTATUS> {
    // SAFETY: the caller's string, or its handle.
    unsafe {
        if relative_to & RTL_REGISTRY_HANDLE != 0 {
            return Ok((zw::key_of(path as HANDLE)?, String::new()));
        }
        let path = text(path);
        let base = match relative_to & !RTL_REGISTRY_OPTIONAL {
            RTL_REGISTRY_ABSOLUTE => {
                let path = hive::relative(&path).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)?;
                return Ok((0, path.to_owned()));
            }
            RTL_REGISTRY_SERVICES => format!("{CONTROL_SET}\\Services"),
            RTL_REGISTRY_CONTROL => format!("{CONTROL_SET}\\Control"),
            RTL_REGISTRY_WINDOWS_NT => {
                "\\Registry\\Machine\\Software\\Microsoft\\Windows NT\\CurrentVersion".to_owned()
            }
            RTL_REGISTRY_DEVICEMAP => "\\Registry\\Machine\\Hardware\\DeviceMap".to_owned(),
            RTL_REGISTRY_USER => "\\Registry\\User\\.Default".to_owned(),
            _ => return Err(STATUS_INVALID_PARAMETER),
        };
        let base = hive::relative(&base).unwrap_or_default();
        Ok((hive::with(|hive| hive.ensure(0, base)), path))
    }
}

unsafe fn find(relative_to: ULONG, path: PCWSTR) -> Result<usize, NTSTATUS> {
    // SAFETY: the caller's promise.
    let (from, path) = unsafe { place(relative_to, path)? };
    hive::with(|hive| hive.find(from, &path)).ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
}

/// Whether a key is there. (`nf-wdm-rtlcheckregistrykey.md`)
pub unsafe fn RtlCheckRegistryKey(RelativeTo: ULONG, Path: PWSTR) -> NTSTATUS {
    // SAFETY: the caller's promise.
    unsafe { find(RelativeTo, Path) }.err().unwrap_or(STATUS_SUCCESS)
}

/// Makes a key, with those that lead there. (`nf-wdm-rtlcreateregistrykey.md`)
pub unsafe fn RtlCreateRegistryKey(RelativeTo: ULONG, Path: PWSTR) -> NTSTATUS {
    // SAFETY: the caller's promise.
    let made =
        unsafe { place(RelativeTo, Path) }.map(|(from, path)| hive::with(|hive| hive.ensure(from, &path)));
    made.err().unwrap_or(STATUS_SUCCESS)
}

/// Takes a value away. (`nf-wdm-rtldeleteregistryvalue.md`)
pub unsafe fn RtlDeleteRegistryValue(RelativeTo: ULONG, Path: PCWSTR, ValueName: PCWSTR) -> NTSTATUS {
    // SAFETY: the caller's promise.
    let (key, name) = unsafe { (find(RelativeTo, Path), text(ValueName)) };
    match key.map(|key| hive::with(|hive| hive.remove(key, &name))) {
        Ok(true) => STATUS_SUCCESS,
        Ok(false) => STATUS_OBJECT_NAME_NOT_FOUND,
        Err(status) => status,
    }
}

/// Sets a value; the key is made if it is not there. (`nf-wdm-rtlwriteregistryvalue.md`)
pub unsafe fn RtlWriteRegistryValue(
    RelativeTo: ULONG,
    Path: PCWSTR,
    ValueName: PCWSTR,
    ValueType: ULONG,
    ValueData: PVOID,
    ValueLength: ULONG,
) -> NTSTATUS {
    // SAFETY: the caller's strings and data.
    unsafe {
        let (from, path) = match place(RelativeTo, Path) {
            Ok(place) => place,
            Err(status) => return status,
        };
        let data = if ValueLength == 0 {
            Vec::new()
        } else {
            std::slice::from_raw_parts(ValueData.cast::<u8>(), ValueLength as usize).to_vec()
        };
        let value = Value { name: text(ValueName), kind: ValueType, data };
        hive::with(|hive| {
            let key = hive.ensure(from, &path);
            hive.set(key, value);
        });
    }
    STATUS_SUCCESS
}

/// Looks up the values of a table: into variables (RTL_QUERY_REGISTRY_DIRECT), or by the driver's routine.
/// (`nf-wdm-rtlqueryregistryvalues.md`)
pub unsafe fn RtlQueryRegistryValues(
    RelativeTo: ULONG,
    Path: PCWSTR,
    QueryTable: PRTL_QUERY_REGISTRY_TABLE,
    Context: PVOID,
    _Environment: PVOID,
) -> NTSTATUS {
    // SAFETY: the caller's table ends with an entry without routine and name.
    unsafe {
        let top = match find(RelativeTo, Path) {
            Ok(key) => key,
            Err(_) if RelativeTo & RTL_REGISTRY_OPTIONAL != 0 => return STATUS_SUCCESS,
            Err(status) => return status,
        };
        let (mut key, mut entry) = (top, QueryTable);
        loop {
            let wanted = &*entry;
            if wanted.QueryRoutine.is_none()
                && wanted.Flags & (RTL_QUERY_REGISTRY_SUBKEY | RTL_QUERY_REGISTRY_DIRECT) == 0
            {
                return STATUS_SUCCESS;
            }
            let result = if wanted.Flags & RTL_QUERY_REGISTRY_SUBKEY != 0 {
                let name = text(wanted.Name);
                hive::with(|hive| hive.find(top, &name))
                    .map(|found| key = found)
                    .ok_or(STATUS_OBJECT_NAME_NOT_FOUND)
            } else {
                if wanted.Flags & RTL_QUERY_REGISTRY_TOPKEY != 0 {
                    key = top;
                }
                one(key, wanted, Context)
            };
            if let Err(status) = result {
                return status;
            }
            entry = entry.add(1);
        }
    }
}

/// One entry of the table.
unsafe fn one(key: usize, wanted: &RTL_QUERY_REGISTRY_TABLE, context: PVOID) -> Result<(), NTSTATUS> {
    let has = |flag: ULONG| wanted.Flags & flag != 0;
    // SAFETY: the caller's table.
    unsafe {
        if wanted.Name.is_null() {
            // Every value of the key.
            let values = hive::with(|hive| hive.key(key).values.clone());
            return values.iter().try_for_each(|value| call(wanted, value, context));
        }
        let name = text(wanted.Name);
        let mut found = hive::with(|hive| hive.key(key).value(&name).cloned());
        if found.is_none() && has(RTL_QUERY_REGISTRY_REQUIRED) {
            return Err(STATUS_OBJECT_NAME_NOT_FOUND);
        }
        if found.is_none() && wanted.DefaultType & 0xFF_FFFF != REG_NONE {
            found = Some(default(wanted, name.clone()));
        }
        let Some(value) = found else { return Ok(()) };
        if has(RTL_QUERY_REGISTRY_DIRECT) {
            // The type that the caller expects stands in the top byte.
            let expected = wanted.DefaultType >> 24;
            if has(RTL_QUERY_REGISTRY_TYPECHECK) && expected != value.kind {
                return Err(STATUS_OBJECT_TYPE_MISMATCH);
            }
            direct(wanted, &value)?;
        } else {
            call(wanted, &value, context)?;
        }
        if has(RTL_QUERY_REGISTRY_DELETE) {
            hive::with(|hive| hive.remove(key, &name));
        }
    }
    Ok(())
}

/// `RTL_QUERY_REGISTRY_TYPECHECK` of wdm.h.
const RTL_QUERY_REGISTRY_TYPECHECK: ULONG = 0x100;

unsafe fn default(wanted: &RTL_QUERY_REGISTRY_TABLE, name: String) -> Value {
    let kind = wanted.DefaultType & 0xFF_FFFF;
    let is_text = matches!(kind, REG_SZ | REG_EXPAND_SZ);
    // SAFETY: the table's default has the length it says; a string without one is terminated.
    let data = unsafe {
        let length = match wanted.DefaultLength as usize {
            0 if is_text => 2 * wcslen(wanted.DefaultData.cast()) + 2,
            length => length,
        };
        std::slice::from_raw_parts(wanted.DefaultData.cast::<u8>(), length).to_vec()
    };
    Value { name, kind, data }
}

/// Refuses what is not played: variables of the environment in a string.
fn check_expansion(wanted: &RTL_QUERY_REGISTRY_TABLE, value: &Value) {
    let expands = value.kind == REG_EXPAND_SZ && wanted.Flags & RTL_QUERY_REGISTRY_NOEXPAND == 0;
    if expands && value.data.contains(&b'%') {
        bugcheck::not_emulated("RtlQueryRegistryValues of a REG_EXPAND_SZ with variables");
    }
}

/// Stores a value in the caller's variable.
unsafe fn direct(wanted: &RTL_QUERY_REGISTRY_TABLE, value: &Value) -> Result<(), NTSTATUS> {
    check_expansion(wanted, value);
    // SAFETY: the caller's variable has the type that the page asks for.
    unsafe {
        match value.kind {
            REG_SZ | REG_EXPAND_SZ => {
                let units: Vec<u16> =
                    value.data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                let units = units.strip_suffix(&[0]).unwrap_or(&units);
                let to = wanted.EntryContext.cast::<UNICODE_STRING>();
                if (*to).Buffer.is_null() {
                    return match string::allocate(units, to) {
                        STATUS_SUCCESS => Ok(()),
                        status => Err(status),
                    };
                }
                if usize::from((*to).MaximumLength) < 2 * units.len() + 2 {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                (*to).Buffer.copy_from_nonoverlapping(units.as_ptr(), units.len());
                (*to).Buffer.add(units.len()).write(0);
                (*to).Length = 2 * units.len() as USHORT;
            }
            REG_MULTI_SZ => bugcheck::not_emulated("RtlQueryRegistryValues of a REG_MULTI_SZ, direct"),
            _ => {
                // Up to a ULONG as it is; for more, the variable says how much there is room for, as a negative number.
                let to = wanted.EntryContext.cast::<i32>();
                let room = if value.data.len() <= 4 { 4 } else { to.read().unsigned_abs() as usize };
                if value.data.len() > 4 && (to.read() >= 0 || value.data.len() > room) {
                    return Err(STATUS_BUFFER_TOO_SMALL);
                }
                to.cast::<u8>().copy_from_nonoverlapping(value.data.as_ptr(), value.data.len());
            }
        }
    }
    Ok(())
}

/// Gives a value to the driver's routine: a REG_MULTI_SZ string by string.
unsafe fn call(wanted: &RTL_QUERY_REGISTRY_TABLE, value: &Value, context: PVOID) -> Result<(), NTSTATUS> {
    const KIND: CallbackKind = CallbackKind::new("QueryRoutine", Group::Driver);
    let Some(routine) = wanted.QueryRoutine else { return Ok(()) };
    check_expansion(wanted, value);
    let name = [wide(&value.name), vec![0]].concat();
    let expand = value.kind == REG_MULTI_SZ && wanted.Flags & RTL_QUERY_REGISTRY_NOEXPAND == 0;
    let mut parts: Vec<(ULONG, Vec<u8>)> = vec![(value.kind, value.data.clone())];
    if expand {
        let units: Vec<u16> =
            value.data.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
        let strings = units.split(|unit| *unit == 0).filter(|string| !string.is_empty());
        let bytes = |string: &[u16]| string.iter().chain(&[0]).flat_map(|unit| unit.to_le_bytes()).collect();
        parts = strings.map(|string| (REG_SZ, bytes(string))).collect();
    }
    for (kind, mut data) in parts {
        let (at, length) = (data.as_mut_ptr().cast(), data.len() as ULONG);
        // SAFETY: the routine's page: the name and the data live during the call.
        let status = callback::routine(routine as usize, KIND, &value.name, || unsafe {
            routine(name.as_ptr().cast_mut(), kind, at, length, context, wanted.EntryContext)
        });
        // The routine asks for a larger buffer of the system's; here none is too small.
        if status < 0 {
            return Err(status);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ptr::null_mut;

    use super::*;
    use crate::nt::{Machine, MachineOptions, RtlFreeUnicodeString};

    fn terminated(text: &str) -> Vec<u16> {
        [wide(text), vec![0]].concat()
    }

    unsafe extern "win64" fn count(
        _: PWSTR,
        kind: ULONG,
        _: PVOID,
        length: ULONG,
        context: PVOID,
        _: PVOID,
    ) -> NTSTATUS {
        // SAFETY: the test's counter.
        unsafe { *context.cast::<u32>() += length * 100 + kind };
        STATUS_SUCCESS
    }

    /// Values are written, found by variables and routines, have defaults, and are taken away.
    #[test]
    fn tables() {
        let machine = Machine::new(MachineOptions::default());
        let (path, rate, name, list) = ("Cam\\Parameters", "Rate", "Name", "List");
        let [path, rate, name, list] = [path, rate, name, list].map(terminated);
        let mut number = 30_u32;
        let mut label = terminated("Front");
        let mut two: Vec<u16> = [terminated("a"), terminated("bc"), vec![0]].concat();
        // SAFETY: local strings and variables.
        unsafe {
            let services = RTL_REGISTRY_SERVICES;
            let write = |name: &[u16], kind, data: PVOID, length| {
                RtlWriteRegistryValue(services, path.as_ptr(), name.as_ptr(), kind, data, length)
            };
            assert_eq!(RtlCheckRegistryKey(services, path.as_ptr().cast_mut()), STATUS_OBJECT_NAME_NOT_FOUND);
            assert_eq!(write(&rate, REG_DWORD, (&raw mut number).cast(), 4), STATUS_SUCCESS);
            assert_eq!(write(&name, REG_SZ, label.as_mut_ptr().cast(), 12), STATUS_SUCCESS);
            assert_eq!(write(&list, REG_MULTI_SZ, two.as_mut_ptr().cast(), 12), STATUS_SUCCESS);
            assert_eq!(RtlCheckRegistryKey(services, path.as_ptr().cast_mut()), STATUS_SUCCESS);

            let (mut found, mut missing, mut sum, mut fallback) = (0_u32, 0_u32, 0_u32, 7_u32);
            let mut text = string::counted(&[]);
            text.Buffer = null_mut();
            let other = terminated("Other");
            let direct = RTL_QUERY_REGISTRY_DIRECT;
            let entry = |name: &[u16], flags, to: PVOID| RTL_QUERY_REGISTRY_TABLE {
                Flags: flags,
                Name: name.as_ptr(),
                EntryContext: to,
                ..RTL_QUERY_REGISTRY_TABLE::default()
            };
            let mut table = [
                entry(&rate, direct | RTL_QUERY_REGISTRY_REQUIRED, (&raw mut found).cast()),
                entry(&name, direct, (&raw mut text).cast()),
                RTL_QUERY_REGISTRY_TABLE {
                    DefaultType: REG_DWORD,
                    DefaultData: (&raw mut fallback).cast(),
                    DefaultLength: 4,
                    ..entry(&other, direct, (&raw mut missing).cast())
                },
                RTL_QUERY_REGISTRY_TABLE { QueryRoutine: Some(count), ..entry(&list, 0, null_mut()) },
                RTL_QUERY_REGISTRY_TABLE::default(),
            ];
            let ask = |table: &mut [RTL_QUERY_REGISTRY_TABLE], context: PVOID| {
                RtlQueryRegistryValues(services, path.as_ptr(), table.as_mut_ptr(), context, null_mut())
            };
            assert_eq!(ask(&mut table, (&raw mut sum).cast()), STATUS_SUCCESS);
            assert_eq!((found, missing, sum), (30, 7, (4 + 6) * 100 + 2 * REG_SZ));
            assert_eq!(string::text(&raw const text), "Front");
            RtlFreeUnicodeString(&raw mut text);
            table[0] = entry(&other, direct | RTL_QUERY_REGISTRY_REQUIRED, (&raw mut found).cast());
            assert_eq!(ask(&mut table, null_mut()), STATUS_OBJECT_NAME_NOT_FOUND);

            let delete = || RtlDeleteRegistryValue(services, path.as_ptr(), rate.as_ptr());
            assert_eq!((delete(), delete()), (STATUS_SUCCESS, STATUS_OBJECT_NAME_NOT_FOUND));
            let made = terminated("Deep\\Key");
            assert_eq!(RtlCreateRegistryKey(services, made.as_ptr().cast_mut()), STATUS_SUCCESS);
        }
        machine.shutdown();
    }
}
