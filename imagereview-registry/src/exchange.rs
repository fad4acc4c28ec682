//! One request to a registry, with the logins, redirects and statuses that it comes to.

mod status;
mod token;

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::time::Instant;
use tracing::Instrument as _;
use url::Url;

pub(crate) use self::token::Tokens;
use self::{
    status::{error_code, retry_after},
    token::{Token, basic},
};
use crate::{
    challenge::Challenge,
    credentials::{Credential, Keyring, Login, Target},
    error::AskError,
    hosts::{Hosts, Permit},
    http::{USER_AGENT, discard, read_body},
    limits::Limits,
    observe::{Asked, Observer, Outcome},
    realm::{self, Asker},
    registries::{Endpoint, Host},
};

/// What is asked for, which says how it may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Manifest,
    Blob,
    /// The list of what refers to a manifest.
    Referrers,
}

impl What {
    /// The words for people.
    fn name(self) -> &'static str {
        match self {
            Self::Manifest => "a manifest",
            Self::Blob => "a blob",
            Self::Referrers => "a list of referrers",
        }
    }

    /// The part of the path.
    fn path(self) -> &'static str {
        match self {
            Self::Manifest => "manifests",
            Self::Blob => "blobs",
            Self::Referrers => "referrers",
        }
    }

    fn limit(self, limits: &Limits) -> usize {
        match self {
            Self::Manifest | Self::Referrers => limits.manifest_bytes,
            Self::Blob => limits.blob_bytes,
        }
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) enum Reply<T> {
    Found(T),
    Absent,
}

/// The headers that matter of an answer.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) content_type: Option<String>,
    /// What the server says that the digest is.
    pub(crate) digest: Option<String>,
    /// The link to the next page of a list.
    pub(crate) next: Option<String>,
    /// Which credentials were used, in words that may be shown.
    pub(crate) credentials: Arc<str>,
}

/// What requests share.
pub(crate) struct Exchanges {
    pub(crate) limits: Limits,
    pub(crate) hosts: Hosts,
    pub(crate) tokens: Tokens,
    observer: Option<Arc<dyn Observer>>,
}

/// A request that was not denied.
struct Answered {
    response: Response<Incoming>,
    credentials: Arc<str>,
    /// Held until the body is read.
    permit: Permit,
}

/// What came of a request with one credential.
enum Attempt {
    Answered {
        response: Response<Incoming>,
        permit: Permit,
        /// Whether the credential was sent.
        was_used: bool,
    },
    Denied(StatusCode),
}

/// What to say in the header `Authorization` after a challenge.
enum Authorization {
    Header(HeaderValue),
    Denied(StatusCode),
}

/// Where a request goes, and for whom.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) keyring: &'a Keyring,
    /// The repository as the image names it.
    pub(crate) repository: &'a str,
    pub(crate) deadline: Instant,
}

impl fmt::Debug for Exchanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanges").finish_non_exhaustive()
    }
}

impl Exchanges {
    pub(crate) fn new(limits: Limits, observer: Option<Arc<dyn Observer>>) -> Self {
        Self {
            observer,
            hosts: Hosts::new(&limits),
            tokens: Tokens::new(limits.fetches),
            limits,
        }
    }

    /// Who is told what is done.
    pub(crate) fn observer(&self) -> Option<&dyn Observer> {
        self.observer.as_deref()
    }

    /// Asks for the headers of a manifest.
    pub(crate) async fn head(
        &self,
        subject: Subject<'_>,
        reference: &str,
    ) -> Result<Reply<Head>, AskError> {
        let reply = self.find_head(subject, reference);
        self.observed(subject, What::Manifest, reply).await
    }

    /// Asks for content.
    pub(crate) async fn get(
        &self,
        subject: Subject<'_>,
        what: What,
        reference: &str,
    ) -> Result<Reply<(Head, Bytes)>, AskError> {
        let reply = self.find(subject, what, reference);
        self.observed(subject, what, reply).await
    }

