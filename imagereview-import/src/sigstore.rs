//! The policy-controller of Sigstore: `ClusterImagePolicy`.
//!
//! Its fields are those of <https://docs.sigstore.dev/policy-controller/overview/>.

use imagereview_core::Mode;

use crate::{
    draft::{Authority, Scope},
    error::ImportError,
    meaning::names_host,
    signatures::{self, Needed, SignedRule},
    sink::Sink,
    yaml::At,
};

/// The group of the policies.
pub(crate) const GROUP: &str = "policy.sigstore.dev";

pub(crate) fn import(at: &At<'_>, kind: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let name = at.required_map("metadata")?.required_text("name")?;
    let spec = at.required_map("spec")?;
    let mode = match spec.get("mode") {
        None => Mode::Enforce,
        Some(at) => match at.text() {
            Some("enforce") => Mode::Enforce,
            Some("warn") => Mode::Warn,
            other => {
                let other = other.unwrap_or_default();
                return Err(at.error(format!(
                    "{other:?} is no mode; the policy-controller has enforce and warn"
                )));
            }
        },
    };
    let mut document = sink.document(at, &format!("{kind} {name}"), name, mode);
    for (field, value) in spec.entries() {
        match field {
            "images" | "authorities" | "mode" => {}
            "match" => sink.remarks.not_taken(
                &value,
                "a document has no scope like this; the rule is about all objects",
            ),
            "policy" => sink.remarks.not_taken(
                &value,
                "write what attestations must say by hand, as the rule attested",
            ),
            _ => sink
                .remarks
                .not_taken(&value, "the import does not know this field"),
        }
    }
    sink.remarks.stricter(
        &spec,
        "the policy-controller looks at namespaces with the label policy.sigstore.dev/include; here it is about all",
    );
    let mut images = Vec::new();
    for item in spec.list("images")? {
        let glob = item.required_text("glob")?;
        match repository(glob) {
            Some(name) => images.push(name),
            None => {
                return Err(item.error(format!("{glob:?} can match no image")));
            }
        }
    }
    if images.iter().any(|name| name == "**") {
        images.clear();
    }
    let authorities = spec.list("authorities")?;
    if authorities.is_empty() {
        return Err(spec.error("the policy has no authorities"));
    }
    let mut found = Vec::new();
    for one in &authorities {
        found.push((one.clone(), authority(one, sink)));
    }
    let place = spec.get("authorities").unwrap_or_else(|| spec.clone());
    match signatures::of_several(found, Needed::AtLeast(1), sink) {
        // Whoever always passes requires nothing.
        Some(Authority::Static(true)) => {}
        Some(by) => signatures::take(
            SignedRule {
                name,
                at: &place,
                images,
                images_excluded: Vec::new(),
                by,
                repository: None,
                scope: Scope::default(),
            },
            &mut document,
            sink,
        ),
        None => sink
            .remarks
            .not_taken(&place, "none of its authorities could be taken"),
    }
    sink.finish(document);
    Ok(())
}

/// A glob of the policy-controller, in which `*` stands for no `/`, as ours.
fn repository(glob: &str) -> Option<String> {
    let name = glob.split('@').next().unwrap_or_default();
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let name = match name[last..].find(':') {
        Some(colon) => &name[..last + colon],
        None => name,
    };
    let name = match name.strip_prefix("index.docker.io/") {
        Some(path) => format!("docker.io/{path}"),
        None => name.to_owned(),
    };
    if name == "**" || name == "*" {
        return Some("**".to_owned());
    }
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/:*".contains(c);
    let parts: Vec<&str> = name.split('/').collect();
    let is_fit = |part: &&str| !part.is_empty() && (*part == "**" || !part.contains("**"));
    if !name.chars().all(is_name) || parts.len() == 1 && names_host(&name) {
        return None;
    }
    if parts.iter().all(is_fit) {
        return Some(name);
    }
    // `team/app**` is everything that begins so.
    let (folder, _) = name.rsplit_once('/')?;
    (!folder.contains("**")).then(|| format!("{folder}/**"))
}

fn authority(at: &At<'_>, sink: &mut Sink) -> Result<Authority, String> {
    if at.get("attestations").is_some() {
        return Err("it vouches by attestations; write the rule attested by hand".to_owned());
    }
    if let Some(action) = at.at(&["static", "action"]) {
        return match action.text() {
            Some("pass") => Ok(Authority::Static(true)),
            Some("fail") => Ok(Authority::Static(false)),
            _ => Err("the action is neither pass nor fail".to_owned()),
        };
    }
    if let Some(keyless) = at.get("keyless") {
        return signatures::identities(&keyless, sink);
    }
    for field in ["ctlog", "rfc3161timestamp"] {
        if let Some(at) = at.get(field) {
            sink.remarks.not_taken(
                &at,
                "a log or a timestamp is required there; add log or timestamp, and a trustedRoot",
            );
        }
    }
    if let Some(source) = at.get("source") {
        sink.remarks.not_taken(
            &source,
            "signatures are in another repository there; name it in signed.repository",
        );
    }
    match at.at(&["key", "data"]) {
        Some(data) => signatures::key(data.text().unwrap_or_default()),
        None => {
            Err("the key is not in the policy but in another place, such as a secret".to_owned())
        }
    }
}
