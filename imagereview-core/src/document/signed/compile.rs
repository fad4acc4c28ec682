//! From what a document says of authorities to what they are.

use super::{
    authority::{Authority, By, Kind},
    glob::Glob,
    signer::Who,
};
use crate::document::{
    declaration::{self, Name},
    files::PolicyFiles,
    material::{Material, Proof, Reader, Text},
    problem::{Position, Problems},
};

/// The most authorities of one rule. Each is a verification for each candidate.
const MAX_AUTHORITIES: usize = 32;

/// The claims that say whose workflow signed.
const OWNERS: [&str; 4] = [
    "sourceRepositoryURI",
    "sourceRepositoryOwnerURI",
    "sourceRepositoryIdentifier",
    "githubWorkflowRepository",
];

/// Compiles the authorities of one rule.
pub(super) struct Compiler<'c> {
    pub(super) files: &'c PolicyFiles,
    pub(super) warnings: Vec<String>,
    authorities: usize,
}

impl<'c> Compiler<'c> {
    pub(super) fn new(files: &'c PolicyFiles) -> Self {
        Self {
            files,
            warnings: Vec::new(),
            authorities: 0,
        }
    }

    /// Who may vouch. `None` where a problem was recorded.
    pub(super) fn compile(
        &mut self,
        declared: declaration::By,
        problems: &mut Problems,
    ) -> Option<By> {
        let declaration::By {
            position,
            name,
            key,
            keyless,
            certificate,
            notation,
            static_,
            any_of,
            all_of,
            at_least,
            of,
        } = declared;
        let given = [
            key.is_some(),
            keyless.is_some(),
            certificate.is_some(),
            notation.is_some(),
            static_.is_some(),
            any_of.is_some(),
            all_of.is_some(),
            at_least.is_some() || of.is_some(),
        ];
        if given.iter().filter(|is_given| **is_given).count() != 1 {
            problems.add(
                position,
                "this takes one of key, keyless, certificate, notation, static, anyOf, allOf, and atLeast \
                 with of",
            );
            return None;
        }
        self.authorities += 1;
        if self.authorities == MAX_AUTHORITIES + 1 {
            problems.add(
                position,
                format!("a rule may have at most {MAX_AUTHORITIES} authorities"),
            );
        }
        let one = |kind: Option<(Kind, String)>| {
            let (kind, label) = kind?;
            let label = name.map_or(label, |Name(name)| name.into()).into();
            Some(By::One(Authority { label, kind }))
        };
        if let Some(key) = key {
            return one(problems.within(format_args!(".key"), |problems| self.key(key, problems)));
        }
        if let Some(keyless) = keyless {
            return one(problems.within(format_args!(".keyless"), |problems| {
                self.keyless(keyless, problems)
            }));
        }
        if let Some(certificate) = certificate {
            return one(problems.within(format_args!(".certificate"), |problems| {
                self.certificate(certificate, problems)
            }));
        }
        if let Some(notation) = notation {
            return one(problems.within(format_args!(".notation"), |problems| {
                self.notation(notation, problems)
            }));
        }
        if let Some(passes) = static_ {
            let passes = passes == declaration::Static::Pass;
            let label = if passes { "static pass" } else { "static deny" };
            return one(Some((Kind::Static(passes), label.into())));
        }
        if let Some(any_of) = any_of {
            return self.several(".anyOf", any_of, |_| 1, false, problems);
        }
        if let Some(all_of) = all_of {
            return self.several(".allOf", all_of, |all| all, false, problems);
        }
        let (Some(least), Some(of)) = (at_least, of) else {
            problems.add(position, "atLeast and of are given together");
            return None;
        };
        if least == 0 || least > of.len() {
            problems.add(
                position,
                format!(
                    "atLeast is a number from 1 to {}, as many as of has",
                    of.len()
                ),
            );
            return None;
        }
        self.several(".of", of, |_| least, true, problems)
    }

    fn several(
        &mut self,
        field: &str,
        declared: Vec<declaration::By>,
        least: impl Fn(usize) -> usize,
        apart: bool,
        problems: &mut Problems,
    ) -> Option<By> {
        let all: Vec<Option<By>> = declared
            .into_iter()
            .enumerate()
            .map(|(index, by)| {
                problems.within(format_args!("{field}[{index}]"), |problems| {
                    self.compile(by, problems)
                })
            })
            .collect();
        let of = all.into_iter().collect::<Option<Vec<By>>>()?;
        Some(By::Several {
            least: least(of.len()),
            of,
            apart,
        })
    }

