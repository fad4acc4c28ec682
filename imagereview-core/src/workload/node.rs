//! The values of the fields that are read.

use std::{borrow::Cow, cell::Cell, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::shape::{FEW, Shape};
use crate::{
    json::{skip_elements, skip_entries},
    limits::ENTRIES_LIMIT,
    object::{ObjectError, ObjectErrorKind, ValueType},
    review::StringMap,
};

/// The value of a field. Strings are borrowed from the text where they have no escapes, names
/// from the [`Shape`].
///
/// Reading fails only where the text is no JSON or YAML. What is of the wrong type or has two
/// readings is kept as such: it is an error only if the object's kind has something to do with it.
#[derive(Debug)]
pub(crate) enum Node<'a> {
    /// `null`, which is the same as absent, as in Go.
    Null,
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    /// The beginning of a list that has more entries than are read.
    Truncated(Vec<Node<'a>>),
    /// An object: those fields that are looked at. More than [`FEW`] are in the order of their names.
    Fields(Vec<(&'a str, Node<'a>)>),
    /// An object whose names are data.
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
    /// Anything else; only its type is kept.
    Other(ValueType),
    /// A field that two readers could read differently.
    Unclear(ObjectErrorKind),
}

fn are_same<N: PartialEq<M>, M>(one: &[(N, Node<'_>)], two: &[(M, Node<'_>)]) -> bool {
    let is_same = |((name, one), (other, two)): (&(N, Node<'_>), &(M, Node<'_>))| {
        name == other && one.is_same(two)
    };
    one.len() == two.len() && one.iter().zip(two).all(is_same)
}

static NULL: Node<'static> = Node::Null;

/// What is absent.
impl Default for &Node<'_> {
    fn default() -> Self {
        &NULL
    }
}

impl<'a> Node<'a> {
    pub(crate) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether what was read of both is the same. Of what is unclear nobody can say that.
    pub(crate) fn is_same(&self, other: &Node<'_>) -> bool {
        match (self, other) {
            (Self::Null, Node::Null) => true,
            (Self::Text(one), Node::Text(two)) => one == two,
            (Self::List(one), Node::List(two)) => {
                one.len() == two.len() && one.iter().zip(two).all(|(one, two)| one.is_same(two))
            }
            (Self::Fields(one), Node::Fields(two)) => are_same(one, two),
            (Self::Map(one), Node::Map(two)) => are_same(one, two),
            (Self::Other(one), Node::Other(two)) => one == two,
            _ => false,
        }
    }

    /// The error that the value at `path` is not of the expected type.
    fn not(&self, expected: ValueType, path: impl fmt::Display) -> ObjectError {
        let found = match self {
            Self::Unclear(kind) => return ObjectError::new(path.to_string(), kind.clone()),
            Self::Null => ValueType::Null,
            Self::Text(_) => ValueType::String,
            Self::List(_) | Self::Truncated(_) => ValueType::List,
            Self::Fields(_) | Self::Map(_) => ValueType::Object,
            Self::Other(found) => *found,
        };
        ObjectError::new(
            path.to_string(),
            ObjectErrorKind::WrongType { found, expected },
        )
    }

