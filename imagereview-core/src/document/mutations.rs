//! What a document changes in objects.

use super::{
    declaration,
    problem::Problems,
    scope::{compiled, namespace_set},
};
use crate::mutation::{
    FullName, MirrorRule, Mirrors, Mutations, Namespaces, PinRule, PullPolicyRule, PullSecretRule,
};

pub(super) fn compile(declared: declaration::Mutations, problems: &mut Problems) -> Mutations {
    let position = declared.position;
    let mut mutations = Mutations::new();
    let mut mirrors = Vec::new();
    for (index, mirror) in declared.mirrors.into_iter().flatten().enumerate() {
        problems.within(format_args!(".mirrors[{index}]"), |problems| {
            let rule = MirrorRule::new(&mirror.from, &mirror.to);
            mirrors.extend(problems.recorded(rule, mirror.position));
        });
    }
    if !mirrors.is_empty()
        && let Some(mirrors) = problems.recorded(Mirrors::new(mirrors), position)
    {
        mutations = mutations.with_mirrors(mirrors);
    }
    match (declared.full_names, declared.implied_tags) {
        (Some(true), Some(true)) => {
            mutations = mutations.with_rewrite(FullName::new().with_implied_tag());
        }
        (Some(true), _) => mutations = mutations.with_rewrite(FullName::new()),
        (_, Some(true)) => {
            problems.add(position, "impliedTags does nothing without fullNames: true");
        }
        _ => {}
    }
    for (index, pins) in declared.pin_digests.into_iter().flatten().enumerate() {
        let rule = problems.within(format_args!(".pinDigests[{index}]"), |problems| {
            pin_rule(pins, problems)
        });
        if let Some(rule) = rule {
            mutations = mutations.with_pins(rule);
        }
    }
    for rule in declared.pull_policies.into_iter().flatten() {
        mutations = mutations.with_pull_policy(PullPolicyRule::new(rule.tags, rule.policy));
    }
    for (index, rule) in declared.pull_secrets.into_iter().flatten().enumerate() {
        let secret = problems.within(format_args!(".pullSecrets[{index}]"), |problems| {
            let secret = PullSecretRule::new(&rule.repositories, rule.secret);
            problems.recorded(secret, rule.position)
        });
        if let Some(secret) = secret {
            mutations = mutations.with_pull_secret(secret);
        }
    }
    mutations
}

fn pin_rule(declared: declaration::PinDigestsOf, problems: &mut Problems) -> Option<PinRule> {
    let position = declared.position;
    let mut rule = problems.recorded(PinRule::new(&declared.repositories), position)?;
    if let Some(kinds) = declared.kinds {
        let is_kind = |kind: &&String| {
            *kind == "*"
                || kind.starts_with(|c: char| c.is_ascii_uppercase())
                    && kind.chars().all(|c| c.is_ascii_alphanumeric())
        };
        if let Some(kind) = kinds.iter().find(|kind| !is_kind(kind)) {
            problems.add(
                position,
                format!(
                    "invalid kind {kind:?}: kinds are CamelCase, such as Pod or StatefulSet, or \"*\" for all"
                ),
            );
            return None;
        }
        rule = rule.with_kinds(kinds);
    }
    if let Some(namespaces) = declared.namespaces {
        let set = |list: Option<Vec<_>>| list.map(|list| namespace_set(&list));
        let include = compiled(set(namespaces.include), position, problems).ok()?;
        let exclude = compiled(set(namespaces.exclude), position, problems).ok()?;
        rule = rule.with_namespaces(Namespaces { include, exclude });
    }
    if let Some(time) = declared.stale_for {
        rule = rule.with_stale_for(time.0);
    }
    Some(rule)
}
