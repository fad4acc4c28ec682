//! Pull secrets of pods, read from the API server: what the kubelet would pull a pod's images with.

mod api_server;
mod document;
mod error;

use std::{
    env,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{task::JoinSet, time};

pub use self::error::PullSecretsError;
use self::{
    api_server::ApiServer,
    document::{secret_logins, secret_names},
};
use crate::{
    cache::{Cache, Fetched, Lifetime, NoValue},
    credentials::{Credential, Login, Pattern, PodCredentials},
};

/// How long a Secret or a service account is believed to be as it was read.
const LIFETIME: Duration = Duration::from_secs(30);

/// How long it is believed that one can't be read.
const PROBLEM_LIFETIME: Duration = Duration::from_secs(5);

/// The most bytes of Secrets that are kept.
const CACHE_BYTES: usize = 4 << 20;

/// The most that are being read at a time.
const MAX_FETCHES: usize = 256;

/// The most pull secrets of a pod that are read.
const MAX_SECRETS: usize = 16;

/// The longest name of an object.
///
/// Source: [Kubernetes, "Object Names and
/// IDs"](https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#dns-subdomain-names).
const MAX_NAME: usize = 253;

/// Reads the pull secrets of pods from the API server, with the program's own service account.
///
/// It gets Secrets by name, and a service account where a pod names no pull secrets; it never lists
/// or watches. What a Secret says is used for images of pods of its own namespace only, and nothing in
/// it makes this program run another: helpers that it names are not asked.
#[derive(Clone, Debug)]
pub struct PullSecrets(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    api_server: ApiServer,
    secrets: Cache<ObjectKey, Read<Logins>>,
    accounts: Cache<ObjectKey, Read<Names>>,
}

/// What came of reading an object: its content, or why there is none, in words that may be shown.
type Read<T> = Result<T, Arc<str>>;

/// What a Secret holds, the more exact first.
type Logins = Arc<[(Pattern, Login)]>;

/// The names of Secrets.
type Names = Arc<[Box<str>]>;

/// An object by its namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct ObjectKey {
    namespace: Box<str>,
    name: Box<str>,
}

/// The pull secrets that a pod names.
///
/// ```
/// use imagereview_registry::PodSecrets;
///
/// let secrets = PodSecrets::new("team", ["regcred"], Some("builder")).unwrap();
/// // Names that would be another path of the API server are no names.
/// assert!(PodSecrets::new("../kube-system", ["regcred"], None).is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodSecrets {
    namespace: Box<str>,
    names: Vec<Box<str>>,
    service_account: Box<str>,
}

impl PodSecrets {
    /// What a pod of a namespace names: its `imagePullSecrets`, and its service account, which is
    /// `default` where it names none. Names that no object can have are left out; `None` if the
    /// namespace is one. Of more than 16 pull secrets, the first 16 are taken.
    #[must_use]
    pub fn new<'n>(
        namespace: &str,
        names: impl IntoIterator<Item = &'n str>,
        service_account: Option<&str>,
    ) -> Option<Self> {
        let account = service_account.filter(|name| !name.is_empty());
        let account = account.unwrap_or("default");
        Some(Self {
            namespace: object_name(namespace)?,
            names: names
                .into_iter()
                .filter_map(object_name)
                .take(MAX_SECRETS)
                .collect(),
            service_account: object_name(account).unwrap_or_default(),
        })
    }
}

/// A name that an object can have, and that is one part of a path.
fn object_name(text: &str) -> Option<Box<str>> {
    let is_plain = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'.';
    let is_name = !text.is_empty()
        && text.len() <= MAX_NAME
        && text.bytes().all(is_plain)
        && !text.starts_with('.')
        && !text.ends_with('.');
    is_name.then(|| text.into())
}

impl PullSecrets {
    /// Asks the API server of the cluster that this program runs in: `KUBERNETES_SERVICE_HOST` and
    /// `KUBERNETES_SERVICE_PORT` say where it is, and a folder holds the `token` and the `ca.crt` of
    /// the service account. The token is read again for each request.
    ///
    /// Source: [Kubernetes, "Accessing the Kubernetes API from a
    /// Pod"](https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/).
    ///
    /// # Errors
    ///
    /// The variables are not set, or the folder's files can't be read.
    pub fn in_cluster(folder: &Path) -> Result<Self, PullSecretsError> {
        let missing = |variable, what| PullSecretsError::NotInCluster { variable, what };
        let host = env::var("KUBERNETES_SERVICE_HOST").unwrap_or_default();
        let port = env::var("KUBERNETES_SERVICE_PORT").unwrap_or_default();
        let port = port
            .parse()
            .map_err(|_| missing("KUBERNETES_SERVICE_PORT", "port"))?;
        if host.is_empty() {
            return Err(missing("KUBERNETES_SERVICE_HOST", "host"));
        }
        Self::at(&host, port, folder)
    }

    /// Asks the API server at a host and port, as [`in_cluster`](Self::in_cluster) does.
    ///
    /// # Errors
    ///
    /// The host is none, or the folder's files can't be read.
    pub fn at(host: &str, port: u16, folder: &Path) -> Result<Self, PullSecretsError> {
        Ok(Self(Arc::new(Shared {
            api_server: ApiServer::open(host, port, folder)?,
            secrets: Cache::new(CACHE_BYTES, MAX_FETCHES),
            accounts: Cache::new(CACHE_BYTES, MAX_FETCHES),
        })))
    }

