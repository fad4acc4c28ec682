//! An input in parts that are reviewed one by one, so that the memory is that of a part.

use std::io::{self, Read};

use serde::de::IgnoredAny;

use super::{
    documents::{SURELY_JSON, yaml_start},
    position::Position,
    source::Source,
    syntax::Syntax,
    yaml,
};

/// Whole documents of an input, as they are there one after another.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) bytes: Vec<u8>,
    pub(crate) syntax: Syntax,
    /// Where it begins in the input.
    pub(crate) start: Start,
    /// How many documents of JSON come before it.
    pub(crate) json_before: usize,
    /// Whether nothing follows.
    pub(crate) is_last: bool,
}

/// Where a part begins in its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Start {
    /// How many bytes are before it.
    pub(crate) offset: usize,
    pub(crate) position: Position,
}

impl Start {
    /// The column in which what is here of a line begins.
    pub(crate) fn column_of(self, line: usize) -> usize {
        if line == self.position.line() {
            self.position.column()
        } else {
            1
        }
    }

    /// The place behind these bytes, which begin here.
    fn after(self, bytes: &[u8]) -> Self {
        Self {
            offset: self.offset + bytes.len(),
            position: self.position.after_characters(bytes),
        }
    }
}

impl Default for Start {
    fn default() -> Self {
        Self {
            offset: 0,
            position: Position::START,
        }
    }
}

impl Part {
    pub(crate) fn is_first(&self) -> bool {
        self.start.offset == 0
    }

    /// Whether it begins with the mark of UTF-16.
    pub(crate) fn is_utf16(&self) -> bool {
        self.bytes.starts_with(b"\xff\xfe") || self.bytes.starts_with(b"\xfe\xff")
    }

    /// Its text, if it is UTF-16.
    pub(crate) fn utf16_text(&self) -> String {
        let is_big = self.bytes.starts_with(b"\xfe\xff");
        let units = self.bytes.chunks_exact(2).map(|pair| {
            let pair = [pair[0], pair[1]];
            if is_big {
                u16::from_be_bytes(pair)
            } else {
                u16::from_le_bytes(pair)
            }
        });
        let characters = char::decode_utf16(units);
        characters
            .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect()
    }

    /// Its text, or the offset in the input from which on it is no UTF-8.
    pub(crate) fn text(self) -> Result<String, usize> {
        let offset = self.start.offset;
        String::from_utf8(self.bytes).map_err(|error| offset + error.utf8_error().valid_up_to())
    }
}

/// Reads the parts of an input. After an error nothing follows.
pub(crate) struct Parts<'s> {
    source: &'s Source,
    /// Opened when the first part is asked for.
    reader: Option<Box<dyn Read>>,
    /// Known as soon as something has been read.
    syntax: Option<Syntax>,
    buffer: Vec<u8>,
    /// Where the buffer begins.
    start: Start,
    /// How many documents of JSON come before that.
    json_before: usize,
    /// How long a part is.
    part_len: usize,
    /// How much is to be in the buffer before it is cut.
    wanted: usize,
    is_done: bool,
}

impl<'s> Parts<'s> {
    /// In parts of so many bytes, or of a document where that is longer. An input that is no longer
    /// is one part.
    pub(crate) fn of(source: &'s Source, part_len: usize) -> Self {
        Self {
            source,
            reader: None,
            syntax: None,
            buffer: Vec::new(),
            start: Start::default(),
            json_before: 0,
            part_len,
            wanted: part_len.saturating_add(1),
            is_done: false,
        }
    }

    /// Reads as much as is wanted; false where less is there.
    fn fill(&mut self) -> io::Result<bool> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.source.open()?),
        };
        let missing = self.wanted.saturating_sub(self.buffer.len());
        let limit = u64::try_from(missing).unwrap_or(u64::MAX);
        let read = reader.take(limit).read_to_end(&mut self.buffer)?;
        Ok(read == missing)
    }

    /// Reads until some document ends, and cuts there.
    fn read(&mut self) -> io::Result<Part> {
        loop {
            let has_more = self.fill()?;
            let syntax = *self
                .syntax
                .get_or_insert_with(|| Syntax::of(self.source, &self.buffer));
            if !has_more {
                return Ok(self.cut(self.buffer.len(), syntax, true));
            }
            match last_end(&self.buffer, syntax) {
                End::At(end, documents) => {
                    let part = self.cut(end, syntax, false);
                    self.json_before += documents;
                    return Ok(part);
                }
                End::Broken(_, documents) if self.json_before + documents >= SURELY_JSON => {
                    return Ok(self.cut(whole_characters(&self.buffer), syntax, true));
                }
                End::Broken(end, _) => {
                    self.syntax = Some(Syntax::Yaml);
                    if end > 0 {
                        return Ok(self.cut(end, syntax, false));
                    }
                }
                // Doubling keeps the time linear.
                End::Unknown => self.wanted = 2 * self.buffer.len(),
            }
        }
    }

    fn cut(&mut self, end: usize, syntax: Syntax, is_last: bool) -> Part {
        let rest = self.buffer.split_off(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let start = self.start;
        self.start = start.after(&bytes);
        self.wanted = self.part_len.saturating_add(1);
        self.is_done = is_last;
        Part {
            bytes,
            syntax,
            start,
            json_before: self.json_before,
            is_last,
        }
    }
}

