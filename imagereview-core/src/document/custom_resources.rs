//! The custom resources that a document declares.

use super::{
    declaration::CustomResource,
    problem::{Position, Problems},
};
use crate::workload::{self, KnownResources, WorkloadKinds};

impl CustomResource {
    pub(super) fn compile(self, problems: &mut Problems) -> Option<workload::CustomResource> {
        let resource = workload::CustomResource::new(&self.api_version, &self.kind);
        let mut resource = problems.recorded(resource, self.position)?;
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

/// How many custom resources a policy may declare, and how many paths they may have together: those of a
/// kind are followed in each object of it.
const MAX_RESOURCES: usize = 1000;

/// The built-in kinds, the declared ones, and those of well-known projects.
pub(super) fn kinds(
    mut resources: Vec<workload::CustomResource>,
    known: &[KnownResources],
    problems: &mut Problems,
) -> WorkloadKinds {
    let paths = resources.iter().map(workload::CustomResource::paths).sum();
    for (count, what) in [
        (resources.len(), "custom resources"),
        (paths, "paths of custom resources"),
    ] {
        if count <= MAX_RESOURCES {
            continue;
        }
        problems.add(
            Position::START,
            format!("there are {count} {what}; a policy may declare at most {MAX_RESOURCES}"),
        );
        return WorkloadKinds::builtin().clone();
    }
    for resource in known.iter().flat_map(|set| set.resources()) {
        // What is declared of such a kind is added to it.
        match resources
            .iter_mut()
            .find(|declared| declared.is_of_kind_of(&resource))
        {
            Some(declared) => declared.add_paths_of(resource),
            None => resources.push(resource),
        }
    }
    problems
        .recorded(WorkloadKinds::new(resources), Position::START)
        .unwrap_or_else(|| WorkloadKinds::builtin().clone())
}
