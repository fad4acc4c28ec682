//! Exemptions by comments: `# imagereview: ignore[RULE] REASON`, on the line of an image or right above it.

use std::ops::Range;

use super::PartReview;
use crate::{
    engine::reviewed::{ReviewedDocument, ReviewedImage, UsedExemption},
    input::Syntax,
};

/// How a comment for this program begins, behind its sign.
const MARK: &str = "imagereview:";

/// An exemption that a comment asks for.
#[derive(Debug, PartialEq, Eq)]
struct Comment<'t> {
    /// Where its sign is.
    at: usize,
    /// Whether nothing else is on its line.
    is_alone: bool,
    rules: Vec<&'t str>,
    reason: &'t str,
}

/// A comment that asks for nothing that can be given.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum CommentError {
    #[error(
        "this comment exempts from nothing; name the rules, and say why: # imagereview: ignore[RULE] REASON"
    )]
    Form,
    #[error("this exemption has no reason; say why behind it: # imagereview: ignore[RULE] REASON")]
    NoReason,
}

/// The comments of a text for this program.
fn comments(text: &str) -> Vec<Result<Comment<'_>, (usize, CommentError)>> {
    let marks = memchr::memmem::find_iter(text.as_bytes(), MARK);
    marks.filter_map(|at| comment(text, at)).collect()
}

/// The comment whose mark is here, if it is in a comment.
fn comment(text: &str, mark: usize) -> Option<Result<Comment<'_>, (usize, CommentError)>> {
    let line = line_of(text, mark);
    let before = text[line.start..mark].trim_end_matches([' ', '\t']);
    let before = before.strip_suffix('#')?;
    let at = line.start + before.len();
    // Else the sign is part of a word.
    if !(before.is_empty() || before.ends_with([' ', '\t'])) {
        return None;
    }
    let wrong = |error| Some(Err((at, error)));
    let asked = text[mark + MARK.len()..line.end].trim();
    let list = asked.strip_prefix("ignore").map(str::trim_start);
    let list = list.and_then(|list| list.strip_prefix('['));
    let Some((rules, reason)) = list.and_then(|list| list.split_once(']')) else {
        return wrong(CommentError::Form);
    };
    let rules: Vec<&str> = rules.split(',').map(str::trim).collect();
    if rules.iter().any(|rule| rule.is_empty()) {
        return wrong(CommentError::Form);
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return wrong(CommentError::NoReason);
    }
    Some(Ok(Comment {
        at,
        is_alone: before.trim().is_empty(),
        rules,
        reason,
    }))
}

/// The line at an offset, without its end.
fn line_of(text: &str, at: usize) -> Range<usize> {
    let start = text[..at].rfind(['\n', '\r']).map_or(0, |end| end + 1);
    let end = text[at..]
        .find(['\n', '\r'])
        .map_or(text.len(), |end| at + end);
    start..end
}

/// The line before another one, without its end.
fn line_before(text: &str, line: &Range<usize>) -> Option<Range<usize>> {
    let end = line.start.checked_sub(1)?;
    let end = if text[..end].ends_with('\r') && text[end..].starts_with('\n') {
        end - 1
    } else {
        end
    };
    Some(line_of(text, end))
}

/// The comments that are about what is at these bytes: on the line where it begins, and in the comments right
/// above that.
fn about<'c, 't>(
    text: &'t str,
    span: &Range<usize>,
    comments: &'c [Comment<'t>],
) -> impl Iterator<Item = &'c Comment<'t>> {
    let own = line_of(text, span.start);
    let mut first = own.clone();
    while let Some(line) = line_before(text, &first) {
        if !text[line.clone()].trim_start().starts_with('#') {
            break;
        }
        first = line;
    }
    let (own, above) = (span.end.min(own.end)..own.end, first.start..own.start);
    comments.iter().filter(move |comment| {
        (own.contains(&comment.at) && !comment.is_alone)
            || (above.contains(&comment.at) && comment.is_alone)
    })
}

