//! What a comparison of another engine means to the node: from its pattern over a string to patterns over
//! the parts of a reference.
//!
//! A comparison that allows is translated to what is surely meant, and one that denies to all that could
//! be. So neither gets weaker.

use crate::{
    formula::{Atom, Field},
    wildcard::{Piece, Wild, pieces_regex},
};

/// What a comparison is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// What matches is allowed, so the meaning is narrow.
    Allow,
    /// What matches is denied, so the meaning is broad.
    Deny,
}

/// What a comparison means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It can match no image that the node can read.
    Nothing,
    Everything,
    /// Patterns over repositories, as in our documents.
    Names(Vec<String>),
    Tags(Tags),
    NamesAndTags(Vec<String>, Tags),
    /// A tag or a digest is written.
    Tagged,
    /// A digest is written, of this algorithm if it names one.
    Digested(Option<String>),
    /// An expression of the Common Expression Language.
    Expression(String),
}

/// Patterns over tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tags {
    pub(crate) patterns: Vec<String>,
    /// Whether an image with a digest counts by the tag that is written beside it.
    pub(crate) with_digest: bool,
}

/// The meaning, and how far it is that of the engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sense {
    pub(crate) meaning: Meaning,
    /// How it differs, as a sentence.
    pub(crate) note: Option<String>,
    /// For a comparison that denies: the expression over the string as written that holds for the rest.
    pub(crate) as_written: Option<String>,
}

impl Sense {
    fn plain(meaning: Meaning) -> Self {
        Self {
            meaning,
            note: None,
            as_written: None,
        }
    }

    fn noted(meaning: Meaning, note: impl Into<String>) -> Self {
        Self {
            note: Some(note.into()),
            ..Self::plain(meaning)
        }
    }
}

impl Atom {
    pub(crate) fn sense(&self, side: Side) -> Sense {
        let pieces = &self.wild.0;
        if !pieces.iter().all(is_possible) {
            return Sense::noted(
                Meaning::Nothing,
                format!("{:?} can match no image, and was left out", shown(pieces)),
            );
        }
        match self.field {
            Field::Written | Field::Reference => written(&self.wild, side),
            Field::LastPart if is_containing(pieces, ':') => Sense::plain(Meaning::Tagged),
            Field::LastPart => Sense::plain(Meaning::Expression(format!(
                "image.written.matches('(?:^|/){}$')",
                self.wild.regex("[^/]*", "[^/]")
            ))),
            Field::LastPartToColon | Field::Name => last_name(pieces),
            Field::Registry => registry(pieces, side),
            Field::Path => named(names_at("*", pieces, side)),
            Field::Tag | Field::TagOrLatest => tag(pieces),
            Field::Digest => digest(pieces),
            Field::Repository => named(names(pieces, side)),
        }
    }
}

/// Whether a reference can have the character.
fn is_possible(piece: &Piece) -> bool {
    match piece {
        Piece::Char(c) => c.is_ascii_alphanumeric() || "._/:@+-[]".contains(*c),
        _ => true,
    }
}

fn is_open(piece: &Piece) -> bool {
    matches!(piece, Piece::Any | Piece::Open)
}

fn is_any(pieces: &[Piece]) -> bool {
    !pieces.is_empty() && pieces.iter().all(is_open)
}

/// Whether it is `*c*`.
fn is_containing(pieces: &[Piece], c: char) -> bool {
    match pieces {
        [first, Piece::Char(found), last] => is_open(first) && is_open(last) && *found == c,
        _ => false,
    }
}

/// How a pattern is shown in a sentence.
pub(crate) fn shown(pieces: &[Piece]) -> String {
    let chars = pieces.iter().filter_map(|piece| match piece {
        Piece::Char(c) => Some(*c),
        Piece::One => Some('?'),
        Piece::Any => Some('*'),
        Piece::Open => None,
    });
    chars.collect()
}

/// The text of pieces without wildcards.
fn exact(pieces: &[Piece]) -> Option<String> {
    Wild(pieces.to_vec()).as_exact()
}

