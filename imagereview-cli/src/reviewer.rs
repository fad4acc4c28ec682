//! Reviews what inputs hold.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Range,
    slice,
    sync::mpsc,
    thread,
    time::SystemTime,
};

use imagereview_core::{
    AdmissionReview, DecodeError, ImageReview, Location, Review,
    review::{admission_review, image_review},
    workload::{Manifest, ObjectError, ObjectErrorKind},
};
use rayon::{
    ThreadPoolBuilder,
    iter::{IntoParallelIterator, ParallelIterator},
};
use serde::{Deserialize, de::DeserializeSeed};
use serde_json::Value as Json;

use crate::{
    fix::Fixer,
    input::{
        ComposeFile, Input, Lines, Part, Parts, Position, StreamError, Syntax,
        agreement::{Disagreement, agree, agree_in_full, may_matter},
        compose,
        dockerfile::{self, DockerfileError, DockerfileErrorKind},
        documents::{Documents, JsonError},
        from_yaml, is_compose, locate, without_position, yaml_error,
    },
    policy_file::LoadedPolicy,
    report::{Problem, ReviewedDocument, ReviewedFile, ReviewedImage},
    undeclared::{is_custom, undeclared},
};

/// How many files, at most, are reviewed before what came of them is shown.
const BATCH: usize = 256;

/// How many bytes of a longer input are reviewed at a time.
const PART_LEN: usize = 1 << 20;

/// How much stack a thread has, in bytes. The reader of YAML calls itself for each level and stops
/// at 256 levels, each of which takes up to 25 kB where the program is not optimized.
const STACK_LEN: usize = 16 << 20;

/// Reads inputs and reviews everything in them by one policy.
pub(crate) struct Reviewer<'p> {
    policy: &'p LoadedPolicy,
    /// What changes texts before they are reviewed.
    fixer: Option<Fixer<'p>>,
    /// The values of build arguments and variables.
    variables: BTreeMap<String, String>,
    /// When the run began: the time by which every review of it is judged.
    now: SystemTime,
    locates_all: bool,
}

impl<'p> Reviewer<'p> {
    pub(crate) fn new(policy: &'p LoadedPolicy, variables: BTreeMap<String, String>) -> Self {
        Self {
            policy,
            fixer: None,
            variables,
            now: SystemTime::now(),
            locates_all: false,
        }
    }

    /// Reviews what the fixer makes of each text, and not what it was.
    pub(crate) fn with_fixer(mut self, fixer: Option<Fixer<'p>>) -> Self {
        self.fixer = fixer;
        self
    }

    /// Finds the place of images that break no rule too; it takes about as long as reading them.
    pub(crate) fn locating_all(mut self, locates_all: bool) -> Self {
        self.locates_all = locates_all;
        self
    }

    /// Reviews inputs, and shows what came of each in their order. What came of a long one is shown
    /// in several parts.
    ///
    /// While one batch is shown the next is reviewed, on all processors.
    pub(crate) fn review_all<E>(
        &self,
        inputs: &[Input],
        visit: impl FnMut(ReviewedFile) -> Result<(), E>,
    ) -> Result<(), E> {
        // Only the first reviewer of a process makes them.
        let _ = ThreadPoolBuilder::new()
            .stack_size(STACK_LEN)
            .build_global();
        thread::scope(|scope| {
            let (reviewed, to_show) = mpsc::sync_channel(1);
            scope.spawn(move || {
                let mut work = WorkList::new(inputs, self.part_len());
                loop {
                    let batch = work.batch();
                    let is_done = batch.is_empty();
                    // In the threads that have the stack, even if it is a single one.
                    let files: Vec<Vec<ReviewedFile>> = rayon::scope(|_| {
                        let batch = batch.into_par_iter();
                        batch.map(|work| self.review(work)).collect()
                    });
                    // Whoever looks at them may have gone away.
                    if is_done || reviewed.send(files).is_err() {
                        return;
                    }
                }
            });
            to_show.into_iter().flatten().flatten().try_for_each(visit)
        })
    }

    /// What is fixed is written whole, so it is read whole.
    fn part_len(&self) -> usize {
        match self.fixer {
            Some(_) => usize::MAX,
            None => PART_LEN,
        }
    }

    fn review(&self, work: Work<'_>) -> Vec<ReviewedFile> {
        match work {
            Work::Part(input, part) => vec![self.review_part(input, part)],
            Work::Short(input) => Parts::of(&input.source, self.part_len())
                .map(|part| self.review_part(input, part))
                .collect(),
        }
    }

