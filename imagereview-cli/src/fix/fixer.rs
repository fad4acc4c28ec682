//! Makes the changes that a policy declares, in texts of any syntax.

use std::collections::BTreeMap;

use imagereview_core::{
    ImagePolicy,
    facts::{Facts, Needs},
};

use super::{dockerfile::write_dockerfile, fixed_text::Fix, pins, writer::Writer};
use crate::input::{
    Source, Syntax,
    documents::{Document, Documents},
};

/// Makes the changes that a policy declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixer<'p> {
    /// `None` if it declares none.
    policy: Option<&'p ImagePolicy>,
    facts: Option<&'p Facts>,
    is_dry: bool,
}

impl<'p> Fixer<'p> {
    pub(crate) fn new(policy: Option<&'p ImagePolicy>) -> Self {
        Self {
            policy: policy.filter(|policy| policy.has_mutations()),
            facts: None,
            is_dry: false,
        }
    }

    /// Changes are made with what is known of images.
    pub(crate) fn with_facts(self, facts: &'p Facts) -> Self {
        Self {
            facts: Some(facts),
            ..self
        }
    }

    /// What is needed to know for the changes in a text.
    pub(crate) fn needs(
        self,
        text: &str,
        syntax: Syntax,
        variables: &BTreeMap<String, String>,
    ) -> Needs {
        let mut needs = Needs::new();
        match (syntax, self.policy) {
            (_, None) => {}
            (Syntax::Dockerfile, Some(policy)) => {
                pins::needs_of_dockerfile(policy, text, variables, &mut needs);
            }
            (_, Some(policy)) => {
                for document in Documents::of(text, syntax, 0).documents {
                    let (is_json, text) = (document.is_json, &text[document.range]);
                    pins::needs_of_document(policy, text, is_json, variables, &mut needs);
                }
            }
        }
        needs
    }

    /// The changes are only to be shown.
    pub(crate) fn dry(self) -> Self {
        Self {
            is_dry: true,
            ..self
        }
    }

    /// Whether the changes are only to be shown, so that texts are reviewed as they are.
    pub(crate) fn is_dry(self) -> bool {
        self.is_dry
    }

    /// Whether there is nothing that it could change.
    pub(crate) fn is_idle(self) -> bool {
        self.policy.is_none()
    }

    /// Makes the changes in all objects that a text holds. What cannot be read stays as it is.
    pub(crate) fn fix(
        self,
        source: &Source,
        text: &str,
        syntax: Syntax,
        variables: &BTreeMap<String, String>,
    ) -> Fix {
        let none = Facts::new();
        let facts = self.facts.unwrap_or(&none);
        let mut fix = Fix::new(source.clone(), text);
        let mut copied = 0;
        let mut visit = |policy, document: &Document| {
            let range = document.range.clone();
            fix.after.push_str(&text[copied..range.start]);
            copied = range.end;
            let writer = Writer {
                policy,
                facts,
                variables,
                is_json: document.is_json,
                line_break: first_line_break(text),
            };
            let text = &text[range.clone()];
            fix.add(range.start, text, writer.write(text));
        };
        match (syntax, self.policy) {
            (_, None) => {}
            (Syntax::Dockerfile, Some(policy)) => {
                let written = write_dockerfile(policy, facts, text, variables);
                fix.add(0, text, written);
                return fix;
            }
            (_, Some(policy)) => {
                for document in Documents::of(text, syntax, 0).documents {
                    visit(policy, &document);
                }
            }
        }
        fix.after.push_str(&text[copied..]);
        fix
    }
}

fn first_line_break(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}