    fn reader<'p>(&self, position: Position, problems: &'p mut Problems) -> Reader<'p>
    where
        'c: 'p,
    {
        Reader {
            position,
            files: self.files,
            problems,
        }
    }

    fn warn(&mut self, material: &Material, warning: impl std::fmt::Display) {
        self.warnings
            .push(format!("{}: {warning}", material.declared_at()));
    }

    fn key(
        &mut self,
        declared: declaration::KeyAuthority,
        problems: &mut Problems,
    ) -> Option<(Kind, String)> {
        let label = named("key", declared.file.as_ref());
        let text = Text {
            pem: declared.pem,
            file: declared.file,
        };
        let proof = Proof {
            trusted_root: declared.trusted_root,
            log: declared.log,
            timestamp: declared.timestamp,
        };
        let material = self.reader(declared.position, problems).key(text, proof)?;
        let who = Who::Key;
        Some((Kind::Trusted(Box::new((material, who))), label))
    }

    fn keyless(
        &mut self,
        declared: declaration::KeylessAuthority,
        problems: &mut Problems,
    ) -> Option<(Kind, String)> {
        let position = declared.position;
        let issuer = Glob::compile(declared.issuer, position, problems);
        let subject = Glob::compile(declared.subject, position, problems);
        let claims = declared.claims.unwrap_or_default().into_iter();
        let claims = claims.map(|(name, pattern)| (name.0, pattern)).collect();
        let claims = Glob::entries(claims, position, problems);
        let material = self.reader(position, problems).keyless(
            &declared.trusted_root,
            declared.log,
            declared.timestamp,
            declared.certificate_log,
        );
        let (issuer, subject, claims, material) = (issuer?, subject?, claims?, material?);
        if issuer.is_any() {
            self.warn(
                &material,
                "the issuer matches every issuer, so whoever runs one can name any identity",
            );
        }
        let narrows = |(name, glob): &(Box<str>, Glob)| OWNERS.contains(&&**name) && !glob.is_any();
        if !claims.iter().any(narrows)
            && let Some(everybody) = everybody(subject.as_str())
        {
            self.warn(
                &material,
                format_args!(
                    "the subject \"{subject}\" matches {everybody}; name whose identity it is, or a claim such \
                     as sourceRepositoryURI"
                ),
            );
        }
        let label = format!("{subject} (issuer {issuer})");
        let who = Who::Keyless {
            issuer,
            subject,
            claims,
        };
        Some((Kind::Trusted(Box::new((material, who))), label))
    }

    fn certificate(
        &mut self,
        declared: declaration::CertificateAuthority,
        problems: &mut Problems,
    ) -> Option<(Kind, String)> {
        let position = declared.position;
        let label = named("certificate", declared.file.as_ref());
        let subject = Glob::entries(declared.subject.unwrap_or_default(), position, problems);
        let name = Glob::optional(declared.alternative_name, position, problems);
        let text = Text {
            pem: declared.pem,
            file: declared.file,
        };
        let proof = Proof {
            trusted_root: declared.trusted_root,
            log: declared.log,
            timestamp: declared.timestamp,
        };
        let material = self.reader(position, problems).certificate(text, proof);
        let (subject, name, material) = (subject?, name.ok()?, material?);
        let is_any = subject.iter().all(|(_, glob)| glob.is_any());
        if is_any && name.as_ref().is_none_or(Glob::is_any) {
            self.warn(
                &material,
                "whoever has a certificate of these roots may sign; give \"subject\" or \"alternativeName\"",
            );
        }
        let who = Who::Certificate { subject, name };
        Some((Kind::Trusted(Box::new((material, who))), label))
    }

    fn notation(
        &mut self,
        declared: declaration::NotationAuthority,
        problems: &mut Problems,
    ) -> Option<(Kind, String)> {
        let position = declared.position;
        let label = named("notation", declared.file.as_ref());
        let identities = declared.identities.unwrap_or_default().into_iter();
        let identities: Vec<Option<_>> = identities
            .map(|identity| Glob::entries(identity, position, problems))
            .collect();
        let text = Text {
            pem: declared.pem,
            file: declared.file,
        };
        let material = self.reader(position, problems).notation(
            text,
            declared.signing_authorities,
            declared.timestamp_roots,
            declared.level,
        )?;
        let identities = identities.into_iter().collect::<Option<Vec<Vec<_>>>>()?;
        let is_any = |one: &Vec<(Box<str>, Glob)>| one.iter().all(|(_, glob)| glob.is_any());
        if identities.is_empty() || identities.iter().any(is_any) {
            self.warn(
                &material,
                "whoever has a certificate of these roots may sign; give \"identities\"",
            );
        }
        let who = Who::Notation { identities };
        Some((Kind::Trusted(Box::new((material, who))), label))
    }
}

/// What an authority is called whose material is in a file, or in the document.
fn named(kind: &str, file: Option<&declaration::FileName>) -> String {
    match file {
        Some(declaration::FileName(name)) => format!("{kind} {name}"),
        None => kind.to_owned(),
    }
}

/// Whom a glob over identities matches, if that is more than somebody means: identities are e-mail
/// addresses, and URIs whose first folder is somebody's.
fn everybody(subject: &str) -> Option<&'static str> {
    let is_glob = |text: &str| text.contains(['*', '?', '[', '{']);
    if subject.chars().all(|c| matches!(c, '*' | '?')) {
        return Some("every identity of the issuer");
    }
    if let Some((_, path)) = subject.split_once("://") {
        let mut parts = path.split('/');
        let (host, owner) = (parts.next().unwrap_or_default(), parts.next());
        return (is_glob(host) || owner.is_none_or(is_glob))
            .then_some("workflows of everybody on a host");
    }
    if let Some((_, domain)) = subject.rsplit_once('@') {
        return is_glob(domain).then_some("e-mail addresses of everybody's domains");
    }
    is_glob(subject).then_some("identities of any kind that end or begin so")
}

#[cfg(test)]
mod tests {
    use super::everybody;

    #[test]
    fn what_matches_everybody_is_noticed() {
        for (subject, is_everybody) in [
            ("*", true),
            ("**", true),
            ("*@example.com", false),
            ("dev@example.com", false),
            ("dev@*", true),
            ("*@*.example.com", true),
            (
                "https://github.com/example/app/.github/workflows/release.yaml@refs/tags/*",
                false,
            ),
            ("https://github.com/example/*", false),
            (
                "https://github.com/*/app/.github/workflows/release.yaml@*",
                true,
            ),
            ("https://github.com/*", true),
            ("https://*/example/app", true),
            ("https://github.com", true),
            ("*.example.com", true),
        ] {
            assert_eq!(everybody(subject).is_some(), is_everybody, "{subject}");
        }
    }
}
