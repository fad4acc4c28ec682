//! Small inputs that came out wrong once, each with what is right. A row is the files, the command, its status, and texts that
//! its output has.

use std::fs;

use crate::support::run_in;

const MERGED: &str = "x: &d
  image: evil.example/miner:latest
apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  containers:
  - name: a
    image: redis:7
    <<: *d
";

const MERGED_AT_SPEC: &str = "apiVersion: v1
kind: Pod
metadata: {name: p}
spec:
  a: &a {containers: [{name: x, image: \"evil:latest\"}]}
  containers: [{name: x, image: \"redis:7\"}]
  <<: *a
";

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: nginx}]}\n";

const POLICY: &str = "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\n";

/// A row of the table.
struct Case {
    files: &'static [(&'static str, &'static str)],
    arguments: &'static [&'static str],
    status: i32,
    says: &'static [&'static str],
}

const CASES: [Case; 19] = [
    // Readers that take a text otherwise.
    Case {
        files: &[("merge-after-own-key.yaml", MERGED)],
        arguments: &["review", "."],
        status: 2,
        says: &[
            "\"image\" is \"evil.example/miner:latest\" to kubectl",
            "\"redis:7\" by the rules of merge keys",
        ],
    },
    Case {
        files: &[("merge-at-spec.yaml", MERGED_AT_SPEC)],
        arguments: &["review", "."],
        status: 2,
        says: &["\"containers\" is one list to kubectl"],
    },
    Case {
        files: &[(
            "cr-only-line-ends.yaml",
            "# notes\rapiVersion: v1\rkind: Pod\rmetadata: {name: p}\rspec: {containers: [{name: a, image: \"evil.example/miner:latest\"}]}\r",
        )],
        arguments: &["review", "."],
        status: 1,
        says: &["evil.example/miner:latest"],
    },
    Case {
        files: &[(
            "heredoc/Dockerfile",
            "FROM alpine:3\nRUN <<EOF\nFROM evil.example/miner:latest\n",
        )],
        arguments: &["review", "."],
        status: 2,
        says: &["heredoc/Dockerfile:2:"],
    },
    Case {
        files: &[(
            "heredoc-arithmetic/Dockerfile",
            "FROM alpine:3\nRUN echo $((1 << 2))\nFROM evil.example/miner:latest\n",
        )],
        arguments: &["review", "."],
        status: 2,
        says: &["heredoc-arithmetic/Dockerfile:2:"],
    },
    Case {
        files: &[(
            "expansions.Dockerfile",
            "ARG V=v1.2.3\nFROM alpine:${V#v} AS a\nFROM busybox:${V%.*} AS b\nFROM redis:${V/v1/v2} AS c\n",
        )],
        arguments: &["review", "--format=json", "."],
        status: 0,
        says: &["alpine:1.2.3", "busybox:v1.2", "redis:v2.2.3"],
    },
    Case {
        files: &[
            ("Dockerfile_prod", "FROM nginx:latest\n"),
            ("Containerfile-x", "FROM nginx:latest\n"),
            ("dockerfile.dev", "FROM nginx:latest\n"),
            ("Dockerfile-alpine", "FROM nginx:latest\n"),
            ("Dockerfile.j2", "FROM {{ image }}\n"),
        ],
        arguments: &["review", "--format=table", "."],
        status: 1,
        says: &[
            "4 denied",
            "1 part not reviewed",
            "Dockerfile.j2: this is a template of a Dockerfile",
        ],
    },
    // Compose files.
    Case {
        files: &[(
            "compose.yaml",
            "services:\n  a:\n    image: alpine:3\n    volumes:\n      - {type: image, source: \"nginx:latest\", target: /m}\n",
        )],
        arguments: &["review", "."],
        status: 1,
        says: &["services.a.volumes[0].source of Compose file"],
    },
    Case {
        files: &[(
            "compose.yaml",
            "services:\n  c: {build: {context: ., dockerfile_inline: \"FROM inline:latest\\nCOPY --from=second:latest / /\"}}\n  d: {build: {context: ., additional_contexts: {base: \"docker-image://third:latest\"}}}\n",
        )],
        arguments: &["review", "."],
        status: 1,
        says: &["inline:latest", "second:latest", "third:latest", "3 denied"],
    },
    Case {
        files: &[(
            "compose.yaml",
            "services:\n  web: {image: \"nginx:latest\"}\n  app:\n    image: {{ img }}\n",
        )],
        arguments: &["review", "compose.yaml"],
        status: 2,
        says: &["nginx:latest", "compose.yaml:4:"],
    },
    // Images that nobody mentioned.
    Case {
        files: &[(
            "array.json",
            "[{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"j1\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":\"nginx\"}]}}]",
        )],
        arguments: &["review", "."],
        status: 1,
        says: &["container a of Pod j1"],
    },
    Case {
        files: &[(
            "spark.yaml",
            "apiVersion: sparkoperator.k8s.io/v1beta2\nkind: SparkApplication\nmetadata: {name: a}\nspec:\n  image: spark:latest\n",
        )],
        arguments: &["review", "--strict", "."],
        status: 2,
        says: &[
            "spark.yaml:5:10: this image of a custom resource was not reviewed",
            "knownResources: [spark]",
        ],
    },
    Case {
        files: &[
            (
                "ray.yaml",
                "apiVersion: ray.io/v1\nkind: RayCluster\nmetadata: {name: r}\nspec:\n  headGroupSpec: {template: {spec: {containers: [{name: h, image: \"ray:1\"}]}}}\n  workerGroupSpecs:\n  - template: {spec: {containers: [{name: w, image: \"evil.example/miner:latest\"}]}}\n",
            ),
            (
                "policy.yaml",
                "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\ncustomResources: [{apiVersion: ray.io/v1, kind: RayCluster, podSpecs: [spec.headGroupSpec.template.spec]}]\nrules: [{name: r, tags: {deny: [latest]}}]\n",
            ),
        ],
        arguments: &[
            "review",
            "--policy=policy.yaml",
            "--exclude=policy.yaml",
            ".",
        ],
        status: 0,
        says: &[
            "this image was not reviewed",
            "spec.workerGroupSpecs[*].template.spec",
        ],
    },
    Case {
        files: &[
            (
                "v1.yaml",
                "apiVersion: v1\nkind: DeploymentConfig\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: a, image: nginx}]}}}\n",
            ),
            (
                "group.yaml",
                "apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig\nmetadata: {name: x}\nspec: {template: {spec: {containers: [{name: a, image: nginx}]}}}\n",
            ),
        ],
        arguments: &["review", "."],
        status: 0,
        says: &["2 parts not reviewed", "group.yaml:4:", "v1.yaml:4:"],
    },
    Case {
        files: &[(
            "knative.yaml",
            "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: s}\nspec: {template: {spec: {containers: [{image: \"ko://x/y\"}]}}}\n",
        )],
        arguments: &["review", "."],
        status: 0,
        says: &["1 part not reviewed", "knative.yaml:4:"],
    },
    Case {
        files: &[(
            "release.yaml",
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: a}\nspec:\n  values:\n    controllers: {main: {containers: {main: {image: {repository: quay.io/evil/miner, tag: latest}}}}}\n",
        )],
        arguments: &["review", "."],
        status: 0,
        says: &["release.yaml:6:53: this image in the values of a chart was not reviewed"],
    },
    Case {
        files: &[(
            "patch.yaml",
            "spec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: nginx:latest\n",
        )],
        arguments: &["review", "--strict", "."],
        status: 2,
        says: &[
            "patch.yaml:6:16: this image was not reviewed, since it is in no object but in what may be a patch",
        ],
    },
    // Commands.
    Case {
        files: &[("dev/web.yaml", POD), ("prod/web.yaml", POD)],
        arguments: &["review", "--format=junit", "."],
        status: 1,
        says: &["classname=\"dev/web.yaml", "classname=\"prod/web.yaml"],
    },
    Case {
        files: &[
            ("alerts_test.yaml", "rule_files: [a.yaml]\ntests: []\n"),
            ("policy.yaml", POLICY),
            (
                "policy_test.yaml",
                "policy: own.yaml\ntests: [{name: a, images: ['x:1'], expect: allowed}]\n",
            ),
            (
                "own.yaml",
                "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {name: p}\nrules: [{name: r, tags: {deny: [latest]}}]\n",
            ),
        ],
        arguments: &["policy", "test", "."],
        status: 0,
        says: &["1 passed, 0 failed"],
    },
];