/// Whether the node takes the first part of a name for a registry.
pub(crate) fn names_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

fn is_host(text: &str) -> bool {
    let (name, port) = text.split_once(':').unwrap_or((text, "443"));
    let labels = name.strip_prefix("*.").unwrap_or(name).split('.');
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let is_port = port == "*" || (!port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    labels.into_iter().all(is_label) && is_port && names_host(text)
}

fn is_tag(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 128
        && !text.starts_with(['.', '-'])
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-*?".contains(c))
}

/// The expression that is true for what a pattern matches in the string as written.
fn as_written(wild: &Wild) -> String {
    let regex = wild.regex(".*", ".");
    let (start, regex) = match regex.strip_prefix(".*") {
        Some(rest) => ("", rest),
        None => ("^", &*regex),
    };
    let (end, regex) = match regex.strip_suffix(".*") {
        Some(rest) => ("", rest),
        None => ("$", regex),
    };
    format!("image.written.matches('{start}{regex}{end}')")
}

/// The meaning of a pattern over the string as written.
fn written(wild: &Wild, side: Side) -> Sense {
    let pieces = &wild.0[..];
    if is_any(pieces) {
        return Sense::plain(Meaning::Everything);
    }
    if let Some(at) = pieces.iter().position(|piece| *piece == Piece::Char('@')) {
        return with_digest(wild, &pieces[..at], &pieces[at + 1..], side);
    }
    let last = pieces.iter().rposition(|piece| *piece == Piece::Char('/'));
    let last = last.map_or(0, |slash| slash + 1);
    let colon = pieces[last..].iter().position(|p| *p == Piece::Char(':'));
    let ends_open = pieces.last().is_some_and(is_open);
    let rest = |sense: Sense, covers: bool| Sense {
        as_written: (side == Side::Deny && !covers).then(|| as_written(wild)),
        ..sense
    };
    if let Some(host) = whole_host(pieces) {
        // What is written says no more than the beginning of a host.
        let sense = Sense::noted(
            Meaning::Names(vec![format!("{host}/**")]),
            format!(
                "{:?} also matched hosts that only begin so, such as {host}.evil.example; here it is this \
                 registry",
                shown(pieces)
            ),
        );
        return match side {
            Side::Allow => sense,
            Side::Deny => rest(Sense::plain(sense.meaning), false),
        };
    }
    let Some(colon) = colon.map(|colon| last + colon) else {
        if last == 0 && is_open(&pieces[0]) {
            // The wildcard may stand for a name and a colon.
            let tail = tag_pattern(&pieces[1..]);
            return match (side, tail) {
                (Side::Deny, Some(tail)) => rest(
                    Sense::plain(Meaning::Tags(Tags {
                        patterns: vec![format!("*{tail}")],
                        with_digest: ends_open,
                    })),
                    false,
                ),
                _ => Sense::plain(Meaning::Expression(as_written(wild))),
            };
        }
        let found = names(pieces, side);
        if ends_open {
            let covers = found.as_ref().is_ok_and(|found| found.covers);
            return rest(named(found), covers);
        }
        // Without a tag it is `latest`.
        return rest(
            tagged(
                found,
                Tags {
                    patterns: vec!["latest".into()],
                    with_digest: false,
                },
                side,
            ),
            true,
        );
    };
    let (name, tag) = (&pieces[..colon], &pieces[colon + 1..]);
    if is_any(name) && is_any(tag) {
        return Sense::plain(Meaning::Tagged);
    }
    let found = names(name, side);
    let found_covers = found.as_ref().is_ok_and(|found| found.covers);
    if is_any(tag) {
        return rest(named(found), found_covers);
    }
    // In `*:5*` the wildcard may stand for `000/app`.
    let could_be_port = ends_open
        && match tag.first() {
            Some(Piece::Char(c)) => c.is_ascii_digit(),
            _ => true,
        };
    let Some(pattern) = tag_pattern(tag) else {
        let what = format!("{:?} can match no tag, and was left out", shown(tag));
        return rest(Sense::noted(Meaning::Nothing, what), side == Side::Allow);
    };
    let tags = Tags {
        patterns: vec![pattern],
        with_digest: ends_open,
    };
    if is_any(name) {
        return rest(Sense::plain(Meaning::Tags(tags)), !could_be_port);
    }
    rest(tagged(found, tags, side), found_covers && !could_be_port)
}

/// The host, if the pattern is `registry.example.com` or `registry.example.com:5000` and open behind it.
fn whole_host(pieces: &[Piece]) -> Option<String> {
    let (last, before) = pieces.split_last()?;
    let text = exact(before).filter(|_| is_open(last))?;
    (text.contains('.') && is_host(&text)).then_some(text)
}

/// A pattern over tags, if a tag can match it.
fn tag_pattern(pieces: &[Piece]) -> Option<String> {
    let mut pattern = String::new();
    for piece in pieces {
        match piece {
            Piece::Char(c) => pattern.push(*c),
            Piece::One => pattern.push('?'),
            Piece::Any | Piece::Open if pattern.ends_with('*') => {}
            Piece::Any | Piece::Open => pattern.push('*'),
        }
    }
    is_tag(&pattern).then_some(pattern)
}

/// The meaning of a pattern with `@` in it.
fn with_digest(wild: &Wild, name: &[Piece], digest: &[Piece], side: Side) -> Sense {
    let algorithm = match digest {
        [algorithm @ .., Piece::Char(':'), last] if is_open(last) => exact(algorithm),
        _ => None,
    };
    let is_any_digest = is_any(digest) || algorithm.is_some();
    if is_any(name) && is_any_digest {
        return Sense::plain(Meaning::Digested(algorithm));
    }
    if is_any(name) || (name.first().is_some_and(is_open) && !name.contains(&Piece::Char('/'))) {
        // It says nothing of the registry, so the string as written will do.
        return Sense::plain(Meaning::Expression(as_written(wild)));
    }
    let digest = match (exact(digest), algorithm) {
        (Some(digest), _) => format!("image.digest == '{digest}'"),
        (None, Some(algorithm)) => format!("image.digest.startsWith('{algorithm}:')"),
        (None, None) if is_any(digest) => "image.digest != ''".to_owned(),
        (None, None) => format!(
            "image.digest.matches('^{}$')",
            pieces_regex(digest, ".*", ".")
        ),
    };
    // A tag before a digest is not what the node uses; the digest says which image it is.
    let last = name.iter().rposition(|piece| *piece == Piece::Char('/'));
    let last = last.map_or(0, |slash| slash + 1);
    let colon = name[last..].iter().position(|p| *p == Piece::Char(':'));
    let name = colon.map_or(name, |colon| &name[..last + colon]);
    match names(name, side) {
        Ok(Found { patterns, note, .. }) => Sense {
            note,
            ..Sense::plain(Meaning::Expression(format!(
                "{} && {digest}",
                names_expression(&patterns, side)
            )))
        },
        Err(Unfit::Expression(names)) => {
            Sense::plain(Meaning::Expression(format!("{names} && {digest}")))
        }
        Err(Unfit::Impossible) => impossible(name),
    }
}

fn impossible(pieces: &[Piece]) -> Sense {
    let what = format!("{:?} can match no image, and was left out", shown(pieces));
    Sense::noted(Meaning::Nothing, what)
}

fn named(found: Result<Found, Unfit>) -> Sense {
    match found {
        Ok(found) if found.patterns == ["**"] => Sense::plain(Meaning::Everything),
        Ok(found) => Sense {
            note: found.note,
            ..Sense::plain(Meaning::Names(found.patterns))
        },
        Err(Unfit::Expression(names)) => Sense::plain(Meaning::Expression(names)),
        Err(Unfit::Impossible) => Sense::noted(
            Meaning::Nothing,
            "a pattern that can match no repository was left out",
        ),
    }
}

fn tagged(found: Result<Found, Unfit>, tags: Tags, side: Side) -> Sense {
    match found {
        Ok(found) => Sense {
            note: found.note,
            ..Sense::plain(Meaning::NamesAndTags(found.patterns, tags))
        },
        Err(Unfit::Expression(names)) => Sense::plain(Meaning::Expression(format!(
            "{names} && {}",
            tags_expression(&tags, side)
        ))),
        Err(Unfit::Impossible) => Sense::noted(
            Meaning::Nothing,
            "a pattern that can match no repository was left out",
        ),
    }
}

fn last_name(pieces: &[Piece]) -> Sense {
    let text: String = shown(pieces)
        + match pieces.last() {
            Some(Piece::Open) => "*",
            _ => "",
        };
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*?".contains(c);
    if text.is_empty() || !text.chars().all(is_name) {
        return impossible(pieces);
    }
    if text == "*" {
        return Sense::plain(Meaning::Everything);
    }
    Sense::noted(
        Meaning::Names(vec![format!("**/{text}")]),
        format!(
            "only the last part of the name is compared, so {text:?} of every registry matches"
        ),
    )
}

fn registry(pieces: &[Piece], side: Side) -> Sense {
    if is_any(pieces) {
        return Sense::plain(Meaning::Everything);
    }
    let text = shown(pieces);
    if is_host(&text) {
        return Sense::plain(Meaning::Names(vec![format!("{text}/**")]));
    }
    if pieces.iter().any(|piece| !matches!(piece, Piece::Char(_))) {
        let flags = if side == Side::Deny { "(?i)" } else { "" };
        let regex = pieces_regex(pieces, "[^/]*", "[^/]");
        return Sense::plain(Meaning::Expression(format!(
            "image.registry.matches('{flags}^{regex}$')"
        )));
    }
    Sense::noted(
        Meaning::Nothing,
        format!("{text:?} is the registry of no image, and was left out"),
    )
}

fn tag(pieces: &[Piece]) -> Sense {
    if is_any(pieces) {
        return Sense::plain(Meaning::Everything);
    }
    match tag_pattern(pieces) {
        Some(pattern) => Sense::plain(Meaning::Tags(Tags {
            patterns: vec![pattern],
            with_digest: true,
        })),
        None if pieces.is_empty() => {
            Sense::plain(Meaning::Expression("image.tag == ''".to_owned()))
        }
        None => impossible(pieces),
    }
}

fn digest(pieces: &[Piece]) -> Sense {
    let meaning = match (exact(pieces), pieces) {
        (Some(text), _) => Meaning::Expression(format!("image.digest == '{text}'")),
        (None, pieces) if is_any(pieces) => Meaning::Everything,
        (None, [Piece::One, last]) if is_open(last) => Meaning::Digested(None),
        (None, [algorithm @ .., Piece::Char(':'), last]) if is_open(last) => {
            match exact(algorithm) {
                Some(algorithm) => Meaning::Digested(Some(algorithm)),
                None => return impossible(pieces),
            }
        }
        (None, pieces) => Meaning::Expression(format!(
            "image.digest.matches('^{}$')",
            pieces_regex(pieces, ".*", ".")
        )),
    };
    Sense::plain(meaning)
}

/// Patterns over repositories.
struct Found {
    patterns: Vec<String>,
    note: Option<String>,
    /// Whether they match all that the engine's pattern does.
    covers: bool,
}

/// Why there are no patterns over repositories.
enum Unfit {
    /// An expression says it.
    Expression(String),
    /// No repository can match.
    Impossible,
}

/// The repositories that a pattern over names means, without tag and digest.
fn names(pieces: &[Piece], side: Side) -> Result<Found, Unfit> {
    let all = || Found {
        patterns: vec!["**".to_owned()],
        note: None,
        covers: true,
    };
    if pieces.is_empty() {
        return Err(Unfit::Impossible);
    }
    if is_any(pieces) {
        return Ok(all());
    }
    let Some(slash) = pieces.iter().position(|piece| *piece == Piece::Char('/')) else {
        return short_names(pieces, side);
    };
    let (host, path) = (&pieces[..slash], &pieces[slash + 1..]);
    if is_any(host) {
        return if is_any(path) {
            Ok(all())
        } else {
            names_at("**", path, side)
        };
    }
    match exact(host) {
        Some(host) if names_host(&host) => {
            if is_host(&host) {
                names_at(&host, path, side)
            } else {
                Err(Unfit::Impossible)
            }
        }
        // Docker Hub.
        Some(_) => names_at("", pieces, side),
        None => {
            let text = shown(host);
            if !host.contains(&Piece::One)
                && is_host(&text)
                && matches!(text.matches('*').count(), 1)
            {
                let mut found = names_at(&text, path, side)?;
                found.covers = false;
                return Ok(found);
            }
            let flags = if side == Side::Deny { "(?i)" } else { "" };
            let host = pieces_regex(host, "[^/]*", "[^/]");
            let path = pieces_regex(path, ".*", ".");
            Err(Unfit::Expression(format!(
                "(image.registry + '/' + image.repository).matches('{flags}^{host}/{path}$')"
            )))
        }
    }
}

/// Names without a `/`: official images of Docker Hub, its users, or the beginning of a host.
fn short_names(pieces: &[Piece], side: Side) -> Result<Found, Unfit> {
    let (last, before) = pieces.split_last().ok_or(Unfit::Impossible)?;
    if let Some(text) = exact(pieces) {
        let pattern = match (is_path(&text), names_host(&text)) {
            (false, _) => return Err(Unfit::Impossible),
            (true, true) => format!("docker.io/library/{text}"),
            (true, false) => text,
        };
        return Ok(Found {
            patterns: vec![pattern],
            note: None,
            covers: true,
        });
    }
    match exact(before).filter(|text| is_path(text)) {
        Some(text) if is_open(last) && !text.contains('.') => {
            let (patterns, note) = if *last == Piece::Open && side == Side::Allow {
                (
                    vec![text.clone(), format!("{text}/**")],
                    Some(format!(
                        "{text:?} also matched names and hosts that only begin so; here it is this name of Docker \
                         Hub, and what is below it"
                    )),
                )
            } else {
                (vec![format!("{text}*"), format!("{text}*/**")], None)
            };
            Ok(Found {
                patterns,
                note,
                covers: false,
            })
        }
        _ if side == Side::Deny => Ok(Found {
            patterns: vec![],
            note: None,
            covers: false,
        }),
        _ => Err(Unfit::Impossible),
    }
}

fn is_path(text: &str) -> bool {
    !text.is_empty()
        && text
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with(['.', '-', '_']))
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c))
}

