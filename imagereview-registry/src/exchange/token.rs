//! Tokens, which registries send us elsewhere for.
//!
//! Source: [Token authentication
//! specification](https://distribution.github.io/distribution/spec/auth/token/).

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::Full;
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::{USER_AGENT, status::retry_after};
use crate::{
    cache::{Cache, Fetched, Lifetime, NoValue},
    credentials::{Credential, Login},
    error::AskError,
    http::{Transport, discard, read_body},
    limits::Limits,
    registries::Endpoint,
};

/// How long a token is good that doesn't say so, as the specification has it.
const DEFAULT_LIFETIME: u64 = 60;

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(30);

/// The longest time for which a token is used.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3600);

/// How long it is remembered that there is no token.
const FAILURE_LIFETIME: Duration = Duration::from_secs(2);

/// How long a credential that was denied is not tried again.
const DENIAL_LIFETIME: Duration = Duration::from_secs(10);

/// The most bytes of a token.
const MAX_TOKEN: usize = 16 << 10;

/// How much is kept of tokens.
const CACHE_BYTES: usize = 4 << 20;

/// How we name ourselves where an identity token is exchanged.
const CLIENT_ID: &str = "imagereview";

/// What a token is for: a credential is not lent to another repository, and none to another server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    authority: Box<str>,
    repository: Box<str>,
    fingerprint: crate::credentials::Fingerprint,
}

impl Key {
    pub(super) fn new(endpoint: &Endpoint, repository: &str, credential: &Credential) -> Self {
        Self {
            authority: endpoint.authority.clone(),
            repository: repository.into(),
            fingerprint: credential.fingerprint(),
        }
    }
}

/// What came of asking for a token.
#[derive(Clone, Debug)]
pub(super) enum Token {
    Header(HeaderValue),
    Denied(StatusCode),
    Paused(Duration),
    Failed(AskError),
}

/// The tokens that there are.
#[derive(Debug)]
pub(crate) struct Tokens(Cache<Key, Token>);

impl Tokens {
    pub(super) fn new(max_fetches: usize) -> Self {
        Self(Cache::new(CACHE_BYTES, max_fetches))
    }

    /// What worked before.
    pub(super) fn get(&self, key: &Key) -> Option<HeaderValue> {
        match self.0.get(key) {
            Some(Token::Header(header)) => Some(header),
            _ => None,
        }
    }

    /// With which status a credential was denied, if that was just now.
    pub(super) fn denied(&self, key: &Key) -> Option<StatusCode> {
        match self.0.get(key) {
            Some(Token::Denied(status)) => Some(status),
            _ => None,
        }
    }

    /// Remembers that a credential is denied.
    pub(super) fn deny(&self, key: Key, status: StatusCode) {
        let fetched = Fetched {
            value: Token::Denied(status),
            bytes: 0,
            lifetime: Lifetime::For(DENIAL_LIFETIME),
        };
        self.0.insert(key, fetched);
    }

    pub(super) fn remove(&self, key: &Key) {
        self.0.remove(key);
    }

    /// Remembers that a header is what a registry wants.
    pub(super) fn keep(&self, key: Key, header: HeaderValue) {
        let bytes = header.len();
        let fetched = Fetched {
            value: Token::Header(header),
            bytes,
            lifetime: Lifetime::For(LONGEST_LIFETIME),
        };
        self.0.insert(key, fetched);
    }

    /// Asks for a token where the registry sent us, which was checked.
    pub(super) async fn fetch(
        &self,
        endpoint: &Endpoint,
        key: Key,
        credential: &Credential,
        realm: Url,
        service: Option<&str>,
        limits: &Limits,
    ) -> Token {
        let scope = format!("repository:{}:pull", key.repository);
        let host = endpoint.authority.clone();
        let message = message(realm, service, &scope, credential);
        let transport = Arc::clone(&endpoint.transport);
        let limits = limits.clone();
        let fetch = |_| async move {
            match ask(&transport, &host, message, &limits).await {
                Ok((token, lifetime)) => Fetched {
                    bytes: match &token {
                        Token::Header(header) => header.len(),
                        _ => 0,
                    },
                    value: token,
                    lifetime: Lifetime::For(lifetime),
                },
                Err(error) => Fetched {
                    value: Token::Failed(error),
                    bytes: 0,
                    lifetime: Lifetime::For(FAILURE_LIFETIME),
                },
            }
        };
        let host = || endpoint.authority.clone();
        self.0
            .get_or_fetch(key, fetch)
            .await
            .unwrap_or_else(|error| {
                Token::Failed(match error {
                    NoValue::Busy => AskError::Busy {
                        what: "that many logins".into(),
                    },
                    NoValue::Panicked => AskError::Internal { host: host() },
                })
            })
    }
}

