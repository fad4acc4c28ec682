//! Reviews one part of an input: finds its documents, decides them, and finds where their images
//! stand.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use imagereview_core::{
    AdmissionReview, DecodeError, ImageReview, Location, Review,
    object::{ObjectError, ObjectErrorKind},
    wire::{admission_review, image_review},
    workload::Manifest,
};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::{Value as Json, value::RawValue};

use super::{
    context::Context,
    object::{title, title_of_unreadable},
    reviewed::{Diagnostic, ReviewedDocument, ReviewedFile, ReviewedImage},
    undeclared::{is_custom, undeclared},
};
use crate::input::{
    ComposeFile, Lines, Position, StreamError, Syntax,
    dockerfile::{self, DockerfileErrorKind},
    fill_in, from_yaml, locate, without_position, yaml, yaml_error,
};

/// The kind of an object, if it has one.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TypeMeta<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
}
/// The review of one part of an input.
pub(super) struct PartReview<'r> {
    context: &'r Context<'r>,
    text: &'r str,
    /// Where the text begins in the input.
    start: Position,
    /// Found where the first position is asked for.
    lines: OnceCell<Lines<'r>>,
    is_named: bool,
    file: ReviewedFile,
}

impl<'r> PartReview<'r> {
    /// The review of a text; `file` is told where it begins in the input.
    pub(super) fn new(
        context: &'r Context<'r>,
        text: &'r str,
        is_named: bool,
        file: ReviewedFile,
    ) -> Self {
        Self {
            context,
            text,
            start: file.start.position,
            lines: OnceCell::new(),
            is_named,
            file,
        }
    }

    /// Reviews everything in the text.
    pub(super) fn run(mut self, syntax: Syntax) -> ReviewedFile {
        match syntax {
            Syntax::Dockerfile => self.dockerfile(),
            Syntax::Json => self.json(),
            Syntax::Yaml => self.yaml(),
        }
        self.file
    }

    fn error(&mut self, position: Position, message: impl Into<String>) {
        self.file.diagnostics.push(Diagnostic {
            position: Some(position),
            message: message.into(),
            is_error: true,
        });
    }

