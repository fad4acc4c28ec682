//! Where a registry may send those who want a token.
//!
//! Whoever answers in a registry's place names the server that gets its credentials, so not every
//! name is taken: CVE-2020-15157 of containerd was just that.

use url::Url;

use crate::error::AskError;

/// A server that gives out tokens, as the registries file names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRealm(Url);

/// Why a URL is none that tokens may be had from.
pub(crate) const REALM_FORM: &str =
    "a URL such as https://auth.example.com/token, without user, query and fragment";

impl TokenRealm {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let is_plain = matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && has_no_user(&url)
            && url.query().is_none()
            && url.fragment().is_none();
        is_plain.then_some(Self(url))
    }

    /// Whether a URL is that of this server: of the same scheme, host and port, and of the same path
    /// unless none was written.
    fn covers(&self, url: &Url) -> bool {
        let is_same_path = self.0.path() == "/" || self.0.path() == url.path();
        is_same_path && self.0.origin() == url.origin()
    }
}

fn has_no_user(url: &Url) -> bool {
    url.username().is_empty() && url.password().is_none()
}

/// The registry that asks for a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    /// Its host and port, as in a URL.
    pub(crate) authority: &'a str,
    /// Whether it is asked over plain HTTP.
    pub(crate) is_plain: bool,
    /// What its configuration allows.
    pub(crate) realms: &'a [TokenRealm],
}

/// The URL to ask for a token, if the registry may send us there.
pub(crate) fn check(asker: Asker<'_>, realm: &str) -> Result<Url, AskError> {
    let url = Url::parse(realm).map_err(|_| AskError::Challenge {
        host: asker.authority.into(),
        reason: "its realm is no URL",
    })?;
    let refuse = |reason| AskError::Realm {
        host: asker.authority.into(),
        // Its path may hold anything.
        realm: format!(
            "{}://{}",
            if url.scheme() == "https" {
                "https"
            } else {
                "http"
            },
            url.host_str().unwrap_or_default()
        )
        .into(),
        reason,
    };
    if !has_no_user(&url) || url.fragment().is_some() {
        return Err(refuse("a URL with a user or a fragment"));
    }
    if asker.realms.iter().any(|allowed| allowed.covers(&url)) {
        return Ok(url);
    }
    let scheme = if asker.is_plain { "http" } else { "https" };
    match url.scheme() {
        "https" => {}
        "http" if asker.is_plain => {}
        _ => return Err(refuse("which is not https")),
    }
    let asker_url = Url::parse(&format!("{scheme}://{}/", asker.authority));
    let Ok((asker_host, realm_host)) = asker_url.as_ref().map(|asker| {
        (
            asker.host_str().unwrap_or_default(),
            url.host_str().unwrap_or_default(),
        )
    }) else {
        return Err(refuse("which can't be compared with its name"));
    };
    if asker_host == realm_host || have_one_owner(asker_host, realm_host) {
        Ok(url)
    } else {
        Err(refuse("which belongs to another domain"))
    }
}

/// Domains whose hosts are registries of different owners, and which the Public Suffix List does not
/// have.
///
/// Sources: [Azure](https://learn.microsoft.com/azure/container-registry/container-registry-concepts),
/// [JFrog](https://jfrog.com/help/r/jfrog-artifactory-documentation/docker-registry).
const SHARED_DOMAINS: [&str; 4] = ["azurecr.cn", "azurecr.io", "azurecr.us", "jfrog.io"];

