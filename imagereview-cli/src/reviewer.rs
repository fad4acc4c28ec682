//! Reviews what inputs hold.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::BTreeMap,
    io::{self, Read},
    ops::Range,
    path::Path,
    time::SystemTime,
};

use imagereview_core::{
    AdmissionReview, DecodeError, ImageReview, Place, Review,
    review::{admission_review, image_review},
    workload::{Manifest, ObjectError, ObjectErrorKind, Workload},
};
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::value::RawValue;

use crate::{
    fix::Fixer,
    input::{
        ComposeFile, Input, Lines, Position, Source, StreamError, dockerfile, fill_in, locate,
        without_position, yaml,
    },
    policy_file::LoadedPolicy,
    report::{Problem, ReviewedDocument, ReviewedFile},
};

/// How many inputs are reviewed before what came of them is shown. Enough that all cores have
/// work, and few enough that the memory is that of a batch.
const BATCH: usize = 256;

/// Reads inputs and reviews everything in them by one policy.
pub(crate) struct Reviewer<'p> {
    policy: &'p LoadedPolicy,
    /// What changes texts before they are reviewed.
    fixer: Option<Fixer<'p>>,
    /// The values of build arguments and variables.
    variables: BTreeMap<String, String>,
    /// When the run began: the time by which every review of it is judged.
    now: SystemTime,
}

impl<'p> Reviewer<'p> {
    pub(crate) fn new(policy: &'p LoadedPolicy, variables: BTreeMap<String, String>) -> Self {
        Self {
            policy,
            fixer: None,
            variables,
            now: SystemTime::now(),
        }
    }

    /// Reviews what the fixer makes of each text, and not what it was.
    pub(crate) fn with_fixer(mut self, fixer: Option<Fixer<'p>>) -> Self {
        self.fixer = fixer;
        self
    }

    /// Reviews inputs, and shows what came of each in their order.
    pub(crate) fn review_all<E>(
        &self,
        inputs: &[Input],
        mut visit: impl FnMut(ReviewedFile) -> Result<(), E>,
    ) -> Result<(), E> {
        for batch in inputs.chunks(BATCH) {
            let files: Vec<_> = match batch {
                [input] => vec![self.review(input)],
                batch => batch.par_iter().map(|input| self.review(input)).collect(),
            };
            files.into_iter().try_for_each(&mut visit)?;
        }
        Ok(())
    }

    /// Reads an input and reviews everything in it.
    pub(crate) fn review(&self, input: &Input) -> ReviewedFile {
        let name = input.source.to_string();
        let bytes = match read(&input.source) {
            Ok(bytes) => bytes,
            Err(error) => return ReviewedFile::unreadable(name, error.to_string()),
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            // What a folder holds may be anything.
            Err(_) if !input.is_named => return ReviewedFile::passed_over(name),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                return ReviewedFile::unreadable(name, format!("it is not UTF-8 at byte {at}"));
            }
        };
        if text.trim().is_empty() && input.is_named {
            let message = "it is empty, so nothing was reviewed".to_owned();
            return ReviewedFile::unreadable(name, message);
        }
        let syntax = Syntax::of(&input.source, &text);
        let fix = self
            .fixer
            .map(|fixer| fixer.fix(&input.source, &text, syntax));
        let text = match &fix {
            Some(fix) if self.fixer.is_some_and(|fixer| !fixer.is_dry()) => fix.after.clone(),
            _ => text,
        };
        let mut reading = Reading {
            reviewer: self,
            text: &text,
            lines: OnceCell::new(),
            is_named: input.is_named,
            file: ReviewedFile {
                name,
                fix,
                ..ReviewedFile::default()
            },
        };
        match syntax {
            Syntax::Dockerfile => reading.dockerfile(),
            Syntax::Json => reading.json(),
            Syntax::Yaml => reading.yaml(),
        }
        let mut file = reading.file;
        if file.has_violations() {
            file.text = text;
        }
        file
    }
}

fn read(source: &Source) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.open()?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    Dockerfile,
    /// JSON documents, one after another.
    Json,
    Yaml,
}

impl Syntax {
    fn of(source: &Source, text: &str) -> Self {
        let name = source.file_name().unwrap_or_default();
        let extension = Path::new(name).extension().unwrap_or_default();
        if dockerfile::is_dockerfile(name) {
            return Self::Dockerfile;
        }
        match extension.to_str() {
            Some("json" | "jsonl" | "ndjson") => Self::Json,
            Some("yaml" | "yml") => Self::Yaml,
            // An object of YAML could begin with a brace too, but is hardly ever written so.
            _ => match text.trim_start().strip_prefix('{') {
                Some(rest) if rest.trim_start().starts_with(['"', '}']) => Self::Json,
                _ => Self::Yaml,
            },
        }
    }
}

/// An object's `apiVersion` and `kind`, as far as they are there.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct TypeMeta<'a> {
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
}