    /// The field `name` of an object; `null` where it is absent. Here and below, `path` is where
    /// the node itself is, written only into an error.
    pub(crate) fn field(
        &self,
        name: &str,
        path: impl fmt::Display,
    ) -> Result<&Node<'a>, ObjectError> {
        match self {
            Self::Null => Ok(&NULL),
            Self::Fields(fields) => {
                let field = if fields.len() > FEW {
                    let found = fields.binary_search_by(|(known, _)| (*known).cmp(name));
                    found.ok().map(|index| &fields[index])
                } else {
                    fields.iter().find(|(known, _)| *known == name)
                };
                Ok(field.map_or(&NULL, |(_, node)| node))
            }
            _ => Err(self.not(ValueType::Object, path)),
        }
    }

    /// The elements of a list.
    pub(crate) fn elements(&self, path: impl fmt::Display) -> Result<&[Node<'a>], ObjectError> {
        match self {
            Self::Null => Ok(&[]),
            Self::List(elements) => Ok(elements),
            _ => Err(self.not(ValueType::List, path)),
        }
    }

    /// A string; `None` where it is absent.
    pub(crate) fn text(
        &self,
        path: impl fmt::Display,
    ) -> Result<Option<Cow<'a, str>>, ObjectError> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text.clone())),
            _ => Err(self.not(ValueType::String, path)),
        }
    }

    /// Labels or annotations.
    pub(crate) fn annotations(
        &self,
        path: impl fmt::Display,
    ) -> Result<StringMap<'a>, ObjectError> {
        let map = match self {
            Self::Null => return Ok(StringMap::default()),
            Self::Map(map) => map,
            _ => return Err(self.not(ValueType::Object, path)),
        };
        let mut pairs = Vec::with_capacity(map.len());
        for (key, value) in map {
            let value = value.text(format_args!("{path}.{key}"))?;
            pairs.push((key.clone(), value.unwrap_or_default()));
        }
        let mut keys: Vec<&str> = map.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            None => Ok(StringMap::from_unique(pairs)),
            Some(pair) => Err(ObjectError::new(
                format!("{path}.{}", pair[0]),
                ObjectErrorKind::Twice,
            )),
        }
    }
}

/// How many more entries of lists and maps one object may have: of those that images are in, and of
/// others, so that labels take nothing from containers.
pub(crate) struct EntryBudget {
    images: Cell<usize>,
    others: Cell<usize>,
}

impl EntryBudget {
    pub(crate) fn new() -> Self {
        Self {
            images: Cell::new(ENTRIES_LIMIT),
            others: Cell::new(ENTRIES_LIMIT),
        }
    }

    fn left(&self, has_images: bool) -> &Cell<usize> {
        if has_images {
            &self.images
        } else {
            &self.others
        }
    }

    /// Takes one entry from the budget; `false` where it is spent.
    fn take(&self, has_images: bool) -> bool {
        let cell = self.left(has_images);
        let left = cell.get();
        cell.set(left.saturating_sub(1));
        left > 0
    }

    /// Gives back what was taken for an entry that is not there.
    fn give_back(&self, has_images: bool) {
        let cell = self.left(has_images);
        cell.set(cell.get() + 1);
    }
}

/// What a node is of its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    /// The document, which may be a list of objects.
    Document,
    /// The `items` of such a list: each is an object of its own, and has a budget of its own.
    Items,
    /// An object, or what is in one.
    Object,
}

/// Reads what a shape looks at.
pub(crate) struct NodeSeed<'a, 'r> {
    shape: &'a Shape,
    budget: &'r EntryBudget,
    level: Level,
}

impl<'a, 'r> NodeSeed<'a, 'r> {
    /// Reads one object.
    pub(crate) fn object(shape: &'a Shape, budget: &'r EntryBudget) -> Self {
        Self {
            shape,
            budget,
            level: Level::Object,
        }
    }

    /// Reads one object, or a list of them.
    pub(crate) fn document(shape: &'a Shape, budget: &'r EntryBudget) -> Self {
        Self {
            shape,
            budget,
            level: Level::Document,
        }
    }

