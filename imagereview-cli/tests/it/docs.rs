//! What the documents say is true of the program.

use std::{fs, process::Stdio};

use crate::support::{imagereview, repository, texts};

/// Each `imagereview …` of the blocks of a document, up to where a shell does something else.
fn commands(document: &str) -> Vec<Vec<String>> {
    let blocks = document.split("```").skip(1).step_by(2);
    let text: String = blocks.map(|block| block.replace("\\\n", " ")).collect();
    let lines = text.lines().flat_map(|line| line.split(" | "));
    let commands = lines.map(|line| line.trim_start_matches("$ "));
    commands
        .filter_map(|command| command.strip_prefix("imagereview "))
        .map(|command| {
            let words = command.split_whitespace();
            let words = words.take_while(|word| !word.starts_with(['>', '<', '#']));
            words.map(|word| word.replace('"', "")).collect()
        })
        .collect()
}

/// What a command can't do in an empty folder is no error of its options.
#[test]
fn the_commands_of_the_documents_are_understood() {
    let mut count = 0;
    for name in [
        "README.md",
        "docs/ci.md",
        "docs/deploy.md",
        "docs/enforcement.md",
        "docs/facts.md",
        "docs/moving.md",
        "docs/policy.md",
        "docs/signatures.md",
    ] {
        let document = fs::read_to_string(repository().join(name)).unwrap();
        for command in commands(&document) {
            count += 1;
            let folder = tempfile::tempdir().unwrap();
            let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
            if words.first() == Some(&"resolve") {
                // Its options are read, and no registry is asked.
                words.push("--help");
            }
            let output = imagereview(&words)
                .current_dir(folder.path())
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let (_, _, stderr) = texts(output);
            let is_usage_error = stderr.contains("try '--help'");
            assert!(!is_usage_error, "{name}: {}\n{stderr}", command.join(" "));
        }
    }
    assert!(count > 10, "{count}");
}
