//! A stream of review requests in JSON, read in memory that does not grow with their number.

use std::io::{self, Read};

use imagereview_core::{
    AdmissionReview, DecodeError, ImageReview,
    wire::{admission_review, image_review},
    workload::WorkloadKinds,
};
use serde_json::{Deserializer, value::RawValue};

use super::{explanation::near, json::json_error, position::Position};

/// How much is asked of the reader at a time, in bytes. A pipe gives at most 64 KiB.
const READ_LEN: usize = 128 << 10;

/// An unfinished document of at most so many bytes is tried again after each read, so that whoever
/// writes documents and waits for the responses gets them. A longer one is tried again only when
/// twice as much is there, so that the time stays linear. An API server sends at most 3 MiB.
const EAGER_LEN: usize = 4 << 20;

/// A request to decide about images.
#[derive(Debug)]
pub(crate) enum ReviewRequest<'a> {
    Image(ImageReview<'a>),
    Admission(Box<AdmissionReview<'a>>),
}

impl<'a> ReviewRequest<'a> {
    /// Reads one of either kind.
    fn from_slice(document: &'a [u8], kinds: &'a WorkloadKinds) -> Result<Self, DecodeError> {
        match ImageReview::from_slice(document) {
            Err(DecodeError::WrongKind { found, .. })
                if found.as_deref() == Some(admission_review::KIND) =>
            {
                let review = AdmissionReview::from_slice_with(document, kinds)?;
                Ok(Self::Admission(Box::new(review)))
            }
            read => read.map(Self::Image),
        }
    }
}

/// `ImageReview`s and `AdmissionReview`s one after another, with or without white space between
/// them.
///
/// Documents are read in place, several at a time, and only the unfinished rest of the buffer is
/// moved: one pass over the bytes, and no copies of strings. Only a document that cannot be read
/// is read again, to tell where it ends and what is wrong with it. An `AdmissionReview` is one of
/// these too: streams of `ImageReview`s are those that are long.
pub(crate) struct ReviewStream<'k, R> {
    reader: R,
    /// The kinds of objects that an `AdmissionReview` may hold.
    kinds: &'k WorkloadKinds,
    buffer: Vec<u8>,
    /// Where the buffer begins.
    position: Position,
    is_at_end: bool,
}

/// A document of the stream that is no review.
#[derive(Debug)]
pub(crate) struct StreamError {
    position: Position,
    error: DecodeError,
}

impl StreamError {
    /// The error of a document that begins there.
    pub(crate) fn new(start: Position, error: DecodeError) -> Self {
        let position = match error.line_and_column() {
            Some((line, column)) => start.within(line, column),
            None => start,
        };
        Self { position, error }
    }

    /// Where it is wrong.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    /// The JSON path, where one is known, and what is wrong.
    pub(crate) fn message(&self) -> String {
        match &self.error {
            DecodeError::Json { path, source } => match &**path {
                "" | "." => json_error(source),
                path => format!("{path}: {}", json_error(source)),
            },
            DecodeError::WrongKind { found, .. } => {
                let kinds = [image_review::KIND, admission_review::KIND];
                let found = match found.as_deref() {
                    Some(found) => format!("kind is {found:?}{}", near(found, &kinds)),
                    None => "kind is missing".to_owned(),
                };
                format!("{found}; write a request of kind {}", kinds.join(" or "))
            }
            error => error.to_string(),
        }
    }
}

impl<'k, R: Read> ReviewStream<'k, R> {
    pub(crate) fn new(reader: R, kinds: &'k WorkloadKinds) -> Self {
        Self {
            reader,
            kinds,
            buffer: Vec::new(),
            position: Position::START,
            is_at_end: false,
        }
    }

