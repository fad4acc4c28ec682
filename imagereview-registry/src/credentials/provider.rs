//! The kubelet's credential provider plugins: programs that hand out short-lived credentials of
//! clouds.
//!
//! Source: [Kubernetes, "Configure a kubelet image credential
//! provider"](https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/); the
//! file and the programs are the kubelet's own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, de};

use super::{
    pattern::Pattern,
    program::{ProgramError, Programs},
    secret::{Login, Secret},
};
use crate::{
    cache::{Cache, Fetched, Lifetime, NoValue},
    file::{self, FileError},
};

/// The version of the plugins' protocol.
const API_VERSION: &str = "credentialprovider.kubelet.k8s.io/v1";

/// How long a plugin that failed is left alone.
const FAILURE_LIFETIME: Duration = Duration::from_secs(10);

/// The longest time for which a plugin's answer is believed.
const LONGEST_LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// The most credentials of one answer.
const MAX_AUTHS: usize = 256;

/// Why a plugin gave nothing.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ProviderError {
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error("credential provider {0} failed")]
    Failed(Box<str>),
    #[error(
        "credential provider {0} said something that is no CredentialProviderResponse of {API_VERSION}"
    )]
    Unreadable(Box<str>),
    #[error("credential provider {0} is asked for too much at once")]
    Busy(Box<str>),
}

/// What a plugin gave: the more exact first.
type Answer = Result<Arc<[(Pattern, Login)]>, ProviderError>;

/// Plugins, as the kubelet's file lists them.
#[derive(Debug)]
pub(super) struct Providers {
    programs: Programs,
    list: Vec<Provider>,
    cache: Cache<Key, Answer>,
}

#[derive(Debug)]
struct Provider {
    name: Box<str>,
    program: PathBuf,
    patterns: Vec<Pattern>,
    default_lifetime: Duration,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

/// What an answer is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Image(usize, Box<str>),
    Registry(usize, Box<str>),
    Global(usize),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ConfigDocument {
    api_version: ConfigVersion,
    kind: ConfigKind,
    providers: Vec<ProviderDocument>,
}

#[derive(Deserialize)]
enum ConfigVersion {
    #[serde(rename = "kubelet.config.k8s.io/v1")]
    V1,
}

#[derive(Deserialize)]
enum ConfigKind {
    #[serde(rename = "CredentialProviderConfig")]
    Config,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderDocument {
    name: ProviderName,
    match_images: Vec<ImagePattern>,
    default_cache_duration: GoDuration,
    #[serde(rename = "apiVersion")]
    _api_version: ProviderVersion,
    #[serde(default)]
    args: Vec<String>,
    #[serde(default)]
    env: Vec<Variable>,
}

#[derive(Deserialize)]
enum ProviderVersion {
    #[serde(rename = "credentialprovider.kubelet.k8s.io/v1")]
    V1,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    name: String,
    value: String,
}

struct ProviderName(String);

impl<'de> Deserialize<'de> for ProviderName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let leads_elsewhere = name.contains(['/', '\\', ' ']) || [".", "..", ""].contains(&&*name);
        if leads_elsewhere {
            Err(de::Error::custom(
                "a provider is named by the file name of its program",
            ))
        } else {
            Ok(Self(name))
        }
    }
}

struct ImagePattern(Pattern);

impl<'de> Deserialize<'de> for ImagePattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Pattern::parse(&text).map(Self).ok_or_else(|| {
            de::Error::custom("a pattern of images is a host, such as *.registry.example.com/team")
        })
    }
}

struct GoDuration(Duration);

impl<'de> Deserialize<'de> for GoDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let duration = if text == "0" {
            Ok(Duration::ZERO)
        } else {
            humantime::parse_duration(&text)
        };
        duration
            .map(Self)
            .map_err(|_| de::Error::custom("a duration is written as in 12h or 5m30s"))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    kind: &'static str,
    api_version: &'static str,
    image: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    kind: String,
    api_version: String,
    cache_key_type: KeyType,
    #[serde(default)]
    cache_duration: Option<GoDuration>,
    #[serde(default)]
    auth: Option<BTreeMap<String, UserAndPassword>>,
}

#[derive(Clone, Copy, Deserialize)]
enum KeyType {
    Image,
    Registry,
    Global,
}

#[derive(Deserialize)]
struct UserAndPassword {
    username: String,
    password: Secret,
}

