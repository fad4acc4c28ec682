//! `imagereview review` and `imagereview check` as a program runs them.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Stdio,
    thread,
};

use serde_json::{Value, json};

use crate::support::{POD, image_review, imagereview, long_image_review, run_in, run_with_stdin};

/// A row of the core's table of the built-in policy.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerdictRow {
    image: String,
    denied_by: Option<String>,
}

#[test]
fn each_image_gets_the_verdict_that_the_webhook_gives() {
    let rows = include_str!("../../../imagereview-core/tests/data/no-latest-tag.jsonl");
    let rows: Vec<VerdictRow> = rows
        .lines()
        .map(|row| serde_json::from_str(row).unwrap_or_else(|error| panic!("{row}: {error}")))
        .collect();
    assert!(rows.len() >= 20, "{}", rows.len());
    for VerdictRow { image, denied_by } in &rows {
        let (image, denied_by) = (image.as_str(), denied_by.as_deref());
        let code = Some(i32::from(denied_by.is_some()));

        let (status, stdout, stderr) = run_with_stdin(&["respond"], &image_review(image));
        assert_eq!((status, &*stderr), (code, ""), "{image:?}");
        let response: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(
            response["status"]["allowed"],
            denied_by.is_none(),
            "{image:?}"
        );
        let broken = &response["status"]["auditAnnotations"]["denied-by"];
        assert_eq!(broken.as_str(), denied_by, "{image:?}");

        let (status, stdout, stderr) = run_with_stdin(&["check", "--json", "--", image], "");
        assert_eq!((status, &*stderr), (code, ""), "{image:?}");
        let checked: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(checked["image"], image);
        assert_eq!(
            checked["violations"][0]["rule"].as_str(),
            denied_by,
            "{image:?}"
        );
    }
}

#[test]
fn an_image_cannot_forge_a_line() {
    let (status, stdout, _) = run_with_stdin(&["check", "nginx:1\nallowed  nginx\u{202e}"], "");
    assert_eq!(status, Some(1));
    assert!(
        stdout.starts_with(r"denied   nginx:1\nallowed  nginx\u{202e}  "),
        "{stdout}"
    );
    assert_eq!(stdout.lines().count(), 1, "{stdout}");
}

#[test]
fn the_language_comes_from_the_environment_and_the_flag_goes_first() {
    let reason = |language: &str, arguments: &[&str]| {
        let mut command = imagereview(arguments);
        command.env("IMAGEREVIEW_LANGUAGE", language);
        let assert = assert_cmd::Command::from_std(command)
            .write_stdin(image_review("nginx"))
            .assert()
            .code(1);
        let response: Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        response["status"]["reason"].as_str().unwrap().to_owned()
    };
    assert!(reason("zh", &["respond"]).starts_with("检查镜像失败!镜像标签不允许使用latest!"));
    assert!(reason("zh", &["respond", "--language=en"]).starts_with("image check failed: "));
}

#[test]
fn an_empty_variable_is_named() {
    for name in ["IMAGEREVIEW_POLICY", "IMAGEREVIEW_LANGUAGE"] {
        let output = imagereview(&["check", "nginx:1"]).env(name, "").output();
        let output = output.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains(&format!("{name} is empty; unset it")),
            "{stderr}"
        );
    }
}

/// A policy document with one rule, which denies the tag `beta`.
fn policy_document(name: &str) -> String {
    format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: {name}}}\n\
         rules:\n  - name: no-{name}\n    tags: {{deny: [beta]}}\n"
    )
}

/// The variable, the flags, the policy or what is wrong, and the notice.
type NamedPolicies<'a> = (&'a str, &'a [&'a str], Result<&'a str, &'a str>, &'a str);

