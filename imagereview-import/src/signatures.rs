//! Rules over signatures, of whatever engine.

use crate::{
    cel_reading::regex,
    draft::{Authority, Checks, Document, Rule, Scope, Signed},
    error::ImportError,
    formula::{Atom, Field},
    meaning::{Meaning, Side, shown},
    sink::{Sink, origin},
    wildcard::Wild,
    yaml::At,
};

/// What is said of keyless signatures without a trusted root.
const KEYLESS: &str = "a keyless signature needs the trusted_root.json of its Sigstore instance beside the policy; \
                       name it with --trusted-root";

/// An identity, of the fields `issuer` and `subject` or the regular expressions in `issuerRegExp` and
/// `subjectRegExp`.
pub(crate) fn keyless(at: &At<'_>, sink: &mut Sink) -> Result<Authority, String> {
    let Some(trusted_root) = sink.trusted_root.clone() else {
        return Err(KEYLESS.to_owned());
    };
    let known = [
        "issuer",
        "subject",
        "issuerRegExp",
        "subjectRegExp",
        "rekor",
        "url",
    ];
    for (name, value) in at.entries() {
        if !known.contains(&name) {
            sink.remarks
                .not_taken(&value, "write it into signed.by.keyless by hand");
        }
    }
    let glob = |name: &str, regular: &str| -> Result<String, String> {
        let text = match (at.text_of(name), at.text_of(regular)) {
            (Some(text), None) => text.to_owned(),
            (None, Some(text)) => shown(&regex(text)?.0),
            _ => return Err(format!("it has not one of {name} and {regular}")),
        };
        if text.is_empty() || text.contains(['[', '{', '!']) {
            return Err(format!("{text:?} can't be the {name} in a document"));
        }
        Ok(text)
    };
    Ok(Authority::Keyless {
        issuer: glob("issuer", "issuerRegExp")?,
        subject: glob("subject", "subjectRegExp")?,
        trusted_root,
    })
}

/// Identities of which one must have signed.
pub(crate) fn identities(at: &At<'_>, sink: &mut Sink) -> Result<Authority, String> {
    let mut found = Vec::new();
    for item in at.get("identities").iter().flat_map(At::items) {
        let authority = keyless(&item, sink);
        found.push((item, authority));
    }
    of_several(found, Needed::AtLeast(1), sink)
        .ok_or_else(|| "none of its identities could be taken".to_owned())
}

/// A key in PEM, if it is one that our documents can have.
pub(crate) fn key(pem: &str) -> Result<Authority, String> {
    if pem.contains("{{") || pem.contains("://") || !is_pem(pem) {
        return Err(
            "the key is not in the policy but in another place, such as a secret".to_owned(),
        );
    }
    Ok(Authority::Key(pem.trim().to_owned()))
}

/// Root certificates of notation in PEM.
pub(crate) fn notation(pem: &str) -> Result<Authority, String> {
    if pem.contains("{{") || !is_pem(pem) {
        return Err(
            "the certificate is not in the policy but in another place, such as a secret"
                .to_owned(),
        );
    }
    Ok(Authority::Notation(pem.trim().to_owned()))
}

/// Whether a text is in PEM. What is in it is read when the policy is used.
fn is_pem(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("-----BEGIN ") && text.ends_with("-----")
}

/// How many of several must have signed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Needed {
    All,
    AtLeast(usize),
}

