//! bench.svg: how near the driver comes to a bare copy.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use super::Results;

/// A bar for each case, one more beside it for the commit before; 1 is a bare copy.
pub fn draw(file: &Path, results: &Results<'_>) -> Result<()> {
    let names: Vec<String> = results
        .now
        .frames
        .iter()
        .map(|case| {
            format!("{}, {} reader{}", case.format, case.readers, if case.readers == 1 { "" } else { "s" })
        })
        .collect();
    let rows = names.len();
    let area = SVGBackend::new(file, (900, 110 + 60 * rows as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let most = [Some(results.now), results.before].into_iter().flatten();
    let most = most.flat_map(|measured| &measured.frames).map(|case| case.ratio).fold(1.0, f64::max) * 1.1;
    let mut chart = ChartBuilder::on(&area)
        .caption("Bare copy / driver, for a frame: 1 is the best there can be", ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(32)
        .y_label_area_size(220)
        .build_cartesian_2d(0.0..most, (0..rows.saturating_sub(1)).into_segmented())?;
    let label = |row: &SegmentValue<usize>| match row {
        SegmentValue::CenterOf(row) => names.get(*row).cloned().unwrap_or_default(),
        _ => String::new(),
    };
    chart.configure_mesh().y_labels(rows).y_label_formatter(&label).disable_y_mesh().draw()?;
    let series =
        [("now", Some(results.now), BLUE, 8), (results.against.unwrap_or(""), results.before, RED, 20)];
    for (name, measured, colour, margin) in series {
        let Some(measured) = measured else { continue };
        let bars = Histogram::horizontal(&chart)
            .style(colour.mix(0.5).filled())
            .margin(margin)
            .data(measured.frames.iter().enumerate().map(|(row, case)| (row, case.ratio)));
        let legend = move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.mix(0.5).filled());
        chart.draw_series(bars)?.label(name).legend(legend);
    }
    chart.configure_series_labels().background_style(WHITE.mix(0.8)).border_style(BLACK).draw()?;
    area.present()?;
    Ok(())
}
