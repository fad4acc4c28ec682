//! What a client reports of its work.

use std::time::Duration;

use imagereview_core::facts::Cause;

/// Somebody who is told what a client does, such as the metrics of a program.
///
/// It is called from the tasks that ask, so it must be quick. Nothing that it is told is a secret.
///
/// ```
/// use imagereview_registry::{Asked, Client, Keyring, Limits, Lookup, Observer, Registries};
/// use std::sync::Arc;
///
/// struct Printer;
///
/// impl Observer for Printer {
///     fn asked(&self, asked: &Asked<'_>) {
///         println!("{}: {} in {:?}", asked.registry, asked.outcome, asked.took);
///     }
///
///     fn looked_up(&self, lookup: Lookup) {
///         println!("cache: {lookup}");
///     }
/// }
///
/// let client = Client::observed(Registries::new(), Keyring::new(), Limits::default(), Arc::new(Printer));
/// ```
pub trait Observer: Send + Sync {
    /// A registry was asked for one thing: a tag, a manifest or a configuration. That may have taken
    /// several requests, for a login or a redirect.
    fn asked(&self, asked: &Asked<'_>);

    /// An image was looked for in the cache.
    fn looked_up(&self, lookup: Lookup);
}

/// What came of asking a registry for one thing.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asked<'a> {
    /// The registry or mirror: as the registries file lists it, which may be a domain (`*.`), or else
    /// as the image names it.
    pub registry: &'a str,
    /// Whether the registries file lists it. Others are of the choice of whoever names images.
    pub is_listed: bool,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took, with the time that it waited for others to end.
    pub took: Duration,
}

/// What came of asking a registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was there.
    Found,
    /// The registry has no such thing.
    Absent,
    /// It could not be had.
    Unavailable(Cause),
}

impl Outcome {
    /// The name, as it stands in metrics: `found`, `absent`, or the cause's.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Absent => "absent",
            Self::Unavailable(cause) => cause.as_str(),
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What came of looking for an image in the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lookup {
    /// It was there.
    Hit,
    /// Somebody is asking for it already.
    Joined,
    /// It is asked for now.
    Missed,
    /// The registry is away, or slow, and an older answer was taken, as the policy allows.
    Stale,
}

impl Lookup {
    /// All of them.
    pub const ALL: &'static [Self] = &[Self::Hit, Self::Joined, Self::Missed, Self::Stale];

    /// The name, as it stands in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Joined => "joined",
            Self::Missed => "missed",
            Self::Stale => "stale",
        }
    }
}

impl std::fmt::Display for Lookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
