//! A rule of a document; compiled.

use std::sync::Arc;

#[cfg(feature = "cel")]
use super::facts::FactSettings;
use super::{
    asked::Asked,
    check::{AllowDeny, Check, Digest, Finding, Tags},
    declaration::{self, Name, Text},
    explanation::{Branch, Outcome, Step},
    facts::FactCheck,
    files::PolicyFiles,
    price::{DESCRIBE, violation_bytes},
    problem::Problems,
    scope::{OutOfScope, Scope},
    signed::StatementCheck,
};
#[cfg(feature = "cel")]
use crate::expression::Expression;
use crate::{
    facts::{Needs, Trust},
    language::{Language, Message},
    limits::{ENTRIES_LIMIT, VIOLATIONS_LIMIT},
    pattern::{Lengths, RegexBudget},
    policy::{Mode, Violation},
    review::{Image, Review},
};

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) name: Name,
    pub(super) scope: Scope,
    mode: Mode,
    message: Option<Text>,
    remedy: Option<Text>,
    checks: Vec<Check>,
    /// Whether a comment exempts from it.
    pub(super) allows_inline_exemptions: bool,
    /// The most steps that it may take for a review.
    share: u64,
    pub(super) shared_name: Arc<str>,
    pub(super) declared_at: Arc<str>,
}

/// What a rule found in an image, for an explanation.
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    why: Message,
    branches: Vec<Branch>,
}

impl Judged {
    pub(super) fn out_of_scope(out: OutOfScope) -> Self {
        Self {
            outcome: Outcome::OutOfScope,
            why: out.message(),
            branches: Vec::new(),
        }
    }

    /// Adds to the reason.
    pub(super) fn add(&mut self, more: &Message) {
        let joined = |language, separator: &str| {
            format!(
                "{}{separator}{}",
                self.why.text(language),
                more.text(language)
            )
        };
        self.why = Message::from(joined(Language::English, "; "))
            .with(Language::Chinese, joined(Language::Chinese, ";"));
    }

    pub(super) fn exempt(&mut self, exemption: &str, reason: &str) {
        self.outcome = Outcome::Exempted;
        self.why = Message::from(format!("exemption \"{exemption}\": {reason}"))
            .with(Language::Chinese, format!("豁免\"{exemption}\":{reason}"));
    }
}

impl Rule {
    /// Adds what is needed to know of an image of a review that is in scope.
    pub(super) fn needs(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
        needs: &mut Needs,
    ) {
        for check in &self.checks {
            check.needs(review, image, asks_of_unchanged, needs);
        }
    }

    fn statements(&self) -> impl Iterator<Item = &StatementCheck> {
        self.checks.iter().filter_map(Check::statements)
    }

    /// What signatures are verified with, and where that is declared.
    pub(super) fn trusts(&self) -> impl Iterator<Item = (&str, &Trust)> {
        self.statements().flat_map(StatementCheck::trusts)
    }

