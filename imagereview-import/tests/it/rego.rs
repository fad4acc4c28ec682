//! Rules of conftest.

use imagereview_import::{Import, Source, import};

use crate::support::{assert_not_weaker, assert_verdicts, remarks};

fn imported(text: &str) -> Import {
    import([Source::new("images.rego", text)]).unwrap()
}

#[test]
fn the_common_rules_about_tags() {
    let import = imported(
        "package main

deny[msg] {
  input.kind == \"Deployment\"
  container := input.spec.template.spec.containers[_]
  endswith(container.image, \":latest\") # moves
  msg := sprintf(\"%s uses latest\", [container.name])
}

deny contains msg if {
  some container in input.spec.template.spec.containers
  image := container.image
  not contains(image, \":\")
  msg := \"a tag is required\"
}
",
    );
    assert_verdicts(&import, |node| {
        (node.tag.is_some() || node.digest.is_some())
            && node
                .pulled_tag()
                .is_none_or(|tag| !tag.eq_ignore_ascii_case("latest"))
    });
    assert_not_weaker(&import, &[]);
    assert!(import.is_complete(), "{:?}", remarks(&import));
}

#[test]
fn a_registry_that_is_required() {
    let import = imported(
        "package registries
warn[msg] {
  image := input.spec.containers[_].image
  not startswith(image, \"registry.example.com/\")
  msg := image
}
",
    );
    assert_verdicts(&import, |node| node.registry == "registry.example.com");
    assert!(
        import.document().contains("mode: warn\n"),
        "{}",
        import.document()
    );
}

#[test]
fn a_rule_that_is_not_known_is_named() {
    let import = imported(
        "package main
deny[msg] {
  container := input.spec.containers[_]
  not trusted(container.image)
  msg := \"no\"
}
trusted(image) {
  startswith(image, \"registry.example.com\")
}
",
    );
    assert_eq!(import.document(), "");
    assert_eq!(
        remarks(&import),
        [
            "images.rego:4: not taken: package main: the import does not know the line \"not trusted(container.image)\""
        ]
    );
    let error = import_error("kind: Pod\n");
    assert_eq!(error, "images.rego:1:1: this is no Rego: it has no package");
}

fn import_error(text: &str) -> String {
    import([Source::new("images.rego", text)])
        .unwrap_err()
        .to_string()
}