    /// Reviews everything in a part of an input.
    fn review_part(&self, input: &Input, part: io::Result<Part>) -> ReviewedFile {
        let name = input.source.to_string();
        let part = match part {
            Ok(part) => part,
            Err(error) => return ReviewedFile::unreadable(name, error.to_string()),
        };
        let (syntax, start, json_before) = (part.syntax, part.start, part.json_before);
        let is_all = part.is_first() && part.is_last;
        let is_utf16 = part.is_first() && part.is_utf16();
        let text = match part.text() {
            Ok(text) => text,
            // Kubernetes' own reader takes it.
            Err(_) if is_utf16 => {
                let message = "it is UTF-16, which is not read; save it as UTF-8";
                return ReviewedFile::unreadable(name, message.to_owned());
            }
            // What a folder holds may be anything.
            Err(_) if !input.is_named && !is_kubectls(&name) && syntax != Syntax::Dockerfile => {
                return ReviewedFile::passed_over(name);
            }
            Err(at) => {
                return ReviewedFile::unreadable(name, format!("it is not UTF-8 at byte {at}"));
            }
        };
        if is_all && text.trim().is_empty() && input.is_named {
            let message = "it is empty, so nothing was reviewed".to_owned();
            return ReviewedFile::unreadable(name, message);
        }
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
            start: start.position,
            lines: OnceCell::new(),
            is_named: input.is_named,
            folder: input.source.folder(),
            file: ReviewedFile {
                name,
                start,
                fix,
                ..ReviewedFile::default()
            },
        };
        match syntax {
            Syntax::Dockerfile => reading.dockerfile(),
            Syntax::Json | Syntax::Yaml => reading.documents(syntax, json_before),
        }
        let mut file = reading.file;
        if file.has_violations() {
            file.text = text;
        }
        file
    }
}

/// What one processor does at a time.
enum Work<'i> {
    /// An input that is read where it is reviewed.
    Short(&'i Input),
    Part(&'i Input, io::Result<Part>),
}

/// What is still to be done, in order.
struct WorkList<'i> {
    inputs: slice::Iter<'i, Input>,
    /// The input whose parts are being read.
    open: Option<(&'i Input, Parts<'i>)>,
    part_len: usize,
}

impl<'i> WorkList<'i> {
    fn new(inputs: &'i [Input], part_len: usize) -> Self {
        Self {
            inputs: inputs.iter(),
            open: None,
            part_len,
        }
    }

