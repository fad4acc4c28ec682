//! What kubectl makes of the values of a document, where that is not what YAML's own rules say.

use std::collections::HashMap;

use super::tree::{Id, Kind, Node, Tree};

/// Where a document means something else to kubectl, or nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum MeaningError {
    #[error(
        "kubectl does not read the text from here on, which is behind a whole document; begin a document with \"---\" on a line of its own"
    )]
    SecondDocument,
    #[error(
        "the character U+{character:04X} ends a line for kubectl, which knows YAML 1.1, and not in YAML 1.2; write it as an escape in double quotes, or leave it out"
    )]
    Break { character: u32 },
    #[error(
        "a byte order mark begins a line here, which readers of YAML take differently; leave it out"
    )]
    Mark,
    #[error("the tag {0}, which readers of YAML take differently; write the value without it")]
    Tag(String),
    #[error(
        "kubectl takes a question mark in brackets and braces, and a colon before a word there, for the sign of a key; put the value into quotes"
    )]
    Indicator,
    #[error("kubectl can't read it: {0}")]
    Refused(&'static str),
    #[error(
        "{key:?} is {theirs} to kubectl, where the last one counts that is written, merged or not, and {ours} by the \
         rules of merge keys; write \"<<\" before the keys of one's own, once, or leave one of the values out"
    )]
    Merge {
        key: String,
        ours: String,
        theirs: String,
    },
    #[error("merge keys bring more than {MAX_MERGED} keys")]
    TooManyMerged,
}

impl MeaningError {
    pub(super) fn is_read_by_kubectl(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

/// How many keys, at most, the merge keys of one mapping bring. Merged mappings that merge others can bring very many.
const MAX_MERGED: usize = 10_000;

/// What a plain scalar is that means nothing, as the Go module reads it.
const NULLS: [&str; 5] = ["", "~", "null", "Null", "NULL"];

/// Numbers for which JSON has no word.
const NOT_JSON: [&str; 12] = [
    ".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf",
    "-.INF",
];

/// Looks for what kubectl takes otherwise. In a document that holds no object it is of no account.
pub(super) fn check(tree: &Tree<'_>) -> Result<(), (usize, MeaningError)> {
    if !may_hold_objects(tree) {
        return Ok(());
    }
    let nodes = tree.nodes();
    for node in nodes {
        match &node.kind {
            Kind::Alias(None) => {
                return Err((
                    node.at,
                    MeaningError::Refused("an anchor's value holds itself"),
                ));
            }
            Kind::Mapping(entries) => check_mapping(tree, entries)?,
            Kind::List(items) => items
                .iter()
                .try_for_each(|item| check_value(tree.node(*item)))?,
            Kind::Scalar { .. } | Kind::Alias(Some(_)) => {}
        }
    }
    check_value(&nodes[0])
}

/// Whether a key could be an object's `kind`.
fn may_hold_objects(tree: &Tree<'_>) -> bool {
    let is_kind = |id: Id| {
        let target = tree.target(id).map(|id| tree.node(id));
        target.is_some_and(|node| match &node.kind {
            Kind::Scalar { text, .. } => text == "kind",
            _ => false,
        })
    };
    tree.nodes().iter().any(|node| match &node.kind {
        Kind::Mapping(entries) => entries.iter().any(|(key, _)| is_kind(*key)),
        _ => false,
    })
}

fn check_value(node: &Node<'_>) -> Result<(), (usize, MeaningError)> {
    match &node.kind {
        Kind::Scalar {
            text,
            is_plain: true,
        } if node.tag.is_none() && NOT_JSON.contains(&&**text) => Err((
            node.at,
            MeaningError::Refused("JSON has no word for this number"),
        )),
        _ => Ok(()),
    }
}

fn check_mapping(tree: &Tree<'_>, entries: &[(Id, Id)]) -> Result<(), (usize, MeaningError)> {
    let mut has_merge = false;
    for (key, value) in entries {
        check_value(tree.node(*value))?;
        let at = tree.node(*key).at;
        let refused = |why| Err((at, MeaningError::Refused(why)));
        let node = tree.target(*key).map(|id| tree.node(id));
        match node.map(|node| &node.kind) {
            Some(Kind::Scalar {
                text,
                is_plain: true,
            }) if node.is_some_and(|node| node.tag.is_none()) && NULLS.contains(&&**text) => {
                return refused("a key is null");
            }
            Some(Kind::Scalar { .. }) => has_merge |= is_merge(tree, *key),
            _ => return refused("a key is a list or a mapping"),
        }
    }
    if has_merge {
        check_merge(tree, entries)
    } else {
        Ok(())
    }
}

/// Whether a key is `<<`. An alias of that is none.
fn is_merge(tree: &Tree<'_>, key: Id) -> bool {
    let node = tree.node(key);
    matches!(&node.kind, Kind::Scalar { text, is_plain: true } if text == "<<" && node.tag.is_none())
}

/// Compares what is at each key by the rules of merge keys with what is there for kubectl.
fn check_merge(tree: &Tree<'_>, entries: &[(Id, Id)]) -> Result<(), (usize, MeaningError)> {
    let mut written = Vec::new();
    in_order(tree, entries, &mut written, 0)?;
    let mut theirs: HashMap<&str, Id> = HashMap::new();
    for (key, value) in &written {
        theirs.insert(key, *value);
    }
    let mut ruled = Vec::new();
    by_rule(tree, entries, &mut ruled);
    let mut ours: HashMap<&str, Id> = HashMap::new();
    for (key, value) in ruled {
        ours.entry(key).or_insert(value);
    }
    for (key, _) in &written {
        let (here, there) = (ours[key], theirs[key]);
        if here != there && !is_same(tree, here, there) {
            let error = MeaningError::Merge {
                key: (*key).to_owned(),
                ours: describe(tree, here),
                theirs: describe(tree, there),
            };
            return Err((tree.node(here).at, error));
        }
    }
    Ok(())
}

/// Adds each key that is written or merged, in the order in which the Go module puts them into its map.
fn in_order<'t>(
    tree: &'t Tree<'_>,
    entries: &[(Id, Id)],
    written: &mut Vec<(&'t str, Id)>,
    depth: usize,
) -> Result<(), (usize, MeaningError)> {
    for (key, value) in entries {
        let at = tree.node(*key).at;
        if written.len() > MAX_MERGED || depth > MAX_DEPTH {
            return Err((at, MeaningError::TooManyMerged));
        }
        if !is_merge(tree, *key) {
            written.extend(text_of(tree, *key).map(|key| (key, *value)));
            continue;
        }
        let refused = || {
            (
                at,
                MeaningError::Refused("what \"<<\" merges is no mapping, nor a list of some"),
            )
        };
        // Earlier ones of a list count for more, so they come later.
        for source in sources(tree, *value).ok_or_else(refused)?.into_iter().rev() {
            in_order(tree, source, written, depth + 1)?;
        }
    }
    Ok(())
}

/// How deep merged mappings may merge others.
const MAX_DEPTH: usize = 64;

/// Adds the keys of one's own first, and then those of each merge key.
fn by_rule<'t>(tree: &'t Tree<'_>, entries: &[(Id, Id)], ruled: &mut Vec<(&'t str, Id)>) {
    let own = entries.iter().filter(|(key, _)| !is_merge(tree, *key));
    ruled.extend(own.filter_map(|(key, value)| Some((text_of(tree, *key)?, *value))));
    for (_, value) in entries.iter().filter(|(key, _)| is_merge(tree, *key)) {
        for source in sources(tree, *value).unwrap_or_default() {
            by_rule(tree, source, ruled);
        }
    }
}

