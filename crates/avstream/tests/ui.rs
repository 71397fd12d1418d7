//! What must not compile does not, and says why.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test -p avstream --test ui`, and read what changed.

#[test]
fn mistakes_do_not_compile() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
