//! Ordinary memory as a source and as a sink.

use video::{Sink, Source};

#[test]
fn reads_what_is_there_and_nothing_else() {
    let bytes = [1, 2, 3, 4];
    let source: &[u8] = &bytes;
    let mut out = [0; 2];
    assert!(Source::read(source, 2, &mut out));
    assert_eq!(out, [3, 4]);
    for offset in [3, 4, 5, usize::MAX] {
        let mut out = [9; 2];
        assert!(!Source::read(source, offset, &mut out));
        assert_eq!(out, [9; 2]);
    }
    assert!(Source::read(source, 4, &mut []));
    assert!(!Source::read(source, 5, &mut []));
}

#[test]
fn writes_whole_pieces_or_nothing() {
    let mut bytes = [0; 4];
    let sink: &mut [u8] = &mut bytes;
    assert!(Sink::write(sink, 1, &[1, 2]));
    assert!(Sink::fill(sink, 3, 1, 7));
    for offset in [3, 4, 5, usize::MAX] {
        assert!(!Sink::write(sink, offset, &[9, 9]));
        assert!(!Sink::fill(sink, offset, 2, 9));
    }
    assert!(!Sink::fill(sink, 1, usize::MAX, 9));
    assert_eq!(bytes, [0, 1, 2, 7]);
}

#[test]
fn empty_is_without_bytes() {
    let (none, one): (&mut [u8], &mut [u8]) = (&mut [], &mut [0]);
    assert!(Source::is_empty(none) && Sink::is_empty(none));
    assert!(!Source::is_empty(one) && !Sink::is_empty(one));
}
