//! Collects what the rules find.

use super::{Check, Finding, Package, Profile, Rule};

/// Where a rule's function puts what it finds. It knows the rule and the file in question.
pub struct Findings<'a> {
    package: &'a Package,
    rule: Option<&'static Rule>,
    file: &'a str,
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// Nothing yet.
    pub(super) fn new(package: &'a Package) -> Self {
        Self { package, rule: None, file: "", list: Vec::new() }
    }

    /// Adds what breaks a rule.
    pub(super) fn check(&mut self, rule: &'static Rule) {
        self.rule = Some(rule);
        match rule.check {
            Check::Package(check) => {
                self.file = "";
                check(self.package, self);
            }
            Check::Inf(check) => {
                for inf in &self.package.infs {
                    self.file = &inf.name;
                    check(inf, self);
                }
            }
            Check::Image(check) => {
                for image in &self.package.images {
                    self.file = &image.name;
                    check(image, self);
                }
            }
            Check::Catalog(check) => {
                for file in &self.package.catalogs {
                    self.file = &file.name;
                    let Ok(catalog) = &file.catalog else { continue };
                    check(catalog, self);
                }
            }
            Check::Signature(check) => {
                for signed in &self.package.signed {
                    self.file = &signed.name;
                    check(signed, self);
                }
            }
        }
    }

    /// The package.
    pub fn package(&self) -> &'a Package {
        self.package
    }

    /// Whose rules apply to the file in question.
    pub fn profile(&self) -> Profile {
        self.package.profile(self.file)
    }

    /// Adds a finding about the file in question: a line's number, or `None`; what is there; what to do.
    pub fn add(
        &mut self,
        line: impl Into<Option<usize>>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        self.add_in(self.file.to_owned(), line, found, advice);
    }

    /// Adds a finding about any file of the package.
    pub fn add_in(
        &mut self,
        file: impl Into<String>,
        line: impl Into<Option<usize>>,
        found: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (file, Some(rule)) = (file.into(), self.rule) else { return };
        let Some(severity) = rule.levels.of(self.package.profile(&file)) else { return };
        let (line, found, advice) = (line.into(), found.into(), advice.into());
        self.list.push(Finding { code: rule.code, severity, file, line, found, advice, page: rule.url() });
    }

    /// What was found, by file and line.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        self.list.sort_by(|a, b| (&a.file, a.line, a.code).cmp(&(&b.file, b.line, b.code)));
        self.list
    }
}
