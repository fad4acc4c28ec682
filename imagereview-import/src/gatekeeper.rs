//! Gatekeeper: constraints of the image templates of its library.
//!
//! The meaning of each template is that of its Rego in
//! <https://github.com/open-policy-agent/gatekeeper-library>, and the fields of `match` are those of
//! <https://open-policy-agent.github.io/gatekeeper/website/docs/howto/#the-match-field>.

use imagereview_core::Mode;

use crate::{
    draft::{Names, Scope},
    error::ImportError,
    formula::{Atom, Field, Formula, LooksAt},
    namespaces::namespace_selector,
    sink::{Sink, Taking, digest_required},
    wildcard::Wild,
    yaml::At,
};

/// The group of constraints.
pub(crate) const GROUP: &str = "constraints.gatekeeper.sh";

/// The kinds that are known.
pub(crate) const KINDS: [&str; 5] = [
    "K8sAllowedRepos",
    "K8sAllowedReposv2",
    "K8sDisallowedRepos",
    "K8sDisallowedTags",
    "K8sImageDigests",
];

pub(crate) fn import(at: &At<'_>, kind: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let name = at.required_map("metadata")?.required_text("name")?;
    let spec = at.required_map("spec")?;
    let object = format!("{kind} {name}");
    sink.remarks.about(object.clone());
    let Some(mode) = mode(&spec, sink)? else {
        return Ok(());
    };
    let mut document = sink.document(at, &object, name, mode);
    sink.remarks.unknown_fields(
        &spec,
        &[
            "enforcementAction",
            "scopedEnforcementActions",
            "match",
            "parameters",
        ],
    );
    let scope = match spec.get("match") {
        Some(at) => scope(&at, sink)?,
        None => Scope::default(),
    };
    let parameters = match kind {
        "K8sImageDigests" => spec.get("parameters").unwrap_or_else(|| spec.clone()),
        _ => spec.required_map("parameters")?,
    };
    let (field, requirement) = requirement(kind, &parameters)?;
    let known: &[&str] = match kind {
        "K8sDisallowedTags" => &["tags", "exemptImages"],
        "K8sImageDigests" => &["exemptImages", "parameters", "match", "enforcementAction"],
        "K8sAllowedReposv2" => &["allowedImages"],
        _ => &["repos"],
    };
    if parameters.path.ends_with("parameters") {
        sink.remarks.unknown_fields(&parameters, known);
    }
    let exempt_at = parameters
        .get("exemptImages")
        .filter(|_| known.contains(&"exemptImages"));
    let exempt = match &exempt_at {
        Some(_) => parameters.text_list("exemptImages")?,
        None => Vec::new(),
    };
    let at = parameters.get(field).unwrap_or(parameters);
    sink.take(
        &mut document,
        Taking {
            exempt: exempt.into_iter().map(exempt_image).collect(),
            exempt_at,
            ..Taking::new(name, &at, requirement, LooksAt::CONTAINERS, &scope)
        },
    );
    sink.finish(document);
    Ok(())
}

/// What a template requires, and the parameter that it is read from.
fn requirement<'a>(kind: &str, parameters: &At<'_>) -> Result<(&'a str, Formula), ImportError> {
    let written = |wild| Formula::atom(Field::Written, wild);
    let list = |name| {
        let texts = parameters.text_list(name)?;
        if texts.is_empty() {
            return Err(parameters.error(format!(
                "the parameter {name:?} is missing or empty; {kind} compares with nothing then"
            )));
        }
        Ok(texts)
    };
    Ok(match kind {
        // strings.any_prefix_match(container.image, input.parameters.repos)
        "K8sAllowedRepos" => {
            let repos = list("repos")?.into_iter();
            let repos = repos.map(|repo| written(Wild::prefix(repo)));
            ("repos", Formula::Or(repos.collect()))
        }
        // image_matches: equal, or with `*` at the end a prefix.
        "K8sAllowedReposv2" => {
            let images = list("allowedImages")?.into_iter().map(exempt_image);
            (
                "allowedImages",
                Formula::Or(images.map(Formula::Atom).collect()),
            )
        }
        // startswith(image, input.parameters.repos[_])
        "K8sDisallowedRepos" => {
            let repos = list("repos")?.into_iter();
            let repos = repos.map(|repo| written(Wild::prefix(repo)).not());
            ("repos", Formula::And(repos.collect()))
        }
        // strings.any_suffix_match(container.image, tags), and ":" in the last part.
        "K8sDisallowedTags" => {
            let tags = list("tags")?.into_iter();
            let tags = tags.map(|tag| written(Wild::suffix(&format!(":{tag}"))).not());
            let mut all: Vec<_> = tags.collect();
            all.push(Formula::atom(Field::LastPart, Wild::containing(":")));
            ("tags", Formula::And(all))
        }
        // regex.match("@[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+", container.image)
        _ => ("parameters", digest_required()),
    })
}

