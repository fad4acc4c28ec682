//! What an expression may cost, checked before it ever runs.

use std::{
    collections::{BTreeSet, HashMap},
    mem::take,
    sync::Arc,
};

use cel::{
    Context,
    common::ast::{
        CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
    },
};
use regex::Regex;

use super::{
    language::{
        ENV, IN_ORDER, MATCHES, MAX_FACTS_BYTES, MAX_IMAGE_BYTES, MAX_ITEMS, MAX_REVIEW_BYTES,
        VARIABLES, WORD,
    },
    variables::{FACT_FIELDS, IMAGE_FIELDS, PLATFORM_FIELDS, REVIEW_FIELDS},
};
use crate::{
    pattern::{RegexBudget, RegexError},
    suggestion::suggestion,
};

/// How many steps it may be from an expression to a part of it. Evaluating takes up to 40 KB of the stack
/// for each in a build that is not optimised.
const MAX_DEPTH: usize = 24;

/// The most that an expression, or any part of it, may make of the largest review, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The most memory that one regular expression may take when compiled, in bytes.
const REGEX_SIZE_LIMIT: usize = 1024 * 1024;

/// The functions whose result is a number or a truth value, however large what they are given.
const SMALL: [&str; 21] = [
    operators::LOGICAL_AND,
    operators::LOGICAL_OR,
    operators::LOGICAL_NOT,
    operators::NOT_STRICTLY_FALSE,
    operators::EQUALS,
    operators::NOT_EQUALS,
    operators::LESS,
    operators::LESS_EQUALS,
    operators::GREATER,
    operators::GREATER_EQUALS,
    operators::IN,
    operators::NEGATE,
    MATCHES,
    "contains",
    "startsWith",
    "endsWith",
    "size",
    "bool",
    "double",
    "int",
    "uint",
];

/// At most how large a value is.
#[derive(Clone, Copy, Default)]
struct Size {
    /// How many times it holds the item that a loop is at.
    items: usize,
    /// What it holds beside those, in bytes.
    bytes: usize,
}

impl Size {
    fn of(bytes: usize) -> Self {
        Self { items: 0, bytes }
    }

    fn and(self, other: Self) -> Self {
        Self {
            items: self.items.saturating_add(other.items),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}

/// The loop that a part of an expression is in.
#[derive(Clone, Copy)]
struct Loop<'e> {
    /// Its variable.
    item: &'e str,
    /// The size of all that it goes through.
    range: usize,
    /// Whether that is the images of the review.
    is_over_images: bool,
}

pub(super) struct Bounds<'b> {
    budget: &'b mut RegexBudget,
    regexes: HashMap<String, Regex>,
    /// The facts of an image that are used.
    facts: BTreeSet<&'static str>,
    /// Whether `image` is used as a whole.
    is_image_whole: bool,
}

impl<'b> Bounds<'b> {
    pub(super) fn new(budget: &'b mut RegexBudget) -> Self {
        Self {
            budget,
            regexes: HashMap::new(),
            facts: BTreeSet::new(),
            is_image_whole: false,
        }
    }

    /// Refuses an expression that could cost too much, has each of its loops go through what it loops
    /// over in order, and gives its regular expressions, compiled, and the facts of an image that it
    /// uses.
    pub(super) fn keep(
        mut self,
        root: &mut IdedExpr,
    ) -> Result<(HashMap<String, Regex>, BTreeSet<&'static str>), String> {
        self.visit(root, None, 0)?;
        // What is used has to be known, and of a whole image nobody can say which facts are.
        if self.is_image_whole && !self.facts.is_empty() {
            return Err(
                "it uses what only a registry can tell, and \"image\" as a whole; name the fields of the \
                 image"
                    .into(),
            );
        }
        Ok((self.regexes, self.facts))
    }

