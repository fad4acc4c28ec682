//! Policies of so many patterns, and the images that they are asked about.
//!
//! The patterns deny and match none of the images, so each image is held against all of them.

use imagereview_core::{ImagePolicy, PolicyErrors, PolicySource, Review, decide};

use crate::references;

/// A kind of pattern.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Kind {
    /// What it is called in tables.
    pub name: &'static str,
    /// The field of a rule that takes such patterns.
    field: &'static str,
    pattern: fn(usize) -> String,
}

/// All kinds. Those with a wildcard in the middle are in folders that the images stand in too, or
/// in none.
pub const KINDS: [Kind; 9] = [
    Kind {
        name: "registries",
        field: "registries",
        pattern: |n| format!("registry-{n}.example.com"),
    },
    Kind {
        name: "wildcard domains",
        field: "registries",
        pattern: |n| format!("'*.zone-{n}.example.com'"),
    },
    Kind {
        name: "repositories",
        field: "repositories",
        pattern: |n| format!("registry.example.com:5000/team/app-{n}"),
    },
    Kind {
        name: "folders",
        field: "repositories",
        pattern: |n| format!("registry-{}.example.com/team-{n}/**", n % 100),
    },
    Kind {
        name: "globs below folders",
        field: "repositories",
        pattern: |n| format!("registry.example.com/team-{n}/*/app"),
    },
    Kind {
        name: "globs in mid-path",
        field: "repositories",
        pattern: |n| format!("registry.example.com/*/app-{n}"),
    },
    Kind {
        name: "globs anywhere",
        field: "repositories",
        pattern: |n| format!("'**/team-{n}-*/app'"),
    },
    Kind {
        name: "tags",
        field: "tags",
        pattern: |n| format!("release-{n}"),
    },
    Kind {
        name: "tag globs",
        field: "tags",
        pattern: |n| format!("'release-{n}-*'"),
    },
];

impl Kind {
    /// The text of a policy with so many patterns of this kind.
    #[must_use]
    pub fn document(&self, patterns: usize) -> String {
        let list: Vec<String> = (0..patterns).map(self.pattern).collect();
        format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: bench}}\nrules:\n  \
             - name: rule\n    {}:\n      deny:\n        - {}\n",
            self.field,
            list.join("\n        - ")
        )
    }
}

/// Compiles a document.
///
/// # Errors
///
/// What is wrong with it.
pub fn compile(document: &str) -> Result<ImagePolicy, PolicyErrors> {
    ImagePolicy::compile([PolicySource::new("bench.yaml", document)])
}

/// A review of all references of the corpus.
#[must_use]
pub fn review() -> Review<'static> {
    references::corpus().into_iter().collect()
}

/// Decides a review, and tells how many violations there are.
#[must_use]
pub fn violations(policy: &ImagePolicy, review: &Review<'_>) -> usize {
    decide(policy, review).violations().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern that matched would end the search early, which would flatter it.
    #[test]
    fn the_patterns_compile_and_match_none_of_the_images() {
        let review = review();
        for kind in KINDS {
            let policy = compile(&kind.document(100)).unwrap();
            assert_eq!(violations(&policy, &review), 0, "{}", kind.name);
        }
    }
}
