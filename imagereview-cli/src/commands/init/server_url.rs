//! Where the API server reaches the webhook.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;

use imagereview_pki::{SubjectName, SubjectNameError};
use url::{Host, SyntaxViolation, Url};

/// Where the webhook responds to an `ImageReview` if nothing is put in front of it.
const IMAGE_POLICY: &str = "/image_policy";

/// The URL of the webhook: https, with a host that a certificate can name, and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl {
    url: Url,
    host: SubjectName,
    port: u16,
    path_is_assumed: bool,
}

/// Why a text isn't the URL of a webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ServerUrlError {
    #[error("{}; write https://HOST:PORT/PATH", mistake(*.0))]
    Syntax(url::ParseError),
    /// A browser would overlook it; here it is more likely a mistake.
    #[error("{}; write https://HOST:PORT/PATH", violated(*.0))]
    Violation(SyntaxViolation),
    #[error("it must begin with https://, because the API server sends its reviews over TLS only")]
    Scheme,
    #[error(
        "it must have no user and no password, because the API server shows a client certificate instead"
    )]
    Credentials,
    #[error("it must have no {0}, because the API server adds a query of its own")]
    Suffix(&'static str),
    #[error("its host is another spelling of {0}; write {0}")]
    Address(String),
    #[error("its port is 0; write a number from 1 to 65535")]
    Port,
    #[error("its host {0}")]
    Host(SubjectNameError),
}

/// What is wrong with a text that is no URL.
fn mistake(error: url::ParseError) -> &'static str {
    use url::ParseError as E;

    match error {
        E::EmptyHost => "its host is empty",
        E::InvalidPort => "its port is not a number from 1 to 65535",
        E::InvalidIpv4Address => "its host ends in a number, but is not an IPv4 address",
        E::InvalidIpv6Address => {
            "its host is not an IPv6 address in brackets, without a zone, such as [2001:db8::1]"
        }
        E::IdnaError | E::InvalidDomainCharacter => {
            "its host has a character that no domain name has"
        }
        _ => "it is not a URL",
    }
}

/// What is unusual in a URL that a browser would mend.
fn violated(violation: SyntaxViolation) -> &'static str {
    use SyntaxViolation as V;

    match violation {
        V::Backslash => "it has a backslash",
        V::C0SpaceIgnored => "it begins or ends with a space or a control character",
        V::ExpectedDoubleSlash => "it has no // between https: and the host",
        V::NonUrlCodePoint => {
            "it has a character that must be percent-encoded, such as %20 for a space"
        }
        V::PercentDecode => "it has a % without two hexadecimal digits",
        V::TabOrNewlineIgnored => "it has a tab or a newline",
        V::UnencodedAtSign => "it has more than one @",
        _ => "it is not written as URLs are",
    }
}

impl ServerUrl {
    /// The name or address that the server certificate has to hold.
    pub(crate) fn host(&self) -> &SubjectName {
        &self.host
    }

    /// The port, 443 if the URL names none.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The URL of another path of the same webhook.
    pub(crate) fn with_path(&self, path: &str) -> String {
        let mut url = self.url.clone();
        url.set_path(path);
        url.into()
    }

