//! The images of a review, as lines about it name them.

use std::fmt::Write as _;

use imagereview_core::{Review, review::UnreadableImage};

use crate::text::cut;

/// How many images one line of the log names.
const MAX_LOGGED_IMAGES: usize = 32;

/// The images of a review for a log line: a list of strings as its `Debug` writes it, cut where a line
/// would get out of hand. Text is written much faster as a whole than by its characters.
pub(super) fn logged_images(review: &Review<'_>) -> String {
    let readable = review.images().len();
    let mut images = images(review);
    let mut list = String::with_capacity(256);
    list.push('[');
    for (index, image) in images.by_ref().take(MAX_LOGGED_IMAGES).enumerate() {
        if index > 0 {
            list.push_str(", ");
        }
        let start = cut(image);
        if index < readable {
            // Nothing in a reference needs escaping.
            list.push('"');
            list.push_str(start);
            list.push('"');
        } else {
            // A string takes every write.
            let _ = write!(list, "{start:?}");
        }
        if start.len() < image.len() {
            list.push('…');
        }
    }
    list.push_str(if images.next().is_none() {
        "]"
    } else {
        ", ..]"
    });
    list
}

/// All images of a review as they were written: those with a valid reference first.
pub(super) fn images<'r>(review: &'r Review<'_>) -> impl Iterator<Item = &'r str> {
    let readable = review
        .images()
        .iter()
        .map(|image| image.reference().as_written());
    let unreadable = review
        .unreadable_images()
        .iter()
        .map(UnreadableImage::as_written);
    readable.chain(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::MAX_NAME_CHARS;

    #[test]
    fn logged_images_read_as_a_list_of_strings() {
        let rows: [&[&str]; 5] = [
            &[],
            &["nginx"],
            &["registry.example.com:5000/a_b/c-d:1.2", "[::1]/x"],
            &["nginx", "forged\" allowed=true\n"],
            &["", "镜像", "\u{1b}[31m"],
        ];
        for images in rows {
            let review: Review<'_> = images.iter().copied().collect();
            assert_eq!(logged_images(&review), format!("{images:?}"));
        }
    }

    #[test]
    fn logged_images_are_cut() {
        let long = format!("a/{}", "é".repeat(300));
        let review: Review<'_> = [&*long].into_iter().collect();
        let start = "é".repeat(MAX_NAME_CHARS - 2);
        assert_eq!(logged_images(&review), format!("[\"a/{start}\"…]"));
        let review: Review<'_> = ["a"; MAX_LOGGED_IMAGES + 1].into_iter().collect();
        let list = r#""a", "#.repeat(MAX_LOGGED_IMAGES);
        assert_eq!(logged_images(&review), format!("[{list}..]"));
    }
}
