//! `imagereview init` as a user runs it.

use std::fs;
use std::path::Path;
use std::process::Command;

use assert_cmd::assert::Assert;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::imagereview;

const SERVER: &str = "https://webhook.example.com:8443/image_policy";

const FILES: [&str; 9] = [
    "README.txt",
    "admission_configuration.yaml",
    "apiserver-client.crt",
    "apiserver-client.key",
    "ca.crt",
    "ca.key",
    "connect_webhook.yaml",
    "server.crt",
    "server.key",
];

fn init(folder: &Path, arguments: &[&str]) -> Assert {
    assert_cmd::Command::from_std(imagereview(&["init"]))
        .arg("--out")
        .arg(folder)
        .args(arguments)
        .assert()
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

fn read(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The name and the contents of each file in the folder, in order.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| (name.clone(), read(folder, &name)))
        .collect()
}

/// The indented paragraphs of the instructions, without their indentation.
fn snippets(instructions: &str) -> Vec<String> {
    instructions
        .split("\n\n")
        .filter(|paragraph| paragraph.starts_with("    "))
        .map(|paragraph| {
            let lines: Vec<_> = paragraph
                .lines()
                .map(|line| line.strip_prefix("    ").expect(line))
                .collect();
            lines.join("\n")
        })
        .collect()
}

#[test]
fn everything_that_the_api_server_side_needs_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("made/by/init");
    let assert = init(&out, &["--server", SERVER]).success().stderr("");
    let names: Vec<_> = contents(&out).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, FILES);

    let stdout = stdout(&assert);
    for name in FILES {
        let line = format!("wrote {}\n", out.join(name).display());
        assert!(stdout.contains(&line), "{line}not in\n{stdout}");
    }
    assert!(
        stdout.contains(&format!("will call {SERVER}\n")),
        "{stdout}"
    );
    assert!(!stdout.contains("the default path"), "{stdout}");

    assert_eq!(
        yaml(&read(&out, "admission_configuration.yaml")),
        json!({
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "AdmissionConfiguration",
            "plugins": [{
                "name": "ImagePolicyWebhook",
                "configuration": {
                    "imagePolicy": {
                        "kubeConfigFile": "/etc/kubernetes/imagereview/connect_webhook.yaml",
                        "allowTTL": 30,
                        "denyTTL": 5,
                        "retryBackoff": 500,
                        "defaultAllow": false
                    }
                }
            }]
        })
    );
    assert_eq!(
        yaml(&read(&out, "connect_webhook.yaml")),
        json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "imagereview",
                "cluster": {
                    "server": SERVER,
                    "certificate-authority": "/etc/kubernetes/imagereview/ca.crt"
                }
            }],
            "users": [{
                "name": "imagereview",
                "user": {
                    "client-certificate": "/etc/kubernetes/imagereview/apiserver-client.crt",
                    "client-key": "/etc/kubernetes/imagereview/apiserver-client.key"
                }
            }],
            "contexts": [{
                "name": "imagereview",
                "context": { "cluster": "imagereview", "user": "imagereview" }
            }],
            "current-context": "imagereview"
        })
    );
}

#[test]
fn the_instructions_can_be_pasted_as_they_stand() {
    // The server, the mount path, and the address that the webhook listens on.
    let rows = [
        (SERVER, "/etc/kubernetes/imagereview", "0.0.0.0:8443"),
        (
            "https://192.0.2.1",
            "/srv/a #b \"c\" 'd' \\e",
            "0.0.0.0:443",
        ),
        ("https://[::1]:8443", "/größe/{x}/- [y", "'[::]:8443'"),
    ];
    for row @ (server, mount_path, listen) in rows {
        let folder = tempfile::tempdir().unwrap();
        let arguments = ["--server", server, "--mount-path", mount_path];
        init(folder.path(), &arguments).success();
        let instructions = read(folder.path(), "README.txt");
        let snippets = snippets(&instructions);
        let [start, files, flags, mounts, volumes] = snippets.as_slice() else {
            panic!("{row:?}: {snippets:#?}");
        };
        assert_eq!(
            *start,
            format!(
                "imagereview-http --listen {listen} --tls-cert server.crt --tls-key server.key --client-ca ca.crt"
            ),
            "{row:?}"
        );
        for name in files.lines() {
            assert!(folder.path().join(name).is_file(), "{row:?}: {name}");
            assert_ne!(name, "ca.key");
        }
        assert_eq!(
            yaml(flags),
            json!([
                "--enable-admission-plugins=NodeRestriction,ImagePolicyWebhook",
                format!(
                    "--admission-control-config-file={mount_path}/admission_configuration.yaml"
                ),
            ]),
            "{row:?}"
        );
        assert_eq!(
            yaml(mounts),
            json!([{ "name": "imagereview", "mountPath": mount_path, "readOnly": true }]),
            "{row:?}"
        );
        assert_eq!(
            yaml(volumes),
            json!([{
                "name": "imagereview",
                "hostPath": { "path": mount_path, "type": "Directory" }
            }]),
            "{row:?}"
        );
        // What the API server reads from the folder is what is to be copied to it.
        let configuration = yaml(&read(folder.path(), "admission_configuration.yaml"));
        let kubeconfig = yaml(&read(folder.path(), "connect_webhook.yaml"));
        let cluster = &kubeconfig["clusters"][0]["cluster"];
        let user = &kubeconfig["users"][0]["user"];
        for path in [
            &configuration["plugins"][0]["configuration"]["imagePolicy"]["kubeConfigFile"],
            &cluster["certificate-authority"],
            &user["client-certificate"],
            &user["client-key"],
        ] {
            let path = path.as_str().unwrap();
            let name = path.strip_prefix(&format!("{mount_path}/")).expect(path);
            assert!(files.lines().any(|line| line == name), "{row:?}: {name}");
        }
    }
}

