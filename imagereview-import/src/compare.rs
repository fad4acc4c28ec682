//! Where the original's own reading of an image differs from the document's.

use std::fmt;

use imagereview_core::{
    ContainerKind, ImagePolicy, ImageRef, Location, Review, decide, facts::Facts,
};

use crate::{formula::Original, sink::Read};

/// An image about which the original and the document differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    policy: String,
    rule: String,
    was_allowed: bool,
    cause: Cause,
}

/// Why the original and the document differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The original does not look at containers of this kind.
    NotLookedAt,
    /// The node can't read the reference, or others read it differently; the original compares the string.
    Unreadable,
    /// A prefix or glob over the string matched another registry or repository.
    OtherName,
    /// The same image is written in another way, such as `nginx` and `docker.io/library/nginx`.
    OtherSpelling,
    /// The original takes a port, a digest or another part of the string for a tag, or overlooks a tag.
    TagMisread,
}

impl Cause {
    /// The cause as a sentence without a full stop.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::NotLookedAt => "the original does not look at containers of this kind",
            Self::Unreadable => {
                "the node can't read the reference, or readers differ about it; the original compares the string"
            }
            Self::OtherName => {
                "the original compares the string, and the registry or repository that the node pulls from is another"
            }
            Self::OtherSpelling => {
                "the same image is written in another way, which the original compares as another string"
            }
            Self::TagMisread => {
                "the original finds the tag or digest by the characters of the string, and the node by its grammar"
            }
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Difference {
    /// The policy of the original, and where it was read.
    #[must_use]
    pub fn policy(&self) -> &str {
        &self.policy
    }

    /// The rule of the original.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// Whether the original allowed the image, which the document denies; if not, the reverse.
    #[must_use]
    pub fn was_allowed(&self) -> bool {
        self.was_allowed
    }

    /// Why they differ.
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }
}

/// The rules of the originals that say another thing of an image than the policy does.
pub(crate) fn differences(
    originals: &[Read],
    policy: &ImagePolicy,
    image: &str,
    namespace: Option<&str>,
    kind: ContainerKind,
) -> Vec<Difference> {
    let facts = Facts::new();
    let location = Location::new("images", 0, "").with_kind(kind);
    let mut review = Review::new().with_image(image, location).with_facts(&facts);
    if let Some(namespace) = namespace {
        review = review.with_namespace(namespace);
    }
    let verdict = decide(policy, &review);
    let readable = ImageRef::parse(image);
    let mut differences = Vec::new();
    for read in originals {
        if !read.is_comparable {
            continue;
        }
        let names = &read.scope.namespaces;
        if names.include.is_empty() && names.exclude.is_empty() {
            // It is about every namespace.
        } else if !read.is_about(namespace, ContainerKind::Unknown) {
            continue;
        }
        let is_looked_at = read.is_about(namespace, kind);
        let was_allowed = !is_looked_at || read.original.allows(image);
        let is_allowed = readable.is_ok()
            && !verdict
                .violations()
                .iter()
                .any(|violation| read.ours.iter().any(|name| name == violation.rule()));
        if was_allowed != is_allowed {
            differences.push(Difference {
                policy: read.policy.clone(),
                rule: read.rule.clone(),
                was_allowed,
                cause: cause(read, image, readable.as_ref().ok(), is_looked_at),
            });
        }
    }
    differences
}

fn cause(read: &Read, image: &str, readable: Option<&ImageRef<'_>>, is_looked_at: bool) -> Cause {
    let Some(readable) = readable else {
        return Cause::Unreadable;
    };
    if !is_looked_at {
        return Cause::NotLookedAt;
    }
    let original = &read.original;
    let says = original.allows(image);
    let spellings = spellings(readable);
    if spellings.iter().any(|other| original.allows(other) != says) {
        return Cause::OtherSpelling;
    }
    if read.is_about_names && depends_on_name(original, image, readable) {
        Cause::OtherName
    } else {
        Cause::TagMisread
    }
}

/// The other ways in which the same image can be written.
fn spellings(image: &ImageRef<'_>) -> Vec<String> {
    let written = image.as_written();
    let (name, rest) = split(written);
    let full = format!("{}/{}", image.registry(), image.repository());
    let mut names = vec![name.to_owned(), full.clone()];
    if let Some(path) = full.strip_prefix("docker.io/") {
        names.push(path.to_owned());
        names.push(format!("index.docker.io/{path}"));
        if let Some(short) = path.strip_prefix("library/") {
            names.extend([short.to_owned(), format!("docker.io/{short}")]);
        }
    }
    let mut spellings = Vec::new();
    for name in names {
        spellings.push(format!("{name}{rest}"));
        match (image.tag(), image.digest()) {
            (None, None) => spellings.push(format!("{name}:latest")),
            (Some("latest"), None) => spellings.push(name),
            _ => {}
        }
    }
    spellings.retain(|spelling| spelling != written);
    spellings
}

/// The name of a reference, and its tag and digest.
fn split(written: &str) -> (&str, &str) {
    let name = written.split('@').next().unwrap_or_default();
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let end = name[last..]
        .find(':')
        .map_or(name.len(), |colon| last + colon);
    written.split_at(end)
}

/// Whether the original says another thing of a name that has nothing to do with this one, with the same tag and
/// digest.
fn depends_on_name(original: &Original, image: &str, readable: &ImageRef<'_>) -> bool {
    let (_, rest) = split(readable.as_written());
    let other = format!("other.invalid/other{rest}");
    original.allows(&other) != original.allows(image)
}
