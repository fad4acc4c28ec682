//! Which images credentials are for.
//!
//! Compared by the parts of hosts and paths, never by the beginning of a text: what is for
//! `registry.example` is not for `registry.example.evil.net`.
//!
//! Source: [Kubernetes, "Images", "Config.json
//! interpretation"](https://kubernetes.io/docs/concepts/containers/images/#config-json), whose path
//! prefixes are compared by text; here a prefix ends where a part does.

/// A host, perhaps with a port and the beginning of a path. `*` in the parts of the host stands for
/// any text within one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    host: Box<str>,
    port: Option<Box<str>>,
    path: Vec<Box<str>>,
}

/// Docker Hub's other names.
const HUB_ALIASES: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

impl Pattern {
    /// Reads a key of `auths` or an entry of `matchImages`: `host`, `host:port/path` or a URL.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text
            .strip_prefix("https://")
            .or_else(|| text.strip_prefix("http://"))
            .unwrap_or(text);
        let (authority, path) = text.split_once('/').unwrap_or((text, ""));
        let (host, port) = split_port(authority);
        if host.is_empty() || authority.contains(['@', '?', '#', ' ']) {
            return None;
        }
        let mut path: Vec<Box<str>> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(Into::into)
            .collect();
        // `https://index.docker.io/v1/` is what `docker login` writes.
        if let [version] = &*path
            && matches!(&**version, "v1" | "v2")
        {
            path.clear();
        }
        let host = host.to_ascii_lowercase();
        let host = if HUB_ALIASES.contains(&&*host) {
            "docker.io".into()
        } else {
            host.into()
        };
        Some(Self {
            host,
            port: port.map(Into::into),
            path,
        })
    }

    /// Whether an image is one of these.
    pub(crate) fn covers(&self, registry: &str, repository: &str) -> bool {
        let (host, port) = split_port(registry);
        let mut parts = repository.split('/');
        self.port.as_deref() == port
            && self.covers_host(host)
            && self.path.iter().all(|part| parts.next() == Some(&**part))
    }

    fn covers_host(&self, host: &str) -> bool {
        let (mut ours, mut theirs) = (self.host.split('.'), host.split('.'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(pattern), Some(part)) if matches_part(pattern, part) => {}
                _ => return false,
            }
        }
    }

    /// How exact it is: the more exact is taken first.
    pub(crate) fn exactness(&self) -> (usize, bool, usize) {
        let is_exact = !self.host.contains('*');
        (self.path.len(), is_exact, self.host.len())
    }
}

/// Splits a port off. The colons of an IPv6 address stand in brackets.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether a part is what a pattern with `*` says, without regard to ASCII case.
fn matches_part(pattern: &str, part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = part.strip_prefix(first) else {
        return false;
    };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else {
        return rest.is_empty();
    };
    for piece in middle {
        match rest.find(piece) {
            Some(start) => rest = &rest[start + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_paths_are_compared_by_their_parts() {
        for (pattern, registry, repository, covers) in [
            ("registry.example", "registry.example", "a/b", true),
            ("registry.example", "registry.example.evil.net", "a", false),
            ("registry.example", "evil-registry.example", "a", false),
            ("registry.example", "evil.registry.example", "a", false),
            ("registry.example", "registry.example:5000", "a", false),
            ("registry.example:5000", "registry.example:5000", "a", true),
            ("https://registry.example", "registry.example", "a", true),
            (
                "https://registry.example/v2/",
                "registry.example",
                "a",
                true,
            ),
            ("Registry.Example", "registry.example", "a", true),
            (
                "registry.example/team",
                "registry.example",
                "team/app",
                true,
            ),
            ("registry.example/team", "registry.example", "team", true),
            (
                "registry.example/team",
                "registry.example",
                "teamwork/app",
                false,
            ),
            (
                "registry.example/team/app",
                "registry.example",
                "team",
                false,
            ),
            (
                "https://index.docker.io/v1/",
                "docker.io",
                "library/nginx",
                true,
            ),
            ("docker.io", "docker.io", "library/nginx", true),
            ("registry-1.docker.io", "docker.io", "library/nginx", true),
            ("*.example", "registry.example", "a", true),
            ("*.example", "a.b.example", "a", false),
            (
                "*.dkr.ecr.*.amazonaws.com",
                "1.dkr.ecr.eu-west-1.amazonaws.com",
                "a",
                true,
            ),
            (
                "*.dkr.ecr.*.amazonaws.com",
                "1.dkr.ecr.x.y.amazonaws.com",
                "a",
                false,
            ),
            ("app*.k8s.io", "app-1.k8s.io", "a", true),
            ("a*b*c.example", "axbyc.example", "a", true),
            ("a*b*c.example", "axcyb.example", "a", false),
            ("a*a.example", "a.example", "a", false),
            ("*", "example", "a", true),
            ("*", "registry.example", "a", false),
            ("[::1]:5000", "[::1]:5000", "a", true),
            ("[::1]", "[::1]", "a", true),
        ] {
            let found = Pattern::parse(pattern)
                .unwrap()
                .covers(registry, repository);
            assert_eq!(found, covers, "{pattern} {registry}/{repository}");
        }
        for text in ["", "/team", "https://", "user@registry.example", "a b"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_more_exact_pattern_comes_first() {
        let order = [
            "r.example/a/b",
            "r.example/a",
            "r.example",
            "*.example",
            "*",
        ];
        let exactness = order.map(|text| Pattern::parse(text).unwrap().exactness());
        assert!(exactness.is_sorted_by(|a, b| a >= b), "{exactness:?}");
    }
}
