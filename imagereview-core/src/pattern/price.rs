//! How many steps it takes at most to match a name, by its length.

use std::ops::Add;

/// The steps of looking a text up by its hash, beside those for its bytes.
pub(super) const LOOK_UP: u64 = 40;

/// Steps that are linear in the length of a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Price {
    pub(super) base: u64,
    pub(super) byte: u64,
}

impl Price {
    pub(super) fn new(base: u64, byte: u64) -> Self {
        Self { base, byte }
    }

    /// The steps for a name of this many bytes.
    pub(crate) fn of(self, bytes: u64) -> u64 {
        self.byte.saturating_mul(bytes).saturating_add(self.base)
    }

    /// The steps for several names of this many bytes together.
    pub(crate) fn of_many(self, names: u64, bytes: u64) -> u64 {
        let bases = self.base.saturating_mul(names);
        self.byte.saturating_mul(bytes).saturating_add(bases)
    }

    /// At least either.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            base: self.base.max(other.base),
            byte: self.byte.max(other.byte),
        }
    }

    pub(super) fn times(self, times: u64) -> Self {
        Self {
            base: self.base.saturating_mul(times),
            byte: self.byte.saturating_mul(times),
        }
    }
}

impl Add for Price {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            base: self.base.saturating_add(other.base),
            byte: self.byte.saturating_add(other.byte),
        }
    }
}

/// How long the parts of an image's reference are, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lengths {
    pub(crate) registry: u64,
    pub(crate) path: u64,
    pub(crate) tag: u64,
}

impl Lengths {
    /// The longest that a reference can have.
    pub(crate) const LONGEST: Self = Self {
        registry: 255,
        path: 255,
        tag: 128,
    };
}
