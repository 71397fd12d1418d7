//! What the commands of both systems share: arguments, and the run through the checks.

use std::{
    fs::File,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::{
    Check, Outcome,
    bench::{self, Bench, Promises},
    check,
    report::{self, Report},
    system::System,
    wire::guid,
};

/// Arguments of a run.
#[derive(Clone, Debug, clap::Args)]
pub struct Suite {
    /// A category in which the driver promises a filter, and in no others: a GUID or a name such as
    /// KSCATEGORY_VIDEO_CAMERA; may be repeated
    #[arg(long, value_name = "CATEGORY", value_parser = category)]
    pub category: Vec<ks_sys::GUID>,
    /// Only filters with this in their name, reference string or link
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// A family (A to H) or a check (such as B6); may be repeated
    #[arg(long, value_name = "LETTER|NUMBER")]
    pub family: Vec<String>,
    /// Random requests that H10 sends
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub requests: u64,
    /// How often D9 makes and ends a connection; H3 restarts the driver a hundredth as often, H11 plays a
    /// five-hundredth as many rounds
    #[arg(long, value_name = "N", default_value_t = bench::ROUNDS)]
    pub rounds: u32,
    /// Lists the checks and makes none
    #[arg(long)]
    pub list: bool,
    /// Writes what is shown to a file as well, check by check: what is there when a driver has stopped the computer
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// Writes the report as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Writes the report as HTML
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn category(text: &str) -> Result<ks_sys::GUID, String> {
    guid::by_name(text)
        .or_else(|| guid::parse(text))
        .ok_or_else(|| format!("{text:?} is neither a GUID nor a category such as KSCATEGORY_CAPTURE"))
}

/// The list of all checks.
pub fn list() -> String {
    let mut text = String::new();
    let mut before = None;
    for check in check::all() {
        if let Some(heading) = report::heading(check.id, before) {
            text.push_str(&format!("{heading}\n"));
        }
        text.push_str(&format!("\t{} {}\n\t\t{}\n", check.id, check.title, crate::page::url(check.page)));
        before = Some(check.id);
    }
    text
}

impl Suite {
    /// What the user promises.
    pub fn promises(&self) -> Promises {
        Promises { categories: self.category.clone(), filter: self.filter.clone() }
    }

    /// A bench as the arguments say.
    pub fn bench<'a>(&self, system: &'a dyn System) -> Bench<'a> {
        let mut bench = Bench::new(system, self.promises());
        (bench.requests, bench.rounds) = (self.requests, self.rounds);
        bench
    }

    /// Makes the chosen checks one after the other, shows and writes the report; true if none failed.
    pub fn run(
        &self,
        driver: String,
        system: String,
        mut make: impl FnMut(&'static Check) -> Outcome,
    ) -> Result<bool, String> {
        let checks = check::select(&self.family)?;
        let mut text = Text::new(self.text.as_deref())?;
        text.put(&format!("KS compliance of {driver} on {system}\n\n"))?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        for check in checks {
            let before = outcomes.last().map(|outcome| outcome.id.as_str());
            if let Some(heading) = report::heading(check.id, before) {
                text.put(&format!("{heading}\n"))?;
            }
            text.put(&report::begin(check.id, check.title))?;
            let outcome = make(check);
            text.put(&report::end(&outcome))?;
            outcomes.push(outcome);
        }
        let report = Report::new(driver, system, outcomes);
        text.put(&format!("\n{}\n", report.totals_line()))?;
        for (path, text) in [(&self.json, report.json()), (&self.html, report.html())] {
            if let Some(path) = path {
                std::fs::write(path, text).map_err(|error| cannot_write(path, &error))?;
            }
        }
        Ok(report.is_ok())
    }
}

/// Where the text goes: to the terminal, and to a file if there is one.
struct Text<'a> {
    file: Option<(&'a Path, File)>,
}

impl<'a> Text<'a> {
    fn new(path: Option<&'a Path>) -> Result<Self, String> {
        let open =
            |path| File::create(path).map(|file| (path, file)).map_err(|error| cannot_write(path, &error));
        Ok(Self { file: path.map(open).transpose()? })
    }

    fn put(&mut self, text: &str) -> Result<(), String> {
        print!("{text}");
        let _ = io::stdout().flush();
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        // The next check may stop the computer.
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_data())
            .map_err(|error| cannot_write(path, &error))
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}
