//! What real registries do, from public documents. Hosts in challenges are those of the test; the
//! rest is as it was recorded.

use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use imagereview_core::facts::{Cause, Fact};

use crate::harness::{
    Answer, OCI_INDEX, OCI_MANIFEST, Registry, Seen, Store, assert_unavailable, basic, body,
    client, client_of, client_with, digest, facts, json, keyring, known, status,
};

fn unauthorized(headers: &[(&'static str, String)], error: &str) -> Answer {
    let mut answer = Response::builder()
        .status(StatusCode::UNAUTHORIZED)
        .body(body(error.to_owned()))
        .unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        answer
            .headers_mut()
            .append(HeaderName::from_static(name), value);
    }
    answer
}

fn without(mut answer: Answer, name: &'static str) -> Answer {
    answer.headers_mut().remove(name);
    answer
}

/// A registry whose token service is at itself, with these parameters after the realm.
async fn tokens(path: &'static str, parameters: &'static str, token: &'static str) -> Registry {
    let store = Store::one_image();
    Registry::serve(move |seen| {
        if seen.path == path {
            return json(token);
        }
        if seen.authorization() == Some("Bearer t") {
            return store.answer(seen);
        }
        let host = seen.header("host").unwrap();
        let challenge = format!(r#"Bearer realm="http://{host}{path}"{parameters}"#);
        unauthorized(&[("www-authenticate", challenge)], "")
    })
    .await
}

/// Docker Hub, Quay, Harbor, GHCR, ACR, Artifact Registry and GitLab ask for tokens alike, and
/// differ in paths and fields.
///
/// Sources: [Docker Hub](https://distribution.github.io/distribution/spec/auth/token/),
/// [ACR](https://github.com/Azure/acr/issues/207) (`access_token`),
/// [Harbor](https://github.com/goharbor/harbor/issues/12192),
/// [GHCR](https://github.com/github/dependabot-action/pull/131),
/// [GitLab](https://github.com/deitch/docker_registry2/issues/14),
/// [Gitea](https://github.com/go-gitea/gitea/issues/36907) (scope `*`),
/// [Artifact Registry](https://github.com/seqeralabs/wave/pull/157) (no service).
#[tokio::test]
async fn tokens_of_all_of_them() {
    for (path, parameters, token) in [
        (
            "/token",
            r#",service="registry.docker.io",scope="repository:library/nginx:pull""#,
            r#"{"token":"t","access_token":"t","expires_in":300,"issued_at":"2026-11-28T08:00:00Z"}"#,
        ),
        ("/v2/auth", r#",service="quay.io""#, r#"{"token":"t"}"#),
        (
            "/service/token",
            r#",service="harbor-registry""#,
            r#"{"token":"t","expires_in":1800}"#,
        ),
        (
            "/token",
            r#",service="ghcr.io",scope="repository:user/image:pull""#,
            r#"{"token":"t"}"#,
        ),
        (
            "/oauth2/token",
            r#",service="myteam.azurecr.io""#,
            r#"{"access_token":"t"}"#,
        ),
        ("/v2/token", "", r#"{"token":"t","expires_in":43200}"#),
        (
            "/jwt/auth",
            r#",service="container_registry",error="invalid_token""#,
            r#"{"token":"t"}"#,
        ),
        (
            "/v2/token",
            r#",service="container_registry",scope="*""#,
            r#"{"token":"t"}"#,
        ),
    ] {
        let registry = tokens(path, parameters, token).await;
        let found = facts(&client(), &registry.image("library/nginx:v1")).await;
        assert!(found.known().is_some(), "{path}{parameters}: {found:?}");
    }
}

/// ECR takes Basic only, and says no digest where content is asked for.
///
/// Sources: [containers-roadmap#1931](https://github.com/aws/containers-roadmap/issues/1931),
/// [krustlet#665](https://github.com/krustlet/krustlet/pull/665) (401 without a challenge).
#[tokio::test]
async fn ecr() {
    for challenge in [
        Some(
            r#"Basic realm="https://1.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com""#,
        ),
        None,
    ] {
        let store = Store::one_image();
        let expected = basic("AWS:password");
        let registry = Registry::serve(move |seen| {
            if seen.authorization() == Some(&*expected) {
                return without(store.answer(seen), "docker-content-digest");
            }
            let headers = challenge.map(|text| ("www-authenticate", text.to_owned()));
            unauthorized(&headers.into_iter().collect::<Vec<_>>(), "Not Authorized\n")
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let client = client_with(keyring(&folder, &registry, "AWS:password"));
        let found = known(facts(&client, &registry.image("team/app:v1")).await);
        assert!(
            found.platforms()[0]
                .details
                .as_ref()
                .unwrap()
                .known()
                .is_some()
        );
    }
}

/// ACR offers Bearer and Basic, in two headers, and hands blobs to storage that refuses requests
/// with its credentials.
///
/// Sources: [acr#466](https://github.com/Azure/acr/issues/466),
/// [acr#217](https://github.com/Azure/acr/issues/217).
#[tokio::test]
async fn acr() {
    let blobs = Store::one_image();
    let storage = Registry::serve(move |seen: &Seen| {
        if seen.authorization().is_some() {
            status(400)
        } else {
            blobs.answer(seen)
        }
    })
    .await;
    let store = Store::one_image();
    let port = storage.address.port();
    let registry = Registry::serve(move |seen| {
        let host = seen.header("host").unwrap();
        if seen.path == "/oauth2/token" {
            return json(r#"{"access_token":"t"}"#);
        }
        if seen.authorization() != Some("Bearer t") {
            let bearer = format!(r#"Bearer realm="http://{host}/oauth2/token",service="{host}""#);
            let basic = format!(r#"Basic realm="{host}""#);
            return unauthorized(
                &[("www-authenticate", basic), ("www-authenticate", bearer)],
                "",
            );
        }
        if seen.path.contains("/blobs/") {
            return crate::harness::redirect(&format!("http://localhost:{port}{}", seen.path));
        }
        store.answer(seen)
    })
    .await;
    let found = known(facts(&client(), &registry.image("team/app:v1")).await);
    assert!(
        found.platforms()[0]
            .details
            .as_ref()
            .unwrap()
            .known()
            .is_some()
    );
}

/// GHCR denies a wrong login with 403 and no challenge, and an unknown image with 401 or 403 after
/// the login.
///
/// Source: [renovate#11446](https://github.com/renovatebot/renovate/issues/11446).
#[tokio::test]
async fn ghcr_says_denied_for_what_is_not_there() {
    let registry = Registry::serve(|seen| {
        if seen.path == "/token" {
            return json(r#"{"token":"t"}"#);
        }
        let host = seen.header("host").unwrap();
        if seen.authorization().is_none() {
            let challenge = format!(r#"Bearer realm="http://{host}/token",service="ghcr.io""#);
            return unauthorized(&[("www-authenticate", challenge)], "");
        }
        let mut answer = status(403);
        *answer.body_mut() = body(r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#);
        answer
    })
    .await;
    let found = digest(&client(), &registry.image("user/none:v1")).await;
    assert_unavailable(&found, Cause::Denied, "status 403");
}

/// Docker Hub counts pulls, and says so with 429 and a JSON error.
///
/// Source: [Docker Hub usage and limits](https://docs.docker.com/docker-hub/usage/).
#[tokio::test]
async fn docker_hub_limits() {
    let registry = Registry::serve(|_| {
        let answer = Response::builder()
            .status(429)
            .header("ratelimit-limit", "100;w=21600")
            .header("ratelimit-remaining", "0;w=21600")
            .header("docker-ratelimit-source", "192.0.2.1");
        let error = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
        answer.body(body(error)).unwrap()
    })
    .await;
    let found = digest(&client(), &registry.image("library/nginx:v1")).await;
    assert_unavailable(&found, Cause::RateLimited, "asked for a pause");
}

/// Harbor behind a proxy that it doesn't know sends us to its inner name, over plain HTTP.
///
/// Source: [harbor#10522](https://github.com/goharbor/harbor/issues/10522).
#[tokio::test]
async fn harbor_that_names_an_inner_realm() {
    let realm = "http://harbor-harbor-core.default.svc.cluster.local/service/token";
    let registry = Registry::serve(move |_| {
        let challenge = format!(r#"Bearer realm="{realm}",service="harbor-registry""#);
        unauthorized(
            &[
                ("www-authenticate", challenge),
                ("set-cookie", "sid=x".to_owned()),
            ],
            "",
        )
    })
    .await;
    let found = digest(&client(), &registry.image("team/app:v1")).await;
    assert_unavailable(
        &found,
        Cause::Forbidden,
        "harbor-harbor-core.default.svc.cluster.local",
    );
    assert_unavailable(&found, Cause::Forbidden, "tokenRealms");
}

/// GitLab's tokens are at another host than its registry, which the file names where it is not of
/// the same domain.
///
/// Source: [GitLab, "Container registry administration"](https://docs.gitlab.com/administration/packages/container_registry/).
#[tokio::test]
async fn gitlab_with_tokens_elsewhere() {
    let gitlab = Registry::serve(|_| json(r#"{"token":"t"}"#)).await;
    let realm = format!("http://localhost:{}/jwt/auth", gitlab.address.port());
    let store = Store::one_image();
    let challenge = format!(r#"Bearer realm="{realm}",service="container_registry""#);
    let registry = Registry::serve(move |seen| {
        if seen.authorization() == Some("Bearer t") {
            store.answer(seen)
        } else {
            unauthorized(&[("www-authenticate", challenge.clone())], "")
        }
    })
    .await;
    let name = registry.image("group/project:v1");
    assert_unavailable(
        &digest(&client(), &name).await,
        Cause::Forbidden,
        "tokenRealms",
    );
    let client = client_of(&format!(
        "registries: [{{host: '{}', tokenRealms: ['{realm}']}}]",
        registry.address
    ));
    known(digest(&client, &name).await);
}

/// registry.k8s.io sends everybody on to the cloud that is near, for manifests too; a file may say
/// so of others.
///
/// Source: [registry.k8s.io, "Request handling"](https://github.com/kubernetes/registry.k8s.io/blob/main/cmd/archeio/docs/request-handling.md).
#[tokio::test]
async fn registry_k8s_io_redirects_manifests() {
    let cloud = Registry::of(Store::one_image()).await;
    let target = cloud.address;
    let registry = Registry::serve(move |seen| {
        let path = seen.path.replace("/v2/", "/v2/k8s-artifacts-prod/images/");
        let mut answer = crate::harness::redirect(&format!("http://{target}{path}"));
        *answer.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        answer
    })
    .await;
    let client = client_of(&format!(
        "registries: [{{host: '{}', manifestRedirects: ['{target}']}}]",
        registry.address
    ));
    known(facts(&client, &registry.image("pause:v1")).await);
    let none = digest(&client, &registry.image("pause:none")).await;
    assert_eq!(none, Fact::Absent);
}

/// Some registries and proxies send manifests as `application/json` or with a parameter, and the
/// manifest says what it is.
#[tokio::test]
async fn content_types_that_say_little() {
    for content_type in [
        "application/json",
        "application/vnd.oci.image.manifest.v1+json; charset=utf-8",
        "Application/Vnd.Oci.Image.Manifest.V1+Json",
        "",
    ] {
        let store = Store::one_image();
        let registry = Registry::serve(move |seen| {
            let mut answer = store.answer(seen);
            let value = HeaderValue::from_static(content_type);
            answer.headers_mut().insert(header::CONTENT_TYPE, value);
            answer
        })
        .await;
        let found = facts(&client(), &registry.image("a/b:v1")).await;
        assert!(found.known().is_some(), "{content_type}: {found:?}");
    }
}

/// What crane makes says the year 1, and reproducible builds 1970: neither is a date.
#[tokio::test]
async fn dates_of_reproducible_builds_are_unknown() {
    for date in ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z"] {
        let mut store = Store::new();
        let text = crate::harness::config("linux", "amd64", "");
        let image = store.add_image(&text.replace("2026-11-01T12:00:00Z", date));
        store.tag("v1", &image);
        let registry = Registry::of(store).await;
        let found = known(facts(&client(), &registry.image("a/b:v1")).await);
        let details = found.platforms()[0].details.as_ref().unwrap();
        assert_eq!(details.known().unwrap().created, None, "{date}");
    }
}

/// crane 0.22 writes the type of the configuration as `artifactType` of the images in an index.
#[tokio::test]
async fn crane_calls_images_artifacts() {
    let mut store = Store::new();
    let image = store.add_image(&crate::harness::config("linux", "amd64", ""));
    let size = store.bytes(&format!("manifests/{image}")).len();
    let index = format!(
        r#"{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}","size":{size},"digest":"{image}","platform":{{"architecture":"amd64","os":"linux"}},"artifactType":"application/vnd.oci.image.config.v1+json"}}]}}"#
    );
    let index = store.add_manifest(OCI_INDEX, &index);
    store.tag("v1", &index);
    let registry = Registry::of(store).await;
    let found = known(facts(&client(), &registry.image("a/b:v1")).await);
    assert_eq!(found.platforms().len(), 1);
}
