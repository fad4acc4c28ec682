//! The grammar of a reference, production by production, in one forward pass.

use super::{
    Digest, DigestAlgorithm, ImageRef, OFFICIAL_NAMESPACE, ReferenceError,
    ReferenceErrorKind as Kind,
};

/// The longest path that the node accepts, in bytes, `library/` included where it is implied.
const MAX_PATH_LEN: usize = 255;
const MAX_TAG_LEN: usize = 128;
/// The longest host that is read, in bytes, its port included. The node's grammar sets no limit, but
/// DNS does: no name of more than 253 bytes can be looked up (RFC 1035, section 2.3.4).
const MAX_HOST_LEN: usize = 255;

/// A lower-case letter or a digit.
const LOWER: u8 = 1;
const UPPER: u8 = 1 << 1;
const DOT: u8 = 1 << 2;
const UNDERSCORE: u8 = 1 << 3;
const SLASH: u8 = 1 << 4;
/// What must be between letters or digits: dash, dot, underscore, slash.
const SEPARATOR: u8 = 1 << 5;
/// What no name or tag holds.
const OTHER: u8 = 1 << 6;

/// What each byte is.
const CLASS: [u8; 256] = {
    let mut class = [OTHER; 256];
    let mut byte = 0;
    while byte < 128 {
        class[byte as usize] = match byte {
            b'0'..=b'9' | b'a'..=b'z' => LOWER,
            b'A'..=b'Z' => UPPER,
            b'-' => SEPARATOR,
            b'.' => SEPARATOR | DOT,
            b'_' => SEPARATOR | UNDERSCORE,
            b'/' => SEPARATOR | SLASH,
            _ => OTHER,
        };
        byte += 1;
    }
    class
};

fn class(byte: u8) -> u8 {
    CLASS[usize::from(byte)]
}

/// What is wrong, and at which byte.
type Fault = (Kind, usize);

impl<'a> ImageRef<'a> {
    /// Reads a reference.
    ///
    /// # Errors
    ///
    /// A [`ReferenceError`] where the node would refuse the text, or where the node and other
    /// readers disagree about what it names (see the [module](crate::reference)).
    ///
    /// ```
    /// use imagereview_core::{ImageRef, ReferenceErrorKind};
    ///
    /// let error = ImageRef::parse("Foo/bar:1").unwrap_err();
    /// assert_eq!(error.kind(), ReferenceErrorKind::UppercaseHost);
    /// assert!(error.kind().is_ambiguous());
    /// ```
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError> {
        parts(text).map_err(|(kind, position)| {
            if has_scheme(text) {
                ReferenceError::new(Kind::Scheme, text, 0)
            } else {
                ReferenceError::new(kind, text, position)
            }
        })
    }
}

/// Whether a text that is no reference begins as a URL does (RFC 3986, section 3.1).
#[cold]
fn has_scheme(text: &str) -> bool {
    let in_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && scheme.bytes().all(in_scheme))
}

