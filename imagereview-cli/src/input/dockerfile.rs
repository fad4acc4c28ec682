//! The images that a Dockerfile builds on.
//!
//! It is read as `BuildKit` does, as far as images go: `FROM`, the `ARG`s before it, and the
//! `--from` of `COPY`, `ADD` and `RUN --mount`. Published parsers either give no positions or stop
//! at here-documents, and this needs both.
//!
//! Source: <https://docs.docker.com/reference/dockerfile/>

mod instructions;
mod shell;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use self::{
    instructions::{Instruction, InstructionError, Instructions, Word},
    shell::{ShellError, fill_in},
};

/// An image that a Dockerfile names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BaseImage {
    /// The reference, with build arguments filled in.
    pub(crate) reference: String,
    /// The instruction that names it: `FROM`, or that with a `--from`.
    pub(crate) instruction: &'static str,
    /// How many of these instructions come before it.
    pub(crate) index: usize,
    /// Where the reference is.
    pub(crate) span: Range<usize>,
}

/// A `FROM` from which no image is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DockerfileError {
    /// Why.
    pub(crate) kind: DockerfileErrorKind,
    /// Where it is.
    pub(crate) span: Range<usize>,
}

/// Why no image is known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DockerfileErrorKind {
    #[error(transparent)]
    Instruction(#[from] InstructionError),
    #[error(transparent)]
    Shell(#[from] ShellError),
    #[error("FROM names no image")]
    NoImage,
    #[error("there is no instruction {0} here")]
    Keyword(String),
    #[error("FROM takes an image, or an image, AS and a name")]
    Form,
    #[error(
        "{0:?} is no name of a stage: it is to begin with a letter and go on with letters, digits, and . _ -"
    )]
    StageName(String),
    #[error("there is no stage {0}")]
    StageNumber(String),
    #[error(
        "the builder fills in no variables here; name a stage that begins with FROM and the variable"
    )]
    Variable,
    #[error("it has no FROM, so it builds nothing")]
    NoStage,
}

/// The instructions that may take files from another image.
const WITH_FROM: [&str; 3] = ["COPY", "ADD", "RUN"];

/// The instructions that there are.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// The image that is empty: nothing is pulled.
const SCRATCH: &str = "scratch";

/// The build arguments that `BuildKit` sets itself, as they are for the commonest platform. They most
/// often choose among stages, and each stage's image is reviewed anyway.
const PLATFORM: [(&str, &str); 8] = [
    ("BUILDPLATFORM", "linux/amd64"),
    ("BUILDOS", "linux"),
    ("BUILDARCH", "amd64"),
    ("BUILDVARIANT", ""),
    ("TARGETPLATFORM", "linux/amd64"),
    ("TARGETOS", "linux"),
    ("TARGETARCH", "amd64"),
    ("TARGETVARIANT", ""),
];

/// The endings of files that only begin with the name of a Dockerfile.
const OTHER_ENDINGS: [&str; 9] = [
    "adoc",
    "dockerignore",
    "html",
    "json",
    "md",
    "py",
    "rst",
    "sh",
    "txt",
];

/// The endings of templates.
const TEMPLATE_ENDINGS: [&str; 7] = ["erb", "gotmpl", "in", "j2", "jinja2", "tmpl", "tpl"];

/// Whether a file of this name is a Dockerfile, or a template of one: `Dockerfile`,
/// `Dockerfile.prod`, `Dockerfile-prod`, `prod.Dockerfile`, and `Containerfile` in its place.
pub(crate) fn is_dockerfile(name: &str) -> bool {
    if ending(name).is_some_and(|ending| OTHER_ENDINGS.contains(&ending)) {
        return false;
    }
    ["Dockerfile", "Containerfile"].into_iter().any(|word| {
        let lower = word.to_ascii_lowercase();
        [word, &lower].into_iter().any(|word| {
            let behind = name.strip_prefix(word);
            let before = name.strip_suffix(word);
            behind.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-', '_']))
                || before.is_some_and(|rest| rest.ends_with('.'))
        })
    })
}

/// Whether a Dockerfile of this name is still to be rendered.
pub(crate) fn is_template(name: &str) -> bool {
    ending(name).is_some_and(|ending| TEMPLATE_ENDINGS.contains(&ending))
}

fn ending(name: &str) -> Option<&str> {
    Some(name.rsplit_once('.')?.1)
}

