//! The review of a kustomization.

use std::ops::Range;

use imagereview_core::{Location, Review};

use super::PartReview;
use crate::{engine::reviewed::Diagnostic, input::Kustomization};

impl PartReview<'_> {
    /// Whether a document is one that kustomize reads.
    pub(super) fn kustomization_of(&self, text: &str) -> Option<Kustomization> {
        let name = self.input.source.file_name()?;
        Kustomization::is_name(name).then(|| Kustomization::read(text))?
    }

    /// Reviews the images that it puts in the place of others, and reports what it may do beyond that.
    pub(super) fn kustomization(&mut self, kustomization: &Kustomization, range: Range<usize>) {
        if !self.input.is_built && kustomization.is_open() {
            self.file.diagnostics.push(Diagnostic {
                position: Some(self.position(range.start)),
                message: "kustomize may build other images from this than the files have, and those were not reviewed; review \
                          what it builds: kustomize build FOLDER | imagereview review -, or add --kustomize"
                    .to_owned(),
                is_error: false,
            });
        }
        let images = kustomization.images();
        if images.is_empty() {
            self.file.skipped += 1;
            return;
        }
        let mut review = Review::with_capacity(images.len());
        for image in &images {
            review.add_image(&image.reference, Location::at(&*image.path));
        }
        let document = self.context.decide("Kustomization", review);
        self.add(vec![document], range, "");
    }
}
