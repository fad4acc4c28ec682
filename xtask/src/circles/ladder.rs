//! The rungs of each folder, and the circles among them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{
    code::Site,
    names::{self, Target},
    tree::{Id, Tree},
};

/// What imports and is imported within one folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rung {
    /// What stands in the folder's own file.
    Own(Id),
    /// A child, with all that is in it.
    Child(Id),
}

/// One rung of a circle, and where it imports the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step {
    pub(super) rung: Rung,
    pub(super) site: Site,
}

/// The imports among the rungs of one folder, each with its first place.
type Imports = BTreeMap<(Rung, Rung), Site>;

/// All circles of a crate: for each import that is part of one, the shortest.
pub(super) fn circles(tree: &Tree) -> Vec<Vec<Step>> {
    let mut folders: BTreeMap<Id, Imports> = BTreeMap::new();
    for from in 0..tree.modules.len() {
        for (to, site) in imports(tree, from) {
            let (folder, edge) = edge(tree, from, to);
            let first = folders.entry(folder).or_default().entry(edge);
            first
                .and_modify(|known| *known = known.clone().min(site.clone()))
                .or_insert(site);
        }
    }
    let circles = folders.values().flat_map(|imports| {
        let found: BTreeSet<_> = imports
            .keys()
            .filter_map(|&edge| shortest_circle(imports, edge))
            .collect();
        found.into_iter().map(|rungs| steps(imports, &rungs))
    });
    circles.collect()
}

/// The other modules whose items this module's own code imports or names.
fn imports(tree: &Tree, from: Id) -> Vec<(Id, Site)> {
    let code = &tree.modules[from].code;
    let mut found = Vec::new();
    for import in &code.imports {
        let target = names::resolve(tree, from, &import.path);
        let to = match target {
            Some(Target::Item(to)) => to,
            // The name of a module alone takes nothing from it, but all its names do.
            Some(Target::Module(to)) if import.name.is_none() => to,
            _ => continue,
        };
        // A folder may show what its children have.
        if !(import.is_reexport && tree.is_within(to, from)) {
            found.push((to, import.site.clone()));
        }
    }
    for mention in &code.mentions {
        let target = match mention.path.as_slice() {
            [name] if mention.is_macro => names::resolve_macro(tree, from, name),
            path => names::resolve(tree, from, path),
        };
        if let Some(Target::Item(to)) = target {
            found.push((to, mention.site.clone()));
        }
    }
    found.retain(|(to, _)| *to != from);
    found
}

/// The lowest folder that holds both modules, and the rungs of it that they belong to.
fn edge(tree: &Tree, from: Id, to: Id) -> (Id, (Rung, Rung)) {
    let above: Vec<Id> = tree.ancestors(from).collect();
    let folder = tree
        .ancestors(to)
        .find(|module| above.contains(module))
        .expect("the root is above all");
    let rung = |module: Id| {
        let child = tree
            .ancestors(module)
            .find(|&module| tree.modules[module].parent == Some(folder));
        match child {
            Some(child) if module != folder => Rung::Child(child),
            _ => Rung::Own(folder),
        }
    };
    (folder, (rung(from), rung(to)))
}

/// The rungs of the shortest circle that this import is part of, the least of them first.
fn shortest_circle(imports: &Imports, (from, to): (Rung, Rung)) -> Option<Vec<Rung>> {
    // For each rung that `to` leads to, the one that it was reached from.
    let mut reached = BTreeMap::from([(to, to)]);
    let mut next = VecDeque::from([to]);
    while let Some(rung) = next.pop_front() {
        if rung == from {
            break;
        }
        for &(_, further) in imports.keys().filter(|(importer, _)| *importer == rung) {
            reached.entry(further).or_insert_with(|| {
                next.push_back(further);
                rung
            });
        }
    }
    let mut circle = vec![from];
    let mut rung = from;
    while rung != to {
        rung = *reached.get(&rung)?;
        circle.push(rung);
    }
    circle.reverse();
    let least = circle.iter().min()?;
    let start = circle.iter().position(|rung| rung == least)?;
    circle.rotate_left(start);
    Some(circle)
}

fn steps(imports: &Imports, rungs: &[Rung]) -> Vec<Step> {
    let next = rungs.iter().cycle().skip(1);
    rungs
        .iter()
        .zip(next)
        .map(|(&rung, &next)| Step {
            rung,
            site: imports[&(rung, next)].clone(),
        })
        .collect()
}
