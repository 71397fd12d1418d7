//! The image of a ks.sys in place of the rig's own (`--ks FILE`; tests/c/ks.c stands in for one).

use std::process::Command;

use ksrig::{
    client::{Error, Rig},
    nt::{pnp, trace},
    pe::LoadError,
};
use loopcam_tests::images;

/// Drivers import from the image, which imports from the executive alone; what it imports and nobody plays is named;
/// the rig's own ks.sys is not there.
#[test]
fn an_image_takes_the_place_of_ks() {
    let rig = Rig::builder().ks_image(&images::raw("c-ks")).build();
    let driver = rig.load(images::raw("c-ks-client")).unwrap_or_else(|error| panic!("{error}"));
    let prints: Vec<_> =
        rig.events().into_iter().filter(|event| event.kind == "print").map(|event| event.detail).collect();
    let expected = [
        "ks: DllInitialize \\Registry\\Machine\\System\\CurrentControlSet\\Services\\ks",
        "client: DriverEntry",
        "ks: KsInitializeDriver \\Registry\\Machine\\System\\CurrentControlSet\\Services\\c-ks-client descriptor 1",
        "ks: AddDevice of \\Driver\\c-ks-client",
    ];
    assert_eq!(prints, expected);
    assert_eq!(rig.unplayed_imports_of_ks(), ["ntoskrnl.exe!IoRegisterFsRegistrationChange"]);
    assert!(trace::events().iter().any(|event| event.kind == "not_emulated"));
    drop(driver);
}

/// A name that the image does not export is missing, though the rig's own ks.sys has it.
#[test]
fn a_name_that_the_image_lacks_is_missing() {
    let rig = Rig::builder().ks_image(&images::raw("c-ks")).build();
    match rig.load(images::raw("c-ks-client-more")) {
        Err(Error::Load { reason: pnp::Error::Image(LoadError::MissingImport(missing)), .. }) => {
            assert_eq!(missing.len(), 1);
            assert_eq!((missing[0].dll.as_str(), missing[0].name.as_str()), ("ks.sys", "KsGetFirstChild"));
        }
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it was loaded"),
    }
}

/// The command says what the image needs and does not get; a file that is no image is an error.
#[test]
fn the_command_is_loud() {
    let run = |ks: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ksrig-under-test"));
        command.arg("info").arg(images::raw("c-ks-client")).arg("--ks").arg(ks);
        let output = command.output().expect("the command runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = run(images::raw("c-ks").to_str().expect("a path"));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("IoRegisterFsRegistrationChange"), "{text}");
    let (code, text) = run("/no/such/ks.sys");
    assert!(code == Some(1) && text.contains("/no/such/ks.sys"), "{text}");
}
