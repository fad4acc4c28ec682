//! `imagereview inventory`: which images the inputs use, and where.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::ValueEnum;
use imagereview_core::ImageRef;
use serde::Serialize;

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{
    args::{InputArgs, PolicyArgs},
    engine::{Reviewer, Run},
    exit_status::ExitStatus,
    input::Position,
    project::Project,
    terminal::{Appearance, OneLine, Tone},
};

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[
    ("All images of a folder", "imagereview inventory k8s/"),
    (
        "The same for a spreadsheet",
        "imagereview inventory --format csv k8s/ > images.csv",
    ),
];

/// List the images that the inputs use, by registry and repository
///
/// It gives no verdict. With a policy, images in the custom resources that it declares are listed
/// too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::READ_HELP, EXAMPLES))]
pub(crate) struct InventoryArgs {
    #[command(flatten)]
    inputs: InputArgs,

    /// Format of the list
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: InventoryFormat,

    #[command(flatten)]
    policy: PolicyArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum InventoryFormat {
    /// Each repository, with its tags and digests and where they are used
    Text,
    /// A line for each use, with a heading; text that a spreadsheet would run as a formula begins
    /// with an apostrophe
    Csv,
    /// An array with an object for each use
    Json,
}

/// One use of an image. Ordered by registry, repository, tag and digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Use {
    /// Empty where the image cannot be read, as all parts then are.
    registry: String,
    repository: String,
    tag: String,
    digest: String,
    image: String,
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    object: String,
    container: String,
    path: String,
}

impl Use {
    /// The same, without texts that a spreadsheet takes for formulas.
    ///
    /// Source: <https://owasp.org/www-community/attacks/CSV_Injection>
    fn without_formulas(mut self) -> Self {
        for text in [
            &mut self.registry,
            &mut self.repository,
            &mut self.tag,
            &mut self.digest,
            &mut self.image,
            &mut self.file,
            &mut self.object,
            &mut self.container,
            &mut self.path,
        ] {
            if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
                text.insert(0, '\'');
            }
        }
        self
    }
}

pub(crate) fn run(
    args: &InventoryArgs,
    project: &Project,
    out: &mut dyn Write,
) -> Result<ExitStatus, CliError> {
    let policy = args.policy.load(project)?;
    let (inputs, unread) = args.inputs.collect(project)?;
    let mut run = Run::default();
    let mut uses = Vec::new();
    let reviewer = Reviewer::new(&policy, args.inputs.variables(project)).locating_all(true);
    reviewer.review_all(&inputs, |file| {
        run.add(&file);
        file.print_errors();
        for document in &file.documents {
            for image in document
                .images
                .iter()
                .filter(|image| !image.image.is_empty())
            {
                let reference = ImageRef::parse(&image.image).ok();
                let part = |part: &dyn Fn(&ImageRef<'_>) -> Option<String>| {
                    reference.as_ref().and_then(part).unwrap_or_default()
                };
                uses.push(Use {
                    registry: part(&|reference| Some(reference.registry().to_owned())),
                    repository: part(&|reference| Some(reference.repository().to_string())),
                    tag: part(&|reference| reference.tag().map(str::to_owned)),
                    digest: part(&|reference| Some(reference.digest()?.to_string())),
                    image: image.image.clone(),
                    file: file.name.clone(),
                    line: image.position.map(Position::line),
                    column: image.position.map(Position::column),
                    object: document.title.clone(),
                    container: image.container.clone().unwrap_or_default(),
                    path: image.path.clone(),
                });
            }
        }
        Ok::<_, CliError>(())
    })?;
    run.unreviewed.print();
    uses.sort();
    match args.format {
        InventoryFormat::Text => write_text(&uses, out)?,
        InventoryFormat::Csv => {
            let mut csv = csv::Writer::from_writer(out);
            for usage in uses {
                csv.serialize(usage.without_formulas())
                    .map_err(io::Error::from)?;
            }
            csv.flush()?;
        }
        InventoryFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &uses).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    let is_strict = args.inputs.is_strict(project);
    Ok(unread.max(run.summary.unread(is_strict)))
}

fn write_text(uses: &[Use], out: &mut dyn Write) -> io::Result<()> {
    let appearance = Appearance::of_stdout();
    let mut repositories: BTreeMap<(&str, &str), BTreeMap<String, Vec<&Use>>> = BTreeMap::new();
    for usage in uses {
        let version = match (&*usage.tag, &*usage.digest) {
            ("", "") if usage.registry.is_empty() => OneLine(&usage.image).to_string(),
            ("", "") => "no tag".to_owned(),
            ("", digest) => digest.to_owned(),
            (tag, "") => tag.to_owned(),
            (tag, digest) => format!("{tag}@{digest}"),
        };
        repositories
            .entry((&usage.registry, &usage.repository))
            .or_default()
            .entry(version)
            .or_default()
            .push(usage);
    }
    for ((registry, repository), versions) in &repositories {
        if registry.is_empty() {
            writeln!(out, "no image references")?;
        } else {
            let name = format!("{registry}/{repository}");
            writeln!(out, "{}", appearance.paint(Tone::Heading, &name))?;
        }
        for (version, uses) in versions {
            writeln!(out, "  {}", appearance.paint(Tone::Note, version))?;
            for usage in uses {
                let (object, file) = (OneLine(&usage.object), OneLine(&usage.file));
                write!(out, "    {object} in {file}")?;
                if let (Some(line), Some(column)) = (usage.line, usage.column) {
                    write!(out, ":{line}:{column}")?;
                }
                writeln!(out)?;
            }
        }
    }
    Ok(())
}
