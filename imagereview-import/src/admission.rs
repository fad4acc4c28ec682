//! Policies that are expressions: Kyverno's `ValidatingPolicy`, `ImageValidatingPolicy` and `MutatingPolicy`, and the
//! `ValidatingAdmissionPolicy` of Kubernetes.
//!
//! Their fields are those of <https://kyverno.io/docs/policy-types/validating-policy/> and
//! <https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>.

use imagereview_core::Mode;

use crate::{
    cel_reading,
    draft::{Mutations, Names, Scope},
    error::ImportError,
    image_facts,
    kyverno::mirror_of,
    mutation,
    namespaces::namespace_selector,
    signatures,
    sink::{Binding, Sink, origin},
    yaml::At,
};

/// The group of Kyverno's policies.
pub(crate) const KYVERNO: &str = "policies.kyverno.io";

/// The group of those of Kubernetes.
pub(crate) const KUBERNETES: &str = "admissionregistration.k8s.io";

/// Fields that say how a policy is run and not what it requires.
const HARMLESS: &[&str] = &[
    "validations",
    "mutations",
    "variables",
    "validationActions",
    "evaluation",
    "webhookConfiguration",
    "failurePolicy",
    "autogen",
    "auditAnnotations",
    "reinvocationPolicy",
    "targetMatchConstraints",
];

pub(crate) fn import(at: &At<'_>, kind: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let metadata = at.required_map("metadata")?;
    let name = metadata.text_of("name").unwrap_or("imported");
    let spec = at.required_map("spec")?;
    let mode = match spec.get("validationActions") {
        Some(at) => mode(&at)?,
        None => Mode::Enforce,
    };
    let mut document = sink.document(at, &format!("{kind} {name}"), name, mode);
    name.clone_into(&mut document.policy);
    let mut scope = Scope::default();
    if kind.starts_with("Namespaced") {
        let namespace = metadata.text_of("namespace").map(str::to_owned);
        scope.namespaces.include.extend(namespace);
    }
    let mut is_conditional = false;
    for (field, value) in spec.entries() {
        match field {
            "matchConstraints" => {
                is_conditional |= constraints(&value, &mut scope.namespaces, sink)?;
            }
            "matchConditions" => {
                is_conditional = true;
                sink.remarks.not_taken(
                    &value,
                    "a document has no scope like this; the rules are about all objects",
                );
            }
            "paramKind" => sink.remarks.not_taken(
                &value,
                "parameters are in another object, which the import does not see",
            ),
            "matchImageReferences"
            | "attestors"
            | "attestations"
            | "credentials"
            | "images"
            | "validationConfigurations"
                if kind.ends_with("ImageValidatingPolicy") => {}
            field if HARMLESS.contains(&field) => {}
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this field"),
        }
    }
    if kind.ends_with("MutatingPolicy") {
        if is_conditional {
            sink.remarks.not_taken(
                &spec,
                "it changes only some objects, by conditions that a document does not have",
            );
        } else {
            mutations(name, &spec, &scope, sink)?;
        }
        return Ok(());
    }
    if kind.ends_with("ImageValidatingPolicy") {
        signatures::image_validating_policy(name, &spec, &scope, &mut document, sink)?;
    } else {
        let variables = cel_reading::variables(&spec.list("variables")?);
        let validations = spec.list("validations")?;
        if validations.is_empty() {
            return Err(spec.error("the policy has no validations"));
        }
        for item in validations {
            if !image_facts::take_expression(name, &item, &variables, &scope, &mut document, sink) {
                cel_reading::take(name, &item, &variables, &scope, None, &mut document, sink)?;
            }
        }
    }
    sink.finish(document);
    Ok(())
}

/// The strictest of some actions.
fn mode(at: &At<'_>) -> Result<Mode, ImportError> {
    let mut mode = Mode::Audit;
    for name in at.texts() {
        mode = mode.max(match name {
            "Deny" => Mode::Enforce,
            "Warn" => Mode::Warn,
            "Audit" => Mode::Audit,
            _ => {
                return Err(at.error(format!(
                    "{name:?} is no validation action; there are Deny, Warn and Audit"
                )));
            }
        });
    }
    Ok(mode)
}