    /// Reports what came of asking for one thing.
    async fn observed<T>(
        &self,
        subject: Subject<'_>,
        what: What,
        reply: impl Future<Output = Result<Reply<T>, AskError>>,
    ) -> Result<Reply<T>, AskError> {
        let endpoint = subject.endpoint;
        let span = tracing::debug_span!(
            "registry",
            host = %endpoint.authority,
            repository = subject.repository,
            what = what.name(),
            outcome = tracing::field::Empty,
        );
        let started = Instant::now();
        let reply = reply.instrument(span.clone()).await;
        let outcome = match &reply {
            Ok(Reply::Found(_)) => Outcome::Found,
            Ok(Reply::Absent) => Outcome::Absent,
            Err(error) => Outcome::Unavailable(error.cause()),
        };
        span.record("outcome", outcome.as_str());
        if let Some(observer) = self.observer() {
            let listed_as = endpoint.listed_as.as_ref();
            observer.asked(&Asked {
                registry: listed_as.map_or(&endpoint.registry, Host::as_str),
                is_listed: listed_as.is_some(),
                outcome,
                took: started.elapsed(),
            });
        }
        reply
    }

    async fn find_head(
        &self,
        subject: Subject<'_>,
        reference: &str,
    ) -> Result<Reply<Head>, AskError> {
        let what = What::Manifest;
        let answered = self.ask(subject, Method::HEAD, what, reference).await?;
        Ok(match answered {
            Reply::Absent => Reply::Absent,
            Reply::Found(answered) => Reply::Found(answered.head()),
        })
    }

    async fn find(
        &self,
        subject: Subject<'_>,
        what: What,
        reference: &str,
    ) -> Result<Reply<(Head, Bytes)>, AskError> {
        match self.ask(subject, Method::GET, what, reference).await? {
            Reply::Absent => Ok(Reply::Absent),
            Reply::Found(answered) => {
                let head = answered.head();
                let limit = what.limit(&self.limits);
                let host = &subject.endpoint.authority;
                let Answered {
                    response, permit, ..
                } = answered;
                let body = read_body(response, host, what.name(), limit, subject.deadline).await?;
                drop(permit);
                Ok(Reply::Found((head, body)))
            }
        }
    }

    /// Sends a request with one credential after the other until one isn't denied.
    async fn ask(
        &self,
        subject: Subject<'_>,
        method: Method,
        what: What,
        reference: &str,
    ) -> Result<Reply<Answered>, AskError> {
        let endpoint = subject.endpoint;
        let repository = endpoint.repository(subject.repository);
        let url = format!(
            "{}://{}/v2/{repository}/{}/{reference}",
            endpoint.scheme(),
            endpoint.authority,
            what.path()
        );
        let mut candidates = subject.keyring.candidates(Target {
            registry: &endpoint.registry,
            repository: &repository,
        });
        let mut tried = Vec::new();
        let mut status = StatusCode::UNAUTHORIZED;
        while let Some(credential) = candidates.next().await {
            let request = Prepared {
                url: &url,
                method: &method,
                what,
                repository: &repository,
            };
            match self.attempt(subject, &request, &credential).await? {
                Attempt::Denied(denied) => {
                    status = denied;
                    tried.push(credential.source().to_string());
                }
                Attempt::Answered {
                    response,
                    permit,
                    was_used,
                } => {
                    let answered = Answered {
                        response,
                        credentials: if was_used {
                            Arc::clone(credential.source())
                        } else {
                            Arc::clone(Credential::anonymous().source())
                        },
                        permit,
                    };
                    return self.judge(subject, &request, answered).await;
                }
            }
        }
        tried.extend(candidates.problems().iter().cloned());
        Err(AskError::Denied {
            host: endpoint.authority.clone(),
            status: status.as_u16(),
            tried: tried.join(", ").into(),
        })
    }

