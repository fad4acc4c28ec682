//! `imagereview verify-pull`: decides what a node pulls, as an image verifier of containerd.
//!
//! Source: `docs/image-verification.md` and `pkg/imageverifier/bindir` of containerd.

mod arguments;

use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::PathBuf,
    sync::Arc,
    time::SystemTime,
};

use clap::builder::NonEmptyStringValueParser;
use imagereview_core::{
    ImageRef, Language, Review, Verdict, decide,
    facts::{ContentDigest, Fact, Facts, ImageFacts, MediaType, Needs},
};
use serde::Deserialize;

pub(crate) use self::arguments::arguments;
use super::{
    after_help::{Example, after_help},
    error::CliError,
};
use crate::{
    args::{FactsArgs, PolicyArgs},
    exit_status::ExitStatus,
    project::Project,
    terminal::OneLine,
};

/// The policy where none is named. containerd gives a verifier no options of ours.
const DEFAULT_POLICY: &str = "/etc/imagereview/policy";

/// What containerd writes to standard input.
const DESCRIPTOR: &str = "application/vnd.oci.descriptor.v1+json";

/// The largest descriptor, in bytes. One has a few hundred, and annotations of the registry's.
const MAX_DESCRIPTOR: u64 = 1024 * 1024;

/// What the end of `--help` shows.
const EXAMPLES: &[Example] = &[(
    "As containerd calls it",
    "imagereview verify-pull --policy policy.yaml -name docker.io/library/nginx:1.27.3 \\\n    \
     -digest sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef < /dev/null",
)];

/// Decide whether a node may pull an image: an image verifier for containerd
///
/// containerd calls each program in a folder before it pulls: with the name and the digest of the image, and with its
/// descriptor on standard input. The reason goes to standard output. A program there gets no options, so a copy of this one
/// that is called imagereview-verify-pull decides at once, by the policy in /etc/imagereview/policy.
///
/// The node has no namespace and no pod: a rule with such a scope applies, and an exemption with one does not. Whatever
/// can't be read or decided is not pulled.
#[derive(Debug, clap::Args)]
#[command(after_long_help = after_help(ExitStatus::VERIFY_HELP, EXAMPLES))]
pub(crate) struct VerifyPullArgs {
    /// Image, as the node pulls it
    #[arg(long, value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    name: String,

    /// Digest that the registry gave for it
    #[arg(long, value_name = "DIGEST")]
    digest: String,

    /// Media type of what is on standard input
    #[arg(long, value_name = "TYPE", default_value = DESCRIPTOR)]
    stdin_media_type: String,

    #[command(flatten)]
    policy: PolicyArgs,

    #[command(flatten)]
    facts: FactsArgs,
}

/// Why a pull can't be decided.
#[derive(Debug, thiserror::Error)]
enum Undecided {
    #[error("\"{0}\" is no digest of an image")]
    Digest(String),
    #[error("the image is named with another digest than the registry gave: {0}")]
    OtherDigest(String),
    #[error("the descriptor on standard input is of another image: {0}")]
    OtherDescriptor(String),
    #[error("the descriptor on standard input can't be read: {0}")]
    Descriptor(String),
    #[error(transparent)]
    Other(#[from] Box<CliError>),
}

impl<E: Into<CliError>> From<E> for Undecided {
    fn from(error: E) -> Self {
        Self::Other(Box::new(error.into()))
    }
}

/// The content descriptor of the OCI specification, as far as it is used.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
}

pub(crate) fn run(args: &VerifyPullArgs, out: &mut dyn Write) -> Result<ExitStatus, CliError> {
    // Standard error goes to a debug log, so the reason goes where containerd looks for it.
    let verdict = match decided(args) {
        Ok(verdict) => verdict,
        Err(error) => {
            writeln!(out, "can't be decided: {}", OneLine(&error.to_string()))?;
            return Ok(ExitStatus::Denied);
        }
    };
    write!(out, "{}", verdict.reason(Language::English))?;
    for warning in verdict.warnings() {
        write!(out, "; warning: {}", warning.describe(Language::English))?;
    }
    writeln!(out)?;
    Ok(if verdict.is_allowed() {
        ExitStatus::default()
    } else {
        ExitStatus::Denied
    })
}

fn decided(args: &VerifyPullArgs) -> Result<Verdict, Undecided> {
    let project = Project {
        policy: vec![PathBuf::from(DEFAULT_POLICY)],
        ..Project::default()
    };
    let policy = args.policy.load(&project)?;
    let digest =
        ContentDigest::parse(&args.digest).ok_or_else(|| Undecided::Digest(args.digest.clone()))?;
    let media_type = described(args)?;
    let review: Review<'_> = [args.name.as_str()].into_iter().collect();
    let review = review.with_time(SystemTime::now());
    let mut facts = Facts::new();
    if let Ok(image) = ImageRef::parse(&args.name) {
        if let Some(named) = image.digest().map(|digest| digest.to_string())
            && named != args.digest
        {
            return Err(Undecided::OtherDigest(named));
        }
        let mut known = ImageFacts::new(digest, SystemTime::now(), image.registry());
        known.media_type = media_type;
        facts.insert(&image, Fact::Known(Arc::new(known)));
        if policy.uses_facts() {
            let mut needs = Needs::new();
            policy.as_policy().needs(&review, &mut needs);
            ask(args, &image, &needs, &mut facts)?;
        }
    }
    Ok(decide(policy.as_policy(), &review.with_facts(&facts)))
}

/// Asks the registry of the image, if that is allowed, for the digest that is pulled, whatever its tag means by now.
fn ask(
    args: &VerifyPullArgs,
    image: &ImageRef<'_>,
    needs: &Needs,
    facts: &mut Facts,
) -> Result<(), Undecided> {
    let mut source = args.facts.source()?;
    let pulled = format!(
        "{}/{}@{}",
        image.registry(),
        image.repository(),
        args.digest
    );
    let Ok(pulled) = ImageRef::parse(&pulled) else {
        return Ok(());
    };
    source.gather(|_| {
        let mut of_digest = Needs::new();
        for (_, need) in needs.iter() {
            of_digest.add(&pulled, need.clone());
        }
        Ok::<_, CliError>(of_digest)
    })?;
    if let Some(fact) = source.facts().image(&pulled) {
        facts.insert(image, fact.clone());
    }
    Ok(source.finish()?)
}

/// The media type of the image, from its descriptor. Another payload than a descriptor is not needed.
fn described(args: &VerifyPullArgs) -> Result<Option<MediaType>, Undecided> {
    if args.stdin_media_type != DESCRIPTOR {
        return Ok(None);
    }
    let mut text = Vec::new();
    let unreadable = |error: io::Error| Undecided::Descriptor(error.to_string());
    let mut stdin = io::stdin().lock().take(MAX_DESCRIPTOR + 1);
    stdin.read_to_end(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_DESCRIPTOR {
        let message = format!("it is larger than {MAX_DESCRIPTOR} bytes");
        return Err(Undecided::Descriptor(message));
    }
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let descriptor: Descriptor =
        serde_json::from_slice(&text).map_err(|error| Undecided::Descriptor(error.to_string()))?;
    if descriptor.digest != args.digest {
        return Err(Undecided::OtherDescriptor(descriptor.digest));
    }
    Ok(MediaType::parse(&descriptor.media_type))
}

/// The command line, in the form of this program where containerd wrote it.
pub(crate) fn command_line() -> Vec<OsString> {
    arguments(std::env::args_os())
}