    /// The size of a field of the image.
    fn image_field(&mut self, field: &str) -> Size {
        let mut facts = FACT_FIELDS.iter().chain(&PLATFORM_FIELDS);
        match facts.find(|fact| **fact == field) {
            Some(fact) => {
                self.facts.insert(fact);
                Size::of(MAX_FACTS_BYTES)
            }
            None => Size::of(MAX_IMAGE_BYTES),
        }
    }

    fn visit(
        &mut self,
        part: &mut IdedExpr,
        within: Option<Loop<'_>>,
        depth: usize,
    ) -> Result<Size, String> {
        if depth == MAX_DEPTH {
            return Err(format!(
                "its parts lie more than {MAX_DEPTH} deep within each other; make several rules of it"
            ));
        }
        let size = match &mut part.expr {
            Expr::Unspecified => return Err("it has a part that says nothing".into()),
            Expr::Literal(LiteralValue::String(text)) => Size::of(WORD + text.inner().len()),
            Expr::Literal(LiteralValue::Bytes(bytes)) => Size::of(WORD + bytes.inner().len()),
            Expr::Literal(_) => Size::of(WORD),
            Expr::Ident(name) => {
                self.is_image_whole |= name == "image";
                variable(name, within)?
            }
            Expr::Select(select) => {
                if let Expr::Ident(variable) = &select.operand.expr {
                    has_field(variable, &select.field, within)?;
                }
                let size = match &select.operand.expr {
                    Expr::Ident(variable) if variable == "image" => self.image_field(&select.field),
                    _ => self.visit(&mut select.operand, within, depth + 1)?,
                };
                if select.test { Size::of(WORD) } else { size }
            }
            Expr::Call(call) => self.visit_call(call, within, depth)?,
            Expr::Comprehension(comprehension) => {
                if within.is_some() {
                    return Err(
                        "a loop within a loop could cost too much; it is not allowed".into(),
                    );
                }
                self.visit_loop(comprehension, depth)?
            }
            Expr::List(list) => self.visit_all(&mut list.elements, within, depth)?,
            Expr::Map(map) => {
                let mut size = Size::of(WORD);
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else {
                        return Err("an expression may not make messages".into());
                    };
                    for part in [&mut entry.key, &mut entry.value] {
                        size = size.and(self.visit(part, within, depth + 1)?);
                    }
                }
                size
            }
            Expr::Struct(_) => return Err("an expression may not make messages".into()),
        };
        let range = within.map_or(0, |within| within.range);
        let bytes = size.items.saturating_mul(range).saturating_add(size.bytes);
        if bytes > MAX_BYTES {
            return Err(format!(
                "it could make more than {MAX_BYTES} bytes of a large review; ask with all or exists \
                 rather than make lists and text"
            ));
        }
        Ok(size)
    }

    fn visit_all<'e>(
        &mut self,
        parts: impl IntoIterator<Item = &'e mut IdedExpr>,
        within: Option<Loop<'_>>,
        depth: usize,
    ) -> Result<Size, String> {
        let mut all = Size::of(WORD);
        for part in parts {
            all = all.and(self.visit(part, within, depth + 1)?);
        }
        Ok(all)
    }

    fn visit_call(
        &mut self,
        call: &mut CallExpr,
        within: Option<Loop<'_>>,
        depth: usize,
    ) -> Result<Size, String> {
        let name = call.func_name.as_str();
        if name == MATCHES {
            self.add_regex(call.args.last())?;
        } else if !is_operator(name) && !is_declared(name) {
            return Err(format!(
                "there is no function {name:?} that is called like this"
            ));
        }
        let parts = call.target.as_deref_mut().into_iter().chain(&mut call.args);
        let size = self.visit_all(parts, within, depth)?;
        Ok(if SMALL.contains(&call.func_name.as_str()) {
            Size::of(WORD)
        } else {
            size
        })
    }

    /// All turns of a loop together make as much as is made of all items, and of the rest as often as
    /// there are items.
    fn visit_loop(&mut self, turns: &mut ComprehensionExpr, depth: usize) -> Result<Size, String> {
        if VARIABLES.contains(&turns.iter_var.as_str()) {
            return Err(format!(
                "{:?} has a meaning already; name the variable of the loop otherwise",
                turns.iter_var
            ));
        }
        let is_over_images = matches!(&turns.iter_range.expr, Expr::Select(select)
            if select.field == "images" && matches!(&select.operand.expr, Expr::Ident(name) if name == "review"));
        let range = self.visit(&mut turns.iter_range, None, depth + 1)?.bytes;
        turns.iter_range = call_in_order(take(&mut turns.iter_range));
        let within = Some(Loop {
            item: &turns.iter_var,
            range,
            is_over_images,
        });
        let mut turn = Size::default();
        for part in [
            &mut turns.accu_init,
            &mut turns.loop_cond,
            &mut turns.loop_step,
            &mut turns.result,
        ] {
            turn = turn.and(self.visit(part, within, depth + 1)?);
        }
        let of_items = turn.items.saturating_mul(range);
        let of_rest = turn.bytes.saturating_mul(MAX_ITEMS);
        Ok(Size::of(of_items.saturating_add(of_rest)))
    }

    fn add_regex(&mut self, argument: Option<&IdedExpr>) -> Result<(), String> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) =
            argument.map(|argument| &argument.expr)
        else {
            return Err("matches takes a regular expression that is written out, in quotes".into());
        };
        let pattern = pattern.inner();
        if self.regexes.contains_key(pattern) {
            return Ok(());
        }
        let mut regex = regex::RegexBuilder::new(pattern);
        let regex = self
            .budget
            .compile(REGEX_SIZE_LIMIT, |size| regex.size_limit(size).build())
            .map_err(|error| match error {
                RegexError::Spent => error.to_string(),
                RegexError::Unsound(error) => {
                    format!("{pattern:?} is no regular expression: {error}")
                }
            })?;
        self.regexes.insert(pattern.to_owned(), regex);
        Ok(())
    }
}