    fn lines(&self) -> &Lines<'_> {
        self.lines.get_or_init(|| Lines::new(self.text, self.start))
    }

    /// Where a part of the text begins.
    fn position(&self, offset: usize) -> Position {
        self.lines().position(offset)
    }

    /// Adds what came of the document at these bytes, and finds its images there. Their paths begin
    /// behind `prefix`.
    fn add(&mut self, mut documents: Vec<ReviewedDocument>, range: Range<usize>, prefix: &str) {
        let is_wanted =
            |image: &ReviewedImage| self.context.locates_all || !image.violations.is_empty();
        let images = documents.iter().flat_map(|document| &document.images);
        let paths: Vec<String> = images
            .filter(|image| is_wanted(image))
            .map(|image| format!("{prefix}{}", image.path))
            .collect();
        if !paths.is_empty() {
            let start = range.start;
            let found = locate(&self.text[range], paths.iter().map(String::as_str));
            let images = documents
                .iter_mut()
                .flat_map(|document| &mut document.images);
            for (image, path) in images.filter(|image| is_wanted(image)).zip(&paths) {
                let span = found.get(&**path);
                let span = span.map(|span| span.start + start..span.end + start);
                image.locate(span, self.text, self.lines());
            }
        }
        self.file.documents.append(&mut documents);
    }

    fn json(&mut self) {
        let mut documents = serde_json::Deserializer::from_str(self.text).into_iter::<&RawValue>();
        while let Some(document) = documents.next() {
            match document {
                Ok(document) => {
                    let end = documents.byte_offset();
                    self.json_document(document.get(), end - document.get().len()..end);
                }
                // In a folder, JSON with comments is most often the settings of some tool.
                Err(_) if !self.may_be_kubernetes() => {
                    self.file.skipped += 1;
                    return;
                }
                Err(error) => {
                    let position = self.start.within(error.line(), error.column());
                    self.error(position, without_position(&error));
                    return;
                }
            }
        }
    }

    /// Whether a text that can't be read was meant to be reviewed.
    fn may_be_kubernetes(&self) -> bool {
        let has =
            |word: &str| memchr::memmem::find(self.text.as_bytes(), word.as_bytes()).is_some();
        self.is_named || has("apiVersion") || has("services")
    }

    fn json_document(&mut self, document: &str, range: Range<usize>) {
        let type_meta: TypeMeta<'_> = serde_json::from_str(document).unwrap_or_default();
        let bytes = document.as_bytes();
        match type_meta.kind.as_deref() {
            Some(image_review::KIND) => match ImageReview::from_slice(bytes) {
                Ok(review) => {
                    let document = self.context.decide(image_review::KIND, review.review());
                    self.add(vec![document], range, "");
                }
                Err(error) => self.not_decoded(error, range.start),
            },
            Some(admission_review::KIND) => {
                if let Err(error) = self.admission_review(bytes, range.clone()) {
                    self.not_decoded(error, range.start);
                }
            }
            _ => {
                let kinds = self.context.policy.kinds();
                let mut json = serde_json::Deserializer::from_str(document);
                match kinds.deserialize(&mut json) {
                    Ok(manifest) => self.manifest(manifest, range),
                    Err(_) if !self.may_be_kubernetes() => self.file.skipped += 1,
                    Err(error) => {
                        let start = self.position(range.start);
                        let position = start.within(error.line(), error.column());
                        self.error(position, without_position(&error));
                    }
                }
            }
        }
    }

    /// Reviews one that stands at these bytes of the text, there perhaps not in JSON.
    fn admission_review(&mut self, json: &[u8], range: Range<usize>) -> Result<(), DecodeError> {
        let review = AdmissionReview::from_slice_with(json, self.context.policy.kinds())?;
        let title = format!("{} of {}", admission_review::KIND, review.kind().name());
        let document = self.context.decide(title, review.review());
        self.add(vec![document], range, "request.object.");
        Ok(())
    }

    fn not_decoded(&mut self, error: DecodeError, start: usize) {
        let error = StreamError::new(self.position(start), error);
        self.error(error.position(), error.message());
    }

    fn yaml(&mut self) {
        for range in yaml::documents(self.text) {
            let kinds = self.context.policy.kinds();
            match from_yaml(&self.text[range.clone()], |yaml| kinds.deserialize(yaml)) {
                Ok(manifest) => self.manifest(manifest, range),
                Err(error) => self.not_yaml(&error, &range),
            }
        }
    }

    fn not_yaml(&mut self, error: &serde_saphyr::Error, range: &Range<usize>) {
        if !self.may_be_kubernetes() {
            self.file.skipped += 1;
            return;
        }
        let start = self.position(range.start);
        let (position, message) = yaml_error(error, start);
        if self.text[range.clone()].contains("{{") {
            self.template(position);
        } else {
            self.error(position, message);
        }
    }

    /// Tells of a template. In a folder it is no error: charts stand beside manifests.
    fn template(&mut self, position: Position) {
        self.file.diagnostics.push(Diagnostic {
            position: Some(position),
            message:
                "this is a template and not YAML yet, so it was not reviewed; render it first: \
                      helm template CHART | imagereview review -"
                    .to_owned(),
            is_error: self.is_named,
        });
    }

    fn manifest(&mut self, manifest: Manifest<'_>, range: Range<usize>) {
        let is_json = self.text[range.clone()].trim_start().starts_with('{');
        let mut objects = Vec::new();
        let mut is_kubernetes = true;
        let (mut is_image_review, mut is_admission_review, mut has_custom) = (false, false, false);
        for object in manifest {
            match object {
                Ok(object) if object.kind().name() == image_review::KIND => is_image_review = true,
                Ok(object) if object.kind().name() == admission_review::KIND => {
                    is_admission_review = true;
                }
                Ok(object) if object.is_known() => {
                    // One image that is still to be filled in must not keep the others from being
                    // reviewed, unless nothing can be made of the object as it stands. Nor is JSON
                    // that a program wrote a template.
                    let is_open = |text: &str| text.contains("{{");
                    let is_template = !is_json
                        && (object.name().is_some_and(is_open)
                            || object.namespace().is_some_and(is_open)
                            || object.images().all(|(image, _)| is_open(image)));
                    let first = object
                        .images()
                        .find(|(image, _)| is_template && is_open(image));
                    objects.push(if let Some((_, place)) = first {
                        Object::Template(place.path().to_string())
                    } else {
                        let kind = object.kind();
                        let title = title(kind.name(), object.namespace(), object.name());
                        Object::Reviewed(self.context.decide(title, object.review()))
                    });
                }
                Ok(object) => {
                    self.file.skipped += 1;
                    has_custom |= is_custom(&object.kind());
                }
                Err(object) if is_other_document(object.error()) => is_kubernetes = false,
                // A patch, that some tool is still to put together with the object.
                Err(object)
                    if is_missing(object.error()) && object.error().path().ends_with("spec") =>
                {
                    self.file.skipped += 1;
                }
                Err(object) => {
                    let readable = object.readable();
                    if readable.images().len() > 0 {
                        let title = title(
                            readable.kind().name(),
                            readable.namespace(),
                            readable.name(),
                        );
                        objects.push(Object::Reviewed(
                            self.context.decide(title, readable.review()),
                        ));
                    }
                    objects.push(Object::Unreadable(object.error().clone()));
                }
            }
        }
        if is_image_review {
            self.image_review_in_yaml(&range);
        }
        if is_admission_review {
            self.admission_review_in_yaml(&range);
        }
        if has_custom {
            self.undeclared(&range);
        }
        if is_kubernetes {
            let documents = self.without_templates(objects, &range);
            self.add(documents, range, "");
        } else {
            self.compose(range);
        }
    }

    /// What came of the objects of the document at these bytes; of those that are templates, that is
    /// told. The document is looked through once, however many objects are not well.
    fn without_templates(
        &mut self,
        objects: Vec<Object>,
        range: &Range<usize>,
    ) -> Vec<ReviewedDocument> {
        let paths = objects.iter().filter_map(|object| match object {
            Object::Reviewed(_) => None,
            Object::Template(path) => Some(&**path),
            Object::Unreadable(error) => Some(error.path()),
        });
        let paths: BTreeSet<String> = paths.map(str::to_owned).collect();
        let text = self.text;
        let found = if paths.is_empty() {
            BTreeMap::new()
        } else {
            locate(&text[range.clone()], paths.iter().map(String::as_str))
        };
        let start_of = |path: &str| range.start + found.get(path).map_or(0, |span| span.start);
        let json = OnceCell::new();
        let mut documents = Vec::new();
        for object in objects {
            match object {
                Object::Reviewed(document) => documents.push(document),
                Object::Template(path) => self.template(self.position(start_of(&path))),
                // To YAML, an action is a mapping.
                Object::Unreadable(error) if text[start_of(error.path())..].starts_with("{{") => {
                    self.template(self.position(start_of(error.path())));
                }
                Object::Unreadable(error) => {
                    let json = json.get_or_init(|| {
                        let json = from_yaml(&text[range.clone()], |yaml| Json::deserialize(yaml));
                        json.unwrap_or_default()
                    });
                    let title = title_of_unreadable(json, error.path());
                    let review = Review::new().with_unreadable_object(&error);
                    documents.push(self.context.decide(title, review));
                }
            }
        }
        documents
    }

    /// Tells of images in objects that were passed over. It is no error: they may be no containers.
    fn undeclared(&mut self, range: &Range<usize>) {
        let kinds = self.context.policy.kinds();
        for object in undeclared(&self.text[range.clone()], kinds) {
            let position = self.position(range.start + object.at);
            self.file.diagnostics.push(Diagnostic {
                position: Some(position),
                message: object.to_string(),
                is_error: false,
            });
            self.file.skipped = self.file.skipped.saturating_sub(1);
        }
    }

    /// The API server writes them in JSON, so that is what is read.
    fn admission_review_in_yaml(&mut self, range: &Range<usize>) {
        let text = &self.text[range.clone()];
        let json = match from_yaml(text, |yaml| Json::deserialize(yaml)) {
            Ok(review) => review.to_string(),
            Err(error) => return self.not_yaml(&error, range),
        };
        if let Err(error) = self.admission_review(json.as_bytes(), range.clone()) {
            // Its line and column are those of the JSON.
            let start = self.position(range.start);
            self.error(start, StreamError::new(start, error).message());
        }
    }

    fn image_review_in_yaml(&mut self, range: &Range<usize>) {
        match from_yaml(&self.text[range.clone()], |yaml| {
            ImageReview::deserialize(yaml)
        }) {
            Ok(review) => {
                let document = self.context.decide(image_review::KIND, review.review());
                self.add(vec![document], range.clone(), "");
            }
            Err(error) => {
                let start = self.position(range.start);
                let (position, message) = yaml_error(&error, start);
                self.error(position, message);
            }
        }
    }

    /// Reviews a document without a kind, if it is a Compose file.
    fn compose(&mut self, range: Range<usize>) {
        let read = from_yaml(&self.text[range.clone()], |yaml| {
            ComposeFile::deserialize(yaml)
        });
        let Ok(file) = read else {
            self.file.skipped += 1;
            return;
        };
        let mut images = Vec::new();
        for (image, path) in file.images() {
            match fill_in(image, &self.context.variables) {
                Ok(image) => images.push((image, path)),
                Err(error) => {
                    let found = locate(&self.text[range.clone()], [&*path]);
                    let offset = found.get(&*path).map_or(0, |span| span.start);
                    let position = self.position(range.start + offset);
                    self.error(position, error.to_string());
                }
            }
        }
        let mut review = Review::with_capacity(images.len());
        for (image, path) in &images {
            review.add_image(image, Location::at(&**path));
        }
        let document = self.context.decide("Compose file", review);
        self.add(vec![document], range, "");
    }

    fn dockerfile(&mut self) {
        let images = dockerfile::base_images(self.text, &self.context.variables);
        let mut review = Review::new();
        let mut spans = Vec::new();
        for image in &images {
            match image {
                Ok(image) => {
                    let place = Location::new(image.instruction, image.index, "");
                    review.add_image(&image.reference, place);
                    spans.push(image.span.clone());
                }
                // What a folder holds may only be named so.
                Err(error) if error.kind == DockerfileErrorKind::NoStage && !self.is_named => {
                    self.file.skipped += 1;
                    return;
                }
                Err(error) => {
                    let position = self.position(error.span.start);
                    self.error(position, error.kind.to_string());
                }
            }
        }
        let mut document = self.context.decide("Dockerfile", review);
        for (image, span) in document.images.iter_mut().zip(spans) {
            image.locate(Some(span), self.text, self.lines());
        }
        self.file.documents.push(document);
    }
}

/// What is known of an object that is to be reviewed.
enum Object {
    Reviewed(ReviewedDocument),
    /// An image of it, at this path, has an action of a template in it.
    Template(String),
    Unreadable(ObjectError),
}
fn is_missing(error: &ObjectError) -> bool {
    matches!(error.kind(), ObjectErrorKind::Missing)
}

/// Whether a document is none of Kubernetes': it is no object, or has no kind, or an `apiVersion`
/// that is not text.
fn is_other_document(error: &ObjectError) -> bool {
    match error.kind() {
        ObjectErrorKind::Missing => error.path() == "kind",
        ObjectErrorKind::WrongType { .. } => matches!(error.path(), "" | "apiVersion"),
        _ => false,
    }
}
