//! Functions on strings of bytes.

use core::ffi::c_char;

functions! {
    "strlen" strlen(of: *const c_char) -> usize { libc::strlen(of) }
    "strcpy" strcpy(to: *mut c_char, from: *const c_char) -> *mut c_char { libc::strcpy(to, from) }
    "strncpy" strncpy(to: *mut c_char, from: *const c_char, count: usize) -> *mut c_char { libc::strncpy(to, from, count) }
    "strcat" strcat(to: *mut c_char, from: *const c_char) -> *mut c_char { libc::strcat(to, from) }
    "strncat" strncat(to: *mut c_char, from: *const c_char, count: usize) -> *mut c_char { libc::strncat(to, from, count) }
    "strcmp" strcmp(first: *const c_char, second: *const c_char) -> i32 { libc::strcmp(first, second).signum() }
    "strncmp" strncmp(first: *const c_char, second: *const c_char, count: usize) -> i32 { libc::strncmp(first, second, count).signum() }
    "_stricmp" stricmp(first: *const c_char, second: *const c_char) -> i32 { libc::strcasecmp(first, second).signum() }
    "_strnicmp" strnicmp(first: *const c_char, second: *const c_char, count: usize) -> i32 { libc::strncasecmp(first, second, count).signum() }
    "strchr" strchr(of: *const c_char, value: i32) -> *mut c_char { libc::strchr(of, value) }
    "strrchr" strrchr(of: *const c_char, value: i32) -> *mut c_char { libc::strrchr(of, value) }
    "strstr" strstr(of: *const c_char, part: *const c_char) -> *mut c_char { libc::strstr(of, part) }
    "strspn" strspn(of: *const c_char, set: *const c_char) -> usize { libc::strspn(of, set) }
    "atoi" atoi(of: *const c_char) -> i32 { libc::atoi(of) }
    "atol" atol(of: *const c_char) -> i32 { libc::atol(of) as i32 }
    "tolower" tolower(value: i32) -> i32 { libc::tolower(value) }
    "toupper" toupper(value: i32) -> i32 { libc::toupper(value) }
    "isdigit" isdigit(value: i32) -> i32 { libc::isdigit(value) }
    "isspace" isspace(value: i32) -> i32 { libc::isspace(value) }
    "isxdigit" isxdigit(value: i32) -> i32 { libc::isxdigit(value) }
    "isupper" isupper(value: i32) -> i32 { libc::isupper(value) }
    "islower" islower(value: i32) -> i32 { libc::islower(value) }
    "isprint" isprint(value: i32) -> i32 { libc::isprint(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The functions do what C says.
    #[test]
    fn strings() {
        let mut buffer = [0x55_u8; 16];
        let at: *mut c_char = buffer.as_mut_ptr().cast();
        // SAFETY: the strings are terminated and fit.
        unsafe {
            strcpy(at, c"abc".as_ptr());
            strncat(at, c"DEF".as_ptr(), 2);
            assert_eq!(strlen(at), 5);
            assert_eq!(stricmp(at, c"ABCde".as_ptr()), 0);
            assert_eq!((strcmp(at, c"abd".as_ptr()), strncmp(at, c"abd".as_ptr(), 2)), (-1, 0));
            assert_eq!(strchr(at, i32::from(b'c')), at.add(2));
            assert_eq!(strstr(at, c"cD".as_ptr()), at.add(2));
            assert!(strrchr(at, i32::from(b'x')).is_null());
            assert_eq!((atoi(c" -12x".as_ptr()), toupper(97)), (-12, 65));
            strncpy(at, c"z".as_ptr(), 3);
            assert_eq!(buffer[..4], *b"z\0\0D");
        }
    }
}
