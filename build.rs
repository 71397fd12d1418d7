//! Link settings of a kernel driver.

use std::env;

fn main() -> Result<(), wdk_build::ConfigError> {
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
    Ok(())
}
