//! Texts that other readers take otherwise than they look: each is read as kubectl, Docker Compose or `BuildKit` reads it,
//! or makes status 2.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::support::run_in;

/// What came of a review of a folder: the status, each image with its path, and what was reported as errors.
struct Reviewed {
    status: Option<i32>,
    images: Vec<String>,
    stderr: String,
}

fn review(folder: &Path, arguments: &[&str]) -> Reviewed {
    let arguments = [&["review", "--format", "json", "."], arguments].concat();
    let (status, stdout, stderr) = run_in(folder, &arguments);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    let documents = json["documents"].as_array().unwrap().iter();
    let images = documents.flat_map(|document| document["images"].as_array().unwrap());
    Reviewed {
        status,
        images: images
            .map(|image| {
                let text = |field: &str| image[field].as_str().unwrap().to_owned();
                format!("{} {}", text("path"), text("image"))
            })
            .collect(),
        stderr,
    }
}

/// Reviews a folder that holds one file.
fn review_file(name: &str, text: &[u8]) -> Reviewed {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(name), text).unwrap();
    review(folder.path(), &[])
}

/// Asserts all that comes of a file.
fn assert_reviewed(name: &str, text: &str, status: i32, images: &[&str], says: &str) {
    let reviewed = review_file(name, text.as_bytes());
    let stderr = &reviewed.stderr;
    assert_eq!(reviewed.images, images, "{text}\n{stderr}");
    assert_eq!(reviewed.status, Some(status), "{text}\n{stderr}");
    assert!(stderr.contains(says), "{text}\n{stderr}");
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: \"a:1\"}]}\n";

/// Pods that kubectl creates from what this program's reader of YAML or JSON takes for nothing, or for another.
#[test]
fn what_kubectl_reads_otherwise_makes_status_2_in_a_folder() {
    let json = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"a","image":"a:1"}]}}"#;
    let merged = |pod: &str| format!("x: &d {{image: \"evil:latest\"}}\n{pod}");
    for (name, text, says) in [
        (
            "a.yaml",
            merged("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: redis:7\n    <<: *d\n"),
            "a.yaml:7:12: \"image\" is \"evil:latest\" to kubectl",
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Pod\nspec:\n  a: &a {containers: [{image: \"evil:latest\"}]}\n  containers: [{image: \"redis:7\"}]\n  <<: *a\n".to_owned(),
            "a.yaml:5:15: \"containers\" is one list to kubectl",
        ),
        (
            "a.yaml",
            format!("x: &d {{kind: ConfigMap}}\n{POD}<<: *d\n"),
            "a.yaml:3:7: \"kind\" is \"ConfigMap\" to kubectl",
        ),
        (
            "a.yaml",
            format!("x: &d {{a: \"b:1\"}}\ny: &e {{a: \"b:2\"}}\n{POD}z: {{<<: *d, <<: *e}}\n"),
            "\"a\" is \"b:2\" to kubectl",
        ),
        ("a.yaml", format!("# nothing\u{2028}{}", POD.replace('\n', "\u{2028}")), "a.yaml:1:10: the character U+2028 ends a line"),
        ("a.yaml", format!("# nothing\u{85}{}", POD.replace('\n', "\u{85}")), "U+0085 ends a line"),
        ("a.yaml", format!("a: b\n---\n# nothing\u{2029}{}", POD.replace('\n', "\u{2029}")), "U+2029 ends a line"),
        ("a.yaml", format!("{POD}kind: Pod\n"), "the field \"kind\" appears twice"),
        ("a.yaml", POD.replace("\"a:1\"", "!!binary YTox"), "the tag !!binary"),
        ("a.yaml", POD.replace("kind: Pod", "kind: !x Pod"), "the tag !x"),
        ("a.yaml", format!("{POD}...\n{POD}"), "a.yaml:6:1: kubectl does not read the text from here on"),
        ("a.yaml", format!("--- {{a: b}}\n---\n{POD}"), "a.yaml:1:4: kubectl takes nothing but a comment behind \"---\""),
        ("a.yaml", format!("%YAML 1.2\n---\n{POD}"), "a.yaml:2:1: this is not valid YAML: did not find expected <document start>"),
        ("a.yaml", format!("{POD}~: a\n"), "a.yaml:5:1: expected a string, found nothing"),
        ("a.yaml", format!("{POD}[a]: b\n"), "a.yaml:5:"),
        ("a.yaml", format!("{POD}a: .nan\n"), "JSON has no word for this number"),
        ("a.yaml", format!("a: b\n\u{feff}{POD}"), "a byte order mark"),
        // What can't be read in a file that kubectl would take.
        ("a.yaml", format!("{POD}---\na: [\n"), "a.yaml:6:4: this is not valid YAML: unclosed bracket"),
        ("a.yml", "a: [\n".to_owned(), "a.yml:1:4: this is not valid YAML: unclosed bracket"),
        ("a.json", json.replace("\"a\"", "\"\\ud800\""), "a.json:1:"),
        ("a.json", format!("{json}{json}oops"), "a.json:1:"),
    ] {
        let reviewed = review_file(name, text.as_bytes());
        assert_eq!(reviewed.status, Some(2), "{text}\n{}", reviewed.stderr);
        assert!(reviewed.stderr.contains(says), "{text}\n{}", reviewed.stderr);
    }
    for (name, text, says) in [
        (
            "a.json",
            json.replace("\"a\"", "\"\u{1}\""),
            "a.json: the file is not UTF-8: wrong byte at offset",
        ),
        (
            "a.yaml",
            POD.replace("name: p", "name: \u{1}"),
            "a.yaml: the file is not UTF-8: wrong byte at offset",
        ),
        (
            "Dockerfile",
            "FROM a:1\nRUN \u{1}\n".to_owned(),
            "Dockerfile: the file is not UTF-8: wrong byte at offset",
        ),
    ] {
        let bytes: Vec<u8> = text
            .bytes()
            .map(|byte| if byte == 1 { 0xff } else { byte })
            .collect();
        let reviewed = review_file(name, &bytes);
        assert_eq!(reviewed.status, Some(2), "{text}\n{}", reviewed.stderr);
        assert!(
            reviewed.stderr.contains(says),
            "{text}\n{}",
            reviewed.stderr
        );
    }
}

/// The last of two fields counts for kubectl, and nobody sees which that is.
#[test]
fn an_object_whose_kind_is_there_twice_is_denied() {
    let text = r#"{"\u0061piVersion":"v1","kind":"List","\u006bind":"Pod","spec":{"containers":[{"image":"a:1"}]}}"#;
    let reviewed = review_file("a.json", text.as_bytes());
    assert_eq!(reviewed.status, Some(1), "{}", reviewed.stderr);
}

/// And what is read as kubectl reads it.
#[test]
fn what_kubectl_reads_is_read() {
    let json = r#"{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"a:1"}]}}"#;
    let one = "spec.containers[0].image a:1";
    for (name, text, images) in [
        // A file is what it begins with, whatever its name.
        ("a.yaml", format!("{json}{json}"), &[one, one][..]),
        ("a.yaml", format!("{json}\n---\n{POD}"), &[one, one]),
        ("a.json", POD.to_owned(), &[one]),
        ("a.json", format!("{json}\n---\n{POD}"), &[one, one]),
        ("a.json", format!("\u{feff}{json}"), &[one]),
        ("a.json", json.replace("}]}}", "},]}}"), &[one]),
        // A line ends with CR alone too.
        ("a.yaml", format!("# nothing\r{}", POD.replace('\n', "\r")), &[one]),
        ("a.yaml", format!("a: b\n---\n# nothing\r{}", POD.replace('\n', "\r")), &[one]),
        ("a.yaml", POD.replace('\n', "\r\n"), &[one]),
        ("a.yaml", format!("\u{feff}{POD}"), &[one]),
        ("a.yaml", format!("{POD}...\n# the end\n---\n{POD}"), &[one, one]),
        // Merge keys that mean one thing.
        (
            "a.yaml",
            "x: &d {image: \"b:1\", name: b}\nkind: Pod\napiVersion: v1\nspec: {containers: [{<<: *d, image: \"a:1\"}]}\n".to_owned(),
            &[one],
        ),
        (
            "a.yaml",
            "x: &d {image: \"a:1\"}\nkind: Pod\napiVersion: v1\nspec: {containers: [{name: b, <<: *d}]}\n".to_owned(),
            &[one],
        ),
        ("a.yaml", POD.replace("image", "\"\\u0069mage\""), &[one]),
        ("a.yaml", POD.replace("kind: Pod", "!!str kind: !!str Pod"), &[one]),
    ] {
        let reviewed = review_file(name, text.as_bytes());
        assert_eq!(reviewed.images, images, "{text}\n{}", reviewed.stderr);
        assert_eq!((reviewed.status, &*reviewed.stderr), (Some(0), ""), "{text}");
    }
}

/// What is none of Kubernetes' in a folder says nothing.
#[test]
fn other_documents_in_a_folder_may_be_what_they_are() {
    for (name, text) in [
        ("tsconfig.json", "{\n  // why\n  \"strict\": true,\n}\n"),
        (
            "cloud.yaml",
            "Resources:\n  A: !Ref B\n  C: !Join [\"\", [!Ref D, e]]\n",
        ),
        ("ci.yaml", "x: &d {image: a}\njob: {image: b, <<: *d}\n"),
        ("text.yaml", "a: \"\u{2028}\"\nb: .inf\n~: c\n"),
        ("list.yaml", "- [a]\n- ? [b]\n  : c\n"),
    ] {
        let reviewed = review_file(name, text.as_bytes());
        assert_eq!(
            (reviewed.status, &*reviewed.stderr),
            (Some(0), ""),
            "{text}"
        );
    }
    let reviewed = review_file(
        "web.yaml",
        b"kind: Pod\nmetadata: {name: {{ .Values.name }}}\n",
    );
    assert_eq!(reviewed.status, Some(0));
    assert!(
        reviewed.stderr.contains("this is a template"),
        "{}",
        reviewed.stderr
    );
    // A template that kubectl reads is none.
    let text = format!("# {{{{ x }}}}\nx: &d {{kind: Job}}\n{POD}<<: *d\n");
    assert_eq!(review_file("a.yaml", text.as_bytes()).status, Some(2));
}

#[test]
fn a_dockerfile_is_read_as_the_builder_does() {
    for (text, status, images, says) in [
        (
            "FROM alpine:3\nRUN <<EOF\nFROM evil:latest\n",
            2,
            &["FROM[0] alpine:3"][..],
            "Dockerfile:2:1: the here-document has no end: no line is \"EOF\"",
        ),
        (
            "FROM alpine:3\nRUN echo $((1 << 2))\nFROM evil:latest\n",
            2,
            &["FROM[0] alpine:3"],
            "Dockerfile:2:1: the here-document has no end",
        ),
        ("FROM a:1\nRUN <<\"E F\n", 0, &["FROM[0] a:1"], ""),
        (
            "ARG V=v1.2.3\nFROM alpine:${V#v}\nFROM busybox:${V%.*}\nFROM redis:${V/v1/v2}\nFROM x:${V//./-}\nFROM y:${V%%.*}\n",
            0,
            &[
                "FROM[0] alpine:1.2.3",
                "FROM[1] busybox:v1.2",
                "FROM[2] redis:v2.2.3",
                "FROM[3] x:v1-2-3",
                "FROM[4] y:v1",
            ],
            "",
        ),
        (
            "ARG V='1 # 2'\nFROM 'a':\"1\"\nFROM b:'$V'\n",
            1,
            &["FROM[0] a:1", "FROM[1] b:$V"],
            "",
        ),
        (
            "FROM a:1 # b\n",
            2,
            &["FROM[0] a:1"],
            "Dockerfile:1:10: FROM takes an image",
        ),
        (
            "FROM a:1 AS 1x\n",
            2,
            &["FROM[0] a:1"],
            "Dockerfile:1:13: \"1x\" is no name of a stage",
        ),
        (
            "FROM a:${V^}\n",
            2,
            &[],
            "Dockerfile:1:6: a substitution has a form that is not known",
        ),
        (
            "FROM a:'1\n",
            2,
            &[],
            "Dockerfile:1:6: a quotation mark has no other one",
        ),
        (
            "ARG TARGETARCH\nFROM a:$TARGETARCH\n",
            0,
            &["FROM[0] a:amd64"],
            "",
        ),
        (
            "FROM a:1\nCOPY --from=late / /\nCOPY --from=1 / /\nFROM b:1 AS late\n",
            0,
            &["FROM[0] a:1", "FROM[1] b:1"],
            "",
        ),
        (
            "FROM a:1\nCOPY --from=7 / /\n",
            2,
            &["FROM[0] a:1"],
            "Dockerfile:2:13: there is no stage 7",
        ),
        (
            "FROM a:1\nCOPY --from=b:$V / /\n",
            2,
            &["FROM[0] a:1"],
            "the builder fills in no variables here",
        ),
        (
            "FROM a:1 AS b\nFROM B\n",
            1,
            &["FROM[0] a:1", "FROM[1] B"],
            "",
        ),
        (
            "FROM a:1\nFORM b:1\n",
            2,
            &["FROM[0] a:1"],
            "Dockerfile:2:1: there is no instruction FORM here",
        ),
        (
            "# escape=x\nFROM a:1\n",
            2,
            &["FROM[0] a:1"],
            "the escape character is",
        ),
    ] {
        assert_reviewed("Dockerfile", text, status, images, says);
    }
}

#[test]
fn a_compose_file_is_read_wherever_it_names_an_image() {
    for (text, status, images, says) in [
        (
            "services:\n  a:\n    image: alpine:3\n    volumes:\n    - ./x:/x\n    - {type: image, source: \"nginx:1\", target: /m}\n    pre_start: [{image: \"b:1\"}]\n",
            0,
            &[
                "services.a.image alpine:3",
                "services.a.volumes[1].source nginx:1",
                "services.a.pre_start[0].image b:1",
            ][..],
            "",
        ),
        (
            "services:\n  c: {build: {context: ., dockerfile_inline: \"FROM inline:1\\nCOPY --from=second:1 / /\\nFROM base\\n\", additional_contexts: [base=docker-image://third:1]}}\n",
            0,
            &[
                "services.c.build.additional_contexts[0] third:1",
                "services.c.build.dockerfile_inline.FROM[0] inline:1",
                "services.c.build.dockerfile_inline.COPY[0] second:1",
            ],
            "",
        ),
        (
            "services:\n  c:\n    build:\n      additional_contexts: {base: \"docker-image://a:1\"}\n      cache_from: [\"b:1\", \"type=registry,ref=c:1\", \"type=local,src=d\"]\n      args: {V: \"2\"}\n      dockerfile_inline: |\n        ARG V=1\n        FROM e:$$V\n",
            0,
            &[
                "services.c.build.additional_contexts.base a:1",
                "services.c.build.cache_from[0] b:1",
                "services.c.build.cache_from[1] c:1",
                "services.c.build.dockerfile_inline.FROM[0] e:2",
            ],
            "",
        ),
        (
            "services:\n  web: {image: \"nginx:1\"}\n  app:\n    image: {{ img }}\n",
            2,
            &["services.web.image nginx:1"],
            "a.yaml:4:12: services.app.image: it is a mapping, expected a text",
        ),
        (
            "services:\n  web: {image: \"nginx:1\"}\n  app: [a]\n  db: {image: 5}\n",
            2,
            &["services.web.image nginx:1"],
            "a.yaml:3:8: services.app: it is a list, expected a mapping",
        ),
        (
            "services: {a: {image: \"b:$$1\"}}\n",
            1,
            &["services.a.image b:$1"],
            "",
        ),
        (
            "services: {a: {image: \"b:$1\"}}\n",
            2,
            &[],
            "a substitution of a form that is not known",
        ),
        (
            "x: &d {image: \"d:1\"}\nservices: {a: {image: \"b:1\", <<: *d}}\n",
            0,
            &["services.a.image b:1"],
            "",
        ),
        (
            "include: [\"https://example.com/x.git\"]\n",
            2,
            &[],
            "a.yaml:1:11: include[0]: \"https://example.com/x.git\" is no file here",
        ),
        (
            "services: {a: {extends: {file: none.yaml, service: b}}}\n",
            2,
            &[],
            "services.a.extends: none.yaml: can't read it",
        ),
        // Other programs have services too.
        (
            "services:\n  _defaults: {autowire: true}\n  App\\A: '@b'\n",
            0,
            &[],
            "",
        ),
        ("services: [docker]\n", 0, &[], ""),
    ] {
        assert_reviewed("a.yaml", text, status, images, says);
    }
}

#[test]
fn what_a_compose_file_takes_from_others_counts_where_they_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir(folder.path().join(".parts")).unwrap();
    write(
        "compose.yaml",
        "include:\n- .parts/db.yaml\nservices:\n  web:\n    extends: {file: .parts/base.yaml, service: web}\n  own:\n    image: own:1\n    extends: {file: .parts/base.yaml, service: web}\n",
    );
    write(".parts/db.yaml", "services: {db: {image: \"db:1\"}}\n");
    write(
        ".parts/base.yaml",
        "services:\n  web: {extends: {service: root}}\n  root: {image: \"base:1\"}\n  not: {image: \"not:1\"}\n",
    );
    let reviewed = review(folder.path(), &[]);
    assert_eq!(reviewed.stderr, "");
    assert_eq!(
        reviewed.images,
        [
            "services.own.image own:1",
            "services.web.extends base:1",
            "include[0] db:1"
        ]
    );
}

#[test]
fn a_file_of_variables_is_read_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("compose.yaml", "services: {a: {image: \"b:$TAG\"}}\n");
    write(".env", "TAG='1'\n");
    assert_eq!(review(folder.path(), &[]).status, Some(2));
    let reviewed = review(folder.path(), &["--env-file", ".env"]);
    assert_eq!(reviewed.images, ["services.a.image b:1"]);
    let reviewed = review(folder.path(), &["--env-file=.env", "--set=TAG=2"]);
    assert_eq!(reviewed.images, ["services.a.image b:2"]);
    write(".env", "TAG=$X\n");
    let (status, _, stderr) = run_in(folder.path(), &["review", ".", "--env-file", ".env"]);
    assert_eq!(status, Some(2));
    assert!(
        stderr.contains("line 1: write the value without $"),
        "{stderr}"
    );
}