impl PartReview<'_> {
    /// Takes out of what came of a document the violations that comments exempt from, where the policy lets them.
    pub(super) fn exempt_by_comments(&mut self, document: &mut ReviewedDocument) {
        let text = self.text;
        if self.syntax == Syntax::Json
            || memchr::memmem::find(text.as_bytes(), MARK.as_bytes()).is_none()
        {
            return;
        }
        let comments: Vec<Comment<'_>> = comments(text).into_iter().flatten().collect();
        let mut refused = Vec::new();
        for image in &mut document.images {
            let Some(span) = image.span.clone() else {
                continue;
            };
            for comment in about(text, &span, &comments) {
                let line = self.position(comment.at).line();
                let name = format!("comment {}:{line}", self.file.name);
                let (exempted, refused_rules) = exempt(image, comment, &name, |rule| {
                    let policy = self.context.policy.documents();
                    policy.is_some_and(|policy| policy.allows_inline_exemption(rule))
                });
                image.exempted.extend(exempted);
                refused.extend(refused_rules.into_iter().map(|rule| (comment.at, rule)));
            }
        }
        document.is_allowed = document.images.iter().all(ReviewedImage::is_allowed);
        refused.sort();
        refused.dedup();
        for (at, rule) in refused {
            let position = self.position(at);
            let message = format!(
                "the policy lets no comment exempt from the rule {rule:?}; that needs inlineExemptions: allow in the rule"
            );
            self.error(position, message);
        }
    }

    /// Reports the comments that ask for an exemption in another form.
    pub(super) fn check_comments(&mut self) {
        if self.syntax == Syntax::Json
            || self
                .file
                .documents
                .iter()
                .all(|document| document.images.is_empty())
        {
            return;
        }
        for (at, error) in comments(self.text).into_iter().filter_map(Result::err) {
            let position = self.position(at);
            self.error(position, error.to_string());
        }
    }
}

/// Takes the violations of an image out that a comment exempts from. Returns those, and the rules for which that
/// is not allowed.
fn exempt(
    image: &mut ReviewedImage,
    comment: &Comment<'_>,
    name: &str,
    is_allowed: impl Fn(&str) -> bool,
) -> (Vec<UsedExemption>, Vec<String>) {
    let (mut exempted, mut refused) = (Vec::new(), Vec::new());
    image.violations.retain(|violation| {
        let rule = violation.rule();
        if !comment.rules.contains(&rule) {
            return true;
        }
        if !is_allowed(rule) {
            refused.push(rule.to_owned());
            return true;
        }
        exempted.push(UsedExemption {
            exemption: name.to_owned(),
            rule: rule.to_owned(),
            reason: comment.reason.to_owned(),
        });
        false
    });
    (exempted, refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_rules_and_says_why() {
        for (line, expected) in [
            (
                "# imagereview: ignore[a] why not",
                Some(Ok((0, true, &["a"][..], "why not"))),
            ),
            (
                "  #imagereview:ignore [ a , b-c ]  why \r",
                Some(Ok((2, true, &["a", "b-c"], "why"))),
            ),
            (
                "image: x # imagereview: ignore[a] why",
                Some(Ok((9, false, &["a"], "why"))),
            ),
            (
                "image: x\t#  imagereview: ignore[a] why",
                Some(Ok((9, false, &["a"], "why"))),
            ),
            (
                "# imagereview: ignore[a]",
                Some(Err((0, CommentError::NoReason))),
            ),
            (
                "# imagereview: ignore[a]  ",
                Some(Err((0, CommentError::NoReason))),
            ),
            (
                "# imagereview: ignore why",
                Some(Err((0, CommentError::Form))),
            ),
            (
                "# imagereview: ignore[] why",
                Some(Err((0, CommentError::Form))),
            ),
            (
                "# imagereview: ignore[a,] why",
                Some(Err((0, CommentError::Form))),
            ),
            (
                "# imagereview: ignored[a] why",
                Some(Err((0, CommentError::Form))),
            ),
            ("# imagereview: allow", Some(Err((0, CommentError::Form)))),
            // No comment for this program, or none at all.
            ("image: x# imagereview: ignore[a] why", None),
            ("imagereview: ignore[a] why", None),
            ("# see imagereview: ignore[a] why", None),
        ] {
            let found = comments(line).pop().map(|found| {
                found.map(|found| (found.at, found.is_alone, found.rules, found.reason))
            });
            let expected = expected.map(|expected| {
                expected.map(|(at, is_alone, rules, reason)| (at, is_alone, rules.to_vec(), reason))
            });
            assert_eq!(found, expected, "{line:?}");
        }
    }

    #[test]
    fn a_comment_is_about_its_line_or_the_one_below() {
        let text = "# imagereview: ignore[a] x\r\n# more\r\nimage: IMAGE # imagereview: ignore[b] y\r\n\
                    # imagereview: ignore[c] z\r\nname: n # imagereview: ignore[d] z\r\n";
        let comments: Vec<Comment<'_>> = comments(text).into_iter().map(Result::unwrap).collect();
        let at = text.find("IMAGE").unwrap();
        let found: Vec<&str> = about(text, &(at..at + 5), &comments)
            .map(|comment| comment.rules[0])
            .collect();
        assert_eq!(found, ["a", "b"]);
        let at = text.find(" n ").unwrap() + 1;
        let found: Vec<&str> = about(text, &(at..at + 1), &comments)
            .map(|comment| comment.rules[0])
            .collect();
        assert_eq!(found, ["c", "d"]);
        // A blank line parts them.
        let text = "# imagereview: ignore[a] x\n\nIMAGE";
        let comments: Vec<Comment<'_>> = super::comments(text)
            .into_iter()
            .map(Result::unwrap)
            .collect();
        assert_eq!(about(text, &(28..33), &comments).count(), 0);
    }
}