/// The review of one text.
struct Reading<'r> {
    reviewer: &'r Reviewer<'r>,
    text: &'r str,
    /// Found where the first position is asked for.
    lines: OnceCell<Lines<'r>>,
    is_named: bool,
    file: ReviewedFile,
}

impl Reading<'_> {
    fn problem(&mut self, position: Position, message: impl Into<String>) {
        self.file.problems.push(Problem {
            position: Some(position),
            message: message.into(),
            is_error: true,
        });
    }

    fn lines(&self) -> &Lines<'_> {
        self.lines.get_or_init(|| Lines::new(self.text))
    }

    /// Where a part of the text begins.
    fn position(&self, offset: usize) -> Position {
        self.lines().position(offset)
    }

    fn decide(&self, title: impl Into<String>, review: Review<'_>) -> ReviewedDocument {
        let review = review.with_time(self.reviewer.now);
        ReviewedDocument::decide(title.into(), self.reviewer.policy.as_policy(), &review)
    }

    /// Adds what came of the document at these bytes, and finds there the images that break a
    /// rule. Their paths begin behind `prefix`.
    fn add(&mut self, mut documents: Vec<ReviewedDocument>, range: Range<usize>, prefix: &str) {
        let broken = documents
            .iter()
            .flat_map(|document| &document.images)
            .filter(|image| !image.violations.is_empty());
        let paths: Vec<String> = broken
            .map(|image| format!("{prefix}{}", image.path))
            .collect();
        if !paths.is_empty() {
            let start = range.start;
            let found = locate(&self.text[range], paths.iter().map(String::as_str));
            let images = documents
                .iter_mut()
                .flat_map(|document| &mut document.images);
            for image in images.filter(|image| !image.violations.is_empty()) {
                let span = found.get(&*format!("{prefix}{}", image.path));
                let span = span.map(|span| span.start + start..span.end + start);
                image.place_at(span, self.text, self.lines());
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
                    self.file.passed_over += 1;
                    return;
                }
                Err(error) => {
                    let position = Position::START.within(error.line(), error.column());
                    self.problem(position, without_position(&error));
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
                Ok(question) => {
                    let document = self.decide(image_review::KIND, question.review());
                    self.add(vec![document], range, "");
                }
                Err(error) => self.not_decoded(error, range.start),
            },
            Some(admission_review::KIND) => {
                match AdmissionReview::from_slice_with(bytes, self.reviewer.policy.kinds()) {
                    Ok(question) => {
                        let title =
                            format!("{} of {}", admission_review::KIND, question.kind().name());
                        let document = self.decide(title, question.review());
                        self.add(vec![document], range, "request.object.");
                    }
                    Err(error) => self.not_decoded(error, range.start),
                }
            }
            _ => {
                let kinds = self.reviewer.policy.kinds();
                let mut json = serde_json::Deserializer::from_str(document);
                match kinds.deserialize(&mut json) {
                    Ok(manifest) => self.manifest(manifest, range),
                    Err(error) => {
                        let start = self.position(range.start);
                        let position = start.within(error.line(), error.column());
                        self.problem(position, without_position(&error));
                    }
                }
            }
        }
    }

    fn not_decoded(&mut self, error: DecodeError, start: usize) {
        let error = StreamError::new(self.position(start), error);
        self.problem(error.position(), error.message());
    }

    fn yaml(&mut self) {
        for range in yaml::documents(self.text) {
            let kinds = self.reviewer.policy.kinds();
            match from_yaml(&self.text[range.clone()], |yaml| kinds.deserialize(yaml)) {
                Ok(manifest) => self.manifest(manifest, range),
                Err(error) => self.not_yaml(&error, &range),
            }
        }
    }

    fn not_yaml(&mut self, error: &serde_saphyr::Error, range: &Range<usize>) {
        if !self.may_be_kubernetes() {
            self.file.passed_over += 1;
            return;
        }
        let start = self.position(range.start);
        let (position, message) = yaml_error(error, start);
        if self.text[range.clone()].contains("{{") {
            self.template(position);
        } else {
            self.problem(position, message);
        }
    }

    /// Tells of a template. In a folder it is no error: charts stand beside manifests.
    fn template(&mut self, position: Position) {
        self.file.problems.push(Problem {
            position: Some(position),
            message: "it is a template and not YAML yet, so it was not reviewed; render it first: \
                      helm template CHART | imagereview review -"
                .to_owned(),
            is_error: self.is_named,
        });
    }

    /// Where a value of the document at these bytes stands, if it is an action of a template:
    /// `{{ … }}` is a mapping to YAML.
    fn template_action(&self, path: &str, range: &Range<usize>) -> Option<Position> {
        let found = locate(&self.text[range.clone()], [path]);
        let start = range.start + found.get(path)?.start;
        let is_action = self.text[start..].starts_with("{{");
        is_action.then(|| self.position(start))
    }

    fn manifest(&mut self, manifest: Manifest<'_>, range: Range<usize>) {
        let mut documents = Vec::new();
        let mut is_kubernetes = true;
        for object in manifest {
            match object {
                Ok(object) if object.kind().name() == image_review::KIND => {
                    self.image_review_in_yaml(&range);
                }
                Ok(object) if object.kind().name() == admission_review::KIND => {
                    let position = self.position(range.start);
                    self.problem(position, "an AdmissionReview is read from JSON only");
                }
                Ok(object) if object.is_known() => {
                    documents.push(self.decide(title(&object), object.review()));
                }
                Ok(_) => self.file.passed_over += 1,
                Err(error) if is_other_document(&error) => is_kubernetes = false,
                // A patch, that some tool is still to put together with the object.
                Err(error) if is_missing(&error) && error.path().ends_with("spec") => {
                    self.file.passed_over += 1;
                }
                Err(error) => {
                    if let Some(position) = self.template_action(error.path(), &range) {
                        self.template(position);
                        continue;
                    }
                    let review = Review::new().with_unreadable_object(&error);
                    documents.push(self.decide("an object", review));
                }
            }
        }
        if is_kubernetes {
            self.add(documents, range, "");
        } else {
            self.compose(range);
        }
    }

    fn image_review_in_yaml(&mut self, range: &Range<usize>) {
        match from_yaml(&self.text[range.clone()], |yaml| {
            ImageReview::deserialize(yaml)
        }) {
            Ok(question) => {
                let document = self.decide(image_review::KIND, question.review());
                self.add(vec![document], range.clone(), "");
            }
            Err(error) => {
                let start = self.position(range.start);
                let (position, message) = yaml_error(&error, start);
                self.problem(position, message);
            }
        }
    }

    /// Reviews a document without a kind, if it is a Compose file.
    fn compose(&mut self, range: Range<usize>) {
        let read = from_yaml(&self.text[range.clone()], |yaml| {
            ComposeFile::deserialize(yaml)
        });
        let Ok(file) = read else {
            self.file.passed_over += 1;
            return;
        };
        let mut images = Vec::new();
        for (image, path) in file.images() {
            match fill_in(image, &self.reviewer.variables) {
                Ok(image) => images.push((image, path)),
                Err(error) => {
                    let found = locate(&self.text[range.clone()], [&*path]);
                    let offset = found.get(&*path).map_or(0, |span| span.start);
                    let position = self.position(range.start + offset);
                    self.problem(position, error.to_string());
                }
            }
        }
        let mut review = Review::with_capacity(images.len());
        for (image, path) in &images {
            review.add_image(image, Place::at(&**path));
        }
        let document = self.decide("Compose file", review);
        self.add(vec![document], range, "");
    }

    fn dockerfile(&mut self) {
        let images = dockerfile::base_images(self.text, &self.reviewer.variables);
        let mut review = Review::new();
        let mut spans = Vec::new();
        for image in &images {
            match image {
                Ok(image) => {
                    let place = Place::new(image.instruction, image.index, "");
                    review.add_image(&image.reference, place);
                    spans.push(image.span.clone());
                }
                Err(error) => {
                    let position = self.position(error.span.start);
                    self.problem(position, error.kind.to_string());
                }
            }
        }
        let mut document = self.decide("Dockerfile", review);
        for (image, span) in document.images.iter_mut().zip(spans) {
            image.place_at(Some(span), self.text, self.lines());
        }
        self.file.documents.push(document);
    }
}

