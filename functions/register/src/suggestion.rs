//! What a caller may have meant.

/// The longest name that is compared: longer ones are no slips of the pen.
const MAX_LENGTH: usize = 32;

/// How alike two names have to be (Jaro, which is made for names: 1 is equal), so that one may be meant by the other.
const ALIKE: f64 = 0.8;

/// The shortest part that stands for the whole of a name, in characters: `token` for `appToken`.
const SHORTEST_PART: usize = 4;

/// Which of the `known` names `name` is most likely meant to be, if any.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > MAX_LENGTH {
        return None;
    }
    let name = plain(name);
    let likeness = |known: &str| {
        let known = plain(known);
        let is_part = |part: &str, whole: &str| part.len() >= SHORTEST_PART && whole.contains(part);
        match is_part(&name, &known) || is_part(&known, &name) {
            true => 1.0,
            false => strsim::jaro(&name, &known),
        }
    };
    let alike = known.into_iter().map(|known| (likeness(known), known));
    let (likeness, nearest) = alike.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (likeness >= ALIKE).then_some(nearest)
}

/// A rule, with what may have been meant.
pub(crate) fn suggesting(rule: &str, meant: Option<&str>) -> String {
    match meant {
        Some(meant) => format!("{rule}; did you mean {meant}?"),
        None => rule.to_owned(),
    }
}

/// A name without what only tells one way of writing names from another.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_other_ways_of_writing_are_understood() {
        const FIELDS: [&str; 4] = ["appToken", "completionUrl", "eventTypes", "metadata"];
        for (name, meant) in [
            ("apptoken", "appToken"),
            ("AppToken", "appToken"),
            ("app_token", "appToken"),
            ("app-token", "appToken"),
            ("appApiToken", "appToken"),
            ("apToken", "appToken"),
            ("token", "appToken"),
            ("completionURL", "completionUrl"),
            ("completion_url", "completionUrl"),
            ("completeUrl", "completionUrl"),
            ("completion", "completionUrl"),
            ("eventType", "eventTypes"),
            ("event_types", "eventTypes"),
            ("events", "eventTypes"),
            ("types", "eventTypes"),
            ("evnetTypes", "eventTypes"),
            ("meta", "metadata"),
            ("metaData", "metadata"),
            ("metdata", "metadata"),
        ] {
            assert_eq!(nearest(name, FIELDS), Some(meant), "{name}");
        }
        let long = "appToken".repeat(5);
        for name in [
            "",
            "a",
            "room",
            "webhookUrl",
            "tenantId",
            "printerRef",
            "status",
            "url",
            &long,
            "ö",
        ] {
            assert_eq!(nearest(name, FIELDS), None, "{name}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
