//! Kyverno: `ClusterPolicy`, `Policy` and `PolicyException`.
//!
//! How patterns and conditions compare is told by <https://kyverno.io/docs/policy-types/cluster-policy/validate/>.

mod condition;
mod matching;
mod mutate;
mod pattern;
mod verify;

use imagereview_core::Mode;

pub(crate) use self::mutate::mirror_of;
use self::{matching::Matching, pattern::Requirements};
use crate::{
    cel_reading,
    draft::{Document, Exemption, Names, Scope},
    error::ImportError,
    sink::{Exception, Sink, Taking, origin},
    yaml::At,
};

/// The group of the policies.
pub(crate) const GROUP: &str = "kyverno.io";

/// Fields of a policy that say how it is run and not what it requires.
const HARMLESS: &[&str] = &[
    "rules",
    "background",
    "failurePolicy",
    "webhookTimeoutSeconds",
    "webhookConfiguration",
    "schemaValidation",
    "generateExisting",
    "generateExistingOnPolicyUpdate",
    "mutateExistingOnPolicyUpdate",
    "useServerSideApply",
    "emitWarning",
    "validationFailureAction",
    "validationFailureActionOverrides",
    "admission",
];

pub(crate) fn import(at: &At<'_>, kind: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let metadata = at.required_map("metadata")?;
    let name = metadata.required_text("name")?;
    let spec = at.required_map("spec")?;
    let mode = mode(&spec)?;
    let mut document = sink.document(at, &format!("{kind} {name}"), name, mode);
    name.clone_into(&mut document.policy);
    sink.remarks.unknown_fields(&spec, HARMLESS);
    if let Some(overrides) = spec.get("validationFailureActionOverrides") {
        document.mode = overridden(&overrides, document.mode, sink)?;
    }
    let mut namespaces = Names::default();
    if kind == "Policy" {
        match metadata.text_of("namespace") {
            Some(namespace) => namespaces.include.push(namespace.to_owned()),
            None => sink.remarks.not_taken(
                &metadata,
                "a Policy is about its own namespace, and none is written; the rules are about all",
            ),
        }
    }
    let rules = spec.list("rules")?;
    if rules.is_empty() {
        return Err(spec.error("the policy has no rules"));
    }
    for at in rules {
        rule(&at, &namespaces, &mut document, sink)?;
    }
    sink.finish(document);
    Ok(())
}

/// The mode of a policy: Kyverno reports only, unless it says otherwise.
fn mode(spec: &At<'_>) -> Result<Mode, ImportError> {
    let mode = match spec.get("validationFailureAction") {
        None => Mode::Audit,
        Some(at) => action(&at)?,
    };
    let warns = spec.get("emitWarning").and_then(|at| at.bool()) == Some(true);
    Ok(if warns { mode.max(Mode::Warn) } else { mode })
}

fn action(at: &At<'_>) -> Result<Mode, ImportError> {
    let name = at.text().unwrap_or_default();
    match &*name.to_ascii_lowercase() {
        "audit" => Ok(Mode::Audit),
        "enforce" => Ok(Mode::Enforce),
        _ => Err(at.error(format!(
            "{name:?} is no failure action; Kyverno has Audit and Enforce"
        ))),
    }
}

/// The strictest of the modes of namespaces.
fn overridden(at: &At<'_>, mode: Mode, sink: &mut Sink) -> Result<Mode, ImportError> {
    let mut strictest = mode;
    for item in at.items() {
        if let Some(at) = item.get("action") {
            strictest = strictest.max(action(&at)?);
        }
    }
    sink.remarks.stricter(
        at,
        "a document has one mode for all namespaces; it is the strictest of these",
    );
    Ok(strictest)
}

fn rule(
    at: &At<'_>,
    namespaces: &Names,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let name = at.required_text("name")?;
    let mut bodies = 0;
    let Matching {
        mut scope,
        is_conditional,
    } = Matching::of(at, sink)?;
    scope
        .namespaces
        .include
        .extend(namespaces.include.iter().cloned());
    for (field, value) in at.entries() {
        match field {
            "name"
            | "match"
            | "exclude"
            | "preconditions"
            | "celPreconditions"
            | "context"
            | "skipBackgroundRequests"
            | "reportProperties" => {}
            "validate" => {
                bodies += 1;
                validate(name, &value, &scope, document, sink)?;
            }
            "mutate" => {
                bodies += 1;
                if is_conditional {
                    sink.remarks.not_taken(
                        &value,
                        "it changes only some objects, by conditions that a document does not have",
                    );
                } else {
                    mutate::import(name, &value, at, &scope, sink);
                }
            }
            "verifyImages" => {
                bodies += 1;
                verify::import(name, &value, &scope, document, sink)?;
            }
            "generate" => {
                bodies += 1;
                sink.remarks.not_taken(
                    &value,
                    "it creates other objects, and says nothing of images",
                );
            }
            "imageExtractors" => sink.remarks.not_taken(
                &value,
                "declare the images of these kinds in customResources of the document",
            ),
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this field"),
        }
    }
    if bodies == 0 {
        return Err(at.error(format!(
            "the rule {name:?} has none of validate, mutate, verifyImages and generate"
        )));
    }
    Ok(())
}

