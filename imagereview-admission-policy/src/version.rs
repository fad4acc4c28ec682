//! Ranges of versions as regular expressions over tags.
//!
//! RE2 compares no numbers, but an expression for all decimal numbers in a range is short, whatever the range. So
//! tags as large as `20991231235959` are compared without an overflow, as imagereview-core does.

use imagereview_core::document::VersionBound;

use crate::{cel::Condition, cost::TAG_LEN, matching::matches};

/// The largest number in a range. Larger ones are no versions that anybody releases.
const MAX_NUMBER: u64 = 999_999_999_999_999_999;

/// What stands for every number.
const ANY: u64 = u64::MAX;

/// What makes a tag a pre-release, after its numbers: as `PRE_RELEASE_WORDS` in imagereview-core.
const PRE_RELEASE: &str = "^[vV]?[0-9][0-9.]*(?:[ab][0-9]|(?:.*[-._+])?(?i:(?:alpha|beta|rc|cr|pre|preview|dev|snapshot|nightly|canary|milestone)[0-9]*|m[0-9]+)(?:[-._+]|$))";

/// Whether the tag is a version within all of these bounds.
pub(crate) fn within(bounds: &[VersionBound]) -> Result<Condition, String> {
    let numbers = bounds
        .iter()
        .flat_map(|bound| bound.from.into_iter().chain(bound.to));
    if numbers
        .filter(|number| *number != ANY)
        .any(|number| number > MAX_NUMBER)
    {
        return Err(format!("a number of the range is above {MAX_NUMBER}"));
    }
    let mut conditions = Vec::new();
    for bound in bounds {
        let Some(expression) = of_bound(bound) else {
            return Ok(Condition::constant(false));
        };
        conditions.push(matches("image.tag", TAG_LEN, &expression));
    }
    Ok(Condition::all(conditions))
}

/// Whether the tag is no pre-release, and has no number that is too large: what a pattern that allows asks of each. A
/// number of 64 bits has 20 digits at most; the largest of 19 digits is as good a limit, and shorter to say.
pub(crate) fn is_release() -> Condition {
    let number = "0*[0-9]{1,19}";
    let exact =
        format!(r"^[vV]?{number}(?:\.{number}(?:\.{number}(?:\.[0-9.]*)?)?)?\.*(?:[^0-9.]|$)");
    Condition::all([
        matches("image.tag", TAG_LEN, &exact),
        matches("image.tag", TAG_LEN, PRE_RELEASE).not(),
    ])
}

/// An expression for the versions between two, both included; `None` for none.
fn of_bound(bound: &VersionBound) -> Option<String> {
    let mut boxes = Vec::new();
    boxes_between(bound.from, bound.to, &mut boxes);
    if boxes.is_empty() {
        return None;
    }
    let versions: Vec<String> = boxes.iter().map(of_box).collect();
    Some(format!(r"^[vV]?(?:{})\.*(?:[^0-9.]|$)", versions.join("|")))
}

/// Major, minor and patch, each within a range of its own.
type Box3 = [(u64, u64); 3];

const ALL: (u64, u64) = (0, ANY);

/// The versions from one to another in the order of versions, as boxes.
fn boxes_between(from: [u64; 3], to: [u64; 3], boxes: &mut Vec<Box3>) {
    if from > to {
        return;
    }
    let [from_major, from_minor, from_patch] = from;
    let [to_major, to_minor, to_patch] = to;
    let of_first = (from_major, from_major);
    if from_major == to_major {
        if from_minor == to_minor {
            boxes.push([of_first, (from_minor, from_minor), (from_patch, to_patch)]);
            return;
        }
        boxes.push([of_first, (from_minor, from_minor), (from_patch, ANY)]);
        between(from_minor, to_minor, |minors| {
            boxes.push([of_first, minors, ALL]);
        });
        if to_minor != ANY {
            boxes.push([of_first, (to_minor, to_minor), (0, to_patch)]);
        }
        return;
    }
    boxes.push([of_first, (from_minor, from_minor), (from_patch, ANY)]);
    boxes.push([of_first, (from_minor + 1, ANY), ALL]);
    between(from_major, to_major, |majors| {
        boxes.push([majors, ALL, ALL]);
    });
    let of_last = (to_major, to_major);
    if to_major == ANY {
        return;
    }
    if to_minor == ANY {
        boxes.push([of_last, ALL, ALL]);
        return;
    }
    if to_minor > 0 {
        boxes.push([of_last, (0, to_minor - 1), ALL]);
    }
    boxes.push([of_last, (to_minor, to_minor), (0, to_patch)]);
}

/// The numbers between two, if there are any.
fn between(low: u64, high: u64, add: impl FnOnce((u64, u64))) {
    if high == ANY {
        add((low + 1, ANY));
    } else if high > low + 1 {
        add((low + 1, high - 1));
    }
}

/// Missing numbers are 0, and a fourth is skipped.
fn of_box([major, minor, patch]: &Box3) -> String {
    let rest = format!(r"\.{}(?:\.[0-9.]*)?", of_numbers(*patch));
    let rest = if patch.0 == 0 {
        format!("(?:{rest})?")
    } else {
        rest
    };
    let rest = format!(r"\.{}{rest}", of_numbers(*minor));
    let rest = if (minor.0, patch.0) == (0, 0) {
        format!("(?:{rest})?")
    } else {
        rest
    };
    format!("{}{rest}", of_numbers(*major))
}

