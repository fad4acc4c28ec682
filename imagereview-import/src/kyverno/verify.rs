//! `verifyImages` of Kyverno.

use crate::{
    draft::{Authority, Document, Scope},
    error::ImportError,
    signatures::{self, Needed, SignedRule},
    sink::Sink,
    yaml::At,
};

/// Fields that say how a signature is looked for and not what is required.
const HARMLESS: &[&str] = &[
    "imageReferences",
    "image",
    "skipImageReferences",
    "attestors",
    "attestations",
    "mutateDigest",
    "verifyDigest",
    "required",
    "useCache",
    "imageRegistryCredentials",
    "type",
    "repository",
    "cosignOCI11",
    "failureAction",
];

pub(super) fn import(
    name: &str,
    at: &At<'_>,
    scope: &Scope,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    for item in at.items() {
        sink.remarks.unknown_fields(&item, HARMLESS);
        if let Some(at) = item.get("attestations") {
            sink.remarks.not_taken(
                &at,
                "write the rule attested by hand, as docs/signatures.md shows",
            );
        }
        let globs = |field: &str| -> Result<Vec<_>, ImportError> {
            let items = item.list(field)?.into_iter();
            Ok(items
                .map(|at| {
                    let glob = at.text().unwrap_or_default().to_owned();
                    (at, glob)
                })
                .collect())
        };
        let images = signatures::repositories(&globs("imageReferences")?, sink);
        for (at, _) in globs("skipImageReferences")? {
            sink.remarks.not_taken(
                &at,
                "here the rule is about these images too; write an exemption for them",
            );
        }
        let attestors = item.list("attestors")?;
        if attestors.is_empty() {
            sink.remarks
                .not_taken(&item, "it names nobody who must have signed");
            continue;
        }
        let is_notary = item.text_of("type") == Some("Notary");
        let mut found = Vec::new();
        for attestor in &attestors {
            found.push((attestor.clone(), set_of(attestor, is_notary, sink)?));
        }
        let Some(by) = signatures::of_several(found, Needed::All, sink) else {
            sink.remarks
                .not_taken(&item, "not all of its attestors could be taken");
            continue;
        };
        signatures::take(
            SignedRule {
                name,
                at: &item,
                images,
                images_excluded: Vec::new(),
                by,
                repository: item.text_of("repository").map(str::to_owned),
                scope: scope.clone(),
            },
            document,
            sink,
        );
    }
    Ok(())
}

/// A set of attestors, of which `count` must have signed; all if there is none.
fn set_of(
    at: &At<'_>,
    is_notary: bool,
    sink: &mut Sink,
) -> Result<Result<Authority, String>, ImportError> {
    let entries = at.list("entries")?;
    let needed = match at.text_of("count").and_then(|count| count.parse().ok()) {
        Some(count) if count < entries.len() => Needed::AtLeast(count),
        _ => Needed::All,
    };
    let mut found = Vec::new();
    for entry in &entries {
        let authority = match entry.get("attestor") {
            Some(nested) => set_of(&nested, is_notary, sink)?,
            None => entry_of(entry, is_notary, sink),
        };
        found.push((entry.clone(), authority));
    }
    let all = signatures::of_several(found, needed, sink);
    Ok(all.ok_or_else(|| "some of its entries could not be taken".to_owned()))
}

fn entry_of(entry: &At<'_>, is_notary: bool, sink: &mut Sink) -> Result<Authority, String> {
    for field in ["annotations", "repository"] {
        if let Some(at) = entry.get(field) {
            sink.remarks.not_taken(
                &at,
                "write it into the rule signed by hand, as docs/signatures.md shows",
            );
        }
    }
    if let Some(certificates) = entry.get("certificates") {
        if is_notary {
            return signatures::notation(certificates.text_of("cert").unwrap_or_default());
        }
        return Err(
            "a certificate of cosign is pinned there, and a document names root certificates"
                .to_owned(),
        );
    }
    if let Some(keyless) = entry.get("keyless") {
        return signatures::keyless(&keyless, sink);
    }
    let Some(keys) = entry.get("keys") else {
        return Err("the import does not know this attestor".to_owned());
    };
    let ignores_log = keys.at(&["rekor", "ignoreTlog"]).and_then(|at| at.bool()) == Some(true);
    if !ignores_log {
        sink.remarks.not_taken(
            &keys,
            "an entry in a transparency log is required there; add log: required and a trustedRoot",
        );
    }
    signatures::key(keys.text_of("publicKeys").unwrap_or_default())
}
