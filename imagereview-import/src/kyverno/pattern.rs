//! Patterns of Kyverno: an object as it should be, with wildcards in its texts.

use crate::{
    draft::Checks,
    formula::{Field, Formula, LooksAt},
    image_facts,
    sink::{Sink, no_ephemeral_containers},
    wildcard::Wild,
    yaml::At,
};

use super::condition;

/// What a rule requires of images.
pub(super) struct Requirement<'n> {
    pub(super) formula: Formula,
    pub(super) looks_at: LooksAt,
    pub(super) at: At<'n>,
    /// The containers that our rule is for, if it is not for all.
    pub(super) containers: Vec<&'static str>,
    /// Checks that no formula says.
    pub(super) checks: Option<Vec<Checks>>,
}

/// What a rule requires, list by list.
#[derive(Default)]
pub(super) struct Requirements<'n>(Vec<Requirement<'n>>);

impl<'n> Requirements<'n> {
    fn add(&mut self, formula: Formula, looks_at: LooksAt, at: &At<'n>) {
        self.0.push(Requirement {
            formula,
            looks_at,
            at: at.clone(),
            containers: Vec::new(),
            checks: None,
        });
    }

    /// The same requirement of several lists is one. If lists have different ones, each is for its own.
    pub(super) fn grouped(self) -> Vec<Requirement<'n>> {
        let mut groups: Vec<Requirement<'n>> = Vec::new();
        for one in self.0 {
            let same = groups
                .iter_mut()
                .find(|group| group.formula == one.formula && group.checks == one.checks);
            match same {
                Some(group) => group.looks_at = group.looks_at.and(one.looks_at),
                None => groups.push(one),
            }
        }
        let all = groups
            .iter()
            .fold(LooksAt::NONE, |all, group| all.and(group.looks_at));
        let overlap = groups.iter().enumerate().any(|(index, group)| {
            groups[..index].iter().any(|other| {
                (group.looks_at.regular && other.looks_at.regular)
                    || (group.looks_at.init && other.looks_at.init)
                    || (group.looks_at.ephemeral && other.looks_at.ephemeral)
            })
        });
        if groups.len() > 1 && !overlap && all.leaves_out().is_empty() {
            for group in &mut groups {
                let lists = [
                    (group.looks_at.regular, "regular"),
                    (group.looks_at.init, "init"),
                    (group.looks_at.ephemeral, "ephemeral"),
                ];
                let named = lists.into_iter().filter(|(is_in, _)| *is_in);
                group.containers = named.map(|(_, name)| name).collect();
            }
        }
        groups
    }

    pub(super) fn add_pattern(&mut self, at: &At<'n>, sink: &mut Sink) {
        let before = self.0.len();
        self.walk(at, sink);
        if self.0.len() == before {
            sink.remarks
                .not_taken(at, "the pattern is not about the names of images");
        }
    }

    /// One of several patterns has to match. They are one requirement if they differ in it alone.
    pub(super) fn add_any_pattern(&mut self, at: &At<'n>, sink: &mut Sink) {
        let mut alternatives: Vec<Self> = Vec::new();
        for item in at.items() {
            let mut one = Self::default();
            one.add_pattern(&item, sink);
            alternatives.push(one);
        }
        let groups: Vec<_> = alternatives.into_iter().map(Self::grouped).collect();
        let is_simple = groups
            .iter()
            .all(|group| group.len() == 1 && group[0].checks.is_none());
        if !is_simple {
            sink.remarks.not_taken(
                at,
                "the alternatives differ in more than one pattern over images, so none is taken",
            );
            return;
        }
        let groups: Vec<_> = groups.into_iter().flatten().collect();
        let looks_at = groups
            .iter()
            .fold(LooksAt::CONTAINERS, |all, group| LooksAt {
                regular: all.regular && group.looks_at.regular,
                init: all.init && group.looks_at.init,
                ephemeral: all.ephemeral && group.looks_at.ephemeral,
            });
        let some = groups.into_iter().map(|group| group.formula);
        self.add(Formula::Or(some.collect()), looks_at, at);
    }

    pub(super) fn add_deny(&mut self, at: &At<'n>, element: Option<LooksAt>, sink: &mut Sink) {
        let Some(conditions) = at.get("conditions") else {
            sink.remarks
                .not_taken(at, "it denies all objects, whatever their images");
            return;
        };
        if let Some(denial) = condition::denied(&conditions, element, sink) {
            self.add(denial.formula.not(), denial.looks_at, &denial.at);
        }
    }

    pub(super) fn add_foreach(&mut self, at: &At<'n>, sink: &mut Sink) {
        for item in at.items() {
            let list = item.text_of("list").unwrap_or_default();
            let looks_at = condition::containers(list);
            if looks_at == LooksAt::NONE {
                sink.remarks
                    .not_taken(&item, "the list is not one of the containers of a pod");
                continue;
            }
            if let Some(checks) = image_facts::take_conditions(&item, sink) {
                if !checks.is_empty() {
                    self.0.push(Requirement {
                        formula: Formula::And(Vec::new()),
                        looks_at,
                        at: item,
                        containers: Vec::new(),
                        checks: Some(checks),
                    });
                }
                continue;
            }
            for (name, value) in item.entries() {
                match name {
                    "list" | "elementScope" | "order" | "context" => {}
                    "preconditions" => sink.remarks.not_taken(
                        &value,
                        "the import does not know these conditions; the rule is about all containers",
                    ),
                    "pattern" => {
                        if !self.element(&value, looks_at, sink) {
                            sink.remarks
                                .not_taken(&value, "the pattern is not about the names of images");
                        }
                    }
                    "deny" => self.add_deny(&value, Some(looks_at), sink),
                    _ => sink
                        .remarks
                        .not_taken(&value, "the import does not know this field"),
                }
            }
        }
    }

    /// Looks for lists of containers in a pattern.
    fn walk(&mut self, at: &At<'n>, sink: &mut Sink) {
        for (name, value) in at.entries() {
            let (anchor, name) = anchor(name);
            let looks_at = match name {
                "containers" => LooksAt {
                    regular: true,
                    ..LooksAt::NONE
                },
                "initContainers" => LooksAt {
                    init: true,
                    ..LooksAt::NONE
                },
                "ephemeralContainers" => LooksAt {
                    ephemeral: true,
                    ..LooksAt::NONE
                },
                _ if value.entries().is_empty() => {
                    if !["kind", "apiVersion"].contains(&name) {
                        sink.remarks
                            .not_taken(&value, "it is not about the names of images");
                    }
                    continue;
                }
                _ => {
                    self.walk(&value, sink);
                    continue;
                }
            };
            match (anchor, name) {
                (Some('X'), "ephemeralContainers") => {
                    let (formula, looks_at, checks) = no_ephemeral_containers();
                    self.0.push(Requirement {
                        formula,
                        looks_at,
                        at: value,
                        containers: Vec::new(),
                        checks: Some(checks),
                    });
                    continue;
                }
                (Some('X'), _) => {
                    sink.remarks.not_taken(
                        &value,
                        "the import knows this anchor for ephemeralContainers alone",
                    );
                    continue;
                }
                (Some('^'), _) => sink.remarks.stricter(
                    &value,
                    "one container has to match; here each image has to pass",
                ),
                _ => {}
            }
            for item in value.items() {
                self.element(&item, looks_at, sink);
            }
        }
    }

    /// Reads the pattern of one container. Says whether it is about the image.
    fn element(&mut self, at: &At<'n>, looks_at: LooksAt, sink: &mut Sink) -> bool {
        let entries: Vec<_> = at
            .entries()
            .into_iter()
            .map(|(name, value)| (anchor(name), value))
            .collect();
        let image = entries.iter().find(|((_, name), _)| *name == "image");
        let Some(((image_anchor, _), image)) = image else {
            return false;
        };
        let is_condition = *image_anchor == Some('(');
        for ((anchor, name), value) in &entries {
            let is_any_name =
                *name == "name" && value.text().is_some_and(|text| ["*", "?*"].contains(&text));
            if *name == "image" || is_any_name {
                continue;
            }
            let reason = match anchor {
                Some('(') => {
                    "a document has no scope by other fields of a container; the rule is about all of them"
                }
                _ => "it is not about the names of images",
            };
            sink.remarks.not_taken(value, reason);
        }
        if is_condition {
            sink.remarks.not_taken(
                image,
                "here the image is a condition for other fields, which a document has no rules for",
            );
            return true;
        }
        match image.text().map(text_pattern) {
            Some(Ok(requirement)) => self.add(requirement, looks_at, image),
            Some(Err(reason)) => sink.remarks.not_taken(image, reason),
            None => sink.remarks.not_taken(image, "the pattern is no text"),
        }
        true
    }
}