    /// Reads the field of this name.
    fn field(&self, name: &str, shape: &'a Shape) -> Self {
        let level = match self.level {
            Level::Document if name == "items" => Level::Items,
            _ => Level::Object,
        };
        Self {
            shape,
            budget: self.budget,
            level,
        }
    }
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for NodeSeed<'a, '_> {
    type Value = Node<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for NodeSeed<'a, '_> {
    type Value = Node<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_unit<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_none<E>(self) -> Result<Node<'a>, E> {
        Ok(Node::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node<'a>, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node<'a>, E> {
        Ok(Node::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Boolean))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Number))
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Number))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Number))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Number))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node<'a>, E> {
        Ok(Node::Other(ValueType::Bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node<'a>, A::Error> {
        let Some(shape) = &self.shape.elements else {
            skip_elements(&mut seq)?;
            return Ok(Node::Other(ValueType::List));
        };
        // Most lists that are looked at have a few elements.
        let mut elements = Vec::with_capacity(4);
        if self.level == Level::Items {
            while let Some(element) =
                seq.next_element_seed(NodeSeed::object(shape, &EntryBudget::new()))?
            {
                elements.push(element);
            }
            return Ok(Node::List(elements));
        }
        let has_images = self.shape.has_images;
        while self.budget.take(has_images) {
            let Some(element) = seq.next_element_seed(NodeSeed::object(shape, self.budget))? else {
                self.budget.give_back(has_images);
                return Ok(Node::List(elements));
            };
            elements.push(element);
        }
        Ok(if skip_elements(&mut seq)? {
            Node::Truncated(elements)
        } else {
            Node::List(elements)
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node<'a>, A::Error> {
        if let Some(shape) = &self.shape.any_field {
            let mut pairs = Vec::new();
            while self.budget.take(false) {
                let Some(key) = map.next_key_seed(Key)? else {
                    self.budget.give_back(false);
                    return Ok(Node::Map(pairs));
                };
                let value = map.next_value_seed(NodeSeed::object(shape, self.budget))?;
                pairs.push((key, value));
            }
            return Ok(if skip_entries(&mut map)? {
                Node::Unclear(ObjectErrorKind::TooManyEntries)
            } else {
                Node::Map(pairs)
            });
        }
        if self.shape.fields.is_empty() {
            skip_entries(&mut map)?;
            return Ok(Node::Other(ValueType::Object));
        }
        let mut fields: Vec<(&'a str, Node<'a>)> = Vec::new();
        // Where fields are that were read, by their position in the shape.
        let mut read: Vec<Option<usize>> = Vec::new();
        if self.shape.fields.len() > FEW {
            read.resize(self.shape.fields.len(), None);
        }
        while let Some(name) = map.next_key_seed(FieldName(self.shape))? {
            let (index, node) = match name {
                Name::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Name::Known(index) => {
                    let (name, shape) = &self.shape.fields[index];
                    (index, map.next_value_seed(self.field(name, shape))?)
                }
                Name::CaseVariant(index, found) => {
                    map.next_value::<IgnoredAny>()?;
                    let kind = ObjectErrorKind::CaseVariant { found };
                    (index, Node::Unclear(kind))
                }
            };
            let name = &*self.shape.fields[index].0;
            let earlier = if read.is_empty() {
                fields.iter().position(|(known, _)| *known == name)
            } else {
                read[index].replace(fields.len())
            };
            match earlier.map(|earlier| &mut fields[earlier]) {
                None => fields.push((name, node)),
                // Of a variant the error says more than that there are two.
                Some((_, Node::Unclear(ObjectErrorKind::CaseVariant { .. }))) => {}
                Some((_, earlier)) => {
                    *earlier = match node {
                        Node::Unclear(kind) => Node::Unclear(kind),
                        _ => Node::Unclear(ObjectErrorKind::Twice),
                    }
                }
            }
            if let (Some(place), Some(earlier)) = (read.get_mut(index), earlier) {
                *place = Some(earlier);
            }
        }
        if fields.len() > FEW {
            fields.sort_unstable_by_key(|(name, _)| *name);
        }
        Ok(Node::Fields(fields))
    }
}

/// A key that is data.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// A field name, found among those of a shape.
struct FieldName<'s>(&'s Shape);

enum Name {
    Unknown,
    Known(usize),
    CaseVariant(usize, Box<str>),
}

impl<'de> DeserializeSeed<'de> for FieldName<'_> {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for FieldName<'_> {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_str<E: Error>(self, found: &str) -> Result<Name, E> {
        if let Some(index) = self.0.position(found) {
            return Ok(Name::Known(index));
        }
        let variant = self.0.position_of_variant(found);
        Ok(variant.map_or(Name::Unknown, |index| {
            Name::CaseVariant(index, found.into())
        }))
    }
}
