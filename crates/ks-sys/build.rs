//! Bindings to ks.h and ksmedia.h, from one input header for both sides of the ABI.

#[cfg(not(feature = "driver"))]
use std::path::Path;
use std::{collections::BTreeMap, env, error::Error, fs, path::PathBuf};

use bindgen::Builder;

/// windef.h comes first: ks.h needs its CDECL.
const HEADER: &str = "\
#include \"ntifs.h\"
#include \"ntddk.h\"
#include \"ntstrsafe.h\"
#include \"windef.h\"
#include \"unknown.h\"
#include \"ks.h\"
#include \"ksmedia.h\"
";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=mingw");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (builder, include) = builder()?;
    let guids = guids(&include)?;
    let builder = guids.keys().fold(builder, |builder, name| builder.blocklist_var(name));
    builder.header_contents("ks-input.h", HEADER).generate()?.write_to_file(out.join("ks.rs"))?;
    fs::write(out.join("guids.rs"), guids.into_values().collect::<String>())?;
    Ok(())
}

/// The GUIDs as constants: the headers only declare them, and one `DEFINE_GUIDSTRUCT("text", NAME)`
/// in ks.h or ksmedia.h says each value.
fn guids(include: &[PathBuf]) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let mut guids = BTreeMap::new();
    for header in ["ks.h", "ksmedia.h"] {
        let text = fs::read_to_string(find(include, header)?)?;
        for line in text.lines() {
            let Some(arguments) = line.trim().strip_prefix("DEFINE_GUIDSTRUCT(\"") else { continue };
            let Some((value, rest)) = arguments.split_once('"') else { continue };
            let name = rest.trim_matches(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let digits: String = value.to_uppercase().chars().filter(char::is_ascii_hexdigit).collect();
            if digits.len() == 32 {
                let code = format!("/// `{{{value}}}`\npub const {name}: GUID = guid(0x{digits});\n");
                guids.entry(name.to_owned()).or_insert(code);
            }
        }
    }
    if guids.len() < 100 {
        return Err(format!("only {} GUIDs found in ks.h and ksmedia.h", guids.len()).into());
    }
    Ok(guids)
}

/// The first file of that name on the include path.
fn find(include: &[PathBuf], header: &str) -> Result<PathBuf, String> {
    let mut paths = include.iter().map(|directory| directory.join(header));
    paths.find(|path| path.exists()).ok_or_else(|| format!("{header} is not on the include path"))
}

/// On wdk-sys, in its own style.
#[cfg(feature = "driver")]
fn builder() -> Result<(Builder, Vec<PathBuf>), Box<dyn Error>> {
    use bindgen::callbacks::{DeriveTrait, ImplementsTrait, ParseCallbacks};
    use wdk_build::{BuilderExt, Config};

    /// Every type of the blocklisted NT headers is `Copy`, so that unions which mention one stay unions.
    #[derive(Debug)]
    struct NtTypesAreCopy;

    impl ParseCallbacks for NtTypesAreCopy {
        fn blocklisted_type_implements_trait(&self, _: &str, derive: DeriveTrait) -> Option<ImplementsTrait> {
            matches!(derive, DeriveTrait::Copy).then_some(ImplementsTrait::Yes)
        }
    }

    let config = Config::from_env_auto()?;
    config.configure_library_build()?;
    println!("cargo::rerun-if-env-changed=WDKContentRoot");
    // wdk-build's link settings find it beside ntoskrnl.lib.
    println!("cargo::rustc-link-lib=ks");
    let include = config.include_paths()?.collect();
    let builder = Builder::wdk_default(&config)?
        .allowlist_file(r"(?i).*[/\\]ks(media)?\.h")
        // windef.h's and unknown.h's, used by ks*.h and not part of wdk-sys
        .allowlist_type("WINBOOL|BYTE|WORD|DWORD|FLOAT|COLORREF|RECT|tagRECT|SIZE|tagSIZE|POINT|tagPOINT")
        .allowlist_type("IUnknown|IUnknownVtbl|INonDelegatedUnknown|INonDelegatedUnknownVtbl|PUNKNOWN|PNONDELEGATEDUNKNOWN")
        .allowlist_recursively(false)
        .parse_callbacks(Box::new(NtTypesAreCopy))
        .raw_line("use wdk_sys::*;");
    Ok((builder, include))
}

/// For a Linux process that plays Windows: C's `long` has 32 bits and functions are called as on Windows.
#[cfg(not(feature = "driver"))]
fn builder() -> Result<(Builder, Vec<PathBuf>), Box<dyn Error>> {
    use bindgen::{Abi, CodegenConfig, EnumVariation};

    const LLVM: &str = "/usr/lib/llvm-22/lib";
    const MINGW: &str = "/usr/share/mingw-w64/include";
    if !PathBuf::from(MINGW).join("ddk/ntifs.h").exists() || !PathBuf::from(LLVM).exists() {
        return Err(format!("{MINGW}/ddk or {LLVM} is missing: run `cargo xtask setup`").into());
    }
    if env::var_os("LIBCLANG_PATH").is_none() {
        // SAFETY: a build script has one thread.
        unsafe { env::set_var("LIBCLANG_PATH", LLVM) };
    }
    let shims = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("mingw");
    let include = vec![shims, PathBuf::from(MINGW).join("ddk"), PathBuf::from(MINGW)];
    let builder = Builder::default()
        .use_core()
        .ctypes_prefix("crate::llp64")
        .derive_default(true)
        .generate_cstr(true)
        .detect_include_paths(false)
        .with_codegen_config(CodegenConfig::TYPES | CodegenConfig::VARS)
        .clang_args([
            "--target=x86_64-pc-windows-msvc",
            "-fno-builtin",
            "-fms-compatibility",
            "-fms-extensions",
        ])
        .clang_args(["-D_WIN64", "-D_AMD64_", "-DAMD64", "-D_KERNEL_MODE"])
        // mingw-w64's headers want a compiler that says it is GCC
        .clang_args([&format!("-resource-dir={LLVM}/clang/22"), "-fgnuc-version=13.2"])
        .clang_args(include.iter().map(|directory| format!("-I{}", directory.display())))
        .override_abi(Abi::Win64, ".*")
        .default_enum_style(EnumVariation::ModuleConsts)
        .allowlist_file(r".*[/\\](ks|ksmedia|wdm|ntddk|ntifs|unknown)\.h")
        .opaque_type("_KGDTENTRY64|_KIDTENTRY64")
        .blocklist_item(".*MCG_CAP(?:__bindgen.*)?")
        .must_use_type("NTSTATUS")
        .raw_line(statuses(&find(&include, "ntstatus.h")?)?);
    Ok((builder, include))
}

/// The `STATUS_` codes, which are casts that bindgen does not evaluate (wdk-sys has its own list).
#[cfg(not(feature = "driver"))]
fn statuses(header: &Path) -> Result<String, Box<dyn Error>> {
    use std::fmt::Write as _;

    let mut code = String::new();
    for line in fs::read_to_string(header)?.lines() {
        let mut words = line.split_whitespace();
        let (Some("#define"), Some(name), Some(value)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(value) = value.strip_prefix("((NTSTATUS)").and_then(|v| v.strip_suffix(')')) else {
            continue;
        };
        if name.starts_with("STATUS_") && value.starts_with("0x") {
            writeln!(code, "pub const {name}: NTSTATUS = {value}_u32 as NTSTATUS;")?;
        }
    }
    Ok(code)
}