/// The repositories of a registry whose path matches. The registry is a pattern of our documents, or empty
/// for short names.
fn names_at(registry: &str, path: &[Piece], side: Side) -> Result<Found, Unfit> {
    let prefix = |path: &str| {
        if registry.is_empty() {
            path.to_owned()
        } else {
            format!("{registry}/{path}")
        }
    };
    let mut note = None;
    let mut covers = true;
    let mut parts: Vec<String> = Vec::new();
    let mut patterns = Vec::new();
    let all: Vec<&[Piece]> = path.split(|piece| *piece == Piece::Char('/')).collect();
    for (index, part) in all.iter().enumerate() {
        let is_last = index + 1 == all.len();
        if part.is_empty() {
            return Err(Unfit::Impossible);
        }
        if is_any(part) {
            if is_last {
                parts.push("**".to_owned());
            } else {
                // At least one part, and any others.
                parts.extend(["*".to_owned(), "**".to_owned()]);
            }
            continue;
        }
        let is_name = |piece: &Piece| match piece {
            Piece::Char(c) => c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(*c),
            _ => true,
        };
        if !part.iter().all(is_name) || matches!(part[0], Piece::Char('.' | '-' | '_')) {
            return Err(Unfit::Impossible);
        }
        let text = shown(part);
        let (inner, is_tail_open) = match part.split_last() {
            Some((last, before)) if is_last && is_open(last) => (before, true),
            _ => (*part, false),
        };
        if inner.iter().any(is_open) {
            // Within a name it stands for no other part of the path.
            covers = false;
        }
        if !is_tail_open {
            parts.push(text);
            continue;
        }
        let open = part.last() == Some(&Piece::Open);
        let name = if open && side == Side::Allow {
            note = Some(format!(
                "{:?} also matched names that only begin so; here it is this repository, and what is below it",
                prefix(&[&*parts.join("/"), &*text].join("/")).replace("//", "/")
            ));
            text
        } else if open {
            format!("{text}*")
        } else {
            text
        };
        parts.push(name);
        patterns.push(prefix(&parts.join("/")));
        parts.push("**".to_owned());
    }
    // Two in a row say no more than one.
    parts.dedup_by(|later, earlier| later == "**" && earlier == "**");
    let whole = parts.join("/");
    if registry == "**" && whole == "**" {
        patterns.push("**".to_owned());
    } else {
        patterns.push(prefix(&whole));
    }
    Ok(Found {
        patterns,
        note,
        covers,
    })
}

