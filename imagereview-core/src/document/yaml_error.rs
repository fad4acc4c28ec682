//! Why a text is no YAML: what `serde-saphyr` says of it, without its position, which stands before
//! every problem.

use std::borrow::Cow;

use serde_saphyr::{DefaultMessageFormatter, Error, Localizer, Location, MessageFormatter};

/// The reader's own message, and nothing after it.
struct MessageAlone;

impl Localizer for MessageAlone {
    fn attach_location<'a>(&self, message: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        message
    }
}

impl MessageFormatter for MessageAlone {
    fn localizer(&self) -> &dyn Localizer {
        self
    }

    fn format_message<'a>(&self, error: &'a Error) -> Cow<'a, str> {
        match error {
            Error::DuplicateMappingKey { key: Some(key), .. } => {
                format!("the field {key:?} stands twice").into()
            }
            Error::MergeKeyNotAllowed { .. } => {
                "merge keys (\"<<\") are not of YAML 1.2; write the fields out".into()
            }
            Error::Budget { .. }
            | Error::AliasReplayCounterOverflow { .. }
            | Error::AliasReplayLimitExceeded { .. }
            | Error::AliasExpansionLimitExceeded { .. }
            | Error::AliasReplayStackDepthExceeded { .. } => {
                let said = DefaultMessageFormatter.format_message(error);
                format!("this is too much or too deep for a policy ({said})").into()
            }
            // The scanner below the reader has no kinds: nothing but the text tells this one.
            Error::ExternalMessage { msg, .. } if msg.contains("limit exceeded") => {
                format!("this is too much or too deep for a policy ({msg})").into()
            }
            _ => DefaultMessageFormatter.format_message(error),
        }
    }
}

/// What is wrong, in one sentence.
pub(super) fn explain(error: &Error) -> String {
    error.without_snippet().render_with_formatter(&MessageAlone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_without_its_position() {
        for (yaml, expected) in [
            ("a: 1\na: 2", "the field \"a\" stands twice"),
            (
                "a: &a {b: 1}\nc: {<<: *a}",
                "merge keys (\"<<\") are not of YAML 1.2; write the fields out",
            ),
            ("a: *b", "alias references unknown anchor"),
            (
                &"[".repeat(1000),
                "this is too much or too deep for a policy (recursion limit exceeded)",
            ),
        ] {
            let options = serde_saphyr::options! {
                merge_keys: serde_saphyr::options::MergeKeyPolicy::Error,
            };
            let read = serde_saphyr::from_str_with_options::<serde_json::Value>(yaml, options);
            assert_eq!(explain(&read.unwrap_err()), expected, "{yaml}");
        }
    }
}