/// Those of several that could be read. One that could not is no alternative: so more is denied, unless each is
/// needed.
pub(crate) fn of_several(
    found: Vec<(At<'_>, Result<Authority, String>)>,
    needed: Needed,
    sink: &mut Sink,
) -> Option<Authority> {
    let all = found.len();
    let mut authorities = Vec::new();
    for (at, one) in found {
        match one {
            Ok(authority) => authorities.push(authority),
            Err(reason) => sink.remarks.not_taken(&at, reason),
        }
    }
    match needed {
        _ if authorities.is_empty() => None,
        Needed::All if authorities.len() < all => None,
        Needed::AtLeast(count) if authorities.len() < count => None,
        Needed::All | Needed::AtLeast(1) if authorities.len() == 1 => authorities.pop(),
        Needed::All => Some(Authority::AllOf(authorities)),
        Needed::AtLeast(1) => Some(Authority::AnyOf(authorities)),
        Needed::AtLeast(count) => Some(Authority::AtLeast(count, authorities)),
    }
}

/// Repositories that patterns over images mean, as broadly as they could be meant; none for all images.
pub(crate) fn repositories(globs: &[(At<'_>, String)], sink: &mut Sink) -> Vec<String> {
    let mut repositories = Vec::new();
    for (at, glob) in globs {
        let sense = Atom::new(Field::Written, Wild::glob(glob)).sense(Side::Deny);
        match sense.meaning {
            Meaning::Names(names) => repositories.extend(names),
            Meaning::NamesAndTags(names, _) => {
                sink.remarks.stricter(
                    at,
                    "the tag says nothing of a signature; here it is about all images of the repository",
                );
                repositories.extend(names);
            }
            Meaning::Nothing => sink.remarks.not_taken(at, "it can match no image"),
            Meaning::Everything => return Vec::new(),
            _ => {
                sink.remarks.stricter(
                    at,
                    "the import does not know these repositories; here it is about all images",
                );
                return Vec::new();
            }
        }
    }
    repositories
}

/// A rule over signatures.
pub(crate) struct SignedRule<'a> {
    pub(crate) name: &'a str,
    pub(crate) at: &'a At<'a>,
    pub(crate) images: Vec<String>,
    pub(crate) images_excluded: Vec<String>,
    pub(crate) by: Authority,
    pub(crate) repository: Option<String>,
    pub(crate) scope: Scope,
}

pub(crate) fn take(rule: SignedRule<'_>, document: &mut Document, sink: &mut Sink) {
    sink.remarks.stricter(
        rule.at,
        "an image without a digest fails, because its tag may mean another image when the node pulls it; \
         mutations.pinDigests writes digests",
    );
    document.rules.push(Rule {
        name: sink.rule_names.take(rule.name),
        origin: origin(rule.at),
        mode: document.mode,
        scope: rule.scope,
        message: None,
        checks: Checks {
            images: rule.images,
            images_excluded: rule.images_excluded,
            signed: Some(Signed {
                by: rule.by,
                repository: rule.repository,
            }),
            ..Checks::default()
        },
    });
}

/// Reads Kyverno's `ImageValidatingPolicy`.
pub(crate) fn image_validating_policy(
    name: &str,
    spec: &At<'_>,
    scope: &Scope,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let mut globs = Vec::new();
    for item in spec.list("matchImageReferences")? {
        if let Some(at) = item.get("glob") {
            let glob = at.text().unwrap_or_default().to_owned();
            globs.push((at, glob));
        } else {
            sink.remarks.stricter(
                &item,
                "the import does not know these repositories; here it is about all images",
            );
            globs.push((item, "*".to_owned()));
        }
    }
    let images = repositories(&globs, sink);
    for field in ["attestations", "images"] {
        if let Some(at) = spec.get(field) {
            sink.remarks
                .not_taken(&at, "write the rule by hand, as docs/signatures.md shows");
        }
    }
    let attestors = spec.list("attestors")?;
    for item in spec.list("validations")? {
        let at = item.get("expression").unwrap_or_else(|| item.clone());
        let text = at.dense_text();
        let Some(names) = verified_by(&text) else {
            sink.remarks.not_taken(
                &at,
                "the import knows verifyImageSignatures() over all images, and no other expression here",
            );
            continue;
        };
        let mut found = Vec::new();
        for wanted in &names {
            let attestor = attestors
                .iter()
                .find(|attestor| attestor.text_of("name") == Some(wanted));
            found.push(match attestor {
                Some(attestor) => (attestor.clone(), attestor_of(attestor, sink)),
                None => (at.clone(), Err(format!("there is no attestor {wanted:?}"))),
            });
        }
        match of_several(found, Needed::AtLeast(1), sink) {
            Some(by) => take(
                SignedRule {
                    name,
                    at: &at,
                    images: images.clone(),
                    images_excluded: Vec::new(),
                    by,
                    repository: None,
                    scope: scope.clone(),
                },
                document,
                sink,
            ),
            None => sink
                .remarks
                .not_taken(&at, "none of its attestors could be taken"),
        }
    }
    Ok(())
}

/// The attestors of `images.containers.map(image, verifyImageSignatures(image, [attestors.a])).all(e, e > 0)`.
fn verified_by(expression: &str) -> Option<Vec<String>> {
    let (before, rest) = expression.split_once("verifyImageSignatures(")?;
    let (names, rest) = rest.split_once('[')?.1.split_once(']')?;
    let is_all = rest.starts_with(")).all(") && rest.ends_with(">0)");
    if !before.starts_with("images.") || !is_all || rest.contains("&&") || rest.contains("||") {
        return None;
    }
    let names = names.split(',').map(|name| name.strip_prefix("attestors."));
    names.map(|name| name.map(str::to_owned)).collect()
}

/// One attestor of an `ImageValidatingPolicy`.
fn attestor_of(at: &At<'_>, sink: &mut Sink) -> Result<Authority, String> {
    if let Some(certificates) = at.at(&["notary", "certs"]) {
        return notation(certificates.text_of("value").unwrap_or_default());
    }
    let Some(cosign) = at.get("cosign") else {
        return Err("the import does not know this attestor".to_owned());
    };
    if let Some(keyless) = cosign.get("keyless") {
        return identities(&keyless, sink);
    }
    match cosign.at(&["key", "data"]) {
        Some(data) => key(data.text().unwrap_or_default()),
        None => {
            Err("the key is not in the policy but in another place, such as a secret".to_owned())
        }
    }
}
