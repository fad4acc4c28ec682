//! Rules in the Common Expression Language.
//!
//! Source: [the language](https://github.com/google/cel-spec). What an expression may cost is
//! bounded before it ever runs: its length, no loop within a loop, regular expressions that are
//! literals, compiled once, and the number of images.

use std::{collections::HashMap, sync::Arc};

use cel::{
    Context, Env, Program, Value,
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue},
};
use regex::Regex;

use crate::{ContainerKind, Image, Operation, Review, User};

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;

/// The most images of a review that an expression is evaluated for. Each evaluation may look at all
/// of them, so their number counts twice.
const MAX_IMAGES: usize = 200;

/// The variables that an expression may use.
const VARIABLES: [&str; 2] = ["image", "review"];

/// The most memory that one regular expression may take when compiled, in bytes.
const REGEX_SIZE_LIMIT: usize = 1024 * 1024;

/// An expression over an image and its review; compiled.
///
/// `image` has `written`, `registry`, `repository`, `tag` (the one that the node pulls, or the one
/// beside a digest), `digest`, `container`, `kind` and `path`. `review` has `namespace`,
/// `annotations`, a map of text, `user`, `groups` (a list), `operation`, `kind` (of the object), and
/// `images`, a list of all images in the same form as `image`.
///
/// A tag or digest that the image does not have is an empty text. What the review does not tell
/// (`namespace`, `user`, `container`, …) is not there, so that an expression that asks for it cannot be
/// decided, rather than be taken for true; `has(review.namespace)` tells.
pub(super) struct Expression {
    program: Program,
    env: Arc<Env>,
    regexes: Arc<HashMap<String, Regex>>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression")
            .field(&self.program.source_info().source)
            .finish()
    }
}

impl Expression {
    pub(super) fn compile(text: &str) -> Result<Self, String> {
        if text.len() > MAX_LEN {
            return Err(format!("the expression is longer than {MAX_LEN} bytes"));
        }
        let env = Arc::new(Env::stdlib());
        let program = env.compile(text).map_err(|errors| {
            format!(
                "this is no CEL expression: {}",
                first_line(&errors.to_string())
            )
        })?;
        let mut bounds = Bounds::default();
        bounds.visit(program.expression(), 0)?;
        Ok(Self {
            program,
            env,
            regexes: Arc::new(bounds.regexes),
        })
    }

    /// Whether the image keeps the rule. An expression that fails, or is neither true nor false,
    /// is an error: a decision that cannot be made.
    pub(super) fn evaluate(&self, review: &Review<'_>, image: &Image<'_>) -> Result<bool, String> {
        let images = review.images().len() + review.unreadable_images().len();
        if images > MAX_IMAGES {
            return Err(format!(
                "the review has {images} images, and expressions are for at most {MAX_IMAGES}"
            ));
        }
        let mut context = Context::with_env(Arc::clone(&self.env));
        let regexes = Arc::clone(&self.regexes);
        let matches = move |cel::extractors::This(text): cel::extractors::This<Arc<String>>,
                            pattern: Arc<String>| {
            regexes
                .get(&*pattern)
                .is_some_and(|regex| regex.is_match(&text))
        };
        context
            .add_function("matches", matches)
            .map_err(|error| error.to_string())?;
        context.add_variable_from_value("image", describe(image));
        context.add_variable_from_value("review", describe_review(review));
        match self.program.execute(&context) {
            Ok(Value::Bool(kept)) => Ok(kept),
            Ok(_) => Err("it gives neither true nor false".into()),
            Err(error) => Err(first_line(&error.to_string())),
        }
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

fn describe_review(review: &Review<'_>) -> Value {
    let annotations: HashMap<&str, &str> = review.annotations().collect();
    let images: Vec<Value> = review.images().iter().map(describe).collect();
    let groups = |user: &User<'_>| Value::from(user.groups().map(Value::from).collect::<Vec<_>>());
    fields([
        ("namespace", review.namespace().map(Value::from)),
        ("user", review.user().map(|user| user.name().into())),
        ("groups", review.user().map(groups)),
        (
            "operation",
            review.operation().map(Operation::as_str).map(Value::from),
        ),
        ("kind", review.kind().map(|kind| kind.name().into())),
        ("annotations", Some(annotations.into())),
        ("images", Some(images.into())),
    ])
}

fn describe(image: &Image<'_>) -> Value {
    let reference = image.reference();
    let digest = reference.digest().map(|digest| digest.to_string());
    let tag = reference
        .tag()
        .or(reference.pulled_tag())
        .unwrap_or_default();
    let place = image.place();
    let kind = Some(place.kind()).filter(|kind| *kind != ContainerKind::Unknown);
    fields([
        ("written", Some(reference.as_written().into())),
        ("registry", Some(reference.registry().into())),
        (
            "repository",
            Some(reference.repository().to_string().into()),
        ),
        ("tag", Some(tag.into())),
        ("digest", Some(digest.unwrap_or_default().into())),
        ("container", place.container().map(Value::from)),
        ("kind", kind.map(|kind| kind.as_str().into())),
        ("path", Some(place.path().to_string().into())),
    ])
}

/// A map of the fields that are there.
fn fields<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    let known = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)));
    known.collect::<HashMap<&str, Value>>().into()
}

