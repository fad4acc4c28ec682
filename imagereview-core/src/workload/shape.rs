//! Which fields of an object are looked at.

use super::field_path::{FieldPath, Step};

/// Which fields of an object are looked at, for all kinds together: an object is read in one pass,
/// and its kind may stand after everything else.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) fields: Vec<(Box<str>, Shape)>,
    pub(crate) elements: Option<Box<Shape>>,
    /// What is looked at in every field of an object whose names are data.
    pub(crate) any_field: Option<Box<Shape>>,
}

impl Shape {
    /// Adds a path to those that are looked at.
    pub(crate) fn insert(&mut self, path: &FieldPath) {
        let mut shape = self;
        for step in path.steps() {
            shape = match step {
                Step::Field(name) => shape.field(name),
                Step::Elements => shape.elements.get_or_insert_default(),
                Step::AnyField => shape.any_field.get_or_insert_default(),
            };
        }
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
