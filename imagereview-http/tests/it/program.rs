//! The program `imagereview-http`, started as a user would.

use std::{
    fs, net::SocketAddr, os::unix::fs::PermissionsExt, path::Path, process::Stdio, time::SystemTime,
};

use imagereview_pki::{CertificateAuthority, Validity};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, ChildStdout, Command},
};

use crate::harness::{Client, Pki, Protocol, file, image_review_json, within};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_imagereview-http");

/// A running program; it is killed when the test ends.
pub(crate) struct Program {
    pub(crate) child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Log,
}

/// The lines that a program logs.
pub(crate) struct Log(Option<Lines<BufReader<ChildStderr>>>);

impl Log {
    /// Reads to the end, and gives the lines that are errors.
    pub(crate) async fn errors(mut self) -> Vec<String> {
        let mut errors = Vec::new();
        while let Some(line) = self.next_line().await {
            if line.contains("ERROR") {
                errors.push(line);
            }
        }
        errors
    }

    /// Reads to the end.
    pub(crate) async fn lines(mut self) -> Vec<String> {
        let mut lines = Vec::new();
        while let Some(line) = self.next_line().await {
            lines.push(line);
        }
        lines
    }

    async fn next_line(&mut self) -> Option<String> {
        self.0.as_mut()?.next_line().await.unwrap()
    }
}

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let stderr = Log(Some(BufReader::new(child.stderr.take().unwrap()).lines()));
        Self {
            child,
            stdout,
            stderr,
        }
    }

    /// Waits for a line of the log that holds this.
    pub(crate) async fn logs(&mut self, text: &str) -> String {
        let mut seen = Vec::new();
        while let Some(line) = within(self.stderr.next_line()).await {
            if line.contains(text) {
                return line;
            }
            eprintln!("{line}");
            seen.push(line);
        }
        panic!("{text:?} was not logged, but: {seen:#?}");
    }

    /// The rest of its log, which is read elsewhere from now on.
    pub(crate) fn take_log(&mut self) -> Log {
        Log(self.stderr.0.take())
    }

    /// Waits until it listens, and says where.
    pub(crate) async fn listens(&mut self) -> SocketAddr {
        let line = self.logs("listening on https://").await;
        let (_, address) = line.split_once("https://").unwrap();
        address
            .trim_end_matches("/image_policy")
            .parse()
            .unwrap_or_else(|_| panic!("{line}"))
    }

    /// The same, where the log is JSON.
    async fn listens_in_json(&mut self) -> SocketAddr {
        let line = self.logs("listening on").await;
        let event: serde_json::Value = serde_json::from_str(&line).unwrap();
        let address = event["message"].as_str().unwrap();
        address
            .trim_start_matches("listening on https://")
            .trim_end_matches("/image_policy")
            .parse()
            .unwrap()
    }

    pub(crate) async fn printed(&mut self, text: &str) -> String {
        while let Some(line) = within(self.stdout.next_line()).await.unwrap() {
            if line.contains(text) {
                return line;
            }
        }
        panic!("{text:?} was not printed");
    }

    /// The address in the command that is printed for trying it out.
    pub(crate) async fn prints_address(&mut self) -> SocketAddr {
        let line = self.printed("https://").await;
        let (_, address) = line.split_once("https://").unwrap();
        address
            .trim()
            .trim_end_matches("/image_policy")
            .parse()
            .unwrap_or_else(|_| panic!("{line}"))
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id().unwrap());
        assert!(
            std::process::Command::new("sh")
                .args(["-c", &kill])
                .status()
                .unwrap()
                .success()
        );
    }
}

/// The program, out of reach of the variables that the tests were started with, in a folder where
/// it may write.
pub(crate) fn program() -> Command {
    let mut program = Command::new(PROGRAM);
    program
        .env_clear()
        // The default port is one, and these programs run beside each other.
        .env("IMAGEREVIEW_HEALTH_LISTEN", "127.0.0.1:0")
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    program
}

/// The program on a free port, with its development authority in this folder's
/// `imagereview-dev-pki`.
pub(crate) fn unconfigured(folder: &Path) -> Command {
    let mut command = program();
    command
        .current_dir(folder)
        .env("IMAGEREVIEW_LISTEN", "127.0.0.1:0");
    command
}