/// The webhook has the same test, with the same identities: both programs read the same texts in the same
/// order.
#[test]
fn policies_are_named_by_a_list_or_by_flags() {
    const A: &str = "a@sha256:686451f9ef7389f3b6eb83ebf3ec94c41396ce8bd2581ac0aa0741336d49c9b9";
    const LIST: &str =
        "a,b,f,g@sha256:66fd0bc8d3814b1a2287e882b39ac4d90eefb24f31d6743ee29759e9097ae937";
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("e")).unwrap();
    for (file, name) in [
        ("a.yaml", "a"),
        ("b.yaml", "b"),
        ("c:d.yaml", "c"),
        ("h,i.yaml", "h"),
        ("-", "dash"),
        ("e/g.yaml", "g"),
        ("e/f.json", "f"),
    ] {
        fs::write(folder.path().join(file), policy_document(name)).unwrap();
    }
    let commas = "imagereview: a.yaml,e,b.yaml names 3 policies with commas between them; separate paths with \
                  colons in IMAGEREVIEW_POLICY, or repeat --policy";
    let rows: [NamedPolicies<'_>; 11] = [
        ("a.yaml", &[], Ok(A), ""),
        ("a.yaml:e:b.yaml", &[], Ok(LIST), ""),
        ("b.yaml", &["a.yaml", "e", "b.yaml"], Ok(LIST), ""),
        ("a.yaml", &["c:d.yaml"], Ok("c@sha256:"), ""),
        ("a.yaml", &["./-"], Ok("dash@sha256:"), ""),
        (
            "a.yaml::b.yaml",
            &[],
            Err("there is an empty path in the list"),
            "",
        ),
        (
            "c:d.yaml",
            &[],
            Err("cannot read the policy c: No such file"),
            "",
        ),
        (
            "",
            &[],
            Err("a value is required for '--policy <FILE>'"),
            "",
        ),
        // As it was written before.
        ("a.yaml,e,b.yaml", &[], Ok(LIST), commas),
        ("h,i.yaml", &[], Ok("h@sha256:"), ""),
        (
            "a.yaml,missing.yaml",
            &[],
            Err("cannot read the policy a.yaml,missing.yaml: No such file"),
            "",
        ),
    ];
    for (variable, flags, expected, notice) in rows {
        let mut command = imagereview(&["respond"]);
        command
            .current_dir(folder.path())
            .env("IMAGEREVIEW_POLICY", variable)
            .args(flags.iter().flat_map(|path| ["--policy", path]));
        let assert = assert_cmd::Command::from_std(command)
            .write_stdin(image_review("x:beta"))
            .assert();
        let output = assert.get_output();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let row = format!("{variable:?} {flags:?}: {stderr}");
        match expected {
            Ok(identity) => {
                assert_eq!(output.status.code(), Some(1), "{row}");
                assert_eq!(stderr.trim_end(), notice, "{row}");
                let response: Value = serde_json::from_slice(&output.stdout).unwrap();
                let policy = response["status"]["auditAnnotations"]["policy"].as_str();
                assert!(policy.unwrap().starts_with(identity), "{row}{response}");
            }
            Err(problem) => {
                assert_eq!(output.status.code(), Some(2), "{row}");
                assert!(stderr.contains(problem), "{row}");
            }
        }
    }
}

#[test]
fn a_policy_is_read_from_standard_input_and_from_a_pipe_with_a_name() {
    for path in ["-", "/dev/stdin"] {
        let arguments = ["check", "--policy", path, "x:beta", "x:1"];
        let (status, stdout, stderr) = run_with_stdin(&arguments, &policy_document("a"));
        assert_eq!(status, Some(1), "{path}: {stderr}");
        assert!(
            stdout.contains("denied   x:beta  no-a: "),
            "{path}: {stdout}"
        );
        assert!(stdout.contains("allowed  x:1"), "{path}: {stdout}");
    }
}

#[test]
fn a_policy_without_an_end_is_read_to_the_limit() {
    let (status, _, stderr) = run_with_stdin(&["check", "--policy", "/dev/zero", "x:1"], "");
    assert_eq!(status, Some(2), "{stderr}");
    assert!(
        stderr.contains("the policy /dev/zero has more than 4194304 bytes; "),
        "{stderr}"
    );
}

#[test]
fn a_manifest_in_utf_16_is_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let units = format!("\u{feff}{POD}").encode_utf16().collect::<Vec<_>>();
    let bytes: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    fs::write(folder.path().join("pod.yaml"), bytes).unwrap();
    for input in ["pod.yaml", "."] {
        let (status, _, stderr) = run_in(folder.path(), &["review", input]);
        assert_eq!(status, Some(2), "{input}: {stderr}");
        assert!(
            stderr.contains("pod.yaml: the file is UTF-16"),
            "{input}: {stderr}"
        );
    }
}

#[test]
fn standard_input_without_a_review_is_an_error() {
    for stdin in ["", " \n\n"] {
        let (status, stdout, stderr) = run_with_stdin(&["review", "-"], stdin);
        assert_eq!(status, Some(2), "{stdin:?}");
        assert!(stdout.starts_with("0 images"), "{stdin:?}: {stdout}");
        assert!(
            stderr.contains("<stdin>: the input is empty"),
            "{stdin:?}: {stderr}"
        );
    }
}

const POD_JSON: &str =
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"nginx\"}]}}\n";

