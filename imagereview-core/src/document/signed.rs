//! Checks over signatures and attestations: who vouches for an image, and what they say of it.
//!
//! What was verified is a fact. Whether it is enough is decided here: the identities, how many there must be,
//! and what is said.

mod authority;
mod compile;
mod glob;
mod predicate;
mod signer;
mod wants;

use std::sync::Arc;

use self::{
    authority::{Answer, By, Found, distinct},
    compile::Compiler,
    predicate::Predicates,
    wants::{Attestation, Wants, With},
};
use super::{
    asked::Asked,
    declaration,
    explanation::Branch,
    facts::{FactFinding, FactSettings, Trouble, message},
    files::PolicyFiles,
    material::Material,
    price::FACTS,
    problem::Problems,
};
use crate::{
    facts::{ContentDigest, Covers, ImageFacts, Need, Needs, StatementNeed, Trust},
    language::{Language, Message},
    pattern::RegexBudget,
    review::{Image, Review},
};

/// Who must vouch for an image, and what they must say; compiled.
#[derive(Debug)]
pub(super) struct StatementCheck {
    settings: FactSettings,
    by: By,
    wants: Wants,
    repository: Option<Arc<str>>,
    covers: Covers,
    warnings: Vec<String>,
}

/// The steps for each authority: to match the identities of the most candidates that there may be. What an
/// attestation says is counted by its size.
const AUTHORITY: u64 = 40_000;

/// A digest that must be vouched for, and the platform that it is for.
struct Subject<'f> {
    digest: &'f ContentDigest,
    platform: Option<String>,
}

impl StatementCheck {
    /// The image must be signed. `None` where a problem was recorded.
    pub(super) fn signed(
        declared: declaration::Signed,
        files: &PolicyFiles,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut compiler = Compiler::new(files);
        let by = problems.within(format_args!(".by"), |problems| {
            compiler.compile(declared.by, problems)
        });
        let (position, annotations) = (declared.position, declared.annotations);
        let wants = Wants::signature(position, annotations, declared.reference, problems);
        Some(Self {
            settings: FactSettings::new(declared.if_unavailable, declared.tags),
            by: by?,
            wants: wants?,
            repository: declared.repository.map(|name| name.0.into()),
            covers: covers(declared.covers),
            warnings: compiler.warnings,
        })
    }

    /// The image must be attested. `None` where a problem was recorded.
    pub(super) fn attested(
        declared: declaration::Attested,
        files: &PolicyFiles,
        regexes: &mut RegexBudget,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut compiler = Compiler::new(files);
        let by = problems.within(format_args!(".by"), |problems| {
            compiler.compile(declared.by, problems)
        });
        let predicates = Predicates::compile(
            declared.provenance,
            declared.packages,
            declared.vulnerabilities,
            problems,
        );
        let wants = Attestation::compile(
            declared.position,
            declared.predicate_types,
            declared.subject,
            predicates,
            declared.expression,
            regexes,
            problems,
        );
        Some(Self {
            settings: FactSettings::new(declared.if_unavailable, declared.tags),
            by: by?,
            wants: Wants::Attestation(Box::new(wants?)),
            repository: declared.repository.map(|name| name.0.into()),
            covers: covers(declared.covers),
            warnings: compiler.warnings,
        })
    }

    /// What signatures are verified with, and where that is declared.
    pub(super) fn trusts(&self) -> impl Iterator<Item = (&str, &Trust)> {
        let all = distinct(self.by.trusts()).into_iter();
        all.map(|material: &Material| (material.declared_at(), material.trust()))
    }

    /// What should be looked at, though it is no mistake.
    pub(super) fn warnings(&self) -> impl Iterator<Item = &str> {
        self.warnings.iter().map(String::as_str)
    }

    /// Whether anything must be known of an image.
    pub(super) fn uses_facts(&self) -> bool {
        self.by.decided().is_none()
    }

    /// The steps for an image at most, without those of an expression.
    pub(super) fn steps(&self) -> u64 {
        let authorities = self.by.trusts().len() as u64;
        FACTS.saturating_add(authorities.saturating_mul(AUTHORITY))
    }

    #[cfg(feature = "cel")]
    fn expression(&self) -> Option<&crate::expression::Expression> {
        match &self.wants {
            Wants::Attestation(wants) => wants.expression.as_ref(),
            Wants::Signature { .. } => None,
        }
    }

    /// Whether what it takes grows with what attestations say, or with what is reviewed.
    pub(super) fn is_about_content(&self) -> bool {
        matches!(self.wants, Wants::Attestation(_))
    }

    /// The steps of the expression for the largest review, at most.
    #[cfg(feature = "cel")]
    pub(super) fn expression_steps(&self) -> u64 {
        self.expression()
            .map_or(0, crate::expression::Expression::most_steps)
    }

    /// The memory to evaluate the expression, at most.
    #[cfg(feature = "cel")]
    pub(super) fn expression_bytes(&self) -> u64 {
        self.expression()
            .map_or(0, crate::expression::Expression::most_bytes)
    }

    /// Adds what is needed to know of an image.
    pub(super) fn needs(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
        needs: &mut Needs,
    ) {
        let is_decided = self.by.decided().is_some();
        let settings = &self.settings;
        if is_decided
            || settings
                .without_facts(review, image, asks_of_unchanged)
                .is_some()
        {
            return;
        }
        for material in distinct(self.by.trusts()) {
            let need = StatementNeed {
                trust: material.trust().clone(),
                repository: self.repository.clone(),
                covers: self.covers,
            };
            needs.add_statements(image.reference(), need);
        }
        // What could not be verified says so even where no authority is left to ask.
        needs.add(image.reference(), Need::Digest);
    }

