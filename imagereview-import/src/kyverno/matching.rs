//! Which objects a rule is about: `match`, `exclude` and `preconditions`.

use crate::{
    draft::{Names, Scope},
    error::ImportError,
    sink::Sink,
    yaml::At,
};

/// Which objects a rule is about.
pub(super) struct Matching {
    pub(super) scope: Scope,
    /// Whether there are conditions that a document does not have.
    pub(super) is_conditional: bool,
}

/// Fields of a filter whose objects are a part of those that the rule is about here.
const NARROWING: &[&str] = &[
    "selector",
    "namespaceSelector",
    "names",
    "name",
    "annotations",
    "subjects",
    "roles",
    "clusterRoles",
];

impl Matching {
    pub(super) fn of(rule: &At<'_>, sink: &mut Sink) -> Result<Self, ImportError> {
        let mut matching = Self {
            scope: Scope::default(),
            is_conditional: false,
        };
        let selected = rule.required_map("match")?;
        matching.select(&selected, sink)?;
        if let Some(excluded) = rule.get("exclude") {
            matching.exclude(&excluded, sink)?;
        }
        for field in ["preconditions", "celPreconditions"] {
            if let Some(at) = rule.get(field) {
                matching.preconditions(&at, sink);
            }
        }
        Ok(matching)
    }

    fn narrow(&mut self, at: &At<'_>, sink: &mut Sink) {
        self.is_conditional = true;
        sink.remarks.not_taken(
            at,
            "a document has no scope like this; the rule is about all objects",
        );
    }

    fn select(&mut self, at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
        let mut namespaces: Option<Vec<String>> = Some(Vec::new());
        let filters = filters(at, sink)?;
        for filter in &filters {
            let mut own = Vec::new();
            for (name, value) in fields(filter) {
                match name {
                    "namespaces" => own.extend(texts(&value)),
                    "kinds" => kinds(&value, sink),
                    "operations" => {
                        if !value
                            .texts()
                            .iter()
                            .any(|name| ["CREATE", "UPDATE"].contains(name))
                        {
                            self.is_conditional = true;
                            sink.remarks.not_taken(
                                &value,
                                "an image is reviewed when an object is created or updated",
                            );
                        }
                    }
                    name if NARROWING.contains(&name) => self.narrow(&value, sink),
                    _ => sink
                        .remarks
                        .not_taken(&value, "the import does not know this field"),
                }
            }
            namespaces = match namespaces {
                Some(mut all) if !own.is_empty() => {
                    all.extend(own);
                    Some(all)
                }
                // One filter is about all namespaces.
                _ => None,
            };
        }
        let namespaces = namespaces.unwrap_or_default();
        if at.get("all").is_some() && filters.len() > 1 && !namespaces.is_empty() {
            sink.remarks.stricter(
                at,
                "all of several filters have to match; here the rule is about the namespaces of each",
            );
        }
        self.scope.namespaces.include = namespaces;
        Ok(())
    }

    fn exclude(&mut self, at: &At<'_>, sink: &mut Sink) -> Result<(), ImportError> {
        let filters = filters(at, sink)?;
        let is_one = filters.len() == 1 || at.get("all").is_none();
        for filter in filters {
            let fields = fields(&filter);
            let is_only = |wanted: &str| {
                fields
                    .iter()
                    .all(|(name, _)| *name == wanted || *name == "kinds")
            };
            if is_one && is_only("namespaces") && fields.iter().any(|(n, _)| *n == "namespaces") {
                let names = fields.iter().filter(|(name, _)| *name == "namespaces");
                let names = names.flat_map(|(_, value)| texts(value));
                self.scope.namespaces.exclude.extend(names);
            } else if is_one && is_only("subjects") && !fields.is_empty() {
                for (_, value) in fields.iter().filter(|(name, _)| *name == "subjects") {
                    self.exclude_subjects(value, sink);
                }
            } else {
                self.is_conditional = true;
                sink.remarks.not_taken(
                    &filter,
                    "a document has no scope like this; the rule is about these objects too",
                );
            }
        }
        Ok(())
    }

