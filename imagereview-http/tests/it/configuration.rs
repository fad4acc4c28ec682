//! The program's options, wherever they are given, and checking them.

use std::{
    fs,
    num::NonZeroU32,
    process::Stdio,
    time::{Duration, SystemTime},
};

use imagereview_pki::Validity;

use tempfile::TempDir;

use crate::{
    harness::{Client, Pki, Protocol, file, get},
    program::{Program, development_authority, fails, program, unconfigured},
};

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const POLICY: &str = "\
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: example}
rules:
  - name: no-beta
    tags: {deny: [beta]}
";

#[tokio::test]
async fn a_flag_counts_more_than_a_variable_and_that_more_than_the_file() {
    let folder = folder(&[
        (
            "options.yaml",
            "language: zh\npolicy: [policy.yaml]\nshutdown-timeout: 1s\nmax-streams: 7\n",
        ),
        ("policy.yaml", POLICY),
    ]);
    // The variable, the flag, and what the reason begins with.
    let rows = [
        (None, None, "检查镜像失败!"),
        (Some("en"), None, "image check failed"),
        (Some("en"), Some("zh"), "检查镜像失败!"),
    ];
    for row @ (variable, flag, beginning) in rows {
        let mut command = unconfigured(folder.path());
        command.args(["--config", "options.yaml"]);
        command.envs(variable.map(|language| ("IMAGEREVIEW_LANGUAGE", language)));
        command.args(flag.iter().flat_map(|language| ["--language", language]));
        let mut program = Program::start(&mut command);
        let line = program.logs("probes and metrics are at http://").await;
        let (_, health) = line.split_once("http://").unwrap();
        let health = health.trim().parse().unwrap();
        assert_eq!(get(health, "/readyz", "*/*").await.status, 200, "{row:?}");
        let address = program.listens().await;
        let answer = Client::new(&development_authority(folder.path()), None)
            .review(address, Protocol::Http2, &["x:beta"])
            .await;
        let (allowed, reason) = answer.verdict();
        assert!(
            !allowed && reason.starts_with(beginning),
            "{row:?}: {reason}"
        );
    }
}

#[tokio::test]
async fn every_mistake_in_the_file_is_reported() {
    let rows = [
        (
            "listn: x\nbody-timeout: 10\nlanguage: [en, zh]\nconfig: x\n",
            &[
                "options.yaml: listn: there is no such option",
                "body-timeout: ",
                "such as 500ms",
                "language: give one value",
                "config: there is no such option",
            ][..],
        ),
        ("- a\n", &["options.yaml"]),
        ("listen: {a: b}\n", &["options.yaml", "a list of them"]),
        ("tls-cert: tls.crt\n", &["--tls-cert needs --tls-key"]),
        ("client-name: x\n", &["--client-name needs --client-ca"]),
    ];
    for (text, named) in rows {
        let folder = folder(&[("options.yaml", text)]);
        let mut program = program();
        program
            .current_dir(folder.path())
            .args(["--config", "options.yaml"]);
        fails(&mut program, 2, text, named).await;
    }
    fails(
        program().args(["--config", "/no/file"]),
        2,
        "no file",
        &["/no/file", "No such file"],
    )
    .await;
}

#[tokio::test]
async fn a_policy_with_mistakes_is_not_served() {
    let folder = folder(&[("policy.yaml", &POLICY.replace("deny", "denny"))]);
    let mut program = unconfigured(folder.path());
    program.args(["--policy", "policy.yaml"]);
    fails(
        &mut program,
        2,
        "denny",
        &["policy.yaml:6:", "did you mean \"deny\"?"],
    )
    .await;
}

/// The command line has the same test, with the same identities: both programs read the same texts in the
/// same order.
#[tokio::test]
async fn policies_are_named_by_a_list_or_by_flags() {
    const A: &str = "a@sha256:686451f9ef7389f3b6eb83ebf3ec94c41396ce8bd2581ac0aa0741336d49c9b9";
    const LIST: &str =
        "a,b,f,g@sha256:66fd0bc8d3814b1a2287e882b39ac4d90eefb24f31d6743ee29759e9097ae937";
    let named = |name: &str| {
        let rule = format!("no-{name}");
        POLICY.replace("example", name).replace("no-beta", &rule)
    };
    let folder = folder(&[
        ("a.yaml", &named("a")),
        ("b.yaml", &named("b")),
        ("c:d.yaml", &named("c")),
        ("-", &named("dash")),
    ]);
    let subfolder = folder.path().join("e");
    fs::create_dir(&subfolder).unwrap();
    fs::write(subfolder.join("g.yaml"), named("g")).unwrap();
    fs::write(subfolder.join("f.json"), named("f")).unwrap();
    // The variable, the flags, the status, and what is reported.
    let rows: [(&str, &[&str], i32, &str); 8] = [
        ("a.yaml", &[], 0, A),
        ("a.yaml:e:b.yaml", &[], 0, LIST),
        ("b.yaml", &["a.yaml", "e", "b.yaml"], 0, LIST),
        ("a.yaml", &["c:d.yaml"], 0, "c@sha256:"),
        ("a.yaml", &["./-"], 0, "dash@sha256:"),
        (
            "a.yaml::b.yaml",
            &[],
            2,
            "there is an empty path in the list",
        ),
        ("c:d.yaml", &[], 2, "cannot read the policy c: No such file"),
        ("", &[], 2, "a value is required for '--policy <PATH>'"),
    ];
    for (variable, flags, status, told) in rows {
        let mut program = program();
        program
            .current_dir(folder.path())
            .arg("--check-config")
            .env("IMAGEREVIEW_POLICY", variable)
            .args(flags.iter().flat_map(|path| ["--policy", path]));
        let output = crate::harness::within(program.output()).await.unwrap();
        let all = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(
            output.status.code(),
            Some(status),
            "{variable:?} {flags:?}: {all}"
        );
        assert!(all.contains(told), "{variable:?} {flags:?}: {all}");
    }
}

