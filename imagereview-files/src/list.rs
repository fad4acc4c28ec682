//! The environment variable that names policies.

use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
};

/// The environment variable that names policies: `IMAGEREVIEW_POLICY`.
pub const VARIABLE: &str = "IMAGEREVIEW_POLICY";

/// What stands between two paths of the variable.
const SEPARATOR: &str = if cfg!(windows) { ";" } else { ":" };

/// The paths that one value of an option names: those of the [variable](VARIABLE), which may name
/// several, or the one of a flag.
///
/// With the feature `clap` it can be the type of an argument. A variable is then split, and the value
/// of a flag is one path even with a separator in it:
///
/// ```
/// # #[cfg(feature = "clap")] {
/// use clap::Parser;
/// use imagereview_files::{PathList, VARIABLE};
///
/// #[derive(Parser)]
/// struct Args {
///     #[arg(long, env = VARIABLE)]
///     policy: Vec<PathList>,
/// }
///
/// let args = Args::parse_from(["program", "--policy", "a:b.yaml", "--policy", "c.yaml"]);
/// let paths: Vec<_> = args.policy.iter().flat_map(PathList::paths).collect();
/// assert_eq!(paths, ["a:b.yaml", "c.yaml"].map(std::path::Path::new));
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathList(Vec<PathBuf>);

/// A list of paths has an empty one, perhaps because a variable in it was not set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is an empty path in the list; write paths with one {SEPARATOR:?} between them, and none before the first \
     or after the last"
)]
pub struct EmptyPathError(());

impl PathList {
    /// Splits a value of the variable, as `PATH` is split on this system.
    ///
    /// # Errors
    ///
    /// One of the paths is empty. It may be that of a policy that would then not be enforced, so it is
    /// not skipped.
    ///
    /// ```
    /// use std::path::Path;
    /// use imagereview_files::PathList;
    ///
    /// # #[cfg(unix)] {
    /// let list = PathList::split("base.yaml:/etc/imagereview/policy".as_ref())?;
    /// assert!(list.paths().eq(["base.yaml", "/etc/imagereview/policy"].map(Path::new)));
    ///
    /// assert!(PathList::split("base.yaml::other.yaml".as_ref()).is_err());
    /// # }
    /// # Ok::<(), imagereview_files::EmptyPathError>(())
    /// ```
    pub fn split(value: &OsStr) -> Result<Self, EmptyPathError> {
        let paths: Vec<PathBuf> = env::split_paths(value).collect();
        if paths.iter().any(|path| path.as_os_str().is_empty()) {
            return Err(EmptyPathError(()));
        }
        Ok(Self(paths))
    }

    /// The paths, in their order.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

/// One path, whatever is in it.
impl From<PathBuf> for PathList {
    fn from(path: PathBuf) -> Self {
        Self(vec![path])
    }
}
