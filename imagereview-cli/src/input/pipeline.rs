//! The images that a definition of a pipeline runs: workflows and actions of GitHub, and GitLab CI.
//!
//! Sources: <https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax>,
//! <https://docs.github.com/actions/reference/workflows-and-actions/metadata-syntax>,
//! <https://docs.gitlab.com/ci/yaml/>

use std::{collections::BTreeMap, path::Path};

use super::{compose::Node, source::Source, substitution::fill_in};

/// What a file of a pipeline is, by its name and folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PipelineKind {
    Workflow,
    Action,
    Gitlab,
}

/// The images of a definition, and what is known only when it runs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Pipeline {
    /// Each image, and its JSON path.
    pub(crate) images: Vec<(String, String)>,
    /// The paths of images that an expression or a variable names.
    pub(crate) open: Vec<String>,
}

/// How an action or a step names an image.
const SCHEME: &str = "docker://";

impl PipelineKind {
    /// What a file is that is named by itself. Nothing is looked for in folders: these are no images
    /// of the cluster.
    pub(crate) fn of(source: &Source) -> Option<Self> {
        let name = source.file_name()?;
        let folder = source.folder().unwrap_or(Path::new(""));
        match name {
            _ if name.ends_with(".gitlab-ci.yml") || name.ends_with(".gitlab-ci.yaml") => {
                Some(Self::Gitlab)
            }
            "action.yml" | "action.yaml" => Some(Self::Action),
            _ if folder.ends_with(".github/workflows") => Some(Self::Workflow),
            _ => None,
        }
    }

    /// What it is called in results.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Workflow => "GitHub workflow",
            Self::Action => "GitHub action",
            Self::Gitlab => "GitLab CI file",
        }
    }

    /// The images of a document.
    pub(crate) fn read(self, document: &Node, variables: &BTreeMap<String, String>) -> Pipeline {
        let mut reader = Reader {
            pipeline: Pipeline::default(),
            variables,
        };
        match self {
            Self::Workflow => reader.workflow(document),
            Self::Action => reader.action(document),
            Self::Gitlab => reader.gitlab(document),
        }
        reader.pipeline
    }
}

struct Reader<'v> {
    pipeline: Pipeline,
    variables: &'v BTreeMap<String, String>,
}

