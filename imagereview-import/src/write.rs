//! Documents of ours as text.

use std::fmt::Write as _;

use imagereview_core::{
    Mode,
    document::{API_VERSION, KIND},
};

use crate::{
    draft::{Authority, Checks, DigestCheck, Document, Exemption, Mutations, Names, Rule, Scope},
    samples::Case,
};

/// Lines of YAML, indented.
#[derive(Default)]
struct Lines {
    text: String,
    depth: usize,
    /// Whether the next line begins an item of a list.
    item: bool,
}

impl Lines {
    fn line(&mut self, line: &str) {
        let indent = if self.item {
            self.depth - 1
        } else {
            self.depth
        };
        self.text.push_str(&"  ".repeat(indent));
        if self.item {
            self.text.push_str("- ");
            self.item = false;
        }
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn comment(&mut self, text: &str) {
        // A comment goes before its item.
        let indent = if self.item {
            self.depth - 1
        } else {
            self.depth
        };
        for line in text.lines() {
            let shown: String = line.chars().map(printable).collect();
            self.text.push_str(&"  ".repeat(indent));
            self.text.push_str("# ");
            self.text.push_str(&shown);
            self.text.push('\n');
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        self.line(&format!("{name}: {value}"));
    }

    fn list(&mut self, name: &str, values: &[String]) {
        if !values.is_empty() {
            let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
            self.field(name, &format!("[{}]", values.join(", ")));
        }
    }

    fn map(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        self.line(&format!("{name}:"));
        self.depth += 1;
        write(self);
        self.depth -= 1;
    }

    fn items<T>(&mut self, name: &str, items: &[T], mut write: impl FnMut(&mut Self, &T)) {
        if items.is_empty() {
            return;
        }
        self.line(&format!("{name}:"));
        self.depth += 2;
        for item in items {
            self.item = true;
            write(self, item);
        }
        self.depth -= 2;
    }
}

/// A control character would end a comment, or change how it is shown.
fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

/// A text as a scalar of YAML.
pub(crate) fn quoted(text: &str) -> String {
    let is_plain = text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-./".contains(c))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text);
    if is_plain {
        return text.to_owned();
    }
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || c == '\u{feff}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

pub(crate) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Warn => "warn",
        Mode::Audit => "audit",
    }
}

/// The documents, one after another.
pub(crate) fn documents(documents: &[Document]) -> String {
    let texts: Vec<_> = documents.iter().map(document).collect();
    texts.join("---\n")
}

fn document(document: &Document) -> String {
    let mut lines = Lines::default();
    lines.comment(&document.origin);
    lines.field("apiVersion", API_VERSION);
    lines.field("kind", KIND);
    lines.map("metadata", |lines| {
        lines.field("name", &quoted(&document.name));
    });
    if document.mode != Mode::Enforce {
        lines.field("mode", mode_name(document.mode));
    }
    scope(&mut lines, &document.scope, &Checks::default());
    mutations(&mut lines, &document.mutations);
    lines.items("rules", &document.rules, |lines, one| {
        rule(lines, one, document.mode);
    });
    lines.items("exemptions", &document.exemptions, exemption);
    lines.text
}

fn rule(lines: &mut Lines, rule: &Rule, document: Mode) {
    lines.comment(&rule.origin);
    for note in &rule.checks.notes {
        lines.comment(note);
    }
    lines.field("name", &quoted(&rule.name));
    if rule.mode != document {
        lines.field("mode", mode_name(rule.mode));
    }
    if let Some(message) = &rule.message {
        lines.field("message", &quoted(message));
    }
    let checks = &rule.checks;
    scope(lines, &rule.scope, checks);
    if !checks.tags.is_empty() {
        lines.map("tags", |lines| {
            lines.list("allow", &checks.tags.allowed);
            lines.list("deny", &checks.tags.denied);
            if checks.tags.deny_missing {
                lines.field("missing", "deny");
            }
            if checks.tags.check_pinned {
                lines.field("pinned", "check");
            }
        });
    }
    match &checks.digest {
        DigestCheck::None => {}
        DigestCheck::Required => lines.field("digest", "{}"),
        DigestCheck::Algorithm(algorithm) => {
            lines.field("digest", &format!("{{algorithms: [{algorithm}]}}"));
        }
    }
    let (mut registries, mut repositories) = (Names::default(), Names::default());
    split(
        &checks.repositories_allowed,
        &mut registries.include,
        &mut repositories.include,
    );
    split(
        &checks.repositories_denied,
        &mut registries.exclude,
        &mut repositories.exclude,
    );
    for (name, lists) in [("registries", registries), ("repositories", repositories)] {
        if !lists.is_empty() {
            lines.map(name, |lines| {
                lines.list("allow", &lists.include);
                lines.list("deny", &lists.exclude);
            });
        }
    }
    if checks.max_images {
        lines.field("maxImages", "10000");
    }
    if !checks.facts.is_empty() {
        lines.map("facts", |lines| {
            for line in &checks.facts {
                lines.line(line);
            }
        });
    }
    if let Some(signed) = &checks.signed {
        lines.map("signed", |lines| {
            lines.map("by", |lines| authority(lines, &signed.by));
            if let Some(repository) = &signed.repository {
                lines.field("repository", &quoted(repository));
            }
        });
    }
    if let Some(expression) = &checks.expression {
        lines.line("expression: >-");
        lines.depth += 1;
        lines.line(expression);
        lines.depth -= 1;
    }
}

fn authority(lines: &mut Lines, authority: &Authority) {
    let list = |lines: &mut Lines, name: &str, all: &[Authority]| {
        lines.items(name, all, self::authority);
    };
    let pem = |lines: &mut Lines, name: &str, text: &str| {
        lines.map(name, |lines| {
            lines.line("pem: |");
            lines.depth += 1;
            for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
                lines.line(line);
            }
            lines.depth -= 1;
        });
    };
    match authority {
        Authority::Key(text) => pem(lines, "key", text),
        Authority::Notation(text) => pem(lines, "notation", text),
        Authority::Keyless {
            issuer,
            subject,
            trusted_root,
        } => lines.map("keyless", |lines| {
            lines.field("issuer", &quoted(issuer));
            lines.field("subject", &quoted(subject));
            lines.field("trustedRoot", &quoted(trusted_root));
        }),
        Authority::AnyOf(all) => list(lines, "anyOf", all),
        Authority::AllOf(all) => list(lines, "allOf", all),
        Authority::AtLeast(count, all) => {
            lines.field("atLeast", &count.to_string());
            list(lines, "of", all);
        }
        Authority::Static(passes) => {
            lines.field("static", if *passes { "pass" } else { "deny" });
        }
    }
}