/// The header of Basic authentication, if the credential is a password.
pub(super) fn basic(credential: &Credential) -> Option<HeaderValue> {
    let Login::Password { user, password } = credential.login() else {
        return None;
    };
    let pair = STANDARD.encode(format!("{user}:{}", password.reveal()));
    sensitive(&format!("Basic {pair}"))
}

/// The header for a token, if it can be one.
pub(super) fn bearer(token: &str) -> Option<HeaderValue> {
    let is_plain = token.bytes().all(|b| b.is_ascii_graphic());
    (is_plain && !token.is_empty() && token.len() <= MAX_TOKEN)
        .then(|| sensitive(&format!("Bearer {token}")))?
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(value).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// The request for a token to pull, and to do nothing else, whatever the registry asked for.
fn message(
    mut realm: Url,
    service: Option<&str>,
    scope: &str,
    credential: &Credential,
) -> Request<Full<Bytes>> {
    let mut message = Request::new(Full::default());
    if let Login::IdentityToken(token) = credential.login() {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "refresh_token")
            .append_pair("client_id", CLIENT_ID)
            .append_pair("scope", scope)
            .append_pair("refresh_token", token.reveal());
        if let Some(service) = service {
            form.append_pair("service", service);
        }
        *message.body_mut() = Full::from(form.finish());
        *message.method_mut() = Method::POST;
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        message.headers_mut().insert(header::CONTENT_TYPE, form);
    } else {
        let mut query = realm.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", scope);
        drop(query);
        if let Some(basic) = basic(credential) {
            message.headers_mut().insert(header::AUTHORIZATION, basic);
        }
    }
    *message.uri_mut() = realm.as_str().parse().unwrap_or_default();
    let headers = message.headers_mut();
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::ACCEPT, json);
    message
}

#[derive(Deserialize)]
struct TokenDocument {
    #[serde(default)]
    token: Option<String>,
    #[serde(default)]
    access_token: Option<String>,
    #[serde(default)]
    expires_in: Option<u64>,
}

async fn ask(
    transport: &Transport,
    host: &str,
    message: Request<Full<Bytes>>,
    limits: &Limits,
) -> Result<(Token, Duration), AskError> {
    let deadline = Instant::now() + limits.fetch_timeout;
    let realm: Box<str> = message.uri().host().unwrap_or_default().into();
    let timeout = limits.headers_timeout;
    let response = transport.send(message, timeout, deadline).await?;
    if let Some(pause) = retry_after(&response) {
        return Ok((Token::Paused(pause), FAILURE_LIFETIME));
    }
    match response.status() {
        StatusCode::OK => {}
        status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST) => {
            discard(response, deadline).await;
            return Ok((Token::Denied(status), DENIAL_LIFETIME));
        }
        status if status.is_redirection() => {
            return Err(AskError::Redirect {
                host: realm,
                what: "a token",
            });
        }
        status => {
            return Err(AskError::Status {
                host: realm,
                status: status.as_u16(),
                code: None,
            });
        }
    }
    let body = read_body(response, &realm, "a token", limits.token_bytes, deadline).await?;
    let unusable = |reason| AskError::Token {
        host: host.into(),
        reason,
    };
    let document: TokenDocument =
        serde_json::from_slice(&body).map_err(|_| unusable("the answer can't be read"))?;
    let written = |token: &String| !token.is_empty();
    let token = document.token.filter(written);
    let token = token.or(document.access_token.filter(written));
    let token = token.ok_or_else(|| unusable("the answer holds none"))?;
    let header = bearer(&token).ok_or_else(|| unusable("it does not fit into a header"))?;
    let seconds = document.expires_in.unwrap_or(DEFAULT_LIFETIME);
    let lifetime = Duration::from_secs(seconds).min(LONGEST_LIFETIME + MARGIN);
    // Very short ones are used for half of their time.
    let lifetime = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
    Ok((Token::Header(header), lifetime.min(LONGEST_LIFETIME)))
}
