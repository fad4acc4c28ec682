//! `--language`.

use imagereview_core::Language;

use crate::project::Project;

/// The variable of the environment that names the language.
pub(super) const VARIABLE: &str = "IMAGEREVIEW_LANGUAGE";

/// The language of reasons and labels.
#[derive(Debug, clap::Args)]
pub(crate) struct LanguageArgs {
    /// Language of reasons and labels: en (English, the default) or zh (Chinese)
    #[arg(long, value_name = "LANGUAGE", env = VARIABLE)]
    language: Option<Language>,
}

impl LanguageArgs {
    /// The language that is asked for, or else the project's.
    pub(crate) fn language(&self, project: &Project) -> Language {
        self.language.or(project.language).unwrap_or_default()
    }
}
