//! Options as containerd writes them.

use std::{ffi::OsString, path::Path};

/// The name of this program in the folder of containerd's image verifiers.
const VERIFIER: &str = "imagereview-verify-pull";

/// The name of the subcommand.
const COMMAND: &str = "verify-pull";

/// The options that containerd writes with one dash, as Go does.
const OPTIONS: [&str; 3] = ["name", "digest", "stdin-media-type"];

/// A command line with the options of containerd in the form of this program: called by the name of a verifier it is
/// `verify-pull`.
pub(crate) fn arguments(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut all: Vec<OsString> = arguments.collect();
    let is_verifier = all.first().is_some_and(|program| {
        Path::new(program)
            .file_stem()
            .is_some_and(|name| name == VERIFIER)
    });
    if is_verifier {
        all.insert(1, COMMAND.into());
    }
    if all.get(1).is_some_and(|command| command == COMMAND) {
        for argument in &mut all[2..] {
            if let Some(option) = option(argument) {
                *argument = option;
            }
        }
    }
    all
}

/// `-name` as `--name`, and `-name=x` as `--name=x`.
fn option(argument: &OsString) -> Option<OsString> {
    let rest = argument.to_str()?.strip_prefix('-')?;
    let name = rest.split('=').next()?;
    OPTIONS
        .contains(&name)
        .then(|| OsString::from(format!("--{rest}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_with_one_dash_are_read_where_containerd_writes_them() {
        for (written, read) in [
            (
                "/opt/bin/imagereview-verify-pull -name a -digest b -stdin-media-type c",
                "/opt/bin/imagereview-verify-pull verify-pull --name a --digest b --stdin-media-type c",
            ),
            (
                "imagereview verify-pull -name=-name -digest b",
                "imagereview verify-pull --name=-name --digest b",
            ),
            (
                "imagereview verify-pull --name a",
                "imagereview verify-pull --name a",
            ),
            ("imagereview check -name", "imagereview check -name"),
            ("imagereview", "imagereview"),
        ] {
            let written = written.split(' ').map(OsString::from);
            let read: Vec<OsString> = read.split(' ').map(OsString::from).collect();
            assert_eq!(arguments(written), read);
        }
    }
}
