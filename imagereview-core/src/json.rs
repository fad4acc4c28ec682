//! Reading JSON with one meaning only.
//!
//! Go's `encoding/json` matches field names without regard to case and takes the last of several;
//! other readers do neither. A document that two readers could read differently is refused here: a
//! known field that appears twice, or whose name differs from a known one only in case.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor},
};

use crate::{
    limits::ENTRIES_LIMIT,
    quote::{Quoted, QuotedPath},
};

/// The bytes are no review that can be read.
///
/// The text says what is wrong and where: a JSON path, line and column.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Not UTF-8, which JSON must be ([RFC 8259, section 8.1](https://www.rfc-editor.org/rfc/rfc8259#section-8.1)).
    #[error("the text is not UTF-8 at byte {valid_up_to}; JSON must be")]
    NotUtf8 {
        /// The offset of the first byte that is wrong.
        valid_up_to: usize,
    },
    /// Not JSON, a field of the wrong type, or one that could be read in two ways.
    #[error("{}{source}", path_prefix(path))]
    Json {
        /// The JSON path of the field; empty for the document itself.
        path: Box<str>,
        /// What the JSON reader says; it holds the line and column.
        source: serde_json::Error,
    },
    /// The document's `kind` is not the expected one.
    #[error("kind is {}, expected \"{expected}\"", found_or_missing(found.as_deref()))]
    WrongKind {
        /// The `kind` that was found, if any.
        found: Option<Box<str>>,
        /// The expected `kind`.
        expected: &'static str,
    },
    /// The document's `apiVersion` is not the expected one.
    #[error("apiVersion is {}, expected \"{expected}\"", found_or_missing(found.as_deref()))]
    WrongApiVersion {
        /// The `apiVersion` that was found, if any.
        found: Option<Box<str>>,
        /// The expected `apiVersion`.
        expected: &'static str,
    },
    /// There is no `spec`, or it is `null`: nothing to decide about.
    #[error("spec is missing; it holds the containers whose images are to be reviewed")]
    MissingSpec,
    /// There is no `request`, or nothing in it: nothing to decide about.
    #[error("request is missing; it holds the object whose images are to be reviewed")]
    MissingRequest,
}

/// Asks that a document be of a kind and version.
pub(crate) fn require_type(
    kind: Option<Cow<'_, str>>,
    expected_kind: &'static str,
    api_version: Option<Cow<'_, str>>,
    expected_api_version: &'static str,
) -> Result<(), DecodeError> {
    if kind.as_deref() != Some(expected_kind) {
        return Err(DecodeError::WrongKind {
            found: kind.map(Into::into),
            expected: expected_kind,
        });
    }
    if api_version.as_deref() != Some(expected_api_version) {
        return Err(DecodeError::WrongApiVersion {
            found: api_version.map(Into::into),
            expected: expected_api_version,
        });
    }
    Ok(())
}

fn path_prefix(path: &str) -> String {
    match path {
        "" | "." => String::new(),
        path => format!("{}: ", QuotedPath(path)),
    }
}

fn found_or_missing(found: Option<&str>) -> Cow<'_, str> {
    match found {
        None => Cow::Borrowed("missing"),
        Some(found) => Cow::Owned(Quoted(found).to_string()),
    }
}

impl DecodeError {
    /// Where the JSON reader stopped: line and column, from 1. `None` where the document was read
    /// and then found wanting.
    #[must_use]
    pub fn line_and_column(&self) -> Option<(usize, usize)> {
        match self {
            Self::Json { source, .. } => Some((source.line(), source.column())),
            _ => None,
        }
    }
}

/// Reads one JSON document. Only where that fails, it is read once more to find the JSON path.
pub(crate) fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    from_slice_seed(bytes, || PhantomData::<T>)
}

/// [`from_slice`] for a value that is read into one of `seed`.
pub(crate) fn from_slice_seed<'a, S: DeserializeSeed<'a>>(
    bytes: &'a [u8],
    seed: impl Fn() -> S,
) -> Result<S::Value, DecodeError> {
    // Strings that are skipped would not be checked otherwise, and those that are read are
    // then not checked again.
    let text = std::str::from_utf8(bytes).map_err(|error| DecodeError::NotUtf8 {
        valid_up_to: error.valid_up_to(),
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    seed()
        .deserialize(&mut json)
        .and_then(|value| json.end().map(|()| value))
        .map_err(|source| locate_seed(text, source, seed()))
}

/// Adds the JSON path to an error.
pub(crate) fn locate<'a, T: Deserialize<'a>>(
    text: &'a str,
    source: serde_json::Error,
) -> DecodeError {
    locate_seed(text, source, PhantomData::<T>)
}

fn locate_seed<'a>(
    text: &'a str,
    source: serde_json::Error,
    seed: impl DeserializeSeed<'a>,
) -> DecodeError {
    let mut json = serde_json::Deserializer::from_str(text);
    let mut track = serde_path_to_error::Track::new();
    let read = seed.deserialize(serde_path_to_error::Deserializer::new(
        &mut json, &mut track,
    ));
    let path = match read {
        Ok(_) => String::new(),
        Err(_) => track.path().to_string(),
    };
    DecodeError::Json {
        path: path.into(),
        source,
    }
}

/// A string that is borrowed where it has no escapes; `null` is the empty string, as in Go.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed("")))
            }
        }

        deserializer.deserialize_any(TextVisitor)
    }
}