/// Whether a text whose name does not tell begins as a Dockerfile does: with `FROM`, or with an
/// `ARG` for it.
pub(crate) fn begins_dockerfile(start: &[u8]) -> bool {
    let text = String::from_utf8_lossy(start);
    let Some(first) = Instructions::new(&text).next() else {
        return false;
    };
    let words = first.words_after_options();
    let words: Vec<&str> = words.iter().map(|word| &*word.raw).collect();
    match (&*first.keyword(), &*words) {
        ("FROM", [_]) => true,
        ("FROM", [_, by, _]) => by.eq_ignore_ascii_case("AS"),
        ("ARG", [argument, ..]) => {
            let name = argument.split_once('=').map_or(*argument, |(name, _)| name);
            name.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        }
        _ => false,
    }
}

/// The images that a Dockerfile names, in its order. Values that are given go before the defaults.
pub(crate) fn base_images(
    text: &str,
    given: &BTreeMap<String, String>,
) -> Vec<Result<BaseImage, DockerfileError>> {
    let instructions: Vec<Instruction> = Instructions::new(text).collect();
    let mut file = File {
        names: instructions.iter().filter_map(stage_name).collect(),
        stage_count: instructions
            .iter()
            .filter(|one| one.keyword() == "FROM")
            .count(),
        ..File::new(given)
    };
    for instruction in &instructions {
        file.read(instruction, given);
    }
    if file.stages_read == 0 {
        file.error(DockerfileErrorKind::NoStage, 0..0);
    }
    file.images
}

/// The name that a `FROM` gives to its stage, as the builder compares it.
fn stage_name(instruction: &Instruction) -> Option<String> {
    if instruction.keyword() != "FROM" {
        return None;
    }
    match &*instruction.words_after_options() {
        [_, by, name] if by.raw.eq_ignore_ascii_case("AS") => Some(name.raw.to_lowercase()),
        _ => None,
    }
}

/// Whether this may be the name of a stage.
fn is_stage_name(name: &str) -> bool {
    let is_in_name =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_in_name)
}

/// What is known of a Dockerfile that is being read.
#[derive(Default)]
struct File {
    images: Vec<Result<BaseImage, DockerfileError>>,
    arguments: BTreeMap<String, String>,
    /// The names of all stages: files may be copied from one that comes later.
    names: BTreeSet<String>,
    stage_count: usize,
    stages_read: usize,
    /// The names that a stage may build on.
    names_read: BTreeSet<String>,
    counts: BTreeMap<&'static str, usize>,
}

impl File {
    fn new(given: &BTreeMap<String, String>) -> Self {
        let arguments = PLATFORM.into_iter().map(|(name, value)| {
            let value = given.get(name).map_or(value, String::as_str);
            (name.to_owned(), value.to_owned())
        });
        Self {
            arguments: arguments.collect(),
            ..Self::default()
        }
    }

    fn error(&mut self, kind: impl Into<DockerfileErrorKind>, span: Range<usize>) {
        let kind = kind.into();
        self.images.push(Err(DockerfileError { kind, span }));
    }

    /// How many of these instructions come before this one.
    fn count(&mut self, instruction: &'static str) -> usize {
        let count = self.counts.entry(instruction).or_default();
        *count += 1;
        *count - 1
    }

    fn read(&mut self, instruction: &Instruction, given: &BTreeMap<String, String>) {
        if let Some(error) = &instruction.error {
            self.error(error.clone(), instruction.span());
        }
        // The trigger pulls in the builds that build on this one.
        let trigger = instruction.trigger();
        let instruction = trigger.as_ref().unwrap_or(instruction);
        let keyword = instruction.keyword();
        // An ONBUILD of nothing triggers nothing.
        if trigger.is_some() && keyword.trim().is_empty() {
            return;
        }
        if !KEYWORDS.contains(&&*keyword)
            || (trigger.is_some() && ["FROM", "ONBUILD", "MAINTAINER"].contains(&&*keyword))
        {
            return self.error(DockerfileErrorKind::Keyword(keyword), instruction.span());
        }
        match WITH_FROM.into_iter().find(|name| *name == keyword) {
            _ if keyword == "ARG" && self.stages_read == 0 => self.argument(instruction, given),
            _ if keyword == "FROM" => self.stage(instruction),
            Some(name) => {
                let index = self.count(name);
                for option in instruction.options() {
                    if let Some((reference, span)) = other_image(&option) {
                        self.other_image(name, index, reference, span);
                    }
                }
            }
            None => {}
        }
    }

