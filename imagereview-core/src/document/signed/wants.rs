//! What a statement must say to count.

use std::time::SystemTime;

use super::{glob::Glob, predicate::Predicates, signer::has};
#[cfg(feature = "cel")]
use crate::{document::scope::Recorded, expression::Expression};
use crate::{
    document::{
        declaration,
        facts::message,
        problem::{Position, Problems},
    },
    facts::{Claim, Statement},
    language::Message,
    pattern::RegexBudget,
    quote::Escaped,
};

/// What a statement must say.
#[derive(Debug)]
pub(super) enum Wants {
    Signature {
        annotations: Vec<(Box<str>, Glob)>,
        reference: Option<Glob>,
    },
    Attestation(Box<Attestation>),
}

/// What an attestation must say.
#[derive(Debug)]
pub(super) struct Attestation {
    types: Vec<Box<str>>,
    subject: Option<Glob>,
    predicates: Predicates,
    #[cfg(feature = "cel")]
    pub(super) expression: Option<Expression>,
}

/// Whether an expression is true for a predicate.
#[cfg(feature = "cel")]
pub(super) type Evaluate<'e> = dyn Fn(&Expression, &serde_json::Value) -> Result<bool, String> + 'e;

/// With what a predicate is judged.
pub(super) struct With<'w> {
    pub(super) now: Option<SystemTime>,
    /// Takes steps before they are made.
    pub(super) take: &'w dyn Fn(u64) -> Result<(), Message>,
    #[cfg(feature = "cel")]
    pub(super) evaluate: &'w Evaluate<'w>,
}

const MAX_CHARS: usize = 160;

impl Wants {
    pub(super) fn signature(
        position: Position,
        annotations: Option<
            std::collections::BTreeMap<declaration::EntryName, crate::pattern::NamePattern>,
        >,
        reference: Option<crate::pattern::NamePattern>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let annotations = Glob::entries(annotations.unwrap_or_default(), position, problems);
        let reference = Glob::optional(reference, position, problems);
        Some(Self::Signature {
            annotations: annotations?,
            reference: reference.ok()?,
        })
    }

    /// What a statement lacks.
    pub(super) fn admits(&self, statement: &Statement, with: &With<'_>) -> Result<(), Message> {
        match (self, &statement.claim) {
            (
                Self::Signature {
                    annotations,
                    reference,
                },
                Claim::Signature {
                    annotations: signed,
                    reference: names,
                },
            ) => {
                annotations.iter().try_for_each(|(name, glob)| {
                    let value = signed.get(&**name).map(String::as_str);
                    has(name, value, glob, "signed annotation", "签名注解")
                })?;
                match (reference, names) {
                    (Some(glob), names) => {
                        let kind = "name of a repository in its signature";
                        has(
                            "docker-reference",
                            names.as_deref(),
                            glob,
                            kind,
                            "签名中的镜像名",
                        )
                    }
                    (None, _) => Ok(()),
                }
            }
            (Self::Attestation(wants), Claim::Attestation { .. }) => wants.admits(statement, with),
            (Self::Signature { .. }, Claim::Attestation { predicate_type, .. }) => {
                let kind = Escaped(predicate_type, MAX_CHARS);
                Err(message(
                    format!("it is an attestation ({kind}), not a signature"),
                    format!("它是证明({kind}),不是签名"),
                ))
            }
            (Self::Attestation(_), Claim::Signature { .. }) => Err(Message::new(
                "it is a signature, not an attestation",
                "它是签名,不是证明",
            )),
        }
    }
}

impl Attestation {
    pub(super) fn compile(
        position: Position,
        types: Vec<declaration::PredicateType>,
        subject: Option<crate::pattern::NamePattern>,
        predicates: Option<Predicates>,
        expression: Option<declaration::Expression>,
        regexes: &mut RegexBudget,
        problems: &mut Problems,
    ) -> Option<Self> {
        let subject = Glob::optional(subject, position, problems);
        #[cfg(feature = "cel")]
        let expression = match expression {
            None => Ok(None),
            Some(declaration::Expression { text, position }) => {
                let compiled = Expression::of_predicate(&text, regexes);
                problems.within(format_args!(".expression"), |problems| {
                    let compiled = problems.recorded(compiled, position);
                    compiled.map(Some).ok_or(Recorded)
                })
            }
        };
        #[cfg(not(feature = "cel"))]
        if let Some(declaration::Expression { position, .. }) = expression {
            let _ = regexes;
            problems.within(format_args!(".expression"), |problems| {
                problems.add(
                    position,
                    "this build cannot read expressions (the feature \"cel\" is off)",
                );
            });
        }
        Some(Self {
            types: types.into_iter().flat_map(|kind| kind.0).collect(),
            subject: subject.ok()?,
            predicates: predicates?,
            #[cfg(feature = "cel")]
            expression: expression.ok()?,
        })
    }

    fn admits(&self, statement: &Statement, with: &With<'_>) -> Result<(), Message> {
        let Claim::Attestation {
            predicate_type,
            predicate,
            subjects,
        } = &statement.claim
        else {
            return Ok(());
        };
        if !self.types.contains(predicate_type) {
            let (kind, first) = (Escaped(predicate_type, MAX_CHARS), &self.types[0]);
            let first = Escaped(first, MAX_CHARS);
            return Err(message(
                format!("its predicate is of type {kind}, not {first}"),
                format!("其内容类型是{kind},不是{first}"),
            ));
        }
        if let Some(glob) = &self.subject
            && !subjects.iter().any(|name| glob.matches(name))
        {
            return Err(message(
                format!("it names no subject {glob}"),
                format!("没有名为{glob}的主体"),
            ));
        }
        (with.take)(self.predicates.steps(predicate))?;
        self.predicates.admit(predicate, with.now)?;
        #[cfg(feature = "cel")]
        if let Some(expression) = &self.expression {
            return match (with.evaluate)(expression, predicate) {
                Ok(true) => Ok(()),
                Ok(false) => Err(Message::new(
                    "the expression is false for its predicate",
                    "对其内容,表达式为假",
                )),
                Err(error) => Err(message(
                    format!("the expression could not be decided: {error}"),
                    format!("表达式无法判定:{error}"),
                )),
            };
        }
        Ok(())
    }
}
