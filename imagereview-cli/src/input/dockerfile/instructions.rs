//! The instructions of a Dockerfile and their words, distinguished as `BuildKit` does: what it takes for
//! an instruction must not be hidden in a comment, a here-document or the line before.
//!
//! Source: <https://github.com/moby/buildkit/tree/master/frontend/dockerfile/parser>

use std::ops::Range;

use super::shell::{self, ShellError};

/// What separates words, where quotation marks do not count.
const BLANKS: [char; 5] = [' ', '\t', '\u{b}', '\u{c}', '\r'];

/// The instructions that may begin here-documents.
const WITH_HERE_DOCUMENTS: [&str; 3] = ["COPY", "ADD", "RUN"];

/// The directives that there are. Any other ends them as another comment does.
const DIRECTIVES: [&str; 3] = ["syntax", ESCAPE, "check"];

/// The directive that sets the character that takes the meaning from others.
const ESCAPE: &str = "escape";

/// One instruction: its lines joined, and where each is in the file.
pub(super) struct Instruction {
    text: String,
    /// Offsets into `text`, and those in the file that they come from.
    pieces: Vec<(usize, usize)>,
    /// What takes the meaning from a character.
    escape: char,
    /// Why the builder refuses all of the file here.
    pub(super) error: Option<InstructionError>,
}

/// Why the builder can't tell the instructions of a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InstructionError {
    #[error("the here-document has no end: no line is {0:?}")]
    HereDocument(String),
    #[error("the name of a here-document is wrong: {0}")]
    HereDocumentName(String),
    #[error("the escape character is \\ or `, and {0:?} is none of them")]
    Escape(String),
    #[error("the directive {0} may be there only once")]
    Directive(String),
    #[error("a line is longer than the {MAX_LINE_LEN} bytes that the builder reads")]
    Line,
}

/// How long a line may be, in bytes.
const MAX_LINE_LEN: usize = 65_535;

/// A word of an instruction.
pub(super) struct Word {
    /// Without quotation marks and escapes.
    pub(super) value: String,
    /// As it is in the instruction.
    pub(super) raw: String,
    range: Range<usize>,
    /// Where it is in the file.
    pub(super) span: Range<usize>,
}

/// What words are separated for. The builder has a reader for each.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    Flags,
    Words,
}

impl Instruction {
    pub(super) fn keyword(&self) -> String {
        let word = self.text.split(BLANKS).next();
        word.unwrap_or_default().to_ascii_uppercase()
    }

    pub(super) fn escape(&self) -> char {
        self.escape
    }

    /// Where what follows the keyword begins.
    fn arguments(&self) -> usize {
        self.text.find(BLANKS).unwrap_or(self.text.len())
    }

    /// The instruction that an `ONBUILD` keeps for later.
    pub(super) fn trigger(&self) -> Option<Self> {
        if self.keyword() != "ONBUILD" {
            return None;
        }
        let text = self.text[self.arguments()..].trim_start().to_owned();
        let start = self.text.len() - text.len();
        let pieces = self.pieces.iter();
        let after = pieces.filter(|(at, _)| *at > start);
        let after = after.map(|(at, in_file)| (at - start, *in_file));
        let pieces = std::iter::once((0, self.offset(start))).chain(after);
        Some(Self {
            pieces: pieces.collect(),
            text,
            escape: self.escape,
            error: None,
        })
    }

    /// The options, which come before all else and begin with two dashes, and where they end.
    fn flags(&self) -> (Vec<Word>, usize) {
        let start = self.arguments();
        let words = self.split(start, self.escape, Reader::Flags);
        let (mut flags, mut end) = (Vec::new(), start);
        for word in words {
            if !word.raw.starts_with("--") {
                break;
            }
            end = word.range.end;
            if word.value == "--" {
                break;
            }
            flags.push(word);
        }
        (flags, end)
    }

    pub(super) fn options(&self) -> Vec<Word> {
        self.flags().0
    }

