//! What a document changes in objects, and the custom resources that it declares.

use super::{
    declaration::{self, CustomResource},
    problem::{Position, Problems},
};
use crate::{
    mutation::{FullName, MirrorRule, Mirrors, Mutations, PullPolicyRule, PullSecretRule},
    workload::{self, WorkloadKinds},
};

impl CustomResource {
    pub(super) fn compile(self, problems: &mut Problems) -> Option<workload::CustomResource> {
        let resource = workload::CustomResource::new(&self.api_version, &self.kind);
        let mut resource = recorded(resource, self.position, problems)?;
        if self.images.is_none() && self.pod_specs.is_none() {
            problems.add(
                self.position,
                "this declares no location; give \"images\" or \"podSpecs\"",
            );
            return None;
        }
        for path in self.images.into_iter().flatten() {
            resource = resource.with_image(path);
        }
        for path in self.pod_specs.into_iter().flatten() {
            resource = resource.with_pod_spec(path);
        }
        Some(resource)
    }
}

/// How many custom resources a policy may declare: each is looked for in every object.
const MAX_RESOURCES: usize = 1000;

/// The built-in kinds and the declared ones.
pub(super) fn kinds(
    resources: Vec<workload::CustomResource>,
    problems: &mut Problems,
) -> WorkloadKinds {
    if resources.len() > MAX_RESOURCES {
        let count = resources.len();
        problems.add(
            Position::START,
            format!(
                "there are {count} custom resources; a policy may declare at most {MAX_RESOURCES}"
            ),
        );
        return WorkloadKinds::builtin().clone();
    }
    recorded(WorkloadKinds::new(resources), Position::START, problems)
        .unwrap_or_else(|| WorkloadKinds::builtin().clone())
}

pub(super) fn compile(declared: declaration::Mutations, problems: &mut Problems) -> Mutations {
    let position = declared.position;
    let mut mutations = Mutations::new();
    let mut mirrors = Vec::new();
    for (index, mirror) in declared.mirrors.into_iter().flatten().enumerate() {
        problems.within(format_args!(".mirrors[{index}]"), |problems| {
            let rule = MirrorRule::new(&mirror.from, &mirror.to);
            mirrors.extend(recorded(rule, mirror.position, problems));
        });
    }
    if !mirrors.is_empty()
        && let Some(mirrors) = recorded(Mirrors::new(mirrors), position, problems)
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
            recorded(secret, rule.position, problems)
        });
        if let Some(secret) = secret {
            mutations = mutations.with_pull_secret(secret);
        }
    }
    mutations
}

/// The value; an error is recorded.
fn recorded<T, E: std::fmt::Display>(
    result: Result<T, E>,
    position: Position,
    problems: &mut Problems,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            problems.add(position, error.to_string());
            None
        }
    }
}
