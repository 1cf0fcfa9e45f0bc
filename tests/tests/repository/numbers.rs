//! Numbers that have one source in the code, and stand elsewhere, too.

use printbell_harness::template::Template;
use printbell_harness::workspace;
use printbell_shared::registration::renewal::{Cycle, LIFETIME};

fn text(path: &str) -> String {
    std::fs::read_to_string(workspace::root().join(path)).unwrap()
}

#[test]
fn the_cycle_is_the_same_wherever_it_is_said() {
    let template = Template::read().unwrap();
    let (default, days) = (Cycle::DEFAULT.days(), Cycle::DAYS);
    let bounds = [days.start(), days.end()].map(ToString::to_string);
    assert_eq!(template.default("RenewalCycleDays").unwrap(), default.to_string());
    assert_eq!(template.bounds("RenewalCycleDays").unwrap(), bounds);

    let left = LIFETIME.as_hours() / 24 - i64::from(default) - 1;
    for (document, sentence) in [
        (
            "README.md",
            format!("from {} to {} days; `{default}`", days.start(), days.end()),
        ),
        ("README.md", format!("at least {left} days before it would")),
        (
            "docs/architecture.md",
            format!("{default} days, which leave at least {left} for trouble"),
        ),
        ("docs/cost.md", format!("A renewal every {default} days")),
    ] {
        assert!(
            text(document).contains(&sentence),
            "{document} doesn't say {sentence:?}"
        );
    }
}
