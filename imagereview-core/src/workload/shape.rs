//! Which fields of an object are looked at.

use super::field_path::{FieldPath, Step};

/// Which fields of an object are looked at, for all kinds together: an object is read in one pass,
/// and its kind may stand after everything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<(Box<str>, Shape)>,
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
                Step::Field(name) => shape.fields.iter().find(|(known, _)| known == name),
                Step::Elements | Step::AnyField => None,
            };
            match next {
                Some((_, next)) => shape = next,
                None => return false,
            }
        }
        shape.any_field.is_some()
    }

    fn field(&mut self, name: &str) -> &mut Self {
        let known = self.fields.iter().position(|(known, _)| **known == *name);
        let index = known.unwrap_or(self.fields.len());
        if known.is_none() {
            self.fields.push((name.into(), Self::default()));
        }
        &mut self.fields[index].1
    }
}