/// Reads which objects a policy is about. Says whether there are conditions that a document does not have.
fn constraints(at: &At<'_>, namespaces: &mut Names, sink: &mut Sink) -> Result<bool, ImportError> {
    let mut is_conditional = false;
    for (field, value) in at.entries() {
        match field {
            "matchPolicy" => {}
            "namespaceSelector" => namespace_selector(&value, namespaces, sink)?,
            "resourceRules" => {
                let rules = value.items();
                let mut resources = rules
                    .iter()
                    .filter_map(|rule| rule.get("resources"))
                    .flat_map(|resources| resources.texts());
                let is_about_pods = resources.any(|name| {
                    name == "*" || name == "*/*" || name.split('/').next() == Some("pods")
                });
                if !is_about_pods {
                    sink.remarks.stricter(
                        &value,
                        "a rule that is not about pods is avoided by creating one; here it is about all kinds",
                    );
                }
            }
            _ => {
                is_conditional = true;
                sink.remarks.not_taken(
                    &value,
                    "a document has no scope like this; the rules are about all objects",
                );
            }
        }
    }
    Ok(is_conditional)
}

/// Reads a `ValidatingAdmissionPolicyBinding`: the mode and the namespaces of a policy.
pub(crate) fn binding(at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
    let name = at.required_map("metadata")?.required_text("name")?;
    let spec = at.required_map("spec")?;
    let object = format!("ValidatingAdmissionPolicyBinding {name}");
    sink.remarks.about(object.clone());
    let mut namespaces = Names::default();
    for (field, value) in spec.entries() {
        match field {
            "policyName" | "validationActions" => {}
            "paramRef" => sink.remarks.not_taken(
                &value,
                "parameters are in another object, which the import does not see",
            ),
            "matchResources" => {
                constraints(&value, &mut namespaces, sink)?;
            }
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this field"),
        }
    }
    let mode = match spec.get("validationActions") {
        Some(at) => mode(&at)?,
        None => Mode::Enforce,
    };
    sink.bindings.push(Binding {
        policy: spec.required_text("policyName")?.to_owned(),
        mode,
        namespaces,
        object,
        source: at.source.to_owned(),
        line: at.node.line,
    });
    Ok(())
}

/// Changes that are expressions, in the shapes of Kyverno's library.
fn mutations(name: &str, spec: &At<'_>, scope: &Scope, sink: &mut Sink) -> Result<(), ImportError> {
    let variables = cel_reading::variables(&spec.list("variables")?);
    let resolves = variables.values().any(|expression| is_resolved(expression));
    for item in spec.list("mutations")? {
        let Some(at) = item.at(&["applyConfiguration", "expression"]) else {
            sink.remarks.not_taken(
                &item,
                "the import does not know this change; see mutations in docs/policy.md",
            );
            continue;
        };
        let text = at.dense_text();
        let mut mutations = Mutations {
            origin: origin(&at),
            ..Mutations::default()
        };
        if is_resolved(&text) || (resolves && text.contains("image:rc.image")) {
            mutations.pin_digests.push("**".to_owned());
        } else if let Some(target) = prefix(&text) {
            mirror_of(&at, &target, &mut mutations, sink);
        } else {
            sink.remarks.not_taken(
                &at,
                "the import does not know this change; see mutations in docs/policy.md",
            );
        }
        mutation::take(name, &at, mutations, scope, sink);
    }
    Ok(())
}

fn is_resolved(expression: &str) -> bool {
    expression.contains("image.GetMetadata(") && expression.contains(".resolvedImage")
}

/// The text that is put before the name of an image.
fn prefix(expression: &str) -> Option<String> {
    let (_, value) = expression.split_once(",image:")?;
    let quote = value.chars().next().filter(|c| ['"', '\''].contains(c))?;
    let (text, rest) = value[1..].split_once(quote)?;
    let rest = rest.strip_prefix('+')?;
    rest.contains(".image").then(|| text.to_owned())
}
