//! Documents that are written so plainly that every reader of YAML sees the same in them.
//!
//! Most manifests are, and those need not be read by two readers. This knows less of YAML than there is: what it does not
//! know is not plain. It looks at each line by itself, and at the indentation of blocks of text. So a plain document may
//! be no YAML at all, and then this program's own reader refuses it.

/// Whether a document has nothing in it but lines of a key and a value, of an item of a list, comments and blocks of text:
/// without anchors, tags, merge keys, and values over several lines otherwise.
pub(super) fn is_plain(text: &str) -> bool {
    if !text.is_ascii() && !text.chars().all(is_plain_character) {
        return false;
    }
    let mut open: Option<Block> = None;
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line).as_bytes();
        if let Some(block) = &mut open {
            match block.line(line) {
                Within::Block => continue,
                Within::Neither => return false,
                Within::Behind => open = None,
            }
        }
        match PlainLine::of(line) {
            Some(PlainLine::Whole) => {}
            Some(PlainLine::Opens { column }) => open = Some(Block::below(column)),
            None => return false,
        }
    }
    true
}

/// Whether a character is a letter, or a sign or a blank on its line, to every reader.
fn is_plain_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}' | '\u{10000}'..)
}

/// A longer key is none to libyaml.
const MAX_KEY_LEN: usize = 1000;

/// How deep lists and mappings may be within each other on one line.
const MAX_FLOW_DEPTH: usize = 8;

/// A block of text, behind `|` or `>`.
struct Block {
    /// The column of what it belongs to: its text is further right.
    parent: usize,
    /// Where its lines begin, once there is one.
    indent: Option<usize>,
}

/// Where a line is.
enum Within {
    Block,
    Behind,
    /// Neither in the block nor surely behind it.
    Neither,
}

impl Block {
    fn below(parent: usize) -> Self {
        Self {
            parent,
            indent: None,
        }
    }

    fn line(&mut self, line: &[u8]) -> Within {
        let text = line.trim_ascii_start();
        let column = line.len() - text.len();
        let spaces = line.iter().take_while(|byte| **byte == b' ').count();
        if text.is_empty() {
            // What blanks beyond the indentation mean depends on where they are.
            return if spaces == column && column <= self.indent.unwrap_or(0) {
                Within::Block
            } else {
                Within::Neither
            };
        }
        let is_within = match self.indent {
            Some(indent) => spaces >= indent,
            None => spaces > self.parent && spaces == column,
        };
        if is_within {
            self.indent.get_or_insert(spaces);
            return if text.iter().all(|byte| is_text(*byte)) {
                Within::Block
            } else {
                Within::Neither
            };
        }
        if spaces <= self.parent {
            Within::Behind
        } else {
            Within::Neither
        }
    }
}

/// A line that is plain.
enum PlainLine {
    Whole,
    /// A block of text begins behind it, that belongs to what begins at this column.
    Opens {
        column: usize,
    },
}

impl PlainLine {
    fn of(line: &[u8]) -> Option<Self> {
        let mut rest = after_spaces(line);
        if rest.is_empty() {
            return Some(Self::Whole);
        }
        if let Some(comment) = rest.strip_prefix(b"#") {
            return is_comment(comment).then_some(Self::Whole);
        }
        let mut item = None;
        while let Some(after) = rest.strip_prefix(b"- ") {
            item = Some(line.len() - rest.len());
            rest = after_spaces(after);
        }
        // A dash that nothing follows could begin anything, and a comment behind one too.
        if rest.is_empty() || rest.starts_with(b"#") {
            return None;
        }
        let column = line.len() - rest.len();
        let (value, column) = match (after_key(rest), item) {
            (Some(value), _) => (value, column),
            (None, Some(item)) => (rest, item),
            (None, None) => return None,
        };
        let value = after_spaces(value);
        if matches!(value, b"|" | b"|-" | b"|+" | b">" | b">-" | b">+") {
            return Some(Self::Opens { column });
        }
        let rest = after_value(value)?;
        is_end(rest, rest.len() == value.len()).then_some(Self::Whole)
    }
}

/// Whether a line ends here, perhaps with a comment. That needs a blank before it, unless a value was left out.
fn is_end(rest: &[u8], is_omitted: bool) -> bool {
    match after_spaces(rest) {
        [] => true,
        [b'#', comment @ ..] => (is_omitted || rest.starts_with(b" ")) && is_comment(comment),
        _ => false,
    }
}

fn is_comment(text: &[u8]) -> bool {
    text.iter().all(|byte| is_text(*byte))
}

/// A byte of a comment or of a block of text. Others than those of ASCII are looked at before.
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}

/// A byte within a value on its line.
fn is_visible(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0x80..)
}

fn after_spaces(text: &[u8]) -> &[u8] {
    let spaces = text.iter().take_while(|byte| **byte == b' ').count();
    &text[spaces..]
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-')
}

