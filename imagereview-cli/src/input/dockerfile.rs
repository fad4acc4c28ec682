//! The images that a Dockerfile builds on.
//!
//! It is read as `BuildKit` does, as far as images go: `FROM`, the `ARG`s before it, and the
//! `--from` of `COPY`, `ADD` and `RUN --mount`. Published parsers either give no positions or stop
//! at here-documents, and this needs both.
//!
//! Source: <https://docs.docker.com/reference/dockerfile/>

mod instructions;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use self::instructions::{Instructions, Word};
use super::substitution::{SubstitutionError, fill_in};

/// An image that a Dockerfile names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BaseImage {
    /// The reference, with build arguments filled in.
    pub(crate) reference: String,
    /// The instruction that names it: `FROM`, or that with a `--from`.
    pub(crate) instruction: &'static str,
    /// How many of these instructions come before it.
    pub(crate) index: usize,
    /// Where the reference stands.
    pub(crate) span: Range<usize>,
}

/// A `FROM` from which no image is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DockerfileError {
    /// Why.
    pub(crate) kind: DockerfileErrorKind,
    /// Where it stands.
    pub(crate) span: Range<usize>,
}

/// Why no image is known.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DockerfileErrorKind {
    #[error(transparent)]
    Substitution(#[from] SubstitutionError),
    #[error("FROM names no image")]
    NoImage,
    #[error("it has no FROM, so it builds nothing")]
    NoStage,
}

/// The instructions that may take files from another image.
const WITH_FROM: [&str; 3] = ["COPY", "ADD", "RUN"];

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

/// Whether a file of this name is a Dockerfile.
pub(crate) fn is_dockerfile(name: &str) -> bool {
    ["Dockerfile", "Containerfile"].into_iter().any(|word| {
        let lower = word.to_ascii_lowercase();
        name == word
            || name == lower
            || name
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with('.'))
            || name
                .strip_suffix(&lower)
                .is_some_and(|rest| rest.ends_with('.'))
            || name
                .strip_suffix(word)
                .is_some_and(|rest| rest.ends_with('.'))
    })
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
    let mut images = Vec::new();
    let mut arguments: BTreeMap<String, String> = PLATFORM
        .into_iter()
        .map(|(name, value)| {
            let value = given.get(name).map_or(value, String::as_str);
            (name.to_owned(), value.to_owned())
        })
        .collect();
    let mut stages: BTreeSet<String> = BTreeSet::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut count_of = |instruction| {
        let count = counts.entry(instruction).or_default();
        *count += 1;
        *count - 1
    };
    let mut stage_count = 0;
    for instruction in Instructions::new(text) {
        // The trigger pulls in the builds that build on this one.
        let trigger = instruction.trigger();
        let instruction = trigger.as_ref().unwrap_or(&instruction);
        let keyword = instruction.keyword();
        if keyword == "ARG" && stage_count == 0 {
            for word in instruction.shell_words() {
                let (name, default) = match word.raw.split_once('=') {
                    None => (&*word.raw, None),
                    Some((name, default)) => {
                        let filled = fill_in(default, &arguments);
                        (name, filled.ok().map(|text| unquote(&text).to_owned()))
                    }
                };
                let value = given.get(name).cloned().or(default);
                match value {
                    Some(value) => arguments.insert(name.to_owned(), value),
                    None => arguments.remove(name),
                };
            }
        } else if keyword == "FROM" {
            let index = count_of("FROM");
            stage_count += 1;
            let mut words = instruction.words_after_options().into_iter();
            let Some(image) = words.next() else {
                images.push(Err(DockerfileError {
                    kind: DockerfileErrorKind::NoImage,
                    span: instruction.span(),
                }));
                continue;
            };
            let filled = fill_in(unquote(&image.raw), &arguments);
            let is_stage = filled
                .as_ref()
                .is_ok_and(|name| stages.contains(&name.to_ascii_lowercase()));
            if words
                .next()
                .is_some_and(|word| word.raw.eq_ignore_ascii_case("AS"))
                && let Some(name) = words.next()
            {
                stages.insert(name.raw.to_ascii_lowercase());
            }
            if is_stage || filled.as_ref().is_ok_and(|name| name == SCRATCH) {
                continue;
            }
            images.push(match filled {
                Ok(reference) => Ok(BaseImage {
                    reference,
                    instruction: "FROM",
                    index,
                    span: image.span,
                }),
                Err(error) => Err(DockerfileError {
                    kind: error.into(),
                    span: image.span,
                }),
            });
        } else if let Some(instruction_name) = WITH_FROM.into_iter().find(|name| *name == keyword) {
            let index = count_of(instruction_name);
            let options = instruction.options();
            for (reference, span) in options.iter().flat_map(other_images) {
                let is_stage = stages.contains(&reference.to_ascii_lowercase())
                    || reference
                        .parse::<usize>()
                        .is_ok_and(|number| number < stage_count);
                if !is_stage && reference != SCRATCH {
                    images.push(Ok(BaseImage {
                        reference,
                        instruction: instruction_name,
                        index,
                        span,
                    }));
                }
            }
        }
    }
    if stage_count == 0 {
        images.push(Err(DockerfileError {
            kind: DockerfileErrorKind::NoStage,
            span: 0..0,
        }));
    }
    images
}

/// A word without the quotation marks around it.
fn unquote(word: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| word.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(word)
}

/// What `--from=` names, or each `from=` of a `--mount=`, and where that stands.
fn other_images(option: &Word) -> Vec<(String, Range<usize>)> {
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
        return vec![(reference.to_owned(), place(reference))];
    }
    let Some(mount) = option.value.strip_prefix("--mount=") else {
        return Vec::new();
    };
    let fields = mount.split(',').map(|field| field.trim_matches('"'));
    let named = fields.filter_map(|field| {
        let (key, reference) = field.split_once('=')?;
        // Empty, it is the context of the build.
        let is_from = key.eq_ignore_ascii_case("from") && !reference.is_empty();
        is_from.then(|| (reference.to_owned(), place(reference)))
    });
    named.collect()
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
    fn each_image_is_found_where_it_stands() {
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
                &["a:${T#x}: \"a:${T#x}\" has a substitution of a form that is not known"],
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
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1", "c:1 FROM[2]: c:1"],
            ),
            (
                "FROM a:1\nRUN cat <<E-F 3<<'G H'\nFROM x:1\nE-F\nFROM y:1\nG H \nG H\nFROM b:1\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1"],
            ),
            (
                "FROM a:1\nRUN cat <<E ${x^^}\nFROM b:1\nE\nRUN cat <<E ${x:-y}\nFROM x:1\nE\n",
                &["a:1 FROM[0]: a:1", "b:1 FROM[1]: b:1"],
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
