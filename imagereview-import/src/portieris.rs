//! Portieris: `ImagePolicy` and `ClusterImagePolicy`.
//!
//! Its fields are those of <https://github.com/IBM/portieris/blob/main/POLICIES.md>. An image that no repository of
//! the policy matches is denied, and the most specific repository decides.

use imagereview_core::Mode;

use crate::{
    draft::Scope,
    error::ImportError,
    formula::{Field, Formula, LooksAt},
    sink::{Sink, Taking},
    wildcard::Wild,
    yaml::At,
};

/// The groups of the policies.
pub(crate) const GROUPS: [&str; 2] = [
    "portieris.cloud.ibm.com",
    "securityenforcement.admission.cloud.ibm.com",
];

pub(crate) fn import(at: &At<'_>, kind: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let metadata = at.required_map("metadata")?;
    let name = metadata.required_text("name")?;
    let spec = at.required_map("spec")?;
    let mut document = sink.document(at, &format!("{kind} {name}"), name, Mode::Enforce);
    sink.remarks.unknown_fields(&spec, &["repositories"]);
    let mut scope = Scope::default();
    if kind == "ImagePolicy" {
        match metadata.text_of("namespace") {
            Some(namespace) => scope.namespaces.include.push(namespace.to_owned()),
            None => sink.remarks.stricter(
                &metadata,
                "an ImagePolicy is about its own namespace, and none is written; the rule is about all",
            ),
        }
    }
    let repositories = spec.list("repositories")?;
    if repositories.is_empty() {
        return Err(spec.error("the policy has no repositories; Portieris denies every image then"));
    }
    let mut allowed = Vec::new();
    let mut rejected = Vec::new();
    for item in &repositories {
        let name = item.required_text("name")?;
        let atom = Formula::atom(Field::Repository, Wild::glob(name));
        let is_rejected = item
            .at(&["policy", "simple", "requirements"])
            .iter()
            .flat_map(At::items)
            .any(|one| one.text_of("type") == Some("reject"));
        if is_rejected {
            rejected.push(atom.not());
        } else {
            allowed.push(atom);
        }
        policy(item, sink);
    }
    let place = spec.get("repositories").unwrap_or(spec);
    let mut all = vec![Formula::Or(allowed)];
    all.extend(rejected);
    sink.take(
        &mut document,
        Taking::new(name, &place, Formula::And(all), LooksAt::CONTAINERS, &scope),
    );
    sink.finish(document);
    Ok(())
}

/// What a policy of a repository requires of signatures.
fn policy(at: &At<'_>, sink: &mut Sink) {
    let Some(policy) = at.get("policy") else {
        return;
    };
    for (field, value) in policy.entries() {
        match field {
            "trust" if value.get("enabled").and_then(|at| at.bool()) == Some(false) => {}
            "simple" => {
                for one in value.get("requirements").iter().flat_map(At::items) {
                    if !["insecureAcceptAnything", "reject"]
                        .contains(&one.text_of("type").unwrap_or_default())
                    {
                        sink.remarks.not_taken(
                            &one,
                            "its key is in a secret; write the rule signed by hand, as docs/signatures.md shows",
                        );
                    }
                }
            }
            "mutateImage" => {}
            "trust" => sink
                .remarks
                .not_taken(&value, "signatures of Docker Content Trust are not taken"),
            _ => sink
                .remarks
                .not_taken(&value, "a document has no such requirement"),
        }
    }
}