#[test]
fn each_kind_of_input_is_reviewed_where_it_is() {
    let policy = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\n\
                  customResources:\n\
                  - {apiVersion: tekton.dev/v1, kind: Task, images: ['spec.steps[*].image']}\n\
                  rules:\n- {name: tags, tags: {deny: [$mutable]}}\n";
    let admission = r#"{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
"request": {"uid": "1", "operation": "CREATE", "object": {"apiVersion": "v1", "kind": "Pod",
"spec": {"containers": [
{"image": "nginx"}]}}}}"#;
    let admission_yaml = "apiVersion: admission.k8s.io/v1\nkind: AdmissionReview\nrequest:\n  \
                          uid: '1'\n  operation: CREATE\n  object: {spec: {containers: [{image: nginx}]}, \
                          apiVersion: v1, kind: Pod}\n";
    let image_review = "# read as YAML\napiVersion: imagepolicy.k8s.io/v1alpha1\nkind: ImageReview\n\
                        spec: {containers: [{image: nginx}]}\n";
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nspec:\n  steps:\n  - image: nginx\n";
    for (name, text, place, object) in [
        (
            "a.json",
            admission,
            "line=4,col=12",
            "spec.containers[0].image",
        ),
        (
            "bom.json",
            &format!("\u{feff}{POD_JSON}"),
            "line=1,col=66",
            "spec.containers[0].image",
        ),
        (
            "a.yaml",
            admission_yaml,
            "line=6,col=40",
            "spec.containers[0].image",
        ),
        (
            "b.yaml",
            image_review,
            "line=4,col=29",
            "spec.containers[0].image",
        ),
        ("c.yml", task, "line=5,col=12", "spec.steps[0].image"),
        (
            "d.json",
            &POD_JSON.repeat(2),
            "line=2,col=65",
            "spec.containers[0].image",
        ),
        (
            "Dockerfile",
            "ARG T\nFROM nginx:$T\n",
            "line=2,col=6",
            "FROM[0]",
        ),
        (
            "compose.yaml",
            "services: {web: {image: 'nginx:$T'}}",
            "line=1,col=25",
            "services.web.image",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policy"), policy).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let review = [
            "review",
            "--policy=policy",
            "--format=github",
            "--set=T=latest",
            name,
        ];
        let (status, stdout, stderr) = run_in(folder.path(), &review);
        assert_eq!((status, &*stderr), (Some(1), ""), "{name}: {stdout}");
        let last = stdout.lines().last().unwrap();
        let begin = format!("::error file={name},{place},title=tags::image \"nginx");
        assert!(last.starts_with(&begin), "{name}: {stdout}");
        assert!(last.contains(&format!("({object})")), "{name}: {stdout}");
    }
}

#[test]
fn a_variable_without_a_value_is_an_error_that_says_what_to_do() {
    for (name, text) in [
        ("Dockerfile", "ARG T\nFROM nginx:$T\n"),
        ("compose.yaml", "services: {web: {image: 'nginx:$T'}}"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let (status, stdout, stderr) = run_in(folder.path(), &["review", name]);
        assert_eq!(status, Some(2), "{name}: {stdout}");
        let says = "T has no value; give one with --set T=VALUE, or a default";
        assert!(stderr.contains(says), "{name}: {stderr}");
    }
}

#[test]
fn a_container_without_an_image_is_shown_where_it_begins() {
    // Its first key has as many bytes as an empty image in quotation marks.
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{é: 1}]}\n";
    let (status, stdout, stderr) = run_with_stdin(&["review", "--format=github"], pod);
    assert_eq!((status, &*stderr), (Some(1), ""));
    assert!(
        stdout.starts_with("::error file=<stdin>,line=3,col=22,"),
        "{stdout}"
    );
}

#[test]
fn colour_is_asked_for_and_forbidden_by_the_environment() {
    for (variables, has_color) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], false),
    ] {
        let mut command = imagereview(&["review", "-"]);
        command.env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR");
        command.envs(variables.iter().copied());
        let mut command = assert_cmd::Command::from_std(command);
        let output = command.write_stdin(POD).output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            stdout.contains('\u{1b}'),
            has_color,
            "{variables:?}: {stdout}"
        );
    }
}

#[test]
fn a_page_without_images_says_so_and_filters_nothing() {
    let text = "apiVersion: v1\nkind: ConfigMap\n";
    let (status, stdout, _) = run_with_stdin(&["review", "--format=html"], text);
    assert_eq!(status, Some(0));
    assert!(stdout.contains("<h1>No images were found</h1>"), "{stdout}");
    assert!(
        !stdout.contains("<form") && !stdout.contains("<script"),
        "{stdout}"
    );
}

#[test]
fn a_spreadsheet_finds_no_formula_in_an_inventory() {
    let pod = "apiVersion: v1\nkind: Pod\nspec: {containers: [{name: '@a', image: '=1+1'}]}\n";
    let (status, stdout, _) = run_with_stdin(&["inventory", "--format=csv"], pod);
    assert_eq!(status, Some(0), "{stdout}");
    let expected = ",,,,'=1+1,<stdin>,3,42,Pod,'@a,spec.containers[0].image";
    assert_eq!(stdout.lines().last(), Some(expected));
}