    fn exclude_subjects(&mut self, at: &At<'_>, sink: &mut Sink) {
        for item in at.items() {
            let name = item.text_of("name");
            match (item.text_of("kind"), name) {
                (Some("User"), Some(name)) => self.scope.users.exclude.push(name.to_owned()),
                (Some("Group"), Some(name)) => self.scope.groups.exclude.push(name.to_owned()),
                (Some("ServiceAccount"), Some(name)) => {
                    let namespace = item.text_of("namespace").unwrap_or("*");
                    let account = format!("{namespace}/{name}");
                    self.scope.service_accounts.exclude.push(account);
                }
                _ => sink
                    .remarks
                    .not_taken(&item, "the import knows no subject of this kind"),
            }
        }
    }

    fn preconditions(&mut self, at: &At<'_>, sink: &mut Sink) {
        let mut conditions = at.items();
        for field in ["all", "any"] {
            conditions.extend(at.get(field).iter().flat_map(At::items));
        }
        for condition in conditions {
            if !always_holds(&condition) {
                self.is_conditional = true;
                sink.remarks.not_taken(
                    &condition,
                    "the import does not know this condition; the rule is about all objects",
                );
            }
        }
    }
}

/// Whether a condition holds for each review: it is about the operation, or asks whether there are containers.
pub(super) fn always_holds(condition: &At<'_>) -> bool {
    let key: String = condition
        .text_of("key")
        .unwrap_or_default()
        .chars()
        .filter(|c| !c.is_whitespace())
        .collect();
    let values = condition
        .get("value")
        .map(|value| value.texts())
        .unwrap_or_default();
    let operator = condition.text_of("operator").unwrap_or_default();
    if key.contains("request.operation") {
        let reviewed = values
            .iter()
            .any(|name| ["CREATE", "UPDATE"].contains(name));
        let is_negated = operator.contains("Not");
        return reviewed != is_negated;
    }
    let counts = key.contains("length(@)") && key.contains("ontainers");
    counts && ["GreaterThan", "GreaterThanOrEquals", "NotEquals"].contains(&operator)
}

/// The filters of `match` or `exclude`.
fn filters<'n>(at: &At<'n>, sink: &mut Sink) -> Result<Vec<At<'n>>, ImportError> {
    let mut filters = at.list("any")?;
    filters.extend(at.list("all")?);
    if filters.is_empty() {
        // The old form has the fields of one filter.
        return Ok(vec![at.clone()]);
    }
    sink.remarks.unknown_fields(at, &["any", "all"]);
    Ok(filters)
}

/// The fields of a filter, those of its `resources` among them.
fn fields<'n>(filter: &At<'n>) -> Vec<(&'n str, At<'n>)> {
    let mut fields = Vec::new();
    for (name, value) in filter.entries() {
        if name == "resources" {
            fields.extend(value.entries());
        } else {
            fields.push((name, value));
        }
    }
    fields
}

fn texts(at: &At<'_>) -> Vec<String> {
    at.texts().into_iter().map(str::to_owned).collect()
}

fn kinds(at: &At<'_>, sink: &mut Sink) {
    let is_pod = |kind: &&str| ["Pod", "*"].contains(&kind.rsplit('/').next().unwrap_or_default());
    if !at.texts().iter().any(is_pod) {
        sink.remarks.stricter(
            at,
            "a rule that is not about pods is avoided by creating one; here it is about all kinds",
        );
    }
}

/// The namespaces of a selection that has nothing else.
pub(super) fn namespaces_alone(at: &At<'_>) -> Option<Vec<String>> {
    let filters: Vec<_> = ["any", "all"]
        .iter()
        .flat_map(|name| at.get(name).iter().flat_map(At::items).collect::<Vec<_>>())
        .collect();
    let filters = if filters.is_empty() {
        vec![at.clone()]
    } else {
        filters
    };
    if at.get("all").is_some() && filters.len() > 1 {
        return None;
    }
    let mut names = Names::default();
    for filter in &filters {
        let fields = fields(filter);
        let own: Vec<_> = fields
            .iter()
            .filter(|(name, _)| *name == "namespaces")
            .flat_map(|(_, value)| texts(value))
            .collect();
        let others = fields
            .iter()
            .any(|(name, _)| !["namespaces", "kinds", "operations"].contains(name));
        if own.is_empty() || others {
            return None;
        }
        names.include.extend(own);
    }
    Some(names.include)
}
