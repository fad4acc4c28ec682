//! Runs the program.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

pub(crate) const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec: {containers: [{image: nginx}]}\n";

/// The exit status, standard output and standard error of a run.
pub(crate) type Run = (Option<i32>, String, String);

/// The program with these arguments, and without what the environment may say.
pub(crate) fn imagereview(arguments: &[&str]) -> Command {
    let mut command = Command::new(cargo_bin!("imagereview"));
    command
        .args(arguments)
        .env_remove("IMAGEREVIEW_LANGUAGE")
        .env_remove("IMAGEREVIEW_POLICY");
    command
}

pub(crate) fn run_with_stdin(arguments: &[&str], stdin: &str) -> Run {
    let mut command = assert_cmd::Command::from_std(imagereview(arguments));
    texts(command.write_stdin(stdin).output().unwrap())
}

pub(crate) fn run_in(folder: &Path, arguments: &[&str]) -> Run {
    texts(imagereview(arguments).current_dir(folder).output().unwrap())
}

pub(crate) fn texts(output: Output) -> Run {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

/// The folder of the whole project.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An `ImageReview` about one image, as an API server sends it.
pub(crate) fn image_review(image: &str) -> String {
    json!({
        "apiVersion": "imagepolicy.k8s.io/v1alpha1",
        "kind": "ImageReview",
        "spec": {"containers": [{"image": image}]},
    })
    .to_string()
}

/// The same, as long as reviews with many annotations are.
pub(crate) fn long_image_review(image: &str) -> String {
    let text = format!(
        "\"metadata\":{{\"name\":\"{}\"}},\"kind\"",
        "x".repeat(2000)
    );
    image_review(image).replacen("\"kind\"", &text, 1)
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}