fn validate(
    name: &str,
    at: &At<'_>,
    scope: &Scope,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let mut mode = None;
    if let Some(at) = at.get("failureAction") {
        mode = Some(action(&at)?);
    }
    if let Some(overrides) = at.get("failureActionOverrides") {
        mode = Some(overridden(&overrides, mode.unwrap_or(document.mode), sink)?);
    }
    let message = at.text_of("message").map(str::to_owned);
    let mut requirements = Requirements::default();
    for (field, value) in at.entries() {
        match field {
            "message" | "failureAction" | "failureActionOverrides" | "allowExistingViolations" => {}
            "pattern" => requirements.add_pattern(&value, sink),
            "anyPattern" => requirements.add_any_pattern(&value, sink),
            "deny" => requirements.add_deny(&value, None, sink),
            "foreach" => requirements.add_foreach(&value, sink),
            "cel" => cel(name, &value, scope, mode, document, sink)?,
            "podSecurity" | "manifests" | "assert" => sink
                .remarks
                .not_taken(&value, "it is not about the names of images"),
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this field"),
        }
    }
    for found in requirements.grouped() {
        let mut scope = scope.clone();
        scope.containers = found.containers;
        sink.take(
            document,
            Taking {
                mode,
                message: message.clone(),
                checks: found.checks,
                ..Taking::new(name, &found.at, found.formula, found.looks_at, &scope)
            },
        );
    }
    Ok(())
}

/// Expressions of the Common Expression Language in a `ClusterPolicy`.
fn cel(
    name: &str,
    at: &At<'_>,
    scope: &Scope,
    mode: Option<Mode>,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    sink.remarks.unknown_fields(
        at,
        &[
            "expressions",
            "variables",
            "paramKind",
            "paramRef",
            "auditAnnotations",
            "generate",
        ],
    );
    for field in ["paramKind", "paramRef"] {
        if let Some(at) = at.get(field) {
            sink.remarks.not_taken(
                &at,
                "parameters are in another object, which the import does not see",
            );
        }
    }
    let variables = cel_reading::variables(&at.list("variables")?);
    for item in at.list("expressions")? {
        cel_reading::take(name, &item, &variables, scope, mode, document, sink)?;
    }
    Ok(())
}

/// Reads a `PolicyException`. Its policies are looked for when all inputs are read.
pub(crate) fn exception(at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
    let name = at.required_map("metadata")?.required_text("name")?;
    let spec = at.required_map("spec")?;
    sink.remarks.about(format!("PolicyException {name}"));
    for (field, value) in spec.entries() {
        match field {
            "exceptions" | "match" | "policyRefs" | "background" => {}
            _ => {
                sink.remarks.not_taken(
                    &value,
                    "an exemption of a document has no such condition, so there is no exemption",
                );
                return Ok(());
            }
        }
    }
    let Some(selected) = spec.get("match") else {
        sink.remarks.not_taken(
            &spec,
            "it is not limited to namespaces, and an exemption has to be",
        );
        return Ok(());
    };
    let Some(namespaces) = matching::namespaces_alone(&selected) else {
        sink.remarks.not_taken(
            &selected,
            "an exemption is for namespaces or images; names, labels and users of objects are not known for each review",
        );
        return Ok(());
    };
    let mut policies = Vec::new();
    for item in spec.list("exceptions")? {
        let rules = item.text_list("ruleNames")?;
        policies.push((item.required_text("policyName")?, rules));
    }
    for item in spec.list("policyRefs")? {
        policies.push((item.required_text("name")?, Vec::new()));
    }
    for (policy, rules) in policies {
        let exemption = Exemption {
            name: sink.exemption_names.take(name),
            origin: origin(at),
            reason: format!(
                "PolicyException {name}, from {}:{}",
                at.source, at.node.line
            ),
            rules: Vec::new(),
            images: Vec::new(),
            namespaces: namespaces.clone(),
        };
        sink.exceptions.push(Exception {
            policy: policy.to_owned(),
            rules: rules.into_iter().map(str::to_owned).collect(),
            exemption,
            object: format!("PolicyException {name}"),
            source: at.source.to_owned(),
            line: at.node.line,
        });
    }
    Ok(())
}