/// An expression for the decimal numbers from one to another, with zeros in front.
fn of_numbers((low, high): (u64, u64)) -> String {
    match (low, high) {
        (0, ANY) => "[0-9]+".into(),
        (low, ANY) => at_least(&low.to_string()),
        (0, high) => at_most(&high.to_string()),
        (low, high) if low == high => format!("0*{low}"),
        (low, high) => {
            let (low, high) = (low.to_string(), high.to_string());
            if low.len() == high.len() {
                format!("0*(?:{})", same_length(&low, &high).join("|"))
            } else {
                let mut parts = same_length(&low, &"9".repeat(low.len()));
                if high.len() > low.len() + 1 {
                    parts.push(format!("[1-9][0-9]{{{},{}}}", low.len(), high.len() - 2));
                }
                let first = format!("1{}", "0".repeat(high.len() - 1));
                parts.extend(same_length(&first, &high));
                format!("0*(?:{})", parts.join("|"))
            }
        }
    }
}

fn at_least(low: &str) -> String {
    let mut parts = same_length(low, &"9".repeat(low.len()));
    parts.push(format!("[1-9][0-9]{{{},}}", low.len()));
    format!("0*(?:{})", parts.join("|"))
}

fn at_most(high: &str) -> String {
    if high == "0" {
        return "0+".into();
    }
    let mut parts = vec!["0".to_owned()];
    if high.len() > 1 {
        parts.push(format!("[1-9][0-9]{{0,{}}}", high.len() - 2));
    }
    let first = format!("1{}", "0".repeat(high.len() - 1));
    parts.extend(same_length(&first, high));
    format!("0*(?:{})", parts.join("|"))
}

/// Expressions for the numbers between two of the same length, both included.
fn same_length(low: &str, high: &str) -> Vec<String> {
    let (Some(a), Some(b)) = (low.bytes().next(), high.bytes().next()) else {
        return vec![String::new()];
    };
    let (low_rest, high_rest) = (&low[1..], &high[1..]);
    let digits = low_rest.len();
    let with = |digit: u8, rests: Vec<String>| {
        let rests = rests.into_iter();
        rests
            .map(|rest| format!("{}{rest}", char::from(digit)))
            .collect::<Vec<_>>()
    };
    if a == b {
        return with(a, same_length(low_rest, high_rest));
    }
    let whole = |first: u8, last: u8| {
        let class = if first == last {
            char::from(first).to_string()
        } else {
            format!("[{}-{}]", char::from(first), char::from(last))
        };
        match digits {
            0 => class,
            1 => format!("{class}[0-9]"),
            digits => format!("{class}[0-9]{{{digits}}}"),
        }
    };
    let low_is_first = low_rest.bytes().all(|byte| byte == b'0');
    let high_is_last = high_rest.bytes().all(|byte| byte == b'9');
    let mut parts = Vec::new();
    let first = if low_is_first { a } else { a + 1 };
    let last = if high_is_last { b } else { b - 1 };
    if !low_is_first {
        parts.extend(with(a, same_length(low_rest, &"9".repeat(digits))));
    }
    if first <= last {
        parts.push(whole(first, last));
    }
    if !high_is_last {
        parts.extend(with(b, same_length(&"0".repeat(digits), high_rest)));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_a_range_or_not() {
        for low in [0, 1, 2, 7, 9, 10, 11, 19, 59, 99, 100, 101] {
            let highs = [low, low + 1, 19, 99, 100, 101, 120, 250, ANY];
            for high in highs.into_iter().filter(|high| *high >= low) {
                let expression = format!("^(?:{})$", of_numbers((low, high)));
                let regex = regex::Regex::new(&expression).unwrap();
                for number in 0..300 {
                    for text in [number.to_string(), format!("00{number}")] {
                        let expected = (low..=high).contains(&number);
                        assert_eq!(
                            regex.is_match(&text),
                            expected,
                            "{text} in {low}..={high}: {expression}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn versions_are_within_a_bound_or_not() {
        let ends = all(&[0, 1, 10, ANY]);
        let versions = all(&[0, 1, 2, 9, 10]);
        for from in ends.iter().filter(|from| !from.contains(&ANY)) {
            for to in &ends {
                let expression = of_bound(&VersionBound::new(*from, *to));
                let regex = expression.map(|expression| regex::Regex::new(&expression).unwrap());
                for version in &versions {
                    let [major, minor, patch] = version;
                    let expected = from <= version && version <= to;
                    let whole = format!("{major}.{minor}.{patch}");
                    let mut texts = vec![
                        format!("v{whole}-alpine"),
                        format!("{whole}.7"),
                        format!("{whole}..x"),
                        whole,
                    ];
                    if *patch == 0 {
                        texts.push(format!("{major}.{minor}"));
                    }
                    if (*minor, *patch) == (0, 0) {
                        texts.push(format!("{major}_x"));
                    }
                    for text in texts {
                        let found = regex.as_ref().is_some_and(|regex| regex.is_match(&text));
                        assert_eq!(found, expected, "{text} in {from:?}..={to:?}: {regex:?}");
                    }
                }
            }
        }
    }

    fn all(numbers: &[u64]) -> Vec<[u64; 3]> {
        let mut all = Vec::new();
        for major in numbers {
            for minor in numbers {
                all.extend(numbers.iter().map(|patch| [*major, *minor, *patch]));
            }
        }
        all
    }
}
