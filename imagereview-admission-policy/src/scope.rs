//! Scopes as conditions: over the request, and over an image.

use imagereview_core::document::{IncludeExclude, NameOutline, ScopeOutline};

use crate::{
    cel::{Condition, string, strings},
    cost::{FIELD, STEP},
    pattern::{Reading, is_one_of, is_too_long, names, repositories},
};

/// The namespaces of Kubernetes itself.
const SYSTEM_NAMESPACES: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];

/// The namespace of a request; empty where the object has none.
pub(crate) const NAMESPACE: &str = "request.?namespace.orValue('')";
const USER: &str = "request.userInfo.?username.orValue('')";
const GROUPS: &str = "request.userInfo.?groups.orValue([])";
const KIND: &str = "request.kind.kind";

/// How long a namespace or kind may be, in bytes.
const NAME_LEN: u64 = 64;

/// How many groups a user is taken to be in.
const GROUP_COUNT: u64 = 100;

/// Whether a request is in scope, one condition for each field that is given, each with a name.
pub(crate) fn of_request(scope: &ScopeOutline) -> Result<Vec<(&'static str, Condition)>, String> {
    if scope.uses_labels {
        return Err("labels are not compiled yet; leave what has this scope to the webhook".into());
    }
    let mut conditions = Vec::new();
    if scope.excludes_system_namespaces {
        let is_system = is_one_of(NAMESPACE, &SYSTEM_NAMESPACES);
        conditions.push(("system-namespaces", is_system.not()));
    }
    let namespaces = include_exclude(&scope.namespaces, |list| {
        names(NAMESPACE, list, Some(NAME_LEN))
    })?;
    // What has no namespace matches.
    let has_none = Condition::new(format!("{NAMESPACE} == ''"), FIELD);
    conditions.push(("namespaces", Condition::any([has_none, namespaces])));
    for (key, value) in &scope.annotations {
        let value = std::slice::from_ref(value);
        conditions.push(("annotations", annotation(key, Some(value), true)?));
    }
    let kinds = include_exclude(&scope.kinds, |list| names(KIND, list, Some(NAME_LEN)))?;
    conditions.push(("kinds", kinds));
    if let Some(operations) = &scope.operations {
        let operations: Vec<&str> = operations.iter().map(|one| one.as_str()).collect();
        conditions.push(("operations", is_one_of("request.operation", &operations)));
    }
    conditions.extend(of_user(scope)?);
    conditions.retain(|(_, condition)| !condition.is(true));
    Ok(conditions)
}

fn of_user(scope: &ScopeOutline) -> Result<Vec<(&'static str, Condition)>, String> {
    let is_nobody = || Condition::new(format!("{USER} == ''"), FIELD);
    let users = include_exclude(&scope.users, |list| names(USER, list, None))?;
    let users = if users.is(true) {
        users
    } else {
        Condition::any([is_nobody(), is_too_long(USER), users])
    };
    let groups = include_exclude(&scope.groups, |list| {
        let one = names("group", list, None)?;
        let cost = (one.cost() + STEP).saturating_mul(GROUP_COUNT);
        Ok(Condition::new(
            format!("{GROUPS}.exists(group, {one})"),
            cost,
        ))
    })?;
    let groups = if groups.is(true) {
        groups
    } else {
        Condition::any([is_nobody(), groups])
    };
    // `system:serviceaccount:namespace:name` as `namespace/name`.
    let account = format!("{USER}.substring(22).replace(':', '/')");
    let is_account = || {
        let expression = "^system:serviceaccount:[^:]+:[^:]+$";
        Condition::new(format!("{USER}.matches({})", string(expression)), 2000)
    };
    let accounts = include_exclude(&scope.service_accounts, |list| {
        let matches = names(&account, list, None)?;
        Ok(Condition::all([
            is_account(),
            Condition::any([is_too_long(USER), matches]),
        ]))
    })?;
    let accounts = if accounts.is(true) {
        accounts
    } else {
        Condition::any([is_nobody(), accounts])
    };
    Ok(vec![
        ("users", users),
        ("groups", groups),
        ("service-accounts", accounts),
    ])
}

/// Whether the annotation is there with a value that matches. `counts_if_long` says what a value is that is too
/// long to be compared: in scope, and no reason for an exemption.
pub(crate) fn annotation(
    key: &str,
    value: Option<&[NameOutline]>,
    counts_if_long: bool,
) -> Result<Condition, String> {
    let text = format!("variables.annotations[{}]", string(key));
    let has = Condition::new(
        format!("{} in variables.annotations", string(key)),
        10 * FIELD,
    );
    let Some(value) = value else {
        return Ok(has);
    };
    let matches = names(&text, value, None)?;
    let long = is_too_long(&text);
    let value = if counts_if_long {
        Condition::any([long, matches])
    } else {
        Condition::all([long.not(), matches])
    };
    Ok(Condition::all([has, value]))
}

/// Whether an image of a request that is in scope is so too.
pub(crate) fn of_image(scope: &ScopeOutline) -> Result<Condition, String> {
    let containers = match &scope.containers {
        None => Condition::constant(true),
        Some(kinds) => {
            let mut kinds: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
            // An image at a path of its own is of no kind of container, and matches.
            kinds.push("unknown");
            Condition::new(format!("image.kind in {}", strings(kinds)), FIELD)
        }
    };
    let include = match &scope.images.include {
        None => Condition::constant(true),
        Some(list) => repositories(list, Reading::Broad)?,
    };
    let exclude = match &scope.images.exclude {
        None => Condition::constant(false),
        Some(list) => repositories(list, Reading::Exact)?,
    };
    Ok(Condition::all([containers, include, exclude.not()]))
}

fn include_exclude(
    lists: &IncludeExclude<NameOutline>,
    matches: impl Fn(&[NameOutline]) -> Result<Condition, String>,
) -> Result<Condition, String> {
    let include = match &lists.include {
        None => Condition::constant(true),
        Some(list) => matches(list)?,
    };
    let exclude = match &lists.exclude {
        None => Condition::constant(false),
        Some(list) => matches(list)?,
    };
    Ok(Condition::all([include, exclude.not()]))
}
