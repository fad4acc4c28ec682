//! Custom resources of well-known projects, and where their images are.

use super::{
    field_path::FieldPath,
    kinds::CustomResource,
    known_table::{Holds, Row, SETS, Set},
};

/// The custom resources of one well-known project, so that nobody has to look their paths up.
///
/// A set has the paths of all versions of a kind together: a path that a version lacks finds nothing there. A
/// policy document turns a set on with `knownResources`.
///
/// ```
/// use imagereview_core::workload::{KnownResources, WorkloadKinds};
///
/// let tekton = KnownResources::named("tekton").unwrap();
/// let kinds = WorkloadKinds::new(tekton.resources())?;
/// assert!(kinds.has_images("tekton.dev/v1", "Task"));
/// # Ok::<(), imagereview_core::workload::CustomResourceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct KnownResources(&'static Set);

impl KnownResources {
    /// All sets, sorted by name.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        SETS.iter().map(Self)
    }

    /// The set of this name, such as `tekton`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|set| set.name() == name)
    }

    /// The name by which a policy document turns it on.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// The repository that has the definitions from which the paths were taken.
    #[must_use]
    pub fn source(self) -> &'static str {
        self.0.source
    }

    /// Each kind of the set, in every version of its group.
    pub fn resources(self) -> impl Iterator<Item = CustomResource> {
        let of_row = |row: &'static Row| row.kinds.iter().map(|kind| row.resource(kind));
        self.0.rows.iter().flat_map(of_row)
    }
}

impl Row {
    fn resource(&self, kind: &str) -> CustomResource {
        let every_version = format!("{}/*", self.group);
        let mut resource =
            CustomResource::new(&every_version, kind).expect("a row has a group and kinds");
        for (path, holds) in self.locations {
            let below = |path: &str, rest: &str| -> FieldPath {
                let whole = if path.is_empty() {
                    rest.to_owned()
                } else {
                    format!("{path}.{rest}")
                };
                whole.parse().expect("a row has valid paths")
            };
            resource = match holds {
                Holds::Image => resource.with_image(FieldPath::builtin(path)),
                Holds::PodSpec => resource.with_pod_spec(FieldPath::builtin(path)),
                Holds::Images(images) => images.iter().fold(resource, |resource, image| {
                    resource.with_image(below(path, image))
                }),
            };
        }
        resource
    }
}