/// The certificate of the authority that such a program has made.
pub(crate) fn development_authority(folder: &Path) -> String {
    fs::read_to_string(folder.join("imagereview-dev-pki/ca.crt")).unwrap()
}

/// Checks that the program ends at once, with this status and a message that holds all of these.
pub(crate) async fn fails(program: &mut Command, status: i32, name: &str, named: &[&str]) {
    let output = within(program.kill_on_drop(true).output()).await.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(status), "{name}: {stderr}");
    for text in named {
        assert!(stderr.contains(text), "{name}: {text:?} is not in {stderr}");
    }
}

#[tokio::test]
async fn without_configuration_it_prints_a_command_that_works() {
    // A folder whose name needs quoting.
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("it's a folder");
    fs::create_dir(&folder).unwrap();
    let mut program = Program::start(&mut unconfigured(&folder));
    program.listens().await;
    program
        .logs("any client that reaches this port can connect")
        .await;
    let command = program.printed("curl ").await;

    let shell = Command::new("sh")
        .args(["-c", &command])
        .current_dir("/")
        .output()
        .await
        .unwrap();
    assert_ne!(
        shell.status.code(),
        Some(127),
        "this test needs curl, which apt-get or brew install curl provides"
    );
    let (stdout, stderr) = (
        String::from_utf8_lossy(&shell.stdout),
        String::from_utf8_lossy(&shell.stderr),
    );
    assert!(shell.status.success(), "{command}\n{stdout}\n{stderr}");
    let answer: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(answer["status"]["allowed"], false, "{command}\n{stdout}");
    assert!(
        answer["status"]["reason"]
            .as_str()
            .unwrap()
            .contains("nginx"),
        "{command}\n{stdout}"
    );

    let line = program.logs("decided").await;
    assert!(
        line.contains("allowed=false") && line.contains(r#"images=["nginx"]"#),
        "{line}"
    );
    assert!(line.contains("peer=127.0.0.1:"), "{line}");
}

#[cfg(not(feature = "opentelemetry"))]
#[tokio::test]
async fn an_exporter_that_is_not_built_in_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let variable = "OTEL_EXPORTER_OTLP_ENDPOINT";
    let mut command = unconfigured(folder.path());
    let mut program = Program::start(command.env(variable, "http://127.0.0.1:1"));
    let line = program.logs(variable).await;
    assert!(line.contains("WARN"), "{line}");
    program.listens().await;
}

#[tokio::test]
async fn the_development_authority_is_kept_until_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pki = folder.path().join("imagereview-dev-pki");
    let start = async || {
        let mut program = Program::start(&mut unconfigured(folder.path()));
        let address = program.listens().await;
        let authority = fs::read_to_string(pki.join("ca.crt")).unwrap();
        Client::new(&authority, None)
            .tls(address, Protocol::Http2)
            .await
            .unwrap();
        authority
    };
    let first = start().await;
    assert_eq!(
        fs::metadata(pki.join("ca.key"))
            .unwrap()
            .permissions()
            .mode()
            & 0o777,
        0o600
    );
    assert_eq!(start().await, first, "it is taken again");

    let expired =
        CertificateAuthority::generate("old", SystemTime::UNIX_EPOCH, Validity::LEAF).unwrap();
    fs::write(pki.join("ca.crt"), expired.certificate_pem()).unwrap();
    fs::write(pki.join("ca.key"), expired.key_pem()).unwrap();
    let next = start().await;
    assert_ne!(
        next,
        expired.certificate_pem(),
        "one that has ended is replaced"
    );
    assert_ne!(next, first);
}

