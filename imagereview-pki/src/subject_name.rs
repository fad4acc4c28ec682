//! A name in a server certificate.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rustls_pki_types::DnsName;

/// A name in a server certificate: an entry of its subject alternative name (RFC 5280, section
/// 4.2.1.6).
///
/// ```
/// use imagereview_pki::SubjectName;
///
/// assert_eq!("Webhook.Example.com.".parse(), Ok(SubjectName::Dns("webhook.example.com".into())));
/// assert_eq!("192.0.2.1".parse(), Ok(SubjectName::Ip([192, 0, 2, 1].into())));
/// assert_eq!("[::1]".parse::<SubjectName>(), "::1".parse());
/// assert!("*.example.com".parse::<SubjectName>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SubjectName {
    /// A DNS name. Parsing converts it to lower case and removes a final dot, because certificates
    /// have it so and peers compare it so.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
}

/// An invalid server name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid server name {text:?}: write an IP address or a DNS name in ASCII, without wildcard, port or scheme"
)]
pub struct SubjectNameError {
    text: String,
}

impl SubjectNameError {
    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The name as certificates have it.
pub(crate) fn dns_name(text: &str) -> Result<String, SubjectNameError> {
    DnsName::try_from(text)
        .map(|name| {
            let name = name.as_ref();
            name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
        })
        .map_err(|_| SubjectNameError {
            text: text.to_owned(),
        })
}

impl FromStr for SubjectName {
    type Err = SubjectNameError;

    /// Parses an IP address or a DNS name. An IPv6 address may have the brackets of a URL.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let bracketed = text
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        match bracketed.map(str::parse::<Ipv6Addr>) {
            Some(Ok(address)) => Ok(Self::Ip(address.into())),
            _ => dns_name(text).map(Self::Dns),
        }
    }
}

impl fmt::Display for SubjectName {
    /// Writes a text that [`FromStr`] parses. An IPv6 address has no brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => f.write_str(name),
            Self::Ip(address) => address.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_certificates_hold_them() {
        let long_label = "a".repeat(63);
        let too_long_label = "a".repeat(64);
        let rows: &[(&str, Option<SubjectName>)] = &[
            ("localhost", Some(SubjectName::Dns("localhost".into()))),
            (
                "WebHook.example.COM",
                Some(SubjectName::Dns("webhook.example.com".into())),
            ),
            ("example.com.", Some(SubjectName::Dns("example.com".into()))),
            (
                "xn--bcher-kva.example",
                Some(SubjectName::Dns("xn--bcher-kva.example".into())),
            ),
            (&long_label, Some(SubjectName::Dns(long_label.clone()))),
            ("192.0.2.1", Some(SubjectName::Ip([192, 0, 2, 1].into()))),
            ("::1", Some(SubjectName::Ip(Ipv6Addr::LOCALHOST.into()))),
            ("[::1]", Some(SubjectName::Ip(Ipv6Addr::LOCALHOST.into()))),
            ("", None),
            (".", None),
            ("a..b", None),
            ("-a.example.com", None),
            ("*.example.com", None),
            ("bücher.example", None),
            ("exam ple.com", None),
            ("example.com\n", None),
            ("example.com\0", None),
            ("example.com:8443", None),
            ("https://example.com", None),
            ("192.0.2.256", None),
            ("192.0.2", None),
            ("[192.0.2.1]", None),
            ("[::1", None),
            ("fe80::1%eth0", None),
            (&too_long_label, None),
        ];
        for (text, expected) in rows {
            let parsed = text.parse::<SubjectName>();
            if let Some(name) = expected {
                assert_eq!(parsed.as_ref(), Ok(name), "{text:?}");
                assert_eq!(name.to_string().parse().as_ref(), Ok(name), "{text:?}");
            } else {
                let error = parsed.expect_err(text);
                assert_eq!(error.text(), *text);
                assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
            }
        }
    }
}
