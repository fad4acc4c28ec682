//! The annotations of a request.

use std::{
    borrow::Cow,
    collections::{HashMap, hash_map::Entry},
    fmt,
};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};

use crate::{
    json::{Text, skip_entries},
    limits::ENTRIES_LIMIT,
};

/// The annotations that came with a request: string keys and values, each key once.
///
/// ```
/// use imagereview_core::StringMap;
///
/// let annotations: StringMap<'_> = [("team.image-policy.k8s.io/break-glass", "INC-42")]
///     .into_iter()
///     .collect();
/// assert_eq!(annotations.get("team.image-policy.k8s.io/break-glass"), Some("INC-42"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StringMap<'a> {
    pairs: Vec<Pair<'a>>,
    /// The positions of the pairs in the order of their keys, where there are many.
    by_key: Vec<usize>,
}

type Pair<'a> = (Cow<'a, str>, Cow<'a, str>);

/// Up to how many pairs are looked through in their order.
const FEW: usize = 16;

impl StringMap<'static> {
    /// The map of nothing.
    pub(crate) fn empty() -> &'static Self {
        static EMPTY: StringMap<'static> = StringMap {
            pairs: Vec::new(),
            by_key: Vec::new(),
        };
        &EMPTY
    }
}

impl<'a> StringMap<'a> {
    /// From pairs of which no two have the same key.
    pub(crate) fn from_unique(pairs: Vec<Pair<'a>>) -> Self {
        let mut by_key = Vec::new();
        if pairs.len() > FEW {
            by_key.extend(0..pairs.len());
            by_key.sort_unstable_by_key(|position| &*pairs[*position].0);
        }
        Self { pairs, by_key }
    }
}

impl StringMap<'_> {
    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        if self.by_key.is_empty() {
            return self
                .iter()
                .find_map(|(k, value)| (k == key).then_some(value));
        }
        let key_at = |position: &usize| &*self.pairs[*position].0;
        let found = self
            .by_key
            .binary_search_by(|position| key_at(position).cmp(key));
        let position = self.by_key[found.ok()?];
        Some(&self.pairs[position].1)
    }

    /// All keys with their values, in the order of the request.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        let pairs = self.pairs.iter();
        pairs.map(|(key, value)| (&**key, &**value))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl<'a, K: Into<Cow<'a, str>>, V: Into<Cow<'a, str>>> FromIterator<(K, V)> for StringMap<'a> {
    /// The last value of a key stays.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut all: Vec<Pair<'a>> = Vec::new();
        let mut positions: HashMap<Cow<'a, str>, usize> = HashMap::new();
        for (key, value) in pairs {
            let (key, value) = (key.into(), value.into());
            match positions.entry(key) {
                Entry::Occupied(position) => all[*position.get()].1 = value,
                Entry::Vacant(vacant) => {
                    all.push((vacant.key().clone(), value));
                    vacant.insert(all.len() - 1);
                }
            }
        }
        Self::from_unique(all)
    }
}

impl Serialize for StringMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// `null` is taken as no annotations; a key that appears twice is an error, since two readers could
/// take different values for it, and so are more than [`ENTRIES_LIMIT`].
impl<'de: 'a, 'a> Deserialize<'de> for StringMap<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let FewAnnotations(annotations) = FewAnnotations::deserialize(deserializer)?;
        annotations.ok_or_else(|| {
            D::Error::custom(format_args!(
                "there are more than {ENTRIES_LIMIT} annotations"
            ))
        })
    }
}

/// [`StringMap`]; `None` where there are more than [`ENTRIES_LIMIT`]: those are skipped.
pub(crate) struct FewAnnotations<'a>(pub(crate) Option<StringMap<'a>>);

impl<'de: 'a, 'a> Deserialize<'de> for FewAnnotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Map;

        impl<'de> Visitor<'de> for Map {
            type Value = FewAnnotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of annotations")
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(FewAnnotations(Some(StringMap::default())))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                // Sorted as they come, so that finding a key that appears twice stays cheap however
                // many there are.
                let mut keys = std::collections::BTreeSet::new();
                while all.len() < ENTRIES_LIMIT {
                    let Some((Text(key), Text(value))) = map.next_entry()? else {
                        return Ok(FewAnnotations(Some(StringMap::from_unique(all))));
                    };
                    if !keys.insert(key.clone()) {
                        return Err(A::Error::custom(format_args!(
                            "the annotation {key:?} appears twice"
                        )));
                    }
                    all.push((key, value));
                }
                let is_more = skip_entries(&mut map)?;
                Ok(FewAnnotations(
                    (!is_more).then(|| StringMap::from_unique(all)),
                ))
            }
        }

        deserializer.deserialize_any(Map)
    }
}