/// The anchor of a field's name, and the name.
fn anchor(name: &str) -> (Option<char>, &str) {
    let Some(inner) = name.strip_suffix(')') else {
        return (None, name);
    };
    match inner.split_once('(') {
        Some(("", inner)) => (Some('('), inner),
        Some((anchor, inner)) if anchor.len() == 1 => (anchor.chars().next(), inner),
        _ => (None, name),
    }
}

/// A pattern over a text: alternatives between `|`, each of parts between `&` that may be negated.
pub(super) fn text_pattern(text: &str) -> Result<Formula, String> {
    if text.contains("{{") {
        return Err(format!(
            "the pattern {text:?} has a variable, which the import does not see"
        ));
    }
    let part = |part: &str| {
        let part = part.trim();
        if part.starts_with(['<', '>']) {
            return Err(format!("{part:?} compares numbers, and an image is none"));
        }
        let (is_negated, glob) = match part.strip_prefix('!') {
            Some(glob) => (true, glob),
            None => (false, part),
        };
        let formula = Formula::atom(Field::Written, Wild::glob(glob));
        Ok(if is_negated { formula.not() } else { formula })
    };
    let mut some = Vec::new();
    for alternative in text.split('|') {
        let all: Result<Vec<_>, _> = alternative.split('&').map(part).collect();
        let mut all = all?;
        some.push(if all.len() == 1 {
            all.remove(0)
        } else {
            Formula::And(all)
        });
    }
    Ok(if some.len() == 1 {
        some.remove(0)
    } else {
        Formula::Or(some)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_pattern_is_alternatives_of_parts() {
        let pattern = text_pattern("registry.example.com/* & !*:latest | nginx:1*").unwrap();
        for (image, expected) in [
            ("registry.example.com/app:1", true),
            ("registry.example.com/app:latest", false),
            ("nginx:1.27", true),
            ("nginx", false),
        ] {
            assert_eq!(pattern.holds(image), expected, "{image}");
        }
        assert!(text_pattern("{{ allowed }}").is_err());
        assert_eq!(anchor("=(initContainers)"), (Some('='), "initContainers"));
        assert_eq!(anchor("(image)"), (Some('('), "image"));
        assert_eq!(anchor("image"), (None, "image"));
    }
}
