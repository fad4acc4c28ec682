//! How much is read of one request, and how much is kept of its verdict.

/// The most entries that are read of one review: containers, volumes, labels, annotations, groups of
/// the user, and the entries of all other lists and maps that are read.
///
/// A review that has more is [denied](crate::Review::with_unreadable_object), and nothing is kept of what
/// goes beyond: an entry of three bytes takes hundreds until it is decided. It is per object, so a
/// `List` may have any number of items.
///
/// No Pod that can be stored has as many containers: etcd takes 1.5 MiB (`DefaultMaxRequestBytes` of
/// `go.etcd.io/etcd/server/v3/embed`), and a container with nothing but a name and an image takes some
/// 230 bytes there, 70 of its own and 160 of `managedFields`.
pub const ENTRIES_LIMIT: usize = 10_000;

/// The most violations that a [`Verdict`](crate::Verdict) keeps, and the most exempted ones. The others
/// are [counted](crate::Verdict::omitted).
///
/// A policy of a hundred rules finds a million violations in a review of 10,000 images, each of which
/// takes a thousand bytes and more. A response has room for some ten of them.
pub const VIOLATIONS_LIMIT: usize = 1_000;

/// The most steps that a policy takes for one review. A step is at most about a nanosecond of one processor: a
/// byte that is compared, a state of a regular expression that is followed, a hundredth of a part of an
/// expression.
///
/// What a rule takes for a review is known before it is decided, from the lengths of its texts. Where the
/// largest review takes a policy more steps than this, each rule has a share of them, and an image for which
/// too few are left fails the rule: it can't be decided.
pub const STEPS_LIMIT: u64 = 2_000_000_000;
