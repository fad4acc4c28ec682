//! The facts of a review, as lines about it show them.

use std::sync::Arc;

use imagereview_core::{
    Language, Review, Verdict,
    facts::{Fact, Facts, ImageFacts},
};
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::text::cut;

/// The facts of how many images a line of the log shows.
const MAX_LOGGED: usize = 16;

/// What is known of the images of a review, as a list of texts: which digest each has, which server said so
/// and with whose credentials, or why it is not known. `None` where no rule needed any.
pub(super) fn logged_facts(facts: Option<&Facts>) -> Option<String> {
    let facts = facts.filter(|facts| !facts.is_empty())?;
    let texts: Vec<String> = facts
        .iter()
        .take(MAX_LOGGED)
        .map(|(name, fact)| {
            let name = cut(name);
            match fact {
                Fact::Known(known) => format!(
                    "{name} is {} by {} with {}",
                    known.digest,
                    known.resolved_from,
                    cut(&known.credentials)
                ),
                Fact::Absent => format!("{name} is not there"),
                Fact::Unavailable(why) => {
                    format!(
                        "{name} is not known ({}): {}",
                        why.cause(),
                        cut(why.message())
                    )
                }
            }
        })
        .collect();
    let more = if facts.len() > MAX_LOGGED { ", .." } else { "" };
    let list = format!("{texts:?}");
    Some(format!("{}{more}]", list.trim_end_matches(']')))
}

/// What the first denial says of an image of which facts were needed: which of them decided.
pub(super) fn deciding_reason<'v>(review: &Review<'_>, verdict: &'v Verdict) -> Option<&'v str> {
    let facts = review.facts().filter(|facts| !facts.is_empty())?;
    let is_of_facts = |image: &str| {
        let mut images = review.images().iter();
        images.any(|one| {
            one.reference().as_written() == image && facts.image(one.reference()).is_some()
        })
    };
    let denial = verdict
        .denials()
        .find(|denial| denial.image().is_some_and(is_of_facts));
    denial.map(|denial| cut(denial.reason().text(Language::English)))
}

/// Facts in a line of the audit log.
pub(super) struct AuditedFacts<'f>(pub(super) &'f Facts);

impl Serialize for AuditedFacts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .iter()
                .map(|(image, fact)| AuditedFact { image, fact }),
        )
    }
}

struct AuditedFact<'f> {
    image: &'f str,
    fact: &'f Fact<Arc<ImageFacts>>,
}

impl Serialize for AuditedFact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Fact", 5)?;
        object.serialize_field("image", self.image)?;
        match self.fact {
            Fact::Known(known) => {
                object.serialize_field("digest", known.digest.as_str())?;
                object.serialize_field("resolvedFrom", &known.resolved_from)?;
                let time = humantime::format_rfc3339_seconds(known.resolved_at);
                object.serialize_field("resolvedAt", &time.to_string())?;
                object.serialize_field("credentials", &known.credentials)?;
            }
            Fact::Absent => object.serialize_field("absent", &true)?,
            Fact::Unavailable(why) => object.serialize_field("unavailable", why)?,
        }
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use imagereview_core::{
        ImageRef, Violation,
        facts::{Cause, ContentDigest, Unavailable},
    };

    use super::*;

    fn facts() -> Facts {
        let digest = ContentDigest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap();
        let mut known = ImageFacts::new(digest, SystemTime::UNIX_EPOCH, "mirror.example.com");
        known.credentials = "Secret team/regcred".into();
        let mut facts = Facts::new();
        let late = Unavailable::new(Cause::Deadline, "the time was over");
        for (name, fact) in [
            ("a.example/known:1", Fact::Known(Arc::new(known))),
            ("a.example/absent:1", Fact::Absent),
            ("a.example/late:1", Fact::Unavailable(late)),
        ] {
            facts.insert(&ImageRef::parse(name).unwrap(), fact);
        }
        facts
    }

    #[test]
    fn a_log_line_says_what_was_known_from_whom() {
        let zeros = "0".repeat(64);
        let expected = format!(
            "[\"a.example/absent:1 is not there\", \"a.example/known:1 is sha256:{zeros} by \
             mirror.example.com with Secret team/regcred\", \"a.example/late:1 is not known (deadline): the time was over\"]"
        );
        assert_eq!(logged_facts(Some(&facts())), Some(expected));
        assert_eq!(logged_facts(Some(&Facts::new())), None);
        assert_eq!(logged_facts(None), None);
    }

    #[test]
    fn a_log_line_is_cut() {
        let mut facts = Facts::new();
        for index in 0..=MAX_LOGGED {
            let name = format!("a.example/b:{index}");
            facts.insert(&ImageRef::parse(&name).unwrap(), Fact::Absent);
        }
        let list = logged_facts(Some(&facts)).unwrap();
        assert!(list.ends_with("is not there\", ..]"), "{list}");
        assert_eq!(list.matches("is not there").count(), MAX_LOGGED);
    }

    #[test]
    fn the_reason_that_is_shown_is_about_an_image_with_facts() {
        let verdict_of = |review: &Review<'_>| {
            Verdict::for_each_image(review, |image| {
                let reason = format!("{} it is", image.reference().as_written());
                Some(Violation::new("a-rule", image, reason))
            })
        };
        let facts = facts();
        let names = ["b.example/other:1", "a.example/known:1"];
        let review: Review<'_> = names.into_iter().collect();
        assert_eq!(deciding_reason(&review, &verdict_of(&review)), None);
        let review = review.with_facts(&facts);
        let verdict = verdict_of(&review);
        assert_eq!(
            deciding_reason(&review, &verdict),
            Some("a.example/known:1 it is")
        );
        assert_eq!(deciding_reason(&review, &Verdict::allowed()), None);
    }
}