impl<'a> TryFrom<&'a str> for ImageRef<'a> {
    type Error = ReferenceError;

    fn try_from(text: &'a str) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

/// `name [ ":" tag ] [ "@" digest ]`
fn parts(text: &str) -> Result<ImageRef<'_>, Fault> {
    let bytes = text.as_bytes();
    if bytes.is_empty() {
        return Err((Kind::Empty, 0));
    }

    // name := [ host "/" ] path
    let (host, path_start, mut end) = match first_part(text)? {
        FirstPart::Host(end) if end > MAX_HOST_LEN => return Err((Kind::HostTooLong, 0)),
        FirstPart::Host(end) => (Some(&text[..end]), end + 1, path(bytes, end + 1, end + 1)?),
        FirstPart::Component(end) if bytes.get(end) == Some(&b'/') => {
            (None, 0, path(bytes, 0, end + 1)?)
        }
        FirstPart::Component(end) => (None, 0, end),
    };
    let path = &text[path_start..end];

    // [ ":" tag ]
    let mut tag = None;
    if bytes.get(end) == Some(&b':') {
        let start = end + 1;
        let is_end = |&byte: &u8| class(byte) & (OTHER | SLASH) != 0;
        let len = bytes[start..].iter().position(is_end);
        end = len.map_or(bytes.len(), |len| start + len);
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

/// A run of bytes in which each separator is one byte between letters or digits.
struct Run {
    /// Where it ends.
    end: usize,
    /// The classes that were seen in it.
    seen: u8,
    /// Whether it ends with a letter or digit.
    is_whole: bool,
}

/// The longest run that has none of the classes `outside` it.
fn run(bytes: &[u8], start: usize, outside: u8) -> Run {
    let mut refused = outside | SEPARATOR;
    let mut seen = 0;
    let mut end = start;
    for &byte in &bytes[start..] {
        let class = class(byte);
        if class & refused != 0 {
            break;
        }
        refused = outside | (class & SEPARATOR);
        seen |= class;
        end += 1;
    }
    Run {
        end,
        seen,
        is_whole: refused & SEPARATOR == 0,
    }
}

/// `component { "/" component }`, in lower case, of which what comes before `next` has been read;
/// gives where it ends.
///
/// Nearly always each separator is one byte, and one loop over the path shows that all is well.
/// Leaving a loop at each slash and separator, at a mispredicted branch each, the whole parse took
/// a sixth longer.
fn path(bytes: &[u8], start: usize, mut next: usize) -> Result<usize, Fault> {
    let path = run(bytes, next, OTHER | UPPER);
    if path.is_whole && !bytes.get(path.end).is_some_and(u8::is_ascii_uppercase) {
        return Ok(path.end);
    }
    loop {
        let component = component(bytes, next)?;
        if component.seen & UPPER != 0 {
            return Err((Kind::UppercaseRepository, start));
        }
        if bytes.get(component.end) != Some(&b'/') {
            return Ok(component.end);
        }
        next = component.end + 1;
    }
}

/// `alnum { separator alnum }`, for a path component and for a host name: upper case belongs to
/// hosts only and an underscore to paths only, which the caller judges by what was seen.
fn component(bytes: &[u8], start: usize) -> Result<Run, Fault> {
    let component = run(bytes, start, OTHER | SLASH);
    if component.is_whole {
        return Ok(component);
    }
    // A separator of two bytes or more, or an error.
    let mut end = start;
    let mut seen = 0;
    loop {
        let alnum = run(bytes, end, OTHER | SEPARATOR);
        if alnum.end == end {
            let kind = match bytes.get(end) {
                None | Some(b'/' | b':' | b'@') if end == start => Kind::EmptyComponent,
                None | Some(b'/' | b':' | b'@') => Kind::MisplacedSeparator,
                Some(&byte) if class(byte) & SEPARATOR != 0 => Kind::MisplacedSeparator,
                Some(_) => Kind::InvalidCharacter,
            };
            return Err((kind, end));
        }
        seen |= alnum.seen;
        end = alnum.end;
        let separator_len = match &bytes[end..] {
            [b'_', b'_', ..] => 2,
            [b'.' | b'_', ..] => 1,
            rest @ [b'-', ..] => rest.iter().take_while(|&&byte| byte == b'-').count(),
            _ => return Ok(Run { seen, ..alnum }),
        };
        seen |= class(bytes[end]);
        end += separator_len;
    }
}

/// What is before the first slash, or all of a name without one; and where it ends.
enum FirstPart {
    /// A host and its port.
    Host(usize),
    /// The first component of the path.
    Component(usize),
}

/// A host if a `/` comes after it and it is in brackets, holds a `.`, a port or an upper-case
/// letter, or is `localhost`.
fn first_part(text: &str) -> Result<FirstPart, Fault> {
    let bytes = text.as_bytes();
    if bytes.first() == Some(&b'[') {
        return ipv6_host(text).map(FirstPart::Host);
    }
    let Run { end, seen, .. } = component(bytes, 0)?;
    // What follows a colon is a port if a `/` ends it, and a tag otherwise.
    let host_end = match bytes.get(end) {
        Some(b'/') => Some(end),
        Some(b':') => Some(digits_end(bytes, end + 1)),
        _ => None,
    };
    let Some(host_end) = host_end.filter(|&end| bytes.get(end) == Some(&b'/')) else {
        if seen & UPPER != 0 {
            return Err((Kind::UppercaseRepository, 0));
        }
        return Ok(FirstPart::Component(end));
    };
    let has_port = host_end > end;
    if has_port && host_end == end + 1 {
        return Err((Kind::InvalidPort, host_end));
    }
    if !has_port && seen & (DOT | UPPER) == 0 && &text[..end] != "localhost" {
        return Ok(FirstPart::Component(end));
    }
    if seen & UNDERSCORE != 0 {
        return Err((Kind::UnderscoreInHost, 0));
    }
    if !has_port && seen & DOT == 0 && seen & UPPER != 0 {
        return Err((Kind::UppercaseHost, 0));
    }
    Ok(FirstPart::Host(host_end))
}

fn digits_end(bytes: &[u8], start: usize) -> usize {
    let digits = bytes[start..].iter();
    start + digits.take_while(|byte| byte.is_ascii_digit()).count()
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
        Some(b':') => match digits_end(bytes, close + 2) {
            end if end == close + 2 => Err((Kind::InvalidPort, end)),
            end if bytes.get(end) == Some(&b'/') => Ok(end),
            _ => Err((Kind::InvalidIpv6Host, 0)),
        },
        _ => Err((Kind::InvalidIpv6Host, 0)),
    }
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
