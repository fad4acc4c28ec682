//! What a finding is about, and where: namespaces, the file that standard input stands for, templates,
//! exemptions, volumes.

use std::{fs, path::Path};

use quick_junit::Report;

use crate::support::{POD, imagereview, json, run_in, texts};

/// A policy with these rules.
fn policy(folder: &Path, rules: &str) {
    let text = format!(
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n{rules}"
    );
    fs::write(folder.join("policy.yaml"), text).unwrap();
}

/// A run in a folder, with a text on standard input.
fn pipe(folder: &Path, arguments: &[&str], text: &str) -> (Option<i32>, String, String) {
    let mut command = imagereview(arguments);
    command.current_dir(folder);
    let mut command = assert_cmd::Command::from_std(command);
    texts(command.write_stdin(text).output().unwrap())
}

#[test]
fn objects_that_name_no_namespace_are_in_the_one_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    policy(
        folder,
        "rules:\n- {name: pinned, scope: {namespaces: {exclude: ['dev-*', dev]}}, digest: {}}\n",
    );
    fs::write(folder.join("open.yaml"), "rules: []\n").unwrap();
    let other = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: o}\n\
                 rules: [{name: r, tags: {deny: [beta]}}]\n";
    fs::write(folder.join("open.yaml"), other).unwrap();
    fs::write(folder.join("pod.yaml"), POD).unwrap();
    let named = POD.replace("name: web", "name: web, namespace: prod");
    fs::write(folder.join("named.yaml"), named).unwrap();
    for (arguments, without) in [
        ("review --policy=policy.yaml pod.yaml", 1),
        ("check --policy=policy.yaml busybox:1", 1),
        ("explain --policy=policy.yaml busybox:1", 1),
        ("policy diff open.yaml policy.yaml pod.yaml", 1),
        // What an object says itself goes first.
        ("review --policy=policy.yaml named.yaml", 1),
    ] {
        for (namespace, expected) in [
            (None, without),
            (Some("dev-1"), i32::from(arguments.ends_with("named.yaml"))),
            (Some("prod"), 1),
        ] {
            let arguments = arguments.split(' ');
            let arguments = arguments.chain(namespace.into_iter().flat_map(|name| ["-n", name]));
            let arguments: Vec<&str> = arguments.collect();
            let (status, stdout, stderr) = run_in(folder, &arguments);
            assert_eq!(status, Some(expected), "{arguments:?}: {stdout}{stderr}");
        }
    }
}

#[test]
fn standard_input_has_the_name_that_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let review = |name: &str, text: &str| {
        let name = format!("--stdin-name={name}");
        pipe(folder, &["review", "--format=github", &name, "-"], text)
    };
    let (status, stdout, _) = review("k8s/web.yaml", POD);
    assert_eq!(status, Some(1));
    assert!(
        stdout.starts_with("::error file=k8s/web.yaml,line=4,col=29,"),
        "{stdout}"
    );
    // The name says what the text is.
    let (status, stdout, stderr) = review("build/Dockerfile", "from nginx\n");
    assert_eq!(status, Some(1), "{stderr}");
    assert!(
        stdout.starts_with("::error file=build/Dockerfile,line=1,col=6,"),
        "{stdout}"
    );
    // It is no file that could be fixed.
    policy(
        folder,
        "mutations: {fullNames: true}\nrules: [{name: r, tags: {deny: [beta]}}]\n",
    );
    let fix = [
        "review",
        "--fix",
        "--policy=policy.yaml",
        "--stdin-name=web.yaml",
        "-",
    ];
    let (status, stdout, stderr) = pipe(folder, &fix, POD);
    assert_eq!(status, Some(0), "{stderr}");
    assert!(
        stdout.contains("image: docker.io/library/nginx"),
        "{stdout}"
    );
    assert!(!folder.join("web.yaml").exists());
}

