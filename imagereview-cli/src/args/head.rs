//! What the head of a report says of the run.

use std::time::{Duration, SystemTime};

use crate::{
    format::{Head, SourceUrl},
    policy_file::LoadedPolicy,
};

/// What the head of `--format html` says besides the policy and the inputs.
#[derive(Debug, clap::Args)]
pub(crate) struct HeadArgs {
    /// Commit that is reviewed, for the head of --format html
    #[arg(long, value_name = "ID")]
    commit: Option<String>,

    /// URL of a file in the browser: makes the places of --format html links
    ///
    /// {path} and {line} in it are replaced; without {path}, they are added.
    #[arg(long, value_name = "URL", value_parser = SourceUrl::parse)]
    source_url: Option<SourceUrl>,

    /// Time of the report in seconds since 1970, for the head of --format html; default: now
    #[arg(
        long,
        value_name = "SECONDS",
        env = "SOURCE_DATE_EPOCH",
        hide_env_values = true
    )]
    report_time: Option<u32>,
}

impl HeadArgs {
    pub(crate) fn head(&self, policy: &LoadedPolicy, inputs: Vec<String>) -> Head {
        let given = self
            .report_time
            .map(|seconds| Duration::from_secs(seconds.into()));
        let time = given.map_or_else(SystemTime::now, |given| SystemTime::UNIX_EPOCH + given);
        Head {
            time: humantime::format_rfc3339_seconds(time).to_string(),
            policy: policy.identity().to_owned(),
            inputs,
            commit: self.commit.clone(),
            source_url: self.source_url.clone(),
        }
    }
}
