//! Link settings of a kernel driver.

fn main() -> Result<(), wdk_build::ConfigError> {
    // lld-link leaves the header's checksum empty without it; link.exe fills it with /DRIVER anyway.
    println!("cargo::rustc-cdylib-link-arg=/RELEASE");
    wdk_build::configure_wdk_binary_build()
}
