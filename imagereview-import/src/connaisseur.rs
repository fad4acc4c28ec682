//! Connaisseur: the values of its chart.
//!
//! Its fields are those of <https://sse-secure-systems.github.io/connaisseur/>. The most specific pattern decides.

use imagereview_core::Mode;

use crate::{
    draft::{Authority, Checks, Document, Rule, Scope},
    error::ImportError,
    signatures::{self, Needed, SignedRule},
    sink::{Sink, origin},
    wildcard::Wild,
    yaml::At,
};

/// The part of an input that has validators and a policy, if it is one.
pub(crate) fn values<'n>(at: &At<'n>) -> Option<At<'n>> {
    let is_values = |at: &At<'n>| at.get("validators").is_some() && at.get("policy").is_some();
    if is_values(at) {
        return Some(at.clone());
    }
    at.get("application").filter(is_values)
}

pub(crate) fn import(at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
    let object = "values of Connaisseur";
    let mut document = sink.document(at, object, "connaisseur", Mode::Enforce);
    if let Some(features) = at.get("features") {
        sink.remarks
            .not_taken(&features, "how Connaisseur runs is not a part of a policy");
    }
    let validators = at.list("validators")?;
    let entries = at.list("policy")?;
    let mut patterns = Vec::new();
    for entry in &entries {
        patterns.push(entry.required_text("pattern")?);
    }
    for (index, entry) in entries.iter().enumerate() {
        // A pattern that this one matches is more specific, and has a rule of its own.
        let own = Wild::glob(patterns[index]);
        let more_specific = patterns.iter().enumerate().filter(|(other, pattern)| {
            *other != index && own.matches(pattern) && **pattern != patterns[index]
        });
        let globs: Vec<_> = more_specific
            .map(|(_, pattern)| (entry.clone(), (*pattern).to_owned()))
            .collect();
        let excluded = if globs.is_empty() {
            Vec::new()
        } else {
            signatures::repositories(&globs, sink)
        };
        let pattern = (entry.clone(), patterns[index].to_owned());
        let images = signatures::repositories(&[pattern], sink);
        let name = entry.text_of("validator").unwrap_or("default");
        let validator = validators
            .iter()
            .find(|one| one.text_of("name") == Some(name))
            .ok_or_else(|| entry.error(format!("there is no validator {name:?}")))?;
        rule(entry, validator, images, excluded, &mut document, sink)?;
    }
    sink.finish(document);
    Ok(())
}

fn rule(
    entry: &At<'_>,
    validator: &At<'_>,
    images: Vec<String>,
    images_excluded: Vec<String>,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let name = validator.required_text("name")?;
    match validator.required_text("type")? {
        "static" if validator.get("approve").and_then(|at| at.bool()) == Some(true) => Ok(()),
        "static" => {
            document.rules.push(Rule {
                name: sink.rule_names.take(name),
                origin: origin(entry),
                mode: document.mode,
                checks: Checks {
                    images,
                    images_excluded,
                    repositories_denied: vec!["**".to_owned()],
                    ..Checks::default()
                },
                ..Rule::default()
            });
            Ok(())
        }
        "cosign" => {
            let wanted = entry
                .at(&["with", "trustRoot"])
                .and_then(|at| at.text())
                .unwrap_or("default");
            let roots = validator.list("trustRoots")?;
            let mut found: Vec<(At<'_>, Result<Authority, String>)> = Vec::new();
            for root in &roots {
                if wanted == "*" || root.text_of("name") == Some(wanted) {
                    let authority = match root.text_of("key") {
                        Some(key) => signatures::key(key),
                        None => match root.get("keyless") {
                            Some(keyless) => signatures::keyless(&keyless, sink),
                            None => Err("it has neither a key nor a keyless identity".to_owned()),
                        },
                    };
                    found.push((root.clone(), authority));
                }
            }
            let threshold = entry.at(&["with", "threshold"]).and_then(|at| at.text());
            let needed = match threshold.and_then(|count| count.parse().ok()) {
                Some(count) => Needed::AtLeast(count),
                None => Needed::All,
            };
            sink.remarks.not_taken(
                validator,
                "an entry in a transparency log is required there unless it is turned off; add log: required and a trustedRoot",
            );
            match signatures::of_several(found, needed, sink) {
                Some(by) => signatures::take(
                    SignedRule {
                        name,
                        at: entry,
                        images,
                        images_excluded,
                        by,
                        repository: None,
                        scope: Scope::default(),
                    },
                    document,
                    sink,
                ),
                None => sink
                    .remarks
                    .not_taken(entry, "its trust roots could not be taken"),
            }
            Ok(())
        }
        other => {
            sink.remarks.not_taken(
                validator,
                format!("signatures of the type {other:?} are not taken"),
            );
            Ok(())
        }
    }
}