/// What comes behind a key and its colon: a blank, or nothing.
fn after_key(text: &[u8]) -> Option<&[u8]> {
    let (key, rest) = match text {
        [quote @ (b'"' | b'\''), ..] => {
            let rest = after_quoted(text)?;
            let key = &text[..text.len() - rest.len()];
            // With an escape it might be any word, and a merge key is for no reader what another has.
            let is_odd = key.iter().any(|byte| matches!(byte, b'\\' | b'<'));
            if is_odd || key[1..key.len() - 1].contains(quote) {
                return None;
            }
            (key, rest)
        }
        [first, ..] if first.is_ascii_alphabetic() => {
            let end = text.iter().position(|byte| !is_key_byte(*byte))?;
            let (key, rest) = text.split_at(end);
            if key.eq_ignore_ascii_case(b"null") {
                return None;
            }
            (key, rest)
        }
        _ => return None,
    };
    let value = rest.strip_prefix(b":")?;
    let is_ended = value.first().is_none_or(|byte| *byte == b' ');
    (is_ended && key.len() < MAX_KEY_LEN).then_some(value)
}

/// What comes behind one value on its line; nothing may be one.
fn after_value(value: &[u8]) -> Option<&[u8]> {
    match value {
        [] | [b'#', ..] => Some(value),
        [b'{' | b'[', ..] => after_flow(value, MAX_FLOW_DEPTH),
        [b'"' | b'\'', ..] => after_quoted(value),
        _ => after_words(value),
    }
}

/// What comes behind words without quotation marks, which end with the line or before a comment.
fn after_words(value: &[u8]) -> Option<&[u8]> {
    match value {
        [first, ..] if first.is_ascii_alphanumeric() => {}
        [b'/' | b'$' | b'_' | b'(', ..] | [b'.', b'/', ..] => {}
        // Neither an item of a list, nor infinite.
        [b'-', second, ..] if second.is_ascii_alphanumeric() || *second == b'-' => {}
        _ => return None,
    }
    let mut rest = value;
    loop {
        let end = rest
            .iter()
            .position(|byte| !is_visible(*byte))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        // A colon at its end makes it a key.
        if word.ends_with(b":") {
            return None;
        }
        let next = after_spaces(after);
        match next {
            [] => return Some(next),
            [b'#', ..] => return Some(after),
            [byte, ..] if is_visible(*byte) => rest = next,
            _ => return None,
        }
    }
}

/// What comes behind a text in quotation marks, on one line.
fn after_quoted(value: &[u8]) -> Option<&[u8]> {
    let (quote, mut rest) = value.split_first()?;
    loop {
        let end = rest.iter().position(|byte| {
            byte == quote || *byte == b'\\' || !(is_visible(*byte) || *byte == b' ')
        })?;
        rest = match &rest[end..] {
            [b'\'', b'\'', after @ ..] if *quote == b'\'' => after,
            [byte, after @ ..] if byte == quote => return Some(after),
            [b'\\', after @ ..] if *quote == b'\'' => after,
            // The escapes that every version of YAML has, but for those that name a character.
            [b'\\', b'n' | b't' | b'r' | b'"' | b'\\', after @ ..] => after,
            _ => return None,
        };
    }
}

