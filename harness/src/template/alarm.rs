//! The template's alarms, and the log filters that make metrics for them.

use anyhow::{Context, Result, bail};

use super::Template;
use super::node::Node;

/// An alarm, as the template defines it.
#[derive(Clone, Debug, PartialEq)]
pub struct Alarm {
    /// In the template: `DeadLetterAlarm`.
    pub logical_id: String,
    /// What it says of itself.
    pub description: String,
    /// What it watches.
    pub metric: Metric,
    /// What becomes of the values of a period: `Sum`.
    pub statistic: String,
    /// In seconds.
    pub period: i64,
    /// How many periods are looked at.
    pub evaluation_periods: usize,
    /// In how many of them the threshold has to be crossed.
    pub datapoints_to_alarm: usize,
    /// The threshold.
    pub threshold: f64,
    /// How the statistic stands to it when it is crossed.
    pub comparison: Comparison,
    /// What a period without values counts as.
    pub missing: MissingData,
    /// What it does on its way to `ALARM`, `INSUFFICIENT_DATA` and `OK`, as ARNs.
    pub actions: [Vec<String>; 3],
}

/// A metric: its namespace, its name, and its dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    /// `AWS/Lambda`.
    pub namespace: String,
    /// `Errors`.
    pub name: String,
    /// `FunctionName` and the function's name.
    pub dimensions: Vec<(String, String)>,
}

/// How a statistic stands to the threshold that it crosses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Above it.
    Above,
    /// Above it, or on it.
    AtLeast,
    /// Below it.
    Below,
}

/// What a period without values counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingData {
    /// As one in which the threshold isn't crossed.
    NotBreaching,
    /// As nothing; without any values the state is `INSUFFICIENT_DATA`.
    Missing,
}

/// A filter over a log, which makes a metric of the lines that match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFilter {
    /// Which lines.
    pub pattern: String,
    /// The metric, which is one for each line.
    pub metric: Metric,
}

impl Template {
    /// Its alarms.
    ///
    /// # Errors
    /// When something about one can't be told.
    pub fn alarms(&self) -> Result<Vec<Alarm>> {
        self.resources("AWS::CloudWatch::Alarm")
            .map(|(logical_id, properties)| {
                self.alarm(logical_id, properties)
                    .with_context(|| format!("{logical_id} in template.yaml"))
            })
            .collect()
    }

    /// Its log filters.
    ///
    /// # Errors
    /// When something about one can't be told.
    pub fn log_filters(&self) -> Result<Vec<LogFilter>> {
        self.resources("AWS::Logs::MetricFilter")
            .map(|(logical_id, properties)| {
                let [metric] = properties.at(&["MetricTransformations"])?.items() else {
                    bail!("{logical_id} in template.yaml makes more than one metric, or none");
                };
                let text = |name| self.value(metric.at(&[name])?);
                Ok(LogFilter {
                    pattern: self.value(properties.at(&["FilterPattern"])?)?,
                    metric: Metric {
                        namespace: text("MetricNamespace")?,
                        name: text("MetricName")?,
                        dimensions: Vec::new(),
                    },
                })
            })
            .collect()
    }

    /// A line of the API's access log, with its `$context` variables.
    ///
    /// # Errors
    /// When there is none.
    pub fn access_log_format(&self) -> Result<&str> {
        let (_, stage) = self.resources("AWS::ApiGatewayV2::Stage").next().context("no stage")?;
        stage.at(&["AccessLogSettings", "Format"])?.text()
    }

    fn alarm(&self, logical_id: &str, properties: &Node) -> Result<Alarm> {
        let text = |name: &str| self.value(properties.at(&[name])?);
        let number = |name: &str| text(name)?.parse::<f64>().context("no number");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "they are small")]
        let count = |name: &str| Ok::<_, anyhow::Error>(number(name)? as usize);
        let dimensions = properties.get("Dimensions").map_or(&[][..], Node::items).iter();
        let dimensions = dimensions.map(|dimension| {
            let part = |name| self.value(dimension.at(&[name])?);
            Ok((part("Name")?, part("Value")?))
        });
        let actions = |name: &str| {
            let actions = properties.get(name).map_or(&[][..], Node::items).iter();
            actions.map(|action| self.value(action)).collect::<Result<Vec<_>>>()
        };
        let evaluation_periods = count("EvaluationPeriods")?;
        Ok(Alarm {
            logical_id: logical_id.to_owned(),
            description: text("AlarmDescription")?,
            metric: Metric {
                namespace: text("Namespace")?,
                name: text("MetricName")?,
                dimensions: dimensions.collect::<Result<_>>()?,
            },
            statistic: text("Statistic")?,
            period: text("Period")?.parse()?,
            evaluation_periods,
            datapoints_to_alarm: match properties.get("DatapointsToAlarm") {
                Some(_) => count("DatapointsToAlarm")?,
                None => evaluation_periods,
            },
            threshold: number("Threshold")?,
            comparison: match text("ComparisonOperator")?.as_str() {
                "GreaterThanThreshold" => Comparison::Above,
                "GreaterThanOrEqualToThreshold" => Comparison::AtLeast,
                "LessThanThreshold" => Comparison::Below,
                other => bail!("the harness doesn't know {other}"),
            },
            missing: match text("TreatMissingData")?.as_str() {
                "notBreaching" => MissingData::NotBreaching,
                "missing" => MissingData::Missing,
                other => bail!("the harness doesn't know {other}"),
            },
            actions: [
                actions("AlarmActions")?,
                actions("InsufficientDataActions")?,
                actions("OKActions")?,
            ],
        })
    }
}
