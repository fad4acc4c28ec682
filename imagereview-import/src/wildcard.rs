//! Texts with wildcards, as other engines compare them: over the whole string, and over every character.

/// A piece of a pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Piece {
    /// This character.
    Char(char),
    /// `?`: one character.
    One,
    /// `*`: any characters, or none.
    Any,
    /// The same, where nothing is written: what a prefix or a suffix leaves open.
    Open,
}

/// A pattern over a whole string. A wildcard stands for `/`, `:` and `@` too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Wild(pub(crate) Vec<Piece>);

impl Wild {
    /// A text without wildcards.
    pub(crate) fn exact(text: &str) -> Self {
        Self(text.chars().map(Piece::Char).collect())
    }

    /// A text in which `*` and `?` are wildcards.
    pub(crate) fn glob(text: &str) -> Self {
        let piece = |c| match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            c => Piece::Char(c),
        };
        Self(text.chars().map(piece).collect())
    }

    /// What begins with a text.
    pub(crate) fn prefix(text: &str) -> Self {
        let mut wild = Self::exact(text);
        wild.0.push(Piece::Open);
        wild
    }

    /// What ends with a text.
    pub(crate) fn suffix(text: &str) -> Self {
        let mut wild = Self::exact(text);
        wild.0.insert(0, Piece::Open);
        wild
    }

    /// What contains a text.
    pub(crate) fn containing(text: &str) -> Self {
        let mut wild = Self::prefix(text);
        wild.0.insert(0, Piece::Open);
        wild
    }

    /// The text, if it has no wildcards.
    pub(crate) fn as_exact(&self) -> Option<String> {
        let chars = self.0.iter().map(|piece| match piece {
            Piece::Char(c) => Some(*c),
            _ => None,
        });
        chars.collect()
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        // The usual way with one place to return to: the last wildcard.
        let (mut at, mut piece, mut back) = (0, 0, None);
        loop {
            match self.0.get(piece) {
                Some(Piece::Any | Piece::Open) => {
                    back = Some((at, piece));
                    piece += 1;
                }
                Some(Piece::One) if at < text.len() => {
                    at += 1;
                    piece += 1;
                }
                Some(Piece::Char(c)) if text.get(at) == Some(c) => {
                    at += 1;
                    piece += 1;
                }
                None if at == text.len() => return true,
                _ => match back {
                    Some((from, star)) if from < text.len() => {
                        back = Some((from + 1, star));
                        at = from + 1;
                        piece = star + 1;
                    }
                    _ => return false,
                },
            }
        }
    }

    /// A regular expression over bytes that matches the same, without anchors. `any` is what stands for a
    /// wildcard.
    pub(crate) fn regex(&self, any: &str, one: &str) -> String {
        pieces_regex(&self.0, any, one)
    }
}

/// That of some pieces.
pub(crate) fn pieces_regex(pieces: &[Piece], any: &str, one: &str) -> String {
    let mut regex = String::new();
    for piece in pieces {
        match piece {
            Piece::Char(c) if c.is_ascii_alphanumeric() || "_/:@-".contains(*c) => regex.push(*c),
            // A class of one character means that character, whatever it is; these can be in none.
            Piece::Char(c @ ('^' | '\\' | ']' | '[')) => regex.extend(['\\', '\\', *c]),
            Piece::Char(c) => regex.extend(['[', *c, ']']),
            Piece::Any | Piece::Open => regex.push_str(any),
            Piece::One => regex.push_str(one),
        }
    }
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_every_character() {
        for (pattern, text, expected) in [
            ("*:*", "registry.example.com:5000/app", true),
            ("*:latest", "app:latest", true),
            ("*:latest", "app:latest@sha256:00", false),
            ("a?c*", "abc", true),
            ("a?c*", "ac", false),
            ("*a*b", "xaxxbxb", true),
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(
                Wild::glob(pattern).matches(text),
                expected,
                "{pattern} {text}"
            );
        }
        assert!(
            Wild::prefix("registry.example.com").matches("registry.example.com.evil.example/x")
        );
        assert!(Wild::exact("a*").matches("a*"));
        assert!(!Wild::exact("a*").matches("ab"));
        assert!(Wild::suffix(":latest").matches("app:latest"));
        assert!(Wild::containing("@").matches("app@sha256:00"));
    }
}
