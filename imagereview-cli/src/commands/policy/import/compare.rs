//! Where the original and what became of it differ.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::Write,
    path::Path,
};

use imagereview_core::ContainerKind;
use imagereview_import::{Cause, Difference, Import};

use crate::{
    commands::error::CliError,
    engine::{Count, Reviewer},
    exit_status::ExitStatus,
    input::{Skip, inputs, read_text},
    policy_file::LoadedPolicy,
    project::Project,
    terminal::{OneLine, print_diagnostic},
};

/// The images about which an original and the document differ, by cause.
#[derive(Default)]
struct Differences {
    /// How many images were compared.
    images: usize,
    by_cause: BTreeMap<(bool, Cause), BTreeSet<Line>>,
}

/// An image with its location, and the rule of the original.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    image: String,
    place: Option<String>,
    rule: String,
}

impl Differences {
    fn add(&mut self, image: &str, place: Option<&str>, differences: Vec<Difference>) {
        self.images += 1;
        for difference in differences {
            let key = (!difference.was_allowed(), difference.cause());
            self.by_cause.entry(key).or_default().insert(Line {
                image: image.to_owned(),
                place: place.map(str::to_owned),
                rule: difference.rule().to_owned(),
            });
        }
    }

    fn write(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let mut count = 0;
        for ((was_denied, cause), lines) in &self.by_cause {
            let change = if *was_denied {
                "was denied, and is allowed"
            } else {
                "was allowed, and is denied"
            };
            writeln!(out, "{change}: {cause}")?;
            for line in lines {
                count += 1;
                let (image, rule) = (OneLine(&line.image), OneLine(&line.rule));
                match &line.place {
                    Some(place) => writeln!(out, "  {image}  ({rule}) {}", OneLine(place))?,
                    None => writeln!(out, "  {image}  ({rule})")?,
                }
            }
        }
        writeln!(
            out,
            "{}: {}",
            Count(self.images, "image"),
            Count(count, "difference")
        )
    }
}

pub(super) fn run(
    import: &Import,
    references: Option<&Path>,
    manifests: &[OsString],
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let mut differences = Differences::default();
    let mut outcome = ExitStatus::default();
    if let Some(path) = references {
        match read_text(path) {
            Ok(text) => {
                for image in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                    let found = import.compare(image, None, ContainerKind::Unknown);
                    differences.add(image, None, found);
                }
            }
            Err(error) => {
                print_diagnostic(format_args!("{}: {error}", path.display()));
                outcome = ExitStatus::Error;
            }
        }
    }
    outcome = outcome.max(compare_manifests(
        import,
        manifests,
        project,
        &mut differences,
    ));
    differences.write(out)?;
    Ok(outcome)
}

fn compare_manifests(
    import: &Import,
    arguments: &[OsString],
    project: &Project,
    differences: &mut Differences,
) -> ExitStatus {
    let mut outcome = ExitStatus::default();
    let skip = Skip {
        exclude: &[],
        gitignore: false,
    };
    let mut named = Vec::new();
    for found in arguments.iter().flat_map(|argument| inputs(argument, skip)) {
        match found {
            Ok(input) => named.push(input),
            Err(error) => {
                print_diagnostic(error);
                outcome = ExitStatus::Error;
            }
        }
    }
    // Only the images and their locations are looked at.
    let policy = LoadedPolicy::Builtin(imagereview_core::NoLatestTag);
    let reviewer = Reviewer::new(&policy, project.variables.clone()).locating_all(true);
    let Ok(()) = reviewer.review_all(&named, |file| {
        file.print_errors();
        if file.errors().next().is_some() {
            outcome = ExitStatus::Error;
        }
        for document in &file.documents {
            for image in &document.images {
                let namespace = document.namespace.as_deref();
                let found = import.compare(&image.image, namespace, image.kind);
                let place = format!("{} in {}", document.title, file.place(document, image));
                differences.add(&image.image, Some(&place), found);
            }
        }
        Ok::<_, std::convert::Infallible>(())
    });
    outcome
}
