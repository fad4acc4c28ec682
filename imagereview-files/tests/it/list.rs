//! The variable, and the option that it belongs to.

use std::path::PathBuf;

use imagereview_files::PathList;

fn paths<'a>(lists: impl IntoIterator<Item = &'a PathList>) -> Vec<PathBuf> {
    let paths = lists.into_iter().flat_map(PathList::paths);
    paths.map(PathBuf::from).collect()
}

#[cfg(unix)]
#[test]
fn the_variable_is_split_as_path_is() {
    for (value, expected) in [
        ("a", Some(&["a"][..])),
        ("a:b", Some(&["a", "b"])),
        ("/etc/a b:./c,d:-", Some(&["/etc/a b", "./c,d", "-"])),
        ("", None),
        (":", None),
        ("a:", None),
        (":a", None),
        ("a::b", None),
    ] {
        let list = PathList::split(value.as_ref());
        let expected = expected.map(|paths| paths.iter().map(PathBuf::from).collect());
        assert_eq!(list.ok().map(|list| paths([&list])), expected, "{value:?}");
    }
}

#[test]
fn an_empty_path_is_told_with_how_to_write_the_list() {
    let error = PathList::split("".as_ref()).unwrap_err();
    let separator = if cfg!(windows) { ';' } else { ':' };
    assert_eq!(
        error.to_string(),
        format!(
            "there is an empty path in the list; write paths with one \"{separator}\" between them, and none before the \
             first or after the last"
        )
    );
}

#[cfg(feature = "clap")]
mod option {
    use std::{env, path::PathBuf};

    use clap::Parser;
    use imagereview_files::PathList;

    use super::paths;

    /// A program with the option. `PATH` is the one variable with a list that each process has.
    #[derive(Parser)]
    struct Args {
        #[arg(long, env = "PATH")]
        policy: Vec<PathList>,
    }

    #[test]
    fn a_variable_is_split_and_a_flag_is_one_path() {
        let args = Args::parse_from(["program"]);
        let path = env::var_os("PATH").unwrap();
        let split: Vec<PathBuf> = env::split_paths(&path).collect();
        assert!(split.len() > 1, "{split:?}");
        assert_eq!(paths(&args.policy), split);

        let args = Args::parse_from(["program", "--policy", "a:b;c,d.yaml", "--policy=-"]);
        assert_eq!(
            paths(&args.policy),
            ["a:b;c,d.yaml", "-"].map(PathBuf::from)
        );
        assert!(Args::try_parse_from(["program", "--policy", ""]).is_err());
    }
}