impl Reader<'_> {
    fn workflow(&mut self, document: &Node) {
        for (name, job) in document.get("jobs").map_or(&[][..], Node::entries) {
            let path = format!("jobs.{name}");
            self.github_image(job.get("container"), &format!("{path}.container"), "image");
            for (service, value) in job.get("services").map_or(&[][..], Node::entries) {
                let path = format!("{path}.services.{service}");
                self.github_image(Some(value), &path, "image");
            }
            self.steps(job, &path);
        }
    }

    fn action(&mut self, document: &Node) {
        let Some(runs) = document.get("runs") else {
            return;
        };
        if let Some(text) = runs.get("image").and_then(Node::as_text) {
            // What else it may be is a Dockerfile.
            if let Some(image) = text.strip_prefix(SCHEME) {
                self.github(image, "runs.image".to_owned());
            }
        }
        self.steps(runs, "runs");
    }

    /// The steps that run an image.
    fn steps(&mut self, parent: &Node, path: &str) {
        let Some(Node::List(steps)) = parent.get("steps") else {
            return;
        };
        for (index, step) in steps.iter().enumerate() {
            let uses = step.get("uses").and_then(Node::as_text);
            if let Some(image) = uses.and_then(|uses| uses.strip_prefix(SCHEME)) {
                self.github(image, format!("{path}.steps[{index}].uses"));
            }
        }
    }

    /// An image by itself, or in a field.
    fn github_image(&mut self, value: Option<&Node>, path: &str, field: &str) {
        match value {
            None | Some(Node::Null) => {}
            Some(Node::Mapping(_)) => {
                let image = value.and_then(|value| value.get(field));
                self.github_image(image, &format!("{path}.{field}"), field);
            }
            Some(Node::Text(image)) => self.github(image, path.to_owned()),
            Some(_) => self.pipeline.open.push(path.to_owned()),
        }
    }

    fn github(&mut self, image: &str, path: String) {
        match image {
            // It stands for no container.
            "" => {}
            _ if image.contains("${{") => self.pipeline.open.push(path),
            _ => self.pipeline.images.push((image.to_owned(), path)),
        }
    }

    fn gitlab(&mut self, document: &Node) {
        self.gitlab_job(document, "");
        for (name, job) in document.entries() {
            if matches!(job, Node::Mapping(_)) && !["image", "variables"].contains(&&**name) {
                self.gitlab_job(job, &format!("{name}."));
            }
        }
    }

    /// What a job runs, or the file as a whole, or its `default`.
    fn gitlab_job(&mut self, job: &Node, path: &str) {
        self.gitlab_image(job.get("image"), format!("{path}image"));
        if let Some(Node::List(services)) = job.get("services") {
            for (index, service) in services.iter().enumerate() {
                self.gitlab_image(Some(service), format!("{path}services[{index}]"));
            }
        }
    }

    fn gitlab_image(&mut self, value: Option<&Node>, path: String) {
        let (value, path) = match value {
            Some(Node::Mapping(_)) => {
                let name = value.and_then(|value| value.get("name"));
                (name, format!("{path}.name"))
            }
            value => (value, path),
        };
        match value {
            None | Some(Node::Null) => {}
            Some(Node::Text(text)) => match fill_in(text, self.variables) {
                Ok(image) => self.pipeline.images.push((image, path)),
                Err(_) => self.pipeline.open.push(path),
            },
            Some(_) => self.pipeline.open.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::input::from_yaml;

    /// The kind, a text, its images with their paths, and the paths of what is open.
    type Row<'a> = (
        PipelineKind,
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a [&'a str],
    );

    #[test]
    fn each_image_of_a_pipeline_is_found() {
        let workflow = "on: push\njobs:\n  a:\n    container: node:22\n    services: {db: {image: postgres}}\n    \
                        steps: [{uses: actions/checkout@v4}, {uses: 'docker://alpine:3'}]\n  \
                        b: {container: {image: '${{ matrix.image }}'}, steps: []}\n  c: {container: ''}\n";
        let composite = "runs: {using: composite, steps: [{uses: 'docker://a'}]}";
        let gitlab = "image: ruby:3\nservices: [{name: 'redis:$V'}]\ndefault: {image: {name: go, entrypoint: ['']}}\n\
                      stages: [test]\nvariables: {image: no}\n\
                      test: {image: '$CI_REGISTRY/a:1', services: ['docker:dind']}\n.hidden: {image: 'b:${V}'}\n";
        let rows: [Row<'_>; 5] = [
            (
                PipelineKind::Workflow,
                workflow,
                &[
                    ("node:22", "jobs.a.container"),
                    ("postgres", "jobs.a.services.db.image"),
                    ("alpine:3", "jobs.a.steps[1].uses"),
                ],
                &["jobs.b.container.image"],
            ),
            (
                PipelineKind::Action,
                composite,
                &[("a", "runs.steps[0].uses")],
                &[],
            ),
            (
                PipelineKind::Action,
                "runs: {using: docker, image: 'docker://b:1'}",
                &[("b:1", "runs.image")],
                &[],
            ),
            (
                PipelineKind::Action,
                "runs: {using: docker, image: Dockerfile}",
                &[],
                &[],
            ),
            (
                PipelineKind::Gitlab,
                gitlab,
                &[
                    ("ruby:3", "image"),
                    ("redis:7", "services[0].name"),
                    ("go", "default.image.name"),
                    ("docker:dind", "test.services[0]"),
                    ("b:7", ".hidden.image"),
                ],
                &["test.image"],
            ),
        ];
        let variables = BTreeMap::from([("V".to_owned(), "7".to_owned())]);
        for (kind, text, images, open) in rows {
            let document = from_yaml(text, |yaml| Node::deserialize(yaml)).unwrap();
            let found = kind.read(&document, &variables);
            let images: Vec<_> = images
                .iter()
                .map(|(image, path)| ((*image).to_owned(), (*path).to_owned()))
                .collect();
            assert_eq!(found.images, images, "{text}");
            assert_eq!(found.open, open, "{text}");
        }
    }

    #[test]
    fn a_pipeline_is_known_by_its_name_and_folder() {
        for (path, expected) in [
            (".github/workflows/ci.yml", Some(PipelineKind::Workflow)),
            ("a/.github/workflows/ci.yaml", Some(PipelineKind::Workflow)),
            (".github/dependabot.yml", None),
            ("tools/action.yml", Some(PipelineKind::Action)),
            (".gitlab-ci.yml", Some(PipelineKind::Gitlab)),
            ("ci/build.gitlab-ci.yml", Some(PipelineKind::Gitlab)),
            ("k8s/ci.yml", None),
        ] {
            let source = Source::File(path.into());
            assert_eq!(PipelineKind::of(&source), expected, "{path}");
        }
    }
}
