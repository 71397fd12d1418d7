//! Text that several commands print.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::client::{Driver, Interface, PinInfo, Rig, Status, guid};
use crate::nt::trace::Event;
use crate::nt::violation::Violation;
use crate::pe;

/// A headline.
pub fn headline(text: &str) {
    println!("\n{}", console(text, "1"));
}

/// Text in an ANSI style, where the output is a terminal.
fn console(text: &str, style: &str) -> String {
    use std::io::IsTerminal as _;
    if std::io::stdout().is_terminal() { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Good news or bad news.
pub fn verdict(good: bool, text: &str) {
    println!("\n{} {text}", if good { console("OK", "1;32") } else { console("FAILED", "1;31") });
}

/// A bar for work that is worth watching.
pub fn progress(len: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {msg} {bar:40} {pos}/{len} frames, {per_sec}");
    let bar = ProgressBar::new(len).with_message(what.to_owned());
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What the image's headers say, as names and values.
pub fn image_facts(image: &pe::Image) -> Vec<(String, String)> {
    let headers = image.headers();
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut dlls: Vec<(&str, usize)> = Vec::new();
    for (dll, _) in image.imports() {
        match dlls.iter_mut().find(|(known, _)| *known == dll) {
            Some((_, count)) => *count += 1,
            None => dlls.push((dll, 1)),
        }
    }
    let imports: Vec<String> = dlls.iter().map(|(dll, count)| format!("{count} from {dll}")).collect();
    let sections: Vec<&str> = headers.sections.iter().map(|section| section.name.as_str()).collect();
    vec![
        fact("Image", format!("{}, x64, {} KB in memory", image.name(), image.len() / 1024)),
        fact("Subsystem", format!("native {}.{:02}", headers.subsystem.0, headers.subsystem.1)),
        fact("Imports", imports.join(", ")),
        fact("Sections", sections.join(" ")),
        fact("Checksum", format!("{:#010x}, right", headers.checksum)),
    ]
}

/// The driver's image, filters, pins and formats. The open filters' pins come back.
pub fn driver(rig: &Rig, driver: &Driver) -> anyhow::Result<Vec<(Interface, Vec<PinInfo>)>> {
    if let Some(image) = driver.image() {
        headline("Driver");
        for (name, value) in image_facts(image) {
            println!("  {name:<12} {value}");
        }
    }
    let mut found = Vec::new();
    for (index, interface) in rig.filters().into_iter().enumerate() {
        headline(&format!("Filter {index}: {}", interface.name));
        println!("  {:<12} {}", "reference", interface.reference);
        let categories: Vec<String> = interface.categories.iter().map(guid::label).collect();
        println!("  {:<12} {}", "categories", categories.join(", "));
        let filter = rig.open_filter(&interface)?;
        let pins = filter.pins()?;
        let sets: Vec<String> = filter.property_sets().unwrap_or_default().iter().map(guid::label).collect();
        println!(
            "  {:<12} {}",
            "properties",
            if sets.is_empty() { "none".to_owned() } else { sets.join(", ") }
        );
        for pin in &pins {
            self::pin(index, pin);
        }
        found.push((interface, pins));
    }
    Ok(found)
}

fn pin(filter: usize, pin: &PinInfo) {
    let flow = if pin.output { "data out" } else { "data in" };
    let possible = match pin.instances.0 {
        None => "any number of instances".to_owned(),
        Some(1) => "1 instance".to_owned(),
        Some(count) => format!("{count} instances"),
    };
    println!(
        "  {} {flow}, {}, {possible}",
        console(&format!("pin {filter}/{} {}:", pin.id, pin.label()), "1"),
        pin.communication
    );
    for range in &pin.ranges {
        println!("      {range}");
    }
}

/// What the last Connect of the log returned: the pin it ran on and the status.
pub fn connect_result(events: &[Event]) -> Option<(String, Status)> {
    let event = events.iter().rev().find(|event| event.kind == "return" && event.detail == "PinConnect")?;
    let (_, status) = event.values.iter().find(|(name, _)| *name == "status")?;
    let status = u32::from_str_radix(status.trim_start_matches("0x"), 16).ok()?;
    Some((event.object.clone(), Status(status as i32)))
}

/// Rules that were broken.
pub fn violations(violations: &[Violation]) {
    for Violation { rule, code, message, object, stack, .. } in violations {
        println!("  {} {code:#x} at {object}", console(rule, "1;31"));
        println!("      {message}");
        if let Some(known) = crate::verifier::rule(rule) {
            println!("      the rule: {}", known.title);
        }
        for frame in stack {
            println!("      {frame}");
        }
    }
}
