//! Hosts, as images and the registries file name them.

use std::fmt;

use imagereview_core::ImageRef;

/// A registry's host, with its port where one is written, or all hosts of a domain (`*.`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Host(Box<str>);

impl Host {
    /// Reads a host. `None` for what no image can name.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        // Whatever an image can name as its registry.
        let image = format!("{name}/x/y:z");
        let reference = ImageRef::parse(&image).ok()?;
        let is_host = reference.written_registry() == Some(name)
            || (name.contains('.') && reference.registry() == name);
        is_host.then(|| match text {
            "index.docker.io" | "registry-1.docker.io" => Self("docker.io".into()),
            text => Self(text.into()),
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }

    /// Whether a host is this one, or one of this domain.
    pub(crate) fn covers(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            None => *self.0 == *host,
            Some(suffix) => host
                .strip_suffix(suffix)
                .is_some_and(|rest| !rest.is_empty()),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
