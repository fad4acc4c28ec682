//! The arguments of `verify`.

use std::path::PathBuf;

use super::document::Document;
use crate::{
    args::{LanguageArgs, PolicyArgs, RegistryArgs},
    commands::{
        CliError,
        after_help::{Example, after_help},
    },
    facts::{FactSource, FactsError, FactsFrom, Registries},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    (
        "By a key, from evidence that was saved with --save-facts",
        "imagereview verify --key cosign.pub --facts facts.json registry.example.com/app:1",
    ),
    (
        "By what a policy says, asking no registry",
        "imagereview verify --policy signed.yaml --facts facts.json registry.example.com/app:1",
    ),
];

const HELP: &str = "\
Exit status:
    0  every image is verified
    1  some image is not
    2  something could not be asked or read, or the command line is
       wrong";

/// Verify who signed images, or what is attested of them, and show what was tried
///
/// Every format is found by itself: bundles of Sigstore, signatures and attestations of cosign 2, and
/// those of notation. No server is asked but the image's registry. An attestation is no signature.
///
/// With --save-facts the evidence is saved too, and with --facts FILE it is verified again without a
/// network.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(HELP, EXAMPLES))]
pub(crate) struct VerifyArgs {
    /// An image reference, as it would be in a manifest
    #[arg(value_name = "IMAGE", required = true)]
    pub(super) images: Vec<String>,

    /// A file of public keys in PEM, one of which must have signed; repeat to accept several files
    #[arg(long, value_name = "FILE", conflicts_with_all = ["identity", "files"])]
    key: Vec<PathBuf>,

    /// The identity that must have signed, such as an e-mail address or a workflow's URI; * stands for any
    /// characters
    #[arg(
        long,
        value_name = "GLOB",
        requires_all = ["issuer", "trusted_root"],
        conflicts_with = "files"
    )]
    identity: Option<String>,

    // Not a comment of documentation, since people are to see the address without brackets.
    #[arg(
        long,
        value_name = "URL",
        requires = "identity",
        help = "The issuer of that identity, such as https://token.actions.githubusercontent.com"
    )]
    issuer: Option<String>,

    /// The trusted_root.json of the Sigstore instance
    #[arg(long, value_name = "FILE", requires = "identity")]
    trusted_root: Option<PathBuf>,

    /// Verify an attestation with this type of predicate: a URI, or slsaProvenance, spdx, cyclonedx,
    /// vulnerabilities or openvex
    #[arg(long, value_name = "TYPE", conflicts_with = "files")]
    predicate_type: Option<String>,

    /// The repository in which signatures are, if that is not the image's own
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "files")]
    repository: Option<String>,

    #[command(flatten)]
    pub(super) policy: PolicyArgs,

    /// Where evidence comes from: auto (registries) or FILE, which --save-facts wrote
    #[arg(long, value_name = "FROM", default_value = "auto")]
    facts: FactsFrom,

    /// Write all that was found to this file
    #[arg(long, value_name = "FILE")]
    save_facts: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryArgs,

    #[command(flatten)]
    pub(super) language: LanguageArgs,
}

impl VerifyArgs {
    /// Where facts come from.
    pub(super) fn source(&self) -> Result<FactSource, FactsError> {
        let registries = || Registries::new(self.registry.client()?, self.registry.timeout());
        FactSource::of(&self.facts, registries, self.save_facts.as_deref())
    }

    /// What the options say, as a policy; `None` where they name a policy or nothing.
    pub(super) fn document(&self) -> Result<Option<Document>, CliError> {
        let mut document = Document::new();
        for key in &self.key {
            document.add_key(key)?;
        }
        if let (Some(identity), Some(issuer), Some(root)) =
            (&self.identity, &self.issuer, &self.trusted_root)
        {
            document.add_identity(identity, issuer, root)?;
        }
        if document.is_empty() {
            return Ok(None);
        }
        document.predicate_type.clone_from(&self.predicate_type);
        document.repository.clone_from(&self.repository);
        Ok(Some(document))
    }
}