#[test]
fn deep_nesting_is_read_or_refused_and_never_ends_the_program() {
    for (depth, status) in [(200, 1), (5000, 2)] {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        let text = format!("{POD}status: {open}{close}\n");
        for format in ["human", "json"] {
            let (found, _, stderr) = run_with_stdin(&["review", "--format", format], &text);
            assert_eq!(found, Some(status), "{depth}: {stderr}");
        }
        let policy = "{apiVersion: imagereview/v1alpha1, kind: ImagePolicy, metadata: {name: p}, \
                      mutations: {fullNames: true}, rules: [{name: r, tags: {deny: [latest]}}]}";
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("policy"), policy).unwrap();
        fs::write(folder.path().join("pod.yaml"), &text).unwrap();
        let diff = ["review", "--diff", "--policy=policy", "pod.yaml"];
        let (found, _, stderr) = run_in(folder.path(), &diff);
        assert_eq!(found, Some(status), "{depth}: {stderr}");
    }
}

/// A pipe has a name too where a shell makes it: `imagereview review <(helm template .)`.
#[cfg(target_os = "linux")]
#[test]
fn what_can_be_read_only_once_is_read_once() {
    let (status, stdout, stderr) =
        run_with_stdin(&["review", "--format=github", "/dev/stdin"], POD);
    assert_eq!((status, &*stderr), (Some(1), ""), "{stdout}");
    let folder = tempfile::tempdir().unwrap();
    let policy = |tag: &str| {
        let path = folder.path().join(tag);
        let text = format!(
            "{{apiVersion: imagereview/v1alpha1, kind: ImagePolicy, metadata: {{name: p}}, \
             rules: [{{name: r, tags: {{deny: [{tag}]}}}}]}}"
        );
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (old, new) = (policy("edge"), policy("latest"));
    for input in ["-", "/dev/stdin"] {
        let (status, stdout, stderr) = run_with_stdin(&["policy", "diff", &old, &new, input], POD);
        assert_eq!((status, &*stderr), (Some(1), ""), "{input}: {stdout}");
        assert!(
            stdout.ends_with("1 image: 1 newly denied, 0 newly allowed\n"),
            "{input}: {stdout}"
        );
    }
}

#[test]
fn a_dockerfile_needs_no_name() {
    let text = "# syntax=docker/dockerfile:1\nARG T\nFROM nginx:${T:-latest}\n";
    let (status, stdout, stderr) = run_with_stdin(&["review", "--format=github"], text);
    assert_eq!((status, &*stderr), (Some(1), ""));
    assert!(
        stdout.starts_with("::error file=<stdin>,line=3,col=6,"),
        "{stdout}"
    );
    // One that is named must build something; what a folder holds may only be named so.
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Dockerfile"), "RUN x\n").unwrap();
    let (status, _, stderr) = run_in(folder.path(), &["review", "Dockerfile"]);
    assert_eq!(status, Some(2), "{stderr}");
    assert!(
        stderr.contains("Dockerfile:1:1: it has no FROM"),
        "{stderr}"
    );
    let (status, stdout, _) = run_in(folder.path(), &["review", "."]);
    assert_eq!(status, Some(0), "{stdout}");
}

#[cfg(unix)]
#[test]
fn a_name_of_a_file_cannot_control_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("\u{1b}[31m\u{202e}\n.yaml", POD);
    write("\u{1b}broken.yaml", "apiVersion: [");
    write("\u{1b}_test.yaml", "policy: [");
    for arguments in [
        &["review", "."][..],
        &["review", "--format=table", "."],
        &["review", "--format=markdown", "."],
        &["review", "--format=junit", "."],
        &["inventory", "."],
        &["policy", "test"],
    ] {
        let (status, stdout, stderr) = run_in(folder.path(), arguments);
        assert_eq!(status, Some(2), "{arguments:?}: {stderr}");
        for text in [stdout, stderr] {
            assert!(
                !text.contains(['\u{1b}', '\u{202e}']),
                "{arguments:?}: {text:?}"
            );
        }
    }
}

