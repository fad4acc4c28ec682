//! From what lies beside images to who vouches for them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use imagereview_core::facts::{
    Candidate, ContentDigest, Covers, Evidence, Fact, Facts, Format, ImageFacts, Needs, Outcome,
    Refusal, RefusalCause, Statement, StatementNeed, Trust, TrustId,
};
use imagereview_signature::Verifier;

/// Verifies what was found beside an image. [`Verifiers`] does; tests may do otherwise.
pub trait Verify: Send + Sync {
    /// What evidence says of an image, if somebody signed it whom the trust vouches for.
    ///
    /// # Errors
    ///
    /// A [`Refusal`]: why it does not count.
    fn verify(
        &self,
        trust: &Trust,
        format: Format,
        evidence: &Evidence,
        image: &ContentDigest,
        now: SystemTime,
    ) -> Result<Statement, Refusal>;
}

/// The verifiers of the trusts that policies name, each made once.
#[derive(Debug, Default)]
pub struct Verifiers(Mutex<HashMap<TrustId, Arc<Result<Verifier, Refusal>>>>);

/// The most trusts whose verifiers are kept. A policy has a few.
const MAX_KEPT: usize = 256;

impl Verifiers {
    /// None is made yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn verifier(&self, trust: &Trust) -> Arc<Result<Verifier, Refusal>> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(verifier) = kept().get(trust.id()) {
            return Arc::clone(verifier);
        }
        // Made without the lock: a trusted root takes some milliseconds.
        let verifier = Verifier::new(trust).map_err(|error| {
            let message = format!("what it is verified with can't be used: {error}");
            Refusal::new(RefusalCause::Trust, message)
        });
        let verifier = Arc::new(verifier);
        let mut kept = kept();
        if kept.len() >= MAX_KEPT {
            kept.clear();
        }
        kept.insert(trust.id().clone(), Arc::clone(&verifier));
        verifier
    }
}

impl Verify for Verifiers {
    fn verify(
        &self,
        trust: &Trust,
        format: Format,
        evidence: &Evidence,
        image: &ContentDigest,
        now: SystemTime,
    ) -> Result<Statement, Refusal> {
        match &*self.verifier(trust) {
            Ok(verifier) => verifier.verify(format, evidence, image, now),
            Err(refusal) => Err(refusal.clone()),
        }
    }
}

/// Why signatures can't be verified with some of what a policy trusts: a line for each, behind where that is
/// declared. `None` if they can be verified with all of it.
///
/// ```
/// use imagereview_core::facts::Trust;
/// use imagereview_registry::unusable;
///
/// let key = Trust::key("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", None);
/// let why = unusable([("policy.yaml:9:5", &key)]).unwrap();
/// assert!(why.starts_with("policy.yaml:9:5: "));
/// ```
#[must_use]
pub fn unusable<'t>(trusts: impl IntoIterator<Item = (&'t str, &'t Trust)>) -> Option<String> {
    let lines = trusts.into_iter().filter_map(|(declared_at, trust)| {
        let why = Verifier::new(trust).err()?;
        Some(format!("{declared_at}: {why}"))
    });
    let lines: Vec<String> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// Facts in which everything that was found is verified again, with what is needed now. So a verdict from
/// facts that were saved depends on the evidence in them, and not on what they say came of it. What was
/// saved without evidence is believed.
#[must_use]
pub fn verified_again(facts: &Facts, needs: &Needs, verify: &dyn Verify, now: SystemTime) -> Facts {
    let mut all = facts.clone();
    for (image, _, statements) in needs.iter_with_statements() {
        if statements.is_empty() {
            continue;
        }
        let Some(Fact::Known(known)) = facts.image(&image) else {
            continue;
        };
        let mut known = ImageFacts::clone(known);
        for signatures in &mut known.signatures {
            let (subject, repository) = (&signatures.subject, signatures.repository.as_deref());
            let Fact::Known(candidates) = &mut signatures.candidates else {
                continue;
            };
            let wanted = statements.iter();
            let wanted = wanted.filter(|need| need.repository.as_deref() == repository);
            let trusts: Vec<&Trust> = wanted.map(|need| &need.trust).collect();
            for candidate in candidates {
                judge(candidate, &trusts, subject, verify, now);
            }
        }
        // It is known by the name that it was asked for by, so that it stays where it was.
        all.insert(&image, Fact::Known(Arc::new(known)));
    }
    all
}

/// Adds what comes of a candidate with each trust, in place of what came of it before.
pub(crate) fn judge(
    candidate: &mut Candidate,
    trusts: &[&Trust],
    subject: &ContentDigest,
    verify: &dyn Verify,
    now: SystemTime,
) {
    let Some(evidence) = &candidate.evidence else {
        return;
    };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for trust in trusts {
        if outcomes.iter().any(|one| one.trust == *trust.id()) {
            continue;
        }
        let result = verify.verify(trust, candidate.format, evidence, subject, now);
        outcomes.push(Outcome {
            trust: trust.id().clone(),
            result: result.map(Arc::new),
        });
    }
    candidate.outcomes = outcomes;
}

/// The digests of an image that must be vouched for.
pub(crate) fn subjects(facts: &ImageFacts, need: &StatementNeed) -> Vec<ContentDigest> {
    match need.covers {
        Covers::Named => vec![facts.digest.clone()],
        Covers::EveryPlatform => {
            let platforms = facts.platforms().iter();
            platforms.map(|platform| platform.digest.clone()).collect()
        }
    }
}
