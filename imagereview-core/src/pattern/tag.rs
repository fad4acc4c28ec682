//! Patterns over tags.

use std::collections::HashMap;

use regex::RegexSet;

use super::{
    glob::{glob, has_negated_class, is_glob, stray_character},
    globs::Globs,
    price::{LOOK_UP, Price},
    reading::{PatternError, Reading},
    regexes::{RegexBudget, RegexError, width},
    version::{TagVersion, VersionBound, VersionRange},
};

/// Tags that are moved from image to image by custom, named together as `$mutable`.
pub(crate) const MUTABLE_TAGS: [&str; 18] = [
    "canary",
    "current",
    "dev",
    "develop",
    "development",
    "edge",
    "head",
    "latest",
    "lts",
    "main",
    "master",
    "nightly",
    "next",
    "rolling",
    "snapshot",
    "stable",
    "testing",
    "trunk",
];

/// The name of that set.
const MUTABLE: &str = "$mutable";

/// The most memory that one set of regular expressions may take when compiled, in bytes.
const REGEX_SIZE_LIMIT: usize = 4 * 1024 * 1024;

/// A pattern over tags. Its first character says which kind it is, since none of these characters can
/// begin a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TagPattern {
    text: Box<str>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// `latest`: this tag.
    Exact,
    /// `*-SNAPSHOT`: a glob over the whole tag.
    Glob,
    /// `/^v[0-9]+$/`: a regular expression, of the whole tag whether or not it says so.
    Regex(Box<str>),
    /// `>=1.20, <2`: a range of versions.
    Range(VersionRange),
    /// `$mutable`: [`MUTABLE_TAGS`].
    Mutable,
}

impl TagPattern {
    pub(crate) fn parse(text: &str) -> Result<Self, PatternError> {
        let kind = if let Some(rest) = text.strip_prefix('/') {
            let Some(expression) = rest.strip_suffix('/').filter(|e| !e.is_empty()) else {
                return Err(PatternError(format!(
                    "{text:?} begins like a regular expression and has no \"/\" at its end"
                )));
            };
            // Sound alone, so that it cannot close the group that makes it one of the whole tag; and
            // sound within that, where a comment in it would swallow the end. Not compiled yet: that
            // can take milliseconds for each of very many, and is bounded for all of them together.
            let unsound = [expression, &of_whole_tag(expression)]
                .into_iter()
                .find_map(|expression| regex_syntax::parse(expression).err());
            if let Some(error) = unsound {
                return Err(PatternError(format!(
                    "{text:?} is no regular expression: {error}"
                )));
            }
            Kind::Regex(expression.into())
        } else if text.starts_with(['<', '>', '=', '~', '^']) {
            Kind::Range(VersionRange::parse(text)?)
        } else if text.starts_with('$') {
            if text != MUTABLE {
                return Err(PatternError(format!(
                    "there is no set of tags {text:?}; there is {MUTABLE:?}"
                )));
            }
            Kind::Mutable
        } else {
            let in_tag = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            let stray = stray_character(text, in_tag);
            if text.is_empty() || text.starts_with(['.', '-']) || stray.is_some() {
                let what = stray.map(|what| format!(" ({what})")).unwrap_or_default();
                return Err(PatternError(format!(
                    "{text:?} can be no tag{what}: a tag is letters, digits, \"_\", \".\" and \"-\", \
                     and does not begin with \".\" or \"-\""
                )));
            }
            if is_glob(text) {
                glob(text, Reading::Strict)?;
                Kind::Glob
            } else {
                Kind::Exact
            }
        };
        Ok(Self {
            text: text.into(),
            kind,
        })
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

/// One way in which a pattern matches a tag.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum TagForm {
    /// One of these tags.
    Exact(Vec<Box<str>>),
    /// One of these tags, in lower or upper case.
    ExactInAnyCase(Vec<Box<str>>),
    /// A regular expression for the whole tag, in the syntax of the crate `regex`.
    Matching(Box<str>),
    /// A version within all of these bounds; `None` where a bound is a pre-release.
    Versions(Option<Vec<VersionBound>>, VersionReading),
}

/// How a tag is compared with bounds of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionReading {
    /// A match allows: no pre-release and no number of more than 64 bits matches.
    Exact,
    /// A match denies: a pre-release matches where its release does, and a number of more than 64 bits is
    /// the largest.
    Broad,
}

impl TagPattern {
    /// The ways in which it matches a tag: one of them must.
    pub(crate) fn forms(&self, reading: Reading) -> Vec<TagForm> {
        let is_wide = reading == Reading::Wide;
        let exact = |tags: Vec<Box<str>>| {
            vec![if is_wide {
                TagForm::ExactInAnyCase(tags)
            } else {
                TagForm::Exact(tags)
            }]
        };
        match &self.kind {
            Kind::Exact => exact(vec![key(&self.text, reading)]),
            Kind::Mutable => exact(MUTABLE_TAGS.map(Into::into).into()),
            Kind::Glob => {
                let mut readings = vec![reading];
                if is_wide && has_negated_class(&self.text) {
                    readings.push(Reading::Strict);
                }
                let globs = readings
                    .into_iter()
                    .map(|reading| glob(&self.text, reading));
                globs
                    .flatten()
                    .map(|glob| TagForm::Matching(glob.expression))
                    .collect()
            }
            Kind::Regex(expression) => {
                let expression = of_whole_tag(expression);
                let mut expressions = vec![expression.clone()];
                if is_wide {
                    expressions.push(format!("(?i){expression}"));
                }
                let forms = expressions.into_iter().map(Into::into);
                forms.map(TagForm::Matching).collect()
            }
            Kind::Range(range) => {
                let reading = if is_wide {
                    VersionReading::Broad
                } else {
                    VersionReading::Exact
                };
                vec![TagForm::Versions(range.bounds(), reading)]
            }
        }
    }
}

