//! The graph: filters and clients as boxes, pins as ports, connections as lines.

use super::svg::Svg;

/// A pin or an end of a client.
#[derive(Clone, Debug)]
pub struct Port {
    /// Its name.
    pub name: String,
    /// Whether data leaves here.
    pub output: bool,
}

/// A filter, or a client of one.
#[derive(Clone, Debug)]
pub struct Box {
    /// Its name.
    pub title: String,
    /// What stands under the name.
    pub note: String,
    /// Whether it is an application, not a filter of the driver.
    pub client: bool,
    /// Its ends.
    pub ports: Vec<Port>,
}

/// A connection between two ports, each given as (box, port).
#[derive(Clone, Debug)]
pub struct Link {
    /// Where the data comes from.
    pub from: (usize, usize),
    /// Where it goes.
    pub to: (usize, usize),
    /// What stands at the line.
    pub label: String,
    /// Whether both ends are pins: a connection inside the kernel, with Connect.
    pub kernel: bool,
}

/// Everything that is connected.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Filters and clients.
    pub boxes: Vec<Box>,
    /// Connections.
    pub links: Vec<Link>,
}

const BOX: f64 = 220.0;
const GAP: f64 = 190.0;
const HEAD: f64 = 54.0;
const PORT: f64 = 30.0;
const SPACE: f64 = 26.0;

impl Graph {
    /// The column of each box: one to the right of everything that feeds it.
    fn columns(&self) -> Vec<usize> {
        let mut columns = vec![0; self.boxes.len()];
        for _ in &self.boxes {
            for link in self.links.iter().filter(|link| link.from.0 != link.to.0) {
                let least = (columns[link.from.0] + 1).min(self.boxes.len());
                columns[link.to.0] = columns[link.to.0].max(least);
            }
        }
        columns
    }

    /// The drawing.
    pub fn svg(&self) -> String {
        let columns = self.columns();
        let count = columns.iter().max().map_or(1, |last| last + 1);
        let heights: Vec<f64> = self.boxes.iter().map(|b| HEAD + PORT * b.ports.len() as f64).collect();
        let column_height = |column: usize| {
            let inside = columns.iter().zip(&heights).filter(|(c, _)| **c == column);
            inside.map(|(_, height)| height + SPACE).sum::<f64>() - SPACE
        };
        let height = (0..count).map(column_height).fold(0.0, f64::max);
        let mut next: Vec<f64> =
            (0..count).map(|column| 10.0 + (height - column_height(column)) / 2.0).collect();
        let places: Vec<(f64, f64)> = columns
            .iter()
            .zip(&heights)
            .map(|(column, height)| {
                let y = next[*column];
                next[*column] += height + SPACE;
                (10.0 + *column as f64 * (BOX + GAP), y)
            })
            .collect();

        let mut svg = Svg::new(20.0 + count as f64 * (BOX + GAP) - GAP, height + 20.0);
        for link in &self.links {
            self.draw_link(&mut svg, link, &places);
        }
        for ((item, height), place) in self.boxes.iter().zip(&heights).zip(&places) {
            draw_box(&mut svg, item, *height, *place);
        }
        svg.finish("The graph of filters, pins and clients")
    }

    fn draw_link(&self, svg: &mut Svg, link: &Link, places: &[(f64, f64)]) {
        let end = |(index, port): (usize, usize), right: bool| {
            let (x, y) = places[index];
            (if right { x + BOX } else { x }, y + HEAD + PORT * (port as f64 + 0.5) - 8.0)
        };
        let ((x1, y1), (x2, y2)) = (end(link.from, true), end(link.to, false));
        let bend = (x2 - x1).abs().max(80.0) / 2.0;
        let class = if link.kernel { "link kernel" } else { "link" };
        let (c1, c2) = (x1 + bend, x2 - bend);
        svg.path(class, &format!("M{x1:.1} {y1:.1} C{c1:.1} {y1:.1} {c2:.1} {y2:.1} {x2:.1} {y2:.1}"));
        let class = if link.kernel { "label strong halo" } else { "label halo" };
        let lines: Vec<&str> = link.label.lines().collect();
        // Beside the line, not on it: over a rising one, under a falling one.
        let above = 14.0 * lines.len() as f64;
        let (x, y) = match (link.kernel, y2 > y1) {
            (true, _) => ((x1 + x2) / 2.0, (y1 + y2) / 2.0 - above + 2.0),
            (false, false) => (x1 + (x2 - x1) * 0.36, y2 + (y1 - y2) * 0.5 - above - 2.0),
            (false, true) => (x1 + (x2 - x1) * 0.36, y1 + (y2 - y1) * 0.5 + above + 12.0),
        };
        for (index, line) in lines.iter().enumerate() {
            svg.text(class, "middle", x, y + 14.0 * index as f64, line);
        }
    }
}

fn draw_box(svg: &mut Svg, item: &Box, height: f64, (x, y): (f64, f64)) {
    svg.rect(if item.client { "box client" } else { "box" }, [x, y, BOX, height], 8.0);
    svg.text("title", "start", x + 14.0, y + 22.0, &item.title);
    svg.text("label", "start", x + 14.0, y + 39.0, &item.note);
    for (index, port) in item.ports.iter().enumerate() {
        let y = y + HEAD + PORT * (index as f64 + 0.5) - 8.0;
        let (dot, text, anchor) = match port.output {
            true => (x + BOX, x + BOX - 14.0, "end"),
            false => (x, x + 14.0, "start"),
        };
        svg.circle(if port.output { "port out" } else { "port" }, dot, y, 6.0);
        svg.text("pin", anchor, text, y + 4.5, &port.name);
    }
}
