//! What `BuildKit` makes of quotation marks and variables, which is neither all that a shell knows nor
//! only that: what it takes for a word decides where a here-document ends, and so which `FROM`s there are.
//!
//! Source: <https://github.com/moby/buildkit/blob/v0.34.2/frontend/dockerfile/shell/lex.go>

use std::collections::BTreeMap;

use regex::Regex;

/// A text that can't be filled in.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ShellError {
    #[error("{0} has no value; give one with --set {0}=VALUE, or a default")]
    NoValue(String),
    #[error("{name}: {message}")]
    Demanded { name: String, message: String },
    #[error("a quotation mark has no other one")]
    Quote,
    #[error("a substitution has no end")]
    NoEnd,
    #[error("a substitution has a form that is not known")]
    UnknownForm,
    #[error("the pattern {0:?} is wrong")]
    Pattern(String),
}

/// A text with its variables filled in, and without quotation marks.
pub(super) fn fill_in(
    text: &str,
    escape: char,
    values: &BTreeMap<String, String>,
) -> Result<String, ShellError> {
    let mut shell = Shell::new(text, escape, Some(values));
    let (filled, _) = shell.read(None, false, false)?;
    match shell.missing {
        // To the builder it is empty, and that is hardly ever meant.
        Some(name) => Err(ShellError::NoValue(name)),
        None => Ok(filled),
    }
}

/// The words of a line in which here-documents are looked for, with quotation marks and escapes; none
/// where the builder can't tell words.
pub(super) fn raw_words(line: &str) -> Vec<String> {
    let mut shell = Shell::new(line, '\\', None);
    shell.raw_quotes = true;
    shell.raw_escapes = true;
    let words = shell.read(None, true, false);
    words.map_or_else(|_| Vec::new(), |(_, words)| words)
}

/// The words of the name of a here-document.
pub(super) fn words(text: &str) -> Result<Vec<String>, ShellError> {
    let mut shell = Shell::new(text, '\\', None);
    shell.read(None, false, false).map(|(_, words)| words)
}

struct Shell<'t> {
    rest: std::iter::Peekable<std::str::Chars<'t>>,
    escape: char,
    raw_quotes: bool,
    raw_escapes: bool,
    /// `None` where variables stay as they are written.
    values: Option<&'t BTreeMap<String, String>>,
    /// The first variable that has no value.
    missing: Option<String>,
    /// The word that is being read. A substitution begins it anew, as in the builder.
    word: String,
}

/// The words of one level.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    is_in_word: bool,
}

