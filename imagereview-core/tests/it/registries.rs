//! Registries in policies, held against a model: a few lines that say what a pattern means, without
//! the indexes that make ten thousand of them quick.

use imagereview_core::{ImagePolicy, PolicySource, Review, decide};
use proptest::{prelude::*, sample::select};
use serde_json::json;

/// The hosts of Docker Hub, which a denial takes for one registry.
const HUB: [&str; 5] = [
    "docker.io",
    "index.docker.io",
    "registry-1.docker.io",
    "registry.hub.docker.com",
    "hub.docker.com",
];

/// A pattern over registries, as a person reads it.
#[derive(Clone, Debug)]
struct Pattern {
    is_below: bool,
    host: &'static str,
    port: &'static str,
}

impl Pattern {
    fn text(&self) -> String {
        let below = if self.is_below { "*." } else { "" };
        format!("{below}{}{}", self.host, self.port)
    }

    fn matches_host(&self, host: &str) -> bool {
        if self.is_below {
            host.ends_with(&format!(".{}", self.host))
        } else {
            // The node reads the one as the other where there is no port.
            host == self.host || (host, &*self.text()) == ("docker.io", "index.docker.io")
        }
    }

    /// What is written, and nothing else.
    fn allows(&self, host: &str, port: &str) -> bool {
        // This spelling alone is rewritten by the node, and then it has no port.
        let host = if host == "index.docker.io" && port.is_empty() {
            "docker.io"
        } else {
            host
        };
        self.matches_host(host) && (self.port == ":*" || self.port == port)
    }

    /// Every name of the registry, in any case, at every port that may be meant.
    fn denies(&self, host: &str, port: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let names: &[&str] = if HUB.contains(&&*host) {
            &HUB
        } else {
            &[&host]
        };
        let number = |port: &str| port.trim_start_matches([':', '0']).to_owned();
        let matches_port = match (self.port, port) {
            ("" | ":*", _) => true,
            (written, "") => ["443", "80"].contains(&&*number(written)),
            (written, port) => number(written) == number(port),
        };
        matches_port && names.iter().any(|name| self.matches_host(name))
    }
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let domain = select(vec![
        "docker.io",
        "index.docker.io",
        "registry-1.docker.io",
        "hub.docker.com",
        "docker.com",
        "example.com",
        "a.example.com",
        "com",
        "io",
    ]);
    let port = select(vec!["", ":*", ":443", ":0443", ":80", ":5000"]);
    (any::<bool>(), domain, port)
        .prop_filter(
            "a name without a dot is no registry",
            |(below, host, port)| *below || host.contains('.') || !port.is_empty(),
        )
        .prop_map(|(is_below, host, port)| Pattern {
            is_below,
            host,
            port,
        })
}

fn policy(list: &str, patterns: &[Pattern]) -> ImagePolicy {
    policy_of(
        list,
        &patterns.iter().map(Pattern::text).collect::<Vec<_>>(),
    )
}

fn policy_of(list: &str, patterns: &[String]) -> ImagePolicy {
    let document = json!({
        "apiVersion": "imagereview/v1alpha1",
        "kind": "ImagePolicy",
        "metadata": {"name": "p"},
        "rules": [{"name": "r", "registries": {list: patterns}}],
    });
    ImagePolicy::compile([PolicySource::new("p.json", &document.to_string())]).unwrap()
}

proptest! {
    #[test]
    fn a_pattern_means_what_the_model_says(
        patterns in proptest::collection::vec(pattern(), 1..6),
        host in select(vec![
            "docker.io", "DOCKER.IO", "index.docker.io", "Index.docker.io", "registry-1.docker.io",
            "registry.hub.docker.com", "hub.docker.com", "HUB.docker.com", "x.index.docker.io",
            "x.docker.io", "example.com", "a.example.com", "b.a.example.com", "A.example.com",
            "docker.io.example.com", "xdocker.io",
        ]),
        port in select(vec!["", ":443", ":0443", ":80", ":5000", ":05000"]),
    ) {
        let image = format!("{host}{port}/team/app:1");
        let review: Review<'_> = [image.as_str()].into_iter().collect();
        prop_assert_eq!(review.images().len(), 1, "{}", &image);

        let is_allowed = decide(&policy("allow", &patterns), &review).is_allowed();
        let expected = patterns.iter().any(|pattern| pattern.allows(host, port));
        prop_assert_eq!(is_allowed, expected, "allow {:?} {}", &patterns, &image);

        let is_denied = !decide(&policy("deny", &patterns), &review).is_allowed();
        let expected = patterns.iter().any(|pattern| pattern.denies(host, port));
        prop_assert_eq!(is_denied, expected, "deny {:?} {}", &patterns, &image);
    }
}

/// Found in the field: each let an image past a list.
#[test]
fn aliases_and_wildcard_domains_have_one_definition() {
    // A pattern, and for an image whether it allows and whether it denies.
    for (text, image, allows, denies) in [
        ("*.index.docker.io", "registry-1.docker.io/x", false, false),
        ("*.index.docker.io", "x.index.docker.io/x", true, true),
        ("*.docker.io", "index.docker.io/x", false, true),
        ("*.docker.io", "nginx", false, true),
        ("registry-1.docker.io", "nginx", false, true),
        ("index.docker.io", "nginx", true, true),
        ("index.docker.io:*", "index.docker.io:443/x", true, true),
    ] {
        let review: Review<'_> = [image].into_iter().collect();
        let patterns = [text.to_owned()];
        let found =
            ["allow", "deny"].map(|list| decide(&policy_of(list, &patterns), &review).is_allowed());
        assert_eq!(found, [allows, !denies], "{text} {image}");
    }
}
