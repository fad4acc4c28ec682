//! Reading JSON with one meaning only, and not more of it than is expected.
//!
//! Go's `encoding/json`, by which nodes read manifests, matches field names without regard to case
//! and takes the last of several; other readers do neither. What two readers could read differently
//! is refused.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

/// Declares an object of which some fields are read. `null` is an object without fields, as in Go,
/// and each field that is left out has its default value. Unknown fields are skipped.
macro_rules! strict_objects {
    ($(
        $(#[$meta:meta])*
        struct $name:ident {
            $( $(#[$field_meta:meta])* $key:literal $field:ident: $ty:ty, )*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub(super) struct $name {
            $( $(#[$field_meta])* pub(super) $field: $ty, )*
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(
                deserializer: D,
            ) -> Result<Self, D::Error> {
                struct ObjectVisitor;

                impl<'de> serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_unit<E>(self) -> Result<Self::Value, E> {
                        Ok($name::default())
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<Self::Value, A::Error> {
                        const NAMES: &[&str] = &[$($key),*];

                        $( let mut $field: Option<$ty> = None; )*
                        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
                            match &*name {
                                $( $key => {
                                    if $field.is_some() {
                                        return Err(serde::de::Error::duplicate_field($key));
                                    }
                                    $field = Some(map.next_value()?);
                                } )*
                                other => {
                                    $crate::content::strict::refuse_case_variant(other, NAMES)?;
                                    map.next_value::<serde::de::IgnoredAny>()?;
                                }
                            }
                        }
                        Ok($name { $( $field: $field.unwrap_or_default(), )* })
                    }
                }

                deserializer.deserialize_any(ObjectVisitor)
            }
        }
    )*};
}

pub(super) use strict_objects;

/// Refuses a name that Go would take for one of these.
pub(super) fn refuse_case_variant<E: de::Error>(found: &str, names: &[&str]) -> Result<(), E> {
    match names.iter().find(|name| is_case_variant(found, name)) {
        None => Ok(()),
        Some(name) => Err(E::custom(format_args!(
            "a field differs from {name:?} only in case, and some readers would take it for that"
        ))),
    }
}

/// Whether Go would take one name for the other, which is ASCII: ASCII case, and the two letters
/// outside ASCII that fold into it (`ſ` and the Kelvin sign).
fn is_case_variant(found: &str, name: &str) -> bool {
    let folded = found.chars().map(|c| match c {
        'ſ' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    });
    folded.eq(name.chars().map(|c| c.to_ascii_lowercase()))
}

/// A list of at most `N` entries; `null` is an empty one, as in Go.
#[derive(Debug)]
pub(super) struct List<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for List<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T, const N: usize>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for ListVisitor<T, N> {
            type Value = List<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(List::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if list.len() == N {
                        return Err(too_many::<A::Error>(N));
                    }
                    list.push(item);
                }
                Ok(List(list))
            }
        }

        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// A map of at most `N` entries, each name once; `null` is an empty one, and a value of `null` the
/// default, as in Go.
#[derive(Debug)]
pub(super) struct Map<V, const N: usize>(pub(super) BTreeMap<String, V>);

impl<V, const N: usize> Default for Map<V, N> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, V: Deserialize<'de> + Default, const N: usize> Deserialize<'de> for Map<V, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MapVisitor<V, const N: usize>(PhantomData<V>);

        impl<'de, V: Deserialize<'de> + Default, const N: usize> Visitor<'de> for MapVisitor<V, N> {
            type Value = Map<V, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Map::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Option<V>>()? {
                    if entries.len() == N {
                        return Err(too_many::<A::Error>(N));
                    }
                    if entries.insert(name, value.unwrap_or_default()).is_some() {
                        return Err(de::Error::custom("one name stands twice in a map"));
                    }
                }
                Ok(Map(entries))
            }
        }

        deserializer.deserialize_any(MapVisitor(PhantomData))
    }
}

fn too_many<E: de::Error>(limit: usize) -> E {
    E::custom(format_args!("there are more than {limit} entries"))
}

/// A value that is skipped.
#[derive(Debug, Default)]
pub(super) struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Reads one document. An error says what is wrong, without what stands there.
pub(super) fn from_slice<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, String> {
    // A string that is skipped would not be checked otherwise.
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    serde_json::from_str(text).map_err(|error| crate::file::without_values(&error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    strict_objects! {
        #[allow(dead_code, reason = "it is read, and not looked at")]
        struct Sample {
            "mediaType" media_type: Option<String>,
            "list" list: List<u8, 2>,
            "map" map: Map<String, 2>,
        }
    }

    #[test]
    fn two_readings_are_refused() {
        for (json, error) in [
            ("{}", ""),
            ("null", ""),
            (r#"{"mediaType": null, "list": null, "map": null}"#, ""),
            (
                r#"{"other": 1, "other": 2, "list": [1, 2], "map": {"A": "", "a": null}}"#,
                "",
            ),
            (
                r#"{"mediaType": "a", "mediaType": "a"}"#,
                "duplicate field `mediaType`",
            ),
            (
                r#"{"MediaType": "a"}"#,
                "differs from \"mediaType\" only in case",
            ),
            (r#"{"li\u017ft": []}"#, "differs from \"list\" only in case"),
            (
                r#"{"map": {"a": "1", "a": "2"}}"#,
                "one name stands twice in a map",
            ),
            (
                r#"{"map": {"a": "", "b": "", "c": ""}}"#,
                "there are more than 2 entries",
            ),
            (r#"{"list": [1, 2, 3]}"#, "there are more than 2 entries"),
            (r#"{"list": "secret"}"#, "expected a list"),
            (r#"{"mediaType": 1}"#, "expected a string"),
            ("{} {}", "trailing characters"),
            ("[]", "expected an object"),
        ] {
            let found = from_slice::<Sample>(json.as_bytes());
            match found {
                Ok(_) => assert_eq!(error, "", "{json}"),
                Err(found) => {
                    assert!(
                        !error.is_empty() && found.contains(error),
                        "{json}: {found}"
                    );
                    assert!(!found.contains("secret"), "{json}: {found}");
                }
            }
        }
        assert!(from_slice::<Sample>(b"{\"x\": \"\xff\"}").is_err());
        let deep = format!("{{\"x\": {}{}}}", "[".repeat(1000), "]".repeat(1000));
        assert!(
            from_slice::<Sample>(deep.as_bytes()).is_ok(),
            "what is passed over may be deep"
        );
    }
}