/// What an expression may cost, checked before it ever runs.
#[derive(Default)]
struct Bounds {
    regexes: HashMap<String, Regex>,
}

impl Bounds {
    fn visit(&mut self, expression: &IdedExpr, loops: usize) -> Result<(), String> {
        match &expression.expr {
            Expr::Unspecified | Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                // Names that macros bind begin with "@" or are the loop's own.
                if loops > 0 || name.starts_with('@') || VARIABLES.contains(&name.as_str()) {
                    return Ok(());
                }
                Err(format!(
                    "there is no variable {name:?}; there are {}",
                    VARIABLES.join(", ")
                ))
            }
            Expr::Call(call) => {
                if call.func_name == "matches" {
                    self.add_regex(call.args.last())?;
                }
                let target = call.target.as_deref();
                target
                    .into_iter()
                    .chain(&call.args)
                    .try_for_each(|part| self.visit(part, loops))
            }
            Expr::Comprehension(comprehension) => {
                if loops > 0 {
                    return Err(
                        "a loop within a loop could cost too much; it is not allowed".into(),
                    );
                }
                self.visit(&comprehension.iter_range, loops)?;
                [
                    &comprehension.accu_init,
                    &comprehension.loop_cond,
                    &comprehension.loop_step,
                    &comprehension.result,
                ]
                .into_iter()
                .try_for_each(|part| self.visit(part, loops + 1))
            }
            Expr::List(list) => list
                .elements
                .iter()
                .try_for_each(|part| self.visit(part, loops)),
            Expr::Map(map) => map.entries.iter().try_for_each(|entry| match &entry.expr {
                EntryExpr::MapEntry(entry) => {
                    self.visit(&entry.key, loops)?;
                    self.visit(&entry.value, loops)
                }
                EntryExpr::StructField(field) => self.visit(&field.value, loops),
            }),
            Expr::Select(select) => self.visit(&select.operand, loops),
            Expr::Struct(_) => Err("an expression may not make messages".into()),
        }
    }

    fn add_regex(&mut self, argument: Option<&IdedExpr>) -> Result<(), String> {
        let Some(Expr::Literal(LiteralValue::String(pattern))) =
            argument.map(|argument| &argument.expr)
        else {
            return Err("matches takes a regular expression that is written out, in quotes".into());
        };
        let pattern = pattern.inner();
        let regex = regex::RegexBuilder::new(pattern)
            .size_limit(REGEX_SIZE_LIMIT)
            .build()
            .map_err(|error| format!("{pattern:?} is no regular expression: {error}"))?;
        self.regexes.insert(pattern.to_owned(), regex);
        Ok(())
    }
}