/// A file that git tracks may be in a `.gitignore`, and is deployed.
#[test]
fn only_a_gitignore_hides_files_and_only_where_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    fs::create_dir_all(folder.path().join("k8s/.git/info")).unwrap();
    write("k8s/ok.yaml", POD);
    write("k8s/evil.yaml", &POD.replace("a:1", "evil"));
    let k8s = folder.path().join("k8s");
    for (ignore, is_followed) in [
        ("k8s/.gitignore", true),
        ("k8s/.ignore", false),
        (".gitignore", false),
        ("k8s/.git/info/exclude", false),
    ] {
        write(ignore, "evil.yaml\n");
        assert_eq!(review(&k8s, &[]).images.len(), 2, "{ignore}");
        let found = review(&k8s, &["--gitignore"]).images.len();
        assert_eq!(found, if is_followed { 1 } else { 2 }, "{ignore}");
        fs::remove_file(folder.path().join(ignore)).unwrap();
    }
    write("k8s/.gitignore", "evil.yaml\n");
    write("k8s/.imagereview.yaml", "gitignore: true\n");
    assert_eq!(review(&k8s, &[]).images.len(), 1);
}

/// What deploys a commit deploys every file in it.
#[test]
fn a_file_that_git_tracks_is_reviewed_although_it_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        let output = git.current_dir(folder).args(arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    git(&["init", "-q"]);
    write(".gitignore", "evil.yaml\nlocal.yaml\n.hidden\nout/\n");
    for name in [
        "a.yaml",
        "evil.yaml",
        "local.yaml",
        "z.yaml",
        "x/evil.yaml",
        "out/b.yaml",
        ".hidden/c.yaml",
    ] {
        let image = name.replace(['/', '.'], "-");
        write(
            name,
            &POD.replace("\"a:1\"", &format!("\"r.example.com/{image}:1\"")),
        );
    }
    git(&[
        "add",
        "-f",
        "a.yaml",
        "evil.yaml",
        "x/evil.yaml",
        "out/b.yaml",
        ".hidden/c.yaml",
    ]);
    let images = |arguments: &[&str]| {
        let found = review(folder, arguments).images;
        let names = found
            .iter()
            .map(|image| image.rsplit('/').next().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(
        images(&["--gitignore"]),
        [
            "a-yaml:1",
            "evil-yaml:1",
            "out-b-yaml:1",
            "x-evil-yaml:1",
            "z-yaml:1"
        ]
    );
    assert_eq!(
        images(&["--gitignore", "--exclude=x/", "--exclude=b.yaml"]),
        ["a-yaml:1", "evil-yaml:1", "z-yaml:1"]
    );
}

/// What was found and not reviewed is reported, wherever it is.
#[test]
fn an_image_that_is_not_reviewed_is_reported() {
    for (name, text, says) in [
        // Only unreadable images, a group like Kubernetes' own, and a kind from before there were groups.
        (
            "a.yaml",
            "apiVersion: serving.example.dev/v1\nkind: Service\nspec: {template: {spec: {containers: [{image: \"ko://x/y\"}]}}}\n",
            "a.yaml:3:47: this image of a custom resource was not reviewed; declare the resource in the policy: customResources: [{apiVersion: serving.example.dev/v1, kind: Service, podSpecs: ['spec.template.spec']}]",
        ),
        (
            "a.yaml",
            "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: SparkApplication\nspec: {image: \"spark:latest\"}\n",
            "a.yaml:3:15: this image of a custom resource was not reviewed",
        ),
        (
            "a.yaml",
            "apiVersion: v1\nkind: DeploymentConfig\nspec: {template: {spec: {containers: [{image: nginx}]}}}\n",
            "such as apps.openshift.io/v1",
        ),
        // The values of charts, in an object and alone.
        (
            "a.yaml",
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nspec: {values: {image: {repository: quay.io/x/y, tag: latest}}}\n",
            "this image in the values of a chart was not reviewed",
        ),
        (
            "values.yaml",
            "image: {repository: quay.io/x/y, tag: latest}\n",
            "this image in the values of a chart was not reviewed",
        ),
        // A patch without a kind, and an object without a version.
        (
            "patch.yaml",
            "spec:\n  template:\n    spec:\n      containers:\n      - {name: app, image: \"nginx:latest\"}\n",
            "patch.yaml:5:28: this image was not reviewed, since it is in no object",
        ),
        (
            "a.yaml",
            "kind: Deployment\nspec: {template: {spec: {containers: [{image: nginx}]}}}\n",
            "since its Deployment has no apiVersion",
        ),
        // Templates of Dockerfiles.
        (
            "Dockerfile.j2",
            "FROM {{ image }}\n",
            "Dockerfile.j2: this is a template of a Dockerfile",
        ),
        (
            "Dockerfile.in",
            "FROM @IMAGE@\n",
            "this is a template of a Dockerfile",
        ),
    ] {
        assert_reviewed(name, text, 0, &[], says);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), text).unwrap();
        let strict = review(folder.path(), &["--strict"]);
        assert_eq!(strict.status, Some(2), "{text}\n{}", strict.stderr);
    }
}