/// The kind, namespace and name of an object.
fn title(object: &Workload<'_>) -> String {
    let kind = object.kind().name();
    match (object.namespace(), object.name()) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (Some(namespace), None) => format!("{kind} in {namespace}"),
        (None, None) => kind.to_owned(),
    }
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

/// Reads a document of YAML.
pub(crate) fn from_yaml<'t, T>(
    text: &'t str,
    read: impl for<'e> FnOnce(serde_saphyr::Deserializer<'t, 'e>) -> Result<T, serde_saphyr::Error>,
) -> Result<T, serde_saphyr::Error> {
    // The limits on aliases stay; how long a file may be is for its author to say.
    let options = serde_saphyr::options! { with_snippet: false, budget: None };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, read)
}

/// Where a document that begins at `start` is wrong, and what the reader of YAML says of it.
fn yaml_error(error: &serde_saphyr::Error, start: Position) -> (Position, String) {
    let error = error.without_snippet();
    let mut message = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let Some(location) = error.location() else {
        return (start, message);
    };
    // Its lines count from the start of the document, ours from that of the file.
    let (line, column) = (location.line(), location.column());
    if let Some(at) = message.find(&format!(" at line {line}, column {column}")) {
        message.truncate(at);
    }
    let number = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    (start.within(number(line), number(column)), message)
}
