//! Holds that each folder is a ladder: no circle among the modules of a crate, and none among crates.
//!
//! # What a circle is
//!
//! A *folder* is a module with child modules. The crate's root is one. The *rungs* of a folder are its
//! children, each with all modules in it, and the folder's own file: the items that `name.rs` (or `lib.rs`)
//! itself defines.
//!
//! A rung *imports* another rung if its code names an item of the other: by `use`, or by a path in an
//! expression, a type, a macro or an attribute. The module that defines the item counts. So a re-exported
//! name is followed to its definition.
//!
//! A *circle* is a chain of imports from a rung back to itself. Without a circle, the rungs of a folder have
//! an order in which each rung imports only from rungs below it.
//!
//! The folder's own file is a rung like the others:
//!
//! - **It may be the lowest.** It defines what the children share. They import from it, and it imports from
//!   none of them. Example: `Error` in `servers.rs`, which all of `servers/` returns.
//! - **It may be the highest.** It combines the children. It imports from them, and none imports from it.
//! - **It may not be both.** If one child imports from it and it imports from that child, that is a circle.
//!   Move what the child needs to a file of its own, or the function that uses the child into the child:
//!   an `impl` block may be in another file than its type.
//!
//! Three things are not imports:
//!
//! - `mod child;`
//! - a re-export of the folder's own children, such as `pub use child::Thing`. If the folder's own file also
//!   uses `Thing`, that use is an import.
//! - the name of a module alone, such as `use crate::quote;`. A path through it, such as `quote::name`, is an
//!   import.
//!
//! Code that is compiled only for tests does not count. Code for any platform or feature does.
//!
//! # Limits
//!
//! A method call names no module, so it is not an import. The `use` or the path that gave its receiver is
//! one. A name that a macro defines counts as an item of the module in its path.

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
            "{circles} circles among modules and {arrows} arrows between crates that don't point down; xtask/src/circles.rs defines what a circle is"
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