/// A list of objects is read as the items of a `List`, in JSON and in YAML.
#[test]
fn a_list_of_objects_is_reviewed() {
    let json = "[1, {\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"spec\": {\"containers\": [{\"image\": \"nginx\"}]}}]";
    let yaml = "- apiVersion: v1\n  kind: Pod\n  spec:\n    containers:\n    - image: redis:7\n- apiVersion: v1\n  kind: Pod\n  spec: {containers: [{image: nginx}]}\n";
    let task = "- {apiVersion: x.example.com/v1, kind: Foo, spec: {image: a}}\n";
    for (name, text, status, images, says) in [
        (
            "a.json",
            json,
            1,
            &["items[1].spec.containers[0].image nginx"][..],
            "",
        ),
        (
            "a.yaml",
            yaml,
            1,
            &[
                "items[0].spec.containers[0].image redis:7",
                "items[1].spec.containers[0].image nginx",
            ],
            "",
        ),
        (
            "a.yaml",
            task,
            0,
            &[],
            "a.yaml:1:59: this image of a custom resource",
        ),
        ("a.json", "[1, {\"a\": 2}]", 0, &[], ""),
    ] {
        assert_reviewed(name, text, status, images, says);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.yaml"), yaml).unwrap();
    let (_, stdout, _) = run_in(folder.path(), &["review", "."]);
    assert!(stdout.contains("a.yaml:8:31"), "{stdout}");
}

#[test]
fn a_dockerfile_has_many_names() {
    for name in [
        "Containerfile-x",
        "Dockerfile-alpine3.19",
        "Dockerfile_prod",
        "dockerfile.dev",
        "prod.containerfile",
    ] {
        assert_reviewed(name, "FROM nginx:1\n", 0, &["FROM[0] nginx:1"], "");
    }
    for name in [
        "Dockerfile-notes.md",
        "Dockerfile.dockerignore",
        "Dockerfiles",
    ] {
        let reviewed = review_file(name, b"FROM nginx:1\n");
        assert!(reviewed.images.is_empty(), "{name}");
    }
}

#[test]
fn a_file_in_utf_16_that_is_no_input_is_skipped() {
    for (text, status) in [("a: é\n", 0), ("kind: Pod\n", 2)] {
        for is_big in [false, true] {
            let units = format!("\u{feff}{text}");
            let bytes = units.encode_utf16().flat_map(|unit| {
                if is_big {
                    unit.to_be_bytes()
                } else {
                    unit.to_le_bytes()
                }
            });
            let bytes: Vec<u8> = bytes.collect();
            let reviewed = review_file("a.yaml", &bytes);
            assert_eq!(reviewed.status, Some(status), "{text}\n{}", reviewed.stderr);
        }
    }
}
