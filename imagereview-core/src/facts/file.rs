//! Facts as a file, so that a verdict can be made again without a network.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use super::{Fact, Facts, ImageFacts};
use crate::reference::ImageRef;

/// The `apiVersion` of a file of facts.
const API_VERSION: &str = "imagereview/v1alpha1";

/// The `kind` of a file of facts.
const KIND: &str = "ImageFacts";

/// The longest file of facts that is read, in bytes: some 10,000 images with their labels.
pub const MAX_FILE_LEN: usize = 64 << 20;

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactsFile<'a, F> {
    /// Always `imagereview/v1alpha1`.
    api_version: String,
    /// Always `ImageFacts`.
    kind: String,
    /// When they were saved.
    #[serde(with = "super::time")]
    #[cfg_attr(feature = "schema", schemars(with = "super::time::Text"))]
    saved_at: SystemTime,
    /// Which program asked, for those who read the file.
    saved_by: String,
    /// Each image once.
    #[serde(borrow)]
    images: Vec<FactsOfImage<'a, F>>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FactsOfImage<'a, F> {
    /// The full name, with its tag or its digest.
    #[serde(borrow)]
    image: Cow<'a, str>,
    /// What is known, that there is no such image, or why it is not known.
    facts: Fact<F>,
}

/// Bytes are no file of facts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsFileError {
    /// It is longer than [`MAX_FILE_LEN`].
    #[error("it has {0} bytes, and may have {MAX_FILE_LEN}")]
    TooLong(usize),
    /// It is not JSON, or not of the form.
    #[error("line {line}, column {column}: {path}: {message}")]
    #[non_exhaustive]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The field.
        path: Box<str>,
        /// What is wrong.
        message: Box<str>,
    },
    /// It is of another version or kind.
    #[error("{field} is {found:?}; a file of facts has {expected:?}")]
    #[non_exhaustive]
    Other {
        /// The field.
        field: &'static str,
        /// Its value.
        found: Box<str>,
        /// The value that it must have.
        expected: &'static str,
    },
    /// An image is no full reference.
    #[error("images[{index}].image: {image:?} {reason}")]
    #[non_exhaustive]
    Image {
        /// Its position in the list.
        index: usize,
        /// The image as it is written.
        image: Box<str>,
        /// What is wrong with it.
        reason: Box<str>,
    },
}

impl Facts {
    /// The facts as a file: JSON, with the time at which they were saved, the program that asked, and
    /// for each image when it was asked for and which server answered.
    ///
    /// # Errors
    ///
    /// An error of `serde_json`: a time is out of the range of RFC 3339.
    ///
    /// ```
    /// use imagereview_core::{ImageRef, facts::{Cause, Fact, Facts, Unavailable}};
    /// use std::time::SystemTime;
    ///
    /// let mut facts = Facts::new();
    /// let late = Unavailable::new(Cause::Deadline, "no answer in 3 s");
    /// facts.insert(&ImageRef::parse("nginx:1.27")?, Fact::Unavailable(late));
    /// let file = facts.to_file(SystemTime::UNIX_EPOCH, "example 1.0")?;
    /// assert_eq!(Facts::from_file(file.as_bytes())?, facts);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_file(&self, saved_at: SystemTime, saved_by: &str) -> serde_json::Result<String> {
        let images = self.iter().map(|(image, facts)| FactsOfImage {
            image: image.into(),
            facts: facts.as_ref().map(Arc::as_ref),
        });
        let file = FactsFile {
            api_version: API_VERSION.into(),
            kind: KIND.into(),
            saved_at,
            saved_by: saved_by.into(),
            images: images.collect(),
        };
        serde_json::to_string_pretty(&file).map(|text| text + "\n")
    }

    /// Reads what [`to_file`](Self::to_file) wrote.
    ///
    /// # Errors
    ///
    /// A [`FactsFileError`] with the line and the field.
    pub fn from_file(bytes: &[u8]) -> Result<Self, FactsFileError> {
        if bytes.len() > MAX_FILE_LEN {
            return Err(FactsFileError::TooLong(bytes.len()));
        }
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let file: FactsFile<'_, ImageFacts> =
            serde_path_to_error::deserialize(&mut json).map_err(|error| {
                let path = error.path().to_string().into();
                form(&error.into_inner(), path)
            })?;
        json.end().map_err(|error| form(&error, ".".into()))?;
        for (field, found, expected) in [
            ("apiVersion", file.api_version, API_VERSION),
            ("kind", file.kind, KIND),
        ] {
            if found != expected {
                let found = found.into();
                return Err(FactsFileError::Other {
                    field,
                    found,
                    expected,
                });
            }
        }
        let mut facts = Self::new();
        let mut seen = BTreeMap::new();
        for (index, FactsOfImage { image, facts: fact }) in file.images.into_iter().enumerate() {
            let refuse = |reason: String| FactsFileError::Image {
                index,
                image: (*image).into(),
                reason: reason.into(),
            };
            let reference = ImageRef::parse(&image)
                .map_err(|error| refuse(format!("is no image reference: {error}")))?;
            let name = super::needs::asked(&reference);
            if let Some(first) = seen.insert(name, index) {
                return Err(refuse(format!("is the image of images[{first}] too")));
            }
            facts.insert(&reference, fact.map(Arc::new));
        }
        Ok(facts)
    }
}

fn form(error: &serde_json::Error, path: Box<str>) -> FactsFileError {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    FactsFileError::Form {
        line: error.line(),
        column: error.column(),
        path,
        message: text.strip_suffix(&position).unwrap_or(&text).into(),
    }
}

/// The JSON Schema of a file of facts, of draft 7.
///
/// ```
/// let schema = imagereview_core::facts::json_schema();
/// assert_eq!(schema["title"], "imagereview facts");
/// ```
#[cfg(feature = "schema")]
#[must_use]
pub fn json_schema() -> serde_json::Value {
    let settings = schemars::generate::SchemaSettings::draft07();
    let generator = settings.into_generator();
    let mut schema = generator.into_root_schema_for::<FactsFile<'_, ImageFacts>>();
    schema.insert("title".into(), "imagereview facts".into());
    schema.to_value()
}
