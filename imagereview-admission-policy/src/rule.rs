//! A rule as a condition: which images fail it, and what is said of them.

use imagereview_core::document::{
    DigestOutline, ListsOutline, RepositoryOutline, RuleOutline, TagOutline, TagsOutline,
};

use crate::{
    cel::{Condition, string, strings},
    cost::FIELD,
    message::{self, template},
    pattern::{Reading, repositories, tags},
    scope,
};

/// A rule; compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    /// Whether the request is in scope.
    pub(crate) in_scope: Condition,
    /// Whether an image of it is.
    pub(crate) image_in_scope: Condition,
    /// Whether an image fails it.
    pub(crate) fails: Condition,
    /// The most images that a request may have.
    pub(crate) max_images: Option<usize>,
    /// What is said of an image that fails: an expression.
    pub(crate) reason: String,
}

/// A way to fail, and what is said of it.
struct Failure {
    condition: Condition,
    reason: String,
    remedy: Option<String>,
}

impl Rule {
    pub(crate) fn compile(rule: &RuleOutline) -> Result<Self, String> {
        if rule.uses_facts {
            return Err(
                "facts and signatures are what a registry says, and the API server asks none; leave the rule to the webhook"
                    .into(),
            );
        }
        if rule.image_pull_policies.is_some() {
            return Err(
                "imagePullPolicies are not compiled yet; leave the rule to the webhook".into(),
            );
        }
        if rule.expression.is_some() {
            return Err(
                "an expression of imagereview is not evaluated by the API server; leave the rule to the webhook"
                    .into(),
            );
        }
        let conditions =
            scope::of_request(&rule.scope).map_err(|reason| within("scope", &reason))?;
        let conditions = conditions.into_iter().map(|(_, condition)| condition);
        let image_in_scope =
            scope::of_image(&rule.scope).map_err(|reason| within("scope", &reason))?;
        let mut failures = Vec::new();
        if let Some(tags) = &rule.tags {
            failures.extend(of_tags(tags).map_err(|reason| within("tags", &reason))?);
        }
        if let Some(digest) = &rule.digest {
            failures.extend(of_digest(digest));
        }
        for (lists, what) in [
            (&rule.registries, "registry"),
            (&rule.repositories, "repository"),
        ] {
            if let Some(lists) = lists {
                failures.extend(of_lists(lists, what).map_err(|reason| within(what, &reason))?);
            }
        }
        if rule.max_images.is_some() {
            if !image_in_scope.is(true) {
                return Err(
                    "which images are too many depends on their order where maxImages is about some of them, and \
                     CEL has no order of images; leave out scope.images and scope.containers"
                        .into(),
                );
            }
            if !failures.is_empty() {
                return Err(
                    "maxImages is about a whole object and the other checks are about each image; make them two rules"
                        .into(),
                );
            }
        }
        Ok(Self {
            in_scope: Condition::all(conditions),
            image_in_scope,
            fails: Condition::any(failures.iter().map(|failure| failure.condition.clone())),
            max_images: rule.max_images,
            reason: reason(rule, &failures),
        })
    }
}

fn within(field: &str, reason: &str) -> String {
    format!("{field}: {reason}")
}

/// What is said of an image that fails: the rule's own words, or those of the first check that it fails.
fn reason(rule: &RuleOutline, failures: &[Failure]) -> String {
    let remedy = |text: &str| format!(" + '; ' + {}", template(&rule.name, text));
    if let Some(message) = &rule.message {
        let message = template(&rule.name, message);
        return message + &rule.remedy.as_deref().map(remedy).unwrap_or_default();
    }
    let of = |failure: &Failure| {
        let remedy = match (&rule.remedy, &failure.remedy) {
            (Some(own), _) => remedy(own),
            (None, Some(general)) => format!(" + {}", string(&format!("; {general}"))),
            (None, None) => String::new(),
        };
        format!("{}{remedy}", failure.reason)
    };
    let Some((last, before)) = failures.split_last() else {
        return rule.remedy.as_deref().map(remedy).unwrap_or_default();
    };
    let mut reason = of(last);
    for failure in before.iter().rev() {
        reason = format!("({} ? {} : {reason})", failure.condition, of(failure));
    }
    reason
}