/// Equal, or with `*` at the end a prefix; `*` elsewhere is a character, which no image has.
fn exempt_image(text: &str) -> Atom {
    let wild = match text.strip_suffix('*') {
        Some(prefix) => {
            let mut wild = Wild::exact(prefix);
            wild.0.push(crate::wildcard::Piece::Any);
            wild
        }
        None => Wild::exact(text),
    };
    Atom::new(Field::Written, wild)
}

/// The mode of a constraint, or none if it does nothing at admission.
fn mode(spec: &At<'_>, sink: &mut Sink) -> Result<Option<Mode>, ImportError> {
    let Some(at) = spec.get("enforcementAction") else {
        return Ok(Some(Mode::Enforce));
    };
    let by_name = |at: &At<'_>| {
        let name = at.text().unwrap_or_default();
        match name {
            "deny" => Ok(Mode::Enforce),
            "warn" => Ok(Mode::Warn),
            "dryrun" => Ok(Mode::Audit),
            _ => Err(at.error(format!(
                "{name:?} is no enforcement action; Gatekeeper has deny, warn, dryrun and scoped"
            ))),
        }
    };
    if at.text() != Some("scoped") {
        return by_name(&at).map(Some);
    }
    let mut strongest = None;
    for action in spec.list("scopedEnforcementActions")? {
        sink.remarks
            .unknown_fields(&action, &["action", "enforcementPoints"]);
        if let Some(action) = action.get("action") {
            let mode = by_name(&action)?;
            strongest = Some(strongest.map_or(mode, |other: Mode| other.max(mode)));
        }
    }
    if strongest.is_none() {
        sink.remarks.not_taken(
            &at,
            "the action is scoped and scopedEnforcementActions has none, so the constraint does nothing",
        );
    } else {
        sink.remarks.stricter(
            &at,
            "a document has one mode for all who review by it; it is the strictest of scopedEnforcementActions",
        );
    }
    Ok(strongest)
}

/// Where a constraint applies.
fn scope(at: &At<'_>, sink: &mut Sink) -> Result<Scope, ImportError> {
    let mut namespaces = Names::default();
    for (name, field) in at.entries() {
        match name {
            "namespaces" => {
                let names = at.text_list(name)?.into_iter().map(str::to_owned);
                namespaces.include.extend(names);
            }
            "excludedNamespaces" => {
                let names = at.text_list(name)?.into_iter().map(str::to_owned);
                namespaces.exclude.extend(names);
            }
            "kinds" => kinds(&field, sink)?,
            "scope" if field.text() != Some("Cluster") => {}
            "namespaceSelector" => namespace_selector(&field, &mut namespaces, sink)?,
            "labelSelector" | "name" | "source" | "scope" => sink.remarks.not_taken(
                &field,
                format!("a document has no scope like {name}; the rule is about all objects"),
            ),
            _ => sink
                .remarks
                .not_taken(&field, "the import does not know this field"),
        }
    }
    Ok(Scope {
        namespaces,
        ..Scope::default()
    })
}

fn kinds(at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
    let mut has_pods = false;
    for item in at.items() {
        let kinds = item.text_list("kinds")?;
        has_pods |= kinds.iter().any(|kind| ["Pod", "*"].contains(kind));
    }
    let reason = if has_pods {
        "the original looks at pods; here also at what pods are made from, such as a Deployment"
    } else {
        "the template reads spec.containers, which no other kind than Pod has, so the constraint found nothing; \
         here it is about all images"
    };
    sink.remarks.stricter(at, reason);
    Ok(())
}
