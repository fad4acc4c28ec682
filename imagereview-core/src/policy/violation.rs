//! One rule that one image broke.

use std::{borrow::Cow, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::mode::Mode;
use crate::{
    language::{Language, Message},
    object::ObjectError,
    quote::Quoted,
    review::{Image, Location, UnreadableImage},
};

/// The rule that an image breaks whose reference cannot be read.
pub const UNREADABLE_REFERENCE: &str = "unreadable-reference";

/// The rule that an object breaks whose images cannot be known.
pub const UNREADABLE_OBJECT: &str = "unreadable-object";

/// What breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// An image.
    #[non_exhaustive]
    Image {
        /// The image as it was written.
        image: Box<str>,
        /// Its location in the request.
        location: Location<'static>,
        /// How many images of the request come before it.
        position: usize,
    },
    /// An object whose images cannot be known.
    #[non_exhaustive]
    Object {
        /// The field that is wrong.
        location: Location<'static>,
    },
}

impl Subject {
    /// The image as it was written; `None` for an object.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        match self {
            Self::Image { image, .. } => Some(image),
            Self::Object { .. } => None,
        }
    }

    /// The location of the image in the request, or the field of the object that is wrong.
    #[must_use]
    pub fn location(&self) -> &Location<'static> {
        match self {
            Self::Image { location, .. } | Self::Object { location } => location,
        }
    }

    /// How many images of the request come before it; `None` for an object.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Image { position, .. } => Some(*position),
            Self::Object { .. } => None,
        }
    }
}

/// One rule that one image broke, and why, in the reader's language.
///
/// ```
/// use imagereview_core::{Language, Message, Mode, Review, Violation};
///
/// let review: Review<'_> = ["redis:7"].into_iter().collect();
/// let violation = Violation::new("no-redis", &review.images()[0], "a cache is provided")
///     .with_remedy("use the shared cache")
///     .in_mode(Mode::Warn);
/// assert_eq!(
///     violation.describe(Language::English),
///     r#"image "redis:7" (IMAGE[0]) breaks rule "no-redis": a cache is provided; use the shared cache"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    rule: Cow<'static, str>,
    subject: Subject,
    reason: Message,
    remedy: Option<Message>,
    mode: Mode,
    declared_at: Option<Arc<str>>,
    is_unchanged: bool,
}

impl Violation {
    /// The image breaks the rule for this reason. Its mode is `enforce` until
    /// [`in_mode`](Self::in_mode) caps it.
    ///
    /// A rule's name is a word of lower-case letters, digits and dashes, so that it can be used in
    /// audit annotations and metrics.
    pub fn new(
        rule: impl Into<Cow<'static, str>>,
        image: &Image<'_>,
        reason: impl Into<Message>,
    ) -> Self {
        Self {
            rule: rule.into(),
            subject: Subject::Image {
                image: image.reference().as_written().into(),
                location: image.location().clone().into_owned(),
                position: image.position(),
            },
            reason: reason.into(),
            remedy: None,
            mode: Mode::Enforce,
            declared_at: None,
            is_unchanged: image.is_unchanged(),
        }
    }

    /// The image's reference cannot be read.
    pub(super) fn unreadable(image: &UnreadableImage<'_>) -> Self {
        Self {
            rule: Cow::Borrowed(UNREADABLE_REFERENCE),
            subject: Subject::Image {
                image: image.as_written().into(),
                location: image.location().clone().into_owned(),
                position: image.position(),
            },
            reason: image.error().message(),
            remedy: None,
            mode: Mode::Enforce,
            declared_at: None,
            is_unchanged: image.is_unchanged(),
        }
    }

    /// The object's images cannot be known, so there is no image to name.
    pub(super) fn unreadable_object(error: &ObjectError, is_unchanged: bool) -> Self {
        Self {
            rule: Cow::Borrowed(UNREADABLE_OBJECT),
            subject: Subject::Object {
                location: Location::at(error.path().to_owned()),
            },
            reason: error.message(),
            remedy: None,
            mode: Mode::Enforce,
            declared_at: None,
            is_unchanged,
        }
    }

    /// The same violation, brought about by the update that is reviewed: it is not capped at
    /// [`Modes::unchanged`](super::Modes::unchanged), although its image was there before. So a rule
    /// about the whole review denies what is added, whichever image it is reported at.
    #[must_use]
    pub fn caused_by_update(mut self) -> Self {
        self.is_unchanged = false;
        self
    }

