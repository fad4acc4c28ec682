//! From what another engine requires to the checks of our rules.

use crate::{
    draft::{Checks, DigestCheck, TagChecks},
    formula::{Atom, Formula},
    meaning::{Meaning, Sense, Side, Tags, names_expression, tags_expression},
};

/// The longest expression of a document, in bytes.
const MAX_EXPRESSION: usize = 2048;

/// The most alternatives that a requirement is taken apart into.
const MAX_CLAUSES: usize = 64;

/// Why there are no checks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TooComplex {
    #[error(
        "the expression would have {0} bytes, and may have {MAX_EXPRESSION}; write it as several rules"
    )]
    Expression(usize),
    #[error("the condition has too many alternatives; write it as several rules")]
    Clauses,
}

/// A comparison that must hold, or must not.
#[derive(Clone, Debug)]
struct Literal {
    atom: Atom,
    holds: bool,
}

/// The checks that an image must pass, one group for each rule.
pub(crate) fn checks(requirement: &Formula) -> Result<Vec<Checks>, TooComplex> {
    let mut rules = Vec::new();
    let mut denied = Denied::default();
    for clause in clauses(requirement, true)? {
        if let [Literal { atom, holds: false }] = &clause[..] {
            denied.add(atom.sense(Side::Deny));
            continue;
        }
        if clause.iter().all(|literal| literal.holds)
            && let Some(checks) = allowed(&clause, &mut denied)
        {
            rules.extend(checks);
            continue;
        }
        rules.push(Checks {
            expression: Some(expression(&clause)),
            ..Checks::default()
        });
    }
    rules.extend(denied.into_checks());
    let longest = rules.iter().filter_map(|rule| rule.expression.as_ref());
    match longest.map(String::len).max() {
        Some(len) if len > MAX_EXPRESSION => Err(TooComplex::Expression(len)),
        _ => Ok(rules),
    }
}

/// The requirement as one expression.
pub(crate) fn as_expression(requirement: &Formula) -> Result<String, TooComplex> {
    let clauses = clauses(requirement, true)?;
    let all: Vec<_> = clauses
        .iter()
        .map(|clause| match clause.len() {
            1 => expression(clause),
            _ => format!("({})", expression(clause)),
        })
        .collect();
    let text = all.join(" && ");
    if text.len() > MAX_EXPRESSION {
        return Err(TooComplex::Expression(text.len()));
    }
    Ok(if text.is_empty() {
        "true".to_owned()
    } else {
        text
    })
}

/// The requirement as alternatives, all of which must hold.
fn clauses(formula: &Formula, holds: bool) -> Result<Vec<Vec<Literal>>, TooComplex> {
    let (is_all, parts) = match formula {
        Formula::Atom(atom) => {
            let atom = atom.clone();
            return Ok(vec![vec![Literal { atom, holds }]]);
        }
        Formula::Not(inner) => return clauses(inner, !holds),
        Formula::And(parts) => (holds, parts),
        Formula::Or(parts) => (!holds, parts),
    };
    if is_all {
        let mut all = Vec::new();
        for part in parts {
            all.extend(clauses(part, holds)?);
        }
        return bounded(all);
    }
    let mut product = vec![Vec::new()];
    for part in parts {
        let others = clauses(part, holds)?;
        let mut next = Vec::new();
        for clause in &product {
            for other in &others {
                next.push([clause.clone(), other.clone()].concat());
            }
        }
        product = bounded(next)?;
    }
    Ok(product)
}

fn bounded(clauses: Vec<Vec<Literal>>) -> Result<Vec<Vec<Literal>>, TooComplex> {
    // Lists of denied names have a clause each; only products of lists grow.
    if clauses.len() > MAX_CLAUSES * MAX_CLAUSES {
        return Err(TooComplex::Clauses);
    }
    Ok(clauses)
}

/// What is denied by itself.
#[derive(Debug, Default)]
struct Denied {
    names: Vec<String>,
    tags: TagChecks,
    /// Tags that are denied whether or not there is a digest too.
    pinned_tags: TagChecks,
    digest: DigestCheck,
    others: Vec<Checks>,
    as_written: Vec<String>,
    notes: Vec<String>,
}

impl Denied {
    fn add(&mut self, sense: Sense) {
        self.notes.extend(sense.note);
        if let Some(expression) = sense.as_written {
            self.as_written.push(expression);
        }
        match sense.meaning {
            Meaning::Nothing => {}
            Meaning::Everything => self.names.push("**".to_owned()),
            Meaning::Names(names) => self.names.extend(names),
            Meaning::Tags(tags) => {
                let checks = if tags.with_digest {
                    &mut self.pinned_tags
                } else {
                    &mut self.tags
                };
                checks.denied.extend(tags.patterns);
                checks.check_pinned = tags.with_digest;
            }
            Meaning::NamesAndTags(images, tags) => self.others.push(Checks {
                images,
                tags: TagChecks {
                    check_pinned: tags.with_digest,
                    denied: tags.patterns,
                    ..TagChecks::default()
                },
                ..Checks::default()
            }),
            other => self.others.push(Checks {
                expression: Some(format!("!({})", meaning_expression(&other, Side::Deny))),
                ..Checks::default()
            }),
        }
    }

