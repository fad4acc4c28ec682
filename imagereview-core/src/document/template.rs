//! Messages with placeholders.

use std::fmt::{self, Write as _};

use crate::{
    policy::REASON_LIMIT,
    quote::{Cut, Escaped},
    review::{Image, Review},
};

/// A message with placeholders, which are checked when it is read: `{image}`, `{registry}`,
/// `{repository}`, `{tag}`, `{digest}`, `{namespace}`, `{container}`, `{location}`, `{rule}`. `{{` and
/// `}}` stand for braces.
#[derive(Clone, Debug)]
pub(super) struct Template(Vec<Part>);

#[derive(Clone, Debug)]
enum Part {
    Text(Box<str>),
    Placeholder(Placeholder),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Placeholder {
    Image,
    Registry,
    Repository,
    Tag,
    Digest,
    Namespace,
    Container,
    Location,
    Rule,
}

const PLACEHOLDERS: [(&str, Placeholder); 9] = [
    ("image", Placeholder::Image),
    ("registry", Placeholder::Registry),
    ("repository", Placeholder::Repository),
    ("tag", Placeholder::Tag),
    ("digest", Placeholder::Digest),
    ("namespace", Placeholder::Namespace),
    ("container", Placeholder::Container),
    ("location", Placeholder::Location),
    ("rule", Placeholder::Rule),
];

/// The longest message in a policy, in bytes. One is kept with each violation.
const MAX_LEN: usize = 4096;

/// About the most bytes that take the place of a placeholder: those of a quotation.
const MAX_INSERTED: u64 = 640;

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the message is empty".into());
        }
        if text.len() > MAX_LEN {
            return Err(format!(
                "the message has {} bytes, and may have {MAX_LEN}; a response has room for {REASON_LIMIT}",
                text.len()
            ));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(brace) = rest.find(['{', '}']) {
            literal.push_str(&rest[..brace]);
            let opens = rest[brace..].starts_with('{');
            if rest[brace..].starts_with("{{") || rest[brace..].starts_with("}}") {
                literal.push(if opens { '{' } else { '}' });
                rest = &rest[brace + 2..];
                continue;
            }
            let end = rest[brace..].find('}').filter(|_| opens);
            let Some(end) = end.map(|end| brace + end) else {
                return Err(
                    "a brace is not closed or not opened; write \"{{\" or \"}}\" for a brace in the text".into(),
                );
            };
            let name = &rest[brace + 1..end];
            let Some((_, placeholder)) = PLACEHOLDERS.iter().find(|(known, _)| *known == name)
            else {
                let known: Vec<String> = PLACEHOLDERS
                    .iter()
                    .map(|(name, _)| format!("{{{name}}}"))
                    .collect();
                return Err(format!(
                    "there is no placeholder {{{name}}}; there are {}",
                    known.join(", ")
                ));
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal).into()));
            }
            parts.push(Part::Placeholder(*placeholder));
            rest = &rest[end + 1..];
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        Ok(Self(parts))
    }

    /// The most bytes of a message, whatever the image.
    pub(super) fn most_bytes(&self) -> u64 {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(literal) => literal.len() as u64,
            Part::Placeholder(_) => MAX_INSERTED,
        });
        parts.fold(0, u64::saturating_add)
    }

    pub(super) fn fill(&self, rule: &str, review: &Review<'_>, image: &Image<'_>) -> String {
        let reference = image.reference();
        let mut text = String::new();
        for part in &self.0 {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Text(literal) => text.write_str(literal),
                Part::Placeholder(placeholder) => match placeholder {
                    Placeholder::Image => write!(text, "{}", Cut(reference.as_written())),
                    Placeholder::Registry => write!(text, "{}", Cut(reference.registry())),
                    Placeholder::Repository => {
                        write!(text, "{}", Cut(&reference.repository().to_string()))
                    }
                    Placeholder::Tag => {
                        text.write_str(reference.tag().or(reference.pulled_tag()).unwrap_or("-"))
                    }
                    Placeholder::Digest => match reference.digest() {
                        Some(digest) => write!(text, "{digest}"),
                        None => text.write_str("-"),
                    },
                    Placeholder::Namespace => write!(text, "{}", name(review.namespace())),
                    Placeholder::Container => {
                        write!(text, "{}", name(image.location().container()))
                    }
                    Placeholder::Location => write!(text, "{}", image.location().path()),
                    Placeholder::Rule => text.write_str(rule),
                },
            };
        }
        text
    }
}

/// As it is written in a policy.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(literal) => f.write_str(&literal.replace('{', "{{").replace('}', "}}")),
            Part::Placeholder(placeholder) => write!(f, "{{{}}}", placeholder.name()),
        })
    }
}

impl Placeholder {
    fn name(self) -> &'static str {
        let mut known = PLACEHOLDERS.iter();
        known
            .find(|(_, placeholder)| *placeholder == self)
            .map_or("", |(name, _)| name)
    }
}

/// The most characters of a name that are written: those of the longest that Kubernetes allows.
const MAX_NAME_CHARS: usize = 63;

/// A name that nobody may have checked yet: admission comes before some of the API server's own
/// validation.
fn name(name: Option<&str>) -> Escaped<'_> {
    Escaped(name.unwrap_or("-"), MAX_NAME_CHARS)
}
