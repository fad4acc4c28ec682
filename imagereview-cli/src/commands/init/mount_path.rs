//! The folder on the API server's nodes.

use std::fmt;
use std::str::FromStr;

/// An absolute path that can be both a `hostPath` and the `mountPath` of a volume.
///
/// It is text and not a [`Path`](std::path::Path), as it belongs to another machine: it has slashes
/// whatever this one uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MountPath(String);

/// Why a text isn't such a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MountPathError {
    #[error("it must be an absolute path below /, such as /etc/kubernetes/imagereview")]
    NotAbsolute,
    #[error("it must not contain the part {0:?}")]
    Part(String),
    /// Kubernetes refuses a colon in a `mountPath`, and expands `$(NAME)` in the arguments of a
    /// container.
    #[error("it must not contain {0:?}")]
    Character(char),
}

impl MountPath {
    /// The path of a file in the folder.
    pub(crate) fn join(&self, name: &str) -> String {
        format!("{}/{name}", self.0)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MountPath {
    type Err = MountPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.trim_end_matches('/');
        let Some(parts) = path.strip_prefix('/') else {
            return Err(MountPathError::NotAbsolute);
        };
        if let Some(part) = parts
            .split('/')
            .find(|part| matches!(*part, "" | "." | ".."))
        {
            return Err(MountPathError::Part(part.to_owned()));
        }
        let refused = |c: &char| c.is_control() || matches!(c, ':' | '$');
        if let Some(character) = path.chars().find(refused) {
            return Err(MountPathError::Character(character));
        }
        Ok(Self(path.to_owned()))
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_absolute_and_mountable() {
        for (text, path) in [
            ("/etc/kubernetes/imagereview", "/etc/kubernetes/imagereview"),
            ("/etc/imagereview//", "/etc/imagereview"),
            ("/a b/#c/größe", "/a b/#c/größe"),
            ("/a/..b/.c", "/a/..b/.c"),
        ] {
            let parsed = text.parse::<MountPath>().expect(text);
            assert_eq!(parsed.as_str(), path);
            assert_eq!(parsed.join("x"), format!("{path}/x"));
        }
        for (text, error) in [
            ("", MountPathError::NotAbsolute),
            ("/", MountPathError::NotAbsolute),
            ("etc/x", MountPathError::NotAbsolute),
            (r"C:\etc", MountPathError::NotAbsolute),
            ("/etc/../x", MountPathError::Part("..".into())),
            ("/etc/..", MountPathError::Part("..".into())),
            ("/etc/./x", MountPathError::Part(".".into())),
            ("/etc//x", MountPathError::Part(String::new())),
            ("/etc/a:b", MountPathError::Character(':')),
            ("/etc/$(HOME)", MountPathError::Character('$')),
            ("/etc/a\nb", MountPathError::Character('\n')),
            ("/etc/a\u{7f}b", MountPathError::Character('\u{7f}')),
        ] {
            assert_eq!(text.parse::<MountPath>(), Err(error), "{text:?}");
        }
    }
}