    fn into_checks(self) -> Vec<Checks> {
        let mut rules = Vec::new();
        for tags in [self.tags, self.pinned_tags] {
            if !tags.is_empty() {
                rules.push(Checks {
                    tags,
                    ..Checks::default()
                });
            }
        }
        if self.digest != DigestCheck::None {
            rules.push(Checks {
                digest: self.digest,
                ..Checks::default()
            });
        }
        if !self.names.is_empty() {
            rules.push(Checks {
                repositories_denied: self.names,
                ..Checks::default()
            });
        }
        rules.extend(self.others);
        if !self.as_written.is_empty() {
            let expression = format!("!({})", self.as_written.join(" || "));
            rules.push(Checks {
                expression: Some(expression),
                notes: vec!["what the original denied by the string alone".to_owned()],
                ..Checks::default()
            });
        }
        if let Some(first) = rules.first_mut() {
            first.notes.extend(self.notes);
        }
        rules
    }
}

/// The checks of a list of alternatives that allow, if they are of one kind. A requirement of a tag is put
/// together with the tags that are denied.
fn allowed(clause: &[Literal], denied: &mut Denied) -> Option<Vec<Checks>> {
    let senses: Vec<_> = clause
        .iter()
        .map(|literal| literal.atom.sense(Side::Allow))
        .collect();
    if senses.iter().any(|one| one.meaning == Meaning::Everything) {
        return Some(Vec::new());
    }
    match &senses[..] {
        [one] if one.meaning == Meaning::Tagged => {
            denied.tags.deny_missing = true;
            return Some(Vec::new());
        }
        [
            Sense {
                meaning: Meaning::Digested(algorithm),
                ..
            },
        ] => {
            denied.digest = match algorithm {
                None => DigestCheck::Required,
                Some(algorithm) => DigestCheck::Algorithm(algorithm.clone()),
            };
            return Some(Vec::new());
        }
        _ => {}
    }
    let mut checks = Checks::default();
    for sense in senses {
        match sense.meaning {
            Meaning::Names(names) if checks.tags.is_empty() => {
                checks.repositories_allowed.extend(names);
            }
            Meaning::Tags(Tags {
                patterns,
                with_digest: true,
            }) if checks.repositories_allowed.is_empty() => {
                checks.tags.allowed.extend(patterns);
                checks.tags.check_pinned = true;
            }
            Meaning::Nothing => {}
            _ => return None,
        }
        checks.notes.extend(sense.note);
    }
    if checks.repositories_allowed.is_empty() && checks.tags.is_empty() {
        // No image can match any of them.
        checks.repositories_denied.push("**".to_owned());
    }
    Some(vec![checks])
}

/// One of the alternatives, as an expression.
fn expression(clause: &[Literal]) -> String {
    let mut names = Vec::new();
    let mut parts = Vec::new();
    for literal in clause {
        let side = if literal.holds {
            Side::Allow
        } else {
            Side::Deny
        };
        let sense = literal.atom.sense(side);
        match sense.meaning {
            Meaning::Names(more) if literal.holds => names.extend(more),
            meaning => {
                let mut part = meaning_expression(&meaning, side);
                if let Some(rest) = sense.as_written {
                    part = format!("{part} || {rest}");
                }
                parts.push(if literal.holds {
                    part
                } else {
                    format!("!({part})")
                });
            }
        }
    }
    if !names.is_empty() {
        parts.insert(0, names_expression(&names, Side::Allow));
    }
    parts.join(" || ")
}

fn meaning_expression(meaning: &Meaning, side: Side) -> String {
    match meaning {
        Meaning::Nothing => "false".to_owned(),
        Meaning::Everything => "true".to_owned(),
        Meaning::Names(names) => names_expression(names, side),
        Meaning::Tags(tags) => tags_expression(tags, side),
        Meaning::NamesAndTags(names, tags) => format!(
            "{} && {}",
            names_expression(names, side),
            tags_expression(tags, side)
        ),
        Meaning::Tagged => "image.written.matches(':[^/]*$')".to_owned(),
        Meaning::Digested(None) => "image.digest != ''".to_owned(),
        Meaning::Digested(Some(algorithm)) => format!("image.digest.startsWith('{algorithm}:')"),
        Meaning::Expression(expression) => expression.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{formula::Field, wildcard::Wild};

    fn written(wild: Wild) -> Formula {
        Formula::atom(Field::Written, wild)
    }

    #[test]
    fn a_requirement_becomes_the_checks_of_few_rules() {
        let requirement = Formula::And(vec![
            Formula::atom(Field::LastPart, Wild::containing(":")),
            written(Wild::suffix(":latest")).not(),
            written(Wild::suffix(":dev")).not(),
            Formula::Or(vec![
                written(Wild::prefix("registry.example.com/")),
                written(Wild::prefix("mirror.example.com/hub/")),
            ]),
        ]);
        let rules = checks(&requirement).unwrap();
        assert_eq!(rules.len(), 2, "{rules:#?}");
        assert_eq!(
            rules[0].repositories_allowed,
            ["registry.example.com/**", "mirror.example.com/hub/**"]
        );
        assert_eq!(rules[1].tags.denied, ["latest", "dev"]);
        assert!(rules[1].tags.deny_missing);
    }

    #[test]
    fn mixed_alternatives_become_an_expression() {
        let requirement = Formula::Or(vec![
            written(Wild::prefix("registry.example.com/")),
            written(Wild::containing("@")),
        ]);
        let rules = checks(&requirement).unwrap();
        assert_eq!(
            rules[0].expression.as_deref(),
            Some(
                "(image.registry + '/' + image.repository).matches('^registry[.]example[.]com/.+$') \
                 || image.digest != ''"
            )
        );
    }
}
