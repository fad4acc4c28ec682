//! `--language`.

use imagereview_core::Language;

/// The language of reasons.
#[derive(Debug, clap::Args)]
pub(crate) struct LanguageArgs {
    /// The language of reasons: en (English) or zh (Chinese)
    #[arg(
        long,
        value_name = "LANGUAGE",
        default_value_t,
        env = "IMAGEREVIEW_LANGUAGE"
    )]
    pub(crate) language: Language,
}
