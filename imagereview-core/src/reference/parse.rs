//! The grammar of a reference, production by production, in one forward pass.

use super::{
    Digest, DigestAlgorithm, ImageRef, OFFICIAL_NAMESPACE, ReferenceError,
    ReferenceErrorKind as Kind,
};

/// The longest path that the node accepts, in bytes, `library/` included where it is implied.
const MAX_PATH_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;

const DIGIT: u8 = 1;
const LOWER: u8 = 1 << 1;
const UPPER: u8 = 1 << 2;
const DASH: u8 = 1 << 3;
const DOT: u8 = 1 << 4;
const UNDERSCORE: u8 = 1 << 5;
const SLASH: u8 = 1 << 6;
/// Beside their own class, of all that must stand between letters or digits: dash, dot,
/// underscore, slash.
const SEPARATOR: u8 = 1 << 7;

const ALNUM: u8 = DIGIT | LOWER | UPPER;
/// What path components, host names and tags are made of.
const WORD: u8 = ALNUM | DASH | DOT | UNDERSCORE;

/// What each byte may be part of.
const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let b = byte as u8;
        class[byte] = match b {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'-' => DASH | SEPARATOR,
            b'.' => DOT | SEPARATOR,
            b'_' => UNDERSCORE | SEPARATOR,
            b'/' => SLASH | SEPARATOR,
            _ => 0,
        };
        byte += 1;
    }
    class
};

/// A run of bytes.
struct Run {
    /// Where it ends.
    end: usize,
    /// The classes that were seen in it.
    seen: u8,
    /// Whether each separator and slash stands alone, between letters or digits.
    is_spaced: bool,
}

/// What is wrong, and at which byte.
type Fault = (Kind, usize);

pub(super) fn reference(text: &str) -> Result<ImageRef<'_>, ReferenceError> {
    parts(text).map_err(|(kind, position)| ReferenceError::new(kind, text, position))
}

/// `name [ ":" tag ] [ "@" digest ]`
fn parts(text: &str) -> Result<ImageRef<'_>, Fault> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err((Kind::Empty, 0));
    }

    // name := [ host "/" ] path
    let (host, path_start, name) = match first_part(text)? {
        FirstPart::Host(end) => (Some(&text[..end]), end + 1, path(bytes, end + 1)?),
        FirstPart::Component(first) if bytes.get(first.end) == Some(&b'/') => {
            (None, 0, path(bytes, first.end + 1)?)
        }
        FirstPart::Component(first) => (None, 0, first),
    };
    let path = &text[path_start..name.end];
    let mut end = name.end;

    // [ ":" tag ]
    let mut tag = None;
    if bytes.get(end) == Some(&b':') {
        let start = end + 1;
        end = run(bytes, start, WORD).end;
        tag = Some(checked_tag(text, start, end)?);
    }

    // [ "@" digest ]
    let mut digest = None;
    match bytes.get(end) {
        None => {}
        Some(b'@') => digest = Some(checked_digest(text, end + 1)?),
        Some(_) => return Err((Kind::InvalidCharacter, end)),
    }

    let reference = ImageRef {
        text,
        host,
        path,
        tag,
        digest,
    };
    if name.seen & UPPER != 0 {
        return Err((Kind::UppercaseRepository, path_start));
    }
    // Asking for what is implied takes three comparisons, so only where that could matter.
    let implied_len = || reference.repository().implied_len();
    if path.len() > MAX_PATH_LEN - OFFICIAL_NAMESPACE.len() - "/".len()
        && path.len() + implied_len() > MAX_PATH_LEN
    {
        return Err((Kind::RepositoryTooLong, path_start));
    }
    if text.len() == 64 && is_lower_hex(text) {
        return Err((Kind::BareIdentifier, 0));
    }
    if is_image_id(&reference) {
        return Err((Kind::ImageId, 0));
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
    let rest = &bytes[start..];
    let mut seen = 0;
    let mut adjacent = 0;
    let mut last = SEPARATOR; // so that one at the start counts as adjacent
    let mut len = 0;
    for &byte in rest {
        let class = CLASS[usize::from(byte)];
        if class & wanted == 0 {
            break;
        }
        seen |= class;
        adjacent |= last & class;
        last = class;
        len += 1;
    }
    Run {
        end: start + len,
        seen,
        is_spaced: (adjacent | last) & SEPARATOR == 0,
    }
}

/// `component { "/" component }`
///
/// Nearly always each separator is one byte, and one loop over the path tells that all is well.
/// Leaving a loop at each slash and separator, at a mispredicted branch each, the whole parse took
/// a sixth longer.
fn path(bytes: &[u8], start: usize) -> Result<Run, Fault> {
    let path = run(bytes, start, WORD | SLASH);
    if path.is_spaced {
        return Ok(path);
    }
    let mut end = component(bytes, start)?.end;
    while bytes.get(end) == Some(&b'/') {
        end = component(bytes, end + 1)?.end;
    }
    Ok(path)
}

