//! Which fields of an object are looked at.

use std::collections::HashMap;

use super::field_path::{FieldPath, Step};
use crate::json::{folded, same_but_for_case};

/// Up to how many fields are looked through in their order.
pub(super) const FEW: usize = 16;

/// Which fields of an object are looked at, for all kinds together: an object is read in one pass,
/// and its kind may come after everything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<(Box<str>, Shape)>,
    /// The positions of the fields, by their names and by those without regard to case.
    by_name: HashMap<Box<str>, usize>,
    by_folded_name: HashMap<Box<str>, usize>,
    pub(crate) elements: Option<Box<Shape>>,
    /// Whether images are looked for in the elements.
    pub(crate) has_images: bool,
    /// What is looked at in every field of an object whose names are data.
    pub(crate) any_field: Option<Box<Shape>>,
}

impl Shape {
    /// Adds a path to those that are looked at, and whether it leads to an image.
    pub(crate) fn insert(&mut self, path: &FieldPath, has_images: bool) {
        let mut shape = self;
        for step in path.steps() {
            shape = match step {
                Step::Field(name) => shape.field(name),
                Step::Elements => {
                    shape.has_images |= has_images;
                    shape.elements.get_or_insert_default()
                }
                Step::AnyField => shape.any_field.get_or_insert_default(),
            };
        }
    }

    /// Whether a path goes through an object whose names are data, and is thus of none of them.
    pub(super) fn is_through_data(&self, path: &FieldPath) -> bool {
        let mut shape = self;
        for step in path.steps() {
            if shape.any_field.is_some() {
                return true;
            }
            let next = match step {
                Step::Field(name) => shape.position(name).map(|index| &shape.fields[index]),
                Step::Elements | Step::AnyField => None,
            };
            match next {
                Some((_, next)) => shape = next,
                None => return false,
            }
        }
        shape.any_field.is_some()
    }

    /// The position of the field of this name.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        if self.fields.len() <= FEW {
            return self.fields.iter().position(|(known, _)| **known == *name);
        }
        self.by_name.get(name).copied()
    }

    /// The position of the first field whose name differs from this one in case alone, or not at all.
    pub(super) fn position_of_variant(&self, name: &str) -> Option<usize> {
        if self.fields.len() > FEW {
            let name: String = folded(name).collect();
            return self.by_folded_name.get(&*name).copied();
        }
        let mut fields = self.fields.iter();
        if name.is_ascii() {
            fields.position(|(known, _)| known.eq_ignore_ascii_case(name))
        } else {
            fields.position(|(known, _)| same_but_for_case(name, known))
        }
    }

    fn field(&mut self, name: &str) -> &mut Self {
        let index = self.position(name).unwrap_or_else(|| {
            let index = self.fields.len();
            self.fields.push((name.into(), Self::default()));
            self.by_name.insert(name.into(), index);
            let folded: String = folded(name).collect();
            self.by_folded_name.entry(folded.into()).or_insert(index);
            index
        });
        &mut self.fields[index].1
    }
}