    /// Sends a request with one credential: with what worked before, and where that is refused,
    /// with what the registry asks for.
    async fn attempt(
        &self,
        subject: Subject<'_>,
        request: &Prepared<'_>,
        credential: &Credential,
    ) -> Result<Attempt, AskError> {
        let endpoint = subject.endpoint;
        let key = token::Key::new(endpoint, request.repository, credential);
        if let Some(status) = self.tokens.denied(&key) {
            return Ok(Attempt::Denied(status));
        }
        let known = match credential.login() {
            Login::RegistryToken(token) => token::bearer(token.reveal()),
            _ => self.tokens.get(&key),
        };
        let permit = self
            .hosts
            .permit(&endpoint.authority, endpoint.max_requests, subject.deadline)
            .await?;
        let response = self.send(subject, request, known.as_ref()).await?;
        let status = response.status();
        if !is_denial(status) {
            return Ok(Attempt::Answered {
                response,
                permit,
                was_used: known.is_some(),
            });
        }
        let offered = challenges(&endpoint.authority, &response)?;
        discard(response, subject.deadline).await;
        if matches!(credential.login(), Login::RegistryToken(_)) {
            return Ok(Attempt::Denied(status));
        }
        if known.is_some() {
            // It may have expired, or been taken back.
            self.tokens.remove(&key);
        }
        let authorization = self
            .authorize(subject, credential, key.clone(), &offered, status)
            .await?;
        let header = match authorization {
            Authorization::Header(header) => header,
            Authorization::Denied(status) => {
                self.tokens.deny(key, status);
                return Ok(Attempt::Denied(status));
            }
        };
        let response = self.send(subject, request, Some(&header)).await?;
        let status = response.status();
        if is_denial(status) {
            discard(response, subject.deadline).await;
            self.tokens.deny(key, status);
            return Ok(Attempt::Denied(status));
        }
        Ok(Attempt::Answered {
            response,
            permit,
            was_used: true,
        })
    }

    /// What to say after a challenge.
    async fn authorize(
        &self,
        subject: Subject<'_>,
        credential: &Credential,
        key: token::Key,
        offered: &[Challenge],
        status: StatusCode,
    ) -> Result<Authorization, AskError> {
        let endpoint = subject.endpoint;
        let bearer = offered.iter().find_map(|challenge| match challenge {
            Challenge::Bearer { realm, service } => Some((realm, service)),
            _ => None,
        });
        if let Some((realm, service)) = bearer {
            let asker = Asker {
                authority: &endpoint.authority,
                is_plain: endpoint.is_plain,
                realms: &endpoint.realms,
            };
            let realm = realm::check(asker, realm)?;
            let token = self
                .tokens
                .fetch(
                    endpoint,
                    key,
                    credential,
                    realm,
                    service.as_deref(),
                    &self.limits,
                )
                .await;
            return match token {
                Token::Header(header) => Ok(Authorization::Header(header)),
                Token::Denied(status) => Ok(Authorization::Denied(status)),
                Token::Paused(pause) => Err(self.hosts.pause(&endpoint.authority, pause)),
                Token::Failed(error) => Err(error),
            };
        }
        let is_basic = offered.contains(&Challenge::Basic);
        if !is_basic && !offered.is_empty() {
            return Err(AskError::UnknownChallenge {
                host: endpoint.authority.clone(),
            });
        }
        // Some registries, such as those of AWS once, deny without saying how to log in.
        match basic(credential) {
            Some(header) => {
                self.tokens.keep(key, header.clone());
                Ok(Authorization::Header(header))
            }
            None => Ok(Authorization::Denied(status)),
        }
    }

    async fn send(
        &self,
        subject: Subject<'_>,
        request: &Prepared<'_>,
        authorization: Option<&HeaderValue>,
    ) -> Result<Response<Incoming>, AskError> {
        let mut message = request.message(request.url);
        if let Some(authorization) = authorization {
            let headers = message.headers_mut();
            headers.insert(header::AUTHORIZATION, authorization.clone());
        }
        let timeout = self.limits.headers_timeout;
        let transport = &subject.endpoint.transport;
        let response = transport.send(message, timeout, subject.deadline).await;
        tracing::debug!(
            registry = %subject.endpoint.authority,
            method = %request.method,
            status = response.as_ref().ok().map(|response| response.status().as_u16()),
            "asked a registry"
        );
        response
    }

    /// Says what the status of an answer means.
    async fn judge(
        &self,
        subject: Subject<'_>,
        request: &Prepared<'_>,
        answered: Answered,
    ) -> Result<Reply<Answered>, AskError> {
        let host = &subject.endpoint.authority;
        let status = answered.response.status();
        if status == StatusCode::OK {
            return Ok(Reply::Found(answered));
        }
        if status == StatusCode::NOT_FOUND {
            discard(answered.response, subject.deadline).await;
            return Ok(Reply::Absent);
        }
        if status.is_redirection() {
            return self.follow(subject, request, answered).await;
        }
        if let Some(pause) = retry_after(&answered.response) {
            return Err(self.hosts.pause(host, pause));
        }
        Err(AskError::Status {
            host: host.clone(),
            status: status.as_u16(),
            code: error_code(answered.response, subject.deadline).await,
        })
    }