/// `helm template` writes the path of the template before each document.
#[test]
fn a_rendered_document_is_found_in_its_template() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let rendered = format!(
        "---\n# Source: web/templates/a.yaml\n{POD}---\n# Source: web/templates/b.yaml\n{}",
        POD.replace("name: web", "name: b")
    );
    let (status, stdout, _) = pipe(folder, &["review", "--format=github", "-"], &rendered);
    assert_eq!(status, Some(1));
    let lines: Vec<&str> = stdout.lines().collect();
    assert!(
        lines[0].starts_with("::error file=web/templates/a.yaml,title="),
        "{stdout}"
    );
    assert!(lines[0].ends_with(" (<stdin>:6:29)"), "{stdout}");
    assert!(
        lines[1].starts_with("::error file=web/templates/b.yaml,title="),
        "{stdout}"
    );

    fs::create_dir_all(folder.join("charts/web")).unwrap();
    let review = |format: &str| {
        let format = format!("--format={format}");
        let name = "--stdin-name=charts/web";
        pipe(folder, &["review", &format, name, "-"], &rendered).1
    };
    let log = json(&review("sarif"));
    let location = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    let file = "charts/web/templates/a.yaml";
    assert_eq!(location["artifactLocation"]["uri"], file);
    let report = json(&review("json"));
    assert_eq!(report["documents"][0]["template"], file);
    for format in ["human", "table", "markdown", "html", "junit"] {
        let text = review(format).replace('\\', "");
        assert!(text.contains(file), "{format}: {text}");
    }
    // A file that is checked in has a place of its own.
    fs::write(folder.join("rendered.yaml"), &rendered).unwrap();
    let (_, stdout, _) = run_in(folder, &["review", "--format=github", "rendered.yaml"]);
    assert!(
        stdout.starts_with("::error file=rendered.yaml,line=6,col=29,"),
        "{stdout}"
    );
}

#[test]
fn an_input_that_is_given_twice_is_reviewed_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::create_dir(folder.join("k8s")).unwrap();
    fs::write(folder.join("k8s/pod.yaml"), POD).unwrap();
    fs::write(
        folder.join("k8s/template.yaml"),
        "apiVersion: v1\nkind: Pod\nmetadata: {{ x }}\n",
    )
    .unwrap();
    let inputs = ["k8s", "./k8s/pod.yaml", "k8s/../k8s/pod.yaml", "k8s/*.yaml"];
    let (status, stdout, _) = run_in(folder, &[&["review"][..], &inputs].concat());
    assert_eq!(status, Some(1));
    assert!(
        stdout.contains("1 image in 1 document of 2 files: 1 denied"),
        "{stdout}"
    );
    // What is named is meant to be reviewed, even if a folder has it too.
    let (status, _, stderr) = run_in(folder, &["review", "k8s", "k8s/template.yaml"]);
    assert_eq!(status, Some(2), "{stderr}");
}

#[test]
fn exemptions_that_were_used_are_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    policy(
        folder,
        "rules:\n- {name: no-nginx, repositories: {deny: ['**/nginx']}}\n\
         - {name: tags, mode: warn, tags: {deny: [latest]}}\n\
         exemptions:\n- {name: legacy, rules: [no-nginx], reason: 'moved in May', images: ['**/nginx']}\n",
    );
    fs::write(folder.join("pod.yaml"), POD).unwrap();
    let review = |format: &str, flags: &[&str]| {
        let format = format!("--format={format}");
        let arguments = [
            &["review", "--policy=policy.yaml", &format, "pod.yaml"],
            flags,
        ]
        .concat();
        let (status, stdout, stderr) = run_in(folder, &arguments);
        assert_eq!(status, Some(0), "{stdout}{stderr}");
        (stdout, stderr)
    };
    for format in [
        "human", "table", "markdown", "github", "junit", "html", "json", "ndjson", "sarif",
    ] {
        let (text, _) = review(format, &[]);
        for part in ["legacy", "no-nginx", "moved in May"] {
            assert!(text.contains(part), "{format}: {text}");
        }
    }
    let (text, stderr) = review("human", &["--statistics"]);
    assert!(text.ends_with("1 image in 1 document of 1 file: 0 denied, 1 allowed with a warning, 1 finding exempted\n"), "{text}");
    assert_eq!(
        stderr,
        "imagereview: no-nginx: 0 denied, 0 with a warning, 0 audited, 1 exempted\n\
         imagereview: tags: 0 denied, 1 with a warning, 0 audited, 0 exempted\n\
         imagereview: exemption legacy (no-nginx): used 1 time; moved in May\n"
    );
    let (table, _) = review("table", &[]);
    assert!(table.contains("\n warning  nginx  tags"), "{table}");
    let (status, stdout, _) = run_in(folder, &["check", "--policy=policy.yaml", "nginx"]);
    assert_eq!(status, Some(0));
    assert!(stdout.starts_with("warning  nginx  tags: "), "{stdout}");
    assert!(
        stdout.ends_with("  exempted from no-nginx by legacy: moved in May\n"),
        "{stdout}"
    );
}

