//! The load over time, as an SVG that is readable on a light and on a dark page.

use std::fmt::Write as _;

use crate::simulation::{EventKind, Hour, Report};

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 520.0;
/// Left edge, and width, of both panels.
const LEFT: f64 = 60.0;
const BREADTH: f64 = 880.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#57606a}.title{font-size:16px;font-weight:600;fill:#1f2328}.head{fill:#1f2328}\
.grid{stroke:#d0d7de;stroke-width:1}.bound{stroke:#cf222e;stroke-dasharray:5 4}.event{fill:#bf8700;opacity:.16}\
.eventname{fill:#7d4e00}.load{fill:#0969da}.failed{fill:#cf222e}.swept{fill:#1a7f37}.sweep{fill:#1a7f37;opacity:.14}.sweepname{fill:#116329}\
@media(prefers-color-scheme:dark){text{fill:#9198a1}.title,.head{fill:#f0f6fc}.grid{stroke:#3d444d}.bound{stroke:#f85149}\
.event{fill:#d29922;opacity:.2}.eventname{fill:#d29922}.load{fill:#4493f8}.failed{fill:#f85149}.swept{fill:#3fb950}\
.sweep{fill:#3fb950;opacity:.16}.sweepname{fill:#3fb950}}";

/// One picture of the same days: which loads it shows, and where.
struct Panel {
    top: f64,
    height: f64,
    /// The load at its lower and its upper edge, as multiples of the mean.
    from: f64,
    to: f64,
    /// From one line of the grid to the next.
    step: f64,
}

impl Panel {
    fn y(&self, load: f64) -> f64 {
        let part = (load.clamp(self.from, self.to) - self.from) / (self.to - self.from);
        self.top + self.height * (1.0 - part)
    }
}

/// Draws the calls of every hour as multiples of the fleet's mean: all of them, and closely around the mean.
pub fn draw(report: &Report) -> String {
    let mean = report.mean();
    let busiest = report
        .hours
        .iter()
        .map(|hour| f64::from(hour.calls) / mean)
        .fold(1.0, f64::max);
    let step = if busiest > 3.0 { 1.0 } else { 0.5 };
    let to = (busiest / step).ceil() * step;
    let whole = Panel {
        top: 84.0,
        height: 210.0,
        from: 0.0,
        to,
        step,
    };
    let close = Panel {
        top: 342.0,
        height: 130.0,
        from: 0.8,
        to: 1.2,
        step: 0.1,
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n",
        title(report),
    );
    text(&mut svg, "title", LEFT, 24.0, "start", &title(report));
    let cap = report.scenario.calls_per_second;
    let subtitle = format!(
        "Each day from its quietest to its busiest hour, as a multiple of the mean of {} calls an hour; green: a sweep's; red: those that failed. \
         At most {cap} calls a second.",
        thousands(mean),
    );
    text(&mut svg, "", LEFT, 44.0, "start", &subtitle);
    events(&mut svg, report, &whole, true);
    panel(&mut svg, report, &whole);
    text(
        &mut svg,
        "head",
        LEFT,
        close.top - 12.0,
        "start",
        "The same, closely around the mean; dashed: 1.1 × the mean",
    );
    events(&mut svg, report, &close, false);
    panel(&mut svg, report, &close);
    text(
        &mut svg,
        "",
        LEFT + BREADTH / 2.0,
        HEIGHT - 10.0,
        "middle",
        "days since the fleet was registered",
    );
    svg.push_str("</svg>\n");
    svg
}

fn title(report: &Report) -> String {
    let printers = f64::from(report.scenario.printers);
    let fleet = match printers {
        1e6.. => format!("{} million registrations", printers / 1e6),
        _ => format!("{printers} registrations"),
    };
    format!(
        "Renewals of {fleet} every {} days, all put within the first day",
        report.scenario.cycle
    )
}

/// `34722.2` as `34,722`.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy);
    groups.collect::<Vec<_>>().join(",")
}

fn x(report: &Report, day: f64) -> f64 {
    LEFT + BREADTH * day / f64::from(report.scenario.days)
}

fn events(svg: &mut String, report: &Report, panel: &Panel, are_named: bool) {
    let days = f64::from(report.scenario.days);
    for (event, lasts) in report.spans() {
        let from = event.from.as_secs_f64() / 86_400.0;
        let until = (from + lasts.as_secs_f64() / 86_400.0).min(days);
        // A sweep's name stands below those of the others, which may last to its beginning.
        let (class, name, above) = match event.kind {
            EventKind::Sweep => ("sweep", format!("sweep, {:.0} days", until - from), -14.0),
            _ => ("event", event.name(), 8.0),
        };
        let (left, right) = (x(report, from), x(report, until));
        let breadth = (right - left).max(2.0);
        let Panel { top, height, .. } = panel;
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{top}\" width=\"{breadth:.1}\" height=\"{height}\"/>"
        );
        if are_named {
            text(svg, &format!("{class}name"), left + 2.0, top - above, "start", &name);
        }
    }
}

fn panel(svg: &mut String, report: &Report, panel: &Panel) {
    let (right, bottom) = (LEFT + BREADTH, panel.top + panel.height);
    let lines = ((panel.to - panel.from) / panel.step).round() as u32;
    for line in 0..=lines {
        let load = panel.from + panel.step * f64::from(line);
        let y = panel.y(load);
        let _ = writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{right}\"/>");
        text(svg, "", LEFT - 8.0, y + 4.0, "end", &format!("{load:.1}"));
    }
    // A whole number of months, a dozen of them at the most.
    let months = report.scenario.days.div_ceil(360).max(1) as usize;
    for day in (0..=report.scenario.days).step_by(months * 30) {
        text(
            svg,
            "",
            x(report, day.into()),
            bottom + 16.0,
            "middle",
            &day.to_string(),
        );
    }
    band(svg, "load", report, panel, |hour| hour.calls);
    if panel.from == 0.0 {
        band(svg, "swept", report, panel, |hour| hour.swept);
        band(svg, "failed", report, panel, |hour| hour.failed);
    }
    let y = panel.y(1.1);
    let _ = writeln!(svg, "<path class=\"bound\" d=\"M{LEFT} {y:.1}H{right}\"/>");
}

/// A band from each day's quietest hour to its busiest; nothing where there is nothing.
fn band(svg: &mut String, class: &str, report: &Report, panel: &Panel, count: impl Fn(&Hour) -> u32) {
    let mean = report.mean();
    let days = report.hours.chunks_exact(24).take(report.scenario.days as usize);
    let ranges: Vec<_> = days
        .map(|hours| {
            let loads = hours.iter().map(|hour| f64::from(count(hour)) / mean);
            loads.fold((f64::MAX, 0.0), |(least, most), load| (load.min(least), load.max(most)))
        })
        .enumerate()
        .collect();
    for stretch in ranges
        .split(|(_, (_, most))| *most == 0.0)
        .filter(|stretch| !stretch.is_empty())
    {
        let mut upper = String::new();
        let mut lower = Vec::new();
        for (day, (least, most)) in stretch {
            let (left, right) = (x(report, *day as f64), x(report, *day as f64 + 1.0));
            // At least as high as a line, so that an even load can be seen.
            let (least, most) = (panel.y(*least) + 0.5, panel.y(*most) - 0.5);
            let _ = write!(upper, "L{left:.1} {most:.1}H{right:.1}");
            lower.push(format!("L{right:.1} {least:.1}H{left:.1}"));
        }
        lower.reverse();
        let outline = format!("{upper}{}", lower.concat()).replacen('L', "M", 1);
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{outline}Z\"/>");
    }
}

fn text(svg: &mut String, class: &str, x: f64, y: f64, anchor: &str, content: &str) {
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
    let _ = writeln!(
        svg,
        "<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{content}</text>"
    );
}
