//! A document as a tree of its values, before aliases and merge keys mean anything.

use std::{borrow::Cow, collections::HashMap};

use super::event::Told;

/// A value, by its number in the tree.
pub(super) type Id = usize;

/// The values of a document.
#[derive(Debug, Default)]
pub(super) struct Tree<'t> {
    nodes: Vec<Node<'t>>,
}

#[derive(Debug)]
pub(super) struct Node<'t> {
    /// Where it begins in the text.
    pub(super) at: usize,
    pub(super) tag: Option<String>,
    pub(super) kind: Kind<'t>,
}

#[derive(Debug)]
pub(super) enum Kind<'t> {
    Scalar {
        text: Cow<'t, str>,
        is_plain: bool,
    },
    /// What is at an anchor; `None` where that is still open.
    Alias(Option<Id>),
    List(Vec<Id>),
    Mapping(Vec<(Id, Id)>),
}

impl<'t> Tree<'t> {
    pub(super) fn nodes(&self) -> &[Node<'t>] {
        &self.nodes
    }

    pub(super) fn node(&self, id: Id) -> &Node<'t> {
        &self.nodes[id]
    }

    /// What is at an alias, or the value itself.
    pub(super) fn target(&self, id: Id) -> Option<Id> {
        match self.node(id).kind {
            Kind::Alias(target) => target,
            _ => Some(id),
        }
    }
}

/// Makes a tree of events.
#[derive(Default)]
pub(super) struct Builder<'t> {
    tree: Tree<'t>,
    /// The lists and mappings that are open, and the key that waits for its value.
    open: Vec<(Id, Option<Id>)>,
    /// The values at the anchors that are whole, and at those that are open.
    anchors: HashMap<usize, Id>,
    open_anchors: Vec<(Id, usize)>,
}

impl<'t> Builder<'t> {
    pub(super) fn add(&mut self, told: Told<'t>, at: usize) {
        let (kind, tag, anchor) = match told {
            Told::Document | Told::DocumentEnd => return,
            Told::End => {
                if let Some((id, _)) = self.open.pop() {
                    let anchor = self.open_anchors.pop_if(|(open, _)| *open == id);
                    self.anchors.extend(anchor.map(|(id, anchor)| (anchor, id)));
                }
                return;
            }
            Told::Alias(anchor) => (Kind::Alias(self.anchors.get(&anchor).copied()), None, 0),
            Told::Scalar {
                value,
                is_plain,
                anchor,
                tag,
            } => (
                Kind::Scalar {
                    text: value,
                    is_plain,
                },
                tag,
                anchor,
            ),
            Told::Sequence { anchor, tag } => (Kind::List(Vec::new()), tag, anchor),
            Told::Mapping { anchor, tag } => (Kind::Mapping(Vec::new()), tag, anchor),
        };
        let id = self.tree.nodes.len();
        if let Some((parent, key)) = self.open.last_mut() {
            match &mut self.tree.nodes[*parent].kind {
                Kind::List(items) => items.push(id),
                Kind::Mapping(entries) => match key.take() {
                    Some(key) => entries.push((key, id)),
                    None => *key = Some(id),
                },
                Kind::Scalar { .. } | Kind::Alias(_) => {}
            }
        }
        match kind {
            Kind::List(_) | Kind::Mapping(_) => {
                self.open.push((id, None));
                if anchor > 0 {
                    self.open_anchors.push((id, anchor));
                }
            }
            Kind::Scalar { .. } | Kind::Alias(_) if anchor > 0 => {
                self.anchors.insert(anchor, id);
            }
            Kind::Scalar { .. } | Kind::Alias(_) => {}
        }
        self.tree.nodes.push(Node { at, tag, kind });
    }

    /// The tree; `None` of a text that holds no value.
    pub(super) fn finish(self) -> Option<Tree<'t>> {
        (!self.tree.nodes.is_empty()).then_some(self.tree)
    }
}
