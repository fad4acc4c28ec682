//! The review of a definition of a pipeline.

use std::ops::Range;

use imagereview_core::{Location, Review};
use serde::Deserialize;

use super::PartReview;
use crate::{
    engine::reviewed::Diagnostic,
    input::{compose, from_yaml, locate, pipeline::PipelineKind, yaml_error},
};

impl PartReview<'_> {
    /// Reviews the images that a definition of a pipeline runs.
    pub(super) fn pipeline(&mut self, kind: PipelineKind, range: Range<usize>) {
        let read = from_yaml(&self.text[range.clone()], |yaml| {
            compose::Node::deserialize(yaml)
        });
        let document = match read {
            Ok(document) => document,
            Err(error) => {
                let start = self.position(range.start);
                let (position, message) = yaml_error(&error, start);
                return self.error(position, message);
            }
        };
        let found = kind.read(&document, &self.context.variables);
        let places = locate(
            &self.text[range.clone()],
            found.open.iter().map(String::as_str),
        );
        for path in &found.open {
            let offset = places.get(&**path).map_or(0, |span| span.start);
            self.file.diagnostics.push(Diagnostic {
                position: Some(self.position(range.start + offset)),
                message: "this image is known only when the pipeline runs, so it was not reviewed"
                    .to_owned(),
                is_error: false,
            });
        }
        let mut review = Review::with_capacity(found.images.len());
        for (image, path) in &found.images {
            review.add_image(image, Location::at(&**path));
        }
        let document = self.context.decide(kind.title(), review);
        self.add(vec![document], range, "");
    }
}
