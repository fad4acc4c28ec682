//! Documents of changes to objects.

use imagereview_core::Mode;

use crate::{
    draft::{Checks, DigestCheck, Document, Mutations, Rule, Scope},
    sink::{Sink, origin},
    yaml::At,
};

/// Makes a document of changes. Its rule denies nothing, as the original doesn't.
pub(crate) fn take(name: &str, at: &At<'_>, mutations: Mutations, scope: &Scope, sink: &mut Sink) {
    if mutations.is_empty() {
        return;
    }
    let checks = if !mutations.pin_digests.is_empty() {
        Checks {
            digest: DigestCheck::Required,
            ..Checks::default()
        }
    } else if mutations.mirrors.is_empty() {
        Checks {
            max_images: true,
            ..Checks::default()
        }
    } else {
        let targets = mutations.mirrors.iter().map(|(_, to)| to.clone());
        Checks {
            repositories_allowed: targets.collect(),
            ..Checks::default()
        }
    };
    let mut checks = checks;
    checks
        .notes
        .push("the original denies nothing: this only records what was not changed".to_owned());
    // The same change to containers and to init containers is one.
    let is_known = |document: &Document| {
        document.mutations.mirrors == mutations.mirrors
            && document.mutations.pin_digests == mutations.pin_digests
            && document.mutations.pull_policies == mutations.pull_policies
            && document.mutations.pull_secrets == mutations.pull_secrets
            && document.scope == *scope
    };
    if sink.documents.iter().any(is_known) {
        return;
    }
    let object = sink.remarks.object().to_owned();
    let mut document = sink.document(at, &object, name, Mode::Audit);
    document.mutations = mutations;
    document.scope = scope.clone();
    document.rules.push(Rule {
        name: sink.rule_names.take(name),
        origin: origin(at),
        mode: Mode::Audit,
        checks,
        ..Rule::default()
    });
    sink.finish(document);
}
