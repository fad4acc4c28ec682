//! The images of a Compose file: of services, of the volumes and hooks that they have, and of what they are built from.
//!
//! Sources: <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>,
//! <https://github.com/compose-spec/compose-spec/blob/main/build.md>

mod node;

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

pub(crate) use self::node::Node;
use super::{
    Position,
    dockerfile::{DockerfileErrorKind, base_images},
    from_yaml,
    substitution::{SubstitutionError, fill_in},
    text::read_text,
    yaml_error,
};

/// What a Compose file pulls.
#[derive(Debug, Default)]
pub(crate) struct ComposeFile {
    /// Each image with its variables filled in, and its JSON path.
    pub(crate) images: Vec<(String, String)>,
    /// What could not be read, and its JSON path.
    pub(crate) errors: Vec<(String, ComposeError)>,
    /// Other files that count.
    pub(crate) files: Vec<OtherFile>,
}

/// Another file of which a Compose file takes services.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OtherFile {
    /// The file, from the folder of the Compose file.
    pub(crate) file: String,
    /// The one service that counts; all, if none is said.
    pub(crate) service: Option<String>,
    /// Whether the image of that service is another here.
    pub(crate) is_image_replaced: bool,
    /// Where the file is named.
    pub(crate) path: String,
}

/// Why something in a Compose file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    #[error("it is {0}, expected {1}")]
    WrongType(&'static str, &'static str),
    #[error(transparent)]
    Substitution(#[from] SubstitutionError),
    #[error("{0}")]
    Dockerfile(DockerfileErrorKind),
    #[error("{0:?} is no file here, so it was not reviewed")]
    NotLocal(String),
    #[error("{0}")]
    OtherFile(String),
    #[error("there is no service {1:?} in {0}")]
    NoService(String, String),
}

/// The scheme of a build's context that is an image.
const IMAGE_SCHEME: &str = "docker-image://";

/// Whether a document is a Compose file: it has services, and one of them says what to run.
pub(crate) fn is_compose(document: &Node) -> bool {
    let services = document.get("services").map_or(&[][..], Node::entries);
    let says = |service: &Node| {
        ["image", "build", "extends"]
            .iter()
            .any(|key| service.get(key).is_some())
    };
    services.iter().any(|(_, service)| says(service))
        || (document.get("include").is_some() && document.get("kind").is_none())
}

impl ComposeFile {
    /// Reads a document. Of what is not well, the rest is read.
    pub(crate) fn read(document: &Node, variables: &BTreeMap<String, String>) -> Self {
        let mut reader = Reader {
            file: Self::default(),
            variables,
        };
        match document.get("services") {
            None | Some(Node::Null) => {}
            Some(services @ Node::Mapping(_)) => {
                for (name, service) in services.entries() {
                    let contexts = inherited_contexts(services, service);
                    reader.service(&format!("services.{name}"), service, contexts);
                }
            }
            Some(other) => reader.wrong("services", other, "a mapping"),
        }
        reader.includes(document.get("include"));
        reader.file
    }
}

/// The images that services name in the document itself, each with the path of names and indices that
/// leads to its text, and the image with its variables filled in.
pub(crate) fn written_images<'d>(
    document: &'d Node,
    variables: &BTreeMap<String, String>,
) -> Vec<(Vec<String>, &'d str, String)> {
    let mut found = Vec::new();
    let mut add = |path: &[&str], node: Option<&'d Node>| {
        if let Some(Node::Text(text)) = node
            && let Ok(image) = fill_in(text, variables)
        {
            let path = path.iter().map(|part| (*part).to_owned()).collect();
            found.push((path, text.as_str(), image));
        }
    };
    let services = document.get("services").map_or(&[][..], Node::entries);
    for (name, service) in services {
        let at = ["services", name];
        add(&[at[0], at[1], "image"], service.get("image"));
        for (list, field) in [("volumes", "source"), ("pre_start", "image")] {
            let Some(Node::List(items)) = service.get(list) else {
                continue;
            };
            for (index, item) in items.iter().enumerate() {
                let is_image = list == "pre_start"
                    || matches!(item.get("type"), Some(Node::Text(kind)) if kind == "image");
                if is_image {
                    let index = index.to_string();
                    add(&[at[0], at[1], list, &index, field], item.get(field));
                }
            }
        }
    }
    found
}

/// How deep files may take services from others.
const MAX_DEPTH: usize = 16;

impl ComposeFile {
    /// Adds what other files bring that are named; it counts where they are named.
    pub(crate) fn follow(&mut self, folder: Option<&Path>, variables: &BTreeMap<String, String>) {
        self.follow_at(folder, variables, 0);
    }

