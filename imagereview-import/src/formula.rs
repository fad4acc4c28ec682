//! What a policy of another engine requires of an image, as that engine reads the string.

use imagereview_core::ContainerKind;

use crate::wildcard::Wild;

/// The part of an image that is compared, as the other engine takes it from the string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    /// The whole string as written.
    Written,
    /// What is behind the last `/`.
    LastPart,
    /// What is behind the last `/`, up to the first `:`.
    LastPartToColon,
    /// The registry; `docker.io` if none is written.
    Registry,
    /// The path without the registry; `nginx`, not `library/nginx`, if that is written.
    Path,
    /// The last part of the path.
    Name,
    /// The tag; `latest` without a tag and a digest.
    Tag,
    /// The tag; `latest` without a tag, even if there is a digest.
    TagOrLatest,
    /// The digest, or an empty text.
    Digest,
    /// The registry and the path in full: `docker.io/library/nginx`.
    Repository,
    /// The whole reference in full: `docker.io/library/nginx:latest`.
    Reference,
}

impl Field {
    /// What the engine finds in the string.
    fn of(self, image: &str) -> String {
        let last = image.rsplit('/').next().unwrap_or_default();
        match self {
            Self::Written => image.to_owned(),
            Self::LastPart => last.to_owned(),
            Self::LastPartToColon => last.split(':').next().unwrap_or_default().to_owned(),
            _ => Parts::of(image).field(self),
        }
    }
}

/// A string, split as engines do that know its parts.
struct Parts<'a> {
    registry: &'a str,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(image: &'a str) -> Self {
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].find(':') {
            Some(colon) => (&name[..last + colon], Some(&name[last + colon + 1..])),
            None => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
                (first, path)
            }
            _ => ("docker.io", name),
        };
        // The node takes both for one registry.
        let registry = match registry {
            "index.docker.io" => "docker.io",
            registry => registry,
        };
        Self {
            registry,
            path,
            tag,
            digest,
        }
    }

    fn field(&self, field: Field) -> String {
        match field {
            Field::Registry => self.registry.to_owned(),
            Field::Path => self.path.to_owned(),
            Field::Name => self.path.rsplit('/').next().unwrap_or_default().to_owned(),
            Field::Tag => match (self.tag, self.digest) {
                (Some(tag), _) => tag.to_owned(),
                (None, None) => "latest".to_owned(),
                (None, Some(_)) => String::new(),
            },
            Field::TagOrLatest => self.tag.unwrap_or("latest").to_owned(),
            Field::Digest => self.digest.unwrap_or_default().to_owned(),
            Field::Reference => {
                let mut text = self.field(Field::Repository);
                let tag = self.field(Field::Tag);
                if !tag.is_empty() {
                    text.extend([":", &tag]);
                }
                if let Some(digest) = self.digest {
                    text.extend(["@", digest]);
                }
                text
            }
            _ => {
                let official = self.registry == "docker.io" && !self.path.contains('/');
                let library = if official { "library/" } else { "" };
                format!("{}/{library}{}", self.registry, self.path)
            }
        }
    }
}

/// A comparison of one part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Atom {
    pub(crate) field: Field,
    pub(crate) wild: Wild,
}

impl Atom {
    pub(crate) fn new(field: Field, wild: Wild) -> Self {
        Self { field, wild }
    }

    pub(crate) fn holds(&self, image: &str) -> bool {
        self.wild.matches(&self.field.of(image))
    }
}

/// What must hold of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Formula {
    Atom(Atom),
    Not(Box<Formula>),
    /// All of these.
    And(Vec<Formula>),
    /// One of these.
    Or(Vec<Formula>),
}

impl Formula {
    pub(crate) fn atom(field: Field, wild: Wild) -> Self {
        Self::Atom(Atom::new(field, wild))
    }

    pub(crate) fn not(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether it holds, as the other engine reads the string.
    pub(crate) fn holds(&self, image: &str) -> bool {
        match self {
            Self::Atom(atom) => atom.holds(image),
            Self::Not(inner) => !inner.holds(image),
            Self::And(all) => all.iter().all(|one| one.holds(image)),
            Self::Or(some) => some.iter().any(|one| one.holds(image)),
        }
    }
}

/// The containers whose images an engine looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LooksAt {
    pub(crate) regular: bool,
    pub(crate) init: bool,
    pub(crate) ephemeral: bool,
}

impl LooksAt {
    pub(crate) const NONE: Self = Self {
        regular: false,
        init: false,
        ephemeral: false,
    };

    pub(crate) const CONTAINERS: Self = Self {
        regular: true,
        init: true,
        ephemeral: true,
    };

    pub(crate) fn is_at(self, kind: ContainerKind) -> bool {
        match kind {
            ContainerKind::Init => self.init,
            ContainerKind::Ephemeral => self.ephemeral,
            ContainerKind::Volume => false,
            // Where it is not known, the engine gets the benefit of the doubt.
            _ => self.regular,
        }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            regular: self.regular || other.regular,
            init: self.init || other.init,
            ephemeral: self.ephemeral || other.ephemeral,
        }
    }

    /// The fields of a pod's specification that it leaves out.
    pub(crate) fn leaves_out(self) -> Vec<&'static str> {
        let lists = [
            (self.regular, "containers"),
            (self.init, "initContainers"),
            (self.ephemeral, "ephemeralContainers"),
        ];
        let left_out = lists.into_iter().filter(|(is_in, _)| !is_in);
        left_out.map(|(_, name)| name).collect()
    }
}

/// One rule of another engine, over images alone.
#[derive(Clone, Debug)]
pub(crate) struct Original {
    pub(crate) requirement: Formula,
    /// Images to which it does not apply.
    pub(crate) exempt: Vec<Atom>,
    pub(crate) looks_at: LooksAt,
}

impl Original {
    pub(crate) fn allows(&self, image: &str) -> bool {
        self.exempt.iter().any(|atom| atom.holds(image)) || self.requirement.holds(image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_those_that_engines_see() {
        for (image, registry, path, name, tag, digest) in [
            ("nginx", "docker.io", "nginx", "nginx", "latest", ""),
            (
                "registry.example.com:5000/team/app:1@sha256:00",
                "registry.example.com:5000",
                "team/app",
                "app",
                "1",
                "sha256:00",
            ),
            (
                "team/app@sha256:00",
                "docker.io",
                "team/app",
                "app",
                "",
                "sha256:00",
            ),
        ] {
            let got = [
                Field::Registry,
                Field::Path,
                Field::Name,
                Field::Tag,
                Field::Digest,
            ]
            .map(|field| field.of(image));
            assert_eq!(got, [registry, path, name, tag, digest], "{image}");
        }
        assert_eq!(Field::Repository.of("nginx:1"), "docker.io/library/nginx");
        assert_eq!(Field::LastPartToColon.of("a/b@sha256:00"), "b@sha256");
    }
}
