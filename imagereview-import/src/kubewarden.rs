//! Kubewarden: `ClusterAdmissionPolicy` and `AdmissionPolicy` with the modules that are about images.
//!
//! The settings are those of <https://github.com/kubewarden/policies>: `trusted-repos-policy`,
//! `verify-image-signatures` and `cel-policy`.

use imagereview_core::Mode;

use crate::{
    cel_reading,
    draft::{Document, Names, Scope},
    error::ImportError,
    formula::{Field, Formula, LooksAt},
    meaning::names_host,
    namespaces::namespace_selector,
    signatures::{self, Needed, SignedRule},
    sink::{Sink, Taking},
    wildcard::Wild,
    yaml::At,
};

/// The group of the policies.
pub(crate) const GROUP: &str = "policies.kubewarden.io";

/// Fields that say how a policy is run and not what it requires.
const HARMLESS: &[&str] = &[
    "module",
    "settings",
    "mode",
    "rules",
    "mutating",
    "policyServer",
    "failurePolicy",
    "timeoutSeconds",
    "timeoutEvalSeconds",
    "sideEffects",
    "matchPolicy",
    "backgroundAudit",
    "contextAwareResources",
    "message",
    "severity",
    "category",
    "title",
    "description",
];

pub(crate) fn import(at: &At<'_>, kind: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let metadata = at.required_map("metadata")?;
    let name = metadata.required_text("name")?;
    let spec = at.required_map("spec")?;
    let mode = match spec.get("mode") {
        None => Mode::Enforce,
        Some(at) => match at.text() {
            Some("protect") => Mode::Enforce,
            Some("monitor") => Mode::Audit,
            other => {
                let other = other.unwrap_or_default();
                return Err(at.error(format!(
                    "{other:?} is no mode; Kubewarden has protect and monitor"
                )));
            }
        },
    };
    let mut document = sink.document(at, &format!("{kind} {name}"), name, mode);
    let mut scope = Scope::default();
    if kind == "AdmissionPolicy" {
        let namespace = metadata.text_of("namespace").map(str::to_owned);
        scope.namespaces.include.extend(namespace);
    }
    for (field, value) in spec.entries() {
        match field {
            "namespaceSelector" => {
                namespace_selector(&value, &mut scope.namespaces, sink)?;
            }
            "objectSelector" | "matchConditions" => sink.remarks.not_taken(
                &value,
                "a document has no scope like this; the rules are about all objects",
            ),
            field if HARMLESS.contains(&field) => {}
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this field"),
        }
    }
    let module = spec.required_text("module")?;
    match module_name(module) {
        "trusted-repos" | "trusted-repos-policy" => {
            let settings = spec.required_map("settings")?;
            trusted_repos(name, &settings, &scope, &mut document, sink)?;
        }
        "verify-image-signatures" => {
            let settings = spec.required_map("settings")?;
            verify_signatures(name, &settings, &scope, &mut document, sink)?;
        }
        "latest-tag" | "disallow-latest-tag" => {
            let latest = Formula::atom(Field::TagOrLatest, Wild::exact("latest"));
            let at = spec.get("module").unwrap_or_else(|| spec.clone());
            let rule = Taking::new(name, &at, latest.not(), LooksAt::CONTAINERS, &scope);
            sink.take(&mut document, rule);
        }
        "cel-policy" => {
            let settings = spec.required_map("settings")?;
            sink.remarks
                .unknown_fields(&settings, &["variables", "validations", "failurePolicy"]);
            let variables = cel_reading::variables(&settings.list("variables")?);
            for item in settings.list("validations")? {
                cel_reading::take(name, &item, &variables, &scope, None, &mut document, sink)?;
            }
        }
        other => {
            let at = spec.get("module").unwrap_or_else(|| spec.clone());
            sink.remarks.not_taken(
                &at,
                format!("the import does not know what the module {other:?} requires of images"),
            );
        }
    }
    sink.finish(document);
    Ok(())
}

/// The name of a module: the last part of its address without tag and digest.
fn module_name(module: &str) -> &str {
    let last = module.rsplit('/').next().unwrap_or_default();
    let name = last.split(['@', ':']).next().unwrap_or_default();
    name.strip_suffix(".wasm").unwrap_or(name)
}

