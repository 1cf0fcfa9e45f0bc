//! What goes into the log.
//!
//! At `DEBUG` and `TRACE` the crates below us log whole requests: Lambda's runtime the event, the SDK and the HTTP client headers and
//! bodies. There the tokens are. So whatever the environment says, only our own lines get that fine.

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

/// How our own crates' names begin; the functions' binaries log nothing themselves.
const OURS: &str = "printbell_";

/// The span of an invocation, which has its request id, is made by the runtime at this level.
const RUNTIME: (&str, LevelFilter) = ("lambda_runtime", LevelFilter::INFO);

/// The finest that anybody else may log.
const OTHERS: LevelFilter = LevelFilter::WARN;

/// Begins to log, to the standard output, as Lambda's logging controls say: `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG` (a level; else
/// `INFO`), and `AWS_LAMBDA_LOG_FORMAT`. `lookup` reads a variable.
pub fn start(lookup: impl Fn(&str) -> Option<String>) {
    let lookup = |name| lookup(name).filter(|value| !value.is_empty());
    let wanted = lookup("AWS_LAMBDA_LOG_LEVEL").or_else(|| lookup("RUST_LOG"));
    let lines = fmt::layer().with_target(false).without_time();
    let lines = match lookup("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json")) {
        true => lines.json().boxed(),
        false => lines.boxed(),
    };
    registry()
        .with(lines.with_filter(filter(level(wanted.as_deref()))))
        .init();
}

/// Lambda's `FATAL` is `ERROR` here.
fn level(wanted: Option<&str>) -> LevelFilter {
    match wanted {
        Some(level) if level.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        Some(level) => level.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

fn filter(level: LevelFilter) -> Targets {
    let (runtime, runtime_level) = RUNTIME;
    Targets::new()
        .with_default(level.min(OTHERS))
        .with_target(runtime, level.min(runtime_level))
        .with_target(OURS, level)
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn nobody_else_logs_finer_than_warnings_whatever_the_environment_says() {
        for (wanted, ours) in [
            (None, Level::INFO),
            (Some("TRACE"), Level::TRACE),
            (Some("debug"), Level::DEBUG),
            (Some("FATAL"), Level::ERROR),
            (Some("trace,hyper=trace"), Level::INFO),
            (Some("lambda_runtime=trace"), Level::INFO),
        ] {
            let filter = filter(level(wanted));
            assert!(filter.would_enable("printbell_webhook::receiver", &ours), "{wanted:?}");
            for other in [
                "hyper::proto",
                "aws_smithy_runtime::client",
                "lambda_runtime::layers",
                "printbells",
            ] {
                assert!(!filter.would_enable(other, &Level::DEBUG), "{wanted:?} {other}");
            }
            assert!(!filter.would_enable("aws_config", &Level::INFO), "{wanted:?}");
            assert!(filter.would_enable("aws_config", &Level::ERROR), "{wanted:?}");
        }
    }
}
