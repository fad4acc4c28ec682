//! What becomes of an image, as the page and its filter know it.

use imagereview_core::{Message, Mode};

use crate::format::label;

/// What becomes of an image. The gravest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Denied,
    Warned,
    Noted,
    Allowed,
}

impl State {
    pub(super) const ALL: [Self; 4] = [Self::Denied, Self::Warned, Self::Noted, Self::Allowed];

    /// That of an image which fails rules of this mode at worst.
    pub(super) fn of(mode: Option<Mode>) -> Self {
        match mode {
            Some(Mode::Enforce) => Self::Denied,
            Some(Mode::Warn) => Self::Warned,
            Some(Mode::Audit) => Self::Noted,
            None => Self::Allowed,
        }
    }

    /// The name that the page's style and filter know it by.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::Warned => "warned",
            Self::Noted => "noted",
            Self::Allowed => "allowed",
        }
    }

    pub(super) fn word(self) -> &'static Message {
        match self {
            Self::Denied => label::consequence(Mode::Enforce),
            Self::Warned => label::consequence(Mode::Warn),
            Self::Noted => label::consequence(Mode::Audit),
            Self::Allowed => &label::ALLOWED,
        }
    }
}

/// How many there are of each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts([usize; 4]);

impl Counts {
    pub(super) fn add(&mut self, state: State) {
        self.0[state as usize] += 1;
    }

    pub(super) fn of(&self, state: State) -> usize {
        self.0[state as usize]
    }

    pub(super) fn all(&self) -> usize {
        self.0.iter().sum()
    }

    /// The gravest state that there is one of.
    pub(super) fn worst(&self) -> State {
        let mut states = State::ALL.into_iter();
        let found = states.find(|state| self.of(*state) > 0);
        found.unwrap_or(State::Allowed)
    }
}
