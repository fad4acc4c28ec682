//! Names that lead to where no image name may lead.

use imagereview_core::facts::Cause;
use imagereview_registry::{Client, Keyring, Limits, Registries};

use crate::harness::{Registry, Store, assert_unavailable, client, client_of, digest, known};

fn server() -> Client {
    Client::new(Registries::new(), Keyring::new(), Limits::default())
}

#[tokio::test]
async fn a_server_asks_nothing_of_its_own_machine() {
    let registry = Registry::of(Store::one_image()).await;
    let port = registry.address.port();
    for host in [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::ffff:7f00:1]",
        "0.0.0.0",
        "[::]",
    ] {
        let found = digest(&server(), &format!("{host}:{port}/a/b:v1")).await;
        assert!(
            matches!(
                found
                    .unavailable()
                    .map(imagereview_core::facts::Unavailable::cause),
                // A resolver that doesn't know a spelling of the address gives none.
                Some(Cause::Forbidden | Cause::Unreachable)
            ),
            "{host}: {found:?}"
        );
    }
    let found = digest(&server(), &format!("127.0.0.1:{port}/a/b:v1")).await;
    assert_unavailable(&found, Cause::Forbidden, "allowAddresses: [loopback]");
    assert_eq!(registry.paths(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_command_line_may_ask_localhost_and_no_name_that_leads_there() {
    let registry = Registry::of(Store::one_image()).await;
    let port = registry.address.port();
    for host in ["127.0.0.1", "localhost"] {
        known(digest(&client(), &format!("{host}:{port}/a/b:v1")).await);
    }
    let before = registry.paths().len();
    let found = digest(&client(), &format!("127.0.0.2:{port}/a/b:v1")).await;
    assert_unavailable(&found, Cause::Forbidden, "loopback");
    let found = digest(&client(), &format!("2130706433:{port}/a/b:v1")).await;
    assert_unavailable(&found, Cause::Forbidden, "no certificate can name it");
    assert_eq!(registry.paths().len(), before);
}

#[tokio::test]
async fn no_name_leads_to_a_metadata_service() {
    for host in [
        "169.254.169.254",
        "[fd00:ec2::254]",
        "[::ffff:a9fe:a9fe]",
        "100.100.100.200",
    ] {
        for client in [server(), client()] {
            let found = digest(&client, &format!("{host}/a/b:v1")).await;
            assert_unavailable(&found, Cause::Forbidden, "metadata");
        }
    }
    let found = digest(&server(), "169.254.1.1/a/b:v1").await;
    assert_unavailable(&found, Cause::Forbidden, "link-local");
}

#[tokio::test]
async fn a_file_allows_an_address_for_one_registry() {
    let registry = Registry::of(Store::one_image()).await;
    let address = registry.address;
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: Registries\nregistries: [{{host: '{address}', \
         allowAddresses: [loopback]}}]"
    );
    let registries = Registries::parse("r.yaml".as_ref(), &text).unwrap();
    let client = Client::new(registries, Keyring::new(), Limits::default());
    known(digest(&client, &registry.image("a/b:v1")).await);
    let other = digest(&client, &format!("localhost:{}/a/b:v1", address.port())).await;
    assert_unavailable(&other, Cause::Forbidden, "loopback");
}

#[tokio::test]
async fn plain_http_is_for_this_machine_unless_a_file_says_so() {
    // 127.0.0.2 is another host by name; it speaks no TLS.
    let registry = Registry::of(Store::one_image()).await;
    let host = format!("127.0.0.2:{}", registry.address.port());
    let listener = tokio::net::TcpListener::bind(&*host).await.unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let entry =
        |more: &str| format!("registries: [{{host: '{host}', allowAddresses: [loopback]{more}}}]");
    let found = digest(&client_of(&entry("")), &format!("{host}/a/b:v1")).await;
    assert_unavailable(&found, Cause::Unreachable, "plainHttp: true");
    let found = digest(
        &client_of(&entry(", plainHttp: true")),
        &format!("{host}/a/b:v1"),
    )
    .await;
    assert_unavailable(&found, Cause::Failed, "status 400");
}
