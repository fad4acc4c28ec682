//! What the code of one module names: what it defines, what it imports, and which paths stand in it.

use std::{collections::BTreeSet, fmt, path::Path, rc::Rc};

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::{
    Attribute, Ident, Item, Lit, Meta, UseTree, Visibility,
    parse::Parser as _,
    punctuated::Punctuated,
    visit::{self, Visit},
};

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Site {
    file: Rc<Path>,
    line: usize,
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// One name that a `use` brings in.
#[derive(Debug)]
pub(super) struct Import {
    /// The name in this module; `None` for `*`.
    pub(super) name: Option<String>,
    /// Without the `*`.
    pub(super) path: Vec<String>,
    /// Whether other modules see the name too: `pub use`, `pub(crate) use`, …
    pub(super) is_reexport: bool,
    pub(super) site: Site,
}

/// A path in an expression, a type, a pattern, a macro or an attribute.
#[derive(Debug)]
pub(super) struct Mention {
    pub(super) path: Vec<String>,
    /// Whether it is called as a macro.
    pub(super) is_macro: bool,
    pub(super) site: Site,
}

/// The code of one module, without the modules in it.
#[derive(Debug, Default)]
pub(super) struct Code {
    pub(super) defined: BTreeSet<String>,
    pub(super) macros: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    pub(super) mentions: Vec<Mention>,
}

impl Code {
    /// Adds the items of a file or an inline module.
    pub(super) fn read(&mut self, items: &[Item], file: &Rc<Path>) {
        for item in items {
            self.define(item);
        }
        let mut reader = Reader { code: self, file };
        for item in items {
            reader.visit_item(item);
        }
    }

    fn define(&mut self, item: &Item) {
        let name = match item {
            Item::Const(item) => &item.ident,
            Item::Enum(item) => &item.ident,
            Item::Fn(item) => &item.sig.ident,
            Item::Static(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::TraitAlias(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Macro(item) => {
                self.macros.extend(item.ident.as_ref().map(name));
                return;
            }
            _ => return,
        };
        self.defined.insert(self::name(name));
    }
}

/// Whether only tests are compiled with an item that has these attributes: `#[test]`, `#[cfg(test)]`
/// or `#[cfg(all(test, …))]`.
pub(super) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let ending = attribute.path().segments.last();
        match &attribute.meta {
            Meta::Path(_) => ending.is_some_and(|segment| segment.ident == "test"),
            Meta::List(list) if list.path.is_ident("cfg") => list
                .parse_args()
                .is_ok_and(|condition| wants_tests(&condition)),
            _ => false,
        }
    })
}

fn wants_tests(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => {
            Punctuated::<Meta, syn::Token![,]>::parse_terminated
                .parse2(list.tokens.clone())
                .is_ok_and(|all| all.iter().any(wants_tests))
        }
        _ => false,
    }
}

/// The attributes of an item.
pub(super) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name without `r#`.
pub(super) fn name(ident: &Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").unwrap_or(&name).to_owned()
}

struct Reader<'a> {
    code: &'a mut Code,
    file: &'a Rc<Path>,
}

impl Reader<'_> {
    fn site(&self, ident: &Ident) -> Site {
        Site {
            file: Rc::clone(self.file),
            line: ident.span().start().line,
        }
    }

    fn mention(&mut self, path: &[&Ident], is_macro: bool) {
        if let Some(first) = path.first() {
            let mention = Mention {
                path: path.iter().map(|ident| name(ident)).collect(),
                is_macro,
                site: self.site(first),
            };
            self.code.mentions.push(mention);
        }
    }

    fn mention_path(&mut self, path: &syn::Path, is_macro: bool) {
        // `::name` is another crate.
        if path.leading_colon.is_none() {
            let idents: Vec<&Ident> = path.segments.iter().map(|segment| &segment.ident).collect();
            self.mention(&idents, is_macro);
        }
    }

    fn import(&mut self, tree: &UseTree, before: &mut Vec<String>, is_reexport: bool) {
        let (last, new_name) = match tree {
            UseTree::Path(path) => {
                before.push(name(&path.ident));
                self.import(&path.tree, before, is_reexport);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before, is_reexport);
                }
                return;
            }
            UseTree::Glob(glob) => {
                self.code.imports.push(Import {
                    name: None,
                    path: before.clone(),
                    is_reexport,
                    site: Site {
                        file: Rc::clone(self.file),
                        line: glob.star_token.spans[0].start().line,
                    },
                });
                return;
            }
            UseTree::Name(tree) => (&tree.ident, None),
            UseTree::Rename(tree) => (&tree.ident, Some(name(&tree.rename))),
        };
        let mut path = before.clone();
        // `a::{self}` brings in `a`.
        if last != "self" || path.is_empty() {
            path.push(name(last));
        }
        self.code.imports.push(Import {
            name: new_name.or_else(|| path.last().cloned()),
            path,
            is_reexport,
            site: self.site(last),
        });
    }

    /// Finds the paths in tokens that are not parsed, such as those of a macro.
    fn scan(&mut self, tokens: TokenStream, with_strings: bool) {
        let mut path: Vec<Ident> = Vec::new();
        let mut colons = 0;
        let mut tokens = tokens.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end_path(&mut path, false);
                    }
                    // After `::` without anything before it comes the name of another crate.
                    if colons != 2 || !path.is_empty() {
                        path.push(ident);
                    }
                    colons = 0;
                    continue;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    if colons == 1 && punct.spacing() == Spacing::Joint || colons == 2 {
                        continue;
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '!' => {
                    let is_macro = matches!(tokens.peek(), Some(TokenTree::Group(_)));
                    self.end_path(&mut path, is_macro);
                }
                TokenTree::Group(group) => {
                    self.end_path(&mut path, false);
                    let strings = with_strings && group.delimiter() != Delimiter::None;
                    self.scan(group.stream(), strings);
                }
                TokenTree::Literal(literal) if with_strings => {
                    self.mention_string(&Lit::new(literal));
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            self.end_path(&mut path, false);
            colons = 0;
        }
        self.end_path(&mut path, false);
    }

    fn end_path(&mut self, path: &mut Vec<Ident>, is_macro: bool) {
        self.mention(&path.iter().collect::<Vec<_>>(), is_macro);
        path.clear();
    }

    /// Attributes hold paths in strings: `#[serde(with = "crate::time")]`.
    fn mention_string(&mut self, literal: &Lit) {
        if let Lit::Str(text) = literal
            && text.value().contains("::")
            && let Ok(path) = text.parse::<syn::Path>()
        {
            self.mention_path(&path, false);
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes(item)) {
            return;
        }
        match item {
            // It is a module of its own.
            Item::Mod(_) => {}
            Item::Use(item) if item.leading_colon.is_some() => {}
            Item::Use(item) => {
                let is_reexport = !matches!(item.vis, Visibility::Inherited);
                self.import(&item.tree, &mut Vec::new(), is_reexport);
            }
            Item::Verbatim(tokens) => self.scan(tokens.clone(), false),
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    /// `pub(super)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.mention_path(path, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.mention_path(&call.path, true);
        self.scan(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) => {
                self.mention_path(&list.path, false);
                self.scan(list.tokens.clone(), true);
            }
            Meta::Path(path) => self.mention_path(path, false),
            // A comment, or the file of a module.
            Meta::NameValue(_) => {}
        }
    }
}
