//! What the bill takes from the template: nothing of it stands here once more.

use std::sync::LazyLock;

use anyhow::{Context, Result, bail};
use printbell_harness::template::Template;
use printbell_shared::registration::protocol::CALL_TIME;

use super::MONTH_DAYS;

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// As `template.yaml` says it where nobody says otherwise.
#[expect(clippy::expect_used, reason = "it is compiled in, and the tests read it")]
pub(super) static STACK: LazyLock<Stack> =
    LazyLock::new(|| Stack::read(TEMPLATE).expect("the template has its numbers"));

/// The stack's numbers that cost money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stack {
    /// What a function has, in MB.
    pub memory: f64,
    /// How often renew runs in a month.
    pub runs: f64,
    /// Its alarms, of one metric each.
    pub alarms: f64,
    /// How often KMS rotates the key, in days.
    pub rotation: f64,
    /// `CallbackRateLimit`, a second.
    pub callbacks: f64,
    /// Requests a second of the registrations API's routes that don't call OctoEverywhere.
    pub reads: f64,
    /// `MaxCallsPerSecond`.
    pub calls: f64,
    /// `RedriveConcurrency`.
    pub redrives: f64,
    /// Messages of a batch of redrive's.
    pub batch: f64,
    /// The share of a run in which calls begin.
    pub working: f64,
}

impl Stack {
    fn read(text: &str) -> Result<Self> {
        let template = Template::parse(text)?;
        let default = |parameter: &str| number(&template.default(parameter)?);
        let property = |resource: &str, path: &[&str]| number(&template.property(resource, path)?);
        let run = property("RenewFunction", &["Timeout"])?;
        Ok(Self {
            memory: number(&template.of_every_function("MemorySize")?)?,
            runs: MONTH_DAYS / days_of(&template.default("RenewSchedule")?)?,
            alarms: number(&template.alarms()?.len().to_string())?,
            rotation: property("DataKey", &["RotationPeriodInDays"])?,
            callbacks: default("CallbackRateLimit")?,
            reads: property("ApiStage", &["DefaultRouteSettings", "ThrottlingRateLimit"])?,
            calls: default("MaxCallsPerSecond")?,
            redrives: default("RedriveConcurrency")?,
            batch: property(
                "RedriveFunction",
                &["Events", "FallbackQueue", "Properties", "BatchSize"],
            )?,
            working: 1.0 - CALL_TIME.as_secs_f64() / run,
        })
    }

    pub fn memory_gb(&self) -> f64 {
        self.memory / 1024.0
    }
}

fn number(text: &str) -> Result<f64> {
    text.parse().with_context(|| format!("{text} is no number"))
}

/// The time from one run to the next, in days: of `rate(15 minutes)`.
fn days_of(schedule: &str) -> Result<f64> {
    let rate = schedule.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let (count, unit) = rate
        .and_then(|rate| rate.split_once(' '))
        .context(format!("{schedule} is no rate"))?;
    let a_day = match unit.trim_end_matches('s') {
        "minute" => 24.0 * 60.0,
        "hour" => 24.0,
        "day" => 1.0,
        _ => bail!("{schedule}: how long is that?"),
    };
    Ok(number(count)? / a_day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_numbers_are_the_template_s() {
        let template = Template::read().unwrap();
        assert_eq!(
            Some(STACK.alarms),
            u32::try_from(template.alarms().unwrap().len()).ok().map(f64::from)
        );
        for (line, another, changed) in [
            (
                "    MemorySize: 256\n",
                "    MemorySize: 512\n",
                Stack {
                    memory: 512.0,
                    ..*STACK
                },
            ),
            (
                "    Default: rate(15 minutes)\n",
                "    Default: rate(1 hour)\n",
                Stack {
                    runs: MONTH_DAYS / (1.0 / 24.0),
                    ..*STACK
                },
            ),
            (
                "      RotationPeriodInDays: 2560\n",
                "      RotationPeriodInDays: 365\n",
                Stack {
                    rotation: 365.0,
                    ..*STACK
                },
            ),
            (
                "        ThrottlingRateLimit: 1000\n",
                "        ThrottlingRateLimit: 10\n",
                Stack { reads: 10.0, ..*STACK },
            ),
            (
                "            BatchSize: 10\n",
                "            BatchSize: 5\n",
                Stack { batch: 5.0, ..*STACK },
            ),
            (
                "      Timeout: 900\n",
                "      Timeout: 300\n",
                Stack {
                    working: 1.0 - 15.0 / 300.0,
                    ..*STACK
                },
            ),
            (
                "    Default: 5000\n",
                "    Default: 4000\n",
                Stack {
                    callbacks: 4000.0,
                    ..*STACK
                },
            ),
            (
                "    Default: 20\n",
                "    Default: 10\n",
                Stack { calls: 10.0, ..*STACK },
            ),
            (
                "    Default: 5\n",
                "    Default: 6\n",
                Stack {
                    redrives: 6.0,
                    ..*STACK
                },
            ),
        ] {
            assert_eq!(TEMPLATE.matches(line).count(), 1, "{line}");
            assert_eq!(Stack::read(&TEMPLATE.replace(line, another)).unwrap(), changed);
        }
        assert!(days_of("cron(0 * * * ? *)").is_err() && days_of("rate(1 fortnight)").is_err());
    }
}