#[test]
fn a_server_without_a_path_gets_that_of_the_webhook_and_hears_of_it() {
    for server in [
        "https://webhook.example.com",
        "https://webhook.example.com/",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let assert = init(folder.path(), &["--server", server]).success();
        let kubeconfig = yaml(&read(folder.path(), "connect_webhook.yaml"));
        assert_eq!(
            kubeconfig["clusters"][0]["cluster"]["server"],
            "https://webhook.example.com/image_policy",
            "{server}"
        );
        assert!(stdout(&assert).contains("the default path"), "{server}");
    }
}

#[test]
fn limits_are_those_of_the_api_server() {
    // Flag, value, and the key it sets; no key where the API server would refuse to start.
    let rows = [
        ("--allow-ttl", "-1", Some("allowTTL")),
        ("--allow-ttl", "0", Some("allowTTL")),
        ("--allow-ttl", "1800", Some("allowTTL")),
        ("--allow-ttl", "1801", None),
        ("--allow-ttl", "-2", None),
        ("--deny-ttl", "-1", Some("denyTTL")),
        ("--deny-ttl", "1800", Some("denyTTL")),
        ("--deny-ttl", "1801", None),
        ("--deny-ttl", "30s", None),
        ("--retry-backoff", "-1", Some("retryBackoff")),
        ("--retry-backoff", "300000", Some("retryBackoff")),
        ("--retry-backoff", "300001", None),
        ("--days", "0", None),
        ("--days", "-1", None),
        ("--days", "4294967295", None),
    ];
    for row @ (flag, value, key) in rows {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let assert = init(&out, &["--server", SERVER, flag, value]);
        if let Some(key) = key {
            assert.success();
            let configuration = yaml(&read(&out, "admission_configuration.yaml"));
            let policy = &configuration["plugins"][0]["configuration"]["imagePolicy"];
            assert_eq!(policy[key].to_string(), value, "{row:?}");
        } else {
            assert.code(2);
            assert!(!out.exists(), "{row:?}");
        }
    }
}

#[test]
fn wrong_days_say_what_to_write() {
    for days in ["0", "x", "1.5"] {
        let folder = tempfile::tempdir().unwrap();
        let days = format!("--days={days}");
        let assert = init(&folder.path().join("out"), &["--server", SERVER, &days]).code(2);
        let stderr = stderr(&assert);
        let says = "write a number of days, 1 or more, such as 365";
        assert!(stderr.contains(says), "{stderr}");
    }
}

#[test]
fn failing_open_has_to_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    init(folder.path(), &["--server", SERVER, "--default-allow"]).success();
    let configuration = yaml(&read(folder.path(), "admission_configuration.yaml"));
    let policy = &configuration["plugins"][0]["configuration"]["imagePolicy"];
    assert_eq!(policy["defaultAllow"], true);
    assert!(read(folder.path(), "README.txt").contains("approves every image"));
}

