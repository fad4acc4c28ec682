//! Holds that each folder is a ladder: no circle among the modules of a crate, and none among crates.
//!
//! # What a circle is
//!
//! A *folder* is a module that has modules in it; the crate's root is one. Its *rungs* are those modules,
//! each with all that is in it, and one more: the folder's own file, which is what stands in `name.rs`
//! (or `lib.rs`) itself.
//!
//! A rung *imports* another if code in it names an item of the other: by `use`, by a path in an
//! expression, a type or a macro, or by a path in an attribute. What counts is the module that defines
//! the item. A name that is re-exported on its way is followed to where it comes from.
//!
//! A *circle* is a way along imports from a rung back to itself. In a folder without a circle, the rungs
//! can be put in an order in which each one imports only from rungs below it.
//!
//! The folder's own file is a rung like the others, and may stand on any height:
//!
//! - **At the bottom**, it holds what the children share. They import from it, and it uses none of them:
//!   `Error` in `servers.rs`, which all of `servers/` returns.
//! - **At the top**, it puts the children together. It imports from them, and none imports from it.
//! - Both at once is a circle. What the children share then needs a file of its own.
//!
//! Three things are no imports, since they use nothing:
//!
//! - `mod child;`
//! - a re-export of what the folder's own children have, `pub use child::Thing`. The folder may show
//!   them. If the folder's own file also uses `Thing`, that use is an import;
//! - the name of a module alone, `use crate::quote;`. What is then named in it, `quote::name`, is one.
//!
//! Modules and functions that only tests are compiled with don't count. Those of all platforms and all
//! features do.
//!
//! # What is not seen
//!
//! A call of a method names no module, so it is no import here; the `use` or the path that its value came
//! from is. Names that a macro makes are taken for items of the module that the path names.

mod code;
mod crates;
mod ladder;
mod names;
mod tree;

use std::{fs, path::Path};

use self::{
    ladder::{Rung, Step},
    tree::{ReadFile, Tree},
};
use crate::{error::Error, workspace::Workspace};

/// Prints all circles, and all arrows between crates that point up. An error if there are any.
pub(crate) fn check(_: &[String]) -> Result<(), Error> {
    let workspace = Workspace::load()?;
    let mut count = 0;
    for target in workspace.all_targets()? {
        let read_file = |file: &Path| fs::read_to_string(workspace.root().join(file));
        let circles = circles(&target.root, &read_file)?;
        if !circles.is_empty() {
            println!("{}:", target.root.display());
        }
        for circle in &circles {
            println!("{circle}");
        }
        count += circles.len();
    }
    let arrows = crates::upward(&workspace.all_packages()?);
    for arrow in &arrows {
        println!("{arrow}");
    }
    match (count, arrows.len()) {
        (0, 0) => Ok(()),
        (circles, arrows) => Err(format!(
            "{circles} circles among modules and {arrows} arrows between crates that don't point down; `xtask/src/circles.rs` says what a circle is"
        )
        .into()),
    }
}

/// The circles of the crate that begins with this file, as text.
fn circles(root: &Path, read_file: &ReadFile<'_>) -> Result<Vec<String>, Error> {
    let tree = Tree::read(root, read_file)?;
    let circles = ladder::circles(&tree);
    Ok(circles.iter().map(|circle| show(&tree, circle)).collect())
}

fn show(tree: &Tree, circle: &[Step]) -> String {
    let name = |rung| match rung {
        Rung::Child(module) => tree.modules[module].path.clone(),
        Rung::Own(module) => format!("{} (its own file)", tree.modules[module].path),
    };
    let next = circle.iter().cycle().skip(1);
    let lines = circle.iter().zip(next).map(|(step, next)| {
        let (from, to) = (name(step.rung), name(next.rung));
        format!("\n    {from} imports {to} at {}", step.site)
    });
    let mut names: Vec<_> = circle.iter().map(|step| name(step.rung)).collect();
    names.extend(names.first().cloned());
    format!("  {}{}", names.join(" → "), lines.collect::<String>())
}

#[cfg(test)]
mod tests;
