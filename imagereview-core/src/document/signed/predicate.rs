//! What the predicate of an attestation must say.

mod packages;
mod provenance;
mod vulnerabilities;

use std::time::SystemTime;

use serde_json::Value;

use self::{packages::Packages, provenance::Provenance, vulnerabilities::Vulnerabilities};
use crate::{
    document::{declaration, problem::Problems},
    language::Message,
};

/// What must hold of a predicate.
#[derive(Debug)]
pub(super) struct Predicates {
    provenance: Option<Provenance>,
    packages: Option<Packages>,
    vulnerabilities: Option<Vulnerabilities>,
}

/// About how many bytes a predicate has.
fn size_of(value: &Value) -> u64 {
    const NODE: u64 = 16;
    let held = match value {
        Value::String(text) => text.len() as u64,
        Value::Array(list) => list.iter().map(size_of).sum(),
        Value::Object(map) => {
            let entries = map.iter();
            entries
                .map(|(name, value)| name.len() as u64 + size_of(value))
                .sum()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    };
    NODE + held
}

impl Predicates {
    pub(super) fn compile(
        provenance: Option<declaration::Provenance>,
        packages: Option<declaration::Packages>,
        vulnerabilities: Option<declaration::Vulnerabilities>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let provenance = provenance.map(|declared| {
            problems.within(format_args!(".provenance"), |problems| {
                Provenance::compile(declared, problems)
            })
        });
        let packages = packages.map(|declared| {
            problems.within(format_args!(".packages"), |problems| {
                Packages::compile(declared, problems)
            })
        });
        let vulnerabilities = vulnerabilities.map(|declared| {
            problems.within(format_args!(".vulnerabilities"), |problems| {
                Vulnerabilities::compile(declared, problems)
            })
        });
        // What was given and has a problem is none.
        let is_broken = provenance.as_ref().is_some_and(Option::is_none)
            || packages.as_ref().is_some_and(Option::is_none)
            || vulnerabilities.as_ref().is_some_and(Option::is_none);
        (!is_broken).then_some(Self {
            provenance: provenance.flatten(),
            packages: packages.flatten(),
            vulnerabilities: vulnerabilities.flatten(),
        })
    }

    /// The steps to judge a predicate, at most.
    pub(super) fn steps(&self, predicate: &Value) -> u64 {
        let packages = self.packages.as_ref().map_or(0, Packages::globs);
        let vulnerabilities = u64::from(self.vulnerabilities.is_some());
        match packages.saturating_add(vulnerabilities) {
            0 => 0,
            times => size_of(predicate).saturating_mul(times),
        }
    }

    pub(super) fn admit(&self, predicate: &Value, now: Option<SystemTime>) -> Result<(), Message> {
        if let Some(provenance) = &self.provenance {
            provenance.admit(predicate)?;
        }
        if let Some(packages) = &self.packages {
            packages.admit(predicate)?;
        }
        match &self.vulnerabilities {
            Some(vulnerabilities) => vulnerabilities.admit(predicate, now),
            None => Ok(()),
        }
    }
}
