//! A package that breaks a rule.

use std::{fs, path::Path};

/// Makes a package in an empty folder.
pub type Make = Box<dyn Fn(&Path)>;

/// A package that breaks a rule, and the rule.
pub struct Specimen {
    /// Of the golden file: the code, and what tells it from other specimens of the rule.
    pub name: String,
    /// Of the rule.
    pub code: &'static str,
    /// Makes it.
    pub make: Make,
}

impl Specimen {
    /// A specimen made by a function.
    pub fn new(name: &str, make: impl Fn(&Path) + 'static) -> Self {
        let code = name.split_once('-').map_or(name, |(code, _)| code);
        let rule = driver_package::lint::rules().find(|rule| rule.code == code);
        let code = rule.unwrap_or_else(|| panic!("{name}: there is no such rule")).code;
        Self { name: name.to_owned(), code, make: Box::new(make) }
    }
}

/// Writes a file of a package.
pub fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is made");
    fs::write(path, bytes).expect("the file is written");
}