    fn argument(&mut self, instruction: &Instruction, given: &BTreeMap<String, String>) {
        for word in instruction.shell_words() {
            let (name, default) = match word.raw.split_once('=') {
                None => (&*word.raw, None),
                Some((name, default)) => (name, Some(default)),
            };
            let value = match (given.get(name), default) {
                (Some(value), _) => value.clone(),
                // What was there before stays.
                (None, None) => continue,
                (None, Some(default)) => {
                    match fill_in(default, instruction.escape(), &self.arguments) {
                        Ok(value) => value,
                        Err(error) => {
                            self.error(error, word.span.clone());
                            continue;
                        }
                    }
                }
            };
            self.arguments.insert(name.to_owned(), value);
        }
    }

    fn stage(&mut self, instruction: &Instruction) {
        let index = self.count("FROM");
        self.stages_read += 1;
        let words = instruction.words_after_options();
        let Some(image) = words.first() else {
            return self.error(DockerfileErrorKind::NoImage, instruction.span());
        };
        let filled = fill_in(&image.raw, instruction.escape(), &self.arguments);
        let is_stage = filled
            .as_ref()
            .is_ok_and(|name| self.names_read.contains(name));
        match &*words {
            [] | [_] => {}
            [_, by, name] if by.raw.eq_ignore_ascii_case("AS") => {
                let lower = name.raw.to_lowercase();
                if !is_stage_name(&lower) {
                    let kind = DockerfileErrorKind::StageName(name.raw.clone());
                    self.error(kind, name.span.clone());
                }
                self.names_read.insert(lower);
            }
            [_, second, ..] => self.error(DockerfileErrorKind::Form, second.span.clone()),
        }
        let span = image.span.clone();
        match filled {
            Ok(name) if is_stage || name == SCRATCH => {}
            Ok(name) if name.is_empty() => self.error(DockerfileErrorKind::NoImage, span),
            Ok(reference) => self.images.push(Ok(BaseImage {
                reference,
                instruction: "FROM",
                index,
                span,
            })),
            Err(error) => self.error(error, span),
        }
    }

    /// What another instruction takes files from.
    fn other_image(
        &mut self,
        instruction: &'static str,
        index: usize,
        reference: String,
        span: Range<usize>,
    ) {
        let variable = reference.find('$').filter(|at| at + 1 < reference.len());
        if variable.is_some() {
            return self.error(DockerfileErrorKind::Variable, span);
        }
        if instruction == "COPY"
            && let Ok(number) = reference.parse::<i64>()
        {
            if !usize::try_from(number).is_ok_and(|number| number < self.stage_count) {
                self.error(DockerfileErrorKind::StageNumber(reference), span);
            }
            return;
        }
        if reference != SCRATCH && !self.names.contains(&reference.to_lowercase()) {
            self.images.push(Ok(BaseImage {
                reference,
                instruction,
                index,
                span,
            }));
        }
    }
}

