//! An event of YAML, as both readers tell it.

use std::borrow::Cow;

/// One event, as both readers tell it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told<'t> {
    Document,
    DocumentEnd,
    End,
    Alias(usize),
    Scalar {
        value: Cow<'t, str>,
        is_plain: bool,
        anchor: usize,
        tag: Option<String>,
    },
    Sequence {
        anchor: usize,
        tag: Option<String>,
    },
    Mapping {
        anchor: usize,
        tag: Option<String>,
    },
}

/// The tags that readers agree on: those that YAML gives to scalars, lists and mappings anyway.
const CORE: [&str; 3] = [
    "tag:yaml.org,2002:str",
    "tag:yaml.org,2002:seq",
    "tag:yaml.org,2002:map",
];

impl Told<'_> {
    pub(super) fn tag(&self) -> Option<&str> {
        match self {
            Self::Scalar { tag, .. } | Self::Sequence { tag, .. } | Self::Mapping { tag, .. } => {
                tag.as_deref()
            }
            _ => None,
        }
    }

    /// The tag, if it is none that the value has anyway.
    pub(super) fn foreign_tag(&self) -> Option<String> {
        let own = match self {
            Self::Scalar { .. } => CORE[0],
            Self::Sequence { .. } => CORE[1],
            _ => CORE[2],
        };
        let tag = self.tag().filter(|tag| *tag != own)?;
        Some(tag.replace("tag:yaml.org,2002:", "!!"))
    }

    /// Whether another reader sees the same, to whom exclamation marks are dollars.
    pub(super) fn is_same(&self, other: &Told<'_>) -> bool {
        let dollars = |text: &str| text.replace('!', "$");
        match (self, other) {
            (
                Told::Scalar {
                    value,
                    is_plain,
                    anchor,
                    tag,
                },
                Told::Scalar {
                    value: theirs,
                    is_plain: plain,
                    anchor: other_anchor,
                    tag: other_tag,
                },
            ) => {
                let is_alike =
                    value == theirs || (value.contains('!') && dollars(value) == dollars(theirs));
                is_alike && is_plain == plain && anchor == other_anchor && tag == other_tag
            }
            _ => self == other,
        }
    }

    /// What it is, for people.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Document => "another document".to_owned(),
            Self::End => "the end of what came before".to_owned(),
            Self::DocumentEnd => "the end of the document".to_owned(),
            Self::Alias(_) => "an alias".to_owned(),
            Self::Scalar { value, .. } if value.is_empty() => "an empty value".to_owned(),
            Self::Scalar { value, .. } => {
                let cut: String = value.chars().take(40).collect();
                let dots = if cut.len() < value.len() { "…" } else { "" };
                format!("{cut:?}{dots}")
            }
            Self::Sequence { .. } => "a list".to_owned(),
            Self::Mapping { .. } => "a mapping".to_owned(),
        }
    }
}