/// The expression that is true for images whose repository matches one of our patterns.
pub(crate) fn names_expression(patterns: &[String], side: Side) -> String {
    let regexes: Vec<_> = patterns.iter().map(|one| name_regex(one, side)).collect();
    let flags = if side == Side::Deny { "(?i)" } else { "" };
    let any = match &regexes[..] {
        [] => return "false".to_owned(),
        [one] => one.clone(),
        some => format!("(?:{})", some.join("|")),
    };
    format!("(image.registry + '/' + image.repository).matches('{flags}^{any}$')")
}

/// The expression that is true for images whose tag matches.
pub(crate) fn tags_expression(tags: &Tags, side: Side) -> String {
    let regexes: Vec<_> = tags
        .patterns
        .iter()
        .map(|one| Wild::glob(one).regex(".*", "."))
        .collect();
    let flags = if side == Side::Deny { "(?i)" } else { "" };
    let any = match &regexes[..] {
        [one] => one.clone(),
        some => format!("(?:{})", some.join("|")),
    };
    let tag = format!("image.tag.matches('{flags}^{any}$')");
    if tags.with_digest {
        tag
    } else {
        format!("image.digest == '' && {tag}")
    }
}

/// The hosts of Docker Hub, as a regular expression: those that our deny patterns take for one.
const HUB: &str = "(?:docker[.]io|index[.]docker[.]io|registry-1[.]docker[.]io|registry[.]hub[.]docker[.]com|\
                   hub[.]docker[.]com)";

