//! Kustomizations: what they say of other files, and what is built from them.
//!
//! Source: <https://github.com/kubernetes-sigs/kustomize/blob/api/v0.21.1/api/types/kustomization.go>

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde::Deserialize;
use serde_json::Value as Json;

use super::{
    agreement::agree,
    source::{Input, Source, normalized},
    yaml::from_yaml,
};

/// The names that kustomize looks for in a folder.
pub(crate) const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The group of its own objects. A file may leave `apiVersion` and `kind` out.
const GROUP: &str = "kustomize.config.k8s.io/";

/// The lists of what is built into the result beside the files that are reviewed as they are, or changes any of it.
const OPEN: [&str; 10] = [
    "components",
    "configurations",
    "crds",
    "generators",
    "helmCharts",
    "helmChartInflationGenerator",
    "replacements",
    "transformers",
    "validators",
    "vars",
];

/// What a kustomization says.
#[derive(Debug)]
pub(crate) struct Kustomization(Json);

/// An image that a kustomization puts in the place of others.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NewImage {
    pub(crate) reference: String,
    /// The JSON path of what is new.
    pub(crate) path: String,
}

/// Why nothing could be built.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error(
        "neither kustomize nor kubectl is installed, so {0} can't be built; install one, or leave --kustomize out"
    )]
    NotInstalled(String),
    #[error("{program} can't be started: {cause}")]
    Start {
        program: &'static str,
        cause: io::Error,
    },
    #[error("{program} can't build {folder}: {message}")]
    Failed {
        program: &'static str,
        folder: String,
        message: String,
    },
}

impl Kustomization {
    /// Whether a file has one of the names.
    pub(crate) fn is_name(name: &str) -> bool {
        NAMES.contains(&name)
    }

    /// What a document says that is a kustomization, or a component of some; `None` of every other one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        agree(text).ok()?;
        let json = from_yaml(text, |yaml| Json::deserialize(yaml)).ok()?;
        let is_absent = |field: &str| json.get(field).is_none();
        let is_own = |field: &str, is: fn(&str) -> bool| json[field].as_str().is_some_and(is);
        let is_kind = is_absent("kind")
            || is_own("kind", |kind| {
                ["Kustomization", "Component"].contains(&kind)
            });
        let is_group =
            is_absent("apiVersion") || is_own("apiVersion", |version| version.starts_with(GROUP));
        (json.is_object() && is_kind && is_group).then_some(Self(json))
    }

    /// The kustomization of a folder, and its file.
    fn of_folder(folder: &Path) -> Option<(PathBuf, Self)> {
        let file = NAMES
            .iter()
            .map(|name| folder.join(name))
            .find(|file| file.is_file())?;
        let text = fs::read_to_string(&file).ok()?;
        Some((file, Self::read(&text)?))
    }

    fn list(&self, field: &str) -> impl Iterator<Item = &Json> {
        self.0[field].as_array().into_iter().flatten()
    }

    /// The files of the patches that it lists.
    fn patches(&self) -> impl Iterator<Item = &str> {
        let by_path = ["patches", "patchesJson6902"];
        let paths = by_path.into_iter().flat_map(|field| self.list(field));
        let paths = paths.filter_map(|patch| patch["path"].as_str());
        let merged = self.list("patchesStrategicMerge").filter_map(Json::as_str);
        paths.chain(merged.filter(|patch| !patch.contains('\n')))
    }

    /// What it is built from: files, folders and addresses.
    fn resources(&self) -> impl Iterator<Item = &str> {
        let lists = ["resources", "bases", "components"].into_iter();
        lists
            .flat_map(|field| self.list(field))
            .filter_map(Json::as_str)
    }

    /// The images that it puts in the place of others, whatever those are.
    pub(crate) fn images(&self) -> Vec<NewImage> {
        let text = |image: &Json, field: &str| image[field].as_str().unwrap_or_default().to_owned();
        let images = self.list("images").enumerate();
        let new = images.filter_map(|(index, image)| {
            let (tag, digest) = (text(image, "newTag"), text(image, "digest"));
            let (name, new_name) = (text(image, "name"), text(image, "newName"));
            let field = match () {
                // The tag of the other image stays, and is not known here.
                () if tag.is_empty() && digest.is_empty() => return None,
                () if !new_name.is_empty() => "newName",
                () if !tag.is_empty() => "newTag",
                () => "digest",
            };
            let mut reference = if new_name.is_empty() { name } else { new_name };
            for (sign, part) in [(':', tag), ('@', digest)] {
                if !part.is_empty() {
                    reference.push(sign);
                    reference += &part;
                }
            }
            let path = format!("images[{index}].{field}");
            Some(NewImage { reference, path })
        });
        new.collect()
    }

    /// Whether images may be built from it that neither it nor a file names as they will be.
    pub(crate) fn is_open(&self) -> bool {
        let is_there = |field: &str| match &self.0[field] {
            Json::Null => false,
            Json::Array(items) => !items.is_empty(),
            _ => true,
        };
        // A tag is kept or changed that is in other files, or the name of the image is no text.
        let keeps = self.list("images").count() > self.images().len();
        let is_remote = |resource: &str| {
            resource.contains("://")
                || resource.contains("?ref=")
                || resource.starts_with("github.com/")
                || resource.starts_with("git@")
        };
        // A patch in a file is reviewed there.
        let inline = self.list("patches").chain(self.list("patchesJson6902"));
        let inline = inline.filter_map(|patch| patch["patch"].as_str());
        let merged = self.list("patchesStrategicMerge").filter_map(Json::as_str);
        let mut inline = inline.chain(merged.filter(|patch| patch.contains('\n')));
        OPEN.iter().any(|field| is_there(field))
            || keeps
            || self.resources().any(is_remote)
            || inline.any(|patch| patch.contains("image") || patch.contains("Image"))
    }
}