/// Whole registries are patterns over registries, if all are.
fn split(patterns: &[String], registries: &mut Vec<String>, repositories: &mut Vec<String>) {
    let host = |pattern: &String| {
        let host = pattern.strip_suffix("/**")?;
        (!host.contains('/') && crate::meaning::names_host(host)).then(|| host.to_owned())
    };
    match patterns.iter().map(host).collect::<Option<Vec<_>>>() {
        Some(hosts) => registries.extend(hosts),
        None => repositories.extend_from_slice(patterns),
    }
}

fn scope(lines: &mut Lines, scope: &Scope, checks: &Checks) {
    let containers: Vec<_> = scope
        .containers
        .iter()
        .map(|&name| name.to_owned())
        .collect();
    let images = Names {
        include: checks.images.clone(),
        exclude: checks.images_excluded.clone(),
    };
    let names = [
        ("namespaces", &scope.namespaces),
        ("images", &images),
        ("users", &scope.users),
        ("groups", &scope.groups),
        ("serviceAccounts", &scope.service_accounts),
    ];
    if containers.is_empty() && names.iter().all(|(_, names)| names.is_empty()) {
        return;
    }
    lines.map("scope", |lines| {
        for (name, lists) in names {
            if !lists.is_empty() {
                lines.map(name, |lines| {
                    lines.list("include", &lists.include);
                    lines.list("exclude", &lists.exclude);
                });
            }
        }
        lines.list("containers", &containers);
    });
}

fn exemption(lines: &mut Lines, exemption: &Exemption) {
    lines.comment(&exemption.origin);
    lines.field("name", &quoted(&exemption.name));
    lines.field("reason", &quoted(&exemption.reason));
    lines.list("rules", &exemption.rules);
    lines.list("images", &exemption.images);
    lines.list("namespaces", &exemption.namespaces);
}

fn mutations(lines: &mut Lines, mutations: &Mutations) {
    if mutations.is_empty() {
        return;
    }
    lines.map("mutations", |lines| {
        lines.comment(&mutations.origin);
        lines.items("mirrors", &mutations.mirrors, |lines, (from, to)| {
            lines.field("from", &quoted(from));
            lines.field("to", &quoted(to));
        });
        lines.items(
            "pinDigests",
            &mutations.pin_digests,
            |lines, repositories| {
                lines.field("repositories", &quoted(repositories));
            },
        );
        lines.items(
            "pullPolicies",
            &mutations.pull_policies,
            |lines, (tags, policy)| {
                lines.list("tags", tags);
                lines.field("policy", policy);
            },
        );
        lines.items(
            "pullSecrets",
            &mutations.pull_secrets,
            |lines, (repositories, secret)| {
                lines.field("repositories", &quoted(repositories));
                lines.field("secret", &quoted(secret));
            },
        );
    });
}

/// Test cases for the documents, which are in a file of this name.
pub(crate) fn tests(policy: &str, cases: &[Case]) -> String {
    let mut lines = Lines::default();
    lines.field("policy", &quoted(policy));
    lines.items("tests", cases, |lines, case| {
        lines.field("name", &quoted(&case.name));
        lines.field("images", &format!("[{}]", quoted(&case.image)));
        if let Some(namespace) = &case.namespace {
            lines.field("namespace", &quoted(namespace));
        }
        if let Some(container) = case.container {
            lines.field("container", container);
        }
        let expect = if case.is_allowed { "allowed" } else { "denied" };
        lines.field("expect", expect);
        let rules: Vec<_> = case.rules.iter().map(|rule| quoted(rule)).collect();
        lines.field("rules", &format!("[{}]", rules.join(", ")));
    });
    lines.text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_yaml_reads_as_another_type_are_quoted() {
        for (text, expected) in [
            ("registry.example.com/team", "registry.example.com/team"),
            ("*.example.com/**", "\"*.example.com/**\""),
            ("1.20", "\"1.20\""),
            ("no", "\"no\""),
            ("a: b # c", "\"a: b # c\""),
            ("say \"no\"\\\n", "\"say \\\"no\\\"\\\\\\n\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
