//! YAML as CloudFormation reads it: text, lists, maps, and calls of its functions (`!Ref Topic`, `!If [a, b, c]`).

use anyhow::{Context, Result, bail};
use saphyr_parser::{Event, Parser, StrInput};

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Anything that is neither list nor map: to CloudFormation, numbers and truth values are text too.
    Text(String),
    List(Vec<Self>),
    /// In the order of the file.
    Map(Vec<(String, Self)>),
    /// A function by its name, without the `!`, and what it is called with.
    Call(String, Box<Self>),
}

type Events<'a> = Parser<'a, StrInput<'a>>;

impl Node {
    /// Reads a file of one document.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut events = Parser::new_from_str(text);
        loop {
            match next(&mut events)? {
                Event::StreamStart | Event::DocumentStart(_) => {}
                event => return Self::build(event, &mut events),
            }
        }
    }

    fn build(first: Event<'_>, rest: &mut Events<'_>) -> Result<Self> {
        let (node, tag) = match first {
            Event::Scalar(text, _, _, tag) => (Self::Text(text.into_owned()), tag),
            Event::SequenceStart(_, tag) => {
                let mut items = Vec::new();
                loop {
                    match next(rest)? {
                        Event::SequenceEnd => break (Self::List(items), tag),
                        event => items.push(Self::build(event, rest)?),
                    }
                }
            }
            Event::MappingStart(_, tag) => {
                let mut pairs = Vec::new();
                loop {
                    match next(rest)? {
                        Event::MappingEnd => break (Self::Map(pairs), tag),
                        Event::Scalar(name, ..) => {
                            let value = next(rest)?;
                            pairs.push((name.into_owned(), Self::build(value, rest)?));
                        }
                        other => bail!("{other:?} where a name was expected"),
                    }
                }
            }
            other => bail!("{other:?} has no place in a template"),
        };
        Ok(match tag {
            Some(tag) if tag.handle == "!" => Self::Call(tag.suffix.clone(), Box::new(node)),
            _ => node,
        })
    }

    /// A member of a map.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.pairs()
            .iter()
            .find_map(|(other, value)| (other == name).then_some(value))
    }

    /// What lies at the end of a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Result<&Self> {
        let mut node = self;
        for name in path {
            node = node
                .get(name)
                .with_context(|| format!("no {name} where {} was looked for", path.join(".")))?;
        }
        Ok(node)
    }

    /// The members of a map; of anything else none.
    pub(super) fn pairs(&self) -> &[(String, Self)] {
        match self {
            Self::Map(pairs) => pairs,
            _ => &[],
        }
    }

    /// The items of a list; of anything else none.
    pub(super) fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The text that it is, if it is one.
    pub(super) fn text(&self) -> Result<&str> {
        match self {
            Self::Text(text) => Ok(text),
            other => bail!("{other:?} where a text was expected"),
        }
    }
}

fn next<'a>(events: &mut Events<'a>) -> Result<Event<'a>> {
    let (event, _) = events.next().context("the template is cut short")??;
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_told_from_the_text_and_the_lists_that_they_take() {
        let node = Node::parse("{a: !Not [!Equals [!Ref B, \"\"]], c: 1, d: !!str 2, e: \"!Ref B\"}").unwrap();
        let text = |text: &str| Node::Text(text.to_owned());
        let call = |name: &str, argument| Node::Call(name.to_owned(), Box::new(argument));
        let equals = call("Equals", Node::List(vec![call("Ref", text("B")), text("")]));
        let pair = |name: &str, value| (name.to_owned(), value);
        assert_eq!(
            node,
            Node::Map(vec![
                pair("a", call("Not", Node::List(vec![equals]))),
                pair("c", text("1")),
                pair("d", text("2")),
                pair("e", text("!Ref B")),
            ])
        );
    }

    #[test]
    fn what_is_missing_is_named_with_its_path() {
        let node = Node::parse("a: {b: 1}").unwrap();
        assert_eq!(node.at(&["a", "b"]).unwrap(), &Node::Text("1".to_owned()));
        let error = node.at(&["a", "c", "d"]).unwrap_err().to_string();
        assert_eq!(error, "no c where a.c.d was looked for");
        assert!(Node::parse("a: [1").is_err());
    }
}
