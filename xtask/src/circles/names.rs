//! Finds the module that a path leads to.

use super::tree::{Id, ROOT, Tree};

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Module(Id),
    /// Something that is defined in this module, such as a type or a function.
    Item(Id),
}

/// How many imports lead from a name to what it stands for, at most. Imports may form a loop.
const DEPTH: usize = 32;

/// What a path in the code of `from` leads to; `None` if that is outside the crate or unknown.
pub(super) fn resolve(tree: &Tree, from: Id, path: &[String]) -> Option<Target> {
    follow(tree, from, path, DEPTH)
}

/// The module that defines a macro which the code of `from` calls by a single name.
pub(super) fn resolve_macro(tree: &Tree, from: Id, name: &str) -> Option<Target> {
    let defines = |id: &Id| tree.modules[*id].code.macros.contains(name);
    look_up(tree, from, name, DEPTH).or_else(|| {
        // `macro_rules!` is in scope by where it stands, unless its own module defines one of that name.
        (0..tree.modules.len()).find(defines).map(Target::Item)
    })
}

fn follow(tree: &Tree, from: Id, path: &[String], depth: usize) -> Option<Target> {
    let depth = depth.checked_sub(1)?;
    let (first, rest) = path.split_first()?;
    let mut target = match first.as_str() {
        "crate" => Target::Module(ROOT),
        "self" => Target::Module(from),
        "super" => Target::Module(tree.modules[from].parent?),
        name => look_up(tree, from, name, depth)?,
    };
    for name in rest {
        let Target::Module(module) = target else {
            // What follows is a variant, an associated function or the like.
            break;
        };
        target = match name.as_str() {
            "self" => target,
            "super" => Target::Module(tree.modules[module].parent?),
            // What is not found there may be made by a macro.
            name => look_up(tree, module, name, depth).unwrap_or(Target::Item(module)),
        };
    }
    Some(target)
}

fn look_up(tree: &Tree, module: Id, name: &str, depth: usize) -> Option<Target> {
    let here = &tree.modules[module];
    if let Some(&child) = here.children.get(name) {
        return Some(Target::Module(child));
    }
    if here.code.defined.contains(name) || here.code.macros.contains(name) {
        return Some(Target::Item(module));
    }
    let imports = &here.code.imports;
    let named = imports
        .iter()
        .filter(|import| import.name.as_deref() == Some(name));
    for import in named {
        if let Some(target) = follow(tree, module, &import.path, depth) {
            return Some(target);
        }
    }
    let depth = depth.checked_sub(1)?;
    imports
        .iter()
        .filter(|import| import.name.is_none())
        .find_map(|import| match follow(tree, module, &import.path, depth)? {
            Target::Module(other) if other != module => look_up(tree, other, name, depth),
            _ => None,
        })
}