/// `alnum { separator alnum }`, for a path component and for a host name: upper case belongs to
/// hosts only and an underscore to paths only, which the caller judges by what was seen.
fn component(bytes: &[u8], start: usize) -> Result<Run, Fault> {
    let component = run(bytes, start, WORD);
    if component.is_spaced {
        return Ok(component);
    }
    // A separator of two bytes or more, or an error.
    let mut end = start;
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
            return Err((kind, end));
        }
        end = match (bytes.get(alnum.end), bytes.get(alnum.end + 1)) {
            (Some(b'_'), Some(b'_')) => alnum.end + 2,
            (Some(b'.' | b'_'), _) => alnum.end + 1,
            (Some(b'-'), _) => run(bytes, alnum.end, DASH).end,
            _ => return Ok(component),
        };
    }
}

/// What stands before the first slash, or all of a name without one.
enum FirstPart {
    /// A host and its port; where they end.
    Host(usize),
    /// The first component of the path.
    Component(Run),
}

/// A host if a `/` comes after it and it is in brackets, holds a `.`, a port or an upper-case
/// letter, or is `localhost`.
fn first_part(text: &str) -> Result<FirstPart, Fault> {
    let bytes = text.as_bytes();
    if bytes.first() == Some(&b'[') {
        return ipv6_host(text).map(FirstPart::Host);
    }
    let first = component(bytes, 0)?;
    let end = match bytes.get(first.end) {
        Some(b'/') => first.end,
        // What follows the colon is a port if a `/` ends it, and a tag otherwise.
        Some(b':') => {
            let port = run(bytes, first.end + 1, DIGIT);
            if bytes.get(port.end) != Some(&b'/') {
                return Ok(FirstPart::Component(first));
            }
            checked_port(first.end + 1, &port)?;
            port.end
        }
        _ => return Ok(FirstPart::Component(first)),
    };
    let has_port = end > first.end;
    if !has_port && first.seen & (DOT | UPPER) == 0 && &text[..end] != "localhost" {
        return Ok(FirstPart::Component(first));
    }
    if first.seen & UNDERSCORE != 0 {
        return Err((Kind::UnderscoreInHost, 0));
    }
    if !has_port && first.seen & DOT == 0 && first.seen & UPPER != 0 {
        return Err((Kind::UppercaseHost, 0));
    }
    Ok(FirstPart::Host(end))
}

/// `"[" IPv6 "]" [ ":" port ] "/"`; gives where the host ends.
fn ipv6_host(text: &str) -> Result<usize, Fault> {
    let bytes = text.as_bytes();
    let Some(close) = text.find(']') else {
        return Err((Kind::InvalidIpv6Host, 0));
    };
    // The node takes any hexadecimal digits and colons here; a text that is no address could
    // never be pulled from, so it is refused.
    let is_address = text[1..close].parse::<std::net::Ipv6Addr>().is_ok();
    if !is_address || text[1..close].contains('.') {
        return Err((Kind::InvalidIpv6Host, 0));
    }
    match bytes.get(close + 1) {
        Some(b'/') => Ok(close + 1),
        Some(b':') => {
            let port = run(bytes, close + 2, DIGIT);
            checked_port(close + 2, &port)?;
            match bytes.get(port.end) {
                Some(b'/') => Ok(port.end),
                _ => Err((Kind::InvalidIpv6Host, 0)),
            }
        }
        _ => Err((Kind::InvalidIpv6Host, 0)),
    }
}

fn checked_port(start: usize, port: &Run) -> Result<(), Fault> {
    if port.end == start {
        return Err((Kind::InvalidPort, start));
    }
    Ok(())
}

fn checked_tag(text: &str, start: usize, end: usize) -> Result<&str, Fault> {
    match text.as_bytes().get(end) {
        None | Some(b'@') => {}
        Some(byte) if !byte.is_ascii() => return Err((Kind::NonAsciiTag, end)),
        // With a slash after it, it should have been a port.
        Some(b'/') if !text[..start].contains('/') => return Err((Kind::InvalidPort, start)),
        Some(_) => return Err((Kind::InvalidCharacter, end)),
    }
    let tag = &text[start..end];
    match tag.as_bytes().first() {
        None => Err((Kind::EmptyTag, start)),
        Some(b'.' | b'-') => Err((Kind::TagStart, start)),
        Some(_) if tag.len() > MAX_TAG_LEN => Err((Kind::TagTooLong, start)),
        Some(_) => Ok(tag),
    }
}

fn checked_digest(text: &str, start: usize) -> Result<Digest<'_>, Fault> {
    let written = &text[start..];
    let Some(algorithm) = DigestAlgorithm::ALL.into_iter().find(|algorithm| {
        written
            .strip_prefix(algorithm.as_str())
            .is_some_and(|rest| rest.starts_with(':'))
    }) else {
        return Err((Kind::DigestAlgorithm, start));
    };
    let hex_start = start + algorithm.as_str().len() + 1;
    let hex = &text[hex_start..];
    if hex.len() == algorithm.hex_len() && is_lower_hex(hex) {
        return Ok(Digest { algorithm, hex });
    }
    match hex.bytes().position(|byte| !is_lower_hex_digit(byte)) {
        None => Err((Kind::DigestLength, hex_start)),
        Some(wrong) if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Err((Kind::UppercaseDigest, hex_start + wrong))
        }
        Some(wrong) => Err((Kind::InvalidCharacter, hex_start + wrong)),
    }
}

/// Without a way out of the loop the compiler looks at 32 bytes at a time.
fn is_lower_hex(text: &str) -> bool {
    text.bytes()
        .fold(true, |so_far, byte| so_far & is_lower_hex_digit(byte))
}

fn is_lower_hex_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}