/// Each is reported by its own name, and the list is not read anew for each of them.
#[test]
fn many_objects_that_are_not_well_take_no_longer() {
    let pod = |n: usize, image: &str| {
        format!(
            "- {{apiVersion: v1, kind: Pod, metadata: {{name: p{n}}}, spec: {{containers: [{{image: {image}}}]}}}}\n"
        )
    };
    let half = 1_500;
    let items: String = (0..half)
        .map(|n| pod(n, "[5]") + &pod(n, "'{{ .Values.image }}'"))
        .collect();
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{items}");
    let (status, stdout, stderr) = run_with_stdin(&["review", "--format=github"], &list);
    assert_eq!(status, Some(2));
    assert_eq!(stdout.matches("title=unreadable-object").count(), half);
    assert_eq!(stderr.matches("this is a template").count(), half);
    let (_, stdout, _) = run_with_stdin(&["review", "--format=html"], &list);
    assert!(stdout.contains("<main class=\"many\""));
    let (_, stdout, _) = run_with_stdin(&["review", "--format=table"], &list);
    for name in ["Pod p0 ", "Pod p1499 "] {
        assert_eq!(stdout.matches(name).count(), 1, "{name}");
    }
}

/// In a folder a template is no error, so what can be created as it is must not pass for one.
#[test]
fn an_image_like_a_templates_hides_no_other() {
    let pod = |name: &str, images: &[&str]| {
        let containers: Vec<String> = images
            .iter()
            .map(|image| format!(r#"{{"name": "a", "image": "{image}"}}"#))
            .collect();
        format!(
            r#"kind: Pod
apiVersion: v1
metadata: {{name: "{name}"}}
spec: {{containers: [{}]}}
"#,
            containers.join(", ")
        )
    };
    let json =
        r#"{"kind": "Pod", "apiVersion": "v1", "spec": {"containers": [{"image": "{{ x }}"}]}}"#;
    for (text, expected) in [
        (pod("p", &["nginx", "{{ x }}"]), Some(1)),
        (pod("p", &["{{ x }}"]), Some(0)),
        (pod("{{ n }}", &["nginx", "{{ x }}"]), Some(0)),
        (json.to_owned(), Some(0)),
        (json.replace("{{ x }}", "nginx"), Some(1)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("pod.yaml"), &text).unwrap();
        let (status, stdout, stderr) = run_in(folder.path(), &["review", "."]);
        assert_eq!(status, expected, "{text}{stdout}{stderr}");
    }
}

#[test]
fn a_baseline_accepts_what_it_lists_and_nothing_new() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write("pod.yaml", POD);
    let with_baseline = ["review", "--baseline", "base.json", "pod.yaml"];

    let (status, _, stderr) = run_in(folder, &with_baseline);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("--update-baseline writes one"), "{stderr}");

    let (status, stdout, stderr) = run_in(
        folder,
        &[&with_baseline[..], &["--update-baseline"]].concat(),
    );
    assert_eq!(
        (status, &*stderr),
        (Some(0), "imagereview: base.json now accepts 1 finding\n"),
        "{stdout}"
    );
    // It is found again wherever it moves to in its file.
    write("pod.yaml", &format!("# one\n# two\n{POD}"));
    let (status, stdout, stderr) = run_in(folder, &with_baseline);
    assert_eq!((status, &*stderr), (Some(0), ""), "{stdout}");
    assert!(
        stdout.contains("1 finding accepted by the baseline"),
        "{stdout}"
    );

    write("pod.yaml", &POD.replace("nginx", "redis"));
    let (status, stdout, stderr) = run_in(folder, &with_baseline);
    assert_eq!(status, Some(1), "{stdout}");
    assert!(
        stderr.contains("no longer found: 1 finding of base.json;"),
        "{stderr}"
    );

    write("base.json", "{");
    let (status, _, stderr) = run_in(folder, &with_baseline);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains(
            "base.json:1:1: this is not JSON; --update-baseline writes the baseline anew"
        ),
        "{stderr}"
    );
    let (status, _, stderr) = run_in(folder, &["review", "--update-baseline", "pod.yaml"]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("name its file with --baseline"), "{stderr}");
}

#[test]
fn a_baseline_knows_a_file_however_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("k8s")).unwrap();
    for name in ["k8s/a.yaml", "k8s/b.yaml"] {
        fs::write(folder.join(name), POD).unwrap();
    }
    let update = ["review", "--baseline=base.json", "--update-baseline", "k8s"];
    assert_eq!(run_in(folder, &update).0, Some(0));
    let absolute = folder.join("k8s");
    for (below, baseline, input) in [
        ("", "base.json", "./k8s"),
        ("", "base.json", "k8s/*.yaml"),
        ("", "base.json", absolute.to_str().unwrap()),
        ("k8s", "../base.json", "."),
        // What else it accepts is not of these.
        ("", "./base.json", "k8s/../k8s/a.yaml"),
        ("k8s", "../base.json", "a.yaml"),
    ] {
        let review = ["review", "--baseline", baseline, input];
        let (status, stdout, stderr) = run_in(&folder.join(below), &review);
        assert_eq!((status, &*stderr), (Some(0), ""), "{input}: {stdout}");
    }
    fs::remove_file(folder.join("k8s/b.yaml")).unwrap();
    let (status, _, stderr) = run_in(folder, &["review", "--baseline=base.json", "k8s/a.yaml"]);
    assert_eq!(status, Some(0));
    assert!(stderr.contains("no longer found: 1 finding"), "{stderr}");
}