/// Marks the inputs that are patches of a kustomization beside them, or of one among them.
pub(crate) fn mark_patches(inputs: &mut [Input]) {
    let folders: BTreeSet<PathBuf> = inputs
        .iter()
        .filter_map(|input| Some(normalized(file_of(input)?.parent()?)))
        .collect();
    let mut patches = BTreeSet::new();
    for folder in folders {
        if let Some((_, kustomization)) = Kustomization::of_folder(&folder) {
            patches.extend(
                kustomization
                    .patches()
                    .map(|path| normalized(&folder.join(path))),
            );
        }
    }
    for input in inputs {
        let is_patch = file_of(input).is_some_and(|path| patches.contains(&normalized(path)));
        input.is_patch = is_patch;
    }
}

fn file_of(input: &Input) -> Option<&Path> {
    match &input.source {
        Source::File(path) => Some(path),
        _ => None,
    }
}

/// What is built from the kustomizations among inputs that no other of them is built from, and marks those.
pub(crate) fn build(inputs: &mut [Input]) -> Vec<Result<Input, BuildError>> {
    let is_one = |input: &Input| input.source.file_name().is_some_and(Kustomization::is_name);
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for (index, input) in inputs.iter().enumerate().filter(|(_, input)| is_one(input)) {
        let Some(path) = file_of(input) else { continue };
        let folder = path.parent().unwrap_or(Path::new(""));
        let Some((file, kustomization)) = Kustomization::of_folder(&normalized(folder)) else {
            continue;
        };
        if file != normalized(path) {
            continue;
        }
        let resources = kustomization.resources();
        used.extend(resources.map(|resource| normalized(&folder.join(resource))));
        found.push((index, folder.to_owned(), kustomization));
    }
    let mut built = Vec::new();
    for (index, folder, kustomization) in found {
        inputs[index].is_built = true;
        let is_component = kustomization.0["kind"] == "Component";
        if !is_component && !used.contains(&normalized(&folder)) {
            built.push(build_folder(&inputs[index].source, &folder));
        }
    }
    built
}