#[tokio::test]
async fn a_development_authority_that_cannot_be_used_is_an_error_with_advice() {
    let (authority, other) = (Pki::new().authority, Pki::new().authority);
    let rows = [
        ("no certificate", None, Some(authority.key_pem()), "ca.crt"),
        ("no key", Some(authority.certificate_pem()), None, "ca.key"),
        (
            "garbage",
            Some("garbage"),
            Some(authority.key_pem()),
            "no certificate found",
        ),
        (
            "another's key",
            Some(authority.certificate_pem()),
            Some(other.key_pem()),
            "does not belong",
        ),
    ];
    for (name, certificate, key, named) in rows {
        let folder = tempfile::tempdir().unwrap();
        let pki = folder.path().join("imagereview-dev-pki");
        fs::create_dir(&pki).unwrap();
        for (file, contents) in [("ca.crt", certificate), ("ca.key", key)] {
            if let Some(contents) = contents {
                fs::write(pki.join(file), contents).unwrap();
            }
        }
        let delete = format!("delete {}", pki.display());
        fails(&mut unconfigured(folder.path()), 2, name, &[named, &delete]).await;
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let named = [&*format!("cannot listen on {address}: "), "choose another"];
    let mut program = program();
    program
        .current_dir(folder.path())
        .args(["--listen", &address]);
    fails(&mut program, 1, &address, &named).await;
}

#[tokio::test]
async fn a_thread_that_cannot_be_started_is_an_error_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        // The stacks of the threads that decide take more. The allocator's settings are those of the program.
        .args(["-c", "ulimit -d 20480 && exec \"$0\"", PROGRAM])
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .env("TOKIO_WORKER_THREADS", "2")
        .env("IMAGEREVIEW_LISTEN", "127.0.0.1:0")
        .env("IMAGEREVIEW_HEALTH_LISTEN", "127.0.0.1:0")
        .current_dir(folder.path());
    let named = ["cannot start a thread: ", "allow the process more of them"];
    fails(&mut command, 1, "ulimit -d", &named).await;
}

