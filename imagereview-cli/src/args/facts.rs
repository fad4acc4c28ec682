//! `--facts` and `--save-facts`.

use std::path::PathBuf;

use super::RegistryArgs;
use crate::facts::{FactSource, FactsError, FactsFrom, Registries};

/// Where facts about images come from.
#[derive(Debug, clap::Args)]
pub(crate) struct FactsArgs {
    /// Where facts about images come from: auto, none or FILE
    ///
    /// auto asks registries for what the policy needs, and for nothing more; none asks nobody; and a
    /// file is one that --save-facts wrote.
    #[arg(long, value_name = "FROM", default_value = "none")]
    facts: FactsFrom,

    /// Write all facts that were used to this file
    #[arg(long, value_name = "FILE")]
    save_facts: Option<PathBuf>,

    #[command(flatten)]
    registry: RegistryArgs,
}

impl FactsArgs {
    pub(crate) fn source(&self) -> Result<FactSource, FactsError> {
        let registries = || Registries::new(self.registry.client()?, self.registry.timeout());
        FactSource::of(&self.facts, registries, self.save_facts.as_deref())
    }
}
