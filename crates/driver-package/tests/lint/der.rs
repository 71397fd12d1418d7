//! Edits DER.

/// Replaces the elements inside of the element at a path of indices; the lengths are made right.
pub fn edit(bytes: &[u8], path: &[usize], change: &dyn Fn(&mut Vec<Vec<u8>>)) -> Vec<u8> {
    let (head, length) = header(bytes);
    let mut children = children(&bytes[head..head + length]);
    match path.split_first() {
        None => change(&mut children),
        Some((&index, rest)) => children[index] = edit(&children[index], rest, change),
    }
    let value = children.concat();
    let mut element = vec![bytes[0]];
    match value.len() {
        length @ 0..=0x7f => element.push(length as u8),
        length => {
            let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
            element.push(0x80 | digits.len() as u8);
            element.extend(digits);
        }
    }
    element.extend(value);
    element
}

/// Length of tag and length, and of the value.
fn header(bytes: &[u8]) -> (usize, usize) {
    match bytes[1] {
        length @ 0..=0x7f => (2, length.into()),
        count => {
            let end = 2 + usize::from(count & 0x7f);
            (end, bytes[2..end].iter().fold(0, |length, digit| length << 8 | usize::from(*digit)))
        }
    }
}

fn children(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut children = Vec::new();
    while !bytes.is_empty() {
        let (head, length) = header(bytes);
        children.push(bytes[..head + length].to_vec());
        bytes = &bytes[head + length..];
    }
    children
}

/// Replaces bytes by as many others wherever they are; they must be somewhere.
pub fn replace(bytes: &mut [u8], old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len());
    let places: Vec<usize> =
        bytes.windows(old.len()).enumerate().filter(|(_, window)| *window == old).map(|(at, _)| at).collect();
    assert_ne!(places, [0usize; 0], "{old:02x?} is nowhere");
    for at in places {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
}
