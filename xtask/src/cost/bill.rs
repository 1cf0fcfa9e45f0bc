//! A bill: lines of so many units at a price, and how they are shown.

use std::borrow::Cow;
use std::fmt::Write as _;

pub(super) const MILLION: f64 = 1e6;

/// Where a price is from: a page by its name, for US East (N. Virginia), the first tier, without free tiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    ApiGateway,
    Lambda,
    Sns,
    Sqs,
    DynamoDb,
    CloudWatch,
    Kms,
    SecretsManager,
    Scheduler,
    DataTransfer,
}

impl Source {
    fn page(self) -> &'static str {
        match self {
            Self::ApiGateway => "Amazon API Gateway pricing",
            Self::Lambda => "AWS Lambda pricing",
            Self::Sns => "Amazon SNS pricing",
            Self::Sqs => "Amazon SQS pricing",
            Self::DynamoDb => "Amazon DynamoDB pricing, on-demand",
            Self::CloudWatch => "Amazon CloudWatch pricing",
            Self::Kms => "AWS KMS pricing",
            Self::SecretsManager => "AWS Secrets Manager pricing",
            Self::Scheduler => "Amazon EventBridge pricing, Scheduler",
            Self::DataTransfer => "Amazon EC2 on-demand pricing, data transfer",
        }
    }
}

/// One line of a bill: so many units at this price.
pub(super) struct Line {
    what: Cow<'static, str>,
    units: f64,
    unit: &'static str,
    price: f64,
    source: Source,
}

impl Line {
    pub fn new(what: impl Into<Cow<'static, str>>, units: f64, unit: &'static str, price: f64, source: Source) -> Self {
        Self {
            what: what.into(),
            units,
            unit,
            price,
            source,
        }
    }

    fn usd(&self) -> f64 {
        self.units * self.price
    }
}

pub(super) fn total(lines: &[Line]) -> f64 {
    lines.iter().map(Line::usd).sum()
}

pub(super) fn table(title: &str, lines: &[Line]) -> String {
    let mut text = format!(
        "### {title}: {}\n\n| | units | price | USD | price from |\n|---|--:|--:|--:|---|\n",
        usd(total(lines))
    );
    for line in lines {
        // Writing to a String can't fail.
        let _ = writeln!(
            text,
            "| {} | {} {} | {} | {:.2} | {} |",
            line.what,
            amount(line.units),
            line.unit,
            price(line.price),
            line.usd(),
            line.source.page()
        );
    }
    text
}

pub(super) fn usd(value: f64) -> String {
    if value < 1e4 {
        format!("${value:.2}")
    } else {
        format!("${}", grouped(value))
    }
}

fn price(value: f64) -> String {
    if value < 1e-3 {
        format!("${} / million", trimmed(value * MILLION))
    } else {
        format!("${value:.2}")
    }
}

fn amount(value: f64) -> String {
    match value {
        ..100.0 => trimmed(value),
        ..MILLION => grouped(value),
        _ => format!("{} million", trimmed(value / MILLION)),
    }
}

/// At most three decimals, and no more zeros than say something.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(
            (amount(0.3), amount(2_920.0), amount(18.25e6)),
            ("0.3".into(), "2,920".into(), "18.25 million".into())
        );
        assert_eq!(
            (price(16.667 / MILLION), price(0.4)),
            ("$16.667 / million".into(), "$0.40".into())
        );
    }
}
