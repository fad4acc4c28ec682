//! The languages that reasons are written in.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Serialize, Serializer, ser::SerializeMap};

/// A language that a verdict's reason can be written in.
///
/// ```
/// use imagereview_core::Language;
///
/// assert_eq!("zh-CN".parse(), Ok(Language::Chinese));
/// assert_eq!(Language::default(), Language::English);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Language {
    /// English, `en`.
    #[default]
    English,
    /// Simplified Chinese, `zh`.
    Chinese,
}

impl fmt::Display for Language {
    /// The [BCP 47](https://www.rfc-editor.org/info/bcp47) tag.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::English => "en",
            Self::Chinese => "zh",
        })
    }
}

/// The text names no [`Language`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown language {0:?}; use \"en\" (English) or \"zh\" (Chinese)")]
pub struct UnknownLanguage(Box<str>);

impl FromStr for Language {
    type Err = UnknownLanguage;

    /// Takes a [BCP 47](https://www.rfc-editor.org/info/bcp47) tag in any case; what follows the
    /// language (`zh-CN`, `en_US`) is skipped.
    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("en") {
            Ok(Self::English)
        } else if language.eq_ignore_ascii_case("zh") {
            Ok(Self::Chinese)
        } else {
            Err(UnknownLanguage(tag.into()))
        }
    }
}

/// One sentence for people, in English and, where there is a translation, in Chinese.
///
/// Text without a translation is shown as it is in either language, so a policy whose authors
/// write in one language needs nothing more than a string.
///
/// ```
/// use imagereview_core::{Language, Message};
///
/// let message = Message::from("images come from our own registry")
///     .with(Language::Chinese, "镜像只能来自自有仓库");
/// assert_eq!(message.text(Language::Chinese), "镜像只能来自自有仓库");
/// assert_eq!(Message::from("as it is").text(Language::Chinese), "as it is");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    english: Cow<'static, str>,
    chinese: Option<Cow<'static, str>>,
}

impl Message {
    /// A message in English and Chinese that needs no allocation.
    #[must_use]
    pub const fn new(english: &'static str, chinese: &'static str) -> Self {
        Self::translated(english, &[(Language::Chinese, chinese)])
    }

    /// A message in English and these languages that needs no allocation.
    ///
    /// ```
    /// use imagereview_core::{Language, Message};
    ///
    /// static DENIED: Message = Message::translated("denied", &[(Language::Chinese, "拒绝")]);
    /// assert_eq!(DENIED.text(Language::Chinese), "拒绝");
    /// ```
    #[must_use]
    pub const fn translated(
        english: &'static str,
        translations: &[(Language, &'static str)],
    ) -> Self {
        let (mut english, mut chinese) = (english, None);
        let mut rest = translations;
        while let Some(((language, text), others)) = rest.split_first() {
            match language {
                Language::English => english = text,
                Language::Chinese => chinese = Some(*text),
            }
            rest = others;
        }
        Self {
            english: Cow::Borrowed(english),
            chinese: match chinese {
                None => None,
                Some(chinese) => Some(Cow::Borrowed(chinese)),
            },
        }
    }

    /// The same message with this text in one language.
    #[must_use]
    pub fn with(mut self, language: Language, text: impl Into<Cow<'static, str>>) -> Self {
        match language {
            Language::English => self.english = text.into(),
            Language::Chinese => self.chinese = Some(text.into()),
        }
        self
    }

    /// The text in one language; in English where it has no translation.
    #[must_use]
    pub fn text(&self, language: Language) -> &str {
        match (language, &self.chinese) {
            (Language::Chinese, Some(chinese)) => chinese,
            _ => &self.english,
        }
    }
}

impl<T: Into<Cow<'static, str>>> From<T> for Message {
    fn from(english: T) -> Self {
        Self {
            english: english.into(),
            chinese: None,
        }
    }
}

/// The BCP 47 tag.
impl Serialize for Language {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text of each language that there is, by its tag: `{"en": "denied", "zh": "拒绝"}`.
impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut texts = serializer.serialize_map(Some(1 + usize::from(self.chinese.is_some())))?;
        texts.serialize_entry(&Language::English, &self.english)?;
        if let Some(chinese) = &self.chinese {
            texts.serialize_entry(&Language::Chinese, chinese)?;
        }
        texts.end()
    }
}
