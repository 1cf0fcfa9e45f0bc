//! CloudWatch, as far as the template's alarms need it: metrics made of log lines, and what an alarm makes of them.
//!
//! An alarm is looked at with periods that end at that moment. It takes as many of them as its definition says; the few more that
//! CloudWatch looks at where data are missing ("Configuring how CloudWatch alarms treat missing data") only make it slower to
//! change.

use std::collections::BTreeMap;

use printbell_harness::template::{Alarm, Comparison, Metric, MissingData, Template};
use serde_json::Value;

/// The states that an alarm may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Ok,
    Alarm,
    InsufficientData,
}

/// Values of metrics, and when they were.
#[derive(Default)]
pub struct Metrics(BTreeMap<Metric, Vec<(i64, f64)>>);

impl Metrics {
    /// Takes the metrics out of what a function wrote.
    pub fn read(&mut self, output: &str) {
        for line in output.lines().filter(|line| line.contains("CloudWatchMetrics")) {
            let line: Value = serde_json::from_str(line).unwrap();
            let at = line["_aws"]["Timestamp"].as_i64().unwrap() / 1000;
            for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
                let dimensions = directive["Dimensions"][0].as_array().unwrap().iter();
                let dimensions: Vec<_> = dimensions
                    .map(|name| name.as_str().unwrap())
                    .map(|name| (name.to_owned(), line[name].as_str().unwrap().to_owned()))
                    .collect();
                for metric in directive["Metrics"].as_array().unwrap() {
                    let name = metric["Name"].as_str().unwrap();
                    let metric = Metric {
                        namespace: directive["Namespace"].as_str().unwrap().to_owned(),
                        name: name.to_owned(),
                        dimensions: dimensions.clone(),
                    };
                    self.add(&metric, at, line[name].as_f64().unwrap());
                }
            }
        }
    }

    /// One value of one of AWS's own metrics.
    pub fn add(&mut self, metric: &Metric, at: i64, value: f64) {
        self.0.entry(metric.clone()).or_default().push((at, value));
    }

    /// One of AWS's own metrics of a function, a queue or a topic.
    pub fn add_own(&mut self, namespace: &str, name: &str, dimension: (&str, &str), at: i64, value: f64) {
        let metric = Metric {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            dimensions: vec![(dimension.0.to_owned(), dimension.1.to_owned())],
        };
        self.add(&metric, at, value);
    }

    /// A request at the API, as its access log has it and the template's filters see it.
    pub fn access(&mut self, template: &Template, route: &str, status: u16, at: i64) {
        let line = template.access_log_format().unwrap();
        let line = line.replace("$context.routeKey", route);
        let line = line.replace("$context.status", &status.to_string());
        let line: Value = serde_json::from_str(&line).unwrap();
        for filter in template.log_filters().unwrap() {
            if matches(&filter.pattern, &line) {
                self.add(&filter.metric, at, 1.0);
            }
        }
    }

    /// The names of the metrics that there are values of.
    pub fn names(&self) -> Vec<&Metric> {
        self.0.keys().collect()
    }

    /// The state in which an alarm is at a moment.
    pub fn state(&self, alarm: &Alarm, at: i64) -> State {
        let periods = (0..alarm.evaluation_periods).map(|number| {
            let end = at - alarm.period * i64::try_from(number).unwrap();
            self.statistic(alarm, end - alarm.period, end)
        });
        let periods: Vec<_> = periods.collect();
        if alarm.missing == MissingData::Missing && periods.iter().all(Option::is_none) {
            return State::InsufficientData;
        }
        let is_crossed = |value: &f64| match alarm.comparison {
            Comparison::Above => *value > alarm.threshold,
            Comparison::AtLeast => *value >= alarm.threshold,
            Comparison::Below => *value < alarm.threshold,
        };
        match periods.iter().flatten().filter(|value| is_crossed(value)).count() {
            crossings if crossings >= alarm.datapoints_to_alarm => State::Alarm,
            _ => State::Ok,
        }
    }

    /// What an alarm takes of the period after `begin` that ends with `end`.
    fn statistic(&self, alarm: &Alarm, begin: i64, end: i64) -> Option<f64> {
        let values = self.0.get(&alarm.metric)?.iter();
        let values = values
            .filter(|(at, _)| (begin + 1..=end).contains(at))
            .map(|(_, value)| *value);
        let values: Vec<_> = values.collect();
        if values.is_empty() {
            return None;
        }
        Some(match alarm.statistic.as_str() {
            "Sum" => values.iter().sum(),
            "Maximum" => values.iter().copied().fold(f64::MIN, f64::max),
            "Minimum" => values.iter().copied().fold(f64::MAX, f64::min),
            #[expect(clippy::cast_precision_loss, reason = "there are few")]
            "SampleCount" => values.len() as f64,
            other => panic!("{}: {other}", alarm.logical_id),
        })
    }

    /// When each alarm that is looked at every `step` seconds tells somebody that something is wrong. A new one has no data.
    pub fn rings(&self, alarms: &[Alarm], begin: i64, end: i64, step: usize) -> Vec<(String, i64)> {
        let mut rings = Vec::new();
        for alarm in alarms {
            let mut before = State::InsufficientData;
            for at in (begin..=end).step_by(step) {
                let state = self.state(alarm, at);
                let [on_alarm, on_silence, _] = &alarm.actions;
                let actions = match state {
                    State::Alarm => on_alarm,
                    State::InsufficientData => on_silence,
                    State::Ok => &Vec::new(),
                };
                if state != before && !actions.is_empty() {
                    rings.push((alarm.logical_id.clone(), at));
                }
                before = state;
            }
        }
        rings
    }
}