impl<'t> Shell<'t> {
    fn new(text: &'t str, escape: char, values: Option<&'t BTreeMap<String, String>>) -> Self {
        // The builder's scanner skips such a mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self {
            rest: text.chars().peekable(),
            escape,
            raw_quotes: false,
            raw_escapes: false,
            values,
            missing: None,
            word: String::new(),
        }
    }

    fn add(&mut self, words: &mut Words, c: char) {
        if !c.is_whitespace() {
            self.word.push(c);
            words.is_in_word = true;
        } else if words.is_in_word && !self.word.is_empty() {
            words.words.push(std::mem::take(&mut self.word));
            words.is_in_word = false;
        }
    }

    fn end(&mut self, mut words: Words) -> Vec<String> {
        if !self.word.is_empty() {
            words.words.push(std::mem::take(&mut self.word));
        }
        words.words
    }

    /// Reads up to a character, or to the end.
    fn read(
        &mut self,
        stop: Option<char>,
        raw_escapes: bool,
        is_pattern: bool,
    ) -> Result<(String, Vec<String>), ShellError> {
        let before = std::mem::replace(&mut self.raw_escapes, raw_escapes);
        let read = self.read_on(stop, is_pattern);
        self.raw_escapes = before;
        read
    }

    fn read_on(
        &mut self,
        stop: Option<char>,
        is_pattern: bool,
    ) -> Result<(String, Vec<String>), ShellError> {
        let mut result = String::new();
        self.word.clear();
        let mut words = Words::default();
        while let Some(&c) = self.rest.peek() {
            if stop == Some(c) {
                self.rest.next();
                return Ok((result, self.end(words)));
            }
            let special = match c {
                '\'' => self.single_quoted(is_pattern)?,
                '"' => self.double_quoted(is_pattern)?,
                '$' => {
                    let value = self.dollar()?;
                    for c in value.chars() {
                        self.add(&mut words, c);
                    }
                    result.push_str(&value);
                    continue;
                }
                '<' => self.perhaps_here_document(),
                _ => {
                    self.rest.next();
                    if c != self.escape {
                        self.add(&mut words, c);
                        result.push(c);
                        continue;
                    }
                    let mut pair = String::new();
                    if self.raw_escapes {
                        pair.push(c);
                    }
                    let next = self.rest.next();
                    pair.extend(next);
                    self.word.push_str(&pair);
                    words.is_in_word |= !pair.is_empty();
                    result.push_str(&pair);
                    if next.is_none() {
                        break;
                    }
                    continue;
                }
            };
            self.word.push_str(&special);
            words.is_in_word = true;
            result.push_str(&special);
        }
        match stop {
            Some(_) => Err(ShellError::NoEnd),
            None => Ok((result, self.end(words))),
        }
    }

    fn single_quoted(&mut self, is_pattern: bool) -> Result<String, ShellError> {
        let mut result = String::new();
        if let Some(quote) = self.rest.next().filter(|_| self.raw_quotes) {
            result.push(quote);
        }
        loop {
            match self.rest.next().ok_or(ShellError::Quote)? {
                '\'' => {
                    if self.raw_quotes {
                        result.push('\'');
                    }
                    return Ok(result);
                }
                c => {
                    if is_pattern && c == self.escape {
                        result.push(c);
                    }
                    result.push(c);
                }
            }
        }
    }

    fn double_quoted(&mut self, is_pattern: bool) -> Result<String, ShellError> {
        let mut result = String::new();
        if let Some(quote) = self.rest.next().filter(|_| self.raw_quotes) {
            result.push(quote);
        }
        loop {
            match *self.rest.peek().ok_or(ShellError::Quote)? {
                '"' => {
                    self.rest.next();
                    if self.raw_quotes {
                        result.push('"');
                    }
                    return Ok(result);
                }
                '$' => result.push_str(&self.dollar()?),
                c => {
                    self.rest.next();
                    let mut c = c;
                    if c == self.escape {
                        match self.rest.peek() {
                            None => continue,
                            Some(&next) if next == '"' || next == '$' || next == self.escape => {
                                if self.raw_escapes {
                                    result.push(c);
                                }
                                self.rest.next();
                                c = next;
                            }
                            Some(_) if self.raw_escapes && (!self.raw_quotes || is_pattern) => {
                                result.push(c);
                            }
                            Some(_) => {}
                        }
                    }
                    result.push(c);
                }
            }
        }
    }

    /// The value of a variable; what its name is, where it has none.
    fn value(&mut self, name: &str) -> Option<String> {
        self.values?.get(name).cloned()
    }

    fn dollar(&mut self) -> Result<String, ShellError> {
        self.rest.next();
        if self.rest.next_if_eq(&'{').is_none() {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".to_owned());
            }
            return Ok(match self.value(&name) {
                Some(value) => value,
                None if self.values.is_none() => format!("${name}"),
                None => self.nothing(name),
            });
        }
        if matches!(self.rest.peek(), None | Some('{' | '}' | ':')) {
            return Err(ShellError::UnknownForm);
        }
        let name = self.name();
        let mut modifier = self.rest.next().ok_or(ShellError::UnknownForm)?;
        let mut written = modifier.to_string();
        let mut empty_counts = true;
        if modifier == ':' {
            empty_counts = false;
            modifier = self.rest.next().ok_or(ShellError::UnknownForm)?;
            written.push(modifier);
        }
        match modifier {
            '}' if empty_counts => Ok(match self.value(&name) {
                Some(value) => value,
                None if self.values.is_none() => format!("${{{name}}}"),
                None => self.nothing(name),
            }),
            '/' if empty_counts => self.replacement(&name),
            '#' | '%' if !empty_counts => Err(ShellError::UnknownForm),
            '+' | '-' | '?' | '#' | '%' => self.modified(&name, modifier, &written, empty_counts),
            // The builder first looks for the end.
            _ if !empty_counts => {
                self.read(Some('}'), false, false)?;
                Err(ShellError::UnknownForm)
            }
            _ => Err(ShellError::UnknownForm),
        }
    }

    /// What a variable without a value comes to.
    fn nothing(&mut self, name: String) -> String {
        self.missing.get_or_insert(name);
        String::new()
    }

    fn modified(
        &mut self,
        name: &str,
        modifier: char,
        written: &str,
        empty_counts: bool,
    ) -> Result<String, ShellError> {
        let is_pattern = matches!(modifier, '#' | '%');
        let missing = self.missing.clone();
        let (word, _) = self.read(Some('}'), is_pattern, is_pattern)?;
        let value = self.value(name);
        if self.values.is_none() {
            return Ok(format!("${{{name}{written}{word}}}"));
        }
        let has_value = value
            .as_ref()
            .is_some_and(|value| empty_counts || !value.is_empty());
        let is_word_used = match modifier {
            '-' => !has_value,
            '+' => has_value,
            _ => false,
        };
        if !is_word_used && !is_pattern {
            // What is not used may be without a value.
            self.missing = missing;
        }
        match (modifier, value) {
            ('-' | '?', Some(value)) if has_value => Ok(value),
            ('-', _) => Ok(word),
            ('+', _) => Ok(if has_value { word } else { String::new() }),
            ('?', value) => {
                let message = match value {
                    _ if !word.is_empty() => word,
                    None => "is not allowed to be unset".to_owned(),
                    Some(_) => "is not allowed to be empty".to_owned(),
                };
                let name = name.to_owned();
                Err(ShellError::Demanded { name, message })
            }
            (_, None) => Ok(self.nothing(name.to_owned())),
            (_, Some(value)) => {
                let (is_greedy, pattern) = match word.strip_prefix(modifier) {
                    Some(pattern) => (true, pattern),
                    None => (false, &*word),
                };
                if modifier == '#' {
                    without_start(pattern, &value, is_greedy)
                } else {
                    // The shortest at the end is the first of the reverse.
                    let reversed: String = value.chars().rev().collect();
                    let rest = without_start(&reversed_pattern(pattern), &reversed, is_greedy)?;
                    Ok(rest.chars().rev().collect())
                }
            }
        }
    }

    fn replacement(&mut self, name: &str) -> Result<String, ShellError> {
        let replaces_all = self.rest.next_if_eq(&'/').is_some();
        let (pattern, _) = self.read(Some('/'), true, true)?;
        let (replacement, _) = self.read(Some('}'), true, false)?;
        let value = self.value(name);
        if self.values.is_none() {
            return Ok(format!("${{{name}/{pattern}/{replacement}}}"));
        }
        let Some(value) = value else {
            return Ok(self.nothing(name.to_owned()));
        };
        let expression = expression(&pattern, true, false)?;
        Ok(if replaces_all {
            expression.replace_all(&value, &*replacement).into_owned()
        } else {
            match expression.find(&value) {
                Some(found) => format!(
                    "{}{replacement}{}",
                    &value[..found.start()],
                    &value[found.end()..]
                ),
                None => value,
            }
        })
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        if self.rest.peek().is_some_and(|c| c.is_numeric()) {
            while let Some(c) = self.rest.next_if(|c| c.is_numeric()) {
                name.push(c);
            }
            return name;
        }
        let is_special = |c: &char| matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!');
        if let Some(c) = self.rest.next_if(is_special) {
            return c.to_string();
        }
        while let Some(c) = self.rest.next_if(|c| c.is_alphanumeric() || *c == '_') {
            name.push(c);
        }
        name
    }

    /// `<`, or `<<` with the blanks behind it.
    fn perhaps_here_document(&mut self) -> String {
        self.rest.next();
        if self.rest.next_if_eq(&'<').is_none() {
            return "<".to_owned();
        }
        let mut text = "<<".to_owned();
        while let Some(blank) = self.rest.next_if(|c| matches!(c, '\t' | '\r' | ' ')) {
            text.push(blank);
        }
        text
    }
}