fn build_folder(source: &Source, folder: &Path) -> Result<Input, BuildError> {
    let here = Path::new(".");
    let folder = if folder.as_os_str().is_empty() {
        here
    } else {
        folder
    };
    for (program, subcommand) in [("kustomize", "build"), ("kubectl", "kustomize")] {
        let output = Command::new(program)
            .arg(subcommand)
            .arg(folder)
            .stdin(Stdio::null())
            .output();
        let output = match output {
            Ok(output) => output,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(BuildError::Start { program, cause }),
        };
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', "; ");
            let folder = folder.display().to_string();
            return Err(BuildError::Failed {
                program,
                folder,
                message,
            });
        }
        return Ok(Input {
            // A build without objects is one all the same.
            is_named: false,
            is_patch: false,
            is_built: false,
            source: Source::Built(source.to_string(), folder.to_owned(), output.stdout.into()),
        });
    }
    Err(BuildError::NotInstalled(folder.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kustomization_is_read_as_one() {
        for (text, expected) in [
            ("resources: [a.yaml]\n", true),
            (
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
                true,
            ),
            (
                "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n",
                true,
            ),
            ("kind: Kustomization\n", true),
            // Flux's own, and whatever is called so that it is not looked at.
            (
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n",
                false,
            ),
            ("apiVersion: v1\nkind: Pod\n", false),
            ("kind: Pod\n", false),
            ("- a\n", false),
            ("kind: [\n", false),
        ] {
            assert_eq!(Kustomization::read(text).is_some(), expected, "{text:?}");
        }
    }

    #[test]
    fn images_are_put_together_as_kustomize_does() {
        for (entry, expected, is_open) in [
            (
                "{name: app, newTag: '2'}",
                &[("app:2", "newTag")][..],
                false,
            ),
            (
                "{name: app, newName: r.example.com/b, newTag: '2'}",
                &[("r.example.com/b:2", "newName")],
                false,
            ),
            (
                "{name: app, digest: 'sha256:0'}",
                &[("app@sha256:0", "digest")],
                false,
            ),
            (
                "{name: app, newTag: '2', digest: 'sha256:0'}",
                &[("app:2@sha256:0", "newTag")],
                false,
            ),
            // The tag is that of some file.
            ("{name: app, newName: b}", &[], true),
            ("{name: app, tagSuffix: -a}", &[], true),
            ("{name: app, newTag: 2}", &[], true),
        ] {
            let read = Kustomization::read(&format!("images: [{entry}]\n")).unwrap();
            let expected: Vec<NewImage> = expected
                .iter()
                .map(|(reference, field)| NewImage {
                    reference: (*reference).to_owned(),
                    path: format!("images[0].{field}"),
                })
                .collect();
            assert_eq!(read.images(), expected, "{entry}");
            assert_eq!(read.is_open(), is_open, "{entry}");
        }
    }

    #[test]
    fn what_may_bring_other_images_is_open() {
        for (text, expected) in [
            ("resources: [a.yaml, ../base]\nnamePrefix: a-\n", false),
            ("components: []\n", false),
            ("components: [../c]\n", true),
            ("helmCharts: [{name: a}]\n", true),
            ("resources: ['https://example.com/a.yaml']\n", true),
            ("resources: ['git.example.com/a?ref=v1']\n", true),
            ("patches: [{path: a.yaml}]\n", false),
            (
                "patches: [{patch: \"- op: replace\\n  path: /spec/replicas\"}]\n",
                false,
            ),
            (
                "patches: [{patch: \"- op: replace\\n  path: /spec/containers/0/image\"}]\n",
                true,
            ),
            ("patchesStrategicMerge: [\"spec:\\n  image: a\"]\n", true),
            ("patchesStrategicMerge: [image.yaml]\n", false),
        ] {
            assert_eq!(
                Kustomization::read(text).unwrap().is_open(),
                expected,
                "{text:?}"
            );
        }
    }
}