/// What `--from=` names, or the last `from=` of a `--mount=`, and where that is.
fn other_image(option: &Word) -> Option<(String, Range<usize>)> {
    let place = |reference: &str| {
        let at = option.raw.find(reference);
        let start = option.span.start + at.unwrap_or_default();
        match at {
            // Over several lines it has other bytes in it.
            Some(_) if option.span.len() == option.raw.len() => start..start + reference.len(),
            _ => option.span.clone(),
        }
    };
    if let Some(reference) = option.value.strip_prefix("--from=") {
        return Some((reference.to_owned(), place(reference)))
            .filter(|(reference, _)| !reference.is_empty());
    }
    let fields = option.value.strip_prefix("--mount=")?.split(',');
    let fields = fields.map(|field| field.trim_matches('"'));
    let mut from = fields.filter_map(|field| {
        let (key, reference) = field.split_once('=')?;
        key.eq_ignore_ascii_case("from").then_some(reference)
    });
    // Empty, it is the context of the build.
    let reference = from.next_back().filter(|reference| !reference.is_empty())?;
    Some((reference.to_owned(), place(reference)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_dockerfiles() {
        for (name, expected) in [
            ("Dockerfile", true),
            ("Dockerfile.dev", true),
            ("web.Dockerfile", true),
            ("web.dockerfile", true),
            ("Containerfile", true),
            ("dockerfile", true),
            ("containerfile", true),
            ("Dockerfiles", false),
            ("dockerfile.md", false),
            ("myDockerfile", false),
        ] {
            assert_eq!(is_dockerfile(name), expected, "{name}");
        }
    }

    #[test]
    fn a_dockerfile_is_known_by_how_it_begins() {
        for (text, expected) in [
            ("FROM nginx\nRUN x\n", true),
            (
                "\u{feff}# syntax=x\n\n# why\nfrom --platform=$P a:1 \\\n as b",
                true,
            ),
            ("ARG BASE=a:1\nFROM $BASE\n", true),
            ("ARG BASE\n", true),
            ("From here on it is prose.\n", false),
            ("FROM:\n- a\n", false),
            ("ARG: 1\n", false),
            ("kind: Pod\n", false),
            ("RUN x\nFROM a\n", false),
            ("", false),
            ("FROM", false),
        ] {
            assert_eq!(begins_dockerfile(text.as_bytes()), expected, "{text}");
        }
    }

    /// Each image, or the error, after the text that it is written as.
    fn found(text: &str) -> Vec<String> {
        let given = BTreeMap::from([("GIVEN".to_owned(), "9".to_owned())]);
        let written = |span: &Range<usize>| text[span.clone()].to_owned();
        base_images(text, &given)
            .into_iter()
            .map(|image| match image {
                Ok(image) => format!(
                    "{} {}[{}]: {}",
                    written(&image.span),
                    image.instruction,
                    image.index,
                    image.reference
                ),
                Err(error) => format!("{}: {}", written(&error.span), error.kind),
            })
            .collect()
    }

    #[test]
    fn each_image_is_found_where_it_is() {
        for (text, expected) in [
            ("", &[": it has no FROM, so it builds nothing"][..]),
            ("RUN x\n", &[": it has no FROM, so it builds nothing"]),
            ("FROM nginx:1", &["nginx:1 FROM[0]: nginx:1"]),
            // What editors put before a text is no part of the first instruction.
            ("\u{feff}FROM nginx:1", &["nginx:1 FROM[0]: nginx:1"]),
            (
                "from --platform=linux/amd64 nginx AS web\n",
                &["nginx FROM[0]: nginx"],
            ),
            ("FROM scratch\n", &[]),
            ("FROM", &["FROM: FROM names no image"]),
            // A stage is no image, whatever the case.
            (
                "FROM go:1 AS Build\nFROM build\nFROM alpine:3\nCOPY --from=build /a /a\nCOPY --from=0 / /\n",
                &["go:1 FROM[0]: go:1", "alpine:3 FROM[2]: alpine:3"],
            ),
            // A name is that of a stage only after it.
            (
                "FROM base\nFROM x:1 AS base\n",
                &["base FROM[0]: base", "x:1 FROM[1]: x:1"],
            ),
            (
                "FROM a:1\nCOPY --chown=1 --from=b:2 / /\nRUN --mount=type=bind,from=c:3,target=/x make\nADD --from=7 / /",
                &[
                    "a:1 FROM[0]: a:1",
                    "b:2 COPY[0]: b:2",
                    "c:3 RUN[0]: c:3",
                    "7 ADD[0]: 7",
                ],
            ),
            // Build arguments.
            (
                "ARG TAG=1.2\nFROM nginx:$TAG\n",
                &["nginx:$TAG FROM[0]: nginx:1.2"],
            ),
            (
                "ARG R=registry.example.com\nARG I=\"$R/app\" T='3'\nFROM ${I}:${T}\n",
                &["${I}:${T} FROM[0]: registry.example.com/app:3"],
            ),
            ("ARG GIVEN=1\nFROM a:$GIVEN\n", &["a:$GIVEN FROM[0]: a:9"]),
            ("ARG GIVEN\nFROM a:$GIVEN\n", &["a:$GIVEN FROM[0]: a:9"]),
            (
                "ARG E=\nARG S=1\nFROM a:${N:-2}${E:-3}${E-4}${S:+5}${S+6}${N:+7}${N:-${S}}\n",
                &["a:${N:-2}${E:-3}${E-4}${S:+5}${S+6}${N:+7}${N:-${S}} FROM[0]: a:23561"],
            ),
            (
                "ARG N\nFROM a:$N\nFROM b:1\n",
                &[
                    "a:$N: N has no value; give one with --set N=VALUE, or a default",
                    "b:1 FROM[1]: b:1",
                ],
            ),
            // What the builder itself sets.
            (
                "FROM a:1 AS linux\nFROM b:2 AS windows\nFROM $TARGETOS\nFROM c:$TARGETARCH$TARGETVARIANT\n",
                &[
                    "a:1 FROM[0]: a:1",
                    "b:2 FROM[1]: b:2",
                    "c:$TARGETARCH$TARGETVARIANT FROM[3]: c:amd64",
                ],
            ),
            // An argument of a stage is not one of FROM.
            (
                "FROM a:1\nARG T=2\nFROM b:${T:-3}\n",
                &["a:1 FROM[0]: a:1", "b:${T:-3} FROM[1]: b:3"],
            ),
            (
                "FROM a:${T#x}",
                &["a:${T#x}: T has no value; give one with --set T=VALUE, or a default"],
            ),
            // Lines that go on, comments among them, and another escape character.
            (
                "# syntax=docker/dockerfile:1\n\nFROM \\\n  # why\n\n  nginx:1 \\\n  AS x\n",
                &["nginx:1 FROM[0]: nginx:1"],
            ),
            (
                "# escape=`\nFROM `\n  win:1\nRUN dir C:\\\nFROM b:1\n",
                &["win:1 FROM[0]: win:1", "b:1 FROM[1]: b:1"],
            ),
            // After another comment there are no directives.
            (
                "# why\n# escape=`\nFROM a:1 \\\n  AS x\nFROM x\n",
                &["a:1 FROM[0]: a:1"],
            ),
            // What hides an instruction from no builder hides it from no review.
            (
                "FROM a:1\nRUN echo C:\\\\\nFROM b:1\nRUN x\\\u{a0}\nFROM c:1\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1", "c:1 FROM[2]: c:1"],
            ),
            (
                "FROM a:1\nRUN echo a<<E\nFROM b:1\nE\nRUN cat <<E \"x\nFROM c:1\nE\n",
                &[
                    "a:1 FROM[0]: a:1",
                    "b:1 FROM[1]: b:1",
                    "E: there is no instruction E here",
                    "c:1 FROM[2]: c:1",
                    "E: there is no instruction E here",
                ],
            ),
            (
                "FROM a:1\nRUN cat <<E-F 3<<'G H'\nFROM x:1\nE-F\nFROM y:1\nG H \nG H\nFROM b:1\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1"],
            ),
            (
                "FROM a:1\nRUN cat <<E ${x^^}\nFROM b:1\nE\nRUN cat <<E ${x:-y}\nFROM x:1\nE\n",
                &[
                    "a:1 FROM[0]: a:1",
                    "b:1 FROM[1]: b:1",
                    "E: there is no instruction E here",
                ],
            ),
            (
                "FROM -- a:1\nRUN -- --mount=from=x:1\n",
                &["a:1 FROM[0]: a:1"],
            ),
            (
                "# escape=`\nFROM a:1\nCOPY --fro`m=b:1 / /\nRUN --mount=\u{2003}x,from=c:1 y\n",
                &["a:1 FROM[0]: a:1", "b:1 COPY[0]: b:1", "c:1 RUN[0]: c:1"],
            ),
            ("FROM\u{b}a:1\n", &["a:1 FROM[0]: a:1"]),
            (
                "ARG X=\"a I=b:1 \" J=c:1\nFROM ${I:-d:1}\nFROM $J\n",
                &["${I:-d:1} FROM[0]: d:1", "$J FROM[1]: c:1"],
            ),
            (
                "FROM a:1 AS s\nCOPY --chown=\"a b\" --from=b:1 / /\nCOPY --fr'om=c:1' / /\nRUN --mount=from=s,FROM=d:1 x\n",
                &[
                    "a:1 FROM[0]: a:1",
                    "b:1 COPY[0]: b:1",
                    "c:1 COPY[1]: c:1",
                    "d:1 RUN[0]: d:1",
                ],
            ),
            (
                "# =x\n# escape=`\nFROM a:1 \\\n AS x\nFROM x\n",
                &["a:1 FROM[0]: a:1"],
            ),
            (
                "# x=y\n# escape=`\nFROM a:1 \\\n AS x\nFROM x\n",
                &["a:1 FROM[0]: a:1"],
            ),
            (
                "FROM a:1\nONBUILD RUN <<E\nFROM x:1\nE\nFROM b:1\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1"],
            ),
            // What a build on this one pulls.
            (
                "FROM a:1 AS s\nONBUILD COPY \\\n  --from=b:2 / /\nonbuild RUN --mount=from=s,target=/x true\nONBUILD USER x\nONBUILD\n",
                &["a:1 FROM[0]: a:1", "b:2 COPY[0]: b:2"],
            ),
            ("FROM ngi\\\nnx:1", &["ngi\\\nnx:1 FROM[0]: nginx:1"]),
            // The text of a here-document holds no instructions.
            (
                "FROM a:1\nRUN <<EOF cat\nFROM x:1\nEOF\nCOPY <<-\"E\" /a\nFROM y:1\n\tE\nFROM b:1\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1"],
            ),
            ("FROM a:1\nRUN tool --from=b:2\n", &["a:1 FROM[0]: a:1"]),
            (
                "FROM a:1\r\nFROM b:1\r\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1"],
            ),
        ] {
            assert_eq!(found(text), expected, "{text}");
        }
    }
}
