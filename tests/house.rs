//! Promises about the source tree (design, section 2).

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use loopcam_tests::{images::root, movie};
use serde_json::Value;

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The lines of code with a word in them, without comments.
fn lines_with(files: &[PathBuf], word: &str) -> Vec<String> {
    let is_word =
        |line: &str| line.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|part| part == word);
    let mut found = Vec::new();
    for path in files {
        let text = fs::read_to_string(path).expect("source text");
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        found.extend(code.filter(|line| is_word(line)).map(|line| format!("{}: {line}", path.display())));
    }
    found
}

/// The driver has at most one `unsafe` item: the exported entry point.
#[test]
fn driver_is_safe() {
    let found = lines_with(&sources(&root().join("src")), "unsafe");
    assert!(found.len() <= 1, "{found:#?}");
}

/// Crate video forbids unsafe code, and has none.
#[test]
fn video_is_safe() {
    let folder = root().join("crates/video/src");
    let library = fs::read_to_string(folder.join("lib.rs")).expect("lib.rs");
    assert!(library.lines().any(|line| line == "#![forbid(unsafe_code)]"));
    assert!(library.lines().any(|line| line == "#![no_std]"));
    assert_eq!(lines_with(&sources(&folder), "unsafe"), [""; 0]);
}

/// Every unsafe block of the safe layer, the bindings and the specimens says why it is right.
#[test]
fn lints_are_on() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    for lint in [
        "undocumented_unsafe_blocks = \"deny\"",
        "missing_docs = \"deny\"",
        "unsafe_op_in_unsafe_fn = \"deny\"",
    ] {
        assert!(manifest.contains(lint), "{lint}");
    }
    for package in packages().values() {
        let manifest = package["manifest_path"].as_str().expect("a path");
        let text = fs::read_to_string(manifest).expect("a manifest");
        assert!(text.contains("[lints]\nworkspace = true"), "{manifest}");
    }
}

/// What cargo says about the packages of the workspace, by name.
fn packages() -> BTreeMap<String, Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = movie::run(
        Command::new(cargo)
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--locked"])
            .current_dir(root()),
    );
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages").clone();
    packages
        .into_iter()
        .map(|package| (package["name"].as_str().expect("a name").to_owned(), package))
        .collect()
}

/// Arrows run one way: `loopcam -> avstream -> ks-sys`, `loopcam -> video`; the rig meets the driver as a file only.
#[test]
fn arrows_run_one_way() {
    let packages = packages();
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("avstream", ["ks-sys"].as_slice()),
        ("driver-package", &[]),
        ("ks-compliance", &["ks-sys"]),
        ("ks-sys", &[]),
        ("ksrig", &["ks-compliance", "ks-sys"]),
        ("loopcam", &["avstream", "loopcam-api", "version-resource", "video"]),
        ("loopcam-api", &[]),
        ("loopcam-fuzz", &["driver-package", "ks-compliance", "ks-sys", "ksrig"]),
        ("loopcam-mutants", &["ks-sys"]),
        ("loopcam-raw", &["ks-sys"]),
        ("loopcam-tests", &["driver-package", "ks-sys", "ksrig", "loopcam-api", "video"]),
        ("version-resource", &[]),
        ("video", &[]),
        ("xtask", &["driver-package", "version-resource"]),
    ]);
    assert_eq!(
        packages.keys().map(String::as_str).collect::<Vec<_>>(),
        allowed.keys().copied().collect::<Vec<_>>()
    );
    for (name, package) in &packages {
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let other = dependency["name"].as_str().expect("a name");
            // Tests of a layer may look at what lies beside it.
            if packages.contains_key(other) && dependency["kind"].as_str() != Some("dev") {
                assert!(allowed[name.as_str()].contains(&other), "{name} depends on {other}");
            }
        }
    }
}

/// The modules at the top of its crate that a source names: in `crate::x` and in `crate::{x, y::z}`.
fn modules(text: &str) -> BTreeSet<String> {
    let code = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join(" ");
    let words = code.split_whitespace().collect::<Vec<_>>().join(" ").replace("{ ", "{").replace(", ", ",");
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut found = BTreeSet::new();
    for (at, import) in words.match_indices("crate::") {
        let rest = &words[at + import.len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut before) = (0, ',');
        for (at, c) in group.char_indices() {
            if depth == 0 && before == ',' {
                found.insert(name(&group[at..]));
            }
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                _ => {}
            }
            before = c;
        }
    }
    found
}

/// The layers of the rig import downwards only.
#[test]
fn layers_of_the_rig() {
    const LAYERS: [&str; 7] = ["pe", "nt", "ks", "verifier", "client", "report", "cli"];
    let example =
        "use crate::{\n    ks::{self, pin},\n    // no: client\n    nt,\n};\nfn f() { crate::pe::g() }";
    assert_eq!(modules(example).iter().map(String::as_str).collect::<Vec<_>>(), ["", "ks", "nt", "pe"]);
    let folder = root().join("crates/ksrig/src");
    for (height, layer) in LAYERS.iter().enumerate() {
        let files = sources(&folder.join(layer));
        assert!(!files.is_empty(), "{layer}");
        for path in files {
            let found = modules(&fs::read_to_string(&path).expect("source text"));
            let above = LAYERS[height + 1..].iter().find(|above| found.contains(**above));
            assert!(above.is_none(), "{} imports {above:?}", path.display());
        }
    }
}

/// Small files: one noun each.
#[test]
fn small_files() {
    for path in ["src", "crates", "tests"].map(|folder| sources(&root().join(folder))).concat() {
        let lines = fs::read_to_string(&path).expect("source text").lines().count();
        let is_test = path.components().any(|part| part.as_os_str() == "tests");
        assert!(is_test || lines <= 500, "{} has {lines} lines", path.display());
    }
}

/// README names the parts and the two commands; both files of the licence are there.
#[test]
fn readme() {
    let text = fs::read_to_string(root().join("README.md")).expect("README.md");
    for part in ["cargo xtask demo", "cargo xtask test", "avstream", "ksrig"] {
        assert!(text.contains(part), "README.md does not mention {part}");
    }
    for file in ["LICENSE-MIT", "LICENSE-APACHE", ".ci/run", "Makefile.toml"] {
        assert!(root().join(file).exists(), "{file}");
    }
}

/// What is assumed where the documentation is silent stands in docs/fidelity.md, place by place (design, section 6).
#[test]
fn assumptions_are_listed() {
    let page = fs::read_to_string(root().join("docs/fidelity.md")).expect("docs/fidelity.md");
    let mut places = 0;
    for folder in ["src", "crates"] {
        for path in sources(&root().join(folder)) {
            let text = fs::read_to_string(&path).expect("source text");
            let marks = text.lines().filter(|line| line.contains("ASSUMED") && !line.contains("`ASSUMED:`"));
            let marked = marks.count();
            let path = path.strip_prefix(root()).expect("a path of the house").display().to_string();
            let listed = page.lines().filter(|line| line.starts_with(&format!("| `{path}` |"))).count();
            assert_eq!(marked, listed, "{path}: places marked ASSUMED, rows in docs/fidelity.md");
            places += marked;
        }
    }
    assert!(places > 20, "the marks are not found any more");
}
