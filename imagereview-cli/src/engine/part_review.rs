//! Reviews one part of an input: finds its documents, decides them, and finds where their images
//! are.

mod comments;
mod compose;
mod kustomization;
mod patch;
mod pipeline;

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
    workload::{Manifest, UnreadableObject, Workload},
};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::Value as Json;

use self::patch::without_missing_images;
use super::{
    context::Context,
    object::{title, title_of_unreadable},
    reviewed::{Diagnostic, ReviewedDocument, ReviewedFile, ReviewedImage, VIOLATIONS_LIMIT},
    template::template_of,
    undeclared::{is_custom, undeclared},
    unreviewed::chart_of,
};
use crate::input::{
    Input, Lines, Position, Source, StreamError, Syntax,
    agreement::{Disagreement, agree, agree_in_full, may_matter},
    dockerfile::{self, DockerfileError, DockerfileErrorKind},
    documents::{Documents, JsonError},
    from_yaml, json_error, locate,
    pipeline::PipelineKind,
    yaml_error,
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
    input: &'r Input,
    syntax: Syntax,
    file: ReviewedFile,
}

impl<'r> PartReview<'r> {
    /// The review of a text; `file` says where it begins in the input.
    pub(super) fn new(
        context: &'r Context<'r>,
        text: &'r str,
        input: &'r Input,
        file: ReviewedFile,
    ) -> Self {
        Self {
            context,
            text,
            start: file.start.position,
            lines: OnceCell::new(),
            input,
            syntax: Syntax::Yaml,
            file,
        }
    }

    /// Reviews everything in the text.
    ///
    /// Before it, so many documents of JSON have been read of the input.
    pub(super) fn run(mut self, syntax: Syntax, json_before: usize) -> ReviewedFile {
        self.syntax = syntax;
        match syntax {
            Syntax::Dockerfile => self.dockerfile(),
            Syntax::Json | Syntax::Yaml => self.documents(syntax, json_before),
        }
        self.check_comments();
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
        if self.input.is_patch {
            documents.iter_mut().for_each(without_missing_images);
        }
        let is_wanted =
            |image: &ReviewedImage| self.context.locates_all || !image.violations.is_empty();
        if let Some(template) = self.rendered_from(&self.text[range.clone()]) {
            for document in &mut documents {
                document.template = Some(template.clone());
            }
        }
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
        for document in documents {
            self.add_located(document);
        }
    }

    /// Adds what came of a document whose images are found. More violations than are kept are an
    /// error: neither a report nor a baseline has them.
    fn add_located(&mut self, mut document: ReviewedDocument) {
        self.exempt_by_comments(&mut document);
        if document.omitted > 0 {
            let (title, omitted) = (&document.title, document.omitted);
            self.file.diagnostics.push(Diagnostic {
                position: None,
                message: format!(
                    "{title}: {omitted} more violations are not shown; of one document, \
                     {VIOLATIONS_LIMIT} are"
                ),
                is_error: true,
            });
        }
        self.file.documents.push(document);
    }

    /// The template that a document comes from, where its input has no name of its own.
    fn rendered_from(&self, document: &str) -> Option<String> {
        let chart = match &self.input.source {
            Source::NamedStdin(path) if path.is_dir() => Some(&**path),
            Source::Built(file, ..) => return Some(file.clone()),
            source if source.is_stream() => None,
            _ => return None,
        };
        template_of(document, chart)
    }

    /// Reviews all documents as kubectl tells them apart.
    fn documents(&mut self, syntax: Syntax, json_before: usize) {
        let text = self.text;
        let found = Documents::of(text, syntax, json_before);
        let json_error = found.json_error.as_ref();
        for (index, document) in found.documents.iter().enumerate() {
            let range = document.range.clone();
            if document.is_behind_dashes {
                let position = self.position(range.start);
                self.error(position, "kubectl takes nothing but a comment behind \"---\", and reads no further; begin the document on a line of its own");
            }
            if document.is_json {
                self.json_document(&text[range.clone()], range);
            } else {
                // What was to be JSON is reported as such.
                let error = json_error.filter(|error| error.fallback == Some(index));
                self.yaml_document(range, error.map(|error| &error.error));
            }
        }
        if let Some(JsonError {
            error,
            fallback: None,
        }) = json_error
        {
            self.not_json(error);
        }
    }

