//! Whose signature counts, of those that were verified.

use super::glob::Glob;
use crate::{
    document::facts::message,
    facts::{DistinguishedName, Signer},
    language::Message,
    quote::Escaped,
};

/// Who may sign, of all whom a trust vouches for.
#[derive(Debug)]
pub(super) enum Who {
    /// Whoever holds a key.
    Key,
    Keyless {
        issuer: Glob,
        subject: Glob,
        claims: Vec<(Box<str>, Glob)>,
    },
    Certificate {
        subject: Vec<(Box<str>, Glob)>,
        name: Option<Glob>,
    },
    /// One of these, or anybody if there are none.
    Notation {
        identities: Vec<Vec<(Box<str>, Glob)>>,
    },
}

/// The most characters of a signer's name that are shown.
const MAX_CHARS: usize = 200;

fn shown(text: &str) -> Escaped<'_> {
    Escaped(text, MAX_CHARS)
}

impl Who {
    /// Why a signer is none of these.
    pub(super) fn admits(&self, signer: &Signer) -> Result<(), Message> {
        match (self, signer) {
            (Self::Key, Signer::Key { .. }) => Ok(()),
            (
                Self::Keyless {
                    issuer,
                    subject,
                    claims,
                },
                Signer::Keyless {
                    issuer: is_issuer,
                    subject: is_subject,
                    claims: said,
                },
            ) => {
                if !issuer.matches(is_issuer) {
                    let found = shown(is_issuer);
                    return Err(message(
                        format!("its issuer is {found}, not {issuer}"),
                        format!("其签发者是{found},不是{issuer}"),
                    ));
                }
                if !subject.matches(is_subject) {
                    let found = shown(is_subject);
                    return Err(message(
                        format!("its identity is {found}, not {subject}"),
                        format!("其身份是{found},不是{subject}"),
                    ));
                }
                claims.iter().try_for_each(|(name, glob)| {
                    let value = said.get(&**name).map(String::as_str);
                    has(name, value, glob, "claim", "声明")
                })
            }
            (
                Self::Certificate { subject, name },
                Signer::Certificate {
                    subject: is_subject,
                    names,
                    ..
                },
            ) => {
                has_attributes(subject, is_subject)?;
                match name {
                    Some(glob) if !names.iter().any(|name| glob.matches(name)) => Err(message(
                        format!("its certificate has no alternative name that is {glob}"),
                        format!("其证书没有备用名称{glob}"),
                    )),
                    _ => Ok(()),
                }
            }
            (Self::Notation { identities }, Signer::Notation { subject, .. }) => {
                let is_one = |one: &Vec<(Box<str>, Glob)>| has_attributes(one, subject).is_ok();
                if identities.is_empty() || identities.iter().any(is_one) {
                    return Ok(());
                }
                if let [only] = &identities[..] {
                    return has_attributes(only, subject);
                }
                let subject = subject.to_string();
                let subject = shown(&subject);
                Err(message(
                    format!("its certificate is for {subject}, which is none of the identities"),
                    format!("其证书属于{subject},不在所列身份之中"),
                ))
            }
            _ => Err(Message::new(
                "it is signed in another way than this authority signs",
                "其签名方式与此签署者不同",
            )),
        }
    }
}

/// Who signed, in words.
pub(super) fn describe(signer: &Signer) -> Message {
    match signer {
        Signer::Key { fingerprint } => message(
            format!("the key {}", shown(fingerprint)),
            format!("密钥{}", shown(fingerprint)),
        ),
        Signer::Keyless {
            issuer, subject, ..
        } => message(
            format!("{} (issuer {})", shown(subject), shown(issuer)),
            format!("{}(签发者{})", shown(subject), shown(issuer)),
        ),
        Signer::Certificate { subject, .. } | Signer::Notation { subject, .. } => {
            let subject = subject.to_string();
            message(
                format!("the certificate of {}", shown(&subject)),
                format!("{}的证书", shown(&subject)),
            )
        }
    }
}

fn has_attributes(wanted: &[(Box<str>, Glob)], subject: &DistinguishedName) -> Result<(), Message> {
    wanted.iter().try_for_each(|(name, glob)| {
        let mut values = subject.0.iter().filter(|(kind, _)| kind == name);
        // Of several values one is enough: an attribute may be there more than once.
        let first = values.clone().next().map(|(_, value)| &**value);
        if values.any(|(_, value)| glob.matches(value)) {
            return Ok(());
        }
        has(name, first, glob, "attribute", "属性")
    })
}

/// Why a value is not as it should be.
pub(super) fn has(
    name: &str,
    value: Option<&str>,
    glob: &Glob,
    english: &str,
    chinese: &str,
) -> Result<(), Message> {
    let name = shown(name);
    match value {
        Some(value) if glob.matches(value) => Ok(()),
        Some(value) => {
            let value = shown(value);
            Err(message(
                format!("its {english} {name} is {value}, not {glob}"),
                format!("其{chinese}{name}是{value},不是{glob}"),
            ))
        }
        None => Err(message(
            format!("it has no {english} {name}"),
            format!("没有{chinese}{name}"),
        )),
    }
}