#[test]
fn what_exists_is_kept_unless_forced() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    fs::write(out.join("server.key"), "kept").unwrap();
    fs::write(out.join("README.txt"), "kept").unwrap();
    fs::write(out.join("unrelated"), "kept").unwrap();
    let before = contents(out);

    let assert = init(out, &["--server", SERVER]).code(2).stdout("");
    let message = stderr(&assert);
    assert!(message.starts_with("imagereview: "), "{message}");
    assert!(message.contains("--force"), "{message}");
    for name in FILES {
        let path = out.join(name).display().to_string();
        let exists = ["server.key", "README.txt"].contains(&name);
        assert_eq!(message.contains(&path), exists, "{name} in {message}");
    }
    assert_eq!(contents(out), before);

    init(out, &["--server", SERVER, "--force"]).success();
    let first = contents(out);
    assert_eq!(first.len(), FILES.len() + 1);
    for (name, contents) in &first {
        assert_eq!(contents == "kept", name == "unrelated", "{name}");
    }

    init(out, &["--server", SERVER, "--force"]).success();
    for ((name, earlier), (_, later)) in first.iter().zip(contents(out)) {
        let is_made_anew = [".crt", ".key"].iter().any(|end| name.ends_with(end));
        assert_eq!(*earlier != later, is_made_anew, "{name}");
    }
}

#[test]
fn an_authority_that_exists_is_used_and_its_key_stays_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    init(&first, &["--server", SERVER]).success();
    let certificate = first.join("ca.crt");
    let key = first.join("ca.key");
    let authority = [
        "--ca-cert",
        certificate.to_str().unwrap(),
        "--ca-key",
        key.to_str().unwrap(),
    ];
    let arguments = [&["--server", SERVER][..], &authority].concat();
    init(&second, &arguments).success();
    assert_eq!(read(&second, "ca.crt"), read(&first, "ca.crt"));
    assert!(!second.join("ca.key").exists());

    // Renewing in place: the authority stays, what it issued doesn't.
    let before = contents(&first);
    init(&first, &[&arguments[..], &["--force"]].concat()).success();
    for ((name, earlier), (_, later)) in before.iter().zip(contents(&first)) {
        let is_issued = name.starts_with("server.") || name.starts_with("apiserver-client.");
        assert_eq!(*earlier != later, is_issued, "{name}");
    }

    // One without the other, a pair that isn't one, and a file that isn't there.
    let third = folder.path().join("third");
    init(
        &third,
        &[&["--server", SERVER][..], &authority[..2]].concat(),
    )
    .code(2);
    let strange_key = second.join("server.key");
    for (key, reason) in [
        (strange_key, "does not belong to its certificate"),
        (folder.path().join("none"), "can't read"),
    ] {
        let mut arguments = arguments.clone();
        arguments[5] = key.to_str().unwrap();
        let message = stderr(&init(&third, &arguments).code(2).stdout(""));
        assert!(message.contains(reason), "{message}");
    }
    assert!(!third.exists());
}

