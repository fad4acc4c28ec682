//! Files in the form of Docker's `config.json`, which a Secret of type
//! `kubernetes.io/dockerconfigjson` holds too.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Deserializer, de};

use super::{
    helper::is_helper_name,
    pattern::Pattern,
    secret::{Login, Secret},
};
use crate::file::{self, FileError};

/// How often a file is looked at for changes.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// `docker login` writes padding, and some other programs do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A file that is read again when it changes.
#[derive(Debug)]
pub(super) struct DockerConfigFile {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    looked: Instant,
    version: Option<Version>,
    config: Arc<DockerConfig>,
}

/// What differs between two versions of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version(Option<SystemTime>, u64);

/// What such a file says.
#[derive(Debug, Default)]
pub(crate) struct DockerConfig {
    /// The more exact first.
    logins: Vec<(Pattern, Login)>,
    helpers: Vec<(Pattern, Box<str>)>,
    store: Option<Box<str>>,
}

#[derive(Deserialize)]
struct ConfigDocument {
    #[serde(default)]
    auths: Option<BTreeMap<Server, Auth>>,
    #[serde(default, rename = "credHelpers")]
    helpers: Option<BTreeMap<Server, HelperName>>,
    #[serde(default, rename = "credsStore")]
    store: Option<HelperName>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Server(String);

impl<'de> Deserialize<'de> for Server {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if Pattern::parse(&text).is_none() {
            return Err(de::Error::custom(
                "a server is written as its host, such as registry.example.com",
            ));
        }
        Ok(Self(text))
    }
}

struct HelperName(Box<str>);

impl<'de> Deserialize<'de> for HelperName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name.is_empty() || is_helper_name(&name) {
            Ok(Self(name.into()))
        } else {
            Err(de::Error::custom(
                "a credential helper is named by what follows docker-credential- in the name of \
                 its program",
            ))
        }
    }
}

/// `user:password` in base64.
struct UserAndPassword(Option<(String, Secret)>);

impl<'de> Deserialize<'de> for UserAndPassword {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Ok(Self(None));
        }
        let bytes = BASE64.decode(text).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        let parts = text.as_deref().and_then(|text| text.split_once(':'));
        let (user, password) = parts
            .ok_or_else(|| de::Error::custom("auth must be user:password, encoded in base64"))?;
        Ok(Self(Some((
            user.to_owned(),
            Secret::new(password.trim_end_matches('\0')),
        ))))
    }
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default, rename = "auth")]
    encoded: Option<UserAndPassword>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<Secret>,
    #[serde(default, rename = "identitytoken")]
    identity_token: Option<Secret>,
    #[serde(default, rename = "registrytoken")]
    registry_token: Option<Secret>,
}

impl Auth {
    /// `None` where the credentials are in a helper.
    fn into_login(self) -> Option<Login> {
        let is_token = |token: &Secret| !token.reveal().is_empty();
        if let Some(token) = self.registry_token.filter(is_token) {
            return Some(Login::RegistryToken(token));
        }
        if let Some(token) = self.identity_token.filter(is_token) {
            return Some(Login::IdentityToken(token));
        }
        let written = self.username.filter(|user| !user.is_empty());
        let encoded = self.encoded.and_then(|pair| pair.0);
        let (user, password) = match (encoded, written, self.password) {
            (Some(both), _, _) => both,
            (None, Some(user), Some(password)) => (user, password),
            _ => return None,
        };
        Some(Login::Password {
            user: user.into(),
            password,
        })
    }
}

impl DockerConfig {
    fn read(path: &Path) -> Result<Self, FileError> {
        Self::parse(path, &file::read(path)?)
    }

    /// Reads the text of a file.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        Ok(Self::new(file::from_json(path, text)?))
    }

    /// Reads the older form, which is what the newer one has under `auths`.
    pub(crate) fn parse_auths(path: &Path, text: &str) -> Result<Self, FileError> {
        Ok(Self::new(ConfigDocument {
            auths: Some(file::from_json(path, text)?),
            helpers: None,
            store: None,
        }))
    }

    fn new(document: ConfigDocument) -> Self {
        let mut logins: Vec<(Pattern, Login)> = document
            .auths
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(server, auth)| Some((Pattern::parse(&server.0)?, auth.into_login()?)))
            .collect();
        logins.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.exactness()));
        let helpers = document
            .helpers
            .unwrap_or_default()
            .into_iter()
            .filter(|(_, helper)| !helper.0.is_empty())
            .filter_map(|(server, helper)| Some((Pattern::parse(&server.0)?, helper.0)))
            .collect();
        Self {
            logins,
            helpers,
            store: document
                .store
                .map(|store| store.0)
                .filter(|name| !name.is_empty()),
        }
    }

    /// The logins that are written down, the more exact first.
    pub(crate) fn into_logins(self) -> Vec<(Pattern, Login)> {
        self.logins
    }

    /// The logins that are written down for an image, the more exact first.
    pub(super) fn logins(&self, registry: &str, repository: &str) -> impl Iterator<Item = &Login> {
        self.logins
            .iter()
            .filter(move |(pattern, _)| pattern.covers(registry, repository))
            .map(|(_, login)| login)
    }

    /// The helper to ask about a registry, if any.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        let own = self
            .helpers
            .iter()
            .find(|(pattern, _)| pattern.covers(registry, ""));
        own.map(|(_, name)| &**name).or(self.store.as_deref())
    }
}