impl Providers {
    /// Reads the kubelet's file; its programs are in a folder.
    pub(super) fn open(path: &Path, folder: &Path, programs: Programs) -> Result<Self, FileError> {
        let document: ConfigDocument = file::from_yaml(path, &file::read(path)?)?;
        let (ConfigVersion::V1, ConfigKind::Config) = (document.api_version, document.kind);
        let providers = document.providers.into_iter().map(|provider| Provider {
            program: folder.join(&provider.name.0),
            name: provider.name.0.into(),
            patterns: provider
                .match_images
                .into_iter()
                .map(|pattern| pattern.0)
                .collect(),
            default_lifetime: provider.default_cache_duration.0,
            args: provider.args,
            env: provider
                .env
                .into_iter()
                .map(|variable| (variable.name, variable.value))
                .collect(),
        });
        Ok(Self {
            programs,
            list: providers.collect(),
            cache: Cache::new(1 << 20, 64),
        })
    }

    /// How many plugins there are.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The name of a plugin, in words that may be shown.
    pub(super) fn source(&self, index: usize) -> String {
        format!("credential provider {}", self.list[index].name)
    }

    /// The logins that a plugin gives for an image; none if it isn't for that image.
    pub(super) async fn logins(
        &self,
        index: usize,
        registry: &str,
        repository: &str,
    ) -> Result<Vec<Login>, ProviderError> {
        let provider = &self.list[index];
        let is_for = |pattern: &Pattern| pattern.covers(registry, repository);
        if !provider.patterns.iter().any(is_for) {
            return Ok(Vec::new());
        }
        let answer = self.answer(index, registry, repository).await?;
        let logins = answer.iter().filter(|(pattern, _)| is_for(pattern));
        Ok(logins.map(|(_, login)| login.clone()).collect())
    }

    async fn answer(&self, index: usize, registry: &str, repository: &str) -> Answer {
        let image: Box<str> = format!("{registry}/{repository}").into();
        for key in [Key::Registry(index, registry.into()), Key::Global(index)] {
            if let Some(answer) = self.cache.get(&key) {
                return answer;
            }
        }
        let key = Key::Image(index, image.clone());
        let provider = &self.list[index];
        let (programs, cache) = (self.programs.clone(), self.cache.clone());
        let (name, program) = (provider.name.clone(), provider.program.clone());
        let (args, env) = (provider.args.clone(), provider.env.clone());
        let default_lifetime = provider.default_lifetime;
        let registry: Box<str> = registry.into();
        let fetch = |_| async move {
            let request = Request {
                kind: "CredentialProviderRequest",
                api_version: API_VERSION,
                image: &image,
            };
            let input = serde_json::to_vec(&request).unwrap_or_default();
            let answer = match programs.run(program.as_os_str(), &args, &env, &input).await {
                Err(error) => Err(error.into()),
                Ok(output) if !output.is_success => Err(ProviderError::Failed(name)),
                Ok(output) => read(name, &output.stdout),
            };
            let (value, key_type, lifetime) = match answer {
                Ok((auths, key_type, lifetime)) => {
                    (Ok(auths), key_type, lifetime.unwrap_or(default_lifetime))
                }
                Err(error) => (Err(error), KeyType::Image, FAILURE_LIFETIME),
            };
            let fetched = |lifetime| Fetched {
                value: value.clone(),
                bytes: 16 << 10,
                lifetime: Lifetime::For(lifetime),
            };
            let lifetime = lifetime.min(LONGEST_LIFETIME);
            match key_type {
                KeyType::Image => fetched(lifetime),
                KeyType::Registry => {
                    cache.insert(Key::Registry(index, registry), fetched(lifetime));
                    fetched(Duration::ZERO)
                }
                KeyType::Global => {
                    cache.insert(Key::Global(index), fetched(lifetime));
                    fetched(Duration::ZERO)
                }
            }
        };
        match self.cache.get_or_fetch(key, fetch).await {
            Ok(answer) => answer,
            Err(NoValue::Busy) => Err(ProviderError::Busy(provider.name.clone())),
            Err(NoValue::Panicked) => Err(ProviderError::Failed(provider.name.clone())),
        }
    }
}

type Auths = Arc<[(Pattern, Login)]>;

/// Reads what a plugin said.
fn read(
    name: Box<str>,
    stdout: &[u8],
) -> Result<(Auths, KeyType, Option<Duration>), ProviderError> {
    let response: Option<Response> = serde_json::from_slice(stdout).ok();
    let response = response.filter(|response| {
        response.kind == "CredentialProviderResponse"
            && response.api_version == API_VERSION
            && response
                .auth
                .as_ref()
                .is_none_or(|auth| auth.len() <= MAX_AUTHS)
    });
    let response = response.ok_or(ProviderError::Unreadable(name))?;
    let mut auths: Vec<(Pattern, Login)> = response
        .auth
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(pattern, auth)| {
            let login = Login::Password {
                user: auth.username.into(),
                password: auth.password,
            };
            Some((Pattern::parse(&pattern)?, login))
        })
        .collect();
    auths.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.exactness()));
    let lifetime = response.cache_duration.map(|duration| duration.0);
    Ok((auths.into(), response.cache_key_type, lifetime))
}