#[test]
fn two_formats_do_not_write_to_one_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("pod.yaml"), POD).unwrap();
    for (arguments, place) in [
        (&["--format=json", "--format=sarif"][..], "standard output"),
        (&["--format=json=-", "--format=sarif"], "standard output"),
        (&["--format=json", "--format=sarif", "-o=x"], "x"),
        (&["--format=json=x", "--format=sarif=x"], "x"),
    ] {
        let arguments = [&["review", "pod.yaml"], arguments].concat();
        let (status, stdout, stderr) = run_in(folder.path(), &arguments);
        assert_eq!((status, &*stdout), (Some(2), ""), "{arguments:?}");
        let says = format!("json and sarif would both go to {place}; write --format sarif=FILE");
        assert!(stderr.contains(&says), "{stderr}");
        assert!(!folder.path().join("x").exists(), "{arguments:?}");
    }
    let (_, stdout, _) = run_in(folder.path(), &["review", "-f=ndjson", "-o=-", "pod.yaml"]);
    assert!(stdout.starts_with("{\"file\":\"pod.yaml\""), "{stdout}");
}

#[test]
fn a_project_file_holds_below_its_folder_and_options_go_first() {
    let folder = tempfile::tempdir().unwrap();
    let below = folder.path().join("deploy/prod");
    fs::create_dir_all(below.join("vendor")).unwrap();
    fs::write(below.join("pod.yaml"), POD).unwrap();
    fs::write(below.join("vendor/pod.yaml"), POD).unwrap();
    let policy = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules:\n\
                  - {name: no-nginx, repositories: {deny: ['**/nginx']}}\n";
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let project = "policy: [policy.yaml]\nlanguage: zh\nformat: [github]\nexclude: ['vendor/**']\n";
    fs::write(folder.path().join(".imagereview.yaml"), project).unwrap();

    let (status, stdout, stderr) = run_in(&below, &["review", "."]);
    assert_eq!((status, &*stderr), (Some(1), ""), "{stdout}");
    assert!(
        stdout.starts_with("::error file=pod.yaml,line=4,col=29,title=no-nginx::镜像"),
        "{stdout}"
    );
    assert_eq!(stdout.lines().count(), 1, "{stdout}");

    let (_, stdout, _) = run_in(&below, &["review", "--language=en", "--format=table", "."]);
    assert!(stdout.starts_with(" VERDICT"), "{stdout}");

    fs::write(folder.path().join(".imagereview.yaml"), "polcy: x\n").unwrap();
    let (status, _, stderr) = run_in(&below, &["check", "nginx:1"]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains(
            "../../.imagereview.yaml:1:1: unknown field \"polcy\"; did you mean \"policy\"?"
        ),
        "{stderr}"
    );

    let [name, other] =
        [".imagereview.yaml", ".imagereview.yml"].map(|name| folder.path().join(name));
    fs::rename(name, other).unwrap();
    let (status, _, stderr) = run_in(&below, &["check", "nginx:1"]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("../../.imagereview.yml is not read; name it"),
        "{stderr}"
    );
}

#[test]
fn the_tests_of_the_example_policies_pass() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/policies");
    let (status, stdout, stderr) = run_in(&examples, &["policy", "test", "--junit", "/dev/null"]);
    assert_eq!((status, &*stderr), (Some(0), ""), "{stdout}");
    assert!(!stdout.ends_with("\n0 passed, 0 failed\n"), "{stdout}");
}