    /// The words after the options, between blanks.
    pub(super) fn words_after_options(&self) -> Vec<Word> {
        let (_, at) = self.flags();
        let rest = self.text[at..].trim_start();
        let mut at = self.text.len() - rest.len();
        let mut words = Vec::new();
        for part in rest.split(BLANKS) {
            if !part.is_empty() {
                words.push(self.word(part.to_owned(), at..at + part.len()));
            }
            // Each blank is one byte.
            at += part.len() + 1;
        }
        words
    }

    /// The words after the keyword, as a shell tells them apart.
    pub(super) fn shell_words(&self) -> Vec<Word> {
        self.split(self.arguments(), self.escape, Reader::Words)
    }

    fn word(&self, value: String, range: Range<usize>) -> Word {
        Word {
            value,
            raw: self.text[range.clone()].to_owned(),
            span: self.offset(range.start)..self.offset(range.end - 1) + 1,
            range,
        }
    }

    /// The words from an offset on, in which blanks between quotation marks are no ends.
    fn split(&self, from: usize, escape: char, reader: Reader) -> Vec<Word> {
        // Flags are read byte by byte, and two bytes that are within characters are blanks then.
        let ends_flag = |c: char| {
            let mut bytes = [0; 4];
            let bytes = c.encode_utf8(&mut bytes).bytes();
            BLANKS.contains(&c)
                || c == '\n'
                || bytes.into_iter().any(|byte| [0x85, 0xa0].contains(&byte))
        };
        let is_blank = |c: char| {
            if reader == Reader::Flags {
                ends_flag(c)
            } else {
                c.is_whitespace()
            }
        };
        let mut words = Vec::new();
        let mut start = None;
        let mut value = String::new();
        let mut quote = None;
        let mut characters = self.text[from..].char_indices();
        while let Some((at, c)) = characters.next() {
            let at = from + at;
            if quote.is_none() && is_blank(c) {
                if reader == Reader::Flags && !c.is_ascii() {
                    start.get_or_insert(at);
                    let mut bytes = [0; 4];
                    let bytes = c.encode_utf8(&mut bytes).bytes();
                    let before = bytes.take_while(|byte| ![0x85, 0xa0].contains(byte));
                    value.extend(before.map(char::from));
                }
                if let Some(start) = start.take() {
                    words.push(self.word(std::mem::take(&mut value), start..at));
                }
                continue;
            }
            start.get_or_insert(at);
            if quote == Some(c) {
                quote = None;
            } else if quote.is_none() && ['"', '\''].contains(&c) {
                quote = Some(c);
            } else if c == escape && (quote != Some('\'') || reader == Reader::Flags) {
                value.extend(characters.next().map(|(_, c)| c));
            } else if reader == Reader::Flags {
                let mut bytes = [0; 4];
                value.extend(c.encode_utf8(&mut bytes).bytes().map(char::from));
            } else {
                value.push(c);
            }
        }
        if let Some(start) = start {
            words.push(self.word(value, start..self.text.len()));
        }
        words
    }

    /// The names that end its here-documents, and whether tabs before those do not count.
    fn here_documents(&self) -> Result<Vec<(String, bool)>, ShellError> {
        let holder = self.trigger();
        let keyword = holder.as_ref().unwrap_or(self).keyword();
        if !WITH_HERE_DOCUMENTS.contains(&&*keyword) || !self.text.contains("<<") {
            return Ok(Vec::new());
        }
        let mut names = Vec::new();
        for word in shell::raw_words(&self.text) {
            let after = word.trim_start_matches(|c: char| c.is_ascii_digit());
            let Some(name) = after.strip_prefix("<<") else {
                continue;
            };
            let strips_tabs = name.starts_with('-');
            let name = name.strip_prefix('-').unwrap_or(name);
            let name = name.trim_start_matches(['\t', '\n', '\u{c}', '\r', ' ']);
            if name.is_empty() || name.contains('<') {
                continue;
            }
            if let [name] = &*shell::words(name)? {
                names.push((name.clone(), strips_tabs));
            }
        }
        Ok(names)
    }

    /// Where the whole of it is in the file.
    pub(super) fn span(&self) -> Range<usize> {
        self.offset(0)..self.offset(self.text.len().max(1) - 1) + 1
    }

