//! What DER demands beyond BER, looked at byte by byte: the reader of a catalog forgives some of it, Windows does not.
//!
//! Since the October 2020 updates (KB4580358) Windows takes a catalog with unsorted sets for unsigned.

/// A place that is not DER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where the element begins, in bytes.
    pub offset: usize,
    /// What DER asks for.
    pub kind: FaultKind,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// The bytes end before the element does, or it is larger than what contains it.
    Truncated,
    /// Something follows the outermost element.
    Trailing,
    /// A length is not written in the shortest definite form.
    Length,
    /// A tag number over 30, which no structure of a package has.
    Tag,
    /// An integer, boolean, NULL or bit string is not written in the one way that DER allows.
    Value,
    /// A SET OF is not in ascending order of its elements' bytes.
    Unsorted,
    /// An element is in a SET OF twice.
    Duplicate,
    /// Elements are nested deeper than any structure of a package.
    Depth,
}

impl FaultKind {
    /// In words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Truncated => "an element runs over the end of what contains it",
            Self::Trailing => "bytes follow the structure",
            Self::Length => "a length is not in the shortest definite form",
            Self::Tag => "a tag number is over 30",
            Self::Value => "a value is not in its one DER form",
            Self::Unsorted => "a SET OF is not sorted",
            Self::Duplicate => "a SET OF has an element twice",
            Self::Depth => "elements are nested too deeply",
        }
    }
}

/// An element: tag, length, value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    /// The tag's byte.
    pub tag: u8,
    /// All of it.
    pub encoded: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

const CONSTRUCTED: u8 = 0x20;
const SET: u8 = 0x31;
const DEEPEST: usize = 32;

/// The first element, and what comes after it.
pub(crate) fn first(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), FaultKind> {
    let (&tag, rest) = bytes.split_first().ok_or(FaultKind::Truncated)?;
    if tag & 0x1f == 0x1f {
        return Err(FaultKind::Tag);
    }
    let (&short, rest) = rest.split_first().ok_or(FaultKind::Truncated)?;
    let (length, rest) = match short {
        0..=0x7f => (usize::from(short), rest),
        0x81..=0x84 => {
            let (digits, rest) =
                rest.split_at_checked(usize::from(short - 0x80)).ok_or(FaultKind::Truncated)?;
            let length = digits.iter().fold(0usize, |length, &digit| length << 8 | usize::from(digit));
            if digits[0] == 0 || length < 0x80 {
                return Err(FaultKind::Length);
            }
            (length, rest)
        }
        _ => return Err(FaultKind::Length),
    };
    let (value, after) = rest.split_at_checked(length).ok_or(FaultKind::Truncated)?;
    Ok((Element { tag, encoded: &bytes[..bytes.len() - after.len()], value }, after))
}

/// Everything in a structure that is not DER. An element whose end is not known hides what comes after it.
pub fn faults(bytes: &[u8]) -> Vec<Fault> {
    let mut faults = Vec::new();
    match first(bytes) {
        Ok((element, rest)) => {
            walk(bytes, element, 0, &mut faults);
            if !rest.is_empty() {
                faults.push(Fault { offset: bytes.len() - rest.len(), kind: FaultKind::Trailing });
            }
        }
        Err(kind) => faults.push(Fault { offset: 0, kind }),
    }
    faults
}

/// Where a part of the bytes begins.
fn offset(all: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr() - all.as_ptr().addr()
}

fn walk(all: &[u8], element: Element, depth: usize, faults: &mut Vec<Fault>) {
    let mut fault = |at: &[u8], kind| faults.push(Fault { offset: offset(all, at), kind });
    if depth == DEEPEST {
        return fault(element.encoded, FaultKind::Depth);
    }
    if element.tag & CONSTRUCTED == 0 {
        if !is_canonical(element) {
            fault(element.encoded, FaultKind::Value);
        }
        return;
    }
    let mut children = Vec::new();
    let mut rest = element.value;
    while !rest.is_empty() {
        match first(rest) {
            Ok((child, after)) => {
                children.push(child);
                rest = after;
            }
            Err(kind) => {
                fault(rest, kind);
                break;
            }
        }
    }
    if element.tag == SET || is_implicit_set(element, &children) {
        for pair in children.windows(2) {
            match pair[0].encoded.cmp(pair[1].encoded) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => fault(pair[1].encoded, FaultKind::Duplicate),
                std::cmp::Ordering::Greater => fault(pair[1].encoded, FaultKind::Unsorted),
            }
        }
    }
    for child in children {
        walk(all, child, depth + 1, faults);
    }
}

