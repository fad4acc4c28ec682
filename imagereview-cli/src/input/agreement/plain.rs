//! Documents that are written so plainly that every reader of YAML sees the same in them.
//!
//! Most manifests are, and those need not be read by two readers. This knows less of YAML than there is: what it does not
//! know is not plain.

/// Whether a document has nothing in it but lines of a key and a value, of an item of a list, and comments: in ASCII,
/// without anchors, tags, merge keys, flow style beyond `{}` and `[]`, blocks of text, and values over several lines.
pub(super) fn is_plain(text: &str) -> bool {
    text.split('\n')
        .all(|line| is_plain_line(line.strip_suffix('\r').unwrap_or(line).as_bytes()))
}

/// A longer key is none to libyaml.
const MAX_KEY_LEN: usize = 1000;

fn is_plain_line(line: &[u8]) -> bool {
    if !line.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        return false;
    }
    let mut rest = line.trim_ascii_start();
    while let Some(item) = rest.strip_prefix(b"- ") {
        rest = item.trim_ascii_start();
    }
    if rest.is_empty() {
        // A dash that nothing follows could begin anything.
        return line.trim_ascii().is_empty();
    }
    if rest.starts_with(b"#") {
        return line.trim_ascii_start() == rest;
    }
    let is_item = line.trim_ascii_start() != rest;
    let key_len = rest.iter().take_while(|byte| is_key_byte(**byte)).count();
    match rest.split_at(key_len) {
        ([], _) => is_item && is_plain_value(rest),
        (key, [b':', after @ ..]) if after.is_empty() || after.starts_with(b" ") => {
            key[0].is_ascii_alphabetic()
                && key.len() < MAX_KEY_LEN
                && !key.eq_ignore_ascii_case(b"null")
                && is_plain_value(after)
        }
        _ => is_item && is_plain_value(rest),
    }
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}

/// Whether this is one scalar, or an empty list or mapping, and a comment perhaps.
fn is_plain_value(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let rest = match value {
        [] | [b'#', ..] => value,
        [b'{', b'}', rest @ ..] | [b'[', b']', rest @ ..] => rest,
        [b'[', items @ ..] => match after_quoted_items(items) {
            Some(rest) => rest,
            None => return false,
        },
        [quote @ (b'"' | b'\''), text @ ..] => {
            let Some(end) = text.iter().position(|byte| byte == quote || *byte == b'\\') else {
                return false;
            };
            if text[end] == b'\\' || text.get(end + 1) == Some(quote) {
                return false;
            }
            &text[end + 1..]
        }
        [first, ..] if first.is_ascii_alphanumeric() || *first == b'/' => {
            let end = value
                .iter()
                .position(|byte| *byte == b' ')
                .unwrap_or(value.len());
            let (word, rest) = value.split_at(end);
            let is_word = word
                .iter()
                .all(|byte| is_key_byte(*byte) || matches!(byte, b':' | b'@' | b'=' | b'+' | b','));
            if !is_word || word.ends_with(b":") {
                return false;
            }
            rest
        }
        _ => return false,
    };
    let rest_trimmed = rest.trim_ascii_start();
    rest_trimmed.is_empty()
        || (rest_trimmed.starts_with(b"#") && (rest.starts_with(b" ") || rest.len() == value.len()))
}

/// What comes behind a list of texts in double quotes, if that is all that is in it.
fn after_quoted_items(mut items: &[u8]) -> Option<&[u8]> {
    loop {
        let text = items.trim_ascii_start().strip_prefix(b"\"")?;
        let end = text.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let rest = text[end..].strip_prefix(b"\"")?.trim_ascii_start();
        match rest {
            [b',', more @ ..] => items = more,
            [b']', rest @ ..] => return Some(rest),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_one_form_is_plain() {
        for (text, expected) in [
            ("", true),
            (
                "# c\na: b\n  # c\r\n\nc:\n- d\n- e: 'f'\n  g: \"h i\" # c\n",
                true,
            ),
            ("image: registry.example.com:5000/a/b:1@sha256:0\n", true),
            ("a: {}\nb: []\n- - c\n", true),
            ("a.b/c-d: 1\n", true),
            ("a: [\"b\", \"c d\",\"e\" ] # f\n- [\"g\"]\n", true),
            ("a: [\"b\"]c\n", false),
            ("a: [\"b\", c]\n", false),
            ("a: [\"\\n\"]\n", false),
            ("a: [\"b\",\n", false),
            ("a: b c\n", false),
            ("a: *b\n", false),
            ("a: &b c\n", false),
            ("a: !b c\n", false),
            ("<<: a\n", false),
            ("? a\n", false),
            ("a: |\n", false),
            ("a: {b: c}\n", false),
            ("a: \"\\n\"\n", false),
            ("a: 'b''c'\n", false),
            ("a: \"b\"c\n", false),
            ("a: b#c\n", false),
            ("a: b:\n", false),
            ("a: .inf\n", false),
            ("a: -.inf\n", false),
            ("null: b\n", false),
            ("a:\tb\n", false),
            ("a\n", false),
            ("-\n", false),
            ("...\n", false),
            ("%YAML 1.2\n", false),
            ("a: b\rc: d\n", false),
            ("a: \u{e9}\n", false),
            ("\u{feff}a: b\n", false),
        ] {
            assert_eq!(is_plain(text), expected, "{text:?}");
        }
    }
}
