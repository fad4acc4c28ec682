//! `imagereview inventory`: which images the inputs use, and where.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::PathBuf,
    time::SystemTime,
};

use clap::ValueEnum;
use imagereview_core::{
    ImageRef,
    facts::{Fact, Facts, ImageFacts, Need, Needs},
};
use serde::Serialize;

use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{
    args::{InputArgs, PolicyArgs, RegistryArgs},
    engine::{Reviewer, Run},
    exit_status::ExitStatus,
    facts::{self, FactSource, FactsError, FactsFrom, Registries},
    input::Position,
    project::Project,
    terminal::{Appearance, OneLine, Tone, print_diagnostic},
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
/// It gives no verdict, and asks no registry without --resolve. With a policy, images in the custom resources that it declares are listed
/// too.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::READ_HELP, EXAMPLES))]
pub(crate) struct InventoryArgs {
    #[command(flatten)]
    inputs: InputArgs,

    /// Format of the list
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: InventoryFormat,

    /// Ask registries for the digest of each image, and when it was created
    #[arg(long)]
    resolve: bool,

    /// Tell which tags have moved since this file was saved
    #[arg(long, value_name = "FILE", requires = "resolve")]
    moved_since: Option<PathBuf>,

    /// Write all that registries said to this file
    #[arg(long, value_name = "FILE", requires = "resolve")]
    save_facts: Option<PathBuf>,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    registry: RegistryArgs,
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
#[serde(rename_all = "camelCase")]
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
    /// What registries say of the image, where they are asked; empty where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_digest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<String>,
    /// The digest that the tag meant in the file that was saved, if that was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<String>,
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
                    resolved_digest: None,
                    created: None,
                    moved_from: None,
                });
            }
        }
        Ok::<_, CliError>(())
    })?;
    run.unreviewed.print();
    uses.sort();
    let asked = if args.resolve {
        args.ask(&mut uses)?
    } else {
        ExitStatus::default()
    };
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
    Ok(unread.max(asked).max(run.summary.unread(is_strict)))
}

impl InventoryArgs {
    /// Adds what registries say of each image. What can't be known is reported on standard error.
    fn ask(&self, uses: &mut [Use]) -> Result<ExitStatus, CliError> {
        let before = match &self.moved_since {
            Some(path) => Some(facts::read(path).map_err(FactsError::from)?),
            None => None,
        };
        let registries = || Registries::new(self.registry.client()?, self.registry.timeout());
        let save = self.save_facts.as_deref();
        let mut source = FactSource::of(&FactsFrom::Auto, registries, save)?;
        let mut needs = Needs::new();
        for usage in &*uses {
            if let Ok(image) = ImageRef::parse(&usage.image) {
                needs.add(&image, Need::All);
            }
        }
        source.gather(|_| Ok::<_, CliError>(needs.clone()))?;
        let mut outcome = ExitStatus::default();
        for (image, _) in needs.iter() {
            let why = match source.facts().image(&image) {
                Some(Fact::Known(_)) => continue,
                Some(Fact::Unavailable(why)) => why.message(),
                Some(Fact::Absent) => "its registry has no such image",
                None => "it was not asked for",
            };
            print_diagnostic(format_args!("{image}: {why}"));
            outcome = ExitStatus::Error;
        }
        for usage in uses {
            let image = ImageRef::parse(&usage.image).ok();
            let known = |facts: &Facts| facts.image(image.as_ref()?)?.known().cloned();
            let now = known(source.facts());
            let digest = now.as_ref().map(|facts| facts.digest.to_string());
            let created = now.as_ref().and_then(|facts| oldest(facts));
            let was = before.as_ref().and_then(known);
            let moved_from = was
                .filter(|was| now.as_ref().is_some_and(|now| now.digest != was.digest))
                .map(|was| was.digest.to_string());
            usage.resolved_digest = Some(digest.unwrap_or_default());
            usage.created = Some(created.unwrap_or_default());
            usage.moved_from = before.as_ref().map(|_| moved_from.unwrap_or_default());
        }
        source.finish()?;
        Ok(outcome)
    }
}

/// When the oldest platform of an image was created, if that is known of any.
fn oldest(facts: &ImageFacts) -> Option<String> {
    let details = facts
        .platforms()
        .iter()
        .filter_map(|platform| platform.details.as_ref()?.known()?.created);
    let oldest = details.min()?;
    Some(humantime::format_rfc3339_seconds(oldest).to_string())
}

/// What a registry says of the image of a version, if it was asked.
fn write_resolved(usage: &Use, out: &mut dyn Write) -> io::Result<()> {
    let Some(digest) = &usage.resolved_digest else {
        return Ok(());
    };
    if digest.is_empty() {
        return writeln!(out, "    not known");
    }
    write!(out, "    {digest}")?;
    let created = usage.created.as_deref().filter(|text| !text.is_empty());
    if let Some(created) = created {
        write!(out, "  created {created}")?;
        let time = humantime::parse_rfc3339(created).ok();
        let age = time.and_then(|time| SystemTime::now().duration_since(time).ok());
        if let Some(age) = age {
            write!(out, " ({} days ago)", age.as_secs() / (24 * 60 * 60))?;
        }
    }
    writeln!(out)?;
    match usage.moved_from.as_deref() {
        None | Some("") => Ok(()),
        Some(before) => writeln!(out, "    moved: it was {before}"),
    }
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
            if let Some(usage) = uses.first() {
                write_resolved(usage, out)?;
            }
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