/// Patterns over tags, matched all at once.
#[derive(Clone, Debug)]
pub(crate) struct TagSet {
    patterns: Vec<TagPattern>,
    reading: Reading,
    /// Tags, in lower case if the reading is wide, and the pattern that each belongs to.
    exact: HashMap<Box<str>, usize>,
    globs: Globs,
    regexes: RegexSet,
    regex_patterns: Vec<usize>,
    ranges: Vec<(VersionRange, usize)>,
    price: Price,
}

/// The steps to compare a version with a range.
const RANGE: u64 = 100;

/// The steps to read a tag as a version, for each of its bytes.
const VERSION: u64 = 10;

impl TagSet {
    /// The patterns, in their order.
    pub(crate) fn patterns(&self) -> &[TagPattern] {
        &self.patterns
    }

    pub(crate) fn new(
        patterns: Vec<TagPattern>,
        reading: Reading,
        budget: &mut RegexBudget,
    ) -> Result<Self, PatternError> {
        let mut exact = HashMap::new();
        let mut globs = Vec::new();
        let (mut regexes, mut regex_patterns) = (Vec::new(), Vec::new());
        let mut ranges = Vec::new();
        for (index, pattern) in patterns.iter().enumerate() {
            match &pattern.kind {
                Kind::Exact => {
                    exact.entry(key(&pattern.text, reading)).or_insert(index);
                }
                Kind::Mutable => {
                    for tag in MUTABLE_TAGS {
                        exact.entry(tag.into()).or_insert(index);
                    }
                }
                Kind::Glob => {
                    globs.push((glob(&pattern.text, reading)?, index));
                    if reading == Reading::Wide && has_negated_class(&pattern.text) {
                        globs.push((glob(&pattern.text, Reading::Strict)?, index));
                    }
                }
                Kind::Regex(expression) => {
                    let expression = of_whole_tag(expression);
                    if reading == Reading::Wide {
                        // Without regard to case, `[^a]` leaves out more.
                        regexes.push(format!("(?i){expression}"));
                        regex_patterns.push(index);
                    }
                    regexes.push(expression);
                    regex_patterns.push(index);
                }
                Kind::Range(range) => ranges.push((range.clone(), index)),
            }
        }
        let widths = regexes.iter().map(|regex| width(regex));
        let regex_price = Price::new(LOOK_UP, widths.fold(0, u64::saturating_add));
        let globs = Globs::new(globs, reading)?;
        let ranges_price = Price::new(ranges.len() as u64 * RANGE, VERSION);
        let exact_price = Price::new(LOOK_UP, 2);
        let price = exact_price + globs.price() + regex_price + ranges_price;
        let regexes = if regexes.is_empty() {
            RegexSet::empty()
        } else {
            let mut set = regex::RegexSetBuilder::new(regexes);
            budget
                .compile(REGEX_SIZE_LIMIT, |size| set.size_limit(size).build())
                .map_err(|error| too_large(&patterns, &error))?
        };
        Ok(Self {
            patterns,
            reading,
            exact,
            globs,
            regexes,
            regex_patterns,
            ranges,
            price,
        })
    }

    /// The steps to match a tag, at most.
    pub(crate) fn price(&self) -> Price {
        self.price
    }

    /// The first pattern that matches.
    pub(crate) fn find(&self, tag: &str) -> Option<&TagPattern> {
        let exact = match self.reading {
            Reading::Wide if tag.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.exact.get(&*tag.to_ascii_lowercase())
            }
            _ => self.exact.get(tag),
        };
        let exact = exact.copied().into_iter();
        let globs = self.globs.find(tag);
        let regexes = (!self.regexes.is_empty())
            .then(|| self.regexes.matches(tag))
            .into_iter()
            .flatten()
            .map(|regex| self.regex_patterns[regex]);
        let version = (!self.ranges.is_empty())
            .then(|| TagVersion::parse(tag))
            .flatten();
        let ranges = version.iter().flat_map(|version| {
            let matching =
                |(range, _): &&(VersionRange, usize)| range.matches(version, self.reading);
            self.ranges.iter().filter(matching).map(|(_, index)| *index)
        });
        let first = exact.chain(globs).chain(regexes).chain(ranges).min()?;
        Some(&self.patterns[first])
    }
}

/// How many expressions of a set that is too large are looked at for one that is so alone.
const SUSPECTS: usize = 16;

/// The error of a set of regular expressions that is too large: of the first that is so alone, if
/// there is one.
fn too_large(patterns: &[TagPattern], error: &RegexError) -> PatternError {
    if let RegexError::Spent = error {
        return PatternError(error.to_string());
    }

    let is_too_large = |pattern: &&TagPattern| match &pattern.kind {
        Kind::Regex(expression) => regex::RegexBuilder::new(expression)
            .size_limit(REGEX_SIZE_LIMIT)
            .build()
            .is_err(),
        _ => false,
    };
    let regexes = patterns
        .iter()
        .filter(|pattern| matches!(pattern.kind, Kind::Regex(_)));
    PatternError(match regexes.take(SUSPECTS).find(is_too_large) {
        Some(pattern) => format!("{:?} is no regular expression: {error}", pattern.as_str()),
        None => format!("the regular expressions are too many or too large: {error}"),
    })
}

/// An expression is of the whole tag, whether or not it says so.
fn of_whole_tag(expression: &str) -> String {
    format!("^(?:{expression})$")
}

fn key(tag: &str, reading: Reading) -> Box<str> {
    match reading {
        Reading::Strict => tag.into(),
        Reading::Wide => tag.to_ascii_lowercase().into(),
    }
}
