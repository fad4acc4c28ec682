//! Why an image does not pass what is asked of its facts.

use crate::{
    facts::Unavailable,
    language::{Language, Message},
    quote::{first_chars, one_line},
};

/// The most characters that are shown of why something is not known.
const MAX_WHY_CHARS: usize = 300;

/// Why an image does not pass a condition.
#[derive(Clone, Debug)]
pub(in crate::document) enum Trouble {
    /// It is known that it does not.
    Failed(Message, Option<Message>),
    /// It is not known whether it does.
    Unknown(Message),
}

pub(in crate::document) fn message(english: String, chinese: String) -> Message {
    Message::from(english).with(Language::Chinese, chinese)
}

pub(in crate::document) fn failed(english: String, chinese: String) -> Trouble {
    Trouble::Failed(message(english, chinese), None)
}

pub(in crate::document) fn unknown(english: &str, chinese: &str) -> Trouble {
    Trouble::Unknown(message(
        format!("it can't be known: {english}"),
        format!("无法得知:{chinese}"),
    ))
}

pub(in crate::document) fn unavailable(why: &Unavailable) -> Trouble {
    let why = shown(why);
    unknown(&why, &why)
}

/// Why something is not known, for a reason. A file of facts may say anything.
pub(super) fn shown(why: &Unavailable) -> String {
    one_line(&first_chars(why.message(), MAX_WHY_CHARS))
}

impl Trouble {
    /// Adds what would make the image pass.
    pub(super) fn with_remedy(self, remedy: Message) -> Self {
        match self {
            Self::Failed(reason, _) => Self::Failed(reason, Some(remedy)),
            Self::Unknown(reason) => Self::Unknown(reason),
        }
    }
}

#[cfg(feature = "cel")]
pub(super) fn missing(field: &'static str) -> Trouble {
    unknown(
        &format!("the image does not say what image.{field} is"),
        &format!("镜像没有说明image.{field}"),
    )
}