#[tokio::test]
async fn options_that_cannot_be_used_are_explained() {
    let rows = [
        ("--tls-cert tls.crt", &["--tls-key"][..]),
        ("--tls-key tls.key", &["--tls-cert"]),
        ("--client-ca ca.crt", &["--tls-cert"]),
        (
            "--dev-pki x --tls-cert tls.crt --tls-key tls.key",
            &["--dev-pki", "--tls-cert"],
        ),
        ("--listen 8443", &["--listen", "8443"]),
        ("--language fr", &["fr", "en", "zh"]),
        ("--max-body-bytes 0", &["--max-body-bytes"]),
        ("--body-timeout 10", &["--body-timeout", "10s"]),
        ("--body-timeout 0s", &["--body-timeout", "10s"]),
        ("--log-format xml", &["text", "json"]),
        ("--log-level loud", &["--log-level", "loud"]),
        ("--tls-cart x", &["--tls-cart", "--tls-cert"]),
    ];
    for (arguments, named) in rows {
        fails(program().args(arguments.split(' ')), 2, arguments, named).await;
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_are_named() {
    let pki = Pki::new();
    let (certificate, key) = pki.server_files();
    let (_, other_key) = Pki::new().server_files();
    let empty = file("");
    let no_base64 = file("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let no_certificate = file("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n");
    let [
        certificate,
        key,
        other_key,
        empty,
        no_base64,
        no_certificate,
    ] = [
        &certificate,
        &key,
        &other_key,
        &empty,
        &no_base64,
        &no_certificate,
    ]
    .map(|file| file.path().to_str().unwrap());
    // The certificate, the key, the client CA, and what the message holds.
    let rows = [
        (
            "/no/crt",
            key,
            None,
            ["certificate chain /no/crt", "No such file"],
        ),
        (empty, key, None, [empty, "PEM"]),
        (no_base64, key, None, [no_base64, "PEM"]),
        (no_certificate, key, None, [no_certificate, "certificate"]),
        (
            certificate,
            "/no/key",
            None,
            ["private key /no/key", "No such file"],
        ),
        (
            certificate,
            certificate,
            None,
            [certificate, "unencrypted key"],
        ),
        (certificate, other_key, None, [other_key, "issued for"]),
        (
            certificate,
            key,
            Some("/no/ca"),
            ["client CA /no/ca", "No such file"],
        ),
        (certificate, key, Some(empty), [empty, "CA certificates"]),
        (
            certificate,
            key,
            Some(no_certificate),
            [no_certificate, "certificate 1 of"],
        ),
    ];
    for row @ (certificate, key, client_ca, named) in rows {
        let mut program = program();
        program.args(["--tls-cert", certificate, "--tls-key", key]);
        program.args(client_ca.iter().flat_map(|path| ["--client-ca", path]));
        fails(&mut program, 2, &format!("{row:?}"), &named).await;
    }
}

#[tokio::test]
async fn the_environment_configures_it_too() {
    let pki = Pki::new();
    let (certificate, key) = pki.server_files();
    let client_ca = pki.authority_file();
    let mut program = Program::start(
        program()
            .env("IMAGEREVIEW_LISTEN", "127.0.0.1:0")
            .env("IMAGEREVIEW_TLS_CERT", certificate.path())
            .env("IMAGEREVIEW_TLS_KEY", key.path())
            .env("IMAGEREVIEW_CLIENT_CA", client_ca.path())
            .env("IMAGEREVIEW_LANGUAGE", "zh-CN")
            .env("IMAGEREVIEW_LOG_FORMAT", "json"),
    );
    let address = program.listens_in_json().await;
    program.logs("clients must show a certificate").await;

    let identity = pki
        .authority
        .issue_client("kube-apiserver", None, SystemTime::now(), Validity::LEAF)
        .unwrap();
    let answer = pki
        .client(Some(&identity))
        .review(address, Protocol::Http2, &["nginx"])
        .await;
    let (allowed, reason) = answer.verdict();
    assert!(!allowed && reason.starts_with("检查镜像失败!"), "{reason}");
    let event: serde_json::Value = serde_json::from_str(&program.logs("decided").await).unwrap();
    assert_eq!(event["allowed"], false, "{event}");
    assert_eq!(event["images"], r#"["nginx"]"#, "{event}");
}

/// At this level the log reports what each rule found, in order.
#[tokio::test]
async fn the_debug_log_explains_a_verdict() {
    let pki = Pki::new();
    let (certificate, key) = pki.server_files();
    let policy = file(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: test}\n\
         rules:\n  - {name: pinned, digest: {}}\n",
    );
    let mut program = Program::start(
        program()
            .args(["--listen", "127.0.0.1:0", "--log-level", "debug"])
            .args(["--log-format", "json", "--policy"])
            .arg(policy.path())
            .env("IMAGEREVIEW_TLS_CERT", certificate.path())
            .env("IMAGEREVIEW_TLS_KEY", key.path()),
    );
    let address = program.listens_in_json().await;
    let client = pki.client(None);
    let answer = client.review(address, Protocol::Http2, &["nginx:1"]);
    assert!(!answer.await.verdict().0);
    let event: serde_json::Value = serde_json::from_str(&program.logs("explained").await).unwrap();
    for (field, value) in [
        ("image", "\"nginx:1\""),
        ("rule", "pinned"),
        ("outcome", "Violated"),
        ("why", "it has no digest"),
    ] {
        assert_eq!(event[field], value, "{event}");
    }
    let declared_at = event["declared_at"].as_str().unwrap();
    assert!(declared_at.ends_with(":5"), "{event}");
}

#[tokio::test]
async fn sigterm_and_sigint_let_a_request_in_flight_finish() {
    for signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let mut program = Program::start(&mut unconfigured(folder.path()));
        let address = program.listens().await;
        let authority =
            fs::read_to_string(folder.path().join("imagereview-dev-pki/ca.crt")).unwrap();
        let mut stream = Client::new(&authority, None)
            .tls(address, Protocol::Http1)
            .await
            .unwrap();
        let body = image_review_json(&["nginx:1.27"]);
        let head = format!(
            "POST /image_policy HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // This comes when the server begins to wait for the body.
        let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut go_on).await.unwrap();

        program.signal(signal);
        program.logs("stopping").await;
        stream.write_all(body.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{signal}: {answer}"
        );
        assert!(answer.contains(r#""allowed":true"#), "{signal}: {answer}");
        drop(stream);
        assert!(
            within(program.child.wait()).await.unwrap().success(),
            "{signal}"
        );
    }
}

#[tokio::test]
async fn it_survives_a_lack_of_file_descriptors() {
    const LIMIT: usize = 40;
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("ulimit -n {LIMIT} && exec \"$0\""), PROGRAM])
        .current_dir(folder.path())
        .env("IMAGEREVIEW_LISTEN", "127.0.0.1:0")
        .env("IMAGEREVIEW_HEALTH_LISTEN", "");
    let mut program = Program::start(&mut command);
    let address = program.listens().await;
    let authority = fs::read_to_string(folder.path().join("imagereview-dev-pki/ca.crt")).unwrap();

    let mut crowd = Vec::new();
    for _ in 0..LIMIT {
        crowd.push(TcpStream::connect(address).await.unwrap());
    }
    program.logs("cannot accept connections").await;
    drop(crowd);
    let client = Client::new(&authority, None);
    let (allowed, reason) = client
        .review(address, Protocol::Http2, &["nginx:1.27"])
        .await
        .verdict();
    assert!(allowed, "{reason}");
}

#[tokio::test]
async fn help_explains_every_option_and_its_variable() {
    let output = program().arg("--help").output().await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    for name in [
        "config",
        "policy",
        "listen",
        "health-listen",
        "tls-cert",
        "tls-key",
        "client-ca",
        "client-name",
        "dev-pki",
        "language",
        "max-body-bytes",
        "max-header-bytes",
        "max-connections",
        "max-silent-connections",
        "max-requests",
        "max-body-memory",
        "max-streams",
        "max-connection-age",
        "handshake-timeout",
        "header-timeout",
        "body-timeout",
        "answer-timeout",
        "idle-timeout",
        "shutdown-delay",
        "shutdown-timeout",
        "audit-log",
        "audit-queue",
        "audit-when-full",
        "log-format",
        "log-level",
    ] {
        let variable = format!(
            "[env: IMAGEREVIEW_{}=",
            name.to_uppercase().replace('-', "_")
        );
        assert!(
            help.contains(&format!("--{name} ")),
            "{name} is not in {help}"
        );
        assert!(help.contains(&variable), "{variable} is not in {help}");
    }
}

#[tokio::test]
async fn help_is_grouped_and_ends_with_examples() {
    let output = program().arg("--help").output().await.unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut rest = &*help;
    for heading in [
        "Options:",
        "Policy:",
        "Listening:",
        "Probes and metrics:",
        "TLS and clients:",
        "Limits:",
        "Timeouts:",
        "Audit log:",
        "Log:",
        "Exit status:",
        "Examples:",
    ] {
        let (_, after) = rest
            .split_once(&format!("\n{heading}\n"))
            .unwrap_or_else(|| panic!("{heading} is missing, or not in its place: {help}"));
        rest = after;
    }
    // No option without a heading comes after the last one.
    assert!(!rest.contains("\n  --"), "{rest}");
}

#[tokio::test]
async fn the_manual_and_the_completions_name_every_option() {
    // The arguments, how what is printed begins, and how it names an option.
    let rows = [
        (&["man"][..], ".ie", "client\\-ca"),
        (
            &["completions", "bash"],
            "_imagereview__http() {",
            "--client-ca",
        ),
        (&["completions", "fish"], "# Print", "-l client-ca"),
        (&["completions", "zsh"], "#compdef", "--client-ca"),
    ];
    for row @ (arguments, beginning, option) in rows {
        let output = program()
            .args(arguments)
            // A file of options that can't be used is no reason not to print them.
            .env("IMAGEREVIEW_CONFIG", "/no/file")
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{row:?}: {output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with(beginning), "{row:?}: {text}");
        assert!(text.contains(option), "{row:?}: {text}");
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("pages");
    let mut command = program();
    command.args(["man", "--out"]).arg(&pages);
    assert!(command.status().await.unwrap().success());
    assert!(pages.join("imagereview-http.1").is_file());
    assert!(pages.join("imagereview-http-completions.1").is_file());
    fails(
        program().args(["man", "--listen", "127.0.0.1:0"]),
        2,
        "an option that has no meaning there",
        &["--listen"],
    )
    .await;
}
