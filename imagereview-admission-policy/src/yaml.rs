//! Objects as YAML that people read: with comments, and expressions in lines of their own.

use std::fmt::Write as _;

use crate::object::{Named, ResourceRule, ValidatingPolicy};

/// The longest line of a comment.
const LINE: usize = 110;

/// Writes YAML line by line.
#[derive(Default)]
pub(crate) struct Yaml {
    text: String,
}

impl Yaml {
    pub(crate) fn finish(self) -> String {
        self.text
    }

    /// A line at a depth.
    pub(crate) fn line(&mut self, depth: usize, text: &str) {
        self.indent(depth);
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn indent(&mut self, depth: usize) {
        for _ in 0..depth {
            self.text.push_str("  ");
        }
    }

    /// A comment, in lines that are not too long.
    pub(crate) fn comment(&mut self, depth: usize, text: &str) {
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split(' ') {
                if !line.is_empty() && line.len() + word.len() + 2 * depth > LINE {
                    self.line(depth, &format!("# {line}"));
                    line.clear();
                }
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(word);
            }
            self.line(depth, format!("# {line}").trim_end());
        }
    }

    /// A field with a text.
    pub(crate) fn field(&mut self, depth: usize, name: &str, text: &str) {
        if text.contains('\n') {
            self.line(depth, &format!("{name}: |-"));
            let depth = depth + 1 + usize::from(name.starts_with("- "));
            for line in text.lines() {
                self.line(depth, line);
            }
        } else {
            self.line(depth, &format!("{name}: {}", scalar(text)));
        }
    }

    pub(crate) fn list<T: AsRef<str>>(&mut self, depth: usize, name: &str, texts: &[T]) {
        let texts: Vec<String> = texts.iter().map(|text| scalar(text.as_ref())).collect();
        self.line(depth, &format!("{name}: [{}]", texts.join(", ")));
    }

    pub(crate) fn named(&mut self, depth: usize, name: &str, all: &[Named]) {
        if all.is_empty() {
            return;
        }
        self.line(depth, &format!("{name}:"));
        for one in all {
            if !one.comment.is_empty() {
                self.comment(depth + 1, &one.comment);
            }
            self.field(depth + 1, "- name", &one.name);
            self.field(depth + 2, "expression", &one.expression);
        }
    }

    pub(crate) fn resource_rules(&mut self, depth: usize, rules: &[ResourceRule]) {
        self.line(depth, "matchConstraints:");
        self.line(depth + 1, "resourceRules:");
        for rule in rules {
            self.list(depth + 2, "- apiGroups", &rule.api_groups);
            self.list(depth + 3, "apiVersions", &rule.api_versions);
            self.list(depth + 3, "resources", &rule.resources);
            self.list(depth + 3, "operations", &rule.operations);
        }
    }
}

/// A text as a scalar on one line. JSON's strings are YAML's too.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_other = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&text.to_ascii_lowercase().as_str());
    if begins && text.chars().all(is_word) && !is_other {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            c if c.is_control()
                || matches!(u32::from(c), 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff) =>
            {
                // Writing to a string cannot fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

impl ValidatingPolicy {
    /// The policy and its binding as YAML, two documents.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        let mut yaml = Yaml::default();
        yaml.comment(0, &self.comment);
        yaml.line(0, "apiVersion: admissionregistration.k8s.io/v1");
        yaml.line(0, "kind: ValidatingAdmissionPolicy");
        yaml.line(0, "metadata:");
        yaml.field(1, "name", &self.name);
        yaml.line(0, "spec:");
        let failure_policy = if self.fails_closed { "Fail" } else { "Ignore" };
        yaml.field(1, "failurePolicy", failure_policy);
        yaml.resource_rules(1, &self.resource_rules);
        yaml.named(1, "matchConditions", &self.match_conditions);
        yaml.named(1, "variables", &self.variables);
        yaml.line(1, "validations:");
        for validation in &self.validations {
            if !validation.comment.is_empty() {
                yaml.comment(2, &validation.comment);
            }
            yaml.field(2, "- expression", &validation.expression);
            yaml.field(3, "messageExpression", &validation.message_expression);
            yaml.field(3, "message", &validation.message);
            yaml.field(3, "reason", validation.reason);
        }
        yaml.line(1, "auditAnnotations:");
        for annotation in &self.audit_annotations {
            yaml.field(2, "- key", annotation.key);
            yaml.field(3, "valueExpression", &annotation.value_expression);
        }
        yaml.line(0, "---");
        yaml.line(0, "apiVersion: admissionregistration.k8s.io/v1");
        yaml.line(0, "kind: ValidatingAdmissionPolicyBinding");
        yaml.line(0, "metadata:");
        yaml.field(1, "name", &self.name);
        yaml.line(0, "spec:");
        yaml.field(1, "policyName", &self.name);
        let actions: Vec<String> = self
            .actions
            .iter()
            .map(|action| format!("{action:?}"))
            .collect();
        yaml.list(1, "validationActions", &actions);
        yaml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_is_read_as_what_it_was() {
        for (text, written) in [
            ("nginx", "nginx"),
            ("true", "\"true\""),
            ("1.30", "\"1.30\""),
            ("a: b", "\"a: b\""),
            (r#"say "\""#, r#""say \"\\\"""#),
            ("*", "\"*\""),
            ("a\u{202e}b", "\"a\\u202eb\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }
}
