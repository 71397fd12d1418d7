//! What the image imports: an import that a Windows lacks keeps the driver from loading there.

use object::{
    LittleEndian as LE,
    pe::{IMAGE_FILE_MACHINE_AMD64, ImageNtHeaders64},
    read::pe::Import,
};

use super::{
    super::{Check, Findings, ImageFile, Levels, Rule, Severity::*},
    FORMAT,
};

/// The pages of functions, each with its requirements.
const DDI: &str = "ddi/";

/// The rules.
pub const RULES: &[Rule] = &[
    Rule {
        code: "PE50",
        title: "the import table can be read",
        levels: Levels::ERROR,
        page: FORMAT,
        check: Check::Image(readable),
    },
    Rule {
        code: "PE51",
        title: "imports are from the kernel",
        levels: Levels::ERROR,
        page: DDI,
        check: Check::Image(modules),
    },
    Rule {
        code: "PE52",
        title: "imported functions are in the oldest Windows, by their pages",
        levels: Levels::ERROR,
        page: DDI,
        check: Check::Image(too_new),
    },
    Rule {
        code: "PE53",
        title: "imported functions are among the known exports of Windows XP x64",
        levels: Levels::each([Some(Warning), None, None, None]),
        page: DDI,
        check: Check::Image(xp),
    },
    Rule {
        code: "PE54",
        title: "functions are imported by name",
        levels: Levels::WARNING,
        page: FORMAT,
        check: Check::Image(numbers),
    },
    Rule {
        code: "PE55",
        title: "no function is imported that no ks.sys exports",
        levels: Levels::ERROR,
        page: "stream/avstream-overview",
        check: Check::Image(never),
    },
];

/// Modules of the kernel that do not end in `.sys`.
const KERNEL: [&str; 7] =
    ["ntoskrnl.exe", "ntkrnlpa.exe", "hal.dll", "ci.dll", "kdcom.dll", "bootvid.dll", "pshed.dll"];

/// Documented, but no export of any ks.sys.
const NEVER: [&str; 2] = ["KsPinHandshake", "KsPinDataIntersectionEx"];

const FIRST_WINDOWS: &str = include_str!("../../../data/first-windows.txt");
const XP_KERNEL: &str = include_str!("../../../data/nt52-x64-exports.txt");

/// An imported function.
struct Imported {
    module: String,
    /// The name, or its number.
    function: Result<String, u16>,
}

fn imports(file: &ImageFile) -> object::read::Result<Vec<Imported>> {
    let mut imports = Vec::new();
    let Some(pe) = file.pe() else { return Ok(imports) };
    let Some(table) = pe.import_table()? else { return Ok(imports) };
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        let module = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).to_ascii_lowercase();
        // A linker may leave the name table out, then the address table has the names.
        let names = descriptor.original_first_thunk.get(LE);
        let mut thunks = table.thunks(if names == 0 { descriptor.first_thunk.get(LE) } else { names })?;
        while let Some(thunk) = thunks.next::<ImageNtHeaders64>()? {
            let function = match table.import::<ImageNtHeaders64>(thunk)? {
                Import::Ordinal(number) => Err(number),
                Import::Name(_, name) => Ok(String::from_utf8_lossy(name).into_owned()),
            };
            imports.push(Imported { module: module.clone(), function });
        }
    }
    Ok(imports)
}

/// Module and name of what is imported by name.
fn named(file: &ImageFile) -> Vec<(String, String)> {
    let imports = imports(file).unwrap_or_default();
    imports.into_iter().filter_map(|import| Some((import.module, import.function.ok()?))).collect()
}

fn readable(file: &ImageFile, findings: &mut Findings<'_>) {
    if let Err(error) = imports(file) {
        findings.add(
            None,
            format!("the import table is broken ({error})"),
            "build it again: no linker writes this",
        );
    }
}

fn modules(file: &ImageFile, findings: &mut Findings<'_>) {
    let mut modules: Vec<String> =
        imports(file).unwrap_or_default().into_iter().map(|import| import.module).collect();
    modules.dedup();
    for module in modules {
        if !module.ends_with(".sys")
            && !KERNEL.contains(&module.as_str())
            && !module.starts_with("ext-ms-win-ntos-")
        {
            findings.add(
                None,
                format!("imports from {module}, which is no module of the kernel"),
                "link to the kernel's import libraries only, with /NODEFAULTLIB",
            );
        }
    }
}

/// The first Windows of a function, if its page names one after XP.
fn first_windows(name: &str) -> Option<(&'static str, (u32, u32, u32))> {
    let (_, version) = rows(FIRST_WINDOWS).find(|(function, _)| *function == name)?;
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    Some((version, (next(), next(), next())))
}

fn rows(list: &'static str) -> impl Iterator<Item = (&'static str, &'static str)> {
    list.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'))
}

fn too_new(file: &ImageFile, findings: &mut Findings<'_>) {
    for (module, name) in named(file) {
        let Some((version, first)) = first_windows(&name) else { continue };
        if first > file.oldest {
            let (major, minor, build) = file.oldest;
            findings.add(
                None,
                format!("{module}!{name} exists since NT {version}, but the package is for {major}.{minor}.{build} too"),
                "ask for it at run time with MmGetSystemRoutineAddress, or leave older Windows out of the INF",
            );
        }
    }
}

fn xp(file: &ImageFile, findings: &mut Findings<'_>) {
    let amd64 =
        file.pe().is_some_and(|pe| pe.nt_headers().file_header.machine.get(LE) == IMAGE_FILE_MACHINE_AMD64);
    if !amd64 || file.oldest > (5, 2, 0) {
        return;
    }
    for (module, name) in named(file) {
        let listed = || {
            rows(XP_KERNEL).any(|(known, function)| function == name && known.eq_ignore_ascii_case(&module))
        };
        if ["ntoskrnl.exe", "hal.dll"].contains(&module.as_str())
            && first_windows(&name).is_none()
            && !listed()
        {
            findings.add(
                None,
                format!("{module}!{name} is not among the known exports of Windows XP x64"),
                "headers may have it as an inline function for that Windows; otherwise find another way",
            );
        }
    }
}

fn numbers(file: &ImageFile, findings: &mut Findings<'_>) {
    for import in imports(file).unwrap_or_default() {
        if let Err(number) = import.function {
            findings.add(
                None,
                format!("{} is imported by number {number}", import.module),
                "import by name: numbers change from one Windows to the next",
            );
        }
    }
}

fn never(file: &ImageFile, findings: &mut Findings<'_>) {
    for (module, name) in named(file) {
        if NEVER.contains(&name.as_str()) {
            findings.add(
                None,
                format!("{module}!{name} is documented, but no ks.sys exports it"),
                "use KsPinGetConnectedPinInterface, or handle the intersection yourself",
            );
        }
    }
}
