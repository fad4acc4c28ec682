//! What Cargo knows of this repository's crates.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use crate::error::Error;

/// This repository.
#[derive(Debug)]
pub(crate) struct Workspace {
    root: PathBuf,
    packages: Vec<Package>,
    target_directory: PathBuf,
}

/// A crate's manifest.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) features: BTreeMap<String, Vec<String>>,
    pub(crate) dependencies: Vec<Dependency>,
    targets: Vec<Target>,
    manifest_path: PathBuf,
    /// The registries that it may be published to; `None` for any.
    publish: Option<Vec<String>>,
    description: Option<String>,
    license: Option<String>,
    repository: Option<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
}

/// A crate that another depends on.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `dev` or `build`; `None` for what the crate itself is built with.
    kind: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

/// A library, program, example or bench.
#[derive(Debug)]
pub(crate) struct TargetRoot {
    /// Its first file, from the root of the repository.
    pub(crate) root: PathBuf,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
}

impl Dependency {
    #[cfg(test)]
    pub(crate) fn new(name: &str, kind: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.map(ToOwned::to_owned),
        }
    }

    /// Whether only tests, examples and benches need it.
    pub(crate) fn is_for_tests(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

impl Package {
    #[cfg(test)]
    pub(crate) fn new(name: &str, dependencies: Vec<Dependency>) -> Self {
        Self {
            name: name.to_owned(),
            version: "0.0.0".to_owned(),
            features: BTreeMap::new(),
            dependencies,
            targets: Vec::new(),
            manifest_path: PathBuf::new(),
            publish: None,
            description: None,
            license: None,
            repository: None,
            categories: Vec::new(),
            keywords: Vec::new(),
        }
    }

    /// One with all that crates.io shows.
    #[cfg(test)]
    pub(crate) fn complete(name: &str) -> Self {
        let text = || Some("text".to_owned());
        Self {
            description: text(),
            license: text(),
            repository: text(),
            categories: vec!["text".to_owned()],
            keywords: vec!["text".to_owned()],
            ..Self::new(name, Vec::new())
        }
    }

    /// What crates.io shows of a crate and its manifest lacks.
    pub(crate) fn missing_metadata(&self) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("description", self.description.is_none()),
            ("license", self.license.is_none()),
            ("repository", self.repository.is_none()),
            ("categories", self.categories.is_empty()),
            ("keywords", self.keywords.is_empty()),
        ];
        fields
            .into_iter()
            .filter_map(|(name, is_missing)| is_missing.then_some(name))
    }

    /// The crate's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    /// Whether others can get it from crates.io.
    pub(crate) fn is_published(&self) -> bool {
        self.publish
            .as_ref()
            .is_none_or(|registries| !registries.is_empty())
    }

    /// Whether other crates can depend on it.
    pub(crate) fn has_library(&self) -> bool {
        self.targets.iter().any(|target| target.is("lib"))
    }
}

impl Target {
    fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
}

impl Workspace {
    /// Asks Cargo.
    ///
    /// # Errors
    ///
    /// Cargo can't be run, or a manifest is wrong.
    pub(crate) fn load() -> Result<Self, Error> {
        let root = root();
        let metadata = metadata(&root.join("Cargo.toml"))?;
        Ok(Self {
            root,
            packages: metadata.packages,
            target_directory: metadata.target_directory,
        })
    }

    /// The repository's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where Cargo puts what it makes.
    pub(crate) fn target_directory(&self) -> &Path {
        &self.target_directory
    }

    /// The members of the workspace.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The crates that others can get from crates.io.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.is_published())
    }

    /// The members and the fuzz targets, which are a workspace of their own.
    ///
    /// # Errors
    ///
    /// Cargo can't be run, or a manifest is wrong.
    pub(crate) fn all_packages(&self) -> Result<Vec<Package>, Error> {
        let mut packages = self.packages.clone();
        packages.extend(metadata(&self.root.join("fuzz/Cargo.toml"))?.packages);
        Ok(packages)
    }

    /// All that is compiled of those, but tests.
    ///
    /// # Errors
    ///
    /// Cargo can't be run, or a manifest is wrong.
    pub(crate) fn all_targets(&self) -> Result<Vec<TargetRoot>, Error> {
        let packages = self.all_packages()?;
        let targets = packages.iter().flat_map(|package| &package.targets);
        targets
            .filter(|target| !target.is("test"))
            .map(|target| {
                let root = target.src_path.strip_prefix(&self.root)?.to_owned();
                Ok(TargetRoot { root })
            })
            .collect()
    }
}

/// The repository's folder.
pub(crate) fn root() -> PathBuf {
    // `cargo run` tells where it runs this crate from: two clones may share one target folder.
    let own = env::var_os("CARGO_MANIFEST_DIR").unwrap_or(env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.parent().unwrap_or(&own).to_owned()
}

fn metadata(manifest: &Path) -> Result<Metadata, Error> {
    let output = Command::new("cargo")
        .args([
            "metadata",
            "--format-version=1",
            "--no-deps",
            "--manifest-path",
        ])
        .arg(manifest)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