    /// Reads on; false at the end of the stream.
    pub(crate) fn read_more(&mut self) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        let unfinished = self.buffer.len();
        let wanted = if unfinished > EAGER_LEN {
            2 * unfinished
        } else {
            unfinished + 1
        };
        while self.buffer.len() < wanted {
            let filled = self.buffer.len();
            self.buffer.resize(filled + READ_LEN, 0);
            let read = self.reader.read(&mut self.buffer[filled..]);
            self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => {
                    self.is_at_end = true;
                    break;
                }
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
        }
        Ok(true)
    }

    /// Shows each document that has been read whole. After text that is not JSON nothing follows.
    pub(crate) fn visit<E>(
        &mut self,
        mut visit: impl FnMut(Result<ReviewRequest<'_>, StreamError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (text, is_cut) = match str::from_utf8(&self.buffer) {
            Ok(text) => (text, false),
            Err(error) => {
                let valid = &self.buffer[..error.valid_up_to()];
                // A character that is cut off may be completed by the next read.
                let is_cut = error.error_len().is_some() || self.is_at_end;
                (str::from_utf8(valid).unwrap_or_default(), is_cut)
            }
        };
        // Whether nothing can be added to the text that is here.
        let is_all = is_cut || self.is_at_end;
        let mut done = 0;
        let mut failed = false;
        loop {
            let mut reviews = Deserializer::from_str(&text[done..]).into_iter::<ImageReview<'_>>();
            let problem = loop {
                match reviews.next() {
                    Some(Ok(review)) => visit(Ok(ReviewRequest::Image(review)))?,
                    Some(Err(error)) => break Some(error),
                    None => break None,
                }
            };
            // The start of the document that can't be read, or the end of the text.
            done += reviews.byte_offset();
            let Some(problem) = problem else {
                if is_cut {
                    failed = true;
                    visit(Err(self.not_utf8(done, text.len())))?;
                }
                break;
            };
            if problem.is_eof() && !is_all {
                break;
            }
            let rest = &text[done..];
            let end = match Deserializer::from_str(rest).into_iter::<&RawValue>().next() {
                Some(Ok(document)) => document.get().len(),
                Some(Err(error)) if error.is_eof() && !is_all => break,
                _ => {
                    failed = true;
                    rest.len()
                }
            };
            if failed && is_cut && problem.is_eof() {
                visit(Err(self.not_utf8(done, text.len())))?;
                break;
            }
            let start = self.position.after(&self.buffer[..done]);
            let document = &rest.as_bytes()[..end];
            let request = ReviewRequest::from_slice(document, self.kinds);
            visit(request.map_err(|error| StreamError::new(start, error)))?;
            if failed {
                break;
            }
            done += end;
        }
        if failed {
            self.is_at_end = true;
            self.buffer.clear();
        } else {
            self.position = self.position.after(&self.buffer[..done]);
            self.buffer.drain(..done);
        }
        Ok(())
    }

    /// The error of a document that begins at `start` and is no UTF-8 from `valid_up_to` on.
    fn not_utf8(&self, start: usize, valid_up_to: usize) -> StreamError {
        StreamError {
            position: self.position.after(&self.buffer[..valid_up_to]),
            error: DecodeError::NotUtf8 {
                valid_up_to: valid_up_to - start,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":"é"}]}}"#;

    /// A reader that gives so many bytes at a time.
    struct Trickle<'a>(&'a [u8], usize);

    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(self.0.len()).min(buffer.len());
            let (now, later) = self.0.split_at(len);
            buffer[..len].copy_from_slice(now);
            self.0 = later;
            Ok(len)
        }
    }

    /// `ok`, or the position of the error and what it says, for each document.
    fn outcomes(reader: impl Read) -> Vec<String> {
        let mut stream = ReviewStream::new(reader, WorkloadKinds::builtin());
        let mut outcomes = Vec::new();
        while stream.read_more().unwrap() {
            stream
                .visit(|review| {
                    outcomes.push(match review {
                        Ok(ReviewRequest::Image(review)) => review.images().collect(),
                        Ok(ReviewRequest::Admission(review)) => review.uid().to_owned(),
                        Err(error) => format!("{}: {}", error.position(), error.message()),
                    });
                    Ok::<_, io::Error>(())
                })
                .unwrap();
        }
        outcomes
    }

    #[test]
    fn each_document_is_shown_however_the_bytes_arrive() {
        let not_utf8 = [GOOD.as_bytes(), b"\n {\"\xff\"}"].concat();
        let cut_character = [GOOD.as_bytes(), "\n{\"é".as_bytes()].concat();
        let text = String::into_bytes;
        let rows: [(Vec<u8>, &[&str]); 11] = [
            (Vec::new(), &[]),
            (b" \n".to_vec(), &[]),
            (text(GOOD.to_owned()), &["é"]),
            (text(format!("{GOOD}{GOOD}\n\n{GOOD}")), &["é", "é", "é"]),
            // A document of another kind or with a wrong type is skipped.
            (
                text(format!("{GOOD}\n  {{\"kind\":\"Pod\"}}{GOOD}")),
                &[
                    "é",
                    "2:3: kind is \"Pod\"; write a request of kind ImageReview or AdmissionReview",
                    "é",
                ],
            ),
            (
                text(format!("{GOOD}\n{}\n{GOOD}", GOOD.replace("\"é\"", "5"))),
                &[
                    "é",
                    "2:97: spec.containers[0].image: expected a string, found the number 5",
                    "é",
                ],
            ),
            (
                text(
                    ["Reveiw", "Review\",\"kind\":\"ImageReview"]
                        .map(|kind| GOOD.replace("Review", kind))
                        .concat(),
                ),
                &[
                    "1:1: kind is \"ImageReveiw\"; did you mean \"ImageReview\"?; write a request of kind \
                     ImageReview or AdmissionReview",
                    "1:175: the field \"kind\" appears twice; delete one",
                ],
            ),
            // After what is no JSON nothing follows.
            (
                text(format!("{GOOD}\n{{\"kind\": oops}}\n{GOOD}")),
                &[
                    "é",
                    "2:10: kind: this is not valid JSON: write a value here: a text in quotation marks, a number, true, false, null, a list or an object",
                ],
            ),
            (
                text(format!("{GOOD}\n{{\"kind\":\n")),
                &[
                    "é",
                    "3:1: kind: this is not valid JSON: the text ends where a value should follow",
                ],
            ),
            (
                not_utf8,
                &["é", "2:4: the text is not UTF-8 at byte 2; JSON must be"],
            ),
            (
                cut_character[..cut_character.len() - 1].to_vec(),
                &["é", "2:3: the text is not UTF-8 at byte 2; JSON must be"],
            ),
        ];
        for (bytes, expected) in rows {
            for step in [1, 7, usize::MAX] {
                assert_eq!(
                    outcomes(Trickle(&bytes, step)),
                    expected,
                    "{step} bytes at a time: {}",
                    String::from_utf8_lossy(&bytes)
                );
            }
        }
    }

    #[test]
    fn a_document_is_shown_before_more_is_asked_for() {
        let text = GOOD.repeat(3);
        let mut stream = ReviewStream::new(
            Trickle(text.as_bytes(), GOOD.len()),
            WorkloadKinds::builtin(),
        );
        for _ in 0..3 {
            let mut shown = 0;
            assert!(stream.read_more().unwrap());
            stream
                .visit(|_| {
                    shown += 1;
                    Ok::<_, io::Error>(())
                })
                .unwrap();
            assert_eq!(shown, 1);
        }
    }

    #[test]
    fn a_document_longer_than_is_tried_eagerly_is_read() {
        let long = GOOD.replace("é", &"x".repeat(3 * EAGER_LEN));
        let text = format!("{long}{GOOD}");
        let outcomes = outcomes(Trickle(text.as_bytes(), 1 << 20));
        assert_eq!(outcomes.len(), 2);
        assert_eq!(outcomes[1], "é");
    }
}
