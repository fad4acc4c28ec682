//! Where an image was built, as SLSA provenance says.
//!
//! Sources: [version 0.2](https://slsa.dev/spec/v0.2/provenance), [version 1](https://slsa.dev/spec/v1.0/provenance).

use serde_json::Value;

use crate::{
    document::{
        declaration, facts::message, problem::Problems, scope::Recorded, signed::glob::Glob,
    },
    language::Message,
    quote::Escaped,
};

/// Where an image may have been built.
#[derive(Debug)]
pub(super) struct Provenance {
    builders: Option<Vec<Glob>>,
    sources: Option<Vec<Glob>>,
    refs: Option<Vec<Glob>>,
}

/// Where an image was built.
#[derive(Debug, Default, PartialEq, Eq)]
struct Built<'p> {
    builder: Option<&'p str>,
    source: Option<&'p str>,
    reference: Option<&'p str>,
}

impl Provenance {
    pub(super) fn compile(
        declared: declaration::Provenance,
        problems: &mut Problems,
    ) -> Option<Self> {
        let declaration::Provenance {
            position,
            builders,
            sources,
            refs,
        } = declared;
        if builders.is_none() && sources.is_none() && refs.is_none() {
            problems.add(
                position,
                "provenance has no checks; give \"builders\", \"sources\" or \"refs\"",
            );
            return None;
        }
        let mut globs = |list: Option<Vec<_>>| {
            let globs = list.map(|list| Glob::all(list, position, problems).ok_or(Recorded));
            globs.transpose()
        };
        let (builders, sources, refs) = (globs(builders), globs(sources), globs(refs));
        Some(Self {
            builders: builders.ok()?,
            sources: sources.ok()?,
            refs: refs.ok()?,
        })
    }

    pub(super) fn admit(&self, predicate: &Value) -> Result<(), Message> {
        let built = Built::read(predicate);
        for (globs, value, english, chinese) in [
            (&self.builders, built.builder, "builder", "构建者"),
            (
                &self.sources,
                built.source,
                "source repository",
                "源代码仓库",
            ),
            (
                &self.refs,
                built.reference,
                "source reference",
                "源代码引用",
            ),
        ] {
            let Some(globs) = globs else { continue };
            let Some(value) = value else {
                return Err(message(
                    format!("its provenance does not say what the {english} was"),
                    format!("其构建来源没有说明{chinese}"),
                ));
            };
            if !globs.iter().any(|glob| glob.matches(value)) {
                let value = Escaped(value, 200);
                return Err(message(
                    format!("its {english} {value} is not allowed"),
                    format!("其{chinese}{value}不在允许之列"),
                ));
            }
        }
        Ok(())
    }
}

impl<'p> Built<'p> {
    fn read(predicate: &'p Value) -> Self {
        let text = |pointer: &str| predicate.pointer(pointer).and_then(Value::as_str);
        // Version 1.
        if predicate.get("buildDefinition").is_some() {
            let workflow = "/buildDefinition/externalParameters/workflow";
            let source = text(&format!("{workflow}/repository"))
                .or_else(|| text("/buildDefinition/externalParameters/source/uri"))
                .or_else(|| text("/buildDefinition/externalParameters/source"))
                .or_else(|| text("/buildDefinition/resolvedDependencies/0/uri"));
            let (source, reference) = split(source);
            return Self {
                builder: text("/runDetails/builder/id"),
                source,
                reference: text(&format!("{workflow}/ref")).or(reference),
            };
        }
        let source = text("/invocation/configSource/uri").or_else(|| text("/materials/0/uri"));
        let (source, reference) = split(source);
        Self {
            builder: text("/builder/id"),
            source,
            reference,
        }
    }
}

/// A repository and what was taken of it, as in `git+https://git.example.com/app.git@refs/heads/main`.
fn split(uri: Option<&str>) -> (Option<&str>, Option<&str>) {
    let Some(uri) = uri else {
        return (None, None);
    };
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    // Before the path an `@` ends the name of a user.
    let path = uri.find("://").map_or(0, |at| at + 3);
    let path = uri[path..].find('/').map_or(uri.len(), |at| path + at);
    let (source, reference) = match uri[path..].split_once('@') {
        Some((before, after)) => (&uri[..path + before.len()], Some(after)),
        None => (uri, None),
    };
    (
        Some(source.strip_suffix(".git").unwrap_or(source)),
        reference,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_versions_are_read() {
        let repository = "https://git.example.com/team/app";
        let main = "refs/heads/main";
        for (predicate, builder, source, reference) in [
            (
                json!({
                    "builder": {"id": "https://b.example.com"},
                    "invocation": {"configSource": {"uri": "git+https://git.example.com/team/app@refs/heads/main"}},
                }),
                Some("https://b.example.com"),
                Some(repository),
                Some(main),
            ),
            (
                json!({
                    "builder": {"id": "b"},
                    "materials": [{"uri": "git+https://git.example.com/team/app.git@refs/heads/main"}],
                }),
                Some("b"),
                Some(repository),
                Some(main),
            ),
            (
                json!({
                    "buildDefinition": {"externalParameters": {"workflow": {"repository": repository, "ref": main}}},
                    "runDetails": {"builder": {"id": "b"}},
                }),
                Some("b"),
                Some(repository),
                Some(main),
            ),
            (
                json!({
                    "buildDefinition": {
                        "externalParameters": {},
                        "resolvedDependencies": [{"uri": "git+ssh://git@git.example.com/team/app"}],
                    },
                }),
                None,
                Some("ssh://git@git.example.com/team/app"),
                None,
            ),
            (json!({}), None, None, None),
        ] {
            let built = Built::read(&predicate);
            let expected = Built {
                builder,
                source,
                reference,
            };
            assert_eq!(built, expected, "{predicate}");
        }
    }
}