    /// Follows one redirect, without credentials.
    async fn follow(
        &self,
        subject: Subject<'_>,
        request: &Prepared<'_>,
        answered: Answered,
    ) -> Result<Reply<Answered>, AskError> {
        let endpoint = subject.endpoint;
        let target = redirect_target(endpoint, request, &answered.response)?;
        discard(answered.response, subject.deadline).await;
        let message = request.message(target.as_str());
        let timeout = self.limits.headers_timeout;
        let response = endpoint
            .transport
            .send(message, timeout, subject.deadline)
            .await?;
        match response.status() {
            StatusCode::OK => Ok(Reply::Found(Answered {
                response,
                ..answered
            })),
            StatusCode::NOT_FOUND if request.what != What::Blob => Ok(Reply::Absent),
            status if status.is_redirection() => Err(AskError::RedirectTarget {
                host: endpoint.authority.clone(),
                target: shown(&target),
                reason: "which redirects further; one redirect is followed",
            }),
            status => Err(AskError::Status {
                host: shown(&target),
                status: status.as_u16(),
                code: None,
            }),
        }
    }
}

impl Answered {
    fn head(&self) -> Head {
        let header = |name| {
            let value = self.response.headers().get(name)?;
            value.to_str().ok().map(str::to_owned)
        };
        Head {
            content_type: header("content-type"),
            digest: header("docker-content-digest"),
            next: header("link"),
            credentials: Arc::clone(&self.credentials),
        }
    }
}

/// A request before it is known who sends it.
struct Prepared<'a> {
    url: &'a str,
    method: &'a Method,
    what: What,
    repository: &'a str,
}

impl Prepared<'_> {
    /// The request to a URL, with nobody's credentials.
    fn message(&self, url: &str) -> Request<Full<Bytes>> {
        let mut message = Request::new(Full::default());
        *message.method_mut() = self.method.clone();
        // What can't be a URI leads nowhere, and sending it says so.
        *message.uri_mut() = url.parse().unwrap_or_default();
        let headers = message.headers_mut();
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        let accept = match self.what {
            What::Manifest => imagereview_core::facts::MediaType::ACCEPTED,
            What::Referrers => "application/vnd.oci.image.index.v1+json",
            What::Blob => "*/*",
        };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        message
    }
}

fn is_denial(status: StatusCode) -> bool {
    matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
}

fn challenges(host: &str, response: &Response<Incoming>) -> Result<Vec<Challenge>, AskError> {
    let mut all = Vec::new();
    for value in response.headers().get_all(header::WWW_AUTHENTICATE) {
        let found = Challenge::parse_header(value.as_bytes());
        all.extend(found.map_err(|error| AskError::Challenge {
            host: host.into(),
            reason: error.0,
        })?);
    }
    Ok(all)
}

/// Where a redirect leads, if it may be followed.
fn redirect_target(
    endpoint: &Endpoint,
    request: &Prepared<'_>,
    response: &Response<Incoming>,
) -> Result<Url, AskError> {
    let host = &endpoint.authority;
    let location = response.headers().get(header::LOCATION);
    let location = location.and_then(|location| location.to_str().ok());
    let base = Url::parse(request.url).ok();
    let target = base.and_then(|base| base.join(location?).ok());
    let target = target.ok_or_else(|| AskError::Redirect {
        host: host.clone(),
        what: request.what.name(),
    })?;
    let authority = target.host_str().map(|name| match target.port() {
        None => name.to_owned(),
        Some(port) => format!("{name}:{port}"),
    });
    let is_allowed = request.what == What::Blob
        || authority.is_some_and(|authority| {
            let mut allowed = endpoint.redirects.iter();
            allowed.any(|host| host.covers(&authority))
        });
    if !is_allowed {
        return Err(AskError::Redirect {
            host: host.clone(),
            what: request.what.name(),
        });
    }
    let refuse = |reason| AskError::RedirectTarget {
        host: host.clone(),
        target: shown(&target),
        reason,
    };
    if target.scheme() != "https" && !(endpoint.is_plain && target.scheme() == "http") {
        return Err(refuse("which is not https"));
    }
    if !target.username().is_empty() || target.password().is_some() {
        return Err(refuse("a URL with a user"));
    }
    Ok(target)
}

/// The scheme and host of a URL. Its path and query may hold a signature that is as good as a
/// credential.
fn shown(url: &Url) -> Box<str> {
    format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default()).into()
}