#[tokio::test]
async fn a_policy_is_read_from_standard_input() {
    let mut program = program();
    program
        .args(["--check-config", "--policy", "-"])
        .stdin(Stdio::from(fs::File::open(file(POLICY).path()).unwrap()));
    let output = crate::harness::within(program.output()).await.unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("policy: example@sha256:"), "{output:?}");
}

#[tokio::test]
async fn a_check_warns_of_a_policy_that_cannot_decide_every_review() {
    let rules = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: slow}\nrules:\n  \
                 - {name: same, expression: 'review.images.all(x, review.images == review.images)'}\n";
    let policy = file(rules);
    let mut program = program();
    program
        .arg("--check-config")
        .arg("--policy")
        .arg(policy.path());
    let output = crate::harness::within(program.output()).await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(
        stdout.contains("warning: the largest review takes this policy "),
        "{stdout}"
    );
    assert!(stdout.contains("images fail rule \"same\""), "{stdout}");
}

#[tokio::test]
async fn a_check_tells_what_is_there_and_what_is_wrong() {
    let pki = Pki::new();
    let (certificate, key) = pki.server_files();
    let client_ca = pki.authority_file();
    let (_, other_key) = Pki::new().server_files();
    let old = std::time::SystemTime::UNIX_EPOCH;
    let ended = pki
        .authority
        .issue_server(
            "old",
            &["127.0.0.1".parse().unwrap()],
            old,
            imagereview_pki::Validity::LEAF,
        )
        .unwrap();
    let (ended, ended_key) = (file(ended.certificate_pem()), file(ended.key_pem()));
    let (policy, bad_policy) = (file(POLICY), file("kind: Pod"));
    let text = |file: &tempfile::NamedTempFile| file.path().to_str().unwrap().to_owned();
    // The certificate, the key, the policy, the status, and what is reported.
    let rows = [
        (
            &certificate,
            &key,
            &policy,
            0,
            &[
                "server certificate: test server, for 127.0.0.1, from 20",
                "client CA 1: test CA",
                "policy: example@sha256:",
                "clients: kube-apiserver",
            ][..],
        ),
        (
            &certificate,
            &other_key,
            &policy,
            2,
            &["issued for", "policy: example"],
        ),
        (
            &ended,
            &ended_key,
            &policy,
            2,
            &["the server certificate expired on 197"],
        ),
        (
            &certificate,
            &key,
            &bad_policy,
            2,
            &["the policy cannot be used", "Pod", "test server"],
        ),
    ];
    for (certificate, key, policy, status, told) in rows {
        let mut program = program();
        program.args([
            "--check-config",
            "--tls-cert",
            &text(certificate),
            "--tls-key",
            &text(key),
        ]);
        program.args([
            "--client-ca",
            &text(&client_ca),
            "--client-name",
            "kube-apiserver",
        ]);
        program.args(["--policy", &text(policy)]);
        let output = crate::harness::within(program.output()).await.unwrap();
        let all = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert_eq!(output.status.code(), Some(status), "{told:?}: {all}");
        for text in told {
            assert!(all.contains(text), "{text:?} is not in {all}");
        }
    }
}

