//! Who may vouch for an image, and how many of them are needed.

use std::{collections::BTreeSet, time::SystemTime};

use super::signer::{Who, describe};
use crate::{
    document::{explanation::Branch, facts::message, material::Material},
    facts::{Candidate, Fact, Signer, Statement, Trust},
    language::{Language, Message},
    quote::{first_chars, one_line},
};

/// One authority, or several.
#[derive(Debug)]
pub(super) enum By {
    One(Authority),
    /// At least so many of these.
    Several {
        least: usize,
        of: Vec<Self>,
        /// Whether each needs a signer of its own.
        apart: bool,
    },
}

/// Somebody who may vouch for an image.
#[derive(Debug)]
pub(super) struct Authority {
    pub(super) label: Box<str>,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Always, or never.
    Static(bool),
    /// Whoever is one of those that a trust vouches for.
    Trusted(Box<(Material, Who)>),
}

/// What was found beside a digest, and at what time it is judged.
#[derive(Clone, Copy)]
pub(super) struct Found<'f> {
    pub(super) candidates: Option<&'f Fact<Vec<Candidate>>>,
    pub(super) now: Option<SystemTime>,
}

/// What an authority, or several, say of a digest.
pub(super) struct Answer<'f> {
    /// `None` if it can't be known.
    pub(super) holds: Option<bool>,
    /// Why, in a clause that the authority's name stands before.
    pub(super) why: Message,
    pub(super) branch: Branch,
    /// Those who vouch; empty if that takes nobody.
    signers: Vec<&'f Signer>,
}

/// Whether a statement says what is wanted, and if not, why.
pub(super) type Says<'s> = dyn Fn(&Statement) -> Result<(), Message> + 's;

/// The most characters of one reason that are shown.
const MAX_CHARS: usize = 300;

/// The most authorities whose reasons are shown in one sentence.
const MAX_SHOWN: usize = 3;

impl By {
    /// All trusts that are needed to tell whether enough vouch.
    pub(super) fn trusts(&self) -> Vec<&Material> {
        match self {
            Self::One(Authority {
                kind: Kind::Trusted(of),
                ..
            }) => vec![&of.0],
            Self::One(_) => Vec::new(),
            Self::Several { of, .. } => of.iter().flat_map(Self::trusts).collect(),
        }
    }

    /// Whether enough vouch, if that is so whatever is found.
    pub(super) fn decided(&self) -> Option<bool> {
        match self {
            Self::One(Authority {
                kind: Kind::Static(passes),
                ..
            }) => Some(*passes),
            Self::One(_) => None,
            Self::Several { least, of, .. } => {
                let decided: Vec<Option<bool>> = of.iter().map(Self::decided).collect();
                let yes = decided.iter().filter(|one| **one == Some(true)).count();
                let no = decided.iter().filter(|one| **one == Some(false)).count();
                if yes >= *least {
                    Some(true)
                } else if of.len() - no < *least {
                    Some(false)
                } else {
                    None
                }
            }
        }
    }

    pub(super) fn judge<'f>(&self, found: Found<'f>, says: &Says<'_>) -> Answer<'f> {
        match self {
            Self::One(authority) => authority.judge(found, says),
            Self::Several { least, of, apart } => several(*least, *apart, of, found, says),
        }
    }
}

fn several<'f>(
    least: usize,
    apart: bool,
    of: &[By],
    found: Found<'f>,
    says: &Says<'_>,
) -> Answer<'f> {
    let answers: Vec<Answer<'f>> = of.iter().map(|by| by.judge(found, says)).collect();
    let yes: Vec<&[&Signer]> = answers
        .iter()
        .filter(|answer| answer.holds == Some(true))
        .map(|answer| &answer.signers[..])
        .collect();
    let unknown = answers.iter().filter(|one| one.holds.is_none()).count();
    let count = if apart { matched(&yes) } else { yes.len() };
    let holds = if count >= least {
        Some(true)
    } else if count + unknown >= least {
        None
    } else {
        Some(false)
    };
    let total = of.len();
    let mut why = message(
        format!("{count} of {total} authorities vouch for it, and {least} must"),
        format!("{total}个签署者中有{count}个签署,至少需要{least}个"),
    );
    if count < yes.len() && holds != Some(true) {
        why = joined(
            &why,
            &Message::new("one signer counts once", "同一签署人只计一次"),
        );
    }
    if holds != Some(true) {
        let failed = answers.iter().filter(|one| one.holds != Some(true));
        for answer in failed.take(MAX_SHOWN) {
            why = joined(&why, &answer.why);
        }
    }
    let branches = answers.iter().map(|answer| answer.branch.clone()).collect();
    let signers = match holds {
        Some(true) => answers.iter().flat_map(|one| one.signers.clone()).collect(),
        _ => Vec::new(),
    };
    let what = match (least, total) {
        (1, _) => message(
            format!("any of {total} authorities"),
            format!("{total}个签署者中的任意一个"),
        ),
        (least, total) if least == total => message(
            format!("each of {total} authorities"),
            format!("全部{total}个签署者"),
        ),
        _ => message(
            format!("{least} of {total} authorities, each by a signer of its own"),
            format!("{total}个签署者中的{least}个,各有不同的签署人"),
        ),
    };
    Answer {
        holds,
        why,
        branch: Branch::new(holds, what, branches),
        signers,
    }
}

