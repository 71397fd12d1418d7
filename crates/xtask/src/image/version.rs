//! The version resource, which Explorer and Driver Verifier show: a system driver, of the version of this workspace.

use anyhow::{Context, Result};
use object::{
    LittleEndian as LE,
    pe::RT_VERSION,
    read::pe::{ResourceDirectoryEntryData, ResourceNameOrId},
};
use version_resource::{VFT_DRV, VFT2_DRV_SYSTEM, VOS_NT_WINDOWS32};

use super::{parse::Image, report::Report};

/// `VS_FIXEDFILEINFO`'s.
const SIGNATURE: u32 = 0xfeef_04bd;

/// Compares what the resource says with what it should say.
pub fn check(image: &Image, report: &mut Report) -> Result<()> {
    let Some(data) = resource(image)? else {
        report.bad("resource", "no version resource");
        return Ok(());
    };
    let Some(fixed) = data.windows(52).find(|window| window.starts_with(&SIGNATURE.to_le_bytes())) else {
        report.bad("resource", "a version resource without VS_FIXEDFILEINFO");
        return Ok(());
    };
    let field = |index: usize| {
        u32::from_le_bytes([
            fixed[index * 4],
            fixed[index * 4 + 1],
            fixed[index * 4 + 2],
            fixed[index * 4 + 3],
        ])
    };
    let version = |index: usize| {
        let (high, low) = (field(index), field(index + 1));
        [high >> 16, high & 0xffff, low >> 16, low & 0xffff].map(|number| number.to_string()).join(".")
    };
    let (file, product) = (version(2), version(4));
    let needed = version_resource::of_package(env!("CARGO_PKG_VERSION"))
        .context("the package's version has three numbers")?
        .map(|number| number.to_string())
        .join(".");
    report.check(
        "resource",
        file == needed && product == needed,
        format!("version {file}"),
        format!("file version {file} and product version {product}, but the package's is {needed}"),
    );
    let (system, file_type, subtype) = (field(8), field(9), field(10));
    if (system, file_type, subtype) != (VOS_NT_WINDOWS32, VFT_DRV, VFT2_DRV_SYSTEM) {
        report.bad(
            "resource",
            format!(
                "system {system:#x}, type {file_type}, subtype {subtype}, but a system driver has \
                 {VOS_NT_WINDOWS32:#x}, {VFT_DRV}, {VFT2_DRV_SYSTEM}"
            ),
        );
    }
    Ok(())
}

/// The first version resource: type, name and language are the levels of the tree.
fn resource<'data>(image: &Image<'data>) -> Result<Option<&'data [u8]>> {
    let Some(directory) =
        image.pe.data_directories().resource_directory(image.data, &image.pe.section_table())?
    else {
        return Ok(None);
    };
    let types = directory.root()?.entries;
    let Some(mut entry) =
        types.iter().find(|entry| matches!(entry.name_or_id(), ResourceNameOrId::Id(id) if id == RT_VERSION))
    else {
        return Ok(None);
    };
    for _ in 0..3 {
        match entry.data(directory)? {
            ResourceDirectoryEntryData::Table(table) => {
                entry = table.entries.first().context("an empty table of resources")?;
            }
            ResourceDirectoryEntryData::Data(data) => {
                return image.bytes(data.offset_to_data.get(LE), data.size.get(LE) as usize).map(Some);
            }
        }
    }
    Ok(None)
}
