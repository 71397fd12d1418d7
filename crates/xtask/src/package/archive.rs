//! The zip of a folder.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use driver_package::date::Date;
use zip::{DateTime, ZipWriter, write::SimpleFileOptions};

/// Writes all files of a folder, in the order of their names and with the same date.
pub fn write(folder: &Path, zip: &Path, date: Date) -> Result<()> {
    let file = File::create(zip).with_context(|| format!("cannot write {}", zip.display()))?;
    let mut writer = ZipWriter::new(file);
    // The format begins in 1980.
    let time = DateTime::from_date_and_time(date.year.max(1980), date.month, date.day, 0, 0, 0)?;
    let options = SimpleFileOptions::default().last_modified_time(time).unix_permissions(0o644);
    let top = folder.parent().context("the folder lies in one")?;
    for path in files(folder)? {
        let name = path.strip_prefix(top)?.to_str().context("a file's name is text")?;
        writer.start_file(name, options)?;
        writer.write_all(&fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?)?;
    }
    writer.finish()?;
    Ok(())
}

/// All files below a folder, in order.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
