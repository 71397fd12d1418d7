//! The folder that is checked.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{CatalogFile, Error, ImageFile, Options, Profile, SignedFile};
use crate::{
    catalog::Catalog,
    inf::{self, Encoding, Inf, NotAnEncoding},
};

/// A driver package in a folder.
pub struct Package {
    folder: PathBuf,
    options: Options,
    /// The paths of all files, relative to the folder, with `/` between the parts, in order.
    pub files: Vec<String>,
    /// The INF files of the folder itself; Windows looks for none below it.
    pub infs: Vec<InfFile>,
    /// All images with the extension .sys.
    pub images: Vec<ImageFile>,
    /// All catalogs.
    pub catalogs: Vec<CatalogFile>,
    /// All signatures in images and catalogs.
    pub signed: Vec<SignedFile>,
}

/// An INF file of a package.
pub struct InfFile {
    /// Its path in the package.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
    /// How it is encoded.
    pub encoding: Result<Encoding, NotAnEncoding>,
    /// Read as well as it goes.
    pub inf: Inf,
    /// Whose rules apply to it.
    pub profile: Profile,
}

impl Package {
    /// Reads a folder.
    ///
    /// # Errors
    ///
    /// The folder or an INF file in it cannot be read.
    pub fn open(folder: &Path, options: Options) -> Result<Self, Error> {
        let mut files = Vec::new();
        list(folder, "", &mut files)?;
        files.sort();
        let mut package = Self {
            folder: folder.to_owned(),
            options,
            files,
            infs: Vec::new(),
            images: Vec::new(),
            catalogs: Vec::new(),
            signed: Vec::new(),
        };
        let names = package.with_extension("inf").filter(|name| !name.contains('/')).map(str::to_owned);
        for name in names.collect::<Vec<_>>() {
            let bytes = package.read(&name)?;
            package.infs.push(InfFile::new(name, bytes, options));
        }
        for name in package.names("sys") {
            let (bytes, oldest) = (package.read(&name)?, package.oldest_windows());
            package.images.push(ImageFile { name, bytes, oldest });
        }
        for name in package.names("cat") {
            let bytes = package.read(&name)?;
            let catalog = Catalog::parse(&bytes);
            package.catalogs.push(CatalogFile { name, bytes, catalog });
        }
        let embedded = package.images.iter().flat_map(SignedFile::of_image);
        package.signed = embedded.chain(package.catalogs.iter().filter_map(SignedFile::of_catalog)).collect();
        Ok(package)
    }

    fn names(&self, extension: &str) -> Vec<String> {
        self.with_extension(extension).map(str::to_owned).collect()
    }

    /// The oldest Windows that any INF is for, but none older than the profile's: major, minor, build.
    pub fn oldest_windows(&self) -> (u32, u32, u32) {
        self.profile("").oldest().max(self.infs.iter().map(InfFile::oldest_windows).min().unwrap_or_default())
    }

    /// When the check takes place.
    pub fn now(&self) -> SystemTime {
        self.options.now.unwrap_or_else(SystemTime::now)
    }

    /// The content of a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.folder.join(name);
        fs::read(&path).map_err(|source| Error { path, source })
    }

    /// A file by its path; as in Windows, case does not count and `\` may stand between the parts.
    pub fn find(&self, path: &str) -> Option<&str> {
        let path = path.replace('\\', "/");
        self.files.iter().map(String::as_str).find(|name| name.eq_ignore_ascii_case(&path))
    }

    /// The files whose name ends so (without the dot).
    pub fn with_extension(&self, extension: &str) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str).filter(move |name| {
            Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
        })
    }

    /// Whose rules apply to a file: an INF's are its own, any other's those of the oldest Windows of the package.
    pub fn profile(&self, file: &str) -> Profile {
        let own = self.infs.iter().find(|inf| inf.name == file).map(|inf| inf.profile);
        own.or_else(|| self.infs.iter().map(|inf| inf.profile).min()).unwrap_or(
            // Without an INF nothing says for which Windows it is.
            self.options.profile.unwrap_or(Profile::Windows10),
        )
    }
}

impl InfFile {
    fn new(name: String, bytes: Vec<u8>, options: Options) -> Self {
        let (text, encoding) = inf::decode(&bytes);
        let inf = Inf::parse(&text);
        let profile = options.profile.unwrap_or(Profile::for_oldest(oldest(&inf)));
        Self { name, bytes, encoding, inf, profile }
    }

    /// The oldest Windows that it is for: major, minor, build.
    fn oldest_windows(&self) -> (u32, u32, u32) {
        oldest(&self.inf)
    }
}

fn oldest(inf: &Inf) -> (u32, u32, u32) {
    let versions = inf.targets().into_iter().map(|target| target.decoration.unwrap_or_default().oldest());
    versions.min().unwrap_or_default()
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) -> Result<(), Error> {
    let error = |source: io::Error| Error { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        // A link to a folder is not followed: it may lead in a circle.
        if entry.file_type().map_err(error)?.is_dir() {
            list(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.push(name);
        }
    }
    Ok(())
}