    fn not_json(&mut self, error: &serde_json::Error) {
        // In a folder, JSON with comments is most often the settings of some tool.
        if self.input.is_named || may_matter(self.text) {
            let position = self.start.within(error.line(), error.column());
            if is_action(self.text, error) {
                self.template(position);
            } else {
                self.error(position, json_error(error));
            }
        } else {
            self.file.skipped += 1;
        }
    }

    /// Whether a text that can't be read was meant to be reviewed.
    fn may_be_kubernetes(&self) -> bool {
        let has =
            |word: &str| memchr::memmem::find(self.text.as_bytes(), word.as_bytes()).is_some();
        self.input.is_named
            || self.input.source.is_kubectls()
            || has("apiVersion")
            || has("services")
    }

    fn json_document(&mut self, document: &str, range: Range<usize>) {
        let type_meta: TypeMeta<'_> = serde_json::from_str(document).unwrap_or_default();
        let bytes = document.as_bytes();
        if let Some(kustomization) = self.kustomization_of(document) {
            return self.kustomization(&kustomization, range);
        }
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
                        self.error(position, json_error(&error));
                    }
                }
            }
        }
    }

    /// Reviews one that is at these bytes of the text, there perhaps not in JSON.
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

    fn yaml_document(&mut self, range: Range<usize>, json_error: Option<&serde_json::Error>) {
        let text = &self.text[range.clone()];
        let pipeline = PipelineKind::of(&self.input.source);
        if let Some(kind) = pipeline.filter(|_| self.input.is_named) {
            return self.pipeline(kind, range);
        }
        if let Err(error) = agree(text) {
            return self.disagree(&error, &range, json_error);
        }
        if let Some(kustomization) = self.kustomization_of(text) {
            return self.kustomization(&kustomization, range);
        }
        let kinds = self.context.policy.kinds();
        match from_yaml(text, |yaml| kinds.deserialize(yaml)) {
            Ok(manifest) => match json_error {
                // What is named is meant to be read as what it is.
                Some(error) if self.input.is_named && self.is_other(text) => self.not_json(error),
                _ => self.manifest(manifest, range),
            },
            Err(error) => match agree_in_full(text) {
                // What kubectl reads is no template.
                Ok(()) if Self::is_compose_file(text) => self.compose(range),
                // It is YAML, and no object in any reading.
                Ok(()) if !self.input.is_named && !may_matter(text) => self.file.skipped += 1,
                Ok(()) => {
                    let start = self.position(range.start);
                    let (position, message) = yaml_error(&error, start);
                    self.error(position, message);
                }
                Err(disagreement) => self.disagree(&disagreement, &range, json_error),
            },
        }
    }

    /// Whether a document is read, and holds something else than objects.
    fn is_other(&self, text: &str) -> bool {
        let kinds = self.context.policy.kinds();
        let manifest = from_yaml(text, |yaml| kinds.deserialize(yaml));
        manifest.is_ok_and(|manifest| {
            let mut objects = manifest.into_iter().peekable();
            objects.peek().is_some()
                && objects
                    .all(|object| object.is_err_and(|object| is_other_document(object.error())))
        })
    }

    /// Reports a document that is not read as kubectl reads it.
    fn disagree(
        &mut self,
        error: &Disagreement,
        range: &Range<usize>,
        json_error: Option<&serde_json::Error>,
    ) {
        let kinds = self.context.policy.kinds();
        let text = &self.text[range.clone()];
        let read = from_yaml(text, |yaml| kinds.deserialize(yaml)).map(drop);
        if error.kind.is_read_by_kubectl() {
            let position = self.position(range.start + error.at);
            return self.error(position, error.kind.to_string());
        }
        match (read, json_error) {
            // Of what is no object in any reading, nobody creates one.
            (Ok(()), _) if !may_matter(text) && self.is_other(text) => self.file.skipped += 1,
            (Ok(()), _) => {
                if text.contains("{{") {
                    // To YAML, an action is a mapping in another.
                    let at = text[..error.at].trim_end_matches('{').len();
                    self.template(self.position(range.start + at));
                } else {
                    let position = self.position(range.start + error.at);
                    self.error(position, error.kind.to_string());
                }
            }
            (Err(_), Some(json_error)) => self.not_json(json_error),
            (Err(error), None) => self.not_yaml(&error, range),
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

    /// Reports a template. In a folder it is no error: charts are beside manifests.
    fn template(&mut self, position: Position) {
        let chart = self.input.source.folder().and_then(chart_of);
        let chart = chart.map_or("CHART".to_owned(), |chart| chart.display().to_string());
        self.file.diagnostics.push(Diagnostic {
            position: Some(position),
            message: format!(
                "this is a template and not YAML yet, so it was not reviewed; render it first: \
                 helm template {chart} | imagereview review -"
            ),
            is_error: self.input.is_named,
        });
    }

    fn manifest(&mut self, manifest: Manifest<'_>, range: Range<usize>) {
        self.objects(manifest.into_iter(), range);
    }

    fn objects<'a>(
        &mut self,
        manifest: impl Iterator<Item = Result<Workload<'a>, UnreadableObject<'a>>>,
        range: Range<usize>,
    ) {
        let mut objects = Vec::new();
        let mut is_kubernetes = true;
        let mut reviewed = Vec::new();
        let (mut is_image_review, mut is_admission_review, mut has_custom) = (false, false, false);
        for object in manifest {
            match object {
                Ok(object) if object.kind().name() == image_review::KIND => is_image_review = true,
                Ok(object) if object.kind().name() == admission_review::KIND => {
                    is_admission_review = true;
                }
                Ok(object) if object.is_known() => {
                    if is_custom(&object.kind()) {
                        has_custom = true;
                        let images = object.images();
                        reviewed.extend(images.map(|(_, place)| place.path().to_string()));
                    }
                    // One image that is still to be filled in must not keep the others from being
                    // reviewed, unless nothing can be made of the object as it is.
                    let is_open = |text: &str| text.contains("{{");
                    let is_template = object.name().is_some_and(is_open)
                        || object.namespace().is_some_and(is_open)
                        || object.images().all(|(image, _)| is_open(image));
                    let first = object
                        .images()
                        .find(|(image, _)| is_template && is_open(image));
                    objects.push(if let Some((_, place)) = first {
                        Object::Template(place.path().to_string())
                    } else {
                        let kind = object.kind();
                        let title = title(kind.name(), object.namespace(), object.name());
                        Object::Reviewed(self.context.decide_object(title, object.review()))
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
                Err(object) => objects.push(Object::Unreadable(object)),
            }
        }
        if is_image_review {
            self.image_review_in_yaml(&range);
        }
        if is_admission_review {
            self.admission_review_in_yaml(&range);
        }
        if has_custom {
            self.undeclared(&range, &reviewed);
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
        objects: Vec<Object<'_>>,
        range: &Range<usize>,
    ) -> Vec<ReviewedDocument> {
        let paths = objects.iter().filter_map(|object| match object {
            Object::Reviewed(_) => None,
            Object::Template(path) => Some(&**path),
            Object::Unreadable(object) => Some(object.error().path()),
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
                Object::Unreadable(object) => {
                    let (path, readable) = (object.error().path(), object.readable());
                    let is_template = text[start_of(path)..].starts_with("{{");
                    if is_template {
                        self.template(self.position(start_of(path)));
                    }
                    if readable.images().len() > 0 {
                        let (namespace, name) = (readable.namespace(), readable.name());
                        let title = title(readable.kind().name(), namespace, name);
                        let review = if is_template {
                            readable.review()
                        } else {
                            object.review()
                        };
                        documents.push(self.context.decide_object(title, review));
                    } else if !is_template {
                        let json = json.get_or_init(|| {
                            let json =
                                from_yaml(&text[range.clone()], |yaml| Json::deserialize(yaml));
                            json.unwrap_or_default()
                        });
                        let title = title_of_unreadable(json, path);
                        documents.push(self.context.decide_object(title, object.review()));
                    }
                }
            }
        }
        documents
    }

    /// Reports images in objects that were skipped. It is no error: they may be no containers.
    fn undeclared(&mut self, range: &Range<usize>, reviewed: &[String]) {
        let kinds = self.context.policy.kinds();
        let reviewed = reviewed.iter().map(String::as_str).collect();
        for object in undeclared(&self.text[range.clone()], kinds, &reviewed) {
            let position = self.position(range.start + object.at);
            self.file.diagnostics.push(Diagnostic {
                position: Some(position),
                message: object.to_string(),
                is_error: false,
            });
            if object.is_skipped {
                self.file.skipped = self.file.skipped.saturating_sub(1);
            }
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

    /// Reviews a list of objects as if it were the items of a `List`; false if it is none.
    ///
    /// kubectl takes no such list, but programs that call the API do.
    fn bare_list(&mut self, range: &Range<usize>) -> bool {
        let read = from_yaml(&self.text[range.clone()], |yaml| Json::deserialize(yaml));
        let Ok(Json::Array(items)) = read else {
            return false;
        };
        let is_object = |item: &Json| item["apiVersion"].is_string() && item["kind"].is_string();
        if !items.iter().any(is_object) {
            return false;
        }
        let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": items});
        let kinds = self.context.policy.kinds();
        let Ok(manifest) = kinds.deserialize(&list) else {
            return false;
        };
        // Other elements are no objects of Kubernetes.
        let is_other = |object: &UnreadableObject<'_>| {
            let path = object.error().path().split_once(']');
            path.is_some_and(|(_, field)| ["", ".kind", ".apiVersion"].contains(&field))
        };
        let objects = manifest.into_iter();
        let objects = objects.filter(|object| !object.as_ref().is_err_and(is_other));
        self.objects(objects, range.clone());
        true
    }

    fn dockerfile(&mut self) {
        if self
            .input
            .source
            .file_name()
            .is_some_and(dockerfile::is_template)
        {
            self.file.diagnostics.push(Diagnostic {
                position: None,
                message:
                    "this is a template of a Dockerfile, so it was not reviewed; render it first"
                        .to_owned(),
                is_error: self.input.is_named,
            });
            return;
        }
        let images = dockerfile::base_images(self.text, &self.context.variables);
        // What a folder holds may only be named so.
        let is_none = |image: &Result<_, DockerfileError>| {
            image
                .as_ref()
                .is_err_and(|error| error.kind == DockerfileErrorKind::NoStage)
        };
        if !self.input.is_named && images.iter().any(is_none) {
            self.file.skipped += 1;
            return;
        }
        let mut review = Review::new();
        let mut spans = Vec::new();
        for image in &images {
            match image {
                Ok(image) => {
                    let place = Location::new(image.instruction, image.index, "");
                    review.add_image(&image.reference, place);
                    spans.push(image.span.clone());
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
        self.add_located(document);
    }
}

/// What is known of an object that is to be reviewed.
enum Object<'t> {
    Reviewed(ReviewedDocument),
    /// An image of it, at this path, has an action of a template in it.
    Template(String),
    Unreadable(UnreadableObject<'t>),
}

/// Whether JSON ends where an action of a template begins, or right behind its first brace.
fn is_action(text: &str, error: &serde_json::Error) -> bool {
    let line = text.split('\n').nth(error.line().saturating_sub(1));
    let line = line.unwrap_or_default().as_bytes();
    let at = error.column().min(line.len());
    line[at.saturating_sub(2)..(at + 1).min(line.len())]
        .windows(2)
        .any(|two| two == b"{{")
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