    /// Whether it is capped at [`Modes::unchanged`](super::Modes::unchanged): its image [was there
    /// before](Image::is_unchanged) the update.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.is_unchanged
    }

    /// Adds what would make the image pass.
    #[must_use]
    pub fn with_remedy(mut self, remedy: impl Into<Message>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// The same violation, capped at this mode.
    #[must_use]
    pub fn in_mode(mut self, mode: Mode) -> Self {
        self.cap(mode);
        self
    }

    pub(super) fn cap(&mut self, mode: Mode) {
        self.mode = self.mode.min(mode);
    }

    /// Adds where the rule is declared: `file:line`.
    #[must_use]
    pub fn declared_at(mut self, location: Arc<str>) -> Self {
        self.declared_at = Some(location);
        self
    }

    pub(super) fn shared_rule(&self) -> Cow<'static, str> {
        self.rule.clone()
    }

    /// The name of the rule.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Where the rule is declared, as `file:line`, if it is declared in a document.
    #[must_use]
    pub fn rule_declared_at(&self) -> Option<&str> {
        self.declared_at.as_deref()
    }

    /// What breaks the rule.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The image as it was written; `None` where the images cannot be known.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.subject.image()
    }

    /// The location of the image in the request, or the field for which the images cannot be known.
    #[must_use]
    pub fn location(&self) -> &Location<'static> {
        self.subject.location()
    }

    /// How many images of the request come before this one; `None` where the images cannot be known.
    #[must_use]
    pub fn position(&self) -> Option<usize> {
        self.subject.position()
    }

    /// Why the image breaks the rule.
    #[must_use]
    pub fn reason(&self) -> &Message {
        &self.reason
    }

    /// What would make the image pass.
    #[must_use]
    pub fn remedy(&self) -> Option<&Message> {
        self.remedy.as_ref()
    }

    /// What the violation does.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The whole violation in one sentence: image, location, rule, reason and remedy.
    #[must_use]
    pub fn describe(&self, language: Language) -> String {
        let Subject::Image {
            image, location, ..
        } = &self.subject
        else {
            let reason = self.reason.text(language);
            return match language {
                Language::English => format!("the images cannot be known: {reason}"),
                Language::Chinese => format!("无法得知镜像:{reason}"),
            };
        };
        let (image, location) = (Quoted(image), location.describe(language));
        let broken = self.describe_rule(language);
        match language {
            Language::English => format!("image {image} ({location}) breaks {broken}"),
            Language::Chinese => format!("镜像{image}({location})违反{broken}"),
        }
    }

    /// The rule, reason and remedy, for a sentence that has named the image.
    pub(super) fn describe_rule(&self, language: Language) -> String {
        let (rule, reason) = (&self.rule, self.reason.text(language));
        let mut sentence = match language {
            Language::English => format!("rule \"{rule}\": {reason}"),
            Language::Chinese => format!("规则\"{rule}\":{reason}"),
        };
        if let Some(remedy) = &self.remedy {
            sentence.push_str("; ");
            sentence.push_str(remedy.text(language));
        }
        sentence
    }
}

/// `rule`, `mode`, `image` (absent where the images cannot be known), `location`, `reason` in each
/// language, and where they are there, `remedy` and `declaredAt`:
///
/// ```
/// use imagereview_core::{NoLatestTag, decide};
/// use serde_json::json;
///
/// let verdict = decide(&NoLatestTag, &["nginx"].into_iter().collect());
/// assert_eq!(serde_json::to_value(&verdict.violations()[0])?, json!({
///     "rule": "no-latest-tag",
///     "mode": "enforce",
///     "image": "nginx",
///     "location": {"path": "IMAGE[0]", "kind": "unknown"},
///     "reason": {
///         "en": "it has no tag, which means \"latest\"",
///         "zh": "没有写标签,即\"latest\"",
///     },
///     "remedy": {"en": "write a fixed tag or a digest", "zh": "请写明固定标签或摘要"},
/// }));
/// # Ok::<(), serde_json::Error>(())
/// ```
impl Serialize for Violation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut violation = serializer.serialize_struct("Violation", 7)?;
        violation.serialize_field("rule", &self.rule)?;
        violation.serialize_field("mode", &self.mode)?;
        match self.image() {
            None => violation.skip_field("image")?,
            Some(image) => violation.serialize_field("image", image)?,
        }
        violation.serialize_field("location", self.location())?;
        violation.serialize_field("reason", &self.reason)?;
        match &self.remedy {
            None => violation.skip_field("remedy")?,
            Some(remedy) => violation.serialize_field("remedy", remedy)?,
        }
        match &self.declared_at {
            None => violation.skip_field("declaredAt")?,
            Some(location) => violation.serialize_field("declaredAt", &**location)?,
        }
        violation.end()
    }
}
