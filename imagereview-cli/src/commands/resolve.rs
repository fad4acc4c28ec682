//! `imagereview resolve`: what registries know of images.

use std::{
    fmt,
    io::{self, Write},
    time::Instant,
};

use clap::ValueEnum;
use imagereview_core::{
    ImageRef,
    facts::{Cause, Fact, ImageDetails, ImageFacts, Platform, PlatformFacts, Unavailable},
};
use imagereview_registry::{Client, FileError};
use serde::Serialize;

use super::after_help::{Example, after_help};
use crate::{args::RegistryArgs, exit_status::ExitStatus, output::WriteError, terminal::OneLine};

const EXAMPLES: &[Example] = &[(
    "What an image is, by the mirrors and settings of a registries file",
    "imagereview resolve --registries registries.yaml nginx:1.27",
)];

/// Ask registries what images are: digest, platforms, created, size and user
///
/// Images are asked for all at once. Layers are never fetched. Credentials are those of `docker
/// login`, with its helpers, unless --docker-config names other files.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(HELP, EXAMPLES))]
pub(crate) struct ResolveArgs {
    /// An image reference, as it would be in a manifest
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<String>,

    /// How to print what is known
    #[arg(long, short, value_name = "FORMAT", default_value = "text")]
    format: ResolveFormat,

    /// Look at this platform only, such as linux/amd64; may be repeated
    #[arg(long, value_name = "PLATFORM")]
    platform: Vec<Platform>,

    #[command(flatten)]
    registry: RegistryArgs,
}

const HELP: &str = "\
Exit status:
    0  every image is resolved
    1  some image, or a platform that was asked for, is not there
    2  something could not be asked, or the command line is wrong";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum ResolveFormat {
    /// A line for each image and each platform
    Text,
    /// An array of an object for each image
    Json,
}

/// What is needed to ask registries is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResolveError {
    #[error("can't use {0}")]
    File(#[from] FileError),
    #[error("can't start: {0}")]
    Start(io::Error),
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<io::Error> for ResolveError {
    fn from(error: io::Error) -> Self {
        Self::Write(error.into())
    }
}

/// What came of one image.
#[derive(Serialize)]
struct Resolved<'a> {
    image: &'a str,
    #[serde(flatten)]
    fact: Fact<ImageFacts>,
}

pub(crate) fn run(args: &ResolveArgs, out: &mut dyn Write) -> Result<ExitStatus, ResolveError> {
    let client = args.registry.client()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(ResolveError::Start)?;
    let deadline = Instant::now() + args.registry.timeout();
    let asked = args.images.iter().map(|image| {
        let (client, image) = (client.clone(), image.clone());
        let platforms = args.platform.clone();
        runtime.spawn(async move { ask(&client, &image, &platforms, deadline).await })
    });
    let asked: Vec<_> = asked.collect();
    let mut status = ExitStatus::default();
    let mut all = Vec::new();
    for (image, asked) in args.images.iter().zip(asked) {
        let fact = runtime.block_on(asked).unwrap_or_else(|_| {
            Fact::Unavailable(Unavailable::new(
                Cause::Internal,
                "a mistake in this program",
            ))
        });
        status = status.max(status_of(&fact, &args.platform));
        all.push(Resolved { image, fact });
    }
    match args.format {
        ResolveFormat::Text => {
            for resolved in &all {
                write_text(resolved, &args.platform, out)?;
            }
        }
        ResolveFormat::Json => {
            serde_json::to_writer_pretty(&mut *out, &all).map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    Ok(status)
}

async fn ask(
    client: &Client,
    image: &str,
    platforms: &[Platform],
    deadline: Instant,
) -> Fact<ImageFacts> {
    match ImageRef::parse(image) {
        Ok(reference) => {
            let fact = client.image(&reference, platforms, deadline).await;
            fact.map(|facts| ImageFacts::clone(&facts))
        }
        Err(error) => Fact::Unavailable(Unavailable::new(Cause::Malformed, error.to_string())),
    }
}

/// The platforms that were asked for.
fn wanted<'a>(
    facts: &'a ImageFacts,
    platforms: &'a [Platform],
) -> impl Iterator<Item = &'a PlatformFacts> {
    facts.platforms().iter().filter(move |facts| {
        platforms.is_empty()
            || facts
                .platform
                .as_ref()
                .is_some_and(|platform| is_one_of(platform, platforms))
    })
}

fn is_one_of(platform: &Platform, platforms: &[Platform]) -> bool {
    platforms.iter().any(|wanted| platform.is_of(wanted))
}

fn status_of(fact: &Fact<ImageFacts>, platforms: &[Platform]) -> ExitStatus {
    match fact {
        Fact::Unavailable(_) => ExitStatus::Error,
        Fact::Absent => ExitStatus::Denied,
        Fact::Known(facts) => {
            let is_there = |wanted: &Platform| {
                let mut all = facts
                    .platforms()
                    .iter()
                    .filter_map(|facts| facts.platform.as_ref());
                all.any(|platform| platform.is_of(wanted))
            };
            let details = wanted(facts, platforms).map(|facts| facts.details.as_ref());
            if details
                .into_iter()
                .flatten()
                .any(|fact| fact.known().is_none())
            {
                ExitStatus::Error
            } else if platforms.iter().all(is_there) {
                ExitStatus::Allowed
            } else {
                ExitStatus::Denied
            }
        }
    }
}

fn write_text(
    resolved: &Resolved<'_>,
    platforms: &[Platform],
    out: &mut dyn Write,
) -> io::Result<()> {
    let image = OneLine(resolved.image);
    let facts = match &resolved.fact {
        Fact::Known(facts) => facts,
        Fact::Absent => return writeln!(out, "{image}\n  is not there"),
        Fact::Unavailable(why) => {
            return writeln!(out, "{image}\n  not known: {}", OneLine(why.message()));
        }
    };
    writeln!(out, "{image}\n  {}", facts.digest)?;
    for facts in wanted(facts, platforms) {
        let platform = facts.platform.as_ref().map(ToString::to_string);
        let platform = platform.as_deref().unwrap_or("no platform");
        match &facts.details {
            Some(Fact::Known(details)) => writeln!(out, "  {platform:<16}  {}", Line(details))?,
            Some(Fact::Unavailable(why)) => {
                writeln!(
                    out,
                    "  {platform:<16}  not known: {}",
                    OneLine(why.message())
                )?;
            }
            Some(Fact::Absent) | None => writeln!(out, "  {platform:<16}  not known")?,
        }
    }
    for wanted in platforms {
        let mut all = facts
            .platforms()
            .iter()
            .filter_map(|facts| facts.platform.as_ref());
        if !all.any(|platform| platform.is_of(wanted)) {
            writeln!(out, "  {:<16}  is not there", wanted.to_string())?;
        }
    }
    Ok(())
}

/// What is known of one platform, on a line.
struct Line<'a>(&'a ImageDetails);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.created {
            Some(created) => write!(f, "created {}", humantime::format_rfc3339(*created))?,
            None => f.write_str("created at no known date")?,
        }
        // A tenth of a MiB is near enough, and its size in bytes is in the other format.
        let tenths = self.0.size.saturating_mul(10) >> 20;
        write!(f, "  {}.{} MiB", tenths / 10, tenths % 10)?;
        match &*self.0.user {
            "" => f.write_str("  user root (none is set)"),
            user => write!(f, "  user {}", OneLine(user)),
        }
    }
}
