//! The modules of one crate, as a tree.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    rc::Rc,
};

use syn::{
    Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta, parse::Parser as _, punctuated::Punctuated,
};

use super::code::{self, Code};
use crate::error::Error;

/// Which module of the tree.
pub(super) type Id = usize;

/// The crate's root.
pub(super) const ROOT: Id = 0;

#[derive(Debug)]
pub(super) struct Module {
    /// As in `crate::review::wire`.
    pub(super) path: String,
    pub(super) parent: Option<Id>,
    pub(super) children: BTreeMap<String, Id>,
    pub(super) code: Code,
}

/// All modules of a crate but those that only tests are compiled with.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) modules: Vec<Module>,
}

/// Reads a source file.
pub(super) type ReadFile<'a> = dyn Fn(&Path) -> io::Result<String> + 'a;

/// Where the modules that a file or an inline module declares are looked for.
struct Folders {
    /// `mod name;` is `name.rs` or `name/mod.rs` in this one.
    children: PathBuf,
    /// `#[path = "…"]` starts here.
    paths: PathBuf,
}

impl Tree {
    /// Reads a crate from its first file, `lib.rs` or `main.rs`.
    pub(super) fn read(root: &Path, read_file: &ReadFile<'_>) -> Result<Self, Error> {
        let mut tree = Self {
            modules: vec![Module {
                path: "crate".to_owned(),
                parent: None,
                children: BTreeMap::new(),
                code: Code::default(),
            }],
        };
        let text = read_file(root).map_err(|error| format!("{}: {error}", root.display()))?;
        tree.add_file(ROOT, root, &folder(root), &text, read_file)?;
        Ok(tree)
    }

    fn add_file(
        &mut self,
        module: Id,
        file: &Path,
        children: &Path,
        text: &str,
        read_file: &ReadFile<'_>,
    ) -> Result<(), Error> {
        let parsed = syn::parse_file(text).map_err(|error| {
            let line = error.span().start().line;
            format!("{}:{line}: {error}", file.display())
        })?;
        let folders = Folders {
            children: children.to_owned(),
            paths: folder(file),
        };
        self.add_items(module, &parsed.items, &Rc::from(file), &folders, read_file)
    }

    fn add_items(
        &mut self,
        module: Id,
        items: &[Item],
        file: &Rc<Path>,
        folders: &Folders,
        read_file: &ReadFile<'_>,
    ) -> Result<(), Error> {
        self.modules[module].code.read(items, file);
        for item in items {
            if let Item::Mod(item) = item
                && !code::is_for_tests(&item.attrs)
            {
                self.add_module(module, item, file, folders, read_file)?;
            }
        }
        Ok(())
    }

    fn add_module(
        &mut self,
        parent: Id,
        item: &ItemMod,
        file: &Rc<Path>,
        folders: &Folders,
        read_file: &ReadFile<'_>,
    ) -> Result<(), Error> {
        let name = code::name(&item.ident);
        let module = self.child(parent, &name);
        if let Some((_, items)) = &item.content {
            let own = folders.children.join(&name);
            let folders = Folders {
                children: own.clone(),
                paths: own,
            };
            return self.add_items(module, items, file, &folders, read_file);
        }
        let named = named_files(&item.attrs);
        if !named.is_empty() {
            for name in named {
                let file = folders.paths.join(name);
                let text =
                    read_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
                self.add_file(module, &file, &folder(&file), &text, read_file)?;
            }
            return Ok(());
        }
        let own = folders.children.join(&name);
        for file in [own.with_extension("rs"), own.join("mod.rs")] {
            match read_file(&file) {
                Ok(text) => return self.add_file(module, &file, &own, &text, read_file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", file.display()).into()),
            }
        }
        Err(format!("{}: there is no file for `mod {name}`", file.display()).into())
    }

    /// The child of that name. One that is declared once for each platform is one module here.
    fn child(&mut self, parent: Id, name: &str) -> Id {
        if let Some(&child) = self.modules[parent].children.get(name) {
            return child;
        }
        let child = self.modules.len();
        self.modules.push(Module {
            path: format!("{}::{name}", self.modules[parent].path),
            parent: Some(parent),
            children: BTreeMap::new(),
            code: Code::default(),
        });
        let children = &mut self.modules[parent].children;
        children.insert(name.to_owned(), child);
        child
    }

    /// The module and all that it is in, up to the root.
    pub(super) fn ancestors(&self, module: Id) -> impl Iterator<Item = Id> {
        std::iter::successors(Some(module), |&module| self.modules[module].parent)
    }

    /// Whether the module is `ancestor` or in it.
    pub(super) fn is_within(&self, module: Id, ancestor: Id) -> bool {
        self.ancestors(module).any(|module| module == ancestor)
    }
}

fn folder(file: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).to_owned()
}

/// The files in `#[path = "…"]` and `#[cfg_attr(…, path = "…")]`.
fn named_files(attributes: &[Attribute]) -> Vec<String> {
    let mut files = Vec::new();
    for attribute in attributes {
        match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg_attr") => {
                let all = Punctuated::<Meta, syn::Token![,]>::parse_terminated
                    .parse2(list.tokens.clone());
                // The first is the condition.
                files.extend(all.iter().flatten().skip(1).filter_map(named_file));
            }
            meta => files.extend(named_file(meta)),
        }
    }
    files
}

fn named_file(meta: &Meta) -> Option<String> {
    match meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(file),
                ..
            }) => Some(file.value()),
            _ => None,
        },
        _ => None,
    }
}
