//! Makes the changes that a policy declares, in texts of any syntax.

use imagereview_core::ImagePolicy;
use serde_json::value::RawValue;

use super::{fixed_text::Fix, writer::Writer};
use crate::input::{Source, Syntax, yaml};

/// Makes the changes that a policy declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fixer<'p> {
    /// `None` if it declares none.
    policy: Option<&'p ImagePolicy>,
    is_dry: bool,
}

impl<'p> Fixer<'p> {
    pub(crate) fn new(policy: Option<&'p ImagePolicy>) -> Self {
        Self {
            policy: policy.filter(|policy| policy.has_mutations()),
            is_dry: false,
        }
    }

    /// The changes are only to be shown.
    pub(crate) fn dry(self) -> Self {
        Self {
            is_dry: true,
            ..self
        }
    }

    /// Whether the changes are only to be shown, so that texts are reviewed as they stand.
    pub(crate) fn is_dry(self) -> bool {
        self.is_dry
    }

    /// Whether there is nothing that it could change.
    pub(crate) fn is_idle(self) -> bool {
        self.policy.is_none()
    }

    /// Makes the changes in all objects that a text holds. What cannot be read stays as it is.
    pub(crate) fn fix(self, source: &Source, text: &str, syntax: Syntax) -> Fix {
        let mut fix = Fix::new(source.clone(), text);
        let mut copied = 0;
        let mut visit = |policy, start: usize, document: &str| {
            fix.after.push_str(&text[copied..start]);
            copied = start + document.len();
            let writer = Writer {
                policy,
                is_json: syntax == Syntax::Json,
                line_break: first_line_break(text),
            };
            fix.add(start, document, writer.write(document));
        };
        match (syntax, self.policy) {
            // What mutations change are Kubernetes objects.
            (Syntax::Dockerfile, _) | (_, None) => {}
            (Syntax::Yaml, Some(policy)) => {
                for range in yaml::documents(text) {
                    visit(policy, range.start, &text[range]);
                }
            }
            (Syntax::Json, Some(policy)) => {
                let documents = serde_json::Deserializer::from_str(text);
                let mut documents = documents.into_iter::<&RawValue>();
                while let Some(Ok(document)) = documents.next() {
                    let document = document.get();
                    visit(policy, documents.byte_offset() - document.len(), document);
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