    /// The credentials that a pod's images are pulled with. What can't be read before the deadline is
    /// said where a registry denies access.
    pub async fn read(&self, pod: &PodSecrets, deadline: Instant) -> PodCredentials {
        let read = time::timeout_at(deadline.into(), self.read_all(pod)).await;
        read.unwrap_or_else(|_| {
            let namespace = &pod.namespace;
            PodCredentials::new(
                Vec::new(),
                vec![format!(
                    "the pull secrets of namespace {namespace}, which the API server did not tell in time"
                )],
            )
        })
    }

    async fn read_all(&self, pod: &PodSecrets) -> PodCredentials {
        let mut problems = Vec::new();
        let key = |name: &str| ObjectKey {
            namespace: pod.namespace.clone(),
            name: name.into(),
        };
        let names: Names = if !pod.names.is_empty() {
            pod.names.clone().into()
        } else if pod.service_account.is_empty() {
            [].into()
        } else {
            match self.account(key(&pod.service_account)).await {
                Ok(names) => names,
                Err(problem) => {
                    problems.push(problem.to_string());
                    [].into()
                }
            }
        };
        let mut tasks = JoinSet::new();
        for (index, name) in names.iter().enumerate() {
            let (this, key) = (self.clone(), key(name));
            tasks.spawn(async move { (index, this.secret(key).await) });
        }
        let mut read = tasks.join_all().await;
        read.sort_by_key(|(index, _)| *index);
        let mut logins = Vec::new();
        for (index, secret) in read {
            match secret {
                Ok(all) => {
                    let source: Arc<str> = source(&pod.namespace, &names[index]).into();
                    logins.extend(all.iter().map(|(pattern, login)| {
                        let credential = Credential::new(login.clone(), Arc::clone(&source));
                        (pattern.clone(), credential)
                    }));
                }
                Err(problem) => problems.push(problem.to_string()),
            }
        }
        PodCredentials::new(logins, problems)
    }

    /// What a Secret holds.
    async fn secret(&self, key: ObjectKey) -> Read<Logins> {
        let (this, asked) = (self.clone(), key.clone());
        let source = source(&key.namespace, &key.name);
        let fetch = |_| async move {
            let ObjectKey { namespace, name } = &asked;
            let path = format!("/api/v1/namespaces/{namespace}/secrets/{name}");
            let source = self::source(namespace, name);
            let body = this.0.api_server.get(&path).await;
            let bytes = body.as_ref().map_or(0, bytes::Bytes::len);
            let logins = match body {
                Ok(body) => secret_logins(&source, &body),
                Err(error) => Err(format!("{source} ({error})").into()),
            };
            kept(logins.map(Into::into), bytes)
        };
        let secrets = self.0.secrets.get_or_fetch(key, fetch).await;
        secrets.unwrap_or_else(|error| Err(not_read(&source, error)))
    }

    /// The pull secrets of a service account.
    async fn account(&self, key: ObjectKey) -> Read<Names> {
        let (this, asked) = (self.clone(), key.clone());
        let source = format!("service account {}/{}", key.namespace, key.name);
        let fetch = |_| async move {
            let ObjectKey { namespace, name } = &asked;
            let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}");
            let source = format!("service account {namespace}/{name}");
            let body = this.0.api_server.get(&path).await;
            let bytes = body.as_ref().map_or(0, bytes::Bytes::len);
            let names = match body {
                Ok(body) => secret_names(&source, &body),
                Err(error) => Err(format!("{source} ({error})").into()),
            };
            let names = names.map(|names| {
                let names = names.iter().filter_map(|name| object_name(name));
                names.take(MAX_SECRETS).collect()
            });
            kept(names, bytes)
        };
        let accounts = self.0.accounts.get_or_fetch(key, fetch).await;
        accounts.unwrap_or_else(|error| Err(not_read(&source, error)))
    }
}

/// How a Secret is shown.
fn source(namespace: &str, name: &str) -> String {
    format!("Secret {namespace}/{name}")
}

fn not_read(source: &str, error: NoValue) -> Arc<str> {
    match error {
        NoValue::Busy => format!("{source} (too many are being read at once)").into(),
        NoValue::Panicked => format!("{source} (a mistake in this program)").into(),
    }
}

fn kept<T>(value: Read<T>, bytes: usize) -> Fetched<Read<T>> {
    let lifetime = if value.is_ok() {
        LIFETIME
    } else {
        PROBLEM_LIFETIME
    };
    Fetched {
        value,
        bytes,
        lifetime: Lifetime::For(lifetime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_part_of_a_path() {
        for (name, is_name) in [
            ("regcred", true),
            ("team.regcred-1", true),
            ("", false),
            (".", false),
            ("..", false),
            ("../secrets/other", false),
            ("a/b", false),
            ("a?watch=true", false),
            ("a%2fb", false),
            ("A", false),
            ("é", false),
            ("a\n", false),
        ] {
            assert_eq!(object_name(name).is_some(), is_name, "{name:?}");
        }
        assert!(object_name(&"a".repeat(MAX_NAME)).is_some());
        assert!(object_name(&"a".repeat(MAX_NAME + 1)).is_none());
    }

    #[test]
    fn a_pod_names_no_more_than_is_read() {
        let names: Vec<String> = (0..100).map(|index| format!("s{index}")).collect();
        let names = names.iter().map(String::as_str);
        let pod = PodSecrets::new("team", ["a/b"].into_iter().chain(names), Some("")).unwrap();
        assert_eq!(pod.names.len(), MAX_SECRETS);
        assert_eq!(&*pod.names[0], "s0");
        assert_eq!(&*pod.service_account, "default");
    }
}
