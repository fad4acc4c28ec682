//! The user of a request.

use std::borrow::Cow;

/// The user of a request: name and groups, as the API server authenticated them.
///
/// Source: `UserInfo` of `k8s.io/api/authentication/v1`.
///
/// ```
/// use imagereview_core::User;
///
/// let user = User::new("system:serviceaccount:ci:deployer").with_group("system:serviceaccounts");
/// assert_eq!(user.service_account(), Some(("ci", "deployer")));
/// assert!(user.is_in("system:serviceaccounts"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User<'a> {
    name: Cow<'a, str>,
    groups: Vec<Cow<'a, str>>,
}

impl<'a> User<'a> {
    /// A user of this name, in no group.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            groups: Vec::new(),
        }
    }

    /// Adds a group.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<Cow<'a, str>>) -> Self {
        self.groups.push(group.into());
        self
    }

    pub(crate) fn set_name(&mut self, name: Cow<'a, str>) {
        self.name = name;
    }

    pub(crate) fn set_groups(&mut self, groups: Vec<Cow<'a, str>>) {
        self.groups = groups;
    }

    /// The name; empty where the request has none.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The groups, in the order of the request.
    #[must_use]
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &str> {
        self.groups.iter().map(|group| &**group)
    }

    /// Whether the user is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups().any(|own| own == group)
    }

    /// The namespace and name of the service account that the user is, if it is one
    /// (`system:serviceaccount:<namespace>:<name>`).
    #[must_use]
    pub fn service_account(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self
            .name
            .strip_prefix("system:serviceaccount:")?
            .split_once(':')?;
        let is_one = !namespace.is_empty() && !name.is_empty() && !name.contains(':');
        is_one.then_some((namespace, name))
    }
}
