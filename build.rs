//! Link settings of a kernel driver, and its version resource.

use std::{env, error::Error, fs, path::PathBuf};

use version_resource::VersionInfo;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    wdk_build::configure_wdk_binary_build()?;
    // After wdk-build's own arguments, because the linker takes the last word on each.
    // The oldest Windows that is to load it:
    println!(
        "cargo::rustc-cdylib-link-arg={}",
        match env::var_os("CARGO_FEATURE_DOWNLEVEL") {
            Some(_) => "/SUBSYSTEM:NATIVE,5.02",
            None => "/SUBSYSTEM:NATIVE,10.00",
        }
    );
    // The image says that it is a WDM driver, as Visual Studio's project type has it.
    println!("cargo::rustc-cdylib-link-arg=/DRIVER:WDM");
    // lld-link leaves the header's checksum empty without it; link.exe fills it with /DRIVER anyway.
    println!("cargo::rustc-cdylib-link-arg=/RELEASE");
    // No date: the same sources give the same image.
    println!("cargo::rustc-cdylib-link-arg=/BREPRO");
    println!("cargo::rustc-cdylib-link-arg={}", version_resource()?.display());
    Ok(())
}

/// What Explorer and Driver Verifier show. The version is the INF's DriverVer as well.
fn version_resource() -> Result<PathBuf, Box<dyn Error>> {
    let package = env::var("CARGO_PKG_VERSION")?;
    let version = version_resource::of_package(&package).ok_or("the package's version has three numbers")?;
    let text = version.map(|number| number.to_string()).join(".");
    let resource = VersionInfo {
        version,
        strings: &[
            ("CompanyName", "Loopcam"),
            ("FileDescription", "Loopcam loopback camera driver"),
            ("FileVersion", &text),
            ("InternalName", "loopcam.sys"),
            ("LegalCopyright", &env::var("CARGO_PKG_LICENSE")?),
            ("OriginalFilename", "loopcam.sys"),
            ("ProductName", "Loopcam"),
            ("ProductVersion", &text),
        ],
    };
    let file = PathBuf::from(env::var("OUT_DIR")?).join("version.res");
    fs::write(&file, resource.to_res()?)?;
    Ok(file)
}
