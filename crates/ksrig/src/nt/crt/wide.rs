//! Functions on strings of 16-bit units.

use std::ptr::null_mut;

use ks_sys::WCHAR;

use crate::nt::string::{fold, wcslen};

/// The order of at most `count` units.
unsafe fn order(first: *const WCHAR, second: *const WCHAR, count: usize, insensitive: bool) -> i32 {
    for index in 0..count {
        // SAFETY: the caller's strings are terminated, and equal so far.
        let (one, two) = unsafe { (*first.add(index), *second.add(index)) };
        let (folded, other) = (fold(one, insensitive), fold(two, insensitive));
        if folded != other {
            return if folded < other { -1 } else { 1 };
        }
        if one == 0 {
            break;
        }
    }
    0
}

functions! {
    "wcslen" length(of: *const WCHAR) -> usize { wcslen(of) }
    "wcscpy" copy(to: *mut WCHAR, from: *const WCHAR) -> *mut WCHAR {
        to.copy_from(from, wcslen(from) + 1);
        to
    }
    "wcsncpy" copy_at_most(to: *mut WCHAR, from: *const WCHAR, count: usize) -> *mut WCHAR {
        let mut ended = false;
        for index in 0..count {
            let unit = if ended { 0 } else { *from.add(index) };
            ended = unit == 0;
            to.add(index).write(unit);
        }
        to
    }
    "wcscat" append(to: *mut WCHAR, from: *const WCHAR) -> *mut WCHAR {
        copy(to.add(wcslen(to)), from);
        to
    }
    "wcsncat" append_at_most(to: *mut WCHAR, from: *const WCHAR, count: usize) -> *mut WCHAR {
        let end = to.add(wcslen(to));
        let units = (0..count).take_while(|index| *from.add(*index) != 0).count();
        end.copy_from(from, units);
        end.add(units).write(0);
        to
    }
    "wcscmp" compare(first: *const WCHAR, second: *const WCHAR) -> i32 { order(first, second, usize::MAX, false) }
    "wcsncmp" compare_at_most(first: *const WCHAR, second: *const WCHAR, count: usize) -> i32 { order(first, second, count, false) }
    "_wcsicmp" compare_folded(first: *const WCHAR, second: *const WCHAR) -> i32 { order(first, second, usize::MAX, true) }
    "_wcsnicmp" compare_folded_at_most(first: *const WCHAR, second: *const WCHAR, count: usize) -> i32 { order(first, second, count, true) }
    "wcschr" find(of: *const WCHAR, unit: WCHAR) -> *const WCHAR {
        (0..=wcslen(of)).map(|index| of.add(index)).find(|at| **at == unit).unwrap_or(null_mut())
    }
    "wcsrchr" find_last(of: *const WCHAR, unit: WCHAR) -> *const WCHAR {
        (0..=wcslen(of)).rev().map(|index| of.add(index)).find(|at| **at == unit).unwrap_or(null_mut())
    }
    "wcsstr" find_part(of: *const WCHAR, part: *const WCHAR) -> *const WCHAR {
        let length = wcslen(part);
        (0..=wcslen(of)).map(|index| of.add(index)).find(|at| order(*at, part, length, false) == 0).unwrap_or(null_mut())
    }
    "towlower" to_lower(unit: WCHAR) -> WCHAR {
        let lower = char::from_u32(u32::from(unit)).and_then(|unit| unit.to_lowercase().next());
        lower.and_then(|lower| u16::try_from(u32::from(lower)).ok()).unwrap_or(unit)
    }
    "towupper" to_upper(unit: WCHAR) -> WCHAR { fold(unit, true) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nt::string::wide;

    /// The functions do what C says.
    #[test]
    fn strings() {
        let terminated = |text: &str| [wide(text), vec![0]].concat();
        let (abc, upper, part) = (terminated("abc"), terminated("ABD"), terminated("bc"));
        let mut buffer = [0x55_u16; 8];
        let at = buffer.as_mut_ptr();
        // SAFETY: the strings are terminated and fit.
        unsafe {
            copy(at, abc.as_ptr());
            append_at_most(at, upper.as_ptr(), 1);
            assert_eq!((length(at), buffer[3]), (4, u16::from(b'A')));
            assert_eq!((compare(at, abc.as_ptr()), compare_at_most(at, abc.as_ptr(), 3)), (1, 0));
            assert_eq!(compare_folded(abc.as_ptr(), upper.as_ptr()), -1);
            assert_eq!(compare_folded_at_most(abc.as_ptr(), upper.as_ptr(), 2), 0);
            assert_eq!(find(at, u16::from(b'b')), at.add(1).cast_const());
            assert_eq!(find_last(at, 0), at.add(4).cast_const());
            assert_eq!(find_part(at, part.as_ptr()), at.add(1).cast_const());
            assert!(find_part(at, upper.as_ptr()).is_null());
            copy_at_most(at, part.as_ptr(), 4);
            append(at, abc.as_ptr());
            assert_eq!(compare(at, terminated("bcabc").as_ptr()), 0);
            assert_eq!((to_lower(65), to_upper(0xE4)), (97, 0xC4));
        }
    }
}
