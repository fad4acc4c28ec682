//! Checks over what only registries can tell of an image.

mod condition;
mod trouble;

use std::{collections::BTreeSet, time::Duration};

use self::condition::{Condition, Of, has_media_type, has_platforms, listed, platforms};
#[cfg(feature = "cel")]
use self::trouble::missing;
use self::trouble::shown;
pub(super) use self::trouble::{Trouble, failed, message, unavailable, unknown};
use super::{
    declaration::{self, IfUnavailable},
    explanation::Branch,
    price::{CONDITION, FACTS, PLATFORMS},
    problem::Problems,
};
#[cfg(feature = "cel")]
use crate::expression::{Expression, ImageFields, describe_facts};
use crate::{
    facts::{Cause, Fact, ImageDetails, ImageFacts, Need, Platform, PlatformFacts, Unavailable},
    language::Message,
    policy::Mode,
    review::{Image, Review},
};

/// How a rule uses facts.
#[derive(Debug, Default)]
pub(super) struct FactSettings {
    if_unavailable: IfUnavailable,
    /// Whether a tag that may mean another image when it is pulled is good enough.
    takes_tags: bool,
    /// For how long an older answer is good enough while the registry is away.
    stale_for: Duration,
    /// The platforms whose details count; all that the image has if empty.
    platforms: Vec<Platform>,
}

/// Checks over facts; compiled.
#[derive(Debug)]
pub(super) struct FactCheck {
    settings: FactSettings,
    conditions: Vec<Condition>,
}

/// What was found of an image, in words.
#[derive(Debug)]
pub(super) struct FactFinding {
    pub(super) passed: bool,
    pub(super) reason: Message,
    /// What would make the image pass.
    pub(super) remedy: Option<Message>,
    /// The cap of its violation.
    pub(super) mode: Mode,
    /// Whether it was found because something could not be known.
    pub(super) is_of_the_unknown: bool,
    /// What was looked at, where that is a tree.
    pub(super) branches: Box<[Branch]>,
}

impl FactFinding {
    pub(super) fn new(passed: bool, reason: Message) -> Self {
        Self {
            passed,
            reason,
            remedy: None,
            mode: Mode::Enforce,
            is_of_the_unknown: false,
            branches: Box::default(),
        }
    }

    pub(super) fn with_remedy(mut self, remedy: Message) -> Self {
        self.remedy = Some(remedy);
        self
    }

    fn of_the_unknown(mut self) -> Self {
        self.is_of_the_unknown = true;
        self
    }

    fn at_most_warned(mut self) -> Self {
        self.mode = Mode::Warn;
        self
    }
}

/// The most platforms of an image that an expression is evaluated for.
#[cfg(feature = "cel")]
const MAX_PLATFORMS: usize = 16;

impl FactSettings {
    pub(super) fn compile(declared: &declaration::Facts) -> Self {
        Self {
            if_unavailable: declared.if_unavailable.unwrap_or_default(),
            takes_tags: declared.tags == Some(declaration::FactTags::CheckOnly),
            stale_for: declared.stale_for.map_or(Duration::ZERO, |time| time.0),
            platforms: platforms(declared.on_platforms.as_deref()),
        }
    }

    /// Those of a rule that names no platforms.
    pub(super) fn new(
        if_unavailable: Option<IfUnavailable>,
        tags: Option<declaration::FactTags>,
    ) -> Self {
        Self {
            stale_for: Duration::ZERO,
            if_unavailable: if_unavailable.unwrap_or_default(),
            takes_tags: tags == Some(declaration::FactTags::CheckOnly),
            platforms: Vec::new(),
        }
    }

    pub(super) fn stale_for(&self) -> Duration {
        self.stale_for
    }

    /// What is known of an image, or what is found without that.
    pub(super) fn known<'r>(
        &self,
        review: &Review<'r>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Result<&'r ImageFacts, FactFinding> {
        if let Some(finding) = self.without_facts(review, image, asks_of_unchanged) {
            return Err(finding);
        }
        let facts = review.facts();
        match facts.and_then(|facts| facts.image(image.reference())) {
            Some(Fact::Known(facts)) => Ok(facts),
            Some(Fact::Absent) => Err(FactFinding::new(
                false,
                Message::new("its registry has no such image", "其镜像仓库中没有此镜像"),
            )),
            Some(Fact::Unavailable(why)) => Err(self.finding(unavailable(why))),
            None => {
                let why = Unavailable::new(Cause::NotAsked, "its registry was not asked");
                Err(self.finding(unknown(why.message(), "没有询问其镜像仓库")))
            }
        }
    }