    fn follow_at(
        &mut self,
        folder: Option<&Path>,
        variables: &BTreeMap<String, String>,
        depth: usize,
    ) {
        for other in std::mem::take(&mut self.files) {
            let OtherFile {
                file,
                service,
                is_image_replaced,
                path,
            } = other;
            let Some(folder) = folder.filter(|_| depth < MAX_DEPTH) else {
                self.errors.push((path, ComposeError::NotLocal(file)));
                continue;
            };
            let whole = folder.join(&file);
            let document = read_text(&whole)
                .map_err(|error| format!("{file}: {error}"))
                .and_then(|text| {
                    let read = from_yaml(&text, |yaml| Node::deserialize(yaml));
                    read.map_err(|error| {
                        let (position, message) = yaml_error(&error, Position::START);
                        format!("{file}:{position}: {message}")
                    })
                });
            let mut document = match document {
                Ok(document) => document,
                Err(error) => {
                    self.errors.push((path, ComposeError::OtherFile(error)));
                    continue;
                }
            };
            if let Some(name) = &service {
                let Some(mut one) = document
                    .get("services")
                    .and_then(|services| services.get(name))
                    .cloned()
                else {
                    self.errors
                        .push((path, ComposeError::NoService(file, name.clone())));
                    continue;
                };
                // Of its own file, too, a service may take another.
                let base = match one.get("extends") {
                    Some(extends) if extends.get("file").is_none() => match extends {
                        Node::Text(name) => Some(name.clone()),
                        extends => extends
                            .get("service")
                            .and_then(Node::as_text)
                            .map(str::to_owned),
                    },
                    _ => None,
                };
                let has_image = is_image_replaced || one.get("image").is_some();
                if let Some(base) = base.filter(|base| base != name) {
                    self.files.push(OtherFile {
                        file: file.clone(),
                        service: Some(base),
                        is_image_replaced: has_image,
                        path: path.clone(),
                    });
                    self.follow_at(Some(folder), variables, depth + 1);
                }
                if is_image_replaced {
                    one.remove("image");
                }
                let services = Node::Mapping(vec![(name.clone(), one)]);
                document = Node::Mapping(vec![("services".to_owned(), services)]);
            }
            let mut read = Self::read(&document, variables);
            if is_image_replaced {
                read.files
                    .iter_mut()
                    .for_each(|file| file.is_image_replaced = true);
            }
            read.follow_at(whole.parent(), variables, depth + 1);
            self.images.extend(
                read.images
                    .into_iter()
                    .map(|(image, _)| (image, path.clone())),
            );
            self.errors.extend(
                read.errors
                    .into_iter()
                    .map(|(_, error)| (path.clone(), error)),
            );
        }
    }
}

struct Reader<'v> {
    file: ComposeFile,
    variables: &'v BTreeMap<String, String>,
}

