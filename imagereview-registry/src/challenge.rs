//! What a registry wants as a login: the header `WWW-Authenticate`.
//!
//! ```text
//! header    := challenge { "," challenge }
//! challenge := scheme [ parameter { "," parameter } | token68 ]
//! parameter := name "=" ( token | quoted )
//! ```
//!
//! Source: [RFC 9110, section 11.6.1](https://www.rfc-editor.org/rfc/rfc9110#section-11.6.1).

/// The most bytes of a header that are read.
const MAX_LEN: usize = 8 << 10;

/// The most challenges and parameters that are read.
const MAX_PARTS: usize = 32;

/// One way to log in that a registry offers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Challenge {
    /// A user name and a password, with each request.
    Basic,
    /// A token, from another server.
    Bearer {
        /// Where the token is to be had.
        realm: String,
        /// The name of the registry, as that server knows it.
        service: Option<String>,
    },
    /// Some other way.
    Other,
}

/// A header can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ChallengeError(pub(crate) &'static str);

impl Challenge {
    /// Reads one header; it may hold several challenges.
    ///
    /// ```
    /// use imagereview_registry::Challenge;
    ///
    /// let header = r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",Basic realm="x""#;
    /// let challenges = Challenge::parse_header(header.as_bytes())?;
    /// assert_eq!(challenges.len(), 2);
    /// assert_eq!(challenges[1], Challenge::Basic);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The header is not a list of challenges, is too long, or says one thing twice.
    pub fn parse_header(header: &[u8]) -> Result<Vec<Self>, ChallengeError> {
        if header.len() > MAX_LEN {
            return Err(ChallengeError("the header is too long"));
        }
        let text = std::str::from_utf8(header).map_err(|_| ChallengeError("it is not text"))?;
        let mut reader = Reader(text);
        let mut challenges = Vec::new();
        let mut parts = 0_usize;
        reader.skip_commas();
        while !reader.0.is_empty() {
            let scheme = reader
                .token()
                .ok_or(ChallengeError("no scheme stands there"))?;
            let has_space = reader.skip_spaces();
            if has_space {
                reader.token68();
            }
            let mut realm = None;
            let mut service = None;
            loop {
                let before = reader.0;
                reader.skip_commas();
                let Some((name, value)) = reader.parameter()? else {
                    reader.0 = before;
                    break;
                };
                parts += 1;
                if parts > MAX_PARTS {
                    return Err(ChallengeError("there are too many parameters"));
                }
                let slot = if name.eq_ignore_ascii_case("realm") {
                    &mut realm
                } else if name.eq_ignore_ascii_case("service") {
                    &mut service
                } else {
                    continue;
                };
                if slot.replace(value).is_some() {
                    return Err(ChallengeError("a parameter stands twice"));
                }
            }
            parts += 1;
            if parts > MAX_PARTS {
                return Err(ChallengeError("there are too many challenges"));
            }
            challenges.push(if scheme.eq_ignore_ascii_case("basic") {
                Self::Basic
            } else if scheme.eq_ignore_ascii_case("bearer") {
                let realm = realm.ok_or(ChallengeError("a Bearer challenge has no realm"))?;
                Self::Bearer { realm, service }
            } else {
                Self::Other
            });
            reader.skip_spaces();
            if !reader.0.is_empty() && !reader.skip_commas() {
                return Err(ChallengeError("a comma is missing"));
            }
        }
        Ok(challenges)
    }
}