/// The regular expression over a full name that one of our patterns over repositories means.
fn name_regex(pattern: &str, side: Side) -> String {
    let literal = |text: &str| Wild::exact(text).regex("", "");
    if pattern == "**" {
        return ".*".to_owned();
    }
    let (first, rest) = pattern.split_once('/').unwrap_or(("", pattern));
    let any_port = if side == Side::Deny {
        "(?::[0-9]+)?"
    } else {
        ""
    };
    let (host, path) = if first == "**" {
        return format!("[^/]+/(?:[^/]+/)*{}", path_regex(rest));
    } else if first == "*" {
        // Official images of Docker Hub are right below it too.
        return format!("[^/]+/(?:library/)?{}", path_regex(rest));
    } else if names_host(first) {
        let (name, port) = match first.split_once(':') {
            Some((name, "*")) => (name, "(?::[0-9]+)?".to_owned()),
            Some((name, port)) => (name, format!(":{port}")),
            None => (first, any_port.to_owned()),
        };
        let host = match name.strip_prefix("*.") {
            Some(domain) => format!("[^/:]+[.]{}", literal(domain)),
            None if name == "docker.io" && side == Side::Deny => HUB.to_owned(),
            None => literal(name),
        };
        (host + &port, rest)
    } else {
        let host = if side == Side::Deny {
            HUB
        } else {
            "docker[.]io"
        };
        (format!("{host}{any_port}"), pattern)
    };
    let library = if path.contains('/') || !host.contains("docker[.]io") || path == "**" {
        ""
    } else {
        "library/"
    };
    format!("{host}/{library}{}", path_regex(path))
}