/// The module `verify-image-signatures`: for each pattern over images, who must have signed them.
fn verify_signatures(
    name: &str,
    settings: &At<'_>,
    scope: &Scope,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    sink.remarks
        .unknown_fields(settings, &["signatures", "modifyImagesWithDigest"]);
    for item in settings.list("signatures")? {
        sink.remarks
            .unknown_fields(&item, &["image", "pubKeys", "keyless"]);
        let image = item.required_text("image")?.to_owned();
        let images = signatures::repositories(&[(item.clone(), image)], sink);
        let mut found = Vec::new();
        for key in item.list("pubKeys")? {
            let authority = signatures::key(key.text().unwrap_or_default());
            found.push((key, authority));
        }
        for identity in item.list("keyless")? {
            let authority = signatures::keyless(&identity, sink);
            found.push((identity, authority));
        }
        match signatures::of_several(found, Needed::All, sink) {
            Some(by) => signatures::take(
                SignedRule {
                    name,
                    at: &item,
                    images,
                    images_excluded: Vec::new(),
                    by,
                    repository: None,
                    scope: scope.clone(),
                },
                document,
                sink,
            ),
            None => sink
                .remarks
                .not_taken(&item, "not all who must have signed could be taken"),
        }
    }
    Ok(())
}

fn trusted_repos(
    name: &str,
    settings: &At<'_>,
    scope: &Scope,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    sink.remarks
        .unknown_fields(settings, &["registries", "tags", "images"]);
    let lists = |field: &str| -> Result<Option<(At<'_>, Names)>, ImportError> {
        let Some(at) = settings.get(field) else {
            return Ok(None);
        };
        let texts = |name: &str| {
            let texts = at.text_list(name)?.into_iter();
            Ok(texts.map(str::to_owned).collect::<Vec<_>>())
        };
        let names = Names {
            include: texts("allow")?,
            exclude: texts("reject")?,
        };
        if !names.include.is_empty() && !names.exclude.is_empty() {
            return Err(at.error("the module takes one of allow and reject, and not both"));
        }
        Ok(Some((at, names)))
    };
    for (field, part) in [
        ("registries", Field::Registry),
        ("tags", Field::TagOrLatest),
    ] {
        let Some((at, names)) = lists(field)? else {
            continue;
        };
        let is_one_of = |values: &[String]| {
            let values = values.iter();
            Formula::Or(
                values
                    .map(|value| Formula::atom(part, Wild::exact(value)))
                    .collect(),
            )
        };
        if !names.include.is_empty() {
            let requirement = is_one_of(&names.include);
            sink.take(
                document,
                Taking::new(name, &at, requirement, LooksAt::CONTAINERS, scope),
            );
        }
        if !names.exclude.is_empty() {
            let requirement = is_one_of(&names.exclude).not();
            sink.take(
                document,
                Taking::new(name, &at, requirement, LooksAt::CONTAINERS, scope),
            );
        }
    }
    if let Some((at, names)) = lists("images")? {
        if !names.include.is_empty() {
            let read = Formula::Or(names.include.iter().map(|one| image(one, true)).collect());
            let meant = Formula::Or(names.include.iter().map(|one| image(one, false)).collect());
            if read != meant {
                sink.remarks.stricter(
                    &at,
                    "a name without a registry also matched that path of every other registry; here it is the one of \
                     Docker Hub",
                );
            }
            let rule = Taking::new(name, &at, read, LooksAt::CONTAINERS, scope);
            sink.take(
                document,
                Taking {
                    meant: Some(meant),
                    ..rule
                },
            );
        }
        if !names.exclude.is_empty() {
            let read = Formula::Or(names.exclude.iter().map(|one| image(one, true)).collect());
            sink.take(
                document,
                Taking::new(name, &at, read.not(), LooksAt::CONTAINERS, scope),
            );
        }
    }
    Ok(())
}

/// The images that an entry of `images` matches. A name without tag and digest is a repository. If it has no
/// registry either, the module compares the path alone, whatever the registry.
fn image(entry: &str, on_any_registry: bool) -> Formula {
    let last = entry.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        return Formula::atom(Field::Reference, Wild::exact(&in_full(entry)));
    }
    let repository = Formula::atom(Field::Repository, Wild::exact(&in_full(entry)));
    let first = entry.split('/').next().unwrap_or_default();
    let has_registry = entry.contains('/') && names_host(first);
    if has_registry || !on_any_registry {
        return repository;
    }
    let mut some = vec![repository, Formula::atom(Field::Path, Wild::exact(entry))];
    if !entry.contains('/') {
        some.push(Formula::atom(
            Field::Path,
            Wild::exact(&format!("library/{entry}")),
        ));
    }
    Formula::Or(some)
}

/// A name with its registry.
fn in_full(entry: &str) -> String {
    match entry.split_once('/') {
        Some((first, _)) if names_host(first) => entry.to_owned(),
        Some(_) => format!("docker.io/{entry}"),
        None => format!("docker.io/library/{entry}"),
    }
}
