//! What kind of value stands in a field.

use std::fmt;

use crate::language::Language;

/// The type of a value in JSON or YAML.
///
/// ```
/// use imagereview_core::{Language, object::ValueType};
///
/// assert_eq!(ValueType::List.to_string(), "a list");
/// assert_eq!(ValueType::List.name(Language::Chinese), "列表");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ValueType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean,
    /// A number.
    Number,
    /// A string.
    String,
    /// Bytes, which YAML has.
    Bytes,
    /// A list.
    List,
    /// An object: names and values.
    Object,
}

impl ValueType {
    /// What people call it, with its article in English.
    #[must_use]
    pub fn name(self, language: Language) -> &'static str {
        let (english, chinese) = match self {
            Self::Null => ("null", "null"),
            Self::Boolean => ("a boolean", "布尔值"),
            Self::Number => ("a number", "数字"),
            Self::String => ("a string", "字符串"),
            Self::Bytes => ("bytes", "二进制数据"),
            Self::List => ("a list", "列表"),
            Self::Object => ("an object", "对象"),
        };
        match language {
            Language::English => english,
            Language::Chinese => chinese,
        }
    }
}

/// In English.
impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name(Language::English))
    }
}