/// Whether a filter's pattern matches a line: comparisons of members with texts, `*` at the end of a text, `&&`, `||` and brackets
/// ("Filter pattern syntax for metric filters": JSON).
pub fn matches(pattern: &str, line: &Value) -> bool {
    let inner = pattern.trim().strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let mut rest = inner.unwrap_or_else(|| panic!("{pattern}"));
    let result = any(&mut rest, line);
    assert!(rest.trim().is_empty(), "{rest}");
    result
}

fn any(rest: &mut &str, line: &Value) -> bool {
    let mut result = all(rest, line);
    while take(rest, "||") {
        result |= all(rest, line);
    }
    result
}

fn all(rest: &mut &str, line: &Value) -> bool {
    let mut result = one(rest, line);
    while take(rest, "&&") {
        result &= one(rest, line);
    }
    result
}

fn one(rest: &mut &str, line: &Value) -> bool {
    if take(rest, "(") {
        let result = any(rest, line);
        assert!(take(rest, ")"), "{rest}");
        return result;
    }
    assert!(take(rest, "$."), "{rest}");
    let (name, after) = rest.split_once('=').unwrap();
    let (_, after) = after.split_once('"').unwrap();
    let (text, after) = after.split_once('"').unwrap();
    *rest = after;
    let value = line[name.trim()].as_str().unwrap_or_default();
    match text.strip_suffix('*') {
        Some(beginning) => value.starts_with(beginning),
        None => value == text,
    }
}

fn take(rest: &mut &str, token: &str) -> bool {
    let after = rest.trim_start().strip_prefix(token);
    *rest = after.unwrap_or(rest);
    after.is_some()
}

#[test]
fn a_pattern_is_read_as_cloudwatch_reads_it() {
    let line = serde_json::json!({"route": "POST /x", "status": "503"});
    for (pattern, is_match) in [
        (r#"{ $.route = "POST /x" }"#, true),
        (r#"{ $.route = "POST /y" }"#, false),
        (r#"{ $.status = "5*" }"#, true),
        (r#"{ $.status = "4*" }"#, false),
        (r#"{ $.nothing = "5*" }"#, false),
        (
            r#"{ ($.route = "POST /x") && (($.status = "429") || ($.status = "5*")) }"#,
            true,
        ),
        (
            r#"{ ($.route = "POST /y") && (($.status = "429") || ($.status = "5*")) }"#,
            false,
        ),
    ] {
        assert_eq!(matches(pattern, &line), is_match, "{pattern}");
    }
}

#[test]
fn an_alarm_counts_its_periods_from_now_back() {
    let mut alarm = Template::read().unwrap().alarms().unwrap().remove(0);
    let metric = alarm.metric.clone();
    (alarm.period, alarm.evaluation_periods, alarm.datapoints_to_alarm) = (60, 3, 2);
    let state = |alarm: &Alarm, at: &[i64]| {
        let mut metrics = Metrics::default();
        for at in at {
            metrics.add(&metric, *at, alarm.threshold);
        }
        metrics.state(alarm, 1000)
    };
    assert_eq!(state(&alarm, &[]), State::Ok);
    assert_eq!(state(&alarm, &[1000, 990]), State::Ok);
    assert_eq!(state(&alarm, &[1000, 940]), State::Alarm);
    assert_eq!(state(&alarm, &[1000, 821]), State::Alarm);
    assert_eq!(state(&alarm, &[1000, 820]), State::Ok);
    alarm.missing = MissingData::Missing;
    assert_eq!(state(&alarm, &[820]), State::InsufficientData);
    assert_eq!(state(&alarm, &[821]), State::Ok);
}
