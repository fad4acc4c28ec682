//! Tags as versions.
//!
//! An image tag is a version if it begins, after an optional `v`, with one to three numbers between
//! dots: `1`, `v1.27`, `1.27.3-alpine`. Missing numbers are 0, and a fourth is skipped. What
//! follows is nearly always a variant of the image (`-alpine`, `-bookworm`), which the ordinary
//! rules of semantic versions would take for a pre-release, so that `>=1.20` would refuse
//! `1.27-alpine`. Here only the words that people use for pre-releases make one: `alpha`, `beta`,
//! `rc`, `cr`, `pre`, `preview`, `dev`, `snapshot`, `nightly`, `canary`, `milestone`, the `a7` or `b1`
//! that Python puts right after the numbers, and the `M1` of a milestone.
//!
//! A number of more than 64 bits counts as the largest that there is where a match denies, and is no
//! version where it allows.

use std::num::IntErrorKind;

use semver::{Comparator, Op, Prerelease, Version, VersionReq};

use super::reading::{PatternError, Reading};

const PRE_RELEASE_WORDS: [&str; 11] = [
    "alpha",
    "beta",
    "rc",
    "cr",
    "pre",
    "preview",
    "dev",
    "snapshot",
    "nightly",
    "canary",
    "milestone",
];

/// A range of versions, such as `>=1.20, <2`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct VersionRange(VersionReq);

/// A bound of a range of versions; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VersionBound {
    /// The lowest version: major, minor, patch.
    pub from: [u64; 3],
    /// The highest version. `u64::MAX` as a number stands for every one.
    pub to: [u64; 3],
}

impl VersionBound {
    /// What both ends are, which belong to it.
    #[must_use]
    pub const fn new(from: [u64; 3], to: [u64; 3]) -> Self {
        Self { from, to }
    }

    const ANY: u64 = u64::MAX;

    /// What no version is within.
    const NOTHING: Self = Self {
        from: [1, 0, 0],
        to: [0, 0, 0],
    };

    /// What a part of a range includes; source: the documentation of `semver::Op`.
    fn of(comparator: &Comparator) -> Option<Self> {
        let Comparator {
            op,
            major,
            minor,
            patch,
            ..
        } = *comparator;
        if !comparator.pre.is_empty() {
            return None;
        }
        let any = Self::ANY;
        let low = [major, minor.unwrap_or(0), patch.unwrap_or(0)];
        // The highest version that is the same as far as it is written.
        let high = [
            major,
            minor.unwrap_or(any),
            if minor.is_some() {
                patch.unwrap_or(any)
            } else {
                any
            },
        ];
        let within = |from, to| Some(Self { from, to });
        match op {
            Op::Exact | Op::Wildcard => within(low, high),
            Op::GreaterEq => within(low, [any; 3]),
            Op::LessEq => within([0; 3], high),
            Op::Greater => match after(high) {
                Some(from) => within(from, [any; 3]),
                None => Some(Self::NOTHING),
            },
            Op::Less => match before(low) {
                Some(to) => within([0; 3], to),
                None => Some(Self::NOTHING),
            },
            Op::Tilde => within(low, [major, minor.unwrap_or(any), any]),
            Op::Caret => match (minor, patch) {
                (None, _) => within(low, [major, any, any]),
                _ if major > 0 => within(low, [major, any, any]),
                (Some(minor), None) => within(low, [0, minor, any]),
                (Some(minor), Some(_)) if minor > 0 => within(low, [0, minor, any]),
                (Some(_), Some(patch)) => within(low, [0, 0, patch]),
            },
            _ => None,
        }
    }
}

/// The version that comes next after all that are at most this one.
fn after([major, minor, patch]: [u64; 3]) -> Option<[u64; 3]> {
    let any = VersionBound::ANY;
    if patch != any {
        return Some([major, minor, patch + 1]);
    }
    if minor != any {
        return Some([major, minor + 1, 0]);
    }
    (major != any).then(|| [major + 1, 0, 0])
}

/// The highest version before this one.
fn before([major, minor, patch]: [u64; 3]) -> Option<[u64; 3]> {
    let any = VersionBound::ANY;
    if patch > 0 {
        return Some([major, minor, patch - 1]);
    }
    if minor > 0 {
        return Some([major, minor - 1, any]);
    }
    (major > 0).then(|| [major - 1, any, any])
}

impl VersionRange {
    /// Its bounds: a version must be within each. `None` where a bound is a pre-release.
    pub(super) fn bounds(&self) -> Option<Vec<VersionBound>> {
        self.0.comparators.iter().map(VersionBound::of).collect()
    }

    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        VersionReq::parse(&without_leading_zeros(text))
            .map(Self)
            .map_err(|error| PatternError(format!("{text:?} is no range of versions: {error}")))
    }

    /// Whether a tag is a version in the range. Where a match allows, a pre-release is in the range
    /// only if the range names a pre-release of the same version (as Cargo and npm have it); where
    /// it denies, also if its release is.
    pub(super) fn matches(&self, tag: &TagVersion, reading: Reading) -> bool {
        match reading {
            Reading::Strict => tag.is_exact && self.0.matches(&tag.version),
            Reading::Wide => self.0.matches(&tag.version) || self.0.matches(&tag.release),
        }
    }
}

