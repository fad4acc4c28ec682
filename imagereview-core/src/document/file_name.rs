//! Which files of a folder are policies.

/// Whether a file of a policy folder is part of the policy, by its name: it ends in `.yaml`, `.yml`
/// or `.json`, does not begin with a dot (a mounted `ConfigMap` keeps its versions under such names),
/// and is neither a test of a policy (`_test.yaml`) nor a trusted root (`trusted_root.json`,
/// `staging.trusted_root.json`).
///
/// It is here so that all who read a folder read the same policy.
///
/// ```
/// use imagereview_core::document::is_policy_file;
///
/// assert!(is_policy_file("baseline.yaml"));
/// assert!(!is_policy_file("baseline_test.yaml"));
/// assert!(!is_policy_file("trusted_root.json"));
/// assert!(!is_policy_file("..data"));
/// assert!(!is_policy_file("README.md"));
/// ```
#[must_use]
pub fn is_policy_file(name: &str) -> bool {
    let stem = [".yaml", ".yml", ".json"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending));
    // What signatures are verified with lies beside the policy that names it.
    let is_trusted_root = ["trusted_root.json", "trusted-root.json"]
        .iter()
        .any(|end| {
            let before = name.strip_suffix(end);
            before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
        });
    let is_test = |stem: &str| stem.ends_with("_test");
    stem.is_some_and(|stem| !name.starts_with('.') && !is_test(stem)) && !is_trusted_root
}
