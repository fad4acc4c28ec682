//! Rules in the Common Expression Language.
//!
//! Source: [the language](https://github.com/google/cel-spec). What an expression may cost is
//! bounded before it ever runs: its length, no loop within a loop, regular expressions that are
//! literals, compiled once, and the number of images.

use std::{collections::HashMap, mem::take, sync::Arc};

use cel::{
    Context, Env, ExecutionError, Value,
    common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue},
    extractors::This,
};
use regex::Regex;

use crate::{
    ContainerKind, Image, Operation, Review, User,
    pattern::{RegexBudget, RegexError},
    quote::Quoted,
};

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;

/// The most images of a review that an expression is evaluated for. Each evaluation may look at all
/// of them, so their number counts twice.
const MAX_IMAGES: usize = 200;

/// The variables that an expression may use.
const VARIABLES: [&str; 2] = ["image", "review"];

/// The function of regular expressions. It is ours, so that they are compiled once.
const MATCHES: &str = "matches";

/// The function that gives what a loop goes over. A map has no order of its own: without it, the same
/// expression about the same review could be true once and false the next time. The language's
/// grammar lets nobody else call it.
const IN_ORDER: &str = "@in_order";

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
    text: String,
    root: IdedExpr,
    env: Arc<Env>,
    regexes: Arc<HashMap<String, Regex>>,
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Expression {
    pub(super) fn compile(text: &str, budget: &mut RegexBudget) -> Result<Self, String> {
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
        let mut root = program.expression().clone();
        let mut bounds = Bounds {
            env: Arc::clone(&env),
            budget,
            regexes: HashMap::new(),
        };
        bounds.visit(&mut root, 0)?;
        Ok(Self {
            text: text.to_owned(),
            root,
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
        let matches = move |This(text): This<Value>, pattern: Arc<String>| match text {
            Value::String(text) => Ok(regexes
                .get(&*pattern)
                .is_some_and(|regex| regex.is_match(&text))),
            text => Err(ExecutionError::UnsupportedTargetType { target: text }),
        };
        context
            .add_function(MATCHES, matches)
            .and_then(|()| context.add_function(IN_ORDER, in_order))
            .map_err(|error| error.to_string())?;
        context.add_variable_from_value("image", describe(image));
        context.add_variable_from_value("review", describe_review(review));
        match Value::resolve(&self.root, &context) {
            Ok(Value::Bool(kept)) => Ok(kept),
            Ok(value) => Err(format!(
                "it gives {}, neither true nor false",
                kind_of(&value)
            )),
            Err(error) => Err(failure(&error)),
        }
    }
}

/// The keys of a map in their order; of any other value, the value.
fn in_order(value: Value) -> Value {
    let Value::Map(map) = value else { return value };
    let mut keys: Vec<_> = map.map.keys().cloned().collect();
    keys.sort_unstable();
    keys.into_iter().map(Value::from).collect::<Vec<_>>().into()
}

/// Why an evaluation failed, by the kinds of the values in question: the values themselves can be
/// long, and a map shows its fields in another order each time.
fn failure(error: &ExecutionError) -> String {
    use ExecutionError as E;
    match error {
        E::NoSuchKey(key) => format!("there is no field {}", Quoted(key)),
        E::UndeclaredReference(name) => format!("there is nothing named {}", Quoted(name)),
        E::NoSuchOverload(overload) => overload.to_string(),
        E::InvalidArgumentCount { .. } | E::MissingArgumentOrTarget => error.to_string(),
        E::FunctionError { function, message } => {
            format!("{function} fails: {}", Quoted(first_line(message)))
        }
        E::UnexpectedType { want, .. } => format!("a value that has to be {want} is not"),
        E::UnsupportedTargetType { target } => {
            format!(
                "a function is called on {}, which it is not for",
                kind_of(target)
            )
        }
        E::NotSupportedAsMethod { method, target } => {
            format!("{} has no function {}", kind_of(target), Quoted(method))
        }
        E::UnsupportedKeyType(key) => format!("{} cannot be the key of a map", kind_of(key)),
        E::ValuesNotComparable(left, right) => {
            format!(
                "{} and {} cannot be compared",
                kind_of(left),
                kind_of(right)
            )
        }
        E::UnsupportedBinaryOperator(operator, left, right) => format!(
            "{operator:?} is not for {} and {}",
            kind_of(left),
            kind_of(right)
        ),
        E::UnsupportedIndex(index, value) => {
            format!("{} is no index of {}", kind_of(index), kind_of(value))
        }
        E::IndexOutOfBounds(_) => "an index is beyond the end of its list".into(),
        E::DuplicateKey(_) => "a map has a key twice".into(),
        E::Overflow(operator, ..) => format!("{operator:?} overflows"),
        E::DivisionByZero(_) | E::RemainderByZero(_) => "it divides by zero".into(),
        _ => "it cannot be evaluated".into(),
    }
}

fn kind_of(value: &Value) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Int(_) => "an int".into(),
        value => format!("a {}", value.type_of()),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
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

/// What an expression may cost, checked before it ever runs.
struct Bounds<'b> {
    env: Arc<Env>,
    budget: &'b mut RegexBudget,
    regexes: HashMap<String, Regex>,
}

impl Bounds<'_> {
    /// Whether the language has a function of this name: a context takes no other beside it.
    fn declares(&self, function: &str) -> bool {
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_function(function, || true).is_err()
    }

    /// Also has each loop go through what it loops over in order.
    fn visit(&mut self, expression: &mut IdedExpr, loops: usize) -> Result<(), String> {
        match &mut expression.expr {
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
                if call.func_name == MATCHES {
                    self.add_regex(call.args.last())?;
                } else if !is_operator(&call.func_name) && !self.declares(&call.func_name) {
                    return Err(format!(
                        "there is no function {:?} that is called like this",
                        call.func_name
                    ));
                }
                let target = call.target.as_deref_mut();
                target
                    .into_iter()
                    .chain(&mut call.args)
                    .try_for_each(|part| self.visit(part, loops))
            }
            Expr::Comprehension(comprehension) => {
                if loops > 0 {
                    return Err(
                        "a loop within a loop could cost too much; it is not allowed".into(),
                    );
                }
                self.visit(&mut comprehension.iter_range, loops)?;
                comprehension.iter_range = call_in_order(take(&mut comprehension.iter_range));
                [
                    &mut comprehension.accu_init,
                    &mut comprehension.loop_cond,
                    &mut comprehension.loop_step,
                    &mut comprehension.result,
                ]
                .into_iter()
                .try_for_each(|part| self.visit(part, loops + 1))
            }
            Expr::List(list) => list
                .elements
                .iter_mut()
                .try_for_each(|part| self.visit(part, loops)),
            Expr::Map(map) => map
                .entries
                .iter_mut()
                .try_for_each(|entry| match &mut entry.expr {
                    EntryExpr::MapEntry(entry) => {
                        self.visit(&mut entry.key, loops)?;
                        self.visit(&mut entry.value, loops)
                    }
                    EntryExpr::StructField(field) => self.visit(&mut field.value, loops),
                }),
            Expr::Select(select) => self.visit(&mut select.operand, loops),
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
        if self.regexes.contains_key(pattern) {
            return Ok(());
        }
        let mut regex = regex::RegexBuilder::new(pattern);
        let regex = self
            .budget
            .compile(REGEX_SIZE_LIMIT, |size| regex.size_limit(size).build())
            .map_err(|error| match error {
                RegexError::Spent => error.to_string(),
                error @ RegexError::Unsound(_) => {
                    format!("{pattern:?} is no regular expression: {error}")
                }
            })?;
        self.regexes.insert(pattern.to_owned(), regex);
        Ok(())
    }
}
