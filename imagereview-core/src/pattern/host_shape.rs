//! Hosts with `*` for some of their names, as in `*.dkr.ecr.*.amazonaws.com`.
//!
//! Patterns whose stars are at the same names have one shape. A host is looked up once for each shape, with the names
//! that the stars stand for replaced. So the cost follows the number of shapes and not of patterns.

use std::collections::HashMap;

use super::price::{LOOK_UP, Price};

/// Where the stars of a pattern are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shape {
    /// Of each name, whether it is a star; without the one that a pattern for all below begins with.
    is_star: Vec<bool>,
    /// Whether one name or more come before these.
    is_below: bool,
}

/// A host with stars, in lower case: `a.*.example.com`, or `*.a.*.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostShape {
    shape: Shape,
    /// The names of the shape.
    text: Box<str>,
}

impl HostShape {
    /// The host that is written so; `None` if it has a star at no name, or only for all below a domain.
    pub(super) fn parse(host: &str) -> Result<Option<Self>, &'static str> {
        let (text, is_below) = match host.strip_prefix("*.") {
            Some(rest) => (rest, true),
            None => (host, false),
        };
        if !text.contains('*') {
            return Ok(None);
        }
        let names: Vec<&str> = text.split('.').collect();
        if names.iter().any(|name| name.contains('*') && *name != "*") {
            return Err(
                "\"*\" stands for whole names, as in \"*.example.com\" or \"a.*.example.com\"",
            );
        }
        // Those say whose host it is.
        if names.iter().rev().take(2).any(|name| *name == "*") {
            return Err("the last two names of a host must be written, as in \"a.*.example.com\"");
        }
        Ok(Some(Self {
            shape: Shape {
                is_star: names.iter().map(|name| *name == "*").collect(),
                is_below,
            },
            text: text.into(),
        }))
    }

    /// The names that are written.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        self.text.split('.').filter(|name| *name != "*")
    }

    /// Whether this is one of its hosts.
    pub(super) fn matches(&self, host: &str) -> bool {
        self.shape.key(host).is_some_and(|key| *key == *self.text)
    }
}

impl Shape {
    /// A host as a pattern of this shape is written, if it has as many names.
    fn key(&self, host: &str) -> Option<String> {
        let names = host.split('.').count();
        let before = names.checked_sub(self.is_star.len())?;
        if (before > 0) != self.is_below {
            return None;
        }
        let mut key = String::with_capacity(host.len());
        for (name, is_star) in host.split('.').skip(before).zip(&self.is_star) {
            // No host that is dialled has one, but a reference may.
            if name.is_empty() {
                return None;
            }
            if !key.is_empty() {
                key.push('.');
            }
            key.push_str(if *is_star { "*" } else { name });
        }
        Some(key)
    }
}

/// What belongs to hosts with stars.
#[derive(Clone, Debug)]
pub(super) struct ShapedHosts<T>(Vec<(Shape, HashMap<Box<str>, T>)>);

impl<T> Default for ShapedHosts<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Default> ShapedHosts<T> {
    /// What belongs to a pattern.
    pub(super) fn entry(&mut self, host: &HostShape) -> &mut T {
        let index = self.0.iter().position(|(shape, _)| *shape == host.shape);
        let index = index.unwrap_or_else(|| {
            self.0.push((host.shape.clone(), HashMap::new()));
            self.0.len() - 1
        });
        self.0[index].1.entry(host.text.clone()).or_default()
    }
}

impl<T> ShapedHosts<T> {
    /// What belongs to the patterns that match a host.
    pub(super) fn find<'s>(&'s self, host: &'s str) -> impl Iterator<Item = &'s T> {
        let shapes = self.0.iter();
        shapes.filter_map(move |(shape, hosts)| hosts.get(&*shape.key(host)?))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().flat_map(|(_, hosts)| hosts.values())
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().flat_map(|(_, hosts)| hosts.values_mut())
    }

    /// How many shapes there are: of each, one pattern at most matches a host.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The steps to look up a host.
    pub(super) fn price(&self) -> Price {
        // Its names are counted, copied and hashed.
        Price::new(2 * LOOK_UP, 8).times(self.0.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a pattern says, name by name.
    fn model(pattern: &str, host: &str) -> bool {
        let pattern: Vec<&str> = pattern.split('.').collect();
        let host: Vec<&str> = host.split('.').collect();
        let matches = |pattern: &[&str], host: &[&str]| {
            pattern.len() == host.len()
                && pattern
                    .iter()
                    .zip(host)
                    .all(|(name, found)| name == found || *name == "*")
        };
        if pattern[0] == "*" {
            // One name or more.
            (1..host.len()).any(|first| matches(&pattern[1..], &host[first..]))
        } else {
            matches(&pattern, &host)
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn hosts_with_stars_match_as_the_model_says(
            patterns in prop::collection::vec(prop::collection::vec(prop::sample::select(&["a", "b", "*"][..]), 1..5), 1..6),
            host in prop::collection::vec(prop::sample::select(&["a", "b", "c"][..]), 1..7),
        ) {
            let host = host.join(".") + ".x.y";
            let mut set: ShapedHosts<Vec<usize>> = ShapedHosts::default();
            let mut expected = Vec::new();
            for (index, pattern) in patterns.iter().enumerate() {
                let pattern = pattern.join(".") + ".x.y";
                let Some(shape) = HostShape::parse(&pattern).unwrap() else { continue };
                prop_assert_eq!(shape.matches(&host), model(&pattern, &host), "{} of {}", host, pattern);
                set.entry(&shape).push(index);
                if model(&pattern, &host) {
                    expected.push(index);
                }
            }
            let mut found: Vec<usize> = set.find(&host).flatten().copied().collect();
            found.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn a_star_is_a_whole_name_and_never_says_whose_host_it_is() {
        for (host, expected) in [
            ("a.example.com", "none"),
            ("*.example.com", "none"),
            ("a.*.example.com", "some"),
            ("*.a.*.example.com", "some"),
            ("*.*.example.com", "some"),
            ("a.b*.example.com", "stands for whole names"),
            ("a.**.example.com", "stands for whole names"),
            ("a.*.com", "the last two names"),
            ("a.example.*", "the last two names"),
        ] {
            let found = match HostShape::parse(host) {
                Ok(None) => "none",
                Ok(Some(_)) => "some",
                Err(error) => error,
            };
            assert!(found.contains(expected), "{host}: {found}");
        }
    }
}