/// The mappings that a merge key brings.
fn sources<'t>(tree: &'t Tree<'_>, value: Id) -> Option<Vec<&'t [(Id, Id)]>> {
    let mapping = |id: Id| match &tree.node(tree.target(id)?).kind {
        Kind::Mapping(entries) => Some(&**entries),
        _ => None,
    };
    match &tree.node(value).kind {
        Kind::List(items) => items.iter().map(|item| mapping(*item)).collect(),
        _ => Some(vec![mapping(value)?]),
    }
}

fn text_of<'t>(tree: &'t Tree<'_>, key: Id) -> Option<&'t str> {
    match &tree.node(tree.target(key)?).kind {
        Kind::Scalar { text, .. } => Some(text),
        _ => None,
    }
}

/// Whether two values are scalars that are written alike.
fn is_same(tree: &Tree<'_>, one: Id, other: Id) -> bool {
    let (Some(one), Some(other)) = (tree.target(one), tree.target(other)) else {
        return false;
    };
    if one == other {
        return true;
    }
    match (&tree.node(one).kind, &tree.node(other).kind) {
        (
            Kind::Scalar { text, is_plain },
            Kind::Scalar {
                text: other_text,
                is_plain: other_is_plain,
            },
        ) => text == other_text && is_plain == other_is_plain,
        _ => false,
    }
}

fn describe(tree: &Tree<'_>, id: Id) -> String {
    match tree.target(id).map(|id| &tree.node(id).kind) {
        Some(Kind::Scalar { text, .. }) => {
            let cut: String = text.chars().take(100).collect();
            format!("{cut:?}")
        }
        Some(Kind::List(_)) => "one list".to_owned(),
        Some(Kind::Mapping(_)) => "one mapping".to_owned(),
        _ => "an alias".to_owned(),
    }
}
