//! What may run: the [`Policy`] trait, and how policies compose.

mod capped;
mod combinators;
mod mode;
mod no_latest_tag;
mod verdict;
mod violation;

pub use self::{
    combinators::AllowAll,
    mode::{Mode, Modes},
    no_latest_tag::NoLatestTag,
    verdict::{Exempted, REASON_LIMIT, UNDECIDED, Verdict},
    violation::{Subject, UNREADABLE_OBJECT, UNREADABLE_REFERENCE, Violation},
};
use std::cell::LazyCell;

pub(crate) use self::capped::Rank;
#[cfg(feature = "document")]
pub(crate) use self::capped::{Capped, Label, Ranked};
use crate::{facts::Needs, review::Review};

/// Turns a review into a verdict.
///
/// A policy is a pure function of the review: it does no I/O and reads no clock, so the same review
/// always gets the same verdict, in the webhook and on the command line alike. It sees only images
/// whose reference is valid; [`decide`] denies the others, unless [`modes`](Self::modes) caps that.
///
/// Most policies look at one image at a time:
///
/// ```
/// use imagereview_core::{Policy, Review, Verdict, Violation, decide};
///
/// struct OwnRegistry;
///
/// impl Policy for OwnRegistry {
///     fn evaluate(&self, review: &Review<'_>) -> Verdict {
///         Verdict::for_each_image(review, |image| {
///             let is_own = image.reference().registry() == "registry.example.com";
///             (!is_own).then(|| {
///                 Violation::new("own-registry", image, "it is not from registry.example.com")
///             })
///         })
///     }
/// }
///
/// let review: Review<'_> = ["registry.example.com/app:1", "nginx:1.27"].into_iter().collect();
/// let verdict = decide(&OwnRegistry, &review);
/// assert!(!verdict.is_allowed());
/// assert_eq!(verdict.violations()[0].image(), Some("nginx:1.27"));
/// ```
///
/// Policies compose: [`and`](Self::and), [`or`](Self::or), [`when`](Self::when),
/// [`in_mode`](Self::in_mode). A list of policies requires all of them to pass.
pub trait Policy {
    /// The verdict on a review.
    fn evaluate(&self, review: &Review<'_>) -> Verdict;

    /// The modes for images that the policy alone does not decide: unreadable ones, and those that
    /// were [in the object before](crate::Image::is_unchanged) the update.
    ///
    /// A policy that wraps another returns that policy's modes.
    fn modes(&self, review: &Review<'_>) -> Modes {
        let _ = review;
        Modes::default()
    }

    /// Adds the facts that the policy needs to decide a review, beside what the review itself says. A
    /// program fetches them and decides the review [with them](Review::with_facts).
    ///
    /// A policy asks for no more than it needs: nothing of images that no rule is about, or that are
    /// exempt from it. One that asks for nothing, as without this method, has no facts. A policy that
    /// wraps another asks for what that one needs.
    fn needs(&self, review: &Review<'_>, needs: &mut Needs) {
        let _ = (review, needs);
    }

    /// Requires both policies to pass.
    ///
    /// ```
    /// use imagereview_core::{AllowAll, NoLatestTag, Policy, decide};
    ///
    /// let policy = AllowAll.and(NoLatestTag);
    /// assert!(!decide(&policy, &["nginx"].into_iter().collect()).is_allowed());
    /// ```
    fn and<P: Policy>(self, other: P) -> And<Self, P>
    where
        Self: Sized,
    {
        And(self, other)
    }

    /// Requires one of the two policies to pass. A review is denied only if both deny it, and then for
    /// the reasons of both.
    ///
    /// ```
    /// use imagereview_core::{AllowAll, NoLatestTag, Policy, decide};
    ///
    /// let policy = NoLatestTag.or(AllowAll);
    /// assert!(decide(&policy, &["nginx"].into_iter().collect()).is_allowed());
    /// ```
    fn or<P: Policy>(self, other: P) -> Or<Self, P>
    where
        Self: Sized,
    {
        Or(self, other)
    }

    /// Applies the policy only to reviews that meet a condition, and allows the others. Unreadable
    /// references are denied in those too.
    ///
    /// ```
    /// use imagereview_core::{NoLatestTag, Policy, Review, decide};
    ///
    /// let policy = NoLatestTag.when(|review: &Review<'_>| review.namespace() == Some("prod"));
    /// let review: Review<'_> = ["nginx"].into_iter().collect();
    /// assert!(decide(&policy, &review.clone().with_namespace("dev")).is_allowed());
    /// assert!(!decide(&policy, &review.with_namespace("prod")).is_allowed());
    /// ```
    fn when<F: Fn(&Review<'_>) -> bool>(self, condition: F) -> When<Self, F>
    where
        Self: Sized,
    {
        When {
            policy: self,
            condition,
        }
    }

    /// Caps all violations of the policy at this mode, those of unreadable references included.
    ///
    /// ```
    /// use imagereview_core::{Mode, NoLatestTag, Policy, decide};
    ///
    /// let policy = NoLatestTag.in_mode(Mode::Warn);
    /// let verdict = decide(&policy, &["nginx"].into_iter().collect());
    /// assert!(verdict.is_allowed());
    /// assert_eq!(verdict.violations().len(), 1);
    /// ```
    fn in_mode(self, mode: Mode) -> InMode<Self>
    where
        Self: Sized,
    {
        InMode { policy: self, mode }
    }
}

/// Requires both; see [`Policy::and`].
#[derive(Clone, Copy, Debug)]
pub struct And<A, B>(A, B);

/// Requires either; see [`Policy::or`].
#[derive(Clone, Copy, Debug)]
pub struct Or<A, B>(A, B);

/// Applies on a condition; see [`Policy::when`].
#[derive(Clone, Copy, Debug)]
pub struct When<P, F> {
    policy: P,
    condition: F,
}

/// Caps violations at a mode; see [`Policy::in_mode`].
#[derive(Clone, Copy, Debug)]
pub struct InMode<P> {
    policy: P,
    mode: Mode,
}

/// Decides a review: the policy's verdict, and a violation of [`UNREADABLE_REFERENCE`] for each
/// image whose reference cannot be read, or of [`UNREADABLE_OBJECT`] if the images cannot be known.
/// Violations of unchanged images are capped at [`Modes::unchanged`]. Violations come in the order of
/// the images.
///
/// ```
/// use imagereview_core::{AllowAll, decide};
///
/// let verdict = decide(&AllowAll, &["nginx:1.27", "Foo/bar"].into_iter().collect());
/// assert!(!verdict.is_allowed());
/// assert_eq!(verdict.violations()[0].rule(), "unreadable-reference");
/// ```
pub fn decide<P: Policy + ?Sized>(policy: &P, review: &Review<'_>) -> Verdict {
    let mut verdict = evaluate(policy, review);
    verdict.keep(review.violations_limit());
    let modes = LazyCell::new(|| policy.modes(review));
    let capped = |mode: Mode, is_unchanged: bool| {
        if is_unchanged {
            mode.min(modes.unchanged())
        } else {
            mode
        }
    };
    for image in review.unreadable_images() {
        let is_unchanged = image.is_unchanged();
        let mode = capped(modes.unreadable_references(), is_unchanged);
        let rank = Rank::new(mode, is_unchanged, Some(image.position()));
        if verdict.keeps(rank) {
            verdict.extend([Violation::unreadable(image).in_mode(mode)]);
        } else {
            verdict.omit(UNREADABLE_REFERENCE, rank);
        }
    }
    let object = review.unreadable_object();
    verdict.extend(object.map(|error| {
        let violation = Violation::unreadable_object(error, review.is_unchanged_object());
        let mode = capped(modes.unreadable_object(), violation.is_unchanged());
        violation.in_mode(mode)
    }));
    verdict.sort();
    verdict
}

/// What a policy says of the images that can be read. Violations of unchanged images are capped here,
/// policy by policy, so that no policy changes the cap of another that it is composed with.
fn evaluate<P: Policy + ?Sized>(policy: &P, review: &Review<'_>) -> Verdict {
    let verdict = policy.evaluate(review);
    if !verdict.has_unchanged() {
        return verdict;
    }
    verdict.unchanged_capped_at(policy.modes(review).unchanged())
}
