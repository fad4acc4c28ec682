//! Text of the Common Expression Language, and what it costs the API server.

use std::fmt::{self, Write as _};

/// The text of a string: raw where it has backslashes and that is possible, so that regular expressions stay
/// as they are.
pub(crate) fn string(text: &str) -> String {
    let is_plain = |c: char| c != '\'' && !c.is_control();
    if text.contains('\\') && text.chars().all(is_plain) {
        return format!("r'{text}'");
    }
    let mut literal = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => literal.extend(['\\', c]),
            '\n' => literal.push_str("\\n"),
            // A text of the user's may turn the direction of writing for whoever reads the policy.
            c if c.is_control() || is_invisible(c) => {
                // Writing to a string cannot fail.
                let _ = write!(literal, "\\U{:08x}", u32::from(c));
            }
            c => literal.push(c),
        }
    }
    literal.push('\'');
    literal
}

fn is_invisible(c: char) -> bool {
    matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
}

/// A list of strings.
pub(crate) fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let texts: Vec<String> = texts
        .into_iter()
        .map(|text| string(text.as_ref()))
        .collect();
    format!("[{}]", texts.join(", "))
}

/// The operator that a condition is made with, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Operator {
    Or,
    And,
    None,
}

/// An expression that is true or false, and what it costs at most.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    text: String,
    operator: Operator,
    cost: u64,
}

impl Condition {
    /// A condition without an operator between its parts.
    pub(crate) fn new(text: impl Into<String>, cost: u64) -> Self {
        Self {
            text: text.into(),
            operator: Operator::None,
            cost,
        }
    }

    pub(crate) fn constant(value: bool) -> Self {
        Self::new(value.to_string(), 0)
    }

    pub(crate) fn is(&self, value: bool) -> bool {
        self.text == if value { "true" } else { "false" }
    }

    pub(crate) fn any(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(conditions, Operator::Or)
    }

    pub(crate) fn all(conditions: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(conditions, Operator::And)
    }

    fn joined(conditions: impl IntoIterator<Item = Self>, operator: Operator) -> Self {
        // What decides it alone.
        let decisive = operator == Operator::Or;
        let mut parts = Vec::new();
        for condition in conditions {
            if condition.is(decisive) {
                return condition;
            }
            if !condition.is(!decisive) {
                parts.push(condition);
            }
        }
        match parts.len() {
            0 => return Self::constant(!decisive),
            1 => return parts.remove(0),
            _ => {}
        }
        let separator = if decisive { " || " } else { " && " };
        let texts: Vec<String> = parts.iter().map(|part| part.within(operator)).collect();
        let costs = parts.iter().map(|part| part.cost);
        Self {
            text: texts.join(separator),
            operator,
            cost: costs.fold(parts.len() as u64, u64::saturating_add),
        }
    }

    pub(crate) fn not(self) -> Self {
        if self.is(true) || self.is(false) {
            return Self::constant(self.is(false));
        }
        if let Some(rest) = self.text.strip_prefix('!')
            && self.operator == Operator::None
        {
            return Self::new(rest, self.cost);
        }
        // `a == b` binds less than `!`.
        let is_one = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
        let is_call =
            self.text.ends_with(')') && !self.text.contains(" == ") && !self.text.contains(" in ");
        let text = if self.operator == Operator::None && (self.text.chars().all(is_one) || is_call)
        {
            format!("!{}", self.text)
        } else {
            format!("!({})", self.text)
        };
        Self::new(text, self.cost + 1)
    }

    /// The text as a part of a condition with another operator.
    fn within(&self, operator: Operator) -> String {
        if self.operator == Operator::None || self.operator == operator {
            self.text.clone()
        } else {
            format!("({})", self.text)
        }
    }

    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_what_it_was() {
        for (text, literal) in [
            ("nginx", "'nginx'"),
            (r"^a\.b$", r"r'^a\.b$'"),
            (r"it's \ ", r"'it\'s \\ '"),
            ("a\nb", r"'a\nb'"),
            ("a\u{202e}b", r"'a\U0000202eb'"),
            ("镜像", "'镜像'"),
        ] {
            assert_eq!(string(text), literal);
        }
    }

    #[test]
    fn conditions_are_joined_with_as_few_parentheses_as_they_need() {
        let a = || Condition::new("a", 1);
        let b = || Condition::new("b", 1);
        let yes = || Condition::constant(true);
        for (condition, text) in [
            (Condition::any([a(), b()]), "a || b"),
            (
                Condition::all([Condition::any([a(), b()]), a()]),
                "(a || b) && a",
            ),
            (
                Condition::any([Condition::all([a(), b()]), a()]),
                "(a && b) || a",
            ),
            (Condition::all([a(), yes()]), "a"),
            (Condition::any([a(), yes()]), "true"),
            (Condition::any([]), "false"),
            (Condition::all([]), "true"),
            (a().not(), "!a"),
            (a().not().not(), "a"),
            (Condition::new("a == b", 1).not(), "!(a == b)"),
            (Condition::new("f(a) == g(b)", 1).not(), "!(f(a) == g(b))"),
            (Condition::any([a(), b()]).not(), "!(a || b)"),
            (yes().not(), "false"),
        ] {
            assert_eq!(condition.to_string(), text);
        }
    }
}
