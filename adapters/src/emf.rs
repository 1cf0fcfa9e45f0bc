//! Metrics: a line on standard output, in CloudWatch's embedded metric format.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// The namespace of the metrics.
const NAMESPACE: &str = "Printbell";

/// What a metric is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Seconds.
    Seconds,
    /// Hundredths.
    Percent,
}

/// The line of these metrics of `function`, with their figures and what else is worth knowing beside them.
pub fn line<'a>(
    function: &str,
    now: Timestamp,
    metrics: &[(&str, Unit)],
    figures: impl IntoIterator<Item = (&'a str, Value)>,
) -> String {
    let metric = |(name, unit): &(&str, Unit)| {
        let unit = match unit {
            Unit::Count => "Count",
            Unit::Seconds => "Seconds",
            Unit::Percent => "Percent",
        };
        json!({"Name": name, "Unit": unit})
    };
    let mut line = Map::new();
    let metrics: Vec<_> = metrics.iter().map(metric).collect();
    let directive = json!({"Namespace": NAMESPACE, "Dimensions": [["FunctionName"]], "Metrics": metrics});
    line.insert(
        "_aws".to_owned(),
        json!({"Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive]}),
    );
    line.insert("FunctionName".to_owned(), function.into());
    line.extend(figures.into_iter().map(|(name, figure)| (name.to_owned(), figure)));
    Value::Object(line).to_string()
}
