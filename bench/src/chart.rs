//! The chart: how the variants compare, on one page, without a plotting library.

use std::fmt::Write as _;

use crate::figures::Figures;
use crate::report::{Report, mebibytes, time};

const WIDTH: f64 = 880.0;
const LABELS: f64 = 250.0;
const ROW: f64 = 22.0;
const PANEL_TITLE: f64 = 34.0;

/// What one panel shows.
struct Panel<'a> {
    title: &'static str,
    figures: &'a [Figures],
    value: fn(&Figures) -> f64,
    /// How to say the value.
    label: fn(&Figures) -> String,
}

/// The run as an SVG. The axes are logarithmic: from our functions to Python it is two orders of magnitude.
pub fn svg(report: &Report) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a bar's length")]
    let panels = [
        Panel {
            title: "Cold: process made → ready, and the first call",
            figures: &report.figures,
            value: |one| one.cold_us,
            label: |one| time(one.cold_us),
        },
        Panel {
            title: "Cold, over TLS: the same with its handshakes",
            figures: &report.over_tls,
            value: |one| one.cold_us,
            label: |one| time(one.cold_us),
        },
        Panel {
            title: "Warm: the median call",
            figures: &report.figures,
            value: |one| one.warm_p50_us,
            label: |one| time(one.warm_p50_us),
        },
        Panel {
            title: "Peak memory",
            figures: &report.figures,
            value: |one| one.peak_memory_bytes as f64,
            label: |one| mebibytes(one.peak_memory_bytes),
        },
    ];
    #[expect(clippy::cast_precision_loss, reason = "a handful of rows")]
    let panel_height = PANEL_TITLE + ROW * report.figures.len() as f64;
    #[expect(clippy::cast_precision_loss, reason = "a handful of panels")]
    let height = panel_height * panels.len() as f64 + 40.0;
    let mut svg = format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="system-ui, sans-serif" font-size="13" role="img">
<title>Start-up, warm calls and memory of Printbell's functions and of what they are measured against</title>
<rect width="100%" height="100%" fill="#ffffff"/>
"##
    );
    for (panel, top) in panels.iter().zip((0..).map(|index| f64::from(index) * panel_height)) {
        draw(&mut svg, panel, top);
    }
    let _ = writeln!(
        svg,
        r##"<text x="12" y="{}" fill="#57606a" font-size="11">{}, {} × {}; medians; logarithmic scales</text>"##,
        height - 14.0,
        report.date,
        report.machine.cores,
        escaped(&report.machine.processor)
    );
    svg += "</svg>\n";
    svg
}

fn draw(svg: &mut String, panel: &Panel<'_>, top: f64) {
    let Panel {
        title,
        figures,
        value,
        label,
    } = panel;
    let values = || figures.iter().map(value);
    let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    // The shortest bar still shows as one.
    let scale = |value: f64| ((value / least).ln() / (most / least).ln().max(f64::EPSILON)).mul_add(0.92, 0.08);
    let _ = writeln!(
        svg,
        r##"<text x="12" y="{}" fill="#1f2328" font-weight="600">{title}</text>"##,
        top + 24.0
    );
    for (one, row) in figures.iter().zip(0..) {
        let y = top + PANEL_TITLE + ROW * f64::from(row);
        let ours = one.variant.title().starts_with("**");
        let fill = if ours { "#0969da" } else { "#afb8c1" };
        let length = scale(value(one)) * (WIDTH - LABELS - 110.0);
        let name = escaped(&one.variant.title().replace(['*', '`'], ""));
        let _ = writeln!(
            svg,
            r##"<text x="{}" y="{}" text-anchor="end" fill="#1f2328">{name}</text><rect x="{LABELS}" y="{}" width="{length:.1}" height="14" rx="2" fill="{fill}"/><text x="{:.1}" y="{}" fill="#1f2328">{}</text>"##,
            LABELS - 8.0,
            y + 12.0,
            y + 1.0,
            LABELS + length + 6.0,
            y + 12.0,
            label(one)
        );
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
