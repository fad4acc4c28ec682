//! The grammar of a reference, production by production, in one forward pass.

use super::{Digest, DigestAlgorithm, ImageRef, ReferenceError, ReferenceErrorKind as Kind};

/// The longest path that the node accepts, in bytes, `library/` included where it is implied.
const MAX_PATH_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;

const DIGIT: u8 = 1;
const LOWER: u8 = 1 << 1;
const UPPER: u8 = 1 << 2;
const DASH: u8 = 1 << 3;
const DOT: u8 = 1 << 4;
const UNDERSCORE: u8 = 1 << 5;
const LOWER_HEX: u8 = 1 << 6;

const ALNUM: u8 = DIGIT | LOWER | UPPER;
const SEPARATOR: u8 = DASH | DOT | UNDERSCORE;
const TAG: u8 = ALNUM | SEPARATOR;

/// What each byte may be part of.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let b = byte as u8;
        class[byte] = match b {
            b'0'..=b'9' => DIGIT | LOWER_HEX,
            b'a'..=b'f' => LOWER | LOWER_HEX,
            b'g'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'-' => DASH,
            b'.' => DOT,
            b'_' => UNDERSCORE,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// A run of bytes: where it ends, and the classes that were seen in it.
struct Run {
    end: usize,
    seen: u8,
}

pub(super) fn reference(text: &str) -> Result<ImageRef<'_>, ReferenceError> {
    let fail = |kind, position| Err(ReferenceError::new(kind, text, position));
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return fail(Kind::Empty, 0);
    }

    // The first part is a host or the first component of the path; what follows it tells.
    let host;
    let path_start;
    let first = if bytes[0] == b'[' {
        let end = ipv6_host(text)?;
        host = Some(&text[..end]);
        path_start = end + 1;
        component(text, path_start)?
    } else {
        let first = component(text, 0)?;
        if let Some(end) = host_end(text, &first)? {
            host = Some(&text[..end]);
            path_start = end + 1;
            component(text, path_start)?
        } else {
            host = None;
            path_start = 0;
            first
        }
    };

    // path
    let Run { mut end, mut seen } = first;
    while bytes.get(end) == Some(&b'/') {
        let next = component(text, end + 1)?;
        end = next.end;
        seen |= next.seen;
    }
    let path = &text[path_start..end];
    if seen & UPPER != 0 {
        return fail(Kind::UppercaseRepository, path_start);
    }

    // [ ":" tag ]
    let mut tag = None;
    if bytes.get(end) == Some(&b':') {
        let start = end + 1;
        end = run(bytes, start, TAG).end;
        tag = Some(checked_tag(text, start, end)?);
    }

    // [ "@" digest ]
    let mut digest = None;
    match bytes.get(end) {
        None => {}
        Some(b'@') => digest = Some(checked_digest(text, end + 1)?),
        Some(_) => return fail(Kind::InvalidCharacter, end),
    }

    let reference = ImageRef {
        text,
        host,
        path,
        tag,
        digest,
    };
    if path.len() > MAX_PATH_LEN - reference.repository().implied_len() {
        return fail(Kind::RepositoryTooLong, path_start);
    }
    if text.len() == 64
        && bytes
            .iter()
            .all(|&b| CLASS[usize::from(b)] & LOWER_HEX != 0)
    {
        return fail(Kind::BareIdentifier, 0);
    }
    if is_image_id(&reference) {
        return fail(Kind::ImageId, 0);
    }
    Ok(reference)
}

