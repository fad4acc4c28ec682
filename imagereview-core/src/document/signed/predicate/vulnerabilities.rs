//! Which vulnerabilities an image has, as a scanner reported them.
//!
//! Sources: [cosign's predicate](https://github.com/sigstore/cosign/blob/main/specs/COSIGN_VULN_ATTESTATION_SPEC.md),
//! [in-toto's](https://github.com/in-toto/attestation/blob/main/spec/predicates/vuln.md), and the JSON reports of
//! [Trivy](https://trivy.dev/latest/docs/configuration/reporting/) and [Grype](https://github.com/anchore/grype).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    document::{
        declaration::{self, Severity},
        facts::message,
        problem::Problems,
    },
    language::Message,
};

/// Which vulnerabilities an image may have.
#[derive(Debug)]
pub(super) struct Vulnerabilities {
    max: BTreeMap<Severity, usize>,
    ignore: BTreeSet<String>,
    max_age: Option<Duration>,
}

/// A scan that is further ahead than any clock is wrong would be new for ever.
const MAX_AHEAD: Duration = Duration::from_secs(60 * 60);

impl Vulnerabilities {
    pub(super) fn compile(
        declared: declaration::Vulnerabilities,
        problems: &mut Problems,
    ) -> Option<Self> {
        let declaration::Vulnerabilities {
            position,
            max,
            ignore,
            max_age,
        } = declared;
        if max.is_none() && max_age.is_none() {
            problems.add(
                position,
                "vulnerabilities has no checks; give \"max\" or \"maxAge\"",
            );
            return None;
        }
        Some(Self {
            max: max.unwrap_or_default(),
            ignore: ignore.unwrap_or_default().into_iter().collect(),
            max_age: max_age.map(|age| age.0),
        })
    }

    pub(super) fn admit(&self, predicate: &Value, now: Option<SystemTime>) -> Result<(), Message> {
        if let Some(most) = self.max_age {
            is_recent(predicate, most, now)?;
        }
        if self.max.is_empty() {
            return Ok(());
        }
        let Some(found) = found(predicate) else {
            return Err(Message::new(
                "its report is not in a form that can be read: that of Trivy, of Grype, or in-toto's",
                "其报告格式无法读取(可读的有Trivy、Grype和in-toto的格式)",
            ));
        };
        let mut counts = BTreeMap::new();
        for (id, severity) in found {
            if !self.ignore.contains(id) {
                *counts.entry(severity).or_insert(0_usize) += 1;
            }
        }
        for (severity, most) in &self.max {
            let count = counts.get(severity).copied().unwrap_or_default();
            if count > *most {
                let severity = severity.as_str();
                return Err(message(
                    format!("it has {count} {severity} vulnerabilities, and may have {most}"),
                    format!("有{count}个{severity}级漏洞,最多允许{most}个"),
                ));
            }
        }
        Ok(())
    }
}

fn is_recent(predicate: &Value, most: Duration, now: Option<SystemTime>) -> Result<(), Message> {
    let text = |pointer: &str| predicate.pointer(pointer).and_then(Value::as_str);
    let scanned = text("/metadata/scanFinishedOn").or_else(|| text("/scanner/result/CreatedAt"));
    let scanned = scanned
        .and_then(|text| text.parse::<Timestamp>().ok())
        .and_then(|time| SystemTime::try_from(time).ok());
    let Some(scanned) = scanned else {
        return Err(Message::new(
            "its report does not say when the scan was",
            "其报告没有说明扫描时间",
        ));
    };
    let Some(now) = now else {
        return Err(Message::new("the review has no time", "审查没有时间"));
    };
    match now.duration_since(scanned) {
        Ok(age) if age <= most => Ok(()),
        Ok(age) => {
            let (hours, most) = (age.as_secs() / 3600, most.as_secs() / 3600);
            Err(message(
                format!("it was scanned {hours}h ago, and may have been {most}h ago"),
                format!("扫描于{hours}小时前,最多允许{most}小时"),
            ))
        }
        Err(ahead) if ahead.duration() <= MAX_AHEAD => Ok(()),
        Err(_) => Err(Message::new(
            "its report says that the scan is in the future",
            "其报告称扫描时间在未来",
        )),
    }
}

/// Each vulnerability and its severity. `None` if the report is in no known form.
fn found(predicate: &Value) -> Option<Vec<(&str, Severity)>> {
    let result = predicate.pointer("/scanner/result")?;
    let mut found = Vec::new();
    // in-toto's own.
    if let Some(list) = result.as_array() {
        for one in list {
            let id = one.get("id").and_then(Value::as_str).unwrap_or_default();
            let scores = one.get("severity").and_then(Value::as_array);
            let scores = scores.into_iter().flatten();
            // Without one that is a word, nobody knows.
            let worst = scores
                .filter_map(|score| score.get("score")?.as_str())
                .map(severity)
                .min();
            found.push((id, worst.unwrap_or(Severity::Unknown)));
        }
        return Some(found);
    }
    // Trivy's.
    if let Some(results) = result.get("Results").and_then(Value::as_array) {
        let lists = results.iter().filter_map(|one| one.get("Vulnerabilities"));
        for one in lists.filter_map(Value::as_array).flatten() {
            let text = |field: &str| one.get(field).and_then(Value::as_str);
            let id = text("VulnerabilityID").unwrap_or_default();
            found.push((id, severity(text("Severity").unwrap_or_default())));
        }
        return Some(found);
    }
    // Trivy leaves the results out where an image has nothing that could have vulnerabilities.
    if result.get("SchemaVersion").is_some() {
        return Some(found);
    }
    let matches = result.get("matches").and_then(Value::as_array)?;
    for one in matches {
        let text = |pointer: &str| one.pointer(pointer).and_then(Value::as_str);
        let id = text("/vulnerability/id").unwrap_or_default();
        found.push((
            id,
            severity(text("/vulnerability/severity").unwrap_or_default()),
        ));
    }
    Some(found)
}

fn severity(word: &str) -> Severity {
    match &*word.to_ascii_lowercase() {
        "critical" => Severity::Critical,
        "high" => Severity::High,
        "medium" | "moderate" => Severity::Medium,
        "low" => Severity::Low,
        "negligible" => Severity::Negligible,
        _ => Severity::Unknown,
    }
}