#[test]
fn a_server_that_can_not_be_called_is_a_usage_error() {
    for server in [
        "http://webhook.example.com/image_policy",
        "webhook.example.com:8443",
        "https://user:password@webhook.example.com/",
        "https://webhook.example.com/?timeout=1s",
        "https://webhook.example.com/\"\nevil: true",
        "https://web hook.example.com/",
        "https://*.example.com/",
        "https://$(id).example.com/",
        "https://'; touch x; '/",
        "https://[fe80::1%25eth0]:8443/",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let assert = init(&out, &["--server", server]).code(2).stdout("");
        assert!(stderr(&assert).contains("--server <URL>"), "{server:?}");
        assert!(!out.exists(), "{server:?}");
    }
    for (flag, value) in [
        ("--san", "*.example.com"),
        ("--san", "https://webhook.example.com"),
        ("--mount-path", "relative"),
        ("--mount-path", "/etc/a\nb: c"),
        ("--mount-path", "/etc/$(HOME)"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let assert = init(&out, &["--server", SERVER, flag, value]).code(2);
        assert!(stderr(&assert).contains(flag), "{flag} {value:?}");
        assert!(!out.exists(), "{flag} {value:?}");
    }
}

#[test]
fn paths_of_a_url_stay_one_yaml_string() {
    let long = format!("https://webhook.example.com/{}", "a".repeat(300));
    for server in [
        "https://webhook.example.com/a'b,c&*d!e",
        "https://webhook.example.com/%22:%20x",
        "https://webhook.example.com/$(id);-:@~",
        &long,
    ] {
        let folder = tempfile::tempdir().unwrap();
        init(folder.path(), &["--server", server]).success();
        let kubeconfig = yaml(&read(folder.path(), "connect_webhook.yaml"));
        assert_eq!(kubeconfig["clusters"][0]["cluster"]["server"], *server);
    }
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    init(&out, &["--server", SERVER]).success();
    // What a plain file gets tells the umask.
    fs::write(folder.path().join("probe"), "").unwrap();
    let unmasked = mode(&folder.path().join("probe"));
    for name in FILES {
        let is_key = Path::new(name).extension().is_some_and(|it| it == "key");
        let expected = if is_key { 0o600 } else { 0o644 & unmasked };
        assert_eq!(mode(&out.join(name)), expected, "{name}");
        let holds_key = read(&out, name).contains("PRIVATE KEY");
        assert_eq!(holds_key, is_key, "{name}");
    }
}

#[test]
fn openssl_verifies_the_certificates() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("openssl is not on the PATH: nothing was verified");
        return;
    }
    // The server, more names, and the options with which OpenSSL has to accept the certificate.
    let rows: &[(&str, &[&str], &[&str])] = &[
        (
            "https://webhook.example.com:8443",
            &[
                "--san",
                "192.0.2.1",
                "--san",
                "WEBHOOK.example.com",
                "--san",
                "other",
            ],
            &[
                "-verify_hostname webhook.example.com",
                "-verify_hostname other",
                "-verify_ip 192.0.2.1",
            ],
        ),
        (
            "https://192.0.2.1",
            &["--days", "1"],
            &["-verify_ip 192.0.2.1"],
        ),
        (
            "https://[2001:db8::1]:8443",
            &["--san", "[::1]", "--san", "2001:db8:0::1"],
            &["-verify_ip 2001:db8::1", "-verify_ip ::1"],
        ),
    ];
    for (server, options, names) in rows {
        let folder = tempfile::tempdir().unwrap();
        init(
            folder.path(),
            &[&["--server", server][..], options].concat(),
        )
        .success();
        let verify = |arguments: &str| {
            Command::new("openssl")
                .args("verify -x509_strict -CAfile ca.crt".split(' '))
                .args(arguments.split(' '))
                .current_dir(folder.path())
                .output()
                .unwrap()
        };
        for (arguments, accepted) in [
            ("-purpose sslclient apiserver-client.crt".to_owned(), true),
            ("-purpose sslserver apiserver-client.crt".to_owned(), false),
            ("-purpose sslclient server.crt".to_owned(), false),
            (
                "-purpose sslserver -verify_ip 192.0.2.9 server.crt".to_owned(),
                false,
            ),
        ]
        .into_iter()
        .chain(
            names
                .iter()
                .map(|name| (format!("-purpose sslserver {name} server.crt"), true)),
        ) {
            let output = verify(&arguments);
            assert_eq!(
                output.status.success(),
                accepted,
                "{server} {arguments}: {output:?}"
            );
        }
    }
}

/// What `init` writes for the API server to ask about every object with images.
fn webhook_object(arguments: &[&str], file: &str) -> (Value, String) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("out");
    init(&folder, &[&["--server", SERVER], arguments].concat()).success();
    (yaml(&read(&folder, file)), read(&folder, "ca.crt"))
}

#[test]
fn admission_webhooks_are_registered_with_what_the_api_server_needs() {
    let service = ["--service", "guard/imagereview:8443"];
    for (arguments, file, kind, path) in [
        (
            &["--validating"][..],
            "validating_webhook.yaml",
            "ValidatingWebhookConfiguration",
            "/validate",
        ),
        (
            &["--mutating"],
            "mutating_webhook.yaml",
            "MutatingWebhookConfiguration",
            "/mutate",
        ),
    ] {
        let (object, ca) = webhook_object(arguments, file);
        let webhook = &object["webhooks"][0];
        let (expected_ca, url) = (
            STANDARD.encode(ca),
            format!("https://webhook.example.com:8443{path}"),
        );
        assert_eq!(object["apiVersion"], "admissionregistration.k8s.io/v1");
        assert_eq!(object["kind"], kind);
        assert_eq!(
            webhook["clientConfig"],
            json!({"url": url, "caBundle": expected_ca})
        );
        for (field, value) in [
            ("failurePolicy", json!("Fail")),
            ("matchPolicy", json!("Equivalent")),
            ("sideEffects", json!("None")),
            ("timeoutSeconds", json!(5)),
            ("admissionReviewVersions", json!(["v1"])),
        ] {
            assert_eq!(webhook[field], value, "{kind}");
        }
        let reinvoked = webhook.get("reinvocationPolicy").is_some();
        assert_eq!(reinvoked, kind == "MutatingWebhookConfiguration");
        let resources: Vec<&str> = webhook["rules"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|rule| rule["resources"].as_array().unwrap())
            .map(|resource| resource.as_str().unwrap())
            .collect();
        assert_eq!(
            resources,
            [
                "pods",
                "podtemplates",
                "replicationcontrollers",
                "pods/ephemeralcontainers",
                "deployments",
                "replicasets",
                "statefulsets",
                "daemonsets",
                "jobs",
                "cronjobs",
            ]
        );
        let selector = &webhook["namespaceSelector"]["matchExpressions"][0];
        assert_eq!(selector["values"], json!(["kube-system", "imagereview"]));

        let (object, ca) =
            webhook_object(&[arguments, &service, &["--default-allow"]].concat(), file);
        let webhook = &object["webhooks"][0];
        assert_eq!(
            webhook["clientConfig"],
            json!({
                "service": {"namespace": "guard", "name": "imagereview", "path": path, "port": 8443},
                "caBundle": STANDARD.encode(ca),
            })
        );
        assert_eq!(webhook["failurePolicy"], "Ignore");
        let selector = &webhook["namespaceSelector"]["matchExpressions"][0];
        assert_eq!(selector["values"], json!(["kube-system", "guard"]));
    }
}