    /// What should be looked at, though it is no mistake.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.statements().flat_map(StatementCheck::warnings)
    }

    /// Whether one of its checks is about what only registries can tell.
    pub(super) fn uses_facts(&self) -> bool {
        self.checks.iter().any(Check::uses_facts)
    }

    /// Whether one of its checks is an expression.
    pub(super) fn has_expressions(&self) -> bool {
        self.checks.iter().any(Check::is_expression)
    }

    pub(super) fn compile(
        declared: declaration::Rule,
        document_mode: Mode,
        files: &PolicyFiles,
        regexes: &mut RegexBudget,
        problems: &mut Problems,
    ) -> Option<Self> {
        let position = declared.position;
        let scope = problems.within(format_args!(".scope"), |problems| {
            Scope::compile(declared.scope, problems)
        });
        let mut checks = Vec::new();
        let mut complete = true;
        let mut add = |check: Option<Check>| match check {
            Some(check) => checks.push(check),
            None => complete = false,
        };
        if let Some(tags) = declared.tags {
            add(problems.within(format_args!(".tags"), |problems| {
                Tags::compile(tags, regexes, problems)
            }));
        }
        if let Some(digest) = declared.digest {
            add(problems.within(format_args!(".digest"), |problems| {
                Digest::compile(digest, problems)
            }));
        }
        if let Some(declaration::Registries {
            position,
            allow,
            deny,
        }) = declared.registries
        {
            let lists = problems.within(format_args!(".registries"), |problems| {
                AllowDeny::compile(position, allow, deny, problems)
            });
            add(lists.map(Check::Registries));
        }
        if let Some(declaration::Repositories {
            position,
            allow,
            deny,
        }) = declared.repositories
        {
            let lists = problems.within(format_args!(".repositories"), |problems| {
                AllowDeny::compile(position, allow, deny, problems)
            });
            add(lists.map(Check::Repositories));
        }
        if let Some(max) = declared.max_images {
            add(Some(Check::MaxImages(max)));
        }
        if let Some(allowed) = declared.image_pull_policies {
            add(Some(Check::PullPolicies(allowed)));
        }
        #[cfg(feature = "cel")]
        let settings = declared.facts.as_ref().map(FactSettings::compile);
        // Facts that have settings only are for the expression.
        let mut only_settings = None;
        if let Some(facts) = declared.facts {
            let position = facts.position;
            problems.within(format_args!(".facts"), |problems| match FactCheck::compile(
                facts, problems,
            ) {
                Some(facts) if facts.is_empty() => only_settings = Some(position),
                facts => add(facts.map(Check::Facts)),
            });
        }
        if let Some(signed) = declared.signed {
            add(problems.within(format_args!(".signed"), |problems| {
                let check = StatementCheck::signed(signed, files, problems);
                check.map(|check| Check::Statements(Box::new(check)))
            }));
        }
        if let Some(attested) = declared.attested {
            add(problems.within(format_args!(".attested"), |problems| {
                let check = StatementCheck::attested(attested, files, regexes, problems);
                check.map(|check| Check::Statements(Box::new(check)))
            }));
        }
        if let Some(declaration::Expression { text, position }) = declared.expression {
            #[cfg(feature = "cel")]
            let expression = Expression::compile(&text, regexes)
                .map(|expression| {
                    if !expression.facts().is_empty() {
                        only_settings = None;
                    }
                    Check::Expression(expression, settings.unwrap_or_default())
                })
                .map_err(|error| {
                    let place = error.at.and_then(|at| {
                        super::written::place_in(problems.text(), position, &text, at)
                    });
                    match place {
                        Some(place) => (place, error.message),
                        None => (position, error.to_string()),
                    }
                });
            #[cfg(not(feature = "cel"))]
            let expression: Result<Check, _> = Err((
                position,
                format!(
                    "this build cannot read expressions (the feature \"cel\" is off): {text:?}"
                ),
            ));
            add(match expression {
                Ok(check) => Some(check),
                Err((position, error)) => {
                    problems.within(format_args!(".expression"), |problems| {
                        problems.add(position, error);
                        None
                    })
                }
            });
        }
        if let Some(position) = only_settings {
            problems.within(format_args!(".facts"), |problems| {
                problems.add(
                    position,
                    "facts has no checks; give one such as maxAge, or an expression that uses facts",
                );
            });
            complete = false;
        }
        if complete && checks.is_empty() {
            problems.add(
                position,
                "the rule has no checks; give tags, digest, registries, repositories, maxImages, \
                 imagePullPolicies, facts, signed, attested or expression",
            );
            complete = false;
        }
        complete.then_some(())?;
        Some(Self {
            shared_name: declared.name.0.as_ref().into(),
            declared_at: format!("{}:{}", problems.source(), position.line).into(),
            name: declared.name,
            scope: scope?,
            mode: declared.mode.unwrap_or_default().min(document_mode),
            message: declared.message,
            remedy: declared.remedy,
            checks,
            allows_inline_exemptions: declared.inline_exemptions
                == Some(declaration::Verdict::Allow),
            share: u64::MAX,
        })
    }

    /// The steps that it takes for the largest review, at most, where its document has this scope.
    pub(super) fn most_steps(&self, document: &Scope) -> u64 {
        let scopes = [document, &self.scope].map(|scope| scope.image_steps(Lengths::LONGEST));
        // Once for each check of the number of images, too.
        let times = 1 + self
            .checks
            .iter()
            .filter(|check| check.counts_images())
            .count() as u64;
        let scopes = scopes[0].saturating_add(scopes[1]);
        let scopes = scopes.saturating_mul(times * ENTRIES_LIMIT as u64);
        let checks = self.checks.iter().map(Check::most_steps);
        let steps = checks.fold(scopes, u64::saturating_add);
        steps.saturating_add(DESCRIBE * VIOLATIONS_LIMIT as u64)
    }

    /// The memory to decide it, at most.
    pub(super) fn most_bytes(&self) -> u64 {
        let checks = self.checks.iter().map(Check::most_bytes);
        checks.max().unwrap_or_default()
    }

    /// The most that one of its violations takes.
    pub(super) fn violation_bytes(&self) -> u64 {
        let texts = self.message.iter().chain(&self.remedy);
        let templates = texts.flat_map(|text| text.english.iter().chain(&text.chinese));
        let len = templates.map(super::template::Template::most_bytes);
        violation_bytes(len.fold(0, u64::saturating_add))
    }

    pub(super) fn share(&self) -> u64 {
        self.share
    }

    pub(super) fn set_share(&mut self, share: u64) {
        self.share = share;
    }

    /// What its violations do, where nothing caps them.
    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    /// What an image breaks that is in scope.
    pub(super) fn failures<'a>(
        &'a self,
        asked: &Asked<'a>,
        image: &'a Image<'a>,
    ) -> impl Iterator<Item = Finding<'a>> {
        let failed = self
            .checks
            .iter()
            .flat_map(|check| check.findings(asked, image))
            .filter(|finding| !finding.passed);
        // A message of the rule's own says it once for all that was found. What could not be known is
        // something else. All are judged, so that an image takes as many steps where each is explained.
        let mut is_said = false;
        failed.filter(move |finding| {
            finding.is_of_the_unknown
                || self.message.is_none()
                || !std::mem::replace(&mut is_said, true)
        })
    }

    pub(super) fn violation(
        &self,
        finding: &Finding<'_>,
        review: &Review<'_>,
        image: &Image<'_>,
    ) -> Violation {
        let reason = self.reason(finding, review, image);
        let violation = Violation::new(self.name.0.to_string(), image, reason)
            .in_mode(self.mode.min(finding.mode))
            .declared_at(Arc::clone(&self.declared_at));
        let violation = if finding.caused_by_update {
            violation.caused_by_update()
        } else {
            violation
        };
        let remedy = match &self.remedy {
            _ if finding.is_of_the_unknown => None,
            Some(text) => Some(self.fill(text, review, image)),
            None if self.message.is_some() => None,
            None => finding.remedy(),
        };
        match remedy {
            Some(remedy) => violation.with_remedy(remedy),
            None => violation,
        }
    }

    fn reason(&self, finding: &Finding<'_>, review: &Review<'_>, image: &Image<'_>) -> Message {
        match &self.message {
            Some(text) if !finding.passed && !finding.is_of_the_unknown => {
                self.fill(text, review, image)
            }
            _ => finding.reason(image),
        }
    }

    fn fill(&self, text: &Text, review: &Review<'_>, image: &Image<'_>) -> Message {
        let fill =
            |template: &super::template::Template| template.fill(&self.name.0, review, image);
        match (&text.english, &text.chinese) {
            (Some(english), Some(chinese)) => {
                Message::from(fill(english)).with(Language::Chinese, fill(chinese))
            }
            (Some(only), None) | (None, Some(only)) => Message::from(fill(only)),
            (None, None) => Message::from(""),
        }
    }

    /// What each check found of an image that is in scope, for an explanation.
    pub(super) fn judge(&self, asked: &Asked<'_>, image: &Image<'_>) -> Vec<Judged> {
        let review = asked.review;
        let judged = |finding: Finding<'_>| Judged {
            outcome: if finding.passed {
                Outcome::Passed
            } else {
                Outcome::Violated
            },
            why: self.reason(&finding, review, image),
            branches: finding.branches().to_vec(),
        };
        let findings = self
            .checks
            .iter()
            .flat_map(|check| check.findings(asked, image));
        findings.map(judged).collect()
    }

    pub(super) fn step(&self, judged: Judged) -> Step {
        Step {
            rule: Arc::clone(&self.shared_name),
            declared_at: Arc::clone(&self.declared_at),
            mode: self.mode,
            outcome: judged.outcome,
            why: judged.why,
            branches: judged.branches,
        }
    }
}