    /// Whether enough vouch for an image.
    pub(super) fn judge(&self, asked: &Asked<'_>, image: &Image<'_>) -> FactFinding {
        if let Some(passes) = self.by.decided() {
            let why = if passes {
                Message::new(
                    "it needs no signature: the rule says pass",
                    "规则规定通过,不需要签名",
                )
            } else {
                Message::new("the rule says deny", "规则规定拒绝")
            };
            return FactFinding::new(passes, why);
        }
        let review = asked.review;
        let settings = &self.settings;
        let facts = match settings.known(review, image, asked.asks_of_unchanged) {
            Ok(facts) => facts,
            Err(finding) => return finding,
        };
        let subjects = match self.subjects(facts) {
            Ok(subjects) => subjects,
            Err(trouble) => return settings.finding(trouble),
        };
        let answers: Vec<(Subject<'_>, Answer<'_>)> = subjects
            .into_iter()
            .map(|subject| {
                let found = Found {
                    candidates: facts.signatures(subject.digest, self.repository.as_deref()),
                    now: review.time(),
                };
                let answer = self.answer(found, asked, image);
                (subject, answer)
            })
            .collect();
        let failed = answers.iter().find(|(_, one)| one.holds == Some(false));
        let unknown = answers.iter().find(|(_, one)| one.holds.is_none());
        let mut finding = match failed.or(unknown).or(answers.first()) {
            Some((subject, answer)) => self.finding(subject, answer),
            None => FactFinding::new(
                false,
                Message::new("it is for no platform", "它不适用于任何平台"),
            ),
        };
        finding.branches = answers
            .into_iter()
            .map(|(subject, answer)| {
                let digest = subject.digest;
                let what = match &subject.platform {
                    Some(platform) => message(
                        format!("{digest} ({platform})"),
                        format!("{digest}({platform})"),
                    ),
                    None => message(digest.to_string(), digest.to_string()),
                };
                Branch::new(answer.holds, what, vec![answer.branch])
            })
            .collect();
        finding
    }

    fn answer<'f>(&self, found: Found<'f>, asked: &Asked<'_>, image: &Image<'_>) -> Answer<'f> {
        #[cfg(feature = "cel")]
        let evaluate = |expression: &crate::expression::Expression, predicate: &_| {
            asked.evaluate_predicate(expression, image, predicate)
        };
        #[cfg(not(feature = "cel"))]
        let _ = image;
        let with = With {
            now: found.now,
            take: &|steps| asked.take(steps),
            #[cfg(feature = "cel")]
            evaluate: &evaluate,
        };
        let says = |statement: &_| self.wants.admits(statement, &with);
        self.by.judge(found, &says)
    }

    /// The digests that must be vouched for.
    fn subjects<'f>(&self, facts: &'f ImageFacts) -> Result<Vec<Subject<'f>>, Trouble> {
        match self.covers {
            Covers::Named => Ok(vec![Subject {
                digest: &facts.digest,
                platform: None,
            }]),
            Covers::EveryPlatform => match &facts.platforms {
                None => Err(super::facts::unknown(
                    "its registry was asked for its digest only",
                    "只向其镜像仓库询问了摘要",
                )),
                Some(platforms) => Ok(platforms
                    .iter()
                    .map(|one| Subject {
                        digest: &one.digest,
                        platform: one.platform.as_ref().map(ToString::to_string),
                    })
                    .collect()),
            },
        }
    }

    fn finding(&self, subject: &Subject<'_>, answer: &Answer<'_>) -> FactFinding {
        let (why, why_zh) = (
            answer.why.text(Language::English),
            answer.why.text(Language::Chinese),
        );
        let on = subject.platform.as_ref();
        let (on, on_zh) = (
            on.map_or_else(String::new, |platform| format!(" on {platform}")),
            on.map_or_else(String::new, |platform| format!("{platform}平台上的")),
        );
        let (is, is_zh) = match self.wants {
            Wants::Signature { .. } => ("signed", "签名"),
            Wants::Attestation(_) => ("attested as required", "所要求的证明"),
        };
        match answer.holds {
            Some(true) => FactFinding::new(
                true,
                message(format!("it is {is}: {why}"), format!("有{is_zh}:{why_zh}")),
            ),
            Some(false) => {
                let reason = message(
                    format!("it is not {is}{on}: {why}"),
                    format!("{on_zh}镜像没有{is_zh}:{why_zh}"),
                );
                FactFinding::new(false, reason).with_remedy(self.remedy())
            }
            None => self.settings.finding(Trouble::Unknown(message(
                format!("whether it is {is}{on} can't be known: {why}"),
                format!("无法得知{on_zh}镜像是否有{is_zh}:{why_zh}"),
            ))),
        }
    }

    fn remedy(&self) -> Message {
        match self.wants {
            Wants::Signature { .. } => Message::new(
                "sign the image by its digest as one that the rule names; imagereview explain shows what was tried",
                "请以规则所列的签署者身份按摘要签署镜像;imagereview explain可显示尝试过程",
            ),
            Wants::Attestation(_) => Message::new(
                "attest the image by its digest as one that the rule names; imagereview explain shows what was tried",
                "请以规则所列的签署者身份按摘要为镜像作证明;imagereview explain可显示尝试过程",
            ),
        }
    }
}

fn covers(declared: Option<declaration::Covers>) -> Covers {
    match declared {
        None | Some(declaration::Covers::Named) => Covers::Named,
        Some(declaration::Covers::EveryPlatform) => Covers::EveryPlatform,
    }
}