    /// Whether the URL was given without a path.
    pub(crate) fn path_is_assumed(&self) -> bool {
        self.path_is_assumed
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let violation = Cell::new(None);
        let note = |found| violation.set(violation.get().or(Some(found)));
        let mut url = Url::options()
            .syntax_violation_callback(Some(&note))
            .parse(text)
            .map_err(|error| match error {
                url::ParseError::RelativeUrlWithoutBase => ServerUrlError::Scheme,
                error => ServerUrlError::Syntax(error),
            })?;
        if url.scheme() != "https" {
            return Err(ServerUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServerUrlError::Credentials);
        }
        if let Some(violation) = violation.get() {
            return Err(ServerUrlError::Violation(violation));
        }
        if url.query().is_some() {
            return Err(ServerUrlError::Suffix("query"));
        }
        if url.fragment().is_some() {
            return Err(ServerUrlError::Suffix("fragment"));
        }
        let host = match url.host() {
            Some(Host::Domain(name)) => name.parse().map_err(ServerUrlError::Host)?,
            // `010.0.0.1` is 8.0.0.1 and `10.1` is 10.0.0.1, which few who write them know.
            Some(Host::Ipv4(address)) if !text.contains(&address.to_string()) => {
                return Err(ServerUrlError::Address(address.to_string()));
            }
            Some(Host::Ipv4(address)) => SubjectName::Ip(address.into()),
            Some(Host::Ipv6(address)) => SubjectName::Ip(address.into()),
            None => return Err(ServerUrlError::Syntax(url::ParseError::EmptyHost)),
        };
        let port = url.port().unwrap_or(443);
        if port == 0 {
            return Err(ServerUrlError::Port);
        }
        let path_is_assumed = url.path() == "/";
        if path_is_assumed {
            url.set_path(IMAGE_POLICY);
        }
        Ok(Self {
            url,
            host,
            port,
            path_is_assumed,
        })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_whole() {
        // The text; then the URL that is written, the host, the port, whether the path is assumed.
        let rows = [
            (
                "https://webhook.example.com:8443/image_policy",
                "https://webhook.example.com:8443/image_policy",
                "webhook.example.com",
                8443,
                false,
            ),
            (
                "https://Webhook.example.com",
                "https://webhook.example.com/image_policy",
                "webhook.example.com",
                443,
                true,
            ),
            (
                "HTTPS://webhook.example.com:443/",
                "https://webhook.example.com/image_policy",
                "webhook.example.com",
                443,
                true,
            ),
            (
                "https://192.0.2.1:8443/a/b",
                "https://192.0.2.1:8443/a/b",
                "192.0.2.1",
                8443,
                false,
            ),
            (
                "https://[2001:DB8:0::1]:8443/image_policy",
                "https://[2001:db8::1]:8443/image_policy",
                "2001:db8::1",
                8443,
                false,
            ),
            (
                "https://bücher.example/image_policy",
                "https://xn--bcher-kva.example/image_policy",
                "xn--bcher-kva.example",
                443,
                false,
            ),
        ];
        for row @ (text, written, host, port, path_is_assumed) in rows {
            let url: ServerUrl = text
                .parse()
                .unwrap_or_else(|error| panic!("{row:?}: {error}"));
            assert_eq!(url.to_string(), written, "{row:?}");
            assert_eq!(url.host().to_string(), host, "{row:?}");
            assert_eq!(url.port(), port, "{row:?}");
            assert_eq!(url.path_is_assumed(), path_is_assumed, "{row:?}");
        }
    }

    #[test]
    fn what_no_api_server_could_call_is_refused_with_the_reason() {
        let rows = [
            ("", "begin with https://"),
            ("webhook.example.com", "begin with https://"),
            ("webhook.example.com:8443", "begin with https://"),
            ("//webhook.example.com", "begin with https://"),
            ("http://webhook.example.com", "begin with https://"),
            ("unix:///run/webhook.sock", "begin with https://"),
            ("https://", "host is empty"),
            ("https:///image_policy", "no // between"),
            ("https:webhook.example.com", "no // between"),
            (r"https:\\webhook.example.com", "no // between"),
            ("https://webhook.example.com\\@evil.example", "backslash"),
            (" https://webhook.example.com", "space"),
            ("https://webhook.exa\nmple.com", "newline"),
            ("https://user@webhook.example.com", "no user"),
            ("https://:secret@webhook.example.com", "no user"),
            ("https://webhook.example.com/?a=b", "no query"),
            ("https://webhook.example.com/p?", "no query"),
            ("https://webhook.example.com/p#x", "no fragment"),
            ("https://webhook.example.com/a b", "percent-encoded"),
            ("https://webhook.example.com:0/", "port"),
            ("https://webhook.example.com:65536/", "port"),
            ("https://webhook.example.com:x/", "port"),
            ("https://010.0.0.1/", "8.0.0.1"),
            ("https://10.1/", "10.0.0.1"),
            ("https://0x7f000001/", "127.0.0.1"),
            ("https://192.0.2.256/", "IPv4"),
            ("https://2001:db8::1/", "port"),
            ("https://[2001:db8::1/", "IPv6"),
            ("https://[fe80::1%25eth0]/", "IPv6"),
            ("https://*.example.com/", "\"*.example.com\""),
            ("https://-a.example.com/", "\"-a.example.com\""),
            ("https://$(id)/", "\"$(id)\""),
            ("https://a'b\"c/", "\"a'b"),
            ("https://a:b: c/", "port"),
            ("https://a b/", "domain"),
        ];
        for (text, reason) in rows {
            let error = text.parse::<ServerUrl>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}