/// The rest of a header.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    fn skip_spaces(&mut self) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t']);
        let is_any = rest.len() < self.0.len();
        self.0 = rest;
        is_any
    }

    /// Passes over commas and spaces, and tells whether there was a comma.
    fn skip_commas(&mut self) -> bool {
        let rest = self.0.trim_start_matches([' ', '\t', ',']);
        let is_any = self.0[..self.0.len() - rest.len()].contains(',');
        self.0 = rest;
        is_any
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// Passes over what stands in place of parameters in some schemes, if it does.
    fn token68(&mut self) {
        let end = self.0.find([',', ' ', '\t']).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        let body = word.trim_end_matches('=');
        let is_token68 = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        let is_last = rest.trim_start_matches([' ', '\t']);
        if !body.is_empty()
            && body.chars().all(is_token68)
            && (is_last.is_empty() || is_last.starts_with(','))
        {
            self.0 = rest;
        }
    }

    /// A parameter, if one stands there: a name that is followed by `=`.
    fn parameter(&mut self) -> Result<Option<(&'a str, String)>, ChallengeError> {
        let before = self.0;
        let Some(name) = self.token() else {
            return Ok(None);
        };
        self.skip_spaces();
        let Some(rest) = self.0.strip_prefix('=') else {
            self.0 = before;
            return Ok(None);
        };
        self.0 = rest;
        self.skip_spaces();
        let value = if let Some(rest) = self.0.strip_prefix('"') {
            self.0 = rest;
            self.quoted()?
        } else {
            let value = self.token().ok_or(ChallengeError("a value is missing"))?;
            value.to_owned()
        };
        Ok(Some((name, value)))
    }

    /// The rest of a quoted text, whose first quotation mark was read.
    fn quoted(&mut self) -> Result<String, ChallengeError> {
        let mut value = String::new();
        let mut chars = self.0.char_indices();
        while let Some((index, c)) = chars.next() {
            let c = match c {
                '"' => {
                    self.0 = &self.0[index + 1..];
                    return Ok(value);
                }
                '\\' => chars
                    .next()
                    .map(|(_, c)| c)
                    .ok_or(ChallengeError("a quotation does not end"))?,
                c => c,
            };
            if c.is_control() {
                return Err(ChallengeError("a value holds a control character"));
            }
            value.push(c);
        }
        Err(ChallengeError("a quotation does not end"))
    }
}

/// Source: [RFC 9110, section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        }
    }

    #[test]
    fn headers_are_read_as_the_rfc_says() {
        let token = "https://auth.example.com/token";
        for (header, expected) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("Basic", vec![Challenge::Basic]),
            (
                r#"basic realm="a, b", charset="UTF-8""#,
                vec![Challenge::Basic],
            ),
            (
                r#"Bearer realm="https://auth.example.com/token",service="r",scope="repository:a:pull""#,
                vec![bearer(token, Some("r"))],
            ),
            (
                r#"BEARER Realm = "https://auth.example.com/token" , SERVICE=r"#,
                vec![bearer(token, Some("r"))],
            ),
            (
                r#"Basic realm="a",Bearer realm="https://auth.example.com/token""#,
                vec![Challenge::Basic, bearer(token, None)],
            ),
            (
                r#"Negotiate abc=, Bearer realm="https://auth.example.com/token""#,
                vec![Challenge::Other, bearer(token, None)],
            ),
            (r#"Bearer realm="a\"b""#, vec![bearer("a\"b", None)]),
            (
                "Digest qop=auth, Basic",
                vec![Challenge::Other, Challenge::Basic],
            ),
        ] {
            assert_eq!(
                Challenge::parse_header(header.as_bytes()),
                Ok(expected),
                "{header}"
            );
        }
    }

    #[test]
    fn headers_that_say_two_things_are_refused() {
        for (header, reason) in [
            (r#"Bearer realm="a",realm="b""#, "a parameter stands twice"),
            (r#"Bearer service="a""#, "a Bearer challenge has no realm"),
            (r#"Bearer realm="a"#, "a quotation does not end"),
            ("Bearer realm=\"a\\", "a quotation does not end"),
            ("Bearer realm=\"a\tb\"", "a value holds a control character"),
            ("Bearer a=b, realm=", "a value is missing"),
            ("Bearer realm=", "a Bearer challenge has no realm"),
            ("\"", "no scheme stands there"),
            (r#"Basic realm="a" Bearer realm="b""#, "a comma is missing"),
        ] {
            let found = Challenge::parse_header(header.as_bytes());
            assert_eq!(found, Err(ChallengeError(reason)), "{header}");
        }
        let long = format!("Basic {}", "a=b,".repeat(3000));
        assert!(Challenge::parse_header(long.as_bytes()).is_err());
        let many = format!("Basic {}", "a=b,".repeat(100));
        assert!(Challenge::parse_header(many.as_bytes()).is_err());
    }
}
