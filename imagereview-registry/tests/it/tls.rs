//! Registries over TLS, with HTTP/1.1 and HTTP/2.

use std::fs;

use imagereview_core::facts::Cause;
use imagereview_pki::{CertificateAuthority, SubjectName};
use imagereview_registry::{Client, Keyring, Limits, Registries};

use crate::harness::{
    Registry, Store, assert_unavailable, authority, digest, facts, here, known, server_tls,
};

/// A registry that offers these protocols, with a certificate for a name.
async fn registry(
    authority: &CertificateAuthority,
    name: SubjectName,
    protocols: &[&str],
) -> Registry {
    let tls = server_tls(authority, name, protocols);
    let store = Store::one_image();
    Registry::serve_tls(tls, move |seen| store.answer(seen)).await
}

/// A client that trusts an authority for a registry, if one is given.
fn client(registry: &Registry, authority: Option<&CertificateAuthority>) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = authority.map_or_else(String::new, |authority| {
        fs::write(folder.path().join("ca.pem"), authority.certificate_pem()).unwrap();
        ", caFile: ca.pem".to_owned()
    });
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: Registries\nregistries: [{{host: '{}', \
         plainHttp: false, allowAddresses: [loopback]{ca_file}}}]",
        registry.address
    );
    let registries = Registries::parse(&folder.path().join("r.yaml"), &text).unwrap();
    Client::new(registries, Keyring::new(), Limits::default())
}

#[tokio::test]
async fn an_authority_of_the_registry_is_trusted_over_both_versions_of_http() {
    let authority = authority();
    for protocols in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
        let registry = registry(&authority, here(), protocols).await;
        let client = client(&registry, Some(&authority));
        known(facts(&client, &registry.image("a/b:v1")).await);
    }
}

#[tokio::test]
async fn an_authority_that_nobody_named_is_not_trusted() {
    let registry = registry(&authority(), here(), &["h2"]).await;
    for other in [None, Some(authority())] {
        let client = client(&registry, other.as_ref());
        let found = digest(&client, &registry.image("a/b:v1")).await;
        assert_unavailable(&found, Cause::Unreachable, "caFile");
    }
    assert_eq!(registry.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    let authority = authority();
    let name = SubjectName::Dns("registry.example.com".to_owned());
    let registry = registry(&authority, name, &["h2"]).await;
    let client = client(&registry, Some(&authority));
    let found = digest(&client, &registry.image("a/b:v1")).await;
    assert_unavailable(&found, Cause::Unreachable, "for another name");
}