/// The version that a tag is.
#[derive(Clone, Debug)]
pub(super) struct TagVersion {
    version: Version,
    /// The same without its pre-release.
    release: Version,
    /// Whether each number is the one that is written.
    is_exact: bool,
}

/// Semantic versions have no leading zeros, and dates as versions do: `20.04`.
fn without_leading_zeros(text: &str) -> String {
    let mut previous = ' ';
    let mut chars = text.chars().peekable();
    let mut kept = String::with_capacity(text.len());
    while let Some(c) = chars.next() {
        let before_digit = chars.peek().is_some_and(char::is_ascii_digit);
        if c == '0' && before_digit && !previous.is_ascii_digit() {
            continue;
        }
        previous = c;
        kept.push(c);
    }
    kept
}

impl TagVersion {
    /// Reads a tag; `None` if it is no version.
    pub(super) fn parse(tag: &str) -> Option<Self> {
        let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let numbers_end = text
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(text.len());
        let (numbers, rest) = text.split_at(numbers_end);
        let mut numbers = numbers.trim_end_matches('.').split('.');
        let mut is_exact = true;
        let mut read = |number: &str| match number.parse::<u64>() {
            Ok(number) => Some(number),
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
                is_exact = false;
                Some(u64::MAX)
            }
            Err(_) => None,
        };
        let major = read(numbers.next()?)?;
        let mut next = || numbers.next().map_or(Some(0), &mut read);
        let release = Version::new(major, next()?, next()?);
        let version = Version {
            pre: pre_release(rest),
            ..release.clone()
        };
        Some(Self {
            version,
            release,
            is_exact,
        })
    }
}

/// The pre-release that what follows the numbers names, if any.
fn pre_release(rest: &str) -> Prerelease {
    let is_pre_release_word = |numbered: &str| {
        let word = numbered.trim_end_matches(|c: char| c.is_ascii_digit());
        PRE_RELEASE_WORDS
            .iter()
            .any(|known| word.eq_ignore_ascii_case(known))
            || word.eq_ignore_ascii_case("m") && word != numbered
    };
    let is_numbered_letter = rest
        .strip_prefix(['a', 'b'])
        .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()));
    if !is_numbered_letter && !rest.split(['-', '.', '_', '+']).any(is_pre_release_word) {
        return Prerelease::EMPTY;
    }
    let identifiers = rest
        .trim_start_matches(['-', '.', '_', '+'])
        .replace(['_', '+'], "-");
    Prerelease::new(&identifiers).unwrap_or_else(|_| {
        // Leading zeros or empty parts: still a pre-release, only not one that can be ordered.
        Prerelease::new("0").unwrap_or(Prerelease::EMPTY)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_versions_where_people_mean_them_so() {
        for (range, tag, strict, wide) in [
            (">=1.20, <2", "1.27.3", true, true),
            (">=1.20, <2", "v1.27", true, true),
            (">=1.20, <2", "1.27-alpine", true, true),
            (">=1.20, <2", "1.27.3-alpine3.19-slim", true, true),
            (">=1.20, <2", "1", false, false),
            (">=1.20, <2", "2.0.0", false, false),
            (">=1.20, <2", "1.19.9", false, false),
            (">=1.20, <2", "1.27.0-rc1", false, true),
            (">=1.20, <2", "1.27.0rc1", false, true),
            (">=1.20, <2", "1.27.0-beta.2", false, true),
            (">=1.20, <2", "1.27.0b1", false, true),
            (">=1.20, <2", "1.27a7-slim", false, true),
            (">=1.20, <2", "1.27.0-M1", false, true),
            (">=1.20, <2", "1.27-b2", true, true),
            (">=1.20, <2", "1.27-m", true, true),
            (">=1.27.0-beta.1", "1.27.0-beta.2", true, true),
            ("<1.20", "1.19-dev", false, true),
            (">=2023", "2024.01.15", true, true),
            ("=20.04", "20.04", true, true),
            (">=1.20", "1.27.3.4", true, true),
            (">=0", "bookworm", false, false),
            (">=0", "latest", false, false),
            // A number that is too large to compare does not avoid a denial.
            (">=0", "99999999999999999999999", false, true),
            ("<1.20", "1.5.18446744073709551616", false, true),
            ("<1.20", "1.5.18446744073709551615", true, true),
            ("<1.20", "99999999999999999999999", false, false),
            (">=1.20, <2", "2.0.0.CR1", false, false),
            (">=2", "2.0.0.CR1", false, true),
            (">=0", "1..2", false, false),
            (">=0", "v", false, false),
        ] {
            let range_ = VersionRange::parse(range).unwrap();
            let matches = |reading| {
                TagVersion::parse(tag).is_some_and(|version| range_.matches(&version, reading))
            };
            let found = (matches(Reading::Strict), matches(Reading::Wide));
            assert_eq!(found, (strict, wide), "{tag:?} in {range:?}");
        }
    }
}
