//! What a document says that signatures are verified with.

use std::sync::Arc;

use super::{
    declaration::{FileName, Level, Requirement},
    files::PolicyFiles,
    problem::{Position, Problems},
    scope::Recorded,
};
use crate::facts::{NotationLevel, TimeProof, Trust};

/// What signatures are verified with, and where the document says so.
#[derive(Debug)]
pub(super) struct Material {
    trust: Trust,
    declared_at: Box<str>,
}

/// Where a text is: in the document, or beside it.
pub(super) struct Text {
    pub(super) pem: Option<String>,
    pub(super) file: Option<FileName>,
}

/// What must prove a time, as a document says it.
pub(super) struct Proof {
    pub(super) trusted_root: Option<FileName>,
    pub(super) log: Option<Requirement>,
    pub(super) timestamp: Option<Requirement>,
}

const KEY: &str = "PUBLIC KEY";
const CERTIFICATE: &str = "CERTIFICATE";

/// Reads what is named at one position of a document.
pub(super) struct Reader<'r> {
    pub(super) position: Position,
    pub(super) files: &'r PolicyFiles,
    pub(super) problems: &'r mut Problems,
}

impl Material {
    pub(super) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// `file:line:column`.
    pub(super) fn declared_at(&self) -> &str {
        &self.declared_at
    }
}

impl Reader<'_> {
    pub(super) fn key(&mut self, text: Text, proof: Proof) -> Option<Material> {
        let pem = self.pem(text, KEY);
        let time = self.optional_time(proof);
        Some(self.material(Trust::key(pem?, time.ok()?)))
    }

    pub(super) fn keyless(
        &mut self,
        trusted_root: &FileName,
        log: Option<Requirement>,
        timestamp: Option<Requirement>,
        certificate_log: Option<Requirement>,
    ) -> Option<Material> {
        let time = TimeProof {
            trusted_root: self.trusted_root(trusted_root)?,
            log: log != Some(Requirement::Optional),
            timestamp: timestamp == Some(Requirement::Required),
        };
        let certificate_log = certificate_log != Some(Requirement::Optional);
        Some(self.material(Trust::keyless(time, certificate_log)))
    }

    pub(super) fn certificate(&mut self, text: Text, proof: Proof) -> Option<Material> {
        let roots = self.pem(text, CERTIFICATE);
        let time = self.optional_time(proof);
        Some(self.material(Trust::certificate(roots?, time.ok()?)))
    }

    pub(super) fn notation(
        &mut self,
        text: Text,
        signing_authorities: Option<FileName>,
        timestamp_roots: Option<FileName>,
        level: Option<Level>,
    ) -> Option<Material> {
        let roots = self.pem(text, CERTIFICATE);
        let signing_authorities = self.certificates(signing_authorities);
        let timestamp_roots = self.certificates(timestamp_roots);
        let level = match level {
            None | Some(Level::Strict) => NotationLevel::Strict,
            Some(Level::Permissive) => NotationLevel::Permissive,
        };
        let trust = Trust::notation(
            roots?,
            signing_authorities.ok()?,
            timestamp_roots.ok()?,
            level,
        );
        Some(self.material(trust))
    }

    fn material(&self, trust: Trust) -> Material {
        let Position { line, column } = self.position;
        Material {
            trust,
            declared_at: format!("{}:{line}:{column}", self.problems.source()).into(),
        }
    }

    fn refuse<T>(&mut self, message: impl AsRef<str>) -> Option<T> {
        self.problems.add(self.position, message);
        None
    }

    fn certificates(&mut self, file: Option<FileName>) -> Result<Option<Arc<str>>, Recorded> {
        let Some(file) = file else {
            return Ok(None);
        };
        let (pem, file) = (None, Some(file));
        let text = self.pem(Text { pem, file }, CERTIFICATE);
        text.map(Some).ok_or(Recorded)
    }

    fn pem(&mut self, text: Text, label: &str) -> Option<Arc<str>> {
        let (text, from) = match text {
            Text {
                pem: Some(pem),
                file: None,
            } => (Arc::from(pem), "\"pem\"".to_owned()),
            Text {
                pem: None,
                file: Some(FileName(name)),
            } => match self.files.text(&name) {
                Ok(text) => (text, format!("the file {name:?}")),
                Err(why) => return self.refuse(why),
            },
            Text { pem: None, .. } => {
                return self.refuse(
                    "give \"file\", the name of a file beside the policy, or \"pem\", its content",
                );
            }
            Text { pem: Some(_), .. } => {
                return self.refuse("give either \"file\" or \"pem\", not both");
            }
        };
        if text.contains("PRIVATE KEY-----") {
            return self.refuse(format!(
                "{from} holds a private key; keep that secret, and give the public key"
            ));
        }
        if !text.contains(&format!("-----BEGIN {label}-----")) {
            return self.refuse(format!(
                "{from} holds no {} in PEM: nothing begins with -----BEGIN {label}-----",
                label.to_ascii_lowercase()
            ));
        }
        Some(text)
    }

    fn trusted_root(&mut self, FileName(name): &FileName) -> Option<Arc<str>> {
        let text = match self.files.text(name) {
            Ok(text) => text,
            Err(why) => return self.refuse(why),
        };
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text) {
            Ok(_) => Some(text),
            Err(error) => self.refuse(format!(
                "the file {name:?} is no trusted root: it is no JSON object, in line {}",
                error.line()
            )),
        }
    }

    fn optional_time(&mut self, proof: Proof) -> Result<Option<TimeProof>, Recorded> {
        let log = proof.log == Some(Requirement::Required);
        let timestamp = proof.timestamp == Some(Requirement::Required);
        let time = match proof.trusted_root {
            None if !log && !timestamp => return Ok(None),
            None => self.refuse(
                "whether a log entry or a timestamp is right can be told with a trusted root only; \
                 give \"trustedRoot\"",
            ),
            Some(_) if !log && !timestamp => self.refuse(
                "the trusted root is for what is required; give \"log: required\" or \
                 \"timestamp: required\"",
            ),
            Some(file) => self.trusted_root(&file).map(|trusted_root| TimeProof {
                trusted_root,
                log,
                timestamp,
            }),
        };
        time.map(Some).ok_or(Recorded)
    }
}
