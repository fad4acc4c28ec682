use std::fs;

use super::*;
use imagereview_core::facts::Cause;

const HEAD: &str = "apiVersion: imagereview/v1alpha1\nkind: Registries\n";

fn parse(text: &str) -> Result<Registries, FileError> {
    Registries::parse(Path::new("registries.yaml"), &format!("{HEAD}{text}"))
}

/// The authorities that are asked, in their order.
fn authorities(registries: &Registries, registry: &str) -> Vec<String> {
    let route = registries.route(registry).unwrap();
    let url = |endpoint: &Endpoint| {
        let (scheme, authority) = (endpoint.scheme(), &endpoint.authority);
        format!("{scheme}://{authority}/{}", endpoint.repository("r"))
    };
    route.endpoints.iter().map(url).collect()
}

#[test]
fn each_registry_is_asked_as_the_file_says() {
    let registries = parse(
        "unlisted: refuse
registries:
  - host: docker.io
    mirrors: [mirror.example.com/hub, plain.example.com:5000]
  - host: plain.example.com:5000
    plainHttp: true
  - host: '*.example.com'
  - host: 'never.example.com'
    ask: never
  - host: air.example.com
    ask: mirrors
    mirrors: [mirror.example.com]
  - host: localhost:5000
    plainHttp: false
  - host: registry.k8s.io
",
    )
    .unwrap();
    for (registry, expected) in [
        (
            "docker.io",
            &[
                "https://mirror.example.com/hub/r",
                "http://plain.example.com:5000/r",
                "https://registry-1.docker.io/r",
            ][..],
        ),
        ("any.example.com", &["https://any.example.com/r"]),
        ("air.example.com", &["https://mirror.example.com/r"]),
        ("localhost:5000", &["https://localhost:5000/r"]),
    ] {
        assert_eq!(authorities(&registries, registry), expected, "{registry}");
    }
    for registry in [
        "never.example.com",
        "example.com",
        "any.example.com:5000",
        "evil.net",
        "any.example.com.evil.net",
        "localhost",
    ] {
        let error = registries.route(registry).unwrap_err();
        assert_eq!(error.cause(), Cause::Forbidden, "{registry}");
        assert!(error.to_string().contains(registry), "{error}");
    }
    let route = registries.route("registry.k8s.io").unwrap();
    let redirects = &route.endpoints[0].redirects;
    assert!(redirects[0].covers("us-west2-docker.pkg.dev"));
    assert!(!redirects[0].covers("pkg.dev.evil.net"));
}

#[test]
fn without_a_file_every_registry_is_asked_over_https() {
    let registries = Registries::new();
    for (registry, expected) in [
        ("registry.example.com", "https://registry.example.com/r"),
        ("docker.io", "https://registry-1.docker.io/r"),
        ("localhost:5000", "http://localhost:5000/r"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000/r"),
        ("[::1]:5000", "http://[::1]:5000/r"),
        ("localhost.example.com", "https://localhost.example.com/r"),
        ("127.0.0.1.example.com", "https://127.0.0.1.example.com/r"),
    ] {
        assert_eq!(authorities(&registries, registry), [expected], "{registry}");
    }
}

#[test]
fn a_malformed_file_is_refused_with_its_line_and_the_name_that_was_meant() {
    for (text, line, field, message) in [
        (
            "registry: []",
            3,
            "",
            r#"there is no field "registry" here; did you mean "registries"?"#,
        ),
        (
            "unlisted: refused",
            3,
            "unlisted",
            r#"did you mean "refuse"?"#,
        ),
        (
            "registries:\n  - host: r.example\n    plainHTTP: true",
            5,
            "registries[0]",
            r#"did you mean "plainHttp"?"#,
        ),
        (
            "registries:\n  - host: https://r.example",
            4,
            "registries[0].host",
            "is no host that an image can name",
        ),
        (
            "registries:\n  - host: r.example\n  - host: r.example",
            5,
            "registries[1].host",
            "r.example is listed twice",
        ),
        (
            "registries:\n  - host: r.example\n    ask: mirrors",
            4,
            "registries[0].ask",
            "there are no mirrors",
        ),
        (
            "registries:\n  - host: r.example\n    mirrors: [m.example/UPPER]",
            5,
            "registries[0].mirrors[0]",
            "is no mirror",
        ),
        (
            "registries:\n  - host: r.example\n    tokenRealms: [auth.example]",
            5,
            "registries[0].tokenRealms[0]",
            "a token realm is a URL",
        ),
        (
            "registries:\n  - host: r.example\n    maxRequests: 0",
            5,
            "registries[0].maxRequests",
            "expected",
        ),
        (
            "registries:\n  - host: r.example\n    caFile: /none.pem",
            4,
            "registries[0].caFile",
            "/none.pem can't be read",
        ),
        (
            "registries:\n  - mirrors: []",
            4,
            "registries[0]",
            "\"host\" is missing",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert_eq!(error.line(), Some(line), "{text}: {error}");
        assert_eq!(error.field(), field, "{text}: {error}");
        assert!(error.message().contains(message), "{text}: {error}");
    }
    let error = Registries::parse(Path::new("r.yaml"), "kind: Registry").unwrap_err();
    assert!(
        error.message().contains(r#"did you mean "Registries"?"#),
        "{error}"
    );
}

#[test]
fn authorities_are_found_from_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(["r.example".to_owned()]).unwrap();
    fs::write(folder.path().join("ca.pem"), key.cert.pem()).unwrap();
    fs::write(folder.path().join("empty.pem"), "nothing").unwrap();
    let path = folder.path().join("registries.yaml");
    for (file, is_fine) in [("ca.pem", true), ("empty.pem", false)] {
        let text = format!("{HEAD}registries: [{{host: r.example, caFile: {file}}}]");
        fs::write(&path, text).unwrap();
        assert_eq!(Registries::open(&path).is_ok(), is_fine, "{file}");
    }
}
