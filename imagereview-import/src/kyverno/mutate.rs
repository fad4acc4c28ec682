//! What Kyverno changes in objects: registries, digests, pull policies and pull secrets.

use crate::{
    draft::{Mutations, Scope},
    formula::Field,
    meaning::{Meaning, Side},
    mutation,
    sink::{Sink, origin},
    wildcard::Wild,
    yaml::At,
};

/// Reads `mutate` of a rule. What is taken is a document of its own, since its scope is that of the rule.
pub(super) fn import(name: &str, at: &At<'_>, rule: &At<'_>, scope: &Scope, sink: &mut Sink) {
    let mut mutations = Mutations {
        origin: origin(at),
        ..Mutations::default()
    };
    for (field, value) in at.entries() {
        match field {
            "patchStrategicMerge" => patch(&value, rule, &mut mutations, sink),
            "foreach" => {
                for item in value.items() {
                    for (field, value) in item.entries() {
                        match field {
                            "list" | "context" | "order" => {}
                            "patchStrategicMerge" => patch(&value, &item, &mut mutations, sink),
                            _ => sink.remarks.not_taken(
                                &value,
                                "the import does not know this change; see mutations in docs/policy.md",
                            ),
                        }
                    }
                }
            }
            _ => sink.remarks.not_taken(
                &value,
                "the import does not know this change; see mutations in docs/policy.md",
            ),
        }
    }
    mutation::take(name, at, mutations, scope, sink);
}

fn patch(at: &At<'_>, context: &At<'_>, mutations: &mut Mutations, sink: &mut Sink) {
    let spec = at.get("spec").unwrap_or_else(|| at.clone());
    let mut image_condition = None;
    for (name, list) in spec.entries() {
        if name.ends_with("ontainers") {
            for item in list.items() {
                container(&item, context, &mut image_condition, mutations, sink);
            }
        } else if name != "imagePullSecrets" && name != "+(imagePullSecrets)" {
            sink.remarks
                .not_taken(&list, "the import does not know this change");
        }
    }
    for name in ["imagePullSecrets", "+(imagePullSecrets)"] {
        let Some(list) = spec.get(name) else { continue };
        let repositories = match &image_condition {
            None => Some("**".to_owned()),
            Some(glob) => one_repository(glob),
        };
        for item in list.items() {
            match (&repositories, item.text_of("name")) {
                (Some(repositories), Some(secret)) if !secret.contains("{{") => {
                    mutations
                        .pull_secrets
                        .push((repositories.clone(), secret.to_owned()));
                }
                _ => sink
                    .remarks
                    .not_taken(&item, "the import does not know for which images it is"),
            }
        }
    }
}

/// The one repository, or the one folder, that a pattern over images means.
fn one_repository(glob: &str) -> Option<String> {
    let atom = crate::formula::Atom::new(Field::Written, Wild::glob(glob));
    match atom.sense(Side::Allow).meaning {
        Meaning::Names(names) if names.len() == 1 => {
            let name = names.into_iter().next()?;
            let folder = name.strip_suffix("/**").unwrap_or(&name);
            (!folder.contains(['*', '?'])).then_some(name)
        }
        _ => None,
    }
}

fn container(
    at: &At<'_>,
    context: &At<'_>,
    image_condition: &mut Option<String>,
    mutations: &mut Mutations,
    sink: &mut Sink,
) {
    let condition = ["(image)", "<(image)"]
        .iter()
        .find_map(|name| at.text_of(name));
    if let Some(glob) = condition {
        *image_condition = Some(glob.to_owned());
    }
    for (name, value) in at.entries() {
        let text = value.text().unwrap_or_default();
        match name {
            "name" | "(image)" | "<(image)" => {}
            "(name)" if ["*", "?*"].contains(&text) => {}
            "imagePullPolicy" => {
                let conditions: String = condition
                    .unwrap_or_default()
                    .chars()
                    .filter(|c| !c.is_whitespace())
                    .collect();
                if ["*:latest", "*:latest|!*:*", "!*:*|*:latest"].contains(&&*conditions) {
                    mutations
                        .pull_policies
                        .push((vec!["latest".to_owned()], text.to_owned()));
                } else {
                    sink.remarks.not_taken(
                        &value,
                        "a document sets the pull policy for tags that it names, in mutations.pullPolicies",
                    );
                }
            }
            "image" => image(&value, text, context, mutations, sink),
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this change"),
        }
    }
}

/// A new name of an image.
fn image(at: &At<'_>, text: &str, context: &At<'_>, mutations: &mut Mutations, sink: &mut Sink) {
    if is_resolved(text, context) {
        mutations.pin_digests.push("**".to_owned());
        return;
    }
    match target(text) {
        Some(target) => mirror_of(at, &target, mutations, sink),
        None => sink
            .remarks
            .not_taken(at, "the import does not know this change of a name"),
    }
}

/// A mirror of Docker Hub, where the original replaces every registry.
pub(crate) fn mirror_of(at: &At<'_>, target: &str, mutations: &mut Mutations, sink: &mut Sink) {
    let target = target.trim_end_matches('/');
    if !is_target(target) {
        sink.remarks
            .not_taken(at, format!("{target:?} is no registry of a mirror"));
        return;
    }
    mutations
        .mirrors
        .push(("docker.io/**".to_owned(), format!("{target}/**")));
    sink.remarks.not_taken(
        at,
        format!(
            "every registry is replaced by {target:?}; here Docker Hub is, so name the others in mutations.mirrors"
        ),
    );
}

fn is_target(target: &str) -> bool {
    let host = target.split('/').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:".contains(c);
    crate::meaning::names_host(host) && target.chars().all(is_name)
}

/// Whether a name is the one that the registry resolved.
fn is_resolved(text: &str, context: &At<'_>) -> bool {
    let variable: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let Some(variable) = variable
        .strip_prefix("{{")
        .and_then(|v| v.strip_suffix("}}"))
    else {
        return false;
    };
    context
        .get("context")
        .iter()
        .flat_map(At::items)
        .any(|item| {
            item.text_of("name") == Some(variable)
                && item
                    .at(&["imageRegistry", "jmesPath"])
                    .and_then(|at| at.text())
                    == Some("resolvedImage")
        })
}

/// The registry, with a path or without, that a new name begins with.
fn target(text: &str) -> Option<String> {
    let target = match text.split_once("{{") {
        // registry.example.com/{{ images.containers."…".path }}:…
        Some((before, after)) if before.ends_with('/') && after.contains("path") => before,
        // {{ regex_replace_all('…', '{{element.image}}', 'registry.example.com/$2' ) }}
        Some(("", after)) if after.trim_start().starts_with("regex_replace_all") => {
            let replacement = after.rsplit('\'').nth(1)?;
            let end = replacement.find('$')?;
            &replacement[..end]
        }
        _ => return None,
    };
    let target = target.trim_end_matches('/');
    is_target(target).then(|| target.to_owned())
}