/// What comes behind a list or a mapping in brackets or braces, on one line.
fn after_flow(value: &[u8], depth: usize) -> Option<&[u8]> {
    let depth = depth.checked_sub(1)?;
    let (open, mut rest) = value.split_first()?;
    let close = if *open == b'{' { b'}' } else { b']' };
    rest = after_spaces(rest);
    if let Some(after) = rest.strip_prefix(&[close]) {
        return Some(after);
    }
    loop {
        if *open == b'{' {
            rest = after_spaces(after_key(rest)?);
        }
        rest = match rest {
            [b'{' | b'[', ..] => after_flow(rest, depth)?,
            [b'"' | b'\'', ..] => after_quoted(rest)?,
            [first, ..] if first.is_ascii_alphanumeric() || *first == b'/' => {
                let is_word = |byte: &u8| is_key_byte(*byte) || matches!(byte, b'@' | b'=' | b'+');
                let len = rest.iter().take_while(|byte| is_word(byte)).count();
                &rest[len..]
            }
            _ => return None,
        };
        rest = match after_spaces(rest) {
            [b',', b' ', after @ ..] => after_spaces(after),
            [byte, after @ ..] if *byte == close => return Some(after),
            _ => return None,
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::agree_in_full, *};
    use crate::input::from_yaml;

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
            ("a: [\"b\", \"c d\", \"e\" ] # f\n- [\"g\"]\n", true),
            ("a: b c # d\n", true),
            ("- --a=b: c\n", false),
            ("- --a=b:c d!\n", true),
            ("- $(A) \"b\" *c\n", true),
            ("a: {cpu: 100m, memory: \"128Mi\", c: [d, {}]}\n", true),
            ("a: \u{e9}\n", false),
            ("a: b \u{e9}\n# \u{e9}\tf\n", true),
            ("\"a\": b\n", true),
            ("a: \"\\n\"\nb: 'c''d\\'\n", true),
            ("a: |\n  b: *c\n\n\t\n", false),
            ("a: |\n  b: *c\n   \td\n\n  # e\nf: g\n", true),
            ("- a: |-\n    b\n  c: d\n", true),
            ("a: |\n   b\n  c\n", false),
            ("a: |\n  \n  b\n", false),
            ("a: |\n \tb\n", false),
            ("a: |2\n  b\n", false),
            ("a: [\"b\"]c\n", false),
            ("a: [b c]\n", false),
            ("a: [b:1]\n", false),
            ("a: [b?]\n", false),
            ("a: {b}\n", false),
            ("a: {b: }\n", false),
            ("a: {b:c}\n", false),
            ("a: {null: c}\n", false),
            ("a: [b,]\n", false),
            ("a: [-1]\n", false),
            ("a: [\"\\x41\"]\n", false),
            ("a: [\"b\",\n", false),
            ("a: *b\n", false),
            ("a: &b c\n", false),
            ("a: !b c\n", false),
            ("<<: a\n", false),
            ("\"<<\": a\n", false),
            ("? a\n", false),
            ("a: \"b\"c\n", false),
            ("a: b#c\n", true),
            ("a: {}#c\n", false),
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
            ("# b\rc: d\n", false),
            ("# \u{2028}\n", false),
            ("# \u{85}\n", false),
            ("\u{feff}a: b\n", false),
        ] {
            assert_eq!(is_plain(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_manifest_as_people_write_it_is_plain() {
        let text = "
apiVersion: batch/v1
kind: CronJob
metadata:
  name: app-00001 # the first
  labels: {app.kubernetes.io/name: app}
spec:
  schedule: \"*/5 * * * *\"
  jobTemplate:
    spec:
      template:
        spec:
          containers:
          - name: c0
            image: ghcr.io/example/proxy:v1.2@sha256:0123456789abcdef
            args: [\"--database\", \"app\"]
            command:
            - /bin/sh
            - -c
            - >-
              exec app --config=/etc/app \\
                --verbose

            env:
            - name: GREETING
              value: Hello, world!
            resources:
              requests: {cpu: 100m, memory: 128Mi}
          securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
";
        assert!(is_plain(text));
        assert_eq!(agree_in_full(text), Ok(()));
        let text = text.replace("{cpu: 100m,", "{<<: *d,");
        assert!(!is_plain(&text));
    }

    /// What lines are made of, most of it plain.
    const PIECES: [&str; 42] = [
        "kind: Pod",
        "a:",
        "b: c",
        "\"a\": d",
        "'e f': g",
        "b.c/d: x y # z",
        "- a",
        "- b: c",
        "- - d",
        "- e:",
        "- --f=g",
        "- -1",
        "- /bin/sh -c \"x\"",
        "a: {}",
        "c: {d: e, f: [g, \"h\"]}",
        "- [a, b]",
        "- {a: 1}",
        "d: |",
        "e: >",
        "f: |-",
        "- |",
        "- g: >-",
        "- - |+",
        "text",
        "text: more",
        "# c",
        "# \u{e9}\tc",
        "",
        " ",
        "   ",
        "\ttab",
        "x \ty",
        "h: \"i\\n\" # j",
        "k: 'l''m'",
        "n: \"o\"",
        "p: 'q",
        "r: s:t u",
        "image: a:1",
        "null: b",
        "e: .5",
        "- # c",
        "yes: no",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        /// What is taken for plain, and read, has one reading.
        #[test]
        fn two_readers_see_the_same_in_what_is_plain(
            lines in prop::collection::vec((prop::sample::select(&[0, 0, 2, 2, 4, 1, 6][..]), prop::sample::select(&PIECES[..]), any::<bool>()), 1..9),
            is_object in any::<bool>(),
        ) {
            let mut text = String::from(if is_object { "kind: Pod\n" } else { "" });
            for (indent, piece, is_crlf) in lines {
                text.extend(std::iter::repeat_n(' ', indent));
                text += piece;
                text += if is_crlf && indent == 6 { "\r\n" } else { "\n" };
            }
            let is_read = from_yaml(&text, |yaml| {
                <serde_json::Value as serde::Deserialize>::deserialize(yaml)
            });
            if is_plain(&text) && is_read.is_ok() {
                prop_assert_eq!(agree_in_full(&text), Ok(()), "{:?}", text);
            }
        }
    }
}