#[test]
fn a_reader_that_goes_away_ends_the_review_quietly() {
    for arguments in [
        &["respond"][..],
        &["review", "--format=ndjson"],
        &["review", "--format=json"],
        &["review", "--format=human"],
        &["review", "--format=github"],
        &["review", "--format=sarif"],
        &["review", "--format=table"],
    ] {
        let mut child = imagereview(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        // It goes away before all of this is written, so writing may fail too.
        let _ = stdin.write_all(long_image_review("nginx").repeat(2_500).as_bytes());
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(141), "{arguments:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr, "", "{arguments:?}");
    }
}

/// Longer than one read.
#[test]
fn a_long_input_is_reviewed_as_one_and_in_order() {
    const COUNT: usize = 1_000;

    let padding = "é".repeat(1000);
    let pod = |n: usize| {
        format!(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: é{n}}}\n\
             spec:\n  nodeName: {padding}\n  containers:\n  - image: nginx\n  - image: \"redis:{n}\"\n"
        )
    };
    let yaml: String = (0..COUNT).map(pod).collect();
    let json = |n: usize| {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": format!("é{n}")},
            "spec": {
                "containers": [{"image": "nginx"}, {"image": format!("redis:{n}")}],
                "nodeName": padding,
            },
        });
        pod.to_string()
    };
    let lines: String = (0..COUNT).map(|n| json(n) + "\n").collect();
    let one_line: String = (0..COUNT).map(json).collect();
    for (case, text) in [("YAML", &yaml), ("lines", &lines), ("one line", &one_line)] {
        assert!(text.len() > 1 << 20, "{case}");
        let (status, stdout, stderr) = run_with_stdin(&["review", "--format=json"], text);
        assert_eq!((status, &*stderr), (Some(1), ""), "{case}");
        let report: Value = serde_json::from_str(&stdout).unwrap();
        let summary = json!({
            "files": 1, "documents": COUNT, "images": 2 * COUNT, "denied": COUNT,
            "warned": 0, "audited": 0, "accepted": 0, "exempted": 0, "skipped": 0, "notReviewed": 0,
            "errors": 0,
        });
        assert_eq!(report["summary"], summary, "{case}");
        // Where each image is, when the text is looked through from its beginning.
        let mut at = 0;
        let (mut line, mut column) = (1, 1);
        for (n, document) in report["documents"].as_array().unwrap().iter().enumerate() {
            assert_eq!(document["object"], format!("Pod é{n}"), "{case}");
            for image in document["images"].as_array().unwrap() {
                let written = image["image"].as_str().unwrap();
                let next = at + text[at..].find(written).unwrap();
                for c in text[at..next].chars() {
                    (line, column) = if c == '\n' {
                        (line + 1, 1)
                    } else {
                        (line, column + 1)
                    };
                }
                at = next;
                let place = (image["line"].as_u64(), image["column"].as_u64());
                assert_eq!(place, (Some(line), Some(column)), "{case}: {image} of {n}");
            }
        }

        let (_, stdout, _) = run_with_stdin(&["review", "--format=junit"], text);
        let tests = 2 * COUNT;
        let suite = format!(
            "<testsuite name=\"&lt;stdin&gt;\" tests=\"{tests}\" failures=\"{COUNT}\" errors=\"0\" skipped=\"0\">"
        );
        assert_eq!(stdout.matches("<testsuite ").count(), 1, "{case}");
        assert!(stdout.contains(&suite), "{case}");
    }
}

/// The limit is one of each object, and not of an input.
#[test]
fn an_object_of_too_many_images_is_denied_and_those_beside_it_are_reviewed() {
    const LIMIT: usize = imagereview_core::limits::ENTRIES_LIMIT;
    let pod = |containers: usize| {
        let containers = vec![json!({"image": "a:1"}); containers];
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}})
    };
    let list = |items: Vec<Value>| json!({"apiVersion": "v1", "kind": "List", "items": items});
    let many = json!({
        "apiVersion": "imagepolicy.k8s.io/v1alpha1",
        "kind": "ImageReview",
        "spec": {"containers": vec![json!({"image": "a:1"}); LIMIT + 1]},
    });
    for (input, status, images, denied) in [
        (list(vec![pod(1); LIMIT + 1]), 0, LIMIT + 1, 0),
        // The images up to the limit are reviewed too.
        (list(vec![pod(1), pod(LIMIT + 1), pod(2)]), 1, LIMIT + 4, 1),
        (many, 1, LIMIT + 1, 1),
    ] {
        let arguments = ["review", "--format=json"];
        let (code, stdout, stderr) = run_with_stdin(&arguments, &input.to_string());
        assert_eq!((code, &*stderr), (Some(status), ""));
        let report: Value = serde_json::from_str(&stdout).unwrap();
        assert_eq!(report["summary"]["images"], images);
        assert_eq!(report["summary"]["denied"], denied);
        let told = "has too many entries; at most 10000 are read";
        assert_eq!(stdout.contains(told), denied > 0);
    }
}

