//! A credential is in nothing that is shown.

use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use imagereview_registry::Keyring;
use tracing_subscriber::fmt::MakeWriter;

use crate::harness::{
    Registry, Store, challenge, client_with, digest, facts, json, known, redirect, status,
};

/// What is logged on the thread that made it: other tests log too, and theirs is dropped.
#[derive(Clone)]
struct Log {
    thread: ThreadId,
    bytes: Arc<Mutex<Vec<u8>>>,
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if thread::current().id() == self.thread {
            self.bytes.lock().unwrap().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_credential_is_in_a_log_an_error_or_a_fact() {
    const PASSWORD: &str = "hunter2-password";
    const TOKEN: &str = "hunter2-token";

    let log = Log {
        thread: thread::current().id(),
        bytes: Arc::default(),
    };
    // The test's runtime has one thread, so this is seen by everything that it does.
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(log.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let auth = STANDARD.encode(format!("user:{PASSWORD}"));
    let mut shown = Vec::new();
    for kind in [
        "basic",
        "bearer",
        "denied",
        "failed",
        "redirect",
        "malformed",
        "realm",
    ] {
        let store = Store::one_image();
        let registry = Registry::serve(move |seen| {
            let host = seen.header("host").unwrap().to_owned();
            let bearer = format!(r#"Bearer realm="http://{host}/token""#);
            match (kind, seen.authorization()) {
                ("realm", _) => challenge(r#"Bearer realm="https://evil.example/token""#),
                ("bearer" | "redirect" | "malformed", _) if seen.path == "/token" => {
                    json(format!(r#"{{"token":"{TOKEN}"}}"#))
                }
                ("bearer" | "redirect" | "malformed", None) => challenge(&bearer),
                (_, None) => challenge("Basic"),
                ("denied", Some(_)) => status(401),
                ("failed", Some(_)) => status(500),
                ("redirect", Some(_)) => redirect(&format!("http://x/?sig={TOKEN}")),
                ("malformed", Some(_)) => json(format!(r#"{{"{TOKEN}":"{PASSWORD}"}}"#)),
                (_, Some(_)) => store.answer(seen),
            }
        })
        .await;
        let path = folder.path().join(kind);
        let text = format!(
            r#"{{"auths":{{"{}":{{"auth":"{auth}"}}}}}}"#,
            registry.address
        );
        fs::write(&path, text).unwrap();
        let keyring = Keyring::new().with_docker_config(&path).unwrap();
        shown.push(format!("{keyring:?}"));
        let client = client_with(keyring);
        let found = digest(&client, &registry.image("a/b:v1")).await;
        shown.push(format!("{found:?} {client:?}"));
        if matches!(kind, "basic" | "bearer") {
            let found = known(facts(&client, &registry.image("a/b:v1")).await);
            shown.push(serde_json::to_string(&*found).unwrap());
        }
    }
    let log = String::from_utf8(log.bytes.lock().unwrap().clone()).unwrap();
    let shown = shown.concat();
    assert!(log.contains("asked a registry"), "the log was looked at");
    for secret in [PASSWORD, TOKEN, &auth, "hunter2"] {
        assert!(!shown.contains(secret), "{secret} is in {shown}");
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