#[test]
fn each_small_input_comes_out_right() {
    for Case {
        files,
        arguments,
        status,
        says,
    } in CASES
    {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let (found, stdout, stderr) = run_in(folder.path(), arguments);
        let name = files[0].0;
        assert_eq!(found, Some(status), "{name}: {stdout}{stderr}");
        let said = format!("{stdout}{stderr}");
        for text in says {
            assert!(said.contains(text), "{name}: {text}: {said}");
        }
    }
}

#[test]
fn a_rule_for_some_namespaces_knows_the_one_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let rule =
        "rules: [{name: r, tags: {deny: [latest]}, scope: {namespaces: {exclude: [dev]}}}]\n";
    fs::write(folder.path().join("policy.yaml"), format!("{POLICY}{rule}")).unwrap();
    fs::write(folder.path().join("pod.yaml"), POD).unwrap();
    for (arguments, status) in [
        (&["review", "-ppolicy.yaml", "pod.yaml"][..], 1),
        (&["review", "-ppolicy.yaml", "-ndev", "pod.yaml"], 0),
        (&["check", "-ppolicy.yaml", "nginx"], 1),
        (&["check", "-ppolicy.yaml", "-ndev", "nginx"], 0),
    ] {
        assert_eq!(
            run_in(folder.path(), arguments).0,
            Some(status),
            "{arguments:?}"
        );
    }
}

/// What a file is called does not make it YAML.
#[test]
fn json_in_a_file_of_yaml_stays_json() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"imagePullSecrets":[],"containers":[{"name":"a","image":"redis:7"}]}}"#;
    fs::write(folder.path().join("pod.yaml"), text).unwrap();
    let policy = format!(
        "{POLICY}mutations: {{pullSecrets: [{{repositories: '**', secret: hub}}]}}\nrules: [{{name: r, tags: {{deny: [latest]}}}}]\n"
    );
    fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    let fix = ["review", "--fix", "-ppolicy.yaml", "pod.yaml"];
    let (status, stdout, stderr) = run_in(folder.path(), &fix);
    assert_eq!(status, Some(0), "{stdout}{stderr}");
    let fixed = fs::read_to_string(folder.path().join("pod.yaml")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&fixed).unwrap();
    assert_eq!(
        json["spec"]["imagePullSecrets"][0]["name"], "hub",
        "{fixed}"
    );
}