/// How many of these can have a signer of their own. One without signers takes nobody.
fn matched(all: &[&[&Signer]]) -> usize {
    fn place<'s>(
        one: usize,
        all: &[&[&'s Signer]],
        taken: &mut Vec<(&'s Signer, usize)>,
        seen: &mut Vec<&'s Signer>,
    ) -> bool {
        for signer in all[one] {
            if seen.contains(signer) {
                continue;
            }
            seen.push(signer);
            let Some(at) = taken.iter().position(|(other, _)| other == signer) else {
                taken.push((signer, one));
                return true;
            };
            // Whoever has it may take another.
            if place(taken[at].1, all, taken, seen) {
                taken[at].1 = one;
                return true;
            }
        }
        false
    }
    let mut taken = Vec::new();
    let placed = (0..all.len())
        .filter(|one| all[*one].is_empty() || place(*one, all, &mut taken, &mut Vec::new()));
    placed.count()
}

impl Authority {
    fn judge<'f>(&self, found: Found<'f>, says: &Says<'_>) -> Answer<'f> {
        let (material, who) = match &self.kind {
            Kind::Static(passes) => {
                let why = if *passes {
                    Message::new("it passes whatever is found", "无论如何都通过")
                } else {
                    Message::new("it is denied whatever is found", "无论如何都拒绝")
                };
                return self.answer(Some(*passes), &why, Vec::new(), Vec::new());
            }
            Kind::Trusted(of) => (&of.0, &of.1),
        };
        let candidates = match found.candidates {
            Some(Fact::Known(candidates)) => &candidates[..],
            Some(Fact::Absent) => &[],
            Some(Fact::Unavailable(why)) => {
                let why = Message::from(one_line(&first_chars(why.message(), MAX_CHARS)));
                return self.answer(None, &why, Vec::new(), Vec::new());
            }
            None => {
                let why = Message::new("nobody looked for signatures", "没有查找签名");
                return self.answer(None, &why, Vec::new(), Vec::new());
            }
        };
        let mut branches = Vec::new();
        let mut signers = Vec::new();
        let mut is_unknown = false;
        let mut first = None;
        for candidate in candidates {
            let (holds, what) = match judge_candidate(candidate, material.trust(), who, found, says)
            {
                Ok(signer) => {
                    signers.push(signer);
                    (Some(true), describe(signer))
                }
                Err(Trouble::No(why)) => (Some(false), why),
                Err(Trouble::Unknown(why)) => {
                    is_unknown = true;
                    (None, why)
                }
            };
            if holds != Some(true) && first.is_none() {
                first = Some(what.clone());
            }
            branches.push(Branch::new(
                holds,
                prefixed(&name_of(candidate), &what),
                Vec::new(),
            ));
        }
        if let Some(signer) = signers.first() {
            let by = describe(signer);
            let why = message(
                format!("signed by {}", by.text(Language::English)),
                format!("由{}签署", by.text(Language::Chinese)),
            );
            return self.answer(Some(true), &why, branches, signers);
        }
        let why = match (candidates.len(), first) {
            (0, _) | (_, None) => Message::new("no signature was found", "没有找到签名"),
            (1, Some(first)) => message(
                format!("one was found: {}", first.text(Language::English)),
                format!("找到一个:{}", first.text(Language::Chinese)),
            ),
            (count, Some(first)) => message(
                format!(
                    "{count} were found, and none counts; the first: {}",
                    first.text(Language::English)
                ),
                format!(
                    "找到{count}个,都不算数;第一个:{}",
                    first.text(Language::Chinese)
                ),
            ),
        };
        let holds = if is_unknown { None } else { Some(false) };
        self.answer(holds, &why, branches, signers)
    }

    fn answer<'f>(
        &self,
        holds: Option<bool>,
        why: &Message,
        branches: Vec<Branch>,
        signers: Vec<&'f Signer>,
    ) -> Answer<'f> {
        let why = prefixed(
            &message(self.label.to_string(), self.label.to_string()),
            why,
        );
        Answer {
            holds,
            branch: Branch::new(holds, why.clone(), branches),
            why,
            signers,
        }
    }
}

