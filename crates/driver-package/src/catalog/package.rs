//! The catalog of a package in a folder: what its INF says goes into it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Builder, Error, Platform, Version};
use crate::inf::{self, DriverVer, Inf};

/// Why the catalog of a package cannot be made. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file that belongs into the catalog cannot be read, or the catalog cannot be written.
    #[error("cannot use {}", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// The INF lacks something.
    #[error("{}: {why}", inf.display())]
    Inf {
        /// The file.
        inf: PathBuf,
        /// What.
        why: String,
    },
    /// The content cannot be put into a catalog.
    #[error(transparent)]
    Catalog(#[from] Error),
}

/// Makes the catalog that an INF names with `CatalogFile`, in the INF's folder, and gives its path.
///
/// Its members are the INF itself and all files of `[SourceDisksFiles]`; the hardware ids, the versions of Windows and
/// the date are the INF's. The same package gives the same bytes. It is not signed. An embedded signature may be put
/// into an image before or after, the INF may not be touched any more.
///
/// # Errors
///
/// A file is missing or broken, or the INF does not say what is needed.
pub fn create(inf: &Path, version: Version) -> Result<PathBuf, PackageError> {
    let read = |path: &Path| fs::read(path).map_err(|error| PackageError::File(path.to_owned(), error));
    let lacks = |why: String| PackageError::Inf { inf: inf.to_owned(), why };
    let content = read(inf)?;
    let (text, encoding) = inf::decode(&content);
    encoding.map_err(|wrong| lacks(format!("the encoding is {wrong}")))?;
    let parsed = Inf::parse(&text);
    let folder = inf.parent().unwrap_or(Path::new(""));
    let name = inf.file_name().unwrap_or_default().to_string_lossy();

    let catalog = parsed.version("CatalogFile");
    if catalog.is_empty() || catalog.contains(['/', '\\']) {
        return Err(lacks("[Version] has no CatalogFile with a file's name".to_owned()));
    }
    let driver_ver = parsed.driver_ver();
    let DriverVer { date, .. } =
        driver_ver.parse().map_err(|why| lacks(format!("DriverVer is `{driver_ver}`, {why}")))?;

    let mut builder = Builder::new(version, date).member(&name, &content)?;
    let platforms = parsed.targets().into_iter().filter(|target| !parsed.devices_of(target).is_empty());
    let platforms: Vec<Platform> =
        platforms.flat_map(|target| Platform::of(&target.decoration.unwrap_or_default())).collect();
    builder = builder.os_attribute(&listed(platforms.iter().map(|platform| platform.os_attribute())));
    builder = builder.os(&listed(platforms.iter().map(|platform| platform.os())));
    for id in parsed.devices().iter().flat_map(|device| device.ids()) {
        builder = builder.hardware_id(id);
    }
    for source in parsed.sources() {
        builder = builder.member(source.file, &read(&folder.join(&source.path))?)?;
    }
    let path = folder.join(catalog);
    fs::write(&path, builder.build()?).map_err(|error| PackageError::File(path.clone(), error))?;
    Ok(path)
}

/// Each once, in the order of the first mention.
fn listed(names: impl Iterator<Item = String>) -> String {
    let mut list: Vec<String> = Vec::new();
    for name in names {
        if !list.contains(&name) {
            list.push(name);
        }
    }
    list.join(",")
}
