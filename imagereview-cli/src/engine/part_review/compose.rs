//! The review of a Compose file.

use std::ops::Range;

use imagereview_core::{Location, Review};
use serde::Deserialize;

use super::PartReview;
use crate::input::{ComposeFile, compose::Node, from_yaml, is_compose, locate};

impl PartReview<'_> {
    pub(super) fn is_compose_file(text: &str) -> bool {
        let read = from_yaml(text, |yaml| Node::deserialize(yaml));
        read.is_ok_and(|document| document.get("kind").is_none() && is_compose(&document))
    }

    /// Reviews a document without a kind, if it is a Compose file.
    pub(super) fn compose(&mut self, range: Range<usize>) {
        let read = from_yaml(&self.text[range.clone()], |yaml| Node::deserialize(yaml));
        let document = match read {
            Ok(document) if is_compose(&document) => document,
            _ => {
                if !self.bare_list(&range) {
                    self.file.skipped += 1;
                    self.undeclared(&range, &[]);
                }
                return;
            }
        };
        let mut file = ComposeFile::read(&document, &self.context.variables);
        file.follow(self.input.source.folder(), &self.context.variables);
        let paths = file.errors.iter().map(|(path, _)| &**path);
        let found = locate(&self.text[range.clone()], paths);
        for (path, error) in &file.errors {
            let offset = found.get(&**path).map_or(0, |span| span.start);
            let position = self.position(range.start + offset);
            self.error(position, format!("{path}: {error}"));
        }
        let mut review = Review::with_capacity(file.images.len());
        for (image, path) in &file.images {
            review.add_image(image, Location::at(&**path));
        }
        let document = self.context.decide("Compose file", review);
        self.add(vec![document], range, "");
    }
}
