//! Why an object's images cannot be known.

use std::{borrow::Cow, fmt};

use super::value_type::ValueType;
use crate::{
    language::{Language, Message},
    limits::ENTRIES_LIMIT,
    quote::{Quoted, QuotedPath},
};

/// The images of an object cannot be known: what stands where they should be is something else, or
/// can be read in two ways.
///
/// ```
/// use imagereview_core::{object::ObjectErrorKind, workload::Manifest};
///
/// let pod = r#"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": 5}]}}"#;
/// let manifest: Manifest<'_> = serde_json::from_str(pod)?;
/// let object = manifest.into_iter().next().unwrap().unwrap_err();
/// let error = object.error();
/// assert_eq!(error.path(), "spec.containers[0].image");
/// assert_eq!(error.to_string(), "spec.containers[0].image is a number, expected a string");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectError {
    path: Box<str>,
    kind: ObjectErrorKind,
}

impl std::error::Error for ObjectError {}

/// What is wrong with a field of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectErrorKind {
    /// The field is not of the type that the images are found in.
    WrongType {
        /// What stands there.
        found: ValueType,
        /// What the kind's definition says.
        expected: ValueType,
    },
    /// The field is absent or `null`, and the kind is nothing without it.
    Missing,
    /// The field stands twice: some readers take the first and some the last.
    Twice,
    /// The name differs from the field's only in case: some readers take it for the field's.
    CaseVariant {
        /// The name as it stands there.
        found: Box<str>,
    },
    /// The object is of another kind than the request says.
    OtherKind {
        /// The object's `apiVersion` and `kind`.
        found: Box<str>,
        /// The `apiVersion` and `kind` that the request says.
        expected: Box<str>,
    },
    /// A list of objects stands within another.
    NestedList,
    /// With the entries of this list or map there are more than
    /// [`ENTRIES_LIMIT`](crate::limits::ENTRIES_LIMIT).
    TooManyEntries,
}

impl ObjectError {
    pub(crate) fn new(path: impl Into<Box<str>>, kind: ObjectErrorKind) -> Self {
        Self {
            path: path.into(),
            kind,
        }
    }

    pub(crate) fn too_many(path: &str) -> Self {
        Self::new(path, ObjectErrorKind::TooManyEntries)
    }

    /// The JSON path of the field; empty for the object itself.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn kind(&self) -> &ObjectErrorKind {
        &self.kind
    }

    /// The explanation, in both languages.
    #[must_use]
    pub fn message(&self) -> Message {
        let [path, path_zh] = match &*self.path {
            "" => ["the object", "该对象"].map(Cow::Borrowed),
            path => [(); 2].map(|()| Cow::Owned(QuotedPath(path).to_string())),
        };
        let (english, chinese) = match &self.kind {
            ObjectErrorKind::WrongType { found, expected } => (
                format!("{path} is {found}, expected {expected}"),
                format!(
                    "{path_zh}的类型不对(应为{},实为{})",
                    expected.name(Language::Chinese),
                    found.name(Language::Chinese)
                ),
            ),
            ObjectErrorKind::Missing => (format!("{path} is missing"), format!("缺少{path_zh}")),
            ObjectErrorKind::Twice => (
                format!("{path} stands twice, and readers differ on which one counts"),
                format!("{path_zh}出现两次,不同程序取值不同"),
            ),
            ObjectErrorKind::CaseVariant { found } => (
                format!(
                    "{path} is written {}, which only some readers take for it",
                    Quoted(found)
                ),
                format!("{path_zh}写作{},只有部分程序认作同一字段", Quoted(found)),
            ),
            ObjectErrorKind::OtherKind { found, expected } => (
                format!(
                    "{path} is {}, but the request says {}",
                    Quoted(found),
                    Quoted(expected)
                ),
                format!(
                    "{path_zh}是{},而请求写的是{}",
                    Quoted(found),
                    Quoted(expected)
                ),
            ),
            ObjectErrorKind::TooManyEntries => (
                format!("{path} has too many entries; at most {ENTRIES_LIMIT} are read"),
                format!("{path_zh}的条目过多,最多读取{ENTRIES_LIMIT}个"),
            ),
            ObjectErrorKind::NestedList => (
                format!("{path} is a list within a list; list its items one by one"),
                format!("{path_zh}是列表中的列表;请逐项列出"),
            ),
        };
        Message::from(english).with(Language::Chinese, chinese)
    }
}

impl fmt::Display for ObjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message().text(Language::English))
    }
}