impl Iterator for Parts<'_> {
    type Item = io::Result<Part>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let part = self.read();
        self.is_done |= part.is_err();
        Some(part)
    }
}

/// Where the last document of a text ends that is whole, and how many of JSON there are.
enum End {
    At(usize, usize),
    /// None is known to be whole yet.
    Unknown,
    /// What follows is no JSON.
    Broken(usize, usize),
}

fn last_end(bytes: &[u8], syntax: Syntax) -> End {
    match syntax {
        Syntax::Dockerfile => End::Unknown,
        Syntax::Yaml => yaml::last_start(bytes).map_or(End::Unknown, |at| End::At(at, 0)),
        Syntax::Json => last_json_end(bytes),
    }
}

fn last_json_end(bytes: &[u8]) -> End {
    let mark = "\u{feff}".as_bytes();
    let start = if bytes.starts_with(mark) {
        mark.len()
    } else {
        0
    };
    let mut documents =
        serde_json::Deserializer::from_slice(&bytes[start..]).into_iter::<IgnoredAny>();
    let (mut end, mut count) = (0, 0);
    loop {
        match documents.next() {
            Some(Ok(_)) => {
                end = start + documents.byte_offset();
                count += 1;
            }
            Some(Err(error)) if !error.is_eof() => {
                let text = &bytes[..whole_characters(bytes)];
                let end = str::from_utf8(text).map_or(end, |text| {
                    if count > 0 { yaml_start(text, end) } else { 0 }
                });
                return End::Broken(end, count);
            }
            _ if count > 0 => return End::At(end, count),
            _ => return End::Unknown,
        }
    }
}

/// How many bytes come before a character that is cut off.
fn whole_characters(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART_LEN: usize = 1 << 10;

    /// The parts of a file of this name: offset, position, length, and whether it is the last.
    fn parts(name: &str, text: &str) -> Vec<(usize, String, usize, bool)> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let source = Source::File(path);
        let mut all = String::new();
        let parts = Parts::of(&source, PART_LEN).map(|part| {
            let part = part.unwrap();
            let (start, is_last) = (part.start, part.is_last);
            let text = part.text().unwrap();
            all += &text;
            (
                start.offset,
                start.position.to_string(),
                text.len(),
                is_last,
            )
        });
        let parts = parts.collect();
        assert!(text.starts_with(&all), "{name}");
        parts
    }

    #[test]
    fn an_input_is_cut_between_its_documents() {
        let small = format!("a: {}\n", "é".repeat(9));
        let half = format!("a: {}\n", "é".repeat(PART_LEN / 4));
        let long = format!("a: {}\n", "é".repeat(PART_LEN));
        let half_json = format!("{{\"a\": \"{}\"}}", "é".repeat(PART_LEN / 4));
        let chars = |text: &str| text.chars().count();
        for (name, text, expected) in [
            (
                "a.yaml",
                String::new(),
                vec![(0, "1:1".to_owned(), 0, true)],
            ),
            (
                "a.yaml",
                format!("{small}---\n{small}"),
                vec![(0, "1:1".to_owned(), 2 * small.len() + 4, true)],
            ),
            (
                "a.yaml",
                format!("{half}---\n{half}---\n{small}"),
                vec![
                    (0, "1:1".to_owned(), half.len(), false),
                    (
                        half.len(),
                        "2:1".to_owned(),
                        half.len() + small.len() + 8,
                        true,
                    ),
                ],
            ),
            // A document may be longer than a part, and a Dockerfile is never cut.
            (
                "a.yaml",
                format!("{long}---\n{small}---\n{long}"),
                vec![
                    (0, "1:1".to_owned(), long.len() + small.len() + 4, false),
                    (
                        long.len() + small.len() + 4,
                        "4:1".to_owned(),
                        long.len() + 4,
                        true,
                    ),
                ],
            ),
            (
                "Dockerfile",
                format!("{half}---\n{half}---\n{half}"),
                vec![(0, "1:1".to_owned(), 3 * half.len() + 8, true)],
            ),
            (
                "a.json",
                format!("{half_json} {half_json}{half_json}"),
                vec![
                    (0, "1:1".to_owned(), half_json.len(), false),
                    (
                        half_json.len(),
                        format!("1:{}", chars(&half_json) + 1),
                        half_json.len() + 1,
                        false,
                    ),
                    (
                        2 * half_json.len() + 1,
                        format!("1:{}", 2 * chars(&half_json) + 2),
                        half_json.len(),
                        true,
                    ),
                ],
            ),
            // What is not JSON after one document may be YAML, and after more nothing follows.
            (
                "a.json",
                format!("{half_json} \n{half}---\n{half}"),
                vec![
                    (0, "1:1".to_owned(), half_json.len() + 2, false),
                    (half_json.len() + 2, "2:1".to_owned(), half.len(), false),
                    (
                        half_json.len() + half.len() + 2,
                        "3:1".to_owned(),
                        half.len() + 4,
                        true,
                    ),
                ],
            ),
            (
                "a.json",
                format!("{{}} {{}} oops {half_json} {half_json}"),
                vec![(0, "1:1".to_owned(), PART_LEN, true)],
            ),
        ] {
            let found = parts(name, &text);
            assert_eq!(found, expected, "{name} of {} bytes", text.len());
        }
    }
}
