//! Files that change while the server runs.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::SystemTime,
};

use imagereview_http::{ServerIdentity, ServerPolicy};
use imagereview_pki::Validity;
use tempfile::TempDir;

use crate::{
    harness::{PROTOCOLS, Pki, Protocol, TestServer, image_review, metrics_say, within},
    load::Load,
};

/// A folder as the kubelet mounts a Secret or `ConfigMap`: each file is a link into `..data`, which
/// is a link to the folder of the newest version.
pub(crate) struct Mounted {
    folder: TempDir,
    version: usize,
}

impl Mounted {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, _) in files {
            symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
        }
        let mut mounted = Self { folder, version: 0 };
        mounted.replace(files);
        mounted
    }

    /// All files at once, by turning the link.
    pub(crate) fn replace(&mut self, files: &[(&str, &str)]) {
        self.version += 1;
        let version = format!("..{}", self.version);
        let path = self.folder.path();
        fs::create_dir(path.join(&version)).unwrap();
        for (name, text) in files {
            fs::write(path.join(&version).join(name), text).unwrap();
        }
        symlink(&version, path.join("..data_tmp")).unwrap();
        fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
        if self.version > 1 {
            fs::remove_dir_all(path.join(format!("..{}", self.version - 1))).unwrap();
        }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

pub(crate) fn server_files(pki: &Pki) -> [(&'static str, String); 2] {
    let names = ["127.0.0.1".parse().unwrap()];
    let identity = pki
        .authority
        .issue_server("test server", &names, SystemTime::now(), Validity::LEAF)
        .unwrap();
    [
        ("tls.crt", identity.certificate_pem().to_owned()),
        ("tls.key", identity.key_pem().to_owned()),
    ]
}

pub(crate) fn borrowed<'a>(files: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    files.iter().map(|(name, text)| (*name, &**text)).collect()
}

pub(crate) fn document(denied: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: tags}}\n\
         rules:\n  - name: tags\n    tags: {{deny: [{denied}]}}\n"
    )
}

/// A server with the certificate and the policies of mounted folders.
async fn serve(pki: &Pki, secret: &Mounted, policies: &Mounted) -> TestServer {
    let mut config = pki.config();
    config.identity = ServerIdentity::Files {
        certificate: secret.path("tls.crt"),
        key: secret.path("tls.key"),
    };
    let policy = ServerPolicy::Files(vec![policies.folder.path().to_owned()]);
    TestServer::start_serving(config, policy).await
}

/// The certificate that a new client sees; one that resumes a session is shown none.
async fn certificate(pki: &Pki, server: &TestServer) -> Vec<u8> {
    let client = pki.client(None);
    let stream = client.tls(server.address, Protocol::Http2).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
}

