//! Link settings of a kernel driver.

fn main() -> Result<(), wdk_build::ConfigError> {
    wdk_build::configure_wdk_binary_build()?;
    // After wdk-build's own arguments, because the linker takes the last word on each.
    println!("cargo::rustc-cdylib-link-arg=/SUBSYSTEM:NATIVE,10.00");
    println!("cargo::rustc-cdylib-link-arg=/DRIVER:WDM");
    println!("cargo::rustc-cdylib-link-arg=/RELEASE");
    Ok(())
}
