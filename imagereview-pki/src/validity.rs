//! How long a certificate is valid.

use std::num::NonZeroU32;
use std::time::{SystemTime, UNIX_EPOCH};

use time::{Duration, OffsetDateTime};

use crate::PkiError;

/// How long before `now` a certificate begins, so that a peer whose clock is late accepts it.
/// kube-controller-manager backdates the certificates that it signs by five minutes too.
const BACKDATE: Duration = Duration::minutes(5);

/// How long a certificate is valid: days from the moment when it is created.
///
/// It also begins five minutes before that moment, because clocks differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Validity {
    days: NonZeroU32,
}

impl Validity {
    /// Ten years, for an authority. Whoever replaces an authority has to change every peer that
    /// trusts it.
    pub const AUTHORITY: Self = Self::new(NonZeroU32::new(3650).unwrap());

    /// One year, for a server or client certificate.
    pub const LEAF: Self = Self::new(NonZeroU32::new(365).unwrap());

    /// A validity of this many days.
    #[must_use]
    pub const fn new(days: NonZeroU32) -> Self {
        Self { days }
    }

    /// The number of days.
    #[must_use]
    pub const fn days(self) -> NonZeroU32 {
        self.days
    }

    /// The first and the last moment of a certificate that is created at `now`.
    pub(crate) fn period(
        self,
        now: SystemTime,
    ) -> Result<(OffsetDateTime, OffsetDateTime), PkiError> {
        let now = date_time(now)?;
        let begin = now.checked_sub(BACKDATE).ok_or(PkiError::Time)?;
        let end = now
            .checked_add(Duration::days(self.days.get().into()))
            .ok_or(PkiError::Time)?;
        Ok((begin, end))
    }
}

/// The time in whole seconds, since certificates have no fractions. Returns an error where the date
/// library would panic.
pub(crate) fn date_time(time: SystemTime) -> Result<OffsetDateTime, PkiError> {
    let since_epoch = time
        .duration_since(UNIX_EPOCH)
        .map_err(|_| PkiError::Time)?;
    let seconds = i64::try_from(since_epoch.as_secs()).map_err(|_| PkiError::Time)?;
    OffsetDateTime::from_unix_timestamp(seconds).map_err(|_| PkiError::Time)
}