impl DockerConfigFile {
    /// Reads a file.
    pub(super) fn open(path: &Path) -> Result<Self, FileError> {
        let version = Version::of(path);
        let config = DockerConfig::read(path)?;
        Ok(Self {
            path: path.to_owned(),
            state: Mutex::new(State {
                looked: Instant::now(),
                version,
                config: Arc::new(config),
            }),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the file says now. Where it can't be read any more, what it said before.
    pub(super) fn current(&self) -> Arc<DockerConfig> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.looked.elapsed() >= LOOK_EVERY {
            state.looked = Instant::now();
            self.read_again(&mut state);
        }
        Arc::clone(&state.config)
    }

    fn read_again(&self, state: &mut State) {
        let version = Version::of(&self.path);
        if version == state.version {
            return;
        }
        // One that is wrong is not read again until it changes.
        state.version = version;
        match DockerConfig::read(&self.path) {
            Ok(config) => state.config = Arc::new(config),
            Err(error) => tracing::warn!(%error, "the credentials read before are used"),
        }
    }

    #[cfg(test)]
    fn look_now(&self) {
        let mut state = self.state.lock().unwrap();
        self.read_again(&mut state);
    }
}

impl Version {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self(metadata.modified().ok(), metadata.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
    }

    #[test]
    fn files_are_read_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let auth = BASE64.encode("user:pass:word");
        write(
            &path,
            &format!(
                r#"{{"auths": {{"registry.example.com": {{"auth": "{auth}"}},
                    "registry.example.com/team": {{"username": "team", "password": "p"}},
                    "https://index.docker.io/v1/": {{"identitytoken": "t"}},
                    "in-helper.example.com": {{}}}},
                   "HttpHeaders": {{}}, "credHelpers": {{"ecr.example.com": "ecr-login"}},
                   "credsStore": "secretservice"}}"#
            ),
        );
        let file = DockerConfigFile::open(&path).unwrap();
        let config = file.current();
        let password = |user: &str, password: &str| Login::Password {
            user: user.into(),
            password: Secret::new(password),
        };
        let logins = |registry, repository| -> Vec<Login> {
            config.logins(registry, repository).cloned().collect()
        };
        assert_eq!(
            logins("registry.example.com", "team/app"),
            [password("team", "p"), password("user", "pass:word")]
        );
        assert_eq!(
            logins("docker.io", "library/nginx"),
            [Login::IdentityToken(Secret::new("t"))]
        );
        assert_eq!(logins("in-helper.example.com", "a"), []);
        assert_eq!(config.helper("ecr.example.com"), Some("ecr-login"));
        assert_eq!(config.helper("other.example.com"), Some("secretservice"));

        write(&path, r#"{"auths": {"#);
        file.look_now();
        assert_eq!(
            file.current().logins("docker.io", "a/b").count(),
            1,
            "the old one is kept"
        );
        write(&path, "{}");
        file.look_now();
        assert_eq!(file.current().logins("docker.io", "a/b").count(), 0);
    }

    #[test]
    fn a_malformed_file_is_refused_with_its_place_and_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for (text, line, field, message) in [
            ("{\n\"auths\": \"hunter2\"}", 2, "auths", "expected a map"),
            (
                "{\"auths\":\n{\"registry.example.com\":\n{\"auth\": \"hunter2\"}}}",
                3,
                "auths.registry.example.com.auth",
                "auth must be user:password, encoded in base64",
            ),
            (
                "{\"auths\": {\"r.example\": {\"password\": [\"hunter2\"]}}}",
                1,
                "auths.r.example.password",
                "expected a string",
            ),
            (
                "{\"credHelpers\": {\"r.example\": \"../../hunter2\"}}",
                1,
                "credHelpers.r.example",
                "a credential helper is named by",
            ),
            (
                "{\"auths\": {\"hunter2@r\": {}}}",
                1,
                "auths",
                "a server is written as",
            ),
            ("{\"auths\": {", 1, "auths", "EOF"),
        ] {
            write(&path, text);
            let error = DockerConfigFile::open(&path).unwrap_err();
            assert_eq!(error.line(), Some(line), "{text}: {error}");
            assert_eq!(error.field(), field, "{text}: {error}");
            assert!(error.message().starts_with(message), "{text}: {error}");
            assert!(!error.to_string().contains("hunter2"), "{text}: {error}");
        }
        let missing = DockerConfigFile::open(&folder.path().join("none.json")).unwrap_err();
        assert!(missing.to_string().contains("can't be read"), "{missing}");
    }
}