impl Reader<'_> {
    fn error(&mut self, path: &str, error: impl Into<ComposeError>) {
        self.file.errors.push((path.to_owned(), error.into()));
    }

    fn wrong(&mut self, path: &str, found: &Node, expected: &'static str) {
        self.error(path, ComposeError::WrongType(found.kind(), expected));
    }

    /// A text with its variables filled in.
    fn text(&mut self, path: &str, node: &Node) -> Option<String> {
        let Node::Text(text) = node else {
            self.wrong(path, node, "a text");
            return None;
        };
        match fill_in(text, self.variables) {
            Ok(text) => Some(text),
            Err(error) => {
                self.error(path, error);
                None
            }
        }
    }

    fn image(&mut self, path: &str, node: &Node) {
        if let Some(image) = self.text(path, node) {
            self.file.images.push((image, path.to_owned()));
        }
    }

    /// The items of a list; anything else is reported.
    fn items<'n>(&mut self, path: &str, node: Option<&'n Node>) -> &'n [Node] {
        match node {
            None | Some(Node::Null) => &[],
            Some(Node::List(items)) => items,
            Some(other) => {
                self.wrong(path, other, "a list");
                &[]
            }
        }
    }

    fn service(&mut self, path: &str, service: &Node, contexts: Vec<String>) {
        match service {
            Node::Null => return,
            Node::Mapping(_) => {}
            other => return self.wrong(path, other, "a mapping"),
        }
        let image = service
            .get("image")
            .filter(|image| !matches!(image, Node::Null));
        if let Some(image) = image {
            self.image(&format!("{path}.image"), image);
        }
        let list = format!("{path}.volumes");
        for (index, volume) in self.items(&list, service.get("volumes")).iter().enumerate() {
            let is_image = matches!(volume.get("type"), Some(Node::Text(kind)) if kind == "image");
            if let Some(source) = volume.get("source").filter(|_| is_image) {
                self.image(&format!("{list}[{index}].source"), source);
            }
        }
        let list = format!("{path}.pre_start");
        for (index, hook) in self
            .items(&list, service.get("pre_start"))
            .iter()
            .enumerate()
        {
            if let Some(image) = hook.get("image") {
                self.image(&format!("{list}[{index}].image"), image);
            }
        }
        if let Some(build) = service.get("build") {
            self.build(&format!("{path}.build"), build, contexts);
        }
        self.extends(path, service.get("extends"), image.is_some());
    }

    fn build(&mut self, path: &str, build: &Node, mut contexts: Vec<String>) {
        let contexts_path = format!("{path}.additional_contexts");
        for (name, context, path) in pairs(&contexts_path, build.get("additional_contexts")) {
            contexts.push(name.to_lowercase());
            if let Some(context) = self.text(&path, &Node::Text(context))
                && let Some(image) = context.strip_prefix(IMAGE_SCHEME)
            {
                self.file.images.push((image.to_owned(), path));
            }
        }
        let list = format!("{path}.cache_from");
        for (index, cache) in self
            .items(&list, build.get("cache_from"))
            .iter()
            .enumerate()
        {
            let path = format!("{list}[{index}]");
            if let Some(cache) = self.text(&path, cache)
                && let Some(image) = cached_image(&cache)
            {
                self.file.images.push((image.to_owned(), path));
            }
        }
        let path_of_inline = format!("{path}.dockerfile_inline");
        if let Some(inline) = build
            .get("dockerfile_inline")
            .filter(|inline| !matches!(inline, Node::Null))
            && let Some(text) = self.text(&path_of_inline, inline)
        {
            let mut arguments = self.variables.clone();
            for (name, value, path) in pairs(&format!("{path}.args"), build.get("args")) {
                if let Some(value) = self.text(&path, &Node::Text(value)) {
                    arguments.insert(name, value);
                }
            }
            for image in base_images(&text, &arguments) {
                match image {
                    // A context of that name stands for the image.
                    Ok(image) if contexts.contains(&image.reference.to_lowercase()) => {}
                    Ok(image) => {
                        let path =
                            format!("{path_of_inline}.{}[{}]", image.instruction, image.index);
                        self.file.images.push((image.reference, path));
                    }
                    Err(error) => self.error(&path_of_inline, ComposeError::Dockerfile(error.kind)),
                }
            }
        }
    }

    fn extends(&mut self, path: &str, extends: Option<&Node>, is_image_replaced: bool) {
        let (Some(file), Some(service)) = (
            extends.and_then(|extends| extends.get("file")),
            extends.and_then(|extends| extends.get("service")),
        ) else {
            // A service of the same file is reviewed anyway.
            return;
        };
        let path = format!("{path}.extends");
        if let (Some(file), Some(service)) = (self.text(&path, file), self.text(&path, service)) {
            self.other_file(OtherFile {
                file,
                service: Some(service),
                is_image_replaced,
                path,
            });
        }
    }

    fn includes(&mut self, include: Option<&Node>) {
        for (index, entry) in self.items("include", include).iter().enumerate() {
            let path = format!("include[{index}]");
            let files = match entry.get("path").unwrap_or(entry) {
                Node::List(files) => files.iter().collect(),
                file => vec![file],
            };
            for file in files {
                if let Some(file) = self.text(&path, file) {
                    self.other_file(OtherFile {
                        file,
                        service: None,
                        is_image_replaced: false,
                        path: path.clone(),
                    });
                }
            }
        }
    }

    fn other_file(&mut self, other: OtherFile) {
        let is_remote = other.file.contains("://") || other.file.starts_with("git@");
        if is_remote {
            self.error(&other.path, ComposeError::NotLocal(other.file));
        } else {
            self.file.files.push(other);
        }
    }
}

/// The service of the same file that a service extends.
fn extended<'n>(services: &'n Node, service: &Node) -> Option<&'n Node> {
    let extends = service.get("extends")?;
    let name = match extends {
        Node::Text(name) => name,
        extends if extends.get("file").is_none() => extends.get("service")?.as_text()?,
        _ => return None,
    };
    services.get(name)
}

/// The names of the contexts of builds that a service takes over from those that it extends.
fn inherited_contexts(services: &Node, service: &Node) -> Vec<String> {
    let mut contexts = Vec::new();
    let mut base = extended(services, service);
    for _ in 0..MAX_DEPTH {
        let Some(service) = base else {
            break;
        };
        let build = service.get("build");
        let named = pairs("", build.and_then(|build| build.get("additional_contexts")));
        contexts.extend(named.into_iter().map(|(name, ..)| name.to_lowercase()));
        base = extended(services, service);
    }
    contexts
}

/// Names and values that are written as a mapping or as a list of `name=value`, and the path of each.
fn pairs(path: &str, node: Option<&Node>) -> Vec<(String, String, String)> {
    match node {
        Some(Node::Mapping(entries)) => entries
            .iter()
            .filter_map(|(name, value)| match value {
                Node::Text(value) | Node::Other(value) => {
                    Some((name.clone(), value.clone(), format!("{path}.{name}")))
                }
                _ => None,
            })
            .collect(),
        Some(Node::List(items)) => items
            .iter()
            .enumerate()
            .filter_map(|(index, item)| match item {
                Node::Text(text) => {
                    let (name, value) = text.split_once('=')?;
                    Some((
                        name.to_owned(),
                        value.to_owned(),
                        format!("{path}[{index}]"),
                    ))
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The image that a cache is taken from; others are folders and services.
fn cached_image(cache: &str) -> Option<&str> {
    let mut fields = cache.split(',').map(|field| field.split_once('='));
    if !cache.contains('=') {
        return Some(cache);
    }
    let is_registry = fields
        .clone()
        .any(|field| field == Some(("type", "registry")));
    let reference = fields.find_map(|field| field.filter(|(key, _)| *key == "ref"));
    reference
        .map(|(_, reference)| reference)
        .filter(|_| is_registry)
}
