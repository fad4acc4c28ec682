//! How long it is believed what could not be fetched.

use std::time::Duration;

use imagereview_core::facts::{Cause, Fact};

use crate::{
    cache::{Lifetime, NoValue},
    error::AskError,
    limits::Limits,
};

/// A fact that could not be fetched at all.
pub(super) fn no_value<T>(error: NoValue, host: &str) -> Fact<T> {
    let error = match error {
        NoValue::Busy => AskError::Busy {
            what: "that many images".into(),
        },
        NoValue::Panicked => AskError::Internal { host: host.into() },
    };
    Fact::Unavailable(error.into())
}

/// How long it is believed that something is absent or not known.
pub(super) fn lifetime<T>(fact: &Fact<T>, limits: &Limits) -> Lifetime {
    match fact {
        Fact::Known(_) => Lifetime::Forever,
        Fact::Absent => Lifetime::For(limits.absence_lifetime),
        Fact::Unavailable(why) => Lifetime::For(match why.cause() {
            // Those who may not ask now may do so as soon as somebody else has been answered.
            Cause::Busy => Duration::ZERO,
            _ => limits.failure_lifetime,
        }),
    }
}