#[test]
fn an_image_volume_is_no_container() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers: [{name: c, image: 'a:1'}]\n  \
               volumes: [{name: site, image: {reference: pages}}]\n";
    let folder = tempfile::tempdir().unwrap();
    let (_, stdout, _) = pipe(folder.path(), &["review", "-"], pod);
    assert!(stdout.contains("image volume site of Pod web"), "{stdout}");
    let (_, stdout, _) = pipe(folder.path(), &["review", "--format=json", "-"], pod);
    let images = &json(&stdout)["documents"][0]["images"];
    assert_eq!(images[1]["volume"], "site");
    assert!(images[1]["container"].is_null(), "{images}");
    assert_eq!(images[0]["container"], "c");
    let (_, stdout, _) = pipe(folder.path(), &["review", "--language=zh", "-"], pod);
    assert!(stdout.contains("镜像卷 site"), "{stdout}");
}

/// GitLab shows one of those tests of all suites that share class and name.
#[test]
fn tests_have_names_of_their_own_and_tell_of_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    policy(
        folder,
        "rules:\n- {name: tags, mode: warn, tags: {deny: [latest]}}\n",
    );
    for name in ["dev", "prod"] {
        fs::create_dir(folder.join(name)).unwrap();
        // Twice in one file, too.
        fs::write(
            folder.join(name).join("web.yaml"),
            format!("{POD}---\n{POD}"),
        )
        .unwrap();
    }
    let review = [
        "review",
        "--policy=policy.yaml",
        "--format=junit",
        "dev",
        "prod",
    ];
    let (status, stdout, _) = run_in(folder, &review);
    assert_eq!(status, Some(0));
    let report = Report::deserialize_from_str(&stdout).unwrap();
    let cases = report
        .test_suites
        .iter()
        .flat_map(|suite| &suite.test_cases);
    let names: Vec<(String, String)> = cases
        .clone()
        .map(|case| {
            (
                case.classname.as_ref().unwrap().to_string(),
                case.name.to_string(),
            )
        })
        .collect();
    let name = |file: &str, name: &str| (format!("{file}/web.yaml: Pod web"), name.to_owned());
    let [first, second] = [
        "spec.containers[0].image nginx",
        "spec.containers[0].image nginx (2)",
    ];
    assert_eq!(
        names,
        [
            name("dev", first),
            name("dev", second),
            name("prod", first),
            name("prod", second)
        ]
    );
    for case in cases {
        let output = case.system_out.as_ref().unwrap().as_str();
        assert!(output.starts_with("warning: image \"nginx\""), "{output}");
    }
}

/// What can be read of an object, and what can't, are one object.
#[test]
fn an_object_that_is_read_in_part_is_one_document() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{image: nginx}, {image: 5}]}\n";
    let folder = tempfile::tempdir().unwrap();
    let (status, stdout, _) = pipe(folder.path(), &["review", "--format=json", "-"], pod);
    assert_eq!(status, Some(1));
    let report = json(&stdout);
    assert_eq!(report["summary"]["documents"], 1, "{report}");
    let images = report["documents"][0]["images"].as_array().unwrap();
    let rules: Vec<&str> = images
        .iter()
        .map(|image| image["violations"][0]["rule"].as_str().unwrap())
        .collect();
    assert_eq!(rules, ["no-latest-tag", "unreadable-object"]);
    assert_eq!(images[1]["line"], 4);
}

