//! Checking a configuration without serving it.

use std::{fmt::Write as _, time::SystemTime};

use humantime::format_rfc3339_seconds;
use rustls_pki_types::CertificateDer;

use crate::{
    config::{Config, OpenedFacts},
    policy::ServerPolicy,
    tls::{self, Names, TlsError, Validity},
};

/// What a configuration's files hold, and everything that is wrong with them.
///
/// It reads what a [`Server`](crate::Server) would read, and is stricter: each certificate must be
/// valid now.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Check {
    /// What was found, a line each.
    pub facts: Vec<String>,
    /// What is wrong; nothing if the configuration can be served.
    pub problems: Vec<String>,
}

impl Check {
    /// Checks the policy, the certificate and its key, and the client CAs.
    #[must_use]
    pub fn new(config: &Config, policy: impl Into<ServerPolicy>, now: SystemTime) -> Self {
        let mut check = Self::of_policy(policy);
        match tls::certificates(&config.identity) {
            Ok(chain) => check.server_chain(&config.identity.to_string(), &chain, now),
            Err(error) => check.problem(&error),
        }
        let names = &config.client_names;
        match tls::client_authorities(&config.into(), now) {
            Ok((authorities, next_update)) => {
                for (number, authority) in (1..).zip(&authorities) {
                    check.certificate(&format!("client CA {number}"), authority, now);
                }
                if authorities.is_empty() {
                    check
                        .facts
                        .push("clients: any that reaches the port".to_owned());
                } else if !names.is_empty() {
                    check.facts.push(format!("clients: {}", names.join(", ")));
                }
                if let Some(end) = next_update {
                    check.revocations(end, now);
                }
            }
            Err(error) => check.problem(&error),
        }
        match config.facts.open(None) {
            Ok(OpenedFacts::Nowhere) => {}
            Ok(OpenedFacts::Registries { pull_secrets, .. }) => {
                let facts = "facts: from registries, as far as the policy needs some";
                check.facts.push(facts.to_owned());
                if pull_secrets.is_some() {
                    let secrets =
                        "pull secrets: of the pods that are reviewed, from the API server";
                    check.facts.push(secrets.to_owned());
                }
            }
            Ok(OpenedFacts::Saved(facts)) => check.facts.push(format!(
                "facts: of {} images, from a file; no registry is asked",
                facts.len()
            )),
            Err(error) => check.problems.push(error.to_string()),
        }
        check
    }

    /// Checks the policy alone.
    #[must_use]
    pub fn of_policy(policy: impl Into<ServerPolicy>) -> Self {
        let mut check = Self::default();
        match policy.into().open().and_then(|policy| policy.load()) {
            Ok(served) => {
                let warnings = served.warnings();
                check.facts.push(match served.identity {
                    Some(identity) => format!("policy: {identity}"),
                    None => "policy: built in".to_owned(),
                });
                let warnings = warnings.into_iter();
                let warnings = warnings.map(|warning| format!("warning: {warning}"));
                check.facts.extend(warnings);
            }
            Err(error) => check.problems.push(error.to_string()),
        }
        check
    }

    fn problem(&mut self, error: &TlsError) {
        self.problems.push(error.to_string());
    }

    fn server_chain(&mut self, name: &str, chain: &[CertificateDer<'static>], now: SystemTime) {
        for (number, certificate) in (1..).zip(chain) {
            let what = match number {
                1 => "server certificate".to_owned(),
                _ => format!("intermediate certificate {}", number - 1),
            };
            self.certificate(&what, certificate, now);
        }
        if chain
            .first()
            .is_some_and(|own| Names::of(own).alternative.is_empty())
        {
            self.problems.push(format!(
                "the server certificate of {name} has no subject alternative name; clients compare its host \
                 name with those"
            ));
        }
    }

    fn revocations(&mut self, next_update: SystemTime, now: SystemTime) {
        let end = format_rfc3339_seconds(next_update);
        self.facts
            .push(format!("client CRL: to be replaced by {end}"));
        if next_update < now {
            self.problems
                .push(format!("the client CRL should have been replaced by {end}"));
        }
    }

    fn certificate(&mut self, what: &str, certificate: &CertificateDer<'static>, now: SystemTime) {
        let names = Names::of(certificate);
        let mut fact = format!(
            "{what}: {}",
            names.common_name.as_deref().unwrap_or("no name")
        );
        if !names.alternative.is_empty() {
            // Writing to a string can't fail.
            let _ = write!(fact, ", for {}", names.alternative.join(", "));
        }
        if let Some(Validity {
            not_before,
            not_after,
        }) = Validity::of_all([certificate])
        {
            let [begin, end] = [not_before, not_after].map(format_rfc3339_seconds);
            let _ = write!(fact, ", from {begin} to {end}");
            if now < not_before {
                self.problems
                    .push(format!("the {what} is not valid before {begin}"));
            } else if now > not_after {
                self.problems.push(format!("the {what} expired on {end}"));
            }
        }
        self.facts.push(fact);
    }
}
