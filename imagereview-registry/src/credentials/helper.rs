//! Docker's credential helpers: `docker-credential-NAME get`.
//!
//! Source: [docker-credential-helpers](https://github.com/docker/docker-credential-helpers#development).

use std::{ffi::OsString, path::PathBuf, time::Duration};

use serde::Deserialize;

use super::{
    program::{ProgramError, Programs},
    secret::{Login, Secret},
};
use crate::cache::{Cache, Fetched, Lifetime, NoValue};

/// How long what a helper gave is used before it is asked again. Tokens of clouds are good for hours,
/// and a denial falls back to what comes next.
const LIFETIME: Duration = Duration::from_secs(300);

/// How long a helper that failed, or had nothing, is left alone.
const FAILURE_LIFETIME: Duration = Duration::from_secs(10);

/// What a helper says where it has nothing; it fails then too.
const NOT_FOUND: &[&str] = &[
    "credentials not found in native keychain",
    "no credentials server URL",
    "no credentials username",
];

/// The user's name that stands for a token.
const TOKEN_USER: &str = "<token>";

/// What became of a helper that was asked. `Ok(None)` where it has nothing.
type Answer = Result<Option<Login>, HelperError>;

/// Why a helper gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum HelperError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("{0} failed")]
    Failed(Box<str>),
    #[error("{0} said something that is no credential")]
    Unreadable(Box<str>),
    #[error("{0} is asked for too much at once")]
    Busy(Box<str>),
}

/// Asks helpers, and remembers what they gave.
#[derive(Clone, Debug)]
pub(super) struct Helpers {
    programs: Programs,
    /// Where helpers are looked for, in place of `PATH`.
    folder: Option<PathBuf>,
    cache: Cache<(Box<str>, Box<str>), Answer>,
}

#[derive(Deserialize)]
struct HelperAnswer {
    #[serde(rename = "Username")]
    username: String,
    #[serde(rename = "Secret")]
    secret: Secret,
}

/// Whether a text can be the name of a helper. It becomes part of a program's name, so it must not
/// lead elsewhere.
pub(super) fn is_helper_name(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.len() <= 64 && name.chars().all(is_plain)
}

impl Helpers {
    pub(super) fn new(programs: Programs, folder: Option<PathBuf>) -> Self {
        Self {
            programs,
            folder,
            cache: Cache::new(1 << 20, 64),
        }
    }

    /// Asks a helper for the login to a server.
    pub(super) async fn get(&self, name: &str, server: &str) -> Answer {
        let program = format!("docker-credential-{name}");
        let path: OsString = match &self.folder {
            Some(folder) => folder.join(&program).into(),
            None => program.clone().into(),
        };
        let programs = self.programs.clone();
        let key = (name.into(), server.into());
        let input = server.to_owned();
        let title: Box<str> = program.into();
        let busy = title.clone();
        let fetch = |_| async move {
            let args = ["get".to_owned()];
            let answer = match programs.run(&path, &args, &[], input.as_bytes()).await {
                Err(error) => Err(error.into()),
                Ok(output) => read(title, output.is_success, &output.stdout),
            };
            let lifetime = match answer {
                Ok(Some(_)) => LIFETIME,
                _ => FAILURE_LIFETIME,
            };
            Fetched {
                value: answer,
                bytes: 4 << 10,
                lifetime: Lifetime::For(lifetime),
            }
        };
        match self.cache.get_or_fetch(key, fetch).await {
            Ok(answer) => answer,
            Err(NoValue::Busy) => Err(HelperError::Busy(busy)),
            Err(NoValue::Panicked) => Err(HelperError::Failed(busy)),
        }
    }
}

fn read(title: Box<str>, is_success: bool, stdout: &[u8]) -> Answer {
    if !is_success {
        let said = String::from_utf8_lossy(stdout);
        return if NOT_FOUND.iter().any(|text| said.contains(text)) {
            Ok(None)
        } else {
            Err(HelperError::Failed(title))
        };
    }
    let answer: HelperAnswer =
        serde_json::from_slice(stdout).map_err(|_| HelperError::Unreadable(title))?;
    Ok(Some(if answer.username == TOKEN_USER {
        Login::IdentityToken(answer.secret)
    } else {
        Login::Password {
            user: answer.username.into(),
            password: answer.secret,
        }
    }))
}