/// The tag that counts, as a reason names it.
const TAG: &str = "(image.tagIsImplied == 'true' ? 'it has no tag, which means \"latest\", and that' : 'its tag \"' + image.tag + '\"')";

fn of_tags(tags_: &TagsOutline) -> Result<Vec<Failure>, String> {
    let has_digest = || Condition::new("image.digest != ''", FIELD);
    let has_no_digest = || Condition::new("image.digest == ''", FIELD);
    let has_tag = || Condition::new("image.tag != ''", FIELD);
    let is_implied = || Condition::new("image.tagIsImplied == 'true'", FIELD);
    // Whether the tag is looked at, which is that of an image without one too.
    let mut looked_at = Vec::new();
    let mut failures = Vec::new();
    match tags_.missing_passes {
        None => {}
        Some(true) => looked_at.push(is_implied().not()),
        Some(false) => {
            looked_at.push(is_implied().not());
            failures.push(Failure {
                condition: is_implied(),
                reason: string("it has no tag"),
                remedy: Some("write a fixed tag or a digest".into()),
            });
        }
    }
    if tags_.checks_pinned {
        looked_at.push(has_tag());
        if tags_.allow.is_some() {
            failures.push(Failure {
                condition: Condition::all([has_digest(), has_tag().not()]),
                reason: string("it has a digest and no tag that could be checked"),
                remedy: Some("write the tag beside the digest".into()),
            });
        }
    } else {
        looked_at.push(has_no_digest());
    }
    let when_looked_at = |condition: Condition| {
        let conditions = looked_at.iter().cloned();
        Condition::all(conditions.chain([condition]))
    };
    if let Some(deny) = &tags_.deny {
        failures.push(Failure {
            condition: when_looked_at(tags(deny)?),
            reason: format!("{TAG} + ' is denied'"),
            remedy: Some("write a fixed tag or a digest".into()),
        });
    }
    if let Some(allow) = &tags_.allow {
        failures.push(Failure {
            condition: when_looked_at(tags(allow)?.not()),
            reason: format!("{TAG} + ' is not allowed'"),
            remedy: Some(message::allowed(allow.iter().map(text_of_tag))),
        });
    }
    Ok(failures)
}

fn text_of_tag(pattern: &TagOutline) -> &str {
    &pattern.text
}

fn of_digest(digest: &DigestOutline) -> Vec<Failure> {
    let mut failures = Vec::new();
    if digest.required {
        failures.push(Failure {
            condition: Condition::new("image.digest == ''", FIELD),
            reason: string("it has no digest"),
            remedy: Some("add the digest, as in name:tag@sha256:…".into()),
        });
    }
    if let Some(algorithms) = &digest.algorithms {
        let names: Vec<&str> = algorithms.iter().map(|one| one.as_str()).collect();
        let text = format!("image.digest.split(':')[0] in {}", strings(&names));
        let has_digest = Condition::new("image.digest != ''", FIELD);
        failures.push(Failure {
            condition: Condition::all([has_digest, Condition::new(text, 3 * FIELD).not()]),
            reason: string("its digest is of an algorithm that is not allowed"),
            remedy: Some(format!("use {}", names.join(", "))),
        });
    }
    failures
}

fn of_lists(lists: &ListsOutline, what: &str) -> Result<Vec<Failure>, String> {
    let name = match what {
        "registry" => "image.registry",
        _ => "image.name",
    };
    let said = |how: &str| {
        format!(
            "{} + {name} + {}",
            string(&format!("{what} \"")),
            string(&format!("\" is {how}"))
        )
    };
    let mut failures = Vec::new();
    if let Some(deny) = &lists.deny {
        failures.push(Failure {
            condition: repositories(deny, Reading::Broad)?,
            reason: said("denied"),
            remedy: Some(format!("use an image from a {what} that the rule allows")),
        });
    }
    if let Some(allow) = &lists.allow {
        failures.push(Failure {
            condition: repositories(allow, Reading::Exact)?.not(),
            reason: said("not allowed"),
            remedy: Some(message::allowed(allow.iter().map(text_of_repository))),
        });
    }
    Ok(failures)
}

fn text_of_repository(pattern: &RepositoryOutline) -> &str {
    &pattern.text
}
