//! What an expression may cost, checked before it ever runs.

use std::{
    collections::{BTreeSet, HashMap},
    mem::take,
    sync::Arc,
};

use cel::{
    Context,
    common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue},
};

use super::{
    language::{ENV, IN_ORDER, MATCHES},
    price::Price,
    regex::CountedRegex,
    variables::{FACT_FIELDS, IMAGE_FIELDS, PLATFORM_FIELDS, REVIEW_FIELDS, UsedFields},
};
use crate::{
    pattern::{RegexBudget, RegexError},
    suggestion::suggestion,
};

/// How many steps it may be from an expression to a part of it. Evaluating takes up to 40 KB of the stack
/// for each in a build that is not optimised.
const MAX_DEPTH: usize = 24;

/// The most that an expression, or any part of it, may make of the largest review, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The most memory that one regular expression may take when compiled, in bytes.
const REGEX_SIZE_LIMIT: usize = 1024 * 1024;

/// The loop that a part of an expression is in.
#[derive(Clone, Copy)]
struct Loop<'e> {
    /// Its variable.
    item: &'e str,
    /// Whether that is the images of the review.
    is_over_images: bool,
}

/// What is known of an expression that is kept.
type Kept = (
    Price,
    HashMap<String, CountedRegex>,
    UsedFields,
    BTreeSet<&'static str>,
);

pub(super) struct Bounds<'b> {
    /// The variables that it may use.
    variables: &'static [&'static str],
    budget: &'b mut RegexBudget,
    regexes: HashMap<String, CountedRegex>,
    used: UsedFields,
    /// The facts of an image that are used.
    facts: BTreeSet<&'static str>,
    /// Whether `image` is used as a whole.
    is_image_whole: bool,
}