fn variable(name: &str, within: Option<Loop<'_>>) -> Result<Size, String> {
    match (name, within) {
        ("image", _) => Ok(Size::of(MAX_IMAGE_BYTES)),
        ("review", _) => Ok(Size::of(MAX_REVIEW_BYTES)),
        (name, Some(within)) if name == within.item => Ok(Size { items: 1, bytes: 0 }),
        // What a loop has made so far is counted where it is made.
        (name, Some(_)) if name.starts_with('@') => Ok(Size::default()),
        (name, _) => Err(format!(
            "there is no variable {name:?}; there are {}",
            VARIABLES.join(", ")
        )),
    }
}

/// A field that is never there would make `has` false for good, and what is decided by it true.
fn has_field(variable: &str, field: &str, within: Option<Loop<'_>>) -> Result<(), String> {
    let fields = match (variable, within) {
        ("image", _) => [&IMAGE_FIELDS[..], &FACT_FIELDS, &PLATFORM_FIELDS].concat(),
        ("review", _) => REVIEW_FIELDS.to_vec(),
        (name, Some(within)) if name == within.item && within.is_over_images => {
            IMAGE_FIELDS.to_vec()
        }
        _ => return Ok(()),
    };
    if fields.contains(&field) {
        return Ok(());
    }
    Err(format!(
        "{variable} has no field {field:?}{}; it has {}",
        suggestion(field, &fields),
        fields.join(", ")
    ))
}

/// Whether the language has a function of this name: a context takes no other beside it.
fn is_declared(function: &str) -> bool {
    let mut context = Context::with_env(Arc::clone(&ENV));
    context.add_function(function, || true).is_err()
}

/// Whether the name of a function is that of an operator, such as `_&&_`, which nobody else can write.
fn is_operator(function: &str) -> bool {
    !function
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn call_in_order(range: IdedExpr) -> IdedExpr {
    IdedExpr {
        id: range.id,
        expr: Expr::Call(CallExpr {
            func_name: IN_ORDER.into(),
            target: None,
            args: vec![range],
        }),
    }
}
