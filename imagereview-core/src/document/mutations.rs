//! What a document changes in objects.

use super::{declaration, problem::Problems};
use crate::mutation::{FullName, MirrorRule, Mirrors, Mutations, PullPolicyRule, PullSecretRule};

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