    /// What is found where facts are not needed to find it.
    pub(super) fn without_facts(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Option<FactFinding> {
        if image.is_unchanged() && !asks_of_unchanged {
            return Some(FactFinding::new(
                true,
                Message::new(
                    "it was there before the update, so its registry is not asked",
                    "更新前已有此镜像,不询问其镜像仓库",
                ),
            ));
        }
        // Of other objects than pods it is their pods whose images are pulled.
        let is_pulled = review
            .kind()
            .is_none_or(|kind| (kind.group(), kind.name()) == ("", "Pod"));
        if is_pulled && !self.takes_tags && image.reference().digest().is_none() {
            let facts = review.facts();
            let fact = facts.and_then(|facts| facts.image(image.reference()));
            // Where it should have been pinned, its author can do nothing about the tag.
            if let Some(why) = fact.and_then(Fact::unavailable) {
                let why = shown(why);
                let reason = message(
                    format!("it has no digest, and its registry could not be asked for one: {why}"),
                    format!("没有摘要,也无法向其镜像仓库询问:{why}"),
                );
                return Some(FactFinding::new(false, reason));
            }
            let reason = Message::new(
                "it has no digest, so what is known of it now may not be what is pulled",
                "没有摘要,现在得知的情况未必是将来拉取的镜像",
            );
            let remedy = Message::new(
                "add the digest, as in name:tag@sha256:…",
                "请加上摘要,如name:tag@sha256:…",
            );
            return Some(FactFinding::new(false, reason).with_remedy(remedy));
        }
        None
    }

    /// What is needed to know of an image for its details; `None` where nothing is.
    pub(super) fn need(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Option<Need> {
        if self
            .without_facts(review, image, asks_of_unchanged)
            .is_some()
        {
            return None;
        }
        Some(if self.platforms.is_empty() {
            Need::All
        } else {
            Need::Platforms(self.platforms.iter().cloned().collect())
        })
    }

    /// The details of an image that count.
    fn details<'f>(
        &self,
        facts: &'f ImageFacts,
    ) -> Result<Vec<(&'f PlatformFacts, &'f ImageDetails)>, Trouble> {
        let mut all = Vec::new();
        for platform in facts.platforms().iter().filter(|facts| self.counts(facts)) {
            match &platform.details {
                Some(Fact::Known(details)) => all.push((platform, details)),
                Some(Fact::Unavailable(why)) => return Err(unavailable(why)),
                Some(Fact::Absent) | None => {
                    return Err(unknown(
                        "its registry was not asked for all platforms",
                        "没有就所有平台询问其镜像仓库",
                    ));
                }
            }
        }
        if all.is_empty() {
            let names = listed(&self.platforms);
            return Err(match &facts.platforms {
                None => unknown(
                    "its registry was asked for its digest only",
                    "只向其镜像仓库询问了摘要",
                ),
                Some(_) if self.platforms.is_empty() => {
                    failed("it is for no platform".into(), "它不适用于任何平台".into())
                }
                Some(_) => failed(
                    format!("it is not there for {names}"),
                    format!("没有适用于{names}的镜像"),
                ),
            });
        }
        Ok(all)
    }

    fn counts(&self, facts: &PlatformFacts) -> bool {
        // One that is not said may be any.
        self.platforms.is_empty()
            || facts
                .platform
                .as_ref()
                .is_none_or(|platform| self.platforms.iter().any(|wanted| platform.is_of(wanted)))
    }

    /// The facts that an expression uses: once, or for each platform that counts. If one is not known,
    /// the expression is not evaluated at all, so that none is true because of what is missing.
    #[cfg(feature = "cel")]
    pub(super) fn fields(
        &self,
        expression: &Expression,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Result<Vec<ImageFields>, FactFinding> {
        let facts = self.known(review, image, asks_of_unchanged)?;
        let now = review.time();
        let describe = |platform| describe_facts(expression.facts(), facts, platform, now);
        let all = if expression.is_about_platforms() {
            self.details(facts).and_then(|all| {
                if all.len() > MAX_PLATFORMS {
                    let (count, most) = (all.len(), MAX_PLATFORMS);
                    return Err(unknown(
                        &format!(
                            "the image is for {count} platforms, and expressions are for at most {most}; \
                             name some in onPlatforms"
                        ),
                        &format!("镜像适用于{count}个平台,表达式最多支持{most}个"),
                    ));
                }
                let described = all.into_iter().map(|one| describe(Some(one)).map_err(missing));
                described.collect()
            })
        } else {
            describe(None).map(|fields| vec![fields]).map_err(missing)
        };
        all.map_err(|trouble| self.finding(trouble))
    }

    pub(super) fn finding(&self, trouble: Trouble) -> FactFinding {
        match (trouble, self.if_unavailable) {
            (Trouble::Failed(reason, remedy), _) => {
                let finding = FactFinding::new(false, reason);
                match remedy {
                    Some(remedy) => finding.with_remedy(remedy),
                    None => finding,
                }
            }
            (Trouble::Unknown(reason), IfUnavailable::Deny) => {
                FactFinding::new(false, reason).of_the_unknown()
            }
            (Trouble::Unknown(reason), IfUnavailable::Warn) => FactFinding::new(false, reason)
                .of_the_unknown()
                .at_most_warned(),
            (Trouble::Unknown(reason), IfUnavailable::Allow) => {
                FactFinding::new(true, reason).of_the_unknown()
            }
        }
    }
}

impl FactCheck {
    /// `None` where a problem was recorded, or where the document gives settings only.
    pub(super) fn compile(declared: declaration::Facts, problems: &mut Problems) -> Option<Self> {
        let settings = FactSettings::compile(&declared);
        let conditions = Condition::compile_all(declared, problems)?;
        Some(Self {
            settings,
            conditions,
        })
    }

    /// For how long an older answer is good enough while the registry is away.
    pub(super) fn stale_for(&self) -> Duration {
        self.settings.stale_for
    }

    /// The steps to judge an image by what is known of it, at most.
    pub(super) fn steps(&self, review: &Review<'_>, image: &Image<'_>) -> u64 {
        let facts = review.facts();
        let known = match facts.and_then(|facts| facts.image(image.reference())) {
            Some(Fact::Known(facts)) => facts.platforms(),
            _ => &[],
        };
        let steps = known.iter().map(|platform| {
            let details = match &platform.details {
                Some(Fact::Known(details)) => Some(details),
                _ => None,
            };
            let conditions = self.conditions.iter();
            let steps = conditions.map(|condition| condition.steps(details));
            steps.fold(CONDITION, u64::saturating_add)
        });
        steps.fold(FACTS, u64::saturating_add)
    }

    /// The same for an image of which much is known.
    pub(super) fn most_steps(&self) -> u64 {
        let conditions = self.conditions.iter().map(Condition::most_steps);
        let platform = conditions.fold(CONDITION, u64::saturating_add);
        FACTS.saturating_add(platform.saturating_mul(PLATFORMS))
    }

    /// Whether it has settings only.
    pub(super) fn is_empty(&self) -> bool {
        self.conditions.is_empty()
    }

    /// What is needed to know of an image.
    pub(super) fn need(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Option<Need> {
        let all = self.settings.need(review, image, asks_of_unchanged)?;
        let mut need = Need::Digest;
        for condition in &self.conditions {
            need = need.and(match condition {
                Condition::Platforms(required) => {
                    Need::Platforms(required.iter().cloned().collect::<BTreeSet<_>>())
                }
                Condition::MediaTypes(_) | Condition::Details(_) => all.clone(),
            });
        }
        Some(need)
    }

    /// What each condition finds. What keeps all of them from being checked is found once.
    pub(super) fn judge(
        &self,
        review: &Review<'_>,
        image: &Image<'_>,
        asks_of_unchanged: bool,
    ) -> Vec<FactFinding> {
        let facts = match self.settings.known(review, image, asks_of_unchanged) {
            Ok(facts) => facts,
            Err(finding) => return vec![finding],
        };
        let mut findings = Vec::new();
        let mut details = None;
        for condition in &self.conditions {
            let found = match condition {
                Condition::Platforms(required) => has_platforms(facts, required),
                Condition::MediaTypes(values) => {
                    let media_type = facts.media_type.map(crate::facts::MediaType::as_str);
                    has_media_type(media_type, values, facts)
                }
                Condition::Details(condition) => {
                    let is_first = details.is_none();
                    match details.get_or_insert_with(|| self.settings.details(facts)) {
                        Ok(all) => all.iter().try_for_each(|(platform, details)| {
                            condition.holds(&Of {
                                review,
                                facts,
                                platform: platform.platform.as_ref(),
                                details,
                            })
                        }),
                        Err(trouble) if is_first => Err(trouble.clone()),
                        Err(_) => continue,
                    }
                }
            };
            findings.push(match found {
                Ok(()) => FactFinding::new(true, condition.passed()),
                Err(trouble) => self.settings.finding(trouble),
            });
        }
        findings
    }
}