fn der(pem: &str) -> Vec<u8> {
    use rustls_pki_types::{CertificateDer, pem::PemObject};
    CertificateDer::from_pem_slice(pem.as_bytes())
        .unwrap()
        .to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_and_policies_change_under_load_without_a_failed_request() {
    const CHANGES: usize = 3;
    let pki = Pki::new();
    let first = server_files(&pki);
    let mut secret = Mounted::new(&borrowed(&first));
    let mut policies = Mounted::new(&[("policy.yaml", &document("tag-0"))]);
    let server = serve(&pki, &secret, &policies).await;
    let client = pki.client(None);
    assert_eq!(certificate(&pki, &server).await, der(&first[0].1));

    let load = PROTOCOLS.map(|protocol| {
        Load::start(
            pki.client(None),
            server.address,
            protocol,
            2,
            &["nginx:1.27"],
        )
    });
    for change in 1..=CHANGES {
        let files = server_files(&pki);
        secret.replace(&borrowed(&files));
        let reloaded = format!(
            "imagereview_reloads_total{{part=\"certificate\",result=\"success\"}} {change}"
        );
        metrics_say(server.health, &reloaded).await;
        assert_eq!(
            certificate(&pki, &server).await,
            der(&files[0].1),
            "{change}"
        );

        let tag = format!("tag-{change}");
        policies.replace(&[("policy.yaml", &document(&tag))]);
        let reloaded =
            format!("imagereview_reloads_total{{part=\"policy\",result=\"success\"}} {change}");
        metrics_say(server.health, &reloaded).await;
        let image = format!("x:{tag}");
        let answer = client
            .review(server.address, Protocol::Http2, &[&image])
            .await;
        assert!(!answer.verdict().0, "{answer:?}");
    }
    for (load, protocol) in load.into_iter().zip(PROTOCOLS) {
        load.has_answered(100).await;
        let figures = load.stop().await;
        println!(
            "{} changes under load, {protocol:?}: {figures}",
            2 * CHANGES
        );
        assert_eq!(
            (figures.lost, figures.other),
            (0, 0),
            "{protocol:?}: {figures}"
        );
        assert_eq!(figures.sent, figures.answered, "{protocol:?}: {figures}");
    }
}

#[tokio::test]
async fn what_cannot_be_used_never_replaces_what_is_served() {
    let pki = Pki::new();
    let good = server_files(&pki);
    let other = server_files(&pki);
    let of_one_day = |begin: SystemTime| {
        let names = ["127.0.0.1".parse().unwrap()];
        let day = Validity::new(std::num::NonZeroU32::MIN);
        let identity = pki.authority.issue_server("other", &names, begin, day);
        let identity = identity.unwrap();
        [
            identity.certificate_pem().to_owned(),
            identity.key_pem().to_owned(),
        ]
    };
    let three_days = std::time::Duration::from_secs(3 * 24 * 60 * 60);
    let expired = of_one_day(SystemTime::now() - three_days);
    let early = of_one_day(SystemTime::now() + three_days);
    let mut secret = Mounted::new(&borrowed(&good));
    let mut policies = Mounted::new(&[("policy.yaml", &document("bad"))]);
    let server = serve(&pki, &secret, &policies).await;
    let client = pki.client(None);

    let rows = [
        ("another key", &*good[0].1, &*other[1].1),
        ("no certificate", "", &*good[1].1),
        ("one that has ended", &expired[0], &expired[1]),
        ("one that has not begun", &early[0], &early[1]),
    ];
    for (failures, (name, certificate_pem, key)) in (1..).zip(rows) {
        secret.replace(&[("tls.crt", certificate_pem), ("tls.key", key)]);
        let failed = format!(
            "imagereview_reloads_total{{part=\"certificate\",result=\"failure\"}} {failures}"
        );
        metrics_say(server.health, &failed).await;
        metrics_say(
            server.health,
            "imagereview_last_reload_successful{part=\"certificate\"} 0",
        )
        .await;
        assert_eq!(certificate(&pki, &server).await, der(&good[0].1), "{name}");
    }
    secret.replace(&borrowed(&other));
    metrics_say(
        server.health,
        "imagereview_last_reload_successful{part=\"certificate\"} 1",
    )
    .await;
    assert_eq!(certificate(&pki, &server).await, der(&other[0].1));

    policies.replace(&[("policy.yaml", "kind: Pod")]);
    metrics_say(
        server.health,
        "imagereview_last_reload_successful{part=\"policy\"} 0",
    )
    .await;
    let answer = client
        .review(server.address, Protocol::Http2, &["x:bad"])
        .await;
    assert!(
        !answer.verdict().0,
        "the policy of before goes on: {answer:?}"
    );
}

#[tokio::test]
async fn a_request_reads_everything_again_but_client_cas_that_are_the_same() {
    let pki = Pki::new();
    let (certificate, key) = pki.server_files();
    let client_ca = pki.authority_file();
    let policy = crate::harness::file(&document("bad"));
    let mut config = pki.config();
    config.identity = ServerIdentity::Files {
        certificate: certificate.path().to_owned(),
        key: key.path().to_owned(),
    };
    config.client_ca = Some(client_ca.path().to_owned());
    let policy = ServerPolicy::Files(vec![policy.path().to_owned()]);
    let server = TestServer::start_serving(config, policy).await;
    let mut connection = pki
        .api_server()
        .connect(server.address, Protocol::Http2)
        .await
        .unwrap();
    assert!(connection.send(image_review(&["a:1"])).await.is_ok());
    let reloads = |part: &str, times: u32| {
        let line =
            format!("imagereview_reloads_total{{part=\"{part}\",result=\"success\"}} {times}");
        async move { metrics_say(server.health, &line).await }
    };
    for times in 1..=2 {
        server.reload.request();
        reloads("policy", times).await;
        reloads("certificate", times).await;
    }
    // Whom these vouch for need not come again.
    reloads("client_ca", 0).await;
    assert!(connection.send(image_review(&["a:1"])).await.is_ok());
    assert!(!connection.is_closed());
    fs::write(client_ca.path(), {
        let (one, other) = (&pki.authority, &Pki::new().authority);
        format!("{}{}", one.certificate_pem(), other.certificate_pem())
    })
    .unwrap();
    reloads("client_ca", 1).await;
}

#[tokio::test]
async fn who_is_no_longer_trusted_has_to_come_again() {
    let pki = Pki::new();
    let successor = Pki::new();
    let mut authorities = Mounted::new(&[("ca.crt", pki.authority.certificate_pem())]);
    let mut config = pki.config();
    config.client_ca = Some(authorities.path("ca.crt"));
    let server = TestServer::start(config).await;
    let before = pki.api_server();
    let mut connections = Vec::new();
    for protocol in PROTOCOLS {
        let mut connection = before.connect(server.address, protocol).await.unwrap();
        assert!(
            connection
                .send(image_review(&["a:1"]))
                .await
                .unwrap()
                .verdict()
                .0
        );
        connections.push((protocol, connection));
    }
    authorities.replace(&[("ca.crt", successor.authority.certificate_pem())]);
    metrics_say(
        server.health,
        "imagereview_reloads_total{part=\"client_ca\",result=\"success\"} 1",
    )
    .await;
    for (protocol, mut connection) in connections {
        within(async {
            while !connection.is_closed() {
                // On HTTP/1.1 a response says so.
                let _ = connection.send(image_review(&["a:1"])).await;
                tokio::task::yield_now().await;
            }
        })
        .await;
        // It still holds a session ticket of before, which is no way in either.
        let refused = match before.connect(server.address, protocol).await {
            Err(_) => true,
            Ok(mut connection) => connection.send(image_review(&["a:1"])).await.is_err(),
        };
        assert!(refused, "{protocol:?}");
        let identity = successor.client_identity("kube-apiserver");
        let answer = pki
            .client(Some(&identity))
            .review(server.address, protocol, &["a:1"])
            .await;
        assert!(answer.verdict().0, "{protocol:?}");
    }
}

/// A part, what befalls its files, and what makes them good again.
type Mishap = (&'static str, &'static str, fn(&Files), fn(&Files));

/// The plain files of a server, and the pair of a certificate that is to come.
struct Files {
    folder: TempDir,
    next: [(&'static str, String); 2],
}

impl Files {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
    }
}

fn pipe(path: &Path) {
    let made = std::process::Command::new("mkfifo").arg(path).status();
    assert!(made.unwrap().success());
}

#[tokio::test]
async fn files_that_vanish_or_come_in_halves_leave_what_is_served() {
    let rows: [Mishap; 11] = [
        (
            "policy",
            "the file is away",
            |files| files.rename("policies/policy.yaml", "away"),
            |files| files.rename("away", "policies/policy.yaml"),
        ),
        (
            "policy",
            "the folder is away",
            |files| files.rename("policies", "away"),
            |files| files.rename("away", "policies"),
        ),
        (
            "policy",
            "it is cut off",
            |files| files.write("policies/policy.yaml", &document("bad")[..80]),
            |files| files.write("policies/policy.yaml", &document("bad")),
        ),
        (
            "policy",
            "one more that contradicts it",
            |files| files.write("policies/second.yaml", &document("other")),
            |files| fs::remove_file(files.path("policies/second.yaml")).unwrap(),
        ),
        (
            "certificate",
            "half of a new pair",
            |files| files.write("tls.crt", &files.next[0].1),
            |files| files.write("tls.key", &files.next[1].1),
        ),
        (
            "certificate",
            "the key is away",
            |files| files.rename("tls.key", "away"),
            |files| files.rename("away", "tls.key"),
        ),
        (
            "certificate",
            "the file is empty",
            |files| files.write("tls.crt", ""),
            |files| files.write("tls.crt", &files.next[0].1),
        ),
        (
            "client_ca",
            "it is away",
            |files| files.rename("ca.crt", "away"),
            |files| files.rename("away", "ca.crt"),
        ),
        (
            "client_ca",
            "a folder has its name",
            |files| {
                files.rename("ca.crt", "away");
                fs::create_dir(files.path("ca.crt")).unwrap();
            },
            |files| {
                fs::remove_dir(files.path("ca.crt")).unwrap();
                files.rename("away", "ca.crt");
            },
        ),
        // Whose reader would wait for ever, and nothing would be read again.
        (
            "certificate",
            "a pipe has the name of the key",
            |files| {
                files.rename("tls.key", "away");
                pipe(&files.path("tls.key"));
            },
            |files| files.rename("away", "tls.key"),
        ),
        (
            "client_ca",
            "a device that never ends has its name",
            |files| {
                files.rename("ca.crt", "away");
                symlink("/dev/zero", files.path("ca.crt")).unwrap();
            },
            |files| files.rename("away", "ca.crt"),
        ),
    ];
    let pki = Pki::new();
    let files = Files {
        folder: tempfile::tempdir().unwrap(),
        next: server_files(&pki),
    };
    for (name, text) in server_files(&pki) {
        files.write(name, &text);
    }
    files.write("ca.crt", pki.authority.certificate_pem());
    fs::create_dir(files.path("policies")).unwrap();
    files.write("policies/policy.yaml", &document("bad"));
    let mut config = pki.config();
    config.identity = ServerIdentity::Files {
        certificate: files.path("tls.crt"),
        key: files.path("tls.key"),
    };
    config.client_ca = Some(files.path("ca.crt"));
    let policy = ServerPolicy::Files(vec![files.path("policies")]);
    let server = TestServer::start_serving(config, policy).await;
    let client = pki.api_server();
    let answers = async |name| {
        for (image, expected) in [("x:good", true), ("x:bad", false)] {
            for protocol in PROTOCOLS {
                let answer = client.review(server.address, protocol, &[image]).await;
                assert_eq!(answer.verdict().0, expected, "{name}: {answer:?}");
            }
        }
    };
    for (part, name, befall, mend) in rows {
        println!("{part}: {name}");
        let line = |good| format!("imagereview_last_reload_successful{{part=\"{part}\"}} {good}");
        befall(&files);
        // A folder's own absence is not seen at once.
        server.reload.request();
        metrics_say(server.health, &line(0)).await;
        answers(name).await;
        mend(&files);
        server.reload.request();
        metrics_say(server.health, &line(1)).await;
        answers(name).await;
    }
    let fresh = pki.api_server().without_resumption();
    let stream = fresh.tls(server.address, Protocol::Http2).await.unwrap();
    let shown = &stream.get_ref().1.peer_certificates().unwrap()[0];
    assert_eq!(**shown, *der(&files.next[0].1), "the new pair is served");
}