/// Whether two hosts are of one registrable domain, by the [Public Suffix
/// List](https://publicsuffix.org/): `registry-1.docker.io` and `auth.docker.io` are,
/// `a.azurecr.io` and `b.azurecr.io` are not.
fn have_one_owner(one: &str, other: &str) -> bool {
    // `example` is one label, and so is an address, as far as the list knows.
    let domain = |host: &str| {
        let is_name = host
            .rsplit('.')
            .next()?
            .starts_with(|c: char| c.is_ascii_alphabetic());
        let host = is_name.then(|| host.to_owned())?;
        // A name whose end is on no list may be one of a private network, where each host has an
        // owner of its own.
        let domain = psl::domain(host.as_bytes())?;
        let name = std::str::from_utf8(domain.as_bytes()).ok()?;
        let is_one_owners = domain.suffix().is_known() && !SHARED_DOMAINS.contains(&name);
        is_one_owners.then(|| name.to_owned())
    };
    domain(one).is_some_and(|domain_of_one| domain(other) == Some(domain_of_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use imagereview_core::facts::Cause;

    #[test]
    fn realms_are_allowed_only_where_the_registry_may_send_us() {
        let configured = [
            TokenRealm::parse("https://login.example.net/oauth").unwrap(),
            TokenRealm::parse("http://127.0.0.1:5001").unwrap(),
        ];
        for (authority, realm, is_allowed) in [
            // Those of real registries.
            ("registry-1.docker.io", "https://auth.docker.io/token", true),
            ("ghcr.io", "https://ghcr.io/token", true),
            ("quay.io", "https://quay.io/v2/auth", true),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth", true),
            (
                "us-docker.pkg.dev",
                "https://us-docker.pkg.dev/v2/token",
                true,
            ),
            (
                "myteam.azurecr.io",
                "https://myteam.azurecr.io/oauth2/token",
                true,
            ),
            (
                "harbor.example.com:8443",
                "https://harbor.example.com:8443/service/token",
                true,
            ),
            // A sibling within one domain, and none where the domain has many owners.
            (
                "registry.example.com",
                "https://auth.example.com/token",
                true,
            ),
            (
                "registry.example.co.uk",
                "https://auth.example.co.uk/token",
                true,
            ),
            ("registry.example.co.uk", "https://evil.co.uk/token", false),
            (
                "myteam.azurecr.io",
                "https://evil.azurecr.io/oauth2/token",
                false,
            ),
            (
                "registry.example.com",
                "https://example.com.evil.net/token",
                false,
            ),
            ("registry.example.com", "https://evil.net/token", false),
            (
                "registry.example.com",
                "http://registry.example.com/token",
                false,
            ),
            (
                "registry.example.com",
                "https://user:pw@registry.example.com/token",
                false,
            ),
            (
                "registry.example.com",
                "https://registry.example.com/token#x",
                false,
            ),
            (
                "registry.example.com",
                "https://169.254.169.254/latest",
                false,
            ),
            ("registry.example.com", "file:///etc/passwd", false),
            (
                "registry.example.com",
                "//registry.example.com/token",
                false,
            ),
            ("10.0.0.1", "https://10.0.0.2/token", false),
            ("10.0.0.1", "https://10.0.0.1:444/token", true),
            ("registry", "https://auth/token", false),
            ("harbor.internal", "https://auth.internal/token", false),
            ("a.team.internal", "https://b.team.internal/token", false),
            // What the configuration says.
            (
                "registry.example.com",
                "https://login.example.net/oauth?x=1",
                true,
            ),
            (
                "registry.example.com",
                "https://login.example.net/other",
                false,
            ),
            (
                "registry.example.com",
                "https://login.example.net:444/oauth",
                false,
            ),
            ("registry.example.com", "http://127.0.0.1:5001/any", true),
            ("registry.example.com", "http://127.0.0.1:5002/any", false),
        ] {
            let asker = Asker {
                authority,
                is_plain: false,
                realms: &configured,
            };
            let found = check(asker, realm);
            assert_eq!(found.is_ok(), is_allowed, "{authority} {realm}: {found:?}");
            if let Err(error) = found {
                let cause = error.cause();
                assert!(
                    matches!(cause, Cause::Forbidden | Cause::Malformed),
                    "{authority} {realm}: {cause}"
                );
            }
        }
    }

    #[test]
    fn a_registry_of_plain_http_may_send_us_to_itself_over_plain_http() {
        let asker = Asker {
            authority: "localhost:5000",
            is_plain: true,
            realms: &[],
        };
        assert!(check(asker, "http://localhost:5001/token").is_ok());
        assert!(check(asker, "http://registry.example.com/token").is_err());
    }
}