/// Colour changes no text, and there is none unless somebody sees it.
#[test]
fn each_command_for_people_has_colour_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    policy(
        folder,
        "mutations: {fullNames: true}\nrules: [{name: r, tags: {deny: [latest]}}]\n",
    );
    fs::write(
        folder.join("open.yaml"),
        "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: o}\nrules: [{name: r, tags: {deny: [beta]}}]\n",
    )
    .unwrap();
    fs::write(folder.join("p_test.yaml"), "policy: policy.yaml\ntests:\n- {name: a, images: [nginx], expect: denied}\n- {name: b, images: [nginx], expect: allowed}\n").unwrap();
    fs::write(folder.join("pod.yaml"), POD).unwrap();
    let escapes = regex::Regex::new("\u{1b}\\[[0-9;]*m").unwrap();
    for command in [
        "check nginx nginx:1",
        "explain nginx nginx:1",
        "explain --policy policy.yaml nginx",
        "review --format table pod.yaml",
        "review --diff --policy policy.yaml pod.yaml",
        "policy diff open.yaml policy.yaml pod.yaml",
        "policy test",
        "policy validate policy.yaml",
        "inventory pod.yaml",
    ] {
        let run = |variable: &str| {
            let mut run = imagereview(&command.split(' ').collect::<Vec<_>>());
            run.current_dir(folder)
                .env_remove("NO_COLOR")
                .env(variable, "1");
            texts(run.output().unwrap()).1
        };
        let (plain, painted) = (run("NO_COLOR"), run("CLICOLOR_FORCE"));
        assert!(
            !plain.contains('\u{1b}') && !plain.is_empty(),
            "{command}: {plain}"
        );
        assert!(painted.contains('\u{1b}'), "{command}: {painted}");
        assert_eq!(escapes.replace_all(&painted, ""), plain, "{command}");
    }
}

/// They run in no cluster, so they are read only where somebody names them.
#[test]
fn a_pipeline_is_reviewed_where_it_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let workflow = "on: push\njobs:\n  a:\n    container: node\n    steps: [{uses: 'docker://alpine:3'}]\n  \
                    b: {container: {image: '${{ matrix.image }}'}}\n";
    // Merge keys are usual here, and only GitLab reads them.
    let gitlab = ".base: &base {image: ruby}\ntest:\n  <<: *base\n  services: ['redis:$V']\n";
    fs::create_dir_all(folder.join(".github/workflows")).unwrap();
    fs::write(folder.join(".github/workflows/ci.yml"), workflow).unwrap();
    fs::write(folder.join("build.gitlab-ci.yml"), gitlab).unwrap();
    let review = |inputs: &[&str]| {
        run_in(
            folder,
            &[&["review", "--format=table", "--set=V=7"][..], inputs].concat(),
        )
    };
    let (status, stdout, stderr) = review(&[".github/workflows/ci.yml"]);
    assert_eq!(status, Some(1), "{stderr}");
    assert!(stdout.contains(".github/workflows/ci.yml:4:16"), "{stdout}");
    assert!(
        stdout.contains("2 images in 1 document of 1 file: 1 denied; 1 part not reviewed"),
        "{stdout}"
    );
    assert!(
        stderr.contains(".github/workflows/ci.yml:6:26: this image is known only when"),
        "{stderr}"
    );
    let (status, stdout, stderr) = review(&["build.gitlab-ci.yml"]);
    assert_eq!((status, &*stderr), (Some(1), ""), "{stdout}");
    assert!(stdout.contains("redis:7"), "{stdout}");
    assert!(stdout.contains(": 2 denied\n"), "{stdout}");
    let (status, stdout, _) = review(&["."]);
    assert_eq!(status, Some(0), "{stdout}");
}
