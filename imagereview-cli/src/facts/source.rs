//! Where facts come from.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant, SystemTime},
};

use imagereview_core::facts::{Cause, Fact, Facts, Needs};
use imagereview_registry::{Client, Verifiers, verified_again};
use tokio::runtime::{Builder, Runtime};

use super::file::{self, FactsFileReadError};
use crate::{
    output::{OutputFile, WriteError},
    terminal::{print_diagnostic, progress_of},
};

/// The value of `--facts`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum FactsFrom {
    /// Registries are asked for what the policy needs.
    Auto,
    /// Nobody is asked.
    #[default]
    None,
    /// A file that was saved.
    File(PathBuf),
}

impl FromStr for FactsFrom {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::None,
            file => Self::File(file.into()),
        })
    }
}

impl fmt::Display for FactsFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// Facts can't be had, or not be saved.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FactsError {
    #[error(transparent)]
    File(#[from] FactsFileReadError),
    #[error("can't use {0}")]
    Settings(#[from] imagereview_registry::FileError),
    #[error("can't start: {0}")]
    Start(io::Error),
    #[error("the facts can't be written: {0}")]
    Times(#[from] serde_json::Error),
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Registries, and how long they may take.
pub(crate) struct Registries {
    client: Client,
    runtime: Runtime,
    deadline: Instant,
}

impl Registries {
    pub(crate) fn new(client: Client, timeout: Duration) -> Result<Self, FactsError> {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_all().build().map_err(FactsError::Start)?;
        Ok(Self {
            client,
            runtime,
            deadline: Instant::now() + timeout,
        })
    }

    /// Asks for everything at once. On a terminal it shows how much has been answered.
    pub(crate) fn ask(&self, needs: &Needs) -> Facts {
        let progress = progress_of(needs.len(), "asking registries");
        let ask = self.client.facts(needs, self.deadline, |_| progress.inc(1));
        let facts = self.runtime.block_on(ask);
        progress.finish_and_clear();
        facts
    }
}

/// What is known of images, and who is asked for more.
pub(crate) struct FactSource {
    registries: Option<Registries>,
    known: Facts,
    /// All that was needed so far.
    asked: Needs,
    save: Option<PathBuf>,
}

/// Facts of a file, with the signatures in them verified again.
pub(crate) fn verified(facts: &Facts, needs: &Needs) -> Facts {
    verified_again(facts, needs, &Verifiers::new(), SystemTime::now())
}

/// In a policy that pins, what is known of a tag is needed before what is known of the digest; and
/// then there is nothing more.
const MAX_ROUNDS: usize = 3;

impl FactSource {
    pub(crate) fn of(
        from: &FactsFrom,
        registries: impl FnOnce() -> Result<Registries, FactsError>,
        save: Option<&Path>,
    ) -> Result<Self, FactsError> {
        let (registries, known) = match from {
            FactsFrom::Auto => (Some(registries()?), Facts::new()),
            FactsFrom::None => (None, Facts::new()),
            FactsFrom::File(path) => (None, file::read(path)?),
        };
        Ok(Self {
            registries,
            known,
            asked: Needs::new(),
            save: save.map(Path::to_owned),
        })
    }

    /// What is known so far.
    pub(crate) fn facts(&self) -> &Facts {
        &self.known
    }

    /// Finds out what is needed. It is said anew with what has been found out, since an image that is
    /// pinned is another.
    pub(crate) fn gather<E>(
        &mut self,
        mut needed: impl FnMut(&Facts) -> Result<Needs, E>,
    ) -> Result<(), E> {
        for _ in 0..MAX_ROUNDS {
            let needs = needed(&self.known)?.without(&self.asked);
            if needs.is_empty() {
                break;
            }
            match &self.registries {
                Some(registries) => self.known.extend(registries.ask(&needs)),
                // What was saved is believed as far as its evidence goes.
                None => self.known = verified(&self.known, &needs),
            }
            self.asked.extend(needs);
        }
        Ok(())
    }

    /// Saves what is known, if that is asked for, and reports what is not.
    pub(crate) fn finish(&self) -> Result<(), FactsError> {
        let is_unknown = |fact: Option<&Fact<_>>| {
            fact.is_none_or(|fact: &Fact<_>| {
                fact.unavailable()
                    .is_some_and(|why| why.cause() == Cause::NotAsked)
            })
        };
        let unknown = self.asked.iter();
        let unknown = unknown
            .filter(|(image, _)| is_unknown(self.known.image(image)))
            .count();
        if unknown > 0 && self.registries.is_none() {
            let images = if unknown == 1 { "image" } else { "images" };
            print_diagnostic(format_args!(
                "the policy needs facts about {unknown} {images} that nobody was asked for; --facts auto asks registries"
            ));
        }
        let Some(path) = &self.save else {
            return Ok(());
        };
        let program = concat!("imagereview ", env!("CARGO_PKG_VERSION"));
        let text = self.known.to_file(SystemTime::now(), program)?;
        OutputFile::create(path)?.write(|out| out.write_all(text.as_bytes()))?;
        Ok(())
    }
}