fn path_regex(path: &str) -> String {
    let mut regex = String::new();
    let parts: Vec<&str> = path.split('/').collect();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        match *part {
            "**" if is_last => regex.push_str(".+"),
            "**" => regex.push_str("(?:[^/]+/)*"),
            part => {
                regex.push_str(&Wild::glob(part).regex("[^/]*", "[^/]"));
                if !is_last {
                    regex.push('/');
                }
            }
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names_of(wild: Wild, side: Side) -> Vec<String> {
        match Atom::new(Field::Written, wild).sense(side).meaning {
            Meaning::Names(names) => names,
            other => vec![format!("{other:?}")],
        }
    }

    #[test]
    fn patterns_over_strings_become_repositories() {
        for (wild, allow, deny) in [
            (
                Wild::prefix("registry.example.com/"),
                &["registry.example.com/**"][..],
                &["registry.example.com/**"][..],
            ),
            (
                Wild::prefix("registry.example.com"),
                &["registry.example.com/**"],
                &["registry.example.com/**"],
            ),
            (
                Wild::prefix("registry.example.com:5000"),
                &["registry.example.com:5000/**"],
                &["registry.example.com:5000/**"],
            ),
            (
                Wild::prefix("registry.example.com/team"),
                &["registry.example.com/team", "registry.example.com/team/**"],
                &[
                    "registry.example.com/team*",
                    "registry.example.com/team*/**",
                ],
            ),
            (
                Wild::glob("registry.example.com/team*"),
                &[
                    "registry.example.com/team*",
                    "registry.example.com/team*/**",
                ],
                &[
                    "registry.example.com/team*",
                    "registry.example.com/team*/**",
                ],
            ),
            (
                Wild::prefix("openpolicyagent/"),
                &["openpolicyagent/**"],
                &["openpolicyagent/**"],
            ),
            (
                Wild::prefix("nginx"),
                &["nginx", "nginx/**"],
                &["nginx*", "nginx*/**"],
            ),
            (Wild::glob("*/team/*"), &["**/team/**"], &["**/team/**"]),
            (
                Wild::glob("*.example.com/*"),
                &["*.example.com/**"],
                &["*.example.com/**"],
            ),
            (
                Wild::glob("registry.example.com/*/app:*"),
                &["registry.example.com/*/**/app"],
                &["registry.example.com/*/**/app"],
            ),
        ] {
            let shown = format!("{wild:?}");
            assert_eq!(names_of(wild.clone(), Side::Allow), allow, "{shown}");
            assert_eq!(names_of(wild, Side::Deny), deny, "{shown}");
        }
    }

    #[test]
    fn what_is_not_a_name_keeps_its_meaning() {
        let meaning = |wild| Atom::new(Field::Written, wild).sense(Side::Allow).meaning;
        assert_eq!(meaning(Wild::glob("*:*")), Meaning::Tagged);
        assert_eq!(meaning(Wild::containing(":")), Meaning::Tagged);
        assert_eq!(meaning(Wild::glob("*@*")), Meaning::Digested(None));
        assert_eq!(
            meaning(Wild::glob("*@sha256:*")),
            Meaning::Digested(Some("sha256".into()))
        );
        assert_eq!(meaning(Wild::glob("*")), Meaning::Everything);
        assert_eq!(meaning(Wild::glob("a b*")), Meaning::Nothing);
        let latest = Tags {
            patterns: vec!["latest".into()],
            with_digest: false,
        };
        assert_eq!(
            meaning(Wild::suffix(":latest")),
            Meaning::Tags(latest.clone())
        );
        assert_eq!(
            meaning(Wild::exact("registry.example.com/app")),
            Meaning::NamesAndTags(vec!["registry.example.com/app".into()], latest)
        );
    }
}