/// An object of which some fields are read.
pub(crate) trait Fields<'de>: Sized {
    /// The names of the fields that [`read`](Self::read) takes.
    const NAMES: &'static [&'static str];

    /// Reads the value of the field `NAMES[index]`.
    fn read<A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error>;
}

/// Declares the fields of an object once: the name of each, and how its value is read. What `each`
/// says is done for every one of them. Stands in an `impl Fields<'de>`.
macro_rules! fields {
    (|$this:ident, $map:ident| $(each => $each:expr,)? $($name:literal => $read:expr,)+) => {
        const NAMES: &'static [&'static str] = &[$($name),+];

        fn read<A: serde::de::MapAccess<'de>>(
            &mut $this,
            index: usize,
            $map: &mut A,
        ) -> Result<(), A::Error> {
            $($each;)?
            let mut indices = 0..;
            $(
                if indices.next() == Some(index) {
                    $read;
                    return Ok(());
                }
            )+
            // No other index is given out; its value is skipped, as that of an unknown field is.
            $map.next_value::<serde::de::IgnoredAny>().map(drop)
        }
    };
}
pub(crate) use fields;

/// Reads an object; `null` is one without fields, as in Go. Unknown fields are skipped.
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Fields<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self(T::default()).deserialize(deserializer)
    }
}

/// Reads into the value that it holds.
impl<'de, T: Fields<'de>> DeserializeSeed<'de> for Object<T> {
    type Value = Self;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ObjectVisitor(self.0))
    }
}

struct ObjectVisitor<T>(T);

impl<'de, T: Fields<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Object(self.0))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = self.0;
        let mut seen = 0_u32;
        while let Some(field) = map.next_key_seed(FieldName::<T>(PhantomData))? {
            let Some(index) = field else {
                map.next_value::<de::IgnoredAny>()?;
                continue;
            };
            if seen & 1 << index != 0 {
                return Err(de::Error::duplicate_field(T::NAMES[index]));
            }
            seen |= 1 << index;
            object.read(index, &mut map)?;
        }
        Ok(Object(object))
    }
}

/// The index of a field's name among those of `T`.
struct FieldName<T>(PhantomData<T>);

impl<'de, T: Fields<'de>> DeserializeSeed<'de> for FieldName<T> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, T: Fields<'de>> Visitor<'de> for FieldName<T> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: de::Error>(self, found: &str) -> Result<Self::Value, E> {
        if let Some(index) = T::NAMES.iter().position(|name| *name == found) {
            return Ok(Some(index));
        }
        match T::NAMES.iter().find(|name| same_but_for_case(found, name)) {
            None => Ok(None),
            Some(name) => Err(E::custom(format_args!(
                "the field {found:?} differs from {name:?} only in case, and some readers would \
                 take it for that"
            ))),
        }
    }
}

/// Whether Go's `encoding/json` would take one name for the other, which is ASCII: ASCII case, and
/// the two letters outside ASCII that fold into it (`ſ` and the Kelvin sign).
pub(crate) fn same_but_for_case(found: &str, name: &str) -> bool {
    // Both letters are longer than what they fold into, so nearly always the length settles it.
    if found.len() <= name.len() || found.is_ascii() {
        return found.eq_ignore_ascii_case(name);
    }
    folded(found).eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

/// A name as it is compared without regard to case.
pub(crate) fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|c| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    })
}

/// Skips the rest of a list, and returns whether there was any.
pub(crate) fn skip_elements<'de, A: SeqAccess<'de>>(seq: &mut A) -> Result<bool, A::Error> {
    let mut is_more = false;
    while seq.next_element::<de::IgnoredAny>()?.is_some() {
        is_more = true;
    }
    Ok(is_more)
}

/// Skips the rest of a map, and returns whether there was any.
pub(crate) fn skip_entries<'de, A: MapAccess<'de>>(map: &mut A) -> Result<bool, A::Error> {
    let mut is_more = false;
    while map
        .next_entry::<de::IgnoredAny, de::IgnoredAny>()?
        .is_some()
    {
        is_more = true;
    }
    Ok(is_more)
}

/// A list; `null` is an empty one, as in Go. Entries beyond [`ENTRIES_LIMIT`] are skipped.
pub(crate) struct List<T> {
    pub(crate) elements: Vec<T>,
    pub(crate) is_truncated: bool,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List {
                    elements: Vec::new(),
                    is_truncated: false,
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                // Most pods have a few containers, so the first allocation is the only one.
                let mut elements = Vec::with_capacity(4);
                let mut is_truncated = false;
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                    if elements.len() == ENTRIES_LIMIT {
                        is_truncated = skip_elements(&mut seq)?;
                        break;
                    }
                }
                Ok(List {
                    elements,
                    is_truncated,
                })
            }
        }

        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}