enum Trouble {
    No(Message),
    Unknown(Message),
}

/// Who signed, or why it does not count.
fn judge_candidate<'f>(
    candidate: &'f Candidate,
    trust: &Trust,
    who: &Who,
    found: Found<'f>,
    says: &Says<'_>,
) -> Result<&'f Signer, Trouble> {
    let statement = match candidate.outcome(trust.id()) {
        Some(Ok(statement)) => statement,
        Some(Err(refusal)) => {
            let why = one_line(&first_chars(refusal.message(), MAX_CHARS));
            return Err(Trouble::No(Message::from(why)));
        }
        None => {
            return Err(Trouble::Unknown(Message::new(
                "it was not verified with what this authority trusts",
                "没有用此签署者的信任材料验证",
            )));
        }
    };
    if let Some(expires) = statement.expires {
        match found.now {
            Some(now) if now <= expires => {}
            Some(_) => {
                return Err(Trouble::No(Message::new(
                    "it has expired, or its certificate has",
                    "签名或其证书已过期",
                )));
            }
            None => {
                return Err(Trouble::Unknown(Message::new(
                    "it expires, and the review has no time",
                    "签名有期限,而审查没有时间",
                )));
            }
        }
    }
    who.admits(&statement.signer).map_err(Trouble::No)?;
    says(statement).map_err(Trouble::No)?;
    Ok(&statement.signer)
}

/// What a candidate is, and where it was found.
fn name_of(candidate: &Candidate) -> Message {
    let digest = candidate.found_in.as_str();
    let digest = digest.get(..19).unwrap_or(digest);
    let format = candidate.format.as_str();
    message(format!("{format} {digest}…"), format!("{format} {digest}…"))
}

fn prefixed(before: &Message, after: &Message) -> Message {
    message(
        format!(
            "{}: {}",
            before.text(Language::English),
            after.text(Language::English)
        ),
        format!(
            "{}:{}",
            before.text(Language::Chinese),
            after.text(Language::Chinese)
        ),
    )
}

/// Two clauses.
fn joined(one: &Message, other: &Message) -> Message {
    message(
        format!(
            "{}; {}",
            one.text(Language::English),
            other.text(Language::English)
        ),
        format!(
            "{};{}",
            one.text(Language::Chinese),
            other.text(Language::Chinese)
        ),
    )
}

/// The first of each, by what it is verified with.
pub(super) fn distinct<'m>(all: impl IntoIterator<Item = &'m Material>) -> Vec<&'m Material> {
    let mut seen = BTreeSet::new();
    let all = all.into_iter();
    all.filter(|one| seen.insert(one.trust().id())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_authority_needs_a_signer_of_its_own() {
        let [a, b, c] = ["a", "b", "c"].map(|fingerprint| Signer::Key {
            fingerprint: fingerprint.into(),
        });
        for (all, expected) in [
            (vec![], 0),
            (vec![vec![&a]], 1),
            (vec![vec![&a], vec![&a]], 1),
            (vec![vec![&a, &b], vec![&a]], 2),
            (vec![vec![&a, &b], vec![&a], vec![&b]], 2),
            (vec![vec![&a, &b], vec![&a, &c], vec![&a]], 3),
            // What takes nobody always counts.
            (vec![vec![], vec![&a], vec![&a], vec![]], 3),
        ] {
            let all: Vec<&[&Signer]> = all.iter().map(|signers| &signers[..]).collect();
            assert_eq!(matched(&all), expected, "{all:?}");
        }
    }
}
