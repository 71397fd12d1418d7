//! `cargo xtask build`: the driver and the raw test drivers, cross-built.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package};
use clap::{Args, ValueEnum};

use crate::{
    c_driver, house,
    linked::Linked,
    mutants, process, rustc_wrapper,
    setup::{self, Purpose},
    toolchain::{self, Route},
    wdk_tree::{self, WdkTree},
};

/// Build the driver for Windows.
///
/// Leaves loopcam.sys with its symbols (loopcam.pdb, loopcam.map) in target/driver/default/ and
/// target/driver/downlevel/, and the raw test drivers of tests/drivers/ in target/driver/tests/ and
/// target/driver/mutants/. The first build takes a few minutes (the WDK's bindings are generated), later ones seconds. The same sources and tools give the same
/// bytes, wherever and whenever they are built.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo xtask build --flavour downlevel\n  cargo xtask build --flavour arm64"
)]
pub struct Options {
    /// For which Windows
    #[arg(long, value_enum, default_value_t = Flavours::X64)]
    pub flavour: Flavours,
    /// How to compile
    #[arg(long, value_enum, default_value_t = Profile::Release)]
    pub profile: Profile,
    /// Leave the raw test drivers out
    #[arg(long)]
    pub no_tests: bool,
    /// Build nothing but the raw test drivers
    #[arg(long, conflicts_with_all = ["no_tests", "flavour"])]
    pub only_tests: bool,
}

/// A choice of flavours.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Flavours {
    /// Windows 10 2004 and later
    Default,
    /// Windows XP x64 to Windows 10 1909
    Downlevel,
    /// Windows 10 2004 and later on ARM64; nothing here can run it
    Arm64,
    /// Both for x64
    X64,
    /// All three
    All,
}

impl Flavours {
    /// One by one.
    pub fn each(self) -> &'static [Flavour] {
        match self {
            Self::Default => &[Flavour::Default],
            Self::Downlevel => &[Flavour::Downlevel],
            Self::Arm64 => &[Flavour::Arm64],
            Self::X64 => &[Flavour::Default, Flavour::Downlevel],
            Self::All => &[Flavour::Default, Flavour::Downlevel, Flavour::Arm64],
        }
    }
}

/// For which Windows a driver is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// Windows 10 2004 and later.
    Default,
    /// Windows XP x64 to Windows 10 1909.
    Downlevel,
    /// Windows 10 2004 and later on ARM64.
    Arm64,
}

impl Flavour {
    /// The folder's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Downlevel => "downlevel",
            Self::Arm64 => "arm64",
        }
    }

    /// The compiler's name of the processor and system.
    pub fn target(self) -> &'static str {
        match self {
            Self::Default | Self::Downlevel => toolchain::TARGET,
            Self::Arm64 => toolchain::ARM64,
        }
    }

    /// The feature of the package that makes it.
    pub fn feature(self) -> Option<&'static str> {
        match self {
            Self::Default | Self::Arm64 => None,
            Self::Downlevel => Some("downlevel"),
        }
    }

    /// Where the built driver is.
    pub fn image(self) -> PathBuf {
        house::driver().join(self.name()).join("loopcam.sys")
    }
}

/// Cargo's profile.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Optimised as a whole: what is shipped
    Release,
    /// Quick to compile, with checks of arithmetic
    Dev,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "debug",
        }
    }
}

/// The command.
pub fn run(options: &Options) -> Result<()> {
    let workshop = Workshop::open()?;
    if !options.only_tests {
        for &flavour in options.flavour.each() {
            workshop.driver(flavour, options.profile)?;
        }
    }
    if !options.no_tests {
        workshop.test_drivers(options.profile)?;
    }
    Ok(())
}

/// Run any cargo command for the driver's target, in the environment of `build`.
///
/// For work on the crates that only compile for Windows. --locked, --target and --target-dir are added.
#[derive(Args)]
#[command(after_help = "Examples:
  cargo xtask cargo check --release --package avstream
  cargo xtask cargo doc --release --no-deps --package avstream")]
pub struct CargoOptions {
    /// The subcommand and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// The command.
pub fn run_cargo(options: &CargoOptions) -> Result<()> {
    let (subcommand, arguments) = options.arguments.split_first().context("which cargo command?")?;
    process::run(Workshop::open()?.cargo(subcommand)?.args(arguments))
}

/// Everything that a driver build needs, ready; one build at a time.
pub struct Workshop {
    route: Route,
    tree: WdkTree,
    target_dir: PathBuf,
    /// Both flavours leave cargo under the same file name, so nobody else may build before the copy is made.
    _lock: File,
}

impl Workshop {
    /// Installs what is missing, chooses the toolchain and makes the WDK's stand-in.
    pub fn open() -> Result<Self> {
        setup::ensure(Purpose::Build)?;
        let route = Route::choose()?;
        let target_dir = house::driver().join("cargo");
        fs::create_dir_all(&target_dir).with_context(|| format!("cannot make {}", target_dir.display()))?;
        let path = house::driver().join("lock");
        let lock = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        if lock.try_lock().is_err() {
            println!("waiting for another driver build");
            lock.lock().with_context(|| format!("cannot lock {}", path.display()))?;
        }
        let tree = wdk_tree::make()?;
        discard_stale(&target_dir, &tree)?;
        Ok(Self { route, tree, target_dir, _lock: lock })
    }

    /// The compilers in use, for people.
    pub fn route(&self) -> Route {
        self.route
    }

    /// Where cargo leaves what it makes; whoever builds there holds the workshop.
    pub fn target_dir(&self) -> &Path {
        &self.target_dir
    }

