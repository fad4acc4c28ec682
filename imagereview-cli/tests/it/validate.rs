//! `policy validate`: what does nothing is a warning, and an error where that is asked for.

use std::fs;

use crate::support::run_in;

#[test]
fn what_does_nothing_in_a_policy_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let text = "apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: p}
rules:
- {name: a, digest: {}, scope: {kinds: {include: [Deploymnt]}}}
- {name: b, registries: {allow: [a.io], deny: [a.io]}}
- {name: c, expression: size(image.tag)}
exemptions:
- {name: j, reason: \"old\", images: [a], expires: 2020-01-01}
";
    fs::write(folder.join("policy.yaml"), text).unwrap();
    let validate = ["policy", "validate", "policy.yaml"];
    let (status, _, stderr) = run_in(folder, &validate);
    assert_eq!(status, Some(0), "{stderr}");
    let lines: Vec<&str> = stderr.lines().collect();
    let expected = [
        "imagereview: warning: policy.yaml:5:32: rules[0].scope.kinds: no kind with images is named \"Deploymnt\"",
        "imagereview: warning: policy.yaml:6:25: rules[1].registries: everything that is allowed is denied too",
        "imagereview: warning: policy.yaml:7:25: rules[2].expression: it returns a number and no bool",
        "imagereview: warning: policy.yaml:9:3: exemptions[0].expires: the exemption expired at 2020-01-02",
    ];
    assert_eq!(lines.len(), expected.len(), "{stderr}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{stderr}");
    }
    let strict = [&validate[..], &["--strict"]].concat();
    assert_eq!(run_in(folder, &strict).0, Some(2));
    fs::write(
        folder.join("policy.yaml"),
        text.split("- {name: a").next().unwrap().to_owned() + "- {name: a, digest: {}}\n",
    )
    .unwrap();
    let (status, _, stderr) = run_in(folder, &strict);
    assert_eq!((status, &*stderr), (Some(0), ""));
}
