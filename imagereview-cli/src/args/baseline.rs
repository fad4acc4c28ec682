//! `--baseline`, and what is done with it.

use std::path::PathBuf;

use crate::{
    baseline::{Baseline, BaselineError},
    engine::{Count, ReviewedFile},
    project::Project,
    terminal::print_diagnostic,
};

/// How many stale findings of a baseline are named. All are counted.
const STALE: usize = 10;

/// The findings that are accepted.
#[derive(Debug, clap::Args)]
pub(crate) struct BaselineArgs {
    /// Accept the findings in this file, so that only new findings count
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Write the current findings to the baseline, and accept them
    ///
    /// What the baseline has of files that are not reviewed now stays in it.
    #[arg(long)]
    update_baseline: bool,

    /// Take findings out of the baseline that are no longer found
    #[arg(long)]
    prune_baseline: bool,
}

/// The baseline of a run, and whether it is written at its end.
#[derive(Debug, Default)]
pub(crate) struct OpenBaseline {
    baseline: Baseline,
    /// There may be none, and then nothing is accepted.
    path: Option<PathBuf>,
    updates: bool,
    prunes: bool,
}

impl BaselineArgs {
    /// The baseline that is asked for, or else the project's.
    pub(crate) fn open(&self, project: &Project) -> Result<OpenBaseline, BaselineError> {
        let (updates, prunes) = (self.update_baseline, self.prune_baseline);
        let Some(path) = self.baseline.as_ref().or(project.baseline.as_ref()) else {
            if updates || prunes {
                return Err(BaselineError::NoFile);
            }
            return Ok(OpenBaseline::default());
        };
        let baseline = if updates && !path.exists() {
            Baseline::new(path)
        } else {
            Baseline::read(path)?
        };
        Ok(OpenBaseline {
            baseline,
            path: Some(path.clone()),
            updates,
            prunes,
        })
    }
}

impl OpenBaseline {
    /// Takes out of a file's violations those that are accepted, and says how many.
    pub(crate) fn accept(&mut self, file: &mut ReviewedFile) -> usize {
        if self.updates {
            self.baseline.add(file);
        }
        self.baseline.accept(file)
    }

    /// Reports what the baseline has and the inputs have no longer, and writes it where that is asked
    /// for.
    pub(crate) fn finish(mut self) -> Result<(), BaselineError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let shown = path.display();
        if self.prunes {
            let count = Count(self.baseline.prune(), "finding");
            print_diagnostic(format_args!("{count} taken out of {shown}"));
        }
        let stale = self.baseline.stale();
        if !stale.is_empty() {
            let count = Count(stale.len(), "finding");
            print_diagnostic(format_args!(
                "no longer found: {count} of {shown}; --prune-baseline takes them out"
            ));
            for finding in stale.iter().take(STALE) {
                print_diagnostic(format_args!("  {finding}"));
            }
            if stale.len() > STALE {
                print_diagnostic(format_args!("  and {} more", stale.len() - STALE));
            }
        }
        if self.updates || self.prunes {
            let count = Count(self.baseline.write(path)?, "finding");
            print_diagnostic(format_args!("{shown} now accepts {count}"));
        }
        Ok(())
    }
}