impl<'b> Bounds<'b> {
    pub(super) fn new(variables: &'static [&'static str], budget: &'b mut RegexBudget) -> Self {
        Self {
            variables,
            budget,
            regexes: HashMap::new(),
            used: UsedFields::default(),
            facts: BTreeSet::new(),
            is_image_whole: false,
        }
    }

    /// Refuses an expression that could cost too much, has each of its loops go through what it loops
    /// over in order, and gives its price, its regular expressions, compiled, the fields of images that it
    /// uses, and the facts of an image.
    pub(super) fn keep(mut self, root: &mut IdedExpr) -> Result<Kept, String> {
        self.visit(root, None, 0)?;
        // What is used has to be known, and of a whole image nobody can say which facts are.
        if self.is_image_whole && !self.facts.is_empty() {
            return Err(
                "it uses what only a registry can tell, and \"image\" as a whole; name the fields of the \
                 image"
                    .into(),
            );
        }
        let price = Price::of(root, &self.regexes);
        if price.largest() > MAX_BYTES {
            return Err(format!(
                "it could make more than {MAX_BYTES} bytes of a large review; ask with all or exists \
                 rather than make lists and text"
            ));
        }
        Ok((price, self.regexes, self.used, self.facts))
    }

    /// Notes a field of the image that is used.
    fn use_field(&mut self, field: &str) {
        let mut facts = FACT_FIELDS.iter().chain(&PLATFORM_FIELDS);
        self.facts.extend(facts.find(|fact| **fact == field));
        self.used.add(field);
    }

    fn visit(
        &mut self,
        part: &mut IdedExpr,
        within: Option<Loop<'_>>,
        depth: usize,
    ) -> Result<(), String> {
        if depth == MAX_DEPTH {
            return Err(format!(
                "its parts lie more than {MAX_DEPTH} deep within each other; make several rules of it"
            ));
        }
        match &mut part.expr {
            Expr::Unspecified => Err("it has a part that says nothing".into()),
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                self.is_image_whole |= name == "image";
                // Whatever is done with all of it may use every field.
                if name == "review" || is_image(name, within) {
                    self.used.add_all();
                }
                self.has_variable(name, within)
            }
            Expr::Select(select) => {
                let Expr::Ident(variable) = &select.operand.expr else {
                    return self.visit(&mut select.operand, within, depth + 1);
                };
                has_field(variable, &select.field, within)?;
                if is_image(variable, within) {
                    self.use_field(&select.field);
                } else if variable == "review" && select.field == "images" {
                    self.used.add_all();
                }
                self.has_variable(variable, within)
            }
            Expr::Call(call) => self.visit_call(call, within, depth),
            Expr::Comprehension(comprehension) => {
                if within.is_some() {
                    return Err(
                        "a loop within a loop could cost too much; it is not allowed".into(),
                    );
                }
                self.visit_loop(comprehension, depth)
            }
            Expr::List(list) => self.visit_all(&mut list.elements, within, depth),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    let EntryExpr::MapEntry(entry) = &mut entry.expr else {
                        return Err("an expression may not make messages".into());
                    };
                    self.visit_all([&mut entry.key, &mut entry.value], within, depth)?;
                }
                Ok(())
            }
            Expr::Struct(_) => Err("an expression may not make messages".into()),
        }
    }

    fn visit_all<'e>(
        &mut self,
        parts: impl IntoIterator<Item = &'e mut IdedExpr>,
        within: Option<Loop<'_>>,
        depth: usize,
    ) -> Result<(), String> {
        let mut parts = parts.into_iter();
        parts.try_for_each(|part| self.visit(part, within, depth + 1))
    }

    fn visit_call(
        &mut self,
        call: &mut CallExpr,
        within: Option<Loop<'_>>,
        depth: usize,
    ) -> Result<(), String> {
        let name = call.func_name.as_str();
        if name == MATCHES {
            self.add_regex(call.args.last())?;
        } else if !is_operator(name) && !is_declared(name) {
            return Err(format!(
                "there is no function {name:?} that is called like this"
            ));
        }
        let is_size = name == "size";
        let mut parts = call.target.as_deref_mut().into_iter().chain(&mut call.args);
        // How many images there are is no field of theirs.
        if is_size && parts.by_ref().all(|part| is_all_images(part)) {
            return Ok(());
        }
        let parts = call.target.as_deref_mut().into_iter().chain(&mut call.args);
        self.visit_all(parts, within, depth)
    }

    fn visit_loop(&mut self, turns: &mut ComprehensionExpr, depth: usize) -> Result<(), String> {
        if self.variables.contains(&turns.iter_var.as_str()) {
            return Err(format!(
                "{:?} has a meaning already; name the variable of the loop otherwise",
                turns.iter_var
            ));
        }
        let is_over_images = is_all_images(&turns.iter_range);
        // Images are in order already, and of no number that a loop may not have. What is used of them is
        // used of the loop's variable.
        if !is_over_images {
            self.visit(&mut turns.iter_range, None, depth + 1)?;
            turns.iter_range = call_in_order(take(&mut turns.iter_range));
        }
        let within = Some(Loop {
            item: &turns.iter_var,
            is_over_images,
        });
        let parts = [
            &mut turns.accu_init,
            &mut turns.loop_cond,
            &mut turns.loop_step,
            &mut turns.result,
        ];
        self.visit_all(parts, within, depth)
    }

    fn has_variable(&self, name: &str, within: Option<Loop<'_>>) -> Result<(), String> {
        let is_made_by_loop = name.starts_with('@');
        let is_there = self.variables.contains(&name)
            || within.is_some_and(|within| is_made_by_loop || name == within.item);
        if is_there {
            return Ok(());
        }
        Err(format!(
            "there is no variable {name:?}; there are {}",
            self.variables.join(", ")
        ))
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
        let regex = CountedRegex::new(pattern, regex);
        self.regexes.insert(pattern.to_owned(), regex);
        Ok(())
    }
}

/// Whether it is `review.images`.
fn is_all_images(part: &IdedExpr) -> bool {
    matches!(&part.expr, Expr::Select(select) if select.field == "images"
        && !select.test
        && matches!(&select.operand.expr, Expr::Ident(name) if name == "review"))
}

/// Whether a variable is one image.
fn is_image(name: &str, within: Option<Loop<'_>>) -> bool {
    let is_item = |within: Loop<'_>| within.is_over_images && within.item == name;
    name == "image" || within.is_some_and(is_item)
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