#[tokio::test]
async fn sighup_reads_the_policy_again() {
    let folder = folder(&[("policy.yaml", POLICY)]);
    let mut program = Program::start(unconfigured(folder.path()).args(["--policy", "policy.yaml"]));
    let address = program.listens().await;
    program.signal("HUP");
    let line = program.logs("reloaded").await;
    assert!(line.contains("policy=\"example@sha256:"), "{line}");
    let client = Client::new(&development_authority(folder.path()), None);
    let answer = client.review(address, Protocol::Http2, &["x:beta"]).await;
    assert!(!answer.verdict().0);
    let line = program.logs("decided").await;
    for part in [
        "request=",
        "namespace=\"default\"",
        "denied_by=\"no-beta\"",
        "policy=\"example@sha256:",
    ] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[tokio::test]
async fn a_reload_says_what_was_served_before_and_what_is_now() {
    let pki = Pki::new();
    let folder = folder(&[("policy.yaml", POLICY)]);
    pki.write_files(folder.path());
    let path = |name: &str| folder.path().join(name);
    let mut program = Program::start(unconfigured(folder.path()).args([
        "--policy=policy.yaml",
        "--tls-cert=tls.crt",
        "--tls-key=tls.key",
        "--client-ca=ca.crt",
    ]));
    program.listens().await;
    // Each is put in place as a whole.
    let replace = |name: &str, text: &str| {
        fs::write(path("next"), text).unwrap();
        fs::rename(path("next"), path(name)).unwrap();
    };
    replace("policy.yaml", &format!("{POLICY}\n# changed\n"));
    let line = program.logs("reloaded").await;
    let hashes: Vec<&str> = line
        .match_indices("example@sha256:")
        .map(|(at, name)| {
            let hash = &line[at + name.len()..];
            &hash[..64]
        })
        .collect();
    assert!(
        line.contains("part=\"policy\" now=\"example@sha256:"),
        "{line}"
    );
    assert!(line.contains("before=\"example@sha256:"), "{line}");
    assert_ne!(hashes[0], hashes[1], "{line}");
    let authority = Pki::new().authority;
    replace(
        "ca.crt",
        &(pki.authority.certificate_pem().to_owned() + authority.certificate_pem()),
    );
    let line = program.logs("reloaded").await;
    assert!(line.contains("now=\"test CA, test CA, until "), "{line}");
    assert!(line.contains("before=\"test CA, until "), "{line}");
    let now = SystemTime::now();
    let names = ["replaced.example.com".parse().unwrap()];
    let next = pki
        .authority
        .issue_server("replaced", &names, now, Validity::LEAF)
        .unwrap();
    replace("tls.key", next.key_pem());
    replace("tls.crt", next.certificate_pem());
    let line = program.logs("reloaded").await;
    assert!(
        line.contains("now=\"replaced, replaced.example.com, until "),
        "{line}"
    );
    assert!(
        line.contains("before=\"test server, 127.0.0.1, until "),
        "{line}"
    );
}

/// It goes on, since the file may be replaced and somebody may be about to set the clock.
#[tokio::test]
async fn a_certificate_that_has_expired_or_does_soon_is_in_the_log_at_the_start() {
    let day = Duration::from_secs(24 * 60 * 60);
    let now = SystemTime::now();
    for (begin, days, level, said) in [
        (now - 100 * day, 99, "ERROR", "the certificate expired on "),
        (
            now + 10 * day,
            99,
            "ERROR",
            "the certificate is not valid before ",
        ),
        (now - 90 * day, 99, "WARN", "the certificate expires on "),
    ] {
        let pki = Pki::new();
        let folder = folder(&[]);
        pki.write_files(folder.path());
        let names = ["127.0.0.1".parse().unwrap()];
        let validity = Validity::new(NonZeroU32::new(days).unwrap());
        let server = pki
            .authority
            .issue_server("test", &names, begin, validity)
            .unwrap();
        fs::write(folder.path().join("tls.crt"), server.certificate_pem()).unwrap();
        fs::write(folder.path().join("tls.key"), server.key_pem()).unwrap();
        let mut program = Program::start(
            unconfigured(folder.path()).args(["--tls-cert=tls.crt", "--tls-key=tls.key"]),
        );
        let line = program.logs(said).await;
        assert!(line.contains(level), "{line}");
    }
}

/// As systemd listens, on a socket with a path and on one with a name.
#[tokio::test]
async fn a_service_manager_hears_when_it_is_ready_and_when_it_stops() {
    use std::os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixDatagram},
    };

    let folder = folder(&[]);
    let path = folder.path().join("notify");
    let name = format!("imagereview-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
    for (variable, socket) in [
        (path.to_str().unwrap().to_owned(), UnixDatagram::bind(&path)),
        (format!("@{name}"), UnixDatagram::bind_addr(&address)),
    ] {
        let socket = socket.unwrap();
        socket.set_nonblocking(true).unwrap();
        let socket = tokio::net::UnixDatagram::from_std(socket).unwrap();
        let hears = async |expected: &[u8]| {
            let mut told = [0; 64];
            let length = crate::harness::within(socket.recv(&mut told))
                .await
                .unwrap();
            assert_eq!(told[..length], *expected, "{variable}");
        };
        let mut program =
            Program::start(unconfigured(folder.path()).env("NOTIFY_SOCKET", &variable));
        hears(b"READY=1").await;
        let address = program.listens().await;
        let client = Client::new(&development_authority(folder.path()), None);
        let answer = client.review(address, Protocol::Http2, &["x:1"]).await;
        assert!(answer.verdict().0);
        program.signal("TERM");
        hears(b"STOPPING=1").await;
    }
}
