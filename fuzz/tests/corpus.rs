//! Everything that fuzzing has found worth keeping, once more: nothing of it is wrong.

#![cfg(feature = "files")]

use std::{fs, path::Path};

/// The files of a corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", folder.display());
    paths.iter().map(|path| fs::read(path).expect("a file")).collect()
}

macro_rules! targets {
    ($($target:ident)*) => {$(
        #[test]
        fn $target() {
            corpus(stringify!($target)).iter().for_each(|input| loopcam_fuzz::$target(input));
            loopcam_fuzz::end();
        }
    )*};
}
targets!(catalog formats image inf requests y4m);
