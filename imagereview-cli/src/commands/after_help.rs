//! The end of a command's `--help`: its exit statuses and examples.

/// What a command does, in a few words, and the command.
pub(super) type Example = (&'static str, &'static str);

/// The end of a command's `--help`. `tests/it/examples.rs` runs each example.
pub(super) fn after_help(exit_statuses: &str, examples: &[Example]) -> String {
    let mut text = format!("{exit_statuses}\n\nExamples:");
    for (what, command) in examples {
        text.extend(["\n  # ", what, "\n  ", command]);
    }
    text
}