/// The regular expression of a pattern with `*` and `?`.
fn expression(pattern: &str, is_greedy: bool, is_anchored: bool) -> Result<Regex, ShellError> {
    let wrong = || ShellError::Pattern(pattern.to_owned());
    let mut expression = String::new();
    if is_anchored {
        expression.push('^');
    }
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '*' => expression.push_str(if is_greedy { ".*" } else { ".*?" }),
            '?' => expression.push('.'),
            '\\' if matches!(characters.peek(), Some('}' | '/')) => {}
            '\\' => match characters.next() {
                Some(c @ ('*' | '?' | '\\')) => {
                    expression.push('\\');
                    expression.push(c);
                }
                _ => return Err(wrong()),
            },
            c => expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    Regex::new(&expression).map_err(|_| wrong())
}

fn without_start(pattern: &str, value: &str, is_greedy: bool) -> Result<String, ShellError> {
    let expression = expression(pattern, is_greedy, true)?;
    let end = expression.find(value).map_or(0, |found| found.end());
    Ok(value[end..].to_owned())
}

/// A pattern from its end, in which escapes stay before what they escape.
fn reversed_pattern(pattern: &str) -> String {
    let characters: Vec<char> = pattern.chars().collect();
    let mut reversed = characters.clone();
    let last = characters.len().wrapping_sub(1);
    let mut at = 0;
    while at < characters.len() {
        let out = last - at;
        if characters[at] == '\\' && at != last {
            reversed[out - 1] = characters[at];
            reversed[out] = characters[at + 1];
            at += 2;
        } else {
            reversed[out] = characters[at];
            at += 1;
        }
    }
    reversed.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_as_the_builder_does() {
        let values: BTreeMap<String, String> =
            [("V", "v1.2.3"), ("E", ""), ("P", "a/b/c"), ("_x1", "y")]
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
        for (text, expected) in [
            ("a:$V", "a:v1.2.3"),
            ("a:${V}-b", "a:v1.2.3-b"),
            ("${_x1}$E", "y"),
            ("${V#v}", "1.2.3"),
            ("${V##*.}", "3"),
            ("${V#*.}", "2.3"),
            ("${V%.*}", "v1.2"),
            ("${V%%.*}", "v1"),
            ("${V/v1/v2}", "v2.2.3"),
            ("${V//./-}", "v1-2-3"),
            ("${V/./-}", "v1-2.3"),
            ("${P//\\//.}", "a.b.c"),
            ("${V/?2/x}", "v1x.3"),
            ("${X:-$V}", "v1.2.3"),
            ("${X-'$V'}", "$V"),
            ("${E:-x}${E-x}", "x"),
            ("${V:+x}${X:+$Y}", "x"),
            ("${V:-$Y}", "v1.2.3"),
            ("${V?why}", "v1.2.3"),
            ("'$V'\"$V\"", "$Vv1.2.3"),
            ("\\$V", "$V"),
            ("a$", "a$"),
            ("\"a b\"", "a b"),
        ] {
            assert_eq!(
                fill_in(text, '\\', &values).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
        assert_eq!(fill_in("`$V`", '`', &values).as_deref(), Ok("$V"));
        for (text, expected) in [
            ("$X", ShellError::NoValue("X".to_owned())),
            ("${X#v}", ShellError::NoValue("X".to_owned())),
            ("${V:-x", ShellError::NoEnd),
            ("${V", ShellError::UnknownForm),
            ("${}", ShellError::UnknownForm),
            ("${V:#v}", ShellError::UnknownForm),
            ("${V^}", ShellError::UnknownForm),
            ("'a", ShellError::Quote),
            ("\"a", ShellError::Quote),
            ("${V#\\a}", ShellError::Pattern("\\a".to_owned())),
        ] {
            assert_eq!(fill_in(text, '\\', &values), Err(expected), "{text}");
        }
        let error = fill_in("${X?give it}", '\\', &values).unwrap_err();
        assert_eq!(error.to_string(), "X: give it");
    }
}