#[test]
fn violations_that_are_not_kept_are_an_error_that_no_baseline_accepts() {
    let rules: Vec<String> = (0..100)
        .map(|n| format!("{{name: r{n}, digest: {{}}}}"))
        .collect();
    let policy = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\nrules: [{}]\n",
        rules.join(", ")
    );
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let pod = |containers: usize| {
        let containers = vec![json!({"image": "nginx"}); containers];
        json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": containers}}).to_string()
    };
    fs::write(folder.join("policy.yaml"), policy).unwrap();
    for (containers, status, omitted) in [(1_000, 0, ""), (1_003, 2, "300 more violations")] {
        fs::write(folder.join("pod.yaml"), pod(containers)).unwrap();
        let with_baseline = [
            "review",
            "--policy=policy.yaml",
            "--baseline=base.json",
            "pod.yaml",
        ];
        run_in(
            folder,
            &[&with_baseline[..], &["--update-baseline"]].concat(),
        );
        let (code, _, stderr) = run_in(folder, &with_baseline);
        assert_eq!(code, Some(status), "{stderr}");
        assert!(stderr.contains(omitted), "{stderr}");
    }
}

#[test]
fn of_a_very_long_line_people_see_what_is_around_the_image() {
    let text = long_image_review("nginx").repeat(600);
    assert!(text.len() > 1 << 20);
    let (status, stdout, stderr) = run_with_stdin(&["review", "--format=human"], &text);
    assert_eq!((status, &*stderr), (Some(1), ""));
    // The last part does not begin where the line does, but columns are those of the line.
    let column = text.rfind("nginx").unwrap() + 1;
    let last = stdout.rsplit("denied[").next().unwrap();
    assert!(
        last.contains(&format!("--> <stdin>:1:{column}\n")),
        "{last}"
    );
    assert!(
        last.contains("{\"containers\":[{\"image\":\"nginx\"}]}"),
        "{last}"
    );
    assert!(last.lines().all(|line| line.len() < 300), "{last}");
}

#[test]
fn an_error_far_down_a_long_input_is_reported_with_its_position() {
    let good = image_review("nginx:1");
    let lines = (2 << 20) / good.len();
    let text = format!("{good}\n").repeat(lines);
    for (case, tail, says) in [
        (
            "JSON",
            "  {\"kind\": oops}\n",
            ":12: this is not valid JSON: write a value here",
        ),
        ("cut off", "{\"kind\":\n", ":"),
        ("type", "{\"kind\":\"ImageReview\",\"apiVersion\":5}", ":"),
    ] {
        let text = format!("{text}{tail}");
        let (status, stdout, stderr) = run_with_stdin(&["review", "--format=ndjson"], &text);
        assert_eq!(status, Some(2), "{case}");
        assert_eq!(stdout.lines().count(), lines, "{case}");
        assert_eq!(stderr.lines().count(), 1, "{case}: {stderr}");
        let place = format!("imagereview: <stdin>:{}{says}", lines + 1);
        let after = format!("imagereview: <stdin>:{}:", lines + 2);
        assert!(
            stderr.starts_with(&place) || stderr.starts_with(&after),
            "{case}: {stderr}"
        );
    }
    let mut bytes = text.into_bytes();
    let broken = bytes.len() - 40;
    bytes[broken] = 0xff;
    let output = assert_cmd::Command::from_std(imagereview(&["review", "--format=ndjson"]))
        .write_stdin(bytes)
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(
        stderr,
        format!(
            "imagereview: <stdin>: the file is not UTF-8: wrong byte at offset {broken}; save it as UTF-8\n"
        )
    );
}

/// The most memory that a process has had resident, in KiB.
#[cfg(target_os = "linux")]
fn peak_memory(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[cfg(target_os = "linux")]
#[test]
fn a_long_stream_is_reviewed_in_flat_memory() {
    const BLOCKS: usize = 20;
    const REVIEWS_PER_BLOCK: usize = 1_000;

    let json = long_image_review("registry.example.com/team/app:1.2");
    let yaml = format!("---\n{}\n", json.replacen('{', "{ ", 1));
    for (arguments, document) in [
        (&["respond"][..], &json),
        (&["review", "--format=ndjson"], &json),
        (&["review", "--format=github"], &yaml),
    ] {
        let mut child = imagereview(arguments)
            .env("RAYON_NUM_THREADS", "2")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let lines = thread::spawn(move || stdout.split(b'\n').count());
        let block = document.repeat(REVIEWS_PER_BLOCK);
        let mut peaks = Vec::new();
        for _ in 0..BLOCKS {
            stdin.write_all(block.as_bytes()).unwrap();
            peaks.push(peak_memory(child.id()));
        }
        drop(stdin);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}");
        let lines = lines.join().unwrap();
        if document == &json {
            assert_eq!(lines, BLOCKS * REVIEWS_PER_BLOCK, "{arguments:?}");
        }
        // In the second half it grows by less than half of what is read there.
        let (half, end) = (peaks[BLOCKS / 2], peaks[BLOCKS - 1]);
        let read = ((BLOCKS / 2 * block.len()) >> 10) as u64;
        assert!(
            end < half + read / 2,
            "{arguments:?}: {half} KiB, and {end} KiB after {read} KiB more"
        );
    }
}
