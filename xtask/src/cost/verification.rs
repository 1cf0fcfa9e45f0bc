//! What a run of `cargo xtask verify-aws` costs, by the calls that it made.

use super::bill::MILLION;
use super::stack::STACK;
use super::{ACCESS_LOG_GB, HTTP_API_REQUEST, LAMBDA_GB_SECOND, LAMBDA_REQUEST, LOG_GB};
use super::{READ_UNIT, SNS_PUBLISH, SQS_REQUEST, WRITE_UNIT};

/// How many calls were made of each kind that is paid.
#[derive(Clone, Copy, Debug, Default)]
pub struct Calls {
    door: u32,
    invocations: u32,
    queue: u32,
    table: u32,
    secret: u32,
    metrics: u32,
}

impl Calls {
    /// Counts a call of an operation of a service, under the names that the AWS CLI has for them; `door` is a request to the API.
    pub fn count(&mut self, service: &str, operation: &str) {
        match (service, operation) {
            ("door", _) => self.door += 1,
            ("lambda", "invoke") => self.invocations += 1,
            ("sqs", _) => self.queue += 1,
            ("dynamodb", _) => self.table += 1,
            ("secretsmanager", _) => self.secret += 1,
            ("cloudwatch", _) => self.metrics += 1,
            // Management of stacks, functions, roles and subscriptions, and searching logs this small, is free.
            _ => (),
        }
    }

    /// In dollars, without free tiers: each at the most that it can be.
    fn usd(self) -> f64 {
        let door = HTTP_API_REQUEST + ACCESS_LOG_GB * LOG_GB + LAMBDA_REQUEST + SNS_PUBLISH + SQS_REQUEST;
        // A second for whatever is invoked; ten units of each table for a row that is registered, tried and deleted.
        let second = STACK.memory_gb() * LAMBDA_GB_SECOND;
        let row = 10.0 * (WRITE_UNIT + READ_UNIT);
        f64::from(self.door) * (door + second + row)
            + f64::from(self.invocations) * (LAMBDA_REQUEST + second + row)
            + f64::from(self.queue) * SQS_REQUEST
            + f64::from(self.table) * row
            + f64::from(self.secret) * (0.05 + 0.03) / 1e4
            + f64::from(self.metrics) * 10.0 / MILLION
    }

    /// `$0.0031`.
    pub fn cost(&self) -> String {
        format!("${:.4}", self.usd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_costs_less_than_a_cent() {
        let mut calls = Calls::default();
        for (service, operation, times) in [
            ("door", "request", 60),
            ("lambda", "invoke", 3),
            ("lambda", "list-tags", 100),
            ("sqs", "receive-message", 100),
            ("dynamodb", "put-item", 5),
            ("secretsmanager", "get-secret-value", 10),
            ("cloudwatch", "describe-alarms", 300),
        ] {
            for _ in 0..times {
                calls.count(service, operation);
            }
        }
        assert_eq!(calls.cost(), "$0.0040");
    }
}
