//! Which packages an image has, as its SBOM says.
//!
//! Sources: [SPDX 2.3](https://spdx.github.io/spdx-spec/v2.3/), [CycloneDX](https://cyclonedx.org/docs/latest/json/).

use serde_json::Value;

use crate::{
    document::{declaration, facts::message, problem::Problems, signed::glob::Glob},
    language::Message,
    quote::Escaped,
};

/// Which packages an image may have.
#[derive(Debug)]
pub(super) struct Packages {
    deny: Vec<Glob>,
    require: Vec<Glob>,
}

/// How deep components of `CycloneDX` may lie within each other.
const MAX_DEPTH: usize = 16;

impl Packages {
    pub(super) fn compile(
        declared: declaration::Packages,
        problems: &mut Problems,
    ) -> Option<Self> {
        let declaration::Packages {
            position,
            deny,
            require,
        } = declared;
        if deny.is_none() && require.is_none() {
            problems.add(
                position,
                "packages has no checks; give \"deny\" or \"require\"",
            );
            return None;
        }
        let deny = Glob::all(deny.unwrap_or_default(), position, problems);
        let require = Glob::all(require.unwrap_or_default(), position, problems);
        Some(Self {
            deny: deny?,
            require: require?,
        })
    }

    /// How many globs each name is matched with.
    pub(super) fn globs(&self) -> u64 {
        (self.deny.len() + self.require.len()) as u64
    }

    pub(super) fn admit(&self, predicate: &Value) -> Result<(), Message> {
        let Some(names) = names(predicate) else {
            return Err(Message::new(
                "its predicate lists no packages in a form that can be read: SPDX 2 or CycloneDX, in JSON",
                "其内容没有可读的软件包列表(SPDX 2或CycloneDX的JSON格式)",
            ));
        };
        for name in names.iter().flatten() {
            if let Some(glob) = self.deny.iter().find(|glob| glob.matches(name)) {
                let name = Escaped(name, 160);
                return Err(message(
                    format!("it has the package {name}, which is denied by {glob}"),
                    format!("含有被{glob}禁止的软件包{name}"),
                ));
            }
        }
        let is_there = |glob: &&Glob| names.iter().flatten().any(|name| glob.matches(name));
        match self.require.iter().find(|glob| !is_there(glob)) {
            Some(glob) => Err(message(
                format!("it has no package {glob}"),
                format!("没有软件包{glob}"),
            )),
            None => Ok(()),
        }
    }
}

/// The names of each package. `None` if the predicate lists none in a known form.
fn names(predicate: &Value) -> Option<Vec<Vec<String>>> {
    // cosign before version 2 wrapped what it was given.
    let predicate = predicate.get("Data").unwrap_or(predicate);
    if let Some(packages) = predicate.get("packages").and_then(Value::as_array) {
        return Some(packages.iter().map(of_spdx).collect());
    }
    let is_cyclonedx = predicate.get("bomFormat").and_then(Value::as_str) == Some("CycloneDX");
    if !is_cyclonedx {
        return None;
    }
    let mut names = Vec::new();
    of_cyclonedx(predicate, 0, &mut names)?;
    Some(names)
}

fn of_spdx(package: &Value) -> Vec<String> {
    let references = package.get("externalRefs").and_then(Value::as_array);
    let purls = references
        .into_iter()
        .flatten()
        .filter_map(|reference| reference.get("referenceLocator")?.as_str())
        .filter(|locator| locator.starts_with("pkg:"));
    named(package, "versionInfo", purls)
}

fn of_cyclonedx(of: &Value, depth: usize, names: &mut Vec<Vec<String>>) -> Option<()> {
    let components = of.get("components").and_then(Value::as_array);
    for component in components.into_iter().flatten() {
        // What lies deeper is not known, and might be denied.
        (depth < MAX_DEPTH).then_some(())?;
        let purl = component.get("purl").and_then(Value::as_str);
        names.push(named(component, "version", purl));
        of_cyclonedx(component, depth + 1, names)?;
    }
    Some(())
}

fn named<'p>(
    package: &Value,
    version: &str,
    purls: impl IntoIterator<Item = &'p str>,
) -> Vec<String> {
    let text = |field: &str| package.get(field).and_then(Value::as_str);
    let name = text("name");
    let versioned = name.zip(text(version));
    let versioned = versioned.map(|(name, version)| format!("{name}@{version}"));
    let names = name.map(str::to_owned).into_iter().chain(versioned);
    names.chain(purls.into_iter().map(str::to_owned)).collect()
}