/// `sha256:` and hexadecimal digits: by the grammar a Docker Hub name with a tag, but containerd
/// first looks for an image on the node whose identifier begins so (`LocalResolve` of its CRI
/// plugin), from whatever registry that came.
fn is_image_id(reference: &ImageRef<'_>) -> bool {
    let ImageRef {
        host: None,
        path,
        tag: Some(tag),
        digest: None,
        ..
    } = reference
    else {
        return false;
    };
    DigestAlgorithm::ALL
        .iter()
        .any(|algorithm| algorithm.as_str() == *path)
        && tag.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The longest run of bytes of the wanted classes.
fn run(bytes: &[u8], start: usize, wanted: u8) -> Run {
    let mut seen = 0;
    let mut end = start;
    while let Some(&byte) = bytes.get(end) {
        let class = CLASS[usize::from(byte)];
        if class & wanted == 0 {
            break;
        }
        seen |= class;
        end += 1;
    }
    Run { end, seen }
}

/// `alnum { separator alnum }`, for a path component and for a host name: upper case belongs to
/// hosts only and an underscore to paths only, which the caller judges by what was seen.
fn component(text: &str, start: usize) -> Result<Run, ReferenceError> {
    let bytes = text.as_bytes();
    let mut end = start;
    let mut seen = 0;
    loop {
        let alnum = run(bytes, end, ALNUM);
        if alnum.end == end {
            let kind = match bytes.get(end) {
                None | Some(b'/' | b':' | b'@') if end == start => Kind::EmptyComponent,
                None | Some(b'/' | b':' | b'@') => Kind::MisplacedSeparator,
                Some(&byte) if CLASS[usize::from(byte)] & SEPARATOR != 0 => {
                    Kind::MisplacedSeparator
                }
                Some(_) => Kind::InvalidCharacter,
            };
            return Err(ReferenceError::new(kind, text, end));
        }
        seen |= alnum.seen;
        end = alnum.end;
        let separator = match (bytes.get(end), bytes.get(end + 1)) {
            (Some(b'_'), Some(b'_')) => end + 2,
            (Some(b'.' | b'_'), _) => end + 1,
            (Some(b'-'), _) => run(bytes, end, DASH).end,
            _ => return Ok(Run { end, seen }),
        };
        seen |= CLASS[usize::from(bytes[end])];
        end = separator;
    }
}

/// Where the host ends, if the first part is one: it is if a `/` comes after it and it holds a `.`,
/// a port or an upper-case letter, or is `localhost`.
fn host_end(text: &str, first: &Run) -> Result<Option<usize>, ReferenceError> {
    let bytes = text.as_bytes();
    let fail = |kind, position| Err(ReferenceError::new(kind, text, position));
    let has_port = match bytes.get(first.end) {
        Some(b'/') => false,
        // What follows the colon is a port if a `/` ends it, and a tag otherwise.
        Some(b':') => {
            let port = run(bytes, first.end + 1, TAG);
            if bytes.get(port.end) != Some(&b'/') {
                return Ok(None);
            }
            checked_port(text, first.end + 1, &port)?;
            true
        }
        _ => return Ok(None),
    };
    let name = &text[..first.end];
    let is_host = has_port || first.seen & (DOT | UPPER) != 0 || name == "localhost";
    if !is_host {
        return Ok(None);
    }
    if first.seen & UNDERSCORE != 0 {
        return fail(Kind::UnderscoreInHost, 0);
    }
    if !has_port && first.seen & DOT == 0 && first.seen & UPPER != 0 {
        return fail(Kind::UppercaseHost, 0);
    }
    let end = if has_port {
        run(bytes, first.end + 1, DIGIT).end
    } else {
        first.end
    };
    Ok(Some(end))
}

/// `"[" IPv6 "]" [ ":" port ] "/"`; gives where the host ends.
fn ipv6_host(text: &str) -> Result<usize, ReferenceError> {
    let bytes = text.as_bytes();
    let fail = |kind, position| Err(ReferenceError::new(kind, text, position));
    let Some(close) = text.find(']') else {
        return fail(Kind::InvalidIpv6Host, 0);
    };
    // The node takes any hexadecimal digits and colons here; a text that is no address could
    // never be pulled from, so it is refused.
    let is_address = text[1..close].parse::<std::net::Ipv6Addr>().is_ok();
    if !is_address || text[1..close].contains('.') {
        return fail(Kind::InvalidIpv6Host, 0);
    }
    match bytes.get(close + 1) {
        Some(b'/') => Ok(close + 1),
        Some(b':') => {
            let port = run(bytes, close + 2, TAG);
            checked_port(text, close + 2, &port)?;
            match bytes.get(port.end) {
                Some(b'/') => Ok(port.end),
                _ => fail(Kind::InvalidIpv6Host, 0),
            }
        }
        _ => fail(Kind::InvalidIpv6Host, 0),
    }
}

fn checked_port(text: &str, start: usize, port: &Run) -> Result<(), ReferenceError> {
    if port.end == start || port.seen & !(DIGIT | LOWER_HEX) != 0 {
        return Err(ReferenceError::new(Kind::InvalidPort, text, start));
    }
    Ok(())
}

fn checked_tag(text: &str, start: usize, end: usize) -> Result<&str, ReferenceError> {
    let fail = |kind, position| Err(ReferenceError::new(kind, text, position));
    match text.as_bytes().get(end) {
        None | Some(b'@') => {}
        Some(byte) if !byte.is_ascii() => return fail(Kind::NonAsciiTag, end),
        Some(_) => return fail(Kind::InvalidCharacter, end),
    }
    let tag = &text[start..end];
    match tag.as_bytes().first() {
        None => fail(Kind::EmptyTag, start),
        Some(b'.' | b'-') => fail(Kind::TagStart, start),
        Some(_) if tag.len() > MAX_TAG_LEN => fail(Kind::TagTooLong, start),
        Some(_) => Ok(tag),
    }
}

fn checked_digest(text: &str, start: usize) -> Result<Digest<'_>, ReferenceError> {
    let fail = |kind, position| Err(ReferenceError::new(kind, text, position));
    let written = &text[start..];
    let Some(algorithm) = DigestAlgorithm::ALL.into_iter().find(|algorithm| {
        written
            .strip_prefix(algorithm.as_str())
            .is_some_and(|rest| rest.starts_with(':'))
    }) else {
        return fail(Kind::DigestAlgorithm, start);
    };
    let hex_start = start + algorithm.as_str().len() + 1;
    let hex = &text[hex_start..];
    let run = run(hex.as_bytes(), 0, LOWER_HEX);
    if run.end < hex.len() {
        let kind = if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            Kind::UppercaseDigest
        } else {
            Kind::InvalidCharacter
        };
        return fail(kind, hex_start + run.end);
    }
    if hex.len() != algorithm.hex_len() {
        return fail(Kind::DigestLength, hex_start);
    }
    Ok(Digest { algorithm, hex })
}