/// `[0] IMPLICIT SET` of certificates or of attributes: the only context-specific elements of PKCS #7 with more than
/// one element, all of them sequences.
fn is_implicit_set(element: Element, children: &[Element]) -> bool {
    matches!(element.tag, 0xa0 | 0xa1) && children.len() > 1 && children.iter().all(|child| child.tag == 0x30)
}

/// Whether the value of a primitive universal type is written as DER says.
fn is_canonical(element: Element) -> bool {
    match (element.tag, element.value) {
        (0x01, value) => matches!(value, [0x00 | 0xff]),
        (0x02 | 0x0a, value) => !matches!(value, [] | [0x00, 0x00..=0x7f, ..] | [0xff, 0x80..=0xff, ..]),
        (0x03, value) => match value {
            [unused @ 0..=7, bits @ ..] => {
                let last = bits.last().copied().unwrap_or(0);
                last & ((1 << unused) - 1) == 0 && (*unused == 0 || !bits.is_empty())
            }
            _ => false,
        },
        (0x05, value) => value.is_empty(),
        (0x06, value) => !value.is_empty(),
        // Universal types that are never primitive in DER.
        (0x10 | 0x11, _) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(bytes: &[u8]) -> Vec<FaultKind> {
        faults(bytes).into_iter().map(|fault| fault.kind).collect()
    }

    #[test]
    fn der_is_told_from_ber() {
        assert_eq!(kinds(&[0x30, 0x03, 0x02, 0x01, 0x05]), []);
        assert_eq!(kinds(&[]), [FaultKind::Truncated]);
        assert_eq!(kinds(&[0x30, 0x04, 0x02, 0x01, 0x05]), [FaultKind::Truncated]);
        assert_eq!(kinds(&[0x30, 0x03, 0x02, 0x02, 0x05]), [FaultKind::Truncated]);
        assert_eq!(kinds(&[0x30, 0x81, 0x03, 0x02, 0x01, 0x05]), [FaultKind::Length]);
        assert_eq!(kinds(&[0x30, 0x80, 0x02, 0x01, 0x05, 0, 0]), [FaultKind::Length]);
        assert_eq!(kinds(&[0x05, 0x00, 0x00]), [FaultKind::Trailing]);
        assert_eq!(kinds(&[0x1f, 0x20, 0x00]), [FaultKind::Tag]);
        assert_eq!(kinds(&[0x02, 0x02, 0x00, 0x05]), [FaultKind::Value]);
        assert_eq!(kinds(&[0x02, 0x02, 0x00, 0x85]), []);
        assert_eq!(kinds(&[0x01, 0x01, 0x01]), [FaultKind::Value]);
        assert_eq!(kinds(&[0x03, 0x02, 0x05, 0xa0]), []);
        assert_eq!(kinds(&[0x03, 0x02, 0x05, 0xb0]), [FaultKind::Value]);
        assert_eq!(kinds(&[0x05, 0x01, 0x00]), [FaultKind::Value]);
    }

    #[test]
    fn sets_are_sorted() {
        assert_eq!(kinds(&[0x31, 0x06, 2, 1, 1, 2, 1, 2]), []);
        assert_eq!(faults(&[0x31, 0x06, 2, 1, 2, 2, 1, 1]), [Fault { offset: 5, kind: FaultKind::Unsorted }]);
        assert_eq!(kinds(&[0x31, 0x06, 2, 1, 2, 2, 1, 2]), [FaultKind::Duplicate]);
        // [0] with certificates or attributes is a set under another tag.
        assert_eq!(
            kinds(&[0xa0, 0x06, 0x30, 1, 5, 0x30, 1, 4]),
            [FaultKind::Unsorted, FaultKind::Truncated, FaultKind::Truncated]
        );
        // A sequence keeps its order.
        assert_eq!(kinds(&[0x30, 0x06, 2, 1, 2, 2, 1, 1]), []);
    }

    #[test]
    fn deep_nesting_ends() {
        let mut bytes = vec![0x05, 0x00];
        for _ in 0..60 {
            let length = u8::try_from(bytes.len()).unwrap();
            bytes = [&[0x30, length][..], &bytes].concat();
        }
        assert_eq!(kinds(&bytes), [FaultKind::Depth]);
    }
}
