//! What tags meant before: good enough for some rules while a registry is away or slow.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use imagereview_core::facts::{Cause, Fact, ImageFacts, Need, Platform};

use super::fetch::Place;
use crate::cache::{Cache, Fetched, Lifetime};

/// For how long what a tag meant is kept, if a rule ever allows it.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the registry is waited for where there is an older answer.
pub(super) const PATIENCE: Duration = Duration::from_millis(500);

/// What of a tag was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LastKey {
    place: Place,
    tag: Box<str>,
    /// `None` for its digest alone.
    platforms: Option<Arc<[Platform]>>,
}

impl LastKey {
    pub(super) fn new(place: Place, tag: Box<str>, need: &Need) -> Self {
        let platforms: Option<Arc<[Platform]>> = match need {
            Need::Digest => None,
            Need::Platforms(platforms) => Some(platforms.iter().cloned().collect()),
            _ => Some([].into()),
        };
        Self {
            place,
            tag,
            platforms,
        }
    }
}

/// What tags meant when their registries told it last, for rules that allow an older answer.
#[derive(Clone, Debug)]
pub(super) struct LastKnown(Cache<LastKey, Arc<ImageFacts>>);

impl LastKnown {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self(Cache::new(max_bytes, 0))
    }

    /// What a tag meant, if that was told within this time.
    pub(super) fn get(&self, key: &LastKey, within: Duration) -> Option<Arc<ImageFacts>> {
        let facts = self.0.get(key)?;
        let age = SystemTime::now().duration_since(facts.resolved_at);
        age.is_ok_and(|age| age <= within).then_some(facts)
    }

    /// Remembers what a registry told, if it told all.
    pub(super) fn keep(&self, key: LastKey, fact: &Fact<Arc<ImageFacts>>) {
        match fact {
            Fact::Known(facts) if facts.is_whole() => {
                let fetched = Fetched {
                    bytes: facts.bytes(),
                    value: Arc::clone(facts),
                    lifetime: Lifetime::For(KEPT),
                };
                self.0.insert(key, fetched);
            }
            // It is gone, whatever it was.
            Fact::Absent => self.0.remove(&key),
            Fact::Known(_) | Fact::Unavailable(_) => {}
        }
    }
}

/// Whether an older answer may stand in for this one: the registry is away or slow. One that says no, or that
/// lies, is neither.
pub(super) fn is_away(fact: &Fact<Arc<ImageFacts>>) -> bool {
    let is_away = |cause| {
        matches!(
            cause,
            Cause::Deadline | Cause::Unreachable | Cause::Failed | Cause::RateLimited | Cause::Busy
        )
    };
    match fact {
        Fact::Unavailable(why) => is_away(why.cause()),
        Fact::Known(facts) => facts.platforms().iter().any(|platform| {
            let details = platform.details.as_ref();
            let why = details.and_then(Fact::unavailable);
            why.is_some_and(|why| is_away(why.cause()))
        }),
        Fact::Absent => false,
    }
}