    /// So much that all processors have work, and so little that the memory is that of a few parts
    /// for each of them.
    fn batch(&mut self) -> Vec<Work<'i>> {
        let enough = rayon::current_num_threads() * PART_LEN;
        let mut batch = Vec::new();
        let mut len = 0;
        while batch.len() < BATCH && len < enough {
            let Some((work, work_len)) = self.next() else {
                break;
            };
            batch.push(work);
            len += work_len;
        }
        batch
    }

    /// The next thing to do, and how many bytes it is about.
    fn next(&mut self) -> Option<(Work<'i>, usize)> {
        loop {
            if let Some((input, parts)) = &mut self.open {
                if let Some(part) = parts.next() {
                    let len = part.as_ref().map_or(0, |part| part.bytes.len());
                    return Some((Work::Part(input, part), len));
                }
                self.open = None;
            }
            let input = self.inputs.next()?;
            match input.source.len().map(usize::try_from) {
                Some(Ok(len)) if len <= self.part_len => return Some((Work::Short(input), len)),
                _ => self.open = Some((input, Parts::of(&input.source, self.part_len))),
            }
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

/// The review of one part of an input.
struct Reading<'r> {
    reviewer: &'r Reviewer<'r>,
    text: &'r str,
    /// Where the text begins in the input.
    start: Position,
    /// Found where the first position is asked for.
    lines: OnceCell<Lines<'r>>,
    is_named: bool,
    /// The folder that paths in the input begin in.
    folder: Option<&'r std::path::Path>,
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
        self.lines.get_or_init(|| Lines::new(self.text, self.start))
    }

    /// Where a part of the text begins.
    fn position(&self, offset: usize) -> Position {
        self.lines().position(offset)
    }

    fn decide(&self, title: impl Into<String>, review: Review<'_>) -> ReviewedDocument {
        let review = review.with_time(self.reviewer.now);
        ReviewedDocument::decide(title.into(), self.reviewer.policy.as_policy(), &review)
    }

    /// Adds what came of the document at these bytes, and finds its images there. Their paths begin
    /// behind `prefix`.
    fn add(&mut self, mut documents: Vec<ReviewedDocument>, range: Range<usize>, prefix: &str) {
        let is_wanted =
            |image: &ReviewedImage| self.reviewer.locates_all || !image.violations.is_empty();
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
                image.place_at(span, self.text, self.lines());
            }
        }
        self.file.documents.append(&mut documents);
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
                self.problem(position, "kubectl takes nothing but a comment behind \"---\", and reads no further; begin the document on a line of its own");
            }
            if document.is_json {
                self.json_document(&text[range.clone()], range);
            } else {
                // What was to be JSON is told of as such.
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
        if self.is_named || may_matter(self.text) {
            let position = self.start.within(error.line(), error.column());
            self.problem(position, without_position(error));
        } else {
            self.file.passed_over += 1;
        }
    }

    /// Whether a text that can't be read was meant to be reviewed.
    fn may_be_kubernetes(&self) -> bool {
        let has =
            |word: &str| memchr::memmem::find(self.text.as_bytes(), word.as_bytes()).is_some();
        self.is_named || is_kubectls(&self.file.name) || has("apiVersion") || has("services")
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
                if let Err(error) = self.admission_review(bytes, range.clone()) {
                    self.not_decoded(error, range.start);
                }
            }
            _ => {
                let kinds = self.reviewer.policy.kinds();
                let mut json = serde_json::Deserializer::from_str(document);
                match kinds.deserialize(&mut json) {
                    Ok(manifest) => self.manifest(manifest, range),
                    Err(_) if !self.may_be_kubernetes() => self.file.passed_over += 1,
                    Err(error) => {
                        let start = self.position(range.start);
                        let position = start.within(error.line(), error.column());
                        self.problem(position, without_position(&error));
                    }
                }
            }
        }
    }

    /// Reviews one that stands at these bytes of the text, there perhaps not in JSON.
    fn admission_review(&mut self, json: &[u8], range: Range<usize>) -> Result<(), DecodeError> {
        let question = AdmissionReview::from_slice_with(json, self.reviewer.policy.kinds())?;
        let title = format!("{} of {}", admission_review::KIND, question.kind().name());
        let document = self.decide(title, question.review());
        self.add(vec![document], range, "request.object.");
        Ok(())
    }

    fn not_decoded(&mut self, error: DecodeError, start: usize) {
        let error = StreamError::new(self.position(start), error);
        self.problem(error.position(), error.message());
    }

    fn yaml_document(&mut self, range: Range<usize>, json_error: Option<&serde_json::Error>) {
        let text = &self.text[range.clone()];
        if let Err(error) = agree(text) {
            return self.disagree(&error, &range, json_error);
        }
        let kinds = self.reviewer.policy.kinds();
        match from_yaml(text, |yaml| kinds.deserialize(yaml)) {
            Ok(manifest) => match json_error {
                // What is named is meant to be read as what it is.
                Some(error) if self.is_named && self.is_other(text) => self.not_json(error),
                _ => self.manifest(manifest, range),
            },
            Err(error) => match agree_in_full(text) {
                // What kubectl reads is no template.
                Ok(()) if self.is_compose(text) => self.compose(range),
                // It is YAML, and no object in any reading.
                Ok(()) if !self.is_named && !may_matter(text) => self.file.passed_over += 1,
                Ok(()) => {
                    let start = self.position(range.start);
                    let (position, message) = yaml_error(&error, start);
                    self.problem(position, message);
                }
                Err(disagreement) => self.disagree(&disagreement, &range, json_error),
            },
        }
    }

    fn is_compose(&self, text: &str) -> bool {
        let read = from_yaml(text, |yaml| compose::Node::deserialize(yaml));
        read.is_ok_and(|document| document.get("kind").is_none() && is_compose(&document))
    }

    /// Whether a document is read, and holds something else than objects.
    fn is_other(&self, text: &str) -> bool {
        let kinds = self.reviewer.policy.kinds();
        let manifest = from_yaml(text, |yaml| kinds.deserialize(yaml));
        manifest.is_ok_and(|manifest| {
            let mut objects = manifest.into_iter().peekable();
            objects.peek().is_some()
                && objects.all(|object| object.is_err_and(|error| is_other_document(&error)))
        })
    }

    /// Tells of a document that is not read as kubectl reads it.
    fn disagree(
        &mut self,
        error: &Disagreement,
        range: &Range<usize>,
        json_error: Option<&serde_json::Error>,
    ) {
        let kinds = self.reviewer.policy.kinds();
        let text = &self.text[range.clone()];
        let read = from_yaml(text, |yaml| kinds.deserialize(yaml)).map(drop);
        if error.kind.is_read_by_kubectl() {
            let position = self.position(range.start + error.at);
            return self.problem(position, error.kind.to_string());
        }
        match (read, json_error) {
            // Of what is no object in any reading, nobody creates one.
            (Ok(_), _) if !may_matter(text) && self.is_other(text) => self.file.passed_over += 1,
            (Ok(_), _) => {
                if text.contains("{{") {
                    // To YAML, an action is a mapping in another.
                    let at = text[..error.at].trim_end_matches('{').len();
                    self.template(self.position(range.start + at));
                } else {
                    let position = self.position(range.start + error.at);
                    self.problem(position, error.kind.to_string());
                }
            }
            (Err(_), Some(json_error)) => self.not_json(json_error),
            (Err(error), None) => self.not_yaml(&error, range),
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
                        Object::Reviewed(self.decide(title, object.review()))
                    });
                }
                Ok(object) => {
                    self.file.passed_over += 1;
                    has_custom |= is_custom(&object.kind());
                }
                Err(error) if is_other_document(&error) => is_kubernetes = false,
                // A patch, that some tool is still to put together with the object.
                Err(error) if is_missing(&error) && error.path().ends_with("spec") => {
                    self.file.passed_over += 1;
                }
                Err(error) => objects.push(Object::Unreadable(error)),
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
                    documents.push(self.decide(title, review));
                }
            }
        }
        documents
    }

    /// Tells of images in objects that were passed over. It is no error: they may be no containers.
    fn undeclared(&mut self, range: &Range<usize>) {
        let kinds = self.reviewer.policy.kinds();
        for object in undeclared(&self.text[range.clone()], kinds) {
            let position = self.position(range.start + object.at);
            self.file.problems.push(Problem {
                position: Some(position),
                message: object.to_string(),
                is_error: false,
            });
            self.file.passed_over = self.file.passed_over.saturating_sub(1);
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
            self.problem(start, StreamError::new(start, error).message());
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
            compose::Node::deserialize(yaml)
        });
        let document = match read {
            Ok(document) if is_compose(&document) => document,
            _ => {
                self.file.passed_over += 1;
                return;
            }
        };
        let mut file = ComposeFile::read(&document, &self.reviewer.variables);
        file.follow(self.folder, &self.reviewer.variables);
        let paths = file.errors.iter().map(|(path, _)| &**path);
        let found = locate(&self.text[range.clone()], paths);
        for (path, error) in &file.errors {
            let offset = found.get(&**path).map_or(0, |span| span.start);
            let position = self.position(range.start + offset);
            self.problem(position, format!("{path}: {error}"));
        }
        let mut review = Review::with_capacity(file.images.len());
        for (image, path) in &file.images {
            review.add_image(image, Location::at(&**path));
        }
        let document = self.decide("Compose file", review);
        self.add(vec![document], range, "");
    }

    fn dockerfile(&mut self) {
        let images = dockerfile::base_images(self.text, &self.reviewer.variables);
        // What a folder holds may only be named so.
        let is_none = |image: &Result<_, DockerfileError>| {
            image
                .as_ref()
                .is_err_and(|error| error.kind == DockerfileErrorKind::NoStage)
        };
        if !self.is_named && images.iter().any(is_none) {
            self.file.passed_over += 1;
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

/// What is known of an object that is to be reviewed.
enum Object {
    Reviewed(ReviewedDocument),
    /// An image of it, at this path, has an action of a template in it.
    Template(String),
    Unreadable(ObjectError),
}

/// What an object is that could not be read for this path in a document.
fn title_of_unreadable(document: &Json, path: &str) -> String {
    let item = path.strip_prefix("items[").and_then(|rest| {
        let (index, _) = rest.split_once(']')?;
        document["items"].get(index.parse::<usize>().ok()?)
    });
    let object = item.unwrap_or(document);
    let metadata = |field: &str| object["metadata"][field].as_str();
    match object["kind"].as_str() {
        Some(kind) => title(kind, metadata("namespace"), metadata("name")),
        None => "an object".to_owned(),
    }
}

/// The kind, namespace and name of an object.
fn title(kind: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    match (namespace, name) {
        (Some(namespace), Some(name)) => format!("{kind} {namespace}/{name}"),
        (None, Some(name)) => format!("{kind} {name}"),
        (Some(namespace), None) => format!("{kind} in {namespace}"),
        (None, None) => kind.to_owned(),
    }
}

/// Whether kubectl takes a file of this name that it finds in a folder.
fn is_kubectls(name: &str) -> bool {
    let ending = std::path::Path::new(name).extension();
    ending.is_some_and(|ending| ["json", "yaml", "yml"].iter().any(|known| ending == *known))
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
