//! What an expression can say, and how much of it.

use std::sync::{Arc, LazyLock};

use cel::Env;

/// The language's functions and macros.
pub(super) static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// The longest expression, in bytes.
pub(super) const MAX_LEN: usize = 2048;

/// The most images of a review that an expression is evaluated for. Each evaluation may look at all
/// of them, so their number counts twice.
pub(super) const MAX_IMAGES: usize = 200;

/// The variables that an expression may use.
pub(super) const VARIABLES: [&str; 2] = ["image", "review"];

/// What an attestation says, for an expression about one.
pub(super) const PREDICATE: &str = "predicate";

/// The variables that such an expression may use.
pub(super) const PREDICATE_VARIABLES: [&str; 3] = ["image", "review", PREDICATE];

/// The function of regular expressions. It is ours, so that they are compiled once.
pub(super) const MATCHES: &str = "matches";

/// The function that gives what a loop goes over. A map has no order of its own: without it, the same
/// expression about the same review could be true once and false the next time. The language's
/// grammar lets nobody else call it.
pub(super) const IN_ORDER: &str = "@in_order";

/// The size of a number, a truth value or the place of a value in a list, in bytes.
pub(super) const WORD: usize = 32;

/// The most that one image and one review may hold for an expression, in bytes.
pub(super) const MAX_IMAGE_BYTES: usize = 4 * 1024;
/// The most that what a registry tells of one image may hold, in the fields that an expression uses.
pub(super) const MAX_FACTS_BYTES: usize = 64 * 1024;
/// The most that the predicate of an attestation may hold.
pub(super) const MAX_PREDICATE_BYTES: usize = 1024 * 1024;
pub(super) const MAX_REVIEW_BYTES: usize = 1024 * 1024;

/// The most that a loop goes through.
pub(super) const MAX_ITEMS: usize = 256;

/// How deep brackets may lie within each other. The parser takes up to 150 KB of the stack for each in a
/// build that is not optimised.
pub(super) const MAX_BRACKETS: u16 = 8;