#[test]
fn a_service_that_is_none_is_a_usage_error() {
    for (service, expected) in [
        ("imagereview", "write NAMESPACE/NAME"),
        ("a/b/c", "write NAMESPACE/NAME"),
        ("a.b/c", "\"a.b\" is not a name of a namespace or Service"),
        (
            "guard/imagereview:0",
            "its port must be a number from 1 to 65535",
        ),
        (
            "guard/imagereview:https",
            "its port must be a number from 1 to 65535",
        ),
        (
            "guard/image_review",
            "\"image_review\" is not a name of a namespace or Service",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let refused = init(
            &out,
            &["--server", SERVER, "--validating", "--service", service],
        )
        .code(2);
        assert!(
            stderr(&refused).contains(expected),
            "{service}: {}",
            stderr(&refused)
        );
        assert!(!out.exists());
    }
}

/// The libraries that read numbers and URLs have texts of their own; these are ours.
#[test]
fn a_wrong_value_is_refused_with_what_to_write() {
    for (option, value, expected) in [
        (
            "--allow-ttl",
            "5m",
            "a whole number of seconds from -1 to 1800",
        ),
        (
            "--deny-ttl",
            "1801",
            "a whole number of seconds from -1 to 1800",
        ),
        (
            "--deny-ttl",
            "",
            "a whole number of seconds from -1 to 1800",
        ),
        (
            "--retry-backoff",
            "-2",
            "a whole number of milliseconds from -1 to 300000",
        ),
        (
            "--retry-backoff",
            "9999999999",
            "a whole number of milliseconds from -1 to 300000",
        ),
        ("--days", "0", "a number of days, 1 or more"),
        ("--mount-path", "etc", "an absolute path below /, such as"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let value = format!("{option}={value}");
        let refused = init(&out, &["--server", SERVER, &value]).code(2);
        let stderr = stderr(&refused);
        assert!(stderr.contains(expected), "{value}: {stderr}");
        assert!(stderr.contains(option), "{value}: {stderr}");
        assert!(!out.exists(), "{value}");
    }
}

/// A host of the webhook is no part of it: its pods are.
#[test]
fn for_a_service_the_instructions_tell_of_the_secret_and_the_chart() {
    let arguments = ["--validating", "--service", "guard/imagereview:8443"];
    let readme = |further: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("out");
        init(
            &folder,
            &[&["--server", SERVER], &arguments[..], further].concat(),
        )
        .success();
        read(&folder, "README.txt")
    };
    let text = readme(&[]);
    for part in [
        "kubectl create secret generic imagereview-tls --namespace guard",
        "--from-file=tls.crt=server.crt --from-file=tls.key=server.key --from-file=ca.crt=ca.crt",
        "helm install imagereview deploy/chart --namespace guard --set service.port=8443",
        "kubectl apply -f validating_webhook.yaml",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("max-body-bytes"), "{text}");
    assert!(
        !text.contains("run one for them without --client-ca"),
        "{text}"
    );
    let text = readme(&["--default-allow"]);
    assert!(
        text.contains(r#"--set-json 'options=["--max-body-bytes=20971520"]'"#),
        "{text}"
    );
}