    fn offset(&self, at: usize) -> usize {
        let index = self.pieces.partition_point(|(start, _)| *start <= at) - 1;
        let (start, in_file) = self.pieces[index];
        in_file + (at - start)
    }
}

/// The instructions of a Dockerfile, without comments and the text of here-documents.
pub(super) struct Instructions<'t> {
    text: &'t str,
    at: usize,
    escape: char,
    /// What is wrong with the directives or a line, until an instruction has it.
    error: Option<InstructionError>,
}

impl<'t> Instructions<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let content = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Parser directives are comments before everything else, other comments too.
        let is_directive = |name: &str| {
            DIRECTIVES
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        // The builder looks for them with a regular expression, whose blanks are those of ASCII.
        let blanks = ['\t', '\n', '\u{c}', '\r', ' '];
        let directives = content
            .split('\n')
            .map_while(|line| {
                let comment = line.trim_start().strip_prefix('#')?;
                comment.trim_start().split_once('=')
            })
            .map(|(name, value)| {
                let name = name.trim_end_matches(blanks).to_ascii_lowercase();
                let value = value.trim_end_matches('\r');
                let trimmed = value.trim_matches(blanks);
                // Blanks alone are a value to that expression.
                (name, if trimmed.is_empty() { value } else { trimmed })
            })
            .take_while(|(name, value)| is_directive(name) && !value.is_empty());
        let (mut escape, mut error) = ('\\', None);
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in directives {
            if seen.contains(&name) {
                error.get_or_insert(InstructionError::Directive(name.clone()));
            }
            if name == ESCAPE {
                match value {
                    "\\" => escape = '\\',
                    "`" => escape = '`',
                    _ => {
                        error.get_or_insert(InstructionError::Escape(value.to_owned()));
                    }
                }
            }
            seen.push(name);
        }
        Self {
            text,
            at: text.len() - content.len(),
            escape,
            error,
        }
    }

    /// The next line without its line break, and where it begins.
    fn line(&mut self) -> Option<(&'t str, usize)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let (line, _) = rest.split_once('\n').unwrap_or((rest, ""));
        self.at = (start + line.len() + 1).min(self.text.len());
        if self.at - start > MAX_LINE_LEN {
            self.error.get_or_insert(InstructionError::Line);
        }
        Some((line.trim_end_matches('\r'), start))
    }

    /// What of a line comes before the character that lets it go on.
    fn going_on(&self, line: &'t str) -> Option<&'t str> {
        let before = line
            .trim_end_matches([' ', '\t'])
            .strip_suffix(self.escape)?;
        // Twice it stands for itself.
        (!before.ends_with(self.escape)).then_some(before)
    }

    fn skip_here_documents(&mut self, instruction: &Instruction) -> Option<InstructionError> {
        let names = match instruction.here_documents() {
            Ok(names) => names,
            Err(error) => return Some(InstructionError::HereDocumentName(error.to_string())),
        };
        for (end, strips_tabs) in names {
            loop {
                let Some((line, _)) = self.line() else {
                    return Some(InstructionError::HereDocument(end));
                };
                let line = if strips_tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == end {
                    break;
                }
            }
        }
        None
    }
}

impl Iterator for Instructions<'_> {
    type Item = Instruction;

    fn next(&mut self) -> Option<Instruction> {
        let mut instruction = Instruction {
            text: String::new(),
            pieces: Vec::new(),
            escape: self.escape,
            error: None,
        };
        while let Some((line, start)) = self.line() {
            let content = line.trim_start();
            // Comments and empty lines may be between the lines of an instruction.
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let (line, start) = if instruction.text.is_empty() {
                (content, start + (line.len() - content.len()))
            } else {
                (line, start)
            };
            let before = self.going_on(line);
            instruction.pieces.push((instruction.text.len(), start));
            instruction.text.push_str(before.unwrap_or(line));
            if before.is_none() {
                break;
            }
        }
        if instruction.pieces.is_empty() {
            return None;
        }
        instruction.text.truncate(instruction.text.trim_end().len());
        let error = self.skip_here_documents(&instruction);
        instruction.error = self.error.take().or(error);
        Some(instruction)
    }
}
