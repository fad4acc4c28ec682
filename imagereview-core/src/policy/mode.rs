//! How much a violation counts for.

use std::fmt;

use serde::{Serialize, Serializer};

/// What a violation does. Ordered by strength: `Audit < Warn < Enforce`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a caller has to say what each mode means to it; a new one is a new meaning"
)]
pub enum Mode {
    /// The images may run; the violation is recorded.
    Audit,
    /// The images may run; the user is warned, and the violation is recorded.
    Warn,
    /// The images may not run.
    #[default]
    Enforce,
}

impl Mode {
    /// Every mode, the weakest first.
    pub const ALL: [Self; 3] = [Self::Audit, Self::Warn, Self::Enforce];

    /// The word that policy documents and logs use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Warn => "warn",
            Self::Enforce => "enforce",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// The modes for unreadable and for unchanged images, as [`Policy::modes`](super::Policy::modes)
/// returns them.
///
/// ```
/// use imagereview_core::{Mode, Modes};
///
/// let modes = Modes::default();
/// assert_eq!((modes.unreadable_references(), modes.unchanged()), (Mode::Enforce, Mode::Warn));
/// assert_eq!(modes.with_unchanged(Mode::Enforce).unchanged(), Mode::Enforce);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    unreadable_references: Mode,
    unreadable_object: Mode,
    unchanged: Mode,
}

impl Modes {
    /// Sets the mode for images whose reference cannot be read.
    #[must_use]
    pub const fn with_unreadable_references(mut self, mode: Mode) -> Self {
        self.unreadable_references = mode;
        self
    }

    /// Sets what an object whose images cannot all be known counts for.
    #[must_use]
    pub const fn with_unreadable_object(mut self, mode: Mode) -> Self {
        self.unreadable_object = mode;
        self
    }

    /// Sets the cap for violations of images that were in the object before the update.
    #[must_use]
    pub const fn with_unchanged(mut self, mode: Mode) -> Self {
        self.unchanged = mode;
        self
    }

    /// The mode for images whose reference cannot be read.
    #[must_use]
    pub const fn unreadable_references(self) -> Mode {
        self.unreadable_references
    }

    /// What an object whose images cannot all be known counts for: there may be images in it that break
    /// any rule.
    #[must_use]
    pub const fn unreadable_object(self) -> Mode {
        self.unreadable_object
    }

    /// The cap for violations of images that were in the object before the update.
    #[must_use]
    pub const fn unchanged(self) -> Mode {
        self.unchanged
    }

    /// Of each mode the stronger one.
    #[must_use]
    pub fn strongest(self, other: Self) -> Self {
        Self {
            unreadable_references: self.unreadable_references.max(other.unreadable_references),
            unreadable_object: self.unreadable_object.max(other.unreadable_object),
            unchanged: self.unchanged.max(other.unchanged),
        }
    }
}

/// Unreadable references are denied. Unchanged images are warned of: a denial would keep even an
/// update away that has nothing to do with images, such as the one that lets a terminating pod go.
impl Default for Modes {
    fn default() -> Self {
        Self {
            unreadable_references: Mode::Enforce,
            unreadable_object: Mode::Enforce,
            unchanged: Mode::Warn,
        }
    }
}