    /// A cargo command for packages of the driver's side.
    pub fn cargo(&self, subcommand: &str) -> Result<Command> {
        self.cargo_for(toolchain::TARGET, subcommand)
    }

    fn cargo_for(&self, target: &str, subcommand: &str) -> Result<Command> {
        self.route.cargo(target, &self.tree, &self.target_dir, subcommand)
    }

    /// Builds loopcam.sys; gives its path.
    pub fn driver(&self, flavour: Flavour, profile: Profile) -> Result<PathBuf> {
        let image = flavour.image();
        self.build("loopcam", flavour.target(), flavour.feature(), profile, &image)?;
        Ok(image)
    }

    /// Builds every variant of every raw test driver; gives their paths.
    pub fn test_drivers(&self, profile: Profile) -> Result<Vec<PathBuf>> {
        let folder = house::driver().join("tests");
        let mut images = Vec::new();
        for package in test_driver_packages(&metadata()?) {
            if let Some(table) = mutants::table(package) {
                images.extend(self.mutants(package, &table, profile)?);
                continue;
            }
            for (name, feature) in variants(package) {
                let image = folder.join(name).with_extension("sys");
                self.build(&package.name, toolchain::TARGET, feature, profile, &image)?;
                images.push(image);
            }
        }
        images.extend(c_driver::build(&folder, &self.tree.libraries())?);
        Ok(images)
    }

    /// Builds the mutants of a package: one image under many names.
    pub fn mutants(&self, package: &Package, table: &Path, profile: Profile) -> Result<Vec<PathBuf>> {
        let sound = mutants::folder().join("Sound.sys");
        self.build(&package.name, toolchain::TARGET, None, profile, &sound)?;
        mutants::link(&sound, table)
    }

    fn build(
        &self,
        package: &str,
        target: &str,
        features: Option<&str>,
        profile: Profile,
        image: &Path,
    ) -> Result<()> {
        println!("building {} with {}", house::short(image), self.route.name());
        let start = Instant::now();
        let mut cargo = self.cargo_for(target, "build")?;
        cargo.args(["--package", package, "--profile", profile.name()]);
        if let Some(features) = features {
            cargo.args(["--features", features]);
        }
        process::run(&mut cargo)?;
        let made = self.target_dir.join(target).join(profile.folder());
        let place = image.parent().context("an image lies in a folder")?;
        fs::create_dir_all(place).with_context(|| format!("cannot make {}", place.display()))?;
        let crate_name = package.replace('-', "_");
        let read = |folder: &str, extension: &str| {
            let path = made.join(folder).join(&crate_name).with_extension(extension);
            fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
        };
        // The linker writes the map beside its own output; cargo does not know of it.
        let mut linked = Linked { image: read("", "dll")?, pdb: read("", "pdb")?, map: read("deps", "map")? };
        linked.identify().with_context(|| format!("{} as it was linked", house::short(image)))?;
        for (extension, content) in [("sys", &linked.image), ("pdb", &linked.pdb), ("map", &linked.map)] {
            replace(&image.with_extension(extension), content)?;
        }
        println!("built    {} in {:.1} s", house::short(image), start.elapsed().as_secs_f32());
        Ok(())
    }
}

/// Empties cargo's folder if something changed that cargo does not look at.
fn discard_stale(target_dir: &Path, tree: &WdkTree) -> Result<()> {
    let mut hasher = DefaultHasher::new();
    (rustc_wrapper::SOURCES, tree.fingerprint).hash(&mut hasher);
    let content = format!("{:016x}\n", hasher.finish());
    let stamp = target_dir.join("stamp");
    if fs::read_to_string(&stamp).is_ok_and(|old| old == content) {
        return Ok(());
    }
    fs::remove_dir_all(target_dir).with_context(|| format!("cannot remove {}", target_dir.display()))?;
    fs::create_dir_all(target_dir).with_context(|| format!("cannot make {}", target_dir.display()))?;
    fs::write(&stamp, content).with_context(|| format!("cannot write {}", stamp.display()))
}

/// Writes a file in one step, so that who has the old one open keeps the old content.
pub fn replace(file: &Path, content: &[u8]) -> Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, content).with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, file).with_context(|| format!("cannot write {}", file.display()))
}

/// Takes what is compiled of other people's crates along to another folder with the sources, if there is any.
pub fn take_along(root: &Path) -> Result<()> {
    let compiled = Path::new("target/driver/cargo");
    let from = house::root().join(compiled);
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(root.join("target/driver"))?;
    // With their dates, by which cargo tells what is new.
    process::run(Command::new("cp").args(["--archive", "--reflink=auto"]).args([from, root.join(compiled)]))
}

/// What cargo says about the workspace.
pub fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(house::root().join("Cargo.toml")).no_deps();
    command.other_options(["--locked".to_owned()]);
    command.exec().context("cargo metadata failed")
}

/// The raw test drivers: the packages under tests/drivers/.
pub fn test_driver_packages(metadata: &Metadata) -> Vec<&Package> {
    let folder = house::root().join("tests/drivers");
    metadata
        .workspace_packages()
        .into_iter()
        .filter(|package| package.manifest_path.starts_with(&folder))
        .collect()
}

/// The images that a package makes, each with the feature that makes it: one per entry of
/// `[package.metadata.ksrig] variants`, or one of the package's own name.
pub fn variants(package: &Package) -> Vec<(&str, Option<&str>)> {
    match package.metadata["ksrig"]["variants"].as_array() {
        Some(names) => names.iter().filter_map(|name| name.as_str()).map(|name| (name, Some(name))).collect(),
        None => vec![(package.name.as_str(), None)],
    }
}
