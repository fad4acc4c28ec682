//! Rules in the Common Expression Language.
//!
//! Source: [the language](https://github.com/google/cel-spec). What an expression may cost is
//! bounded before it ever runs: its length, no loop within a loop, regular expressions that are
//! literals, compiled once, and the number of images.

mod bounds;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use cel::{
    Context, Env, ExecutionError, Value, common::ast::IdedExpr, extractors::This, objects::Key,
};
use regex::Regex;

use self::bounds::Bounds;
use crate::{ContainerKind, Image, Operation, Review, User, pattern::RegexBudget, quote::Quoted};

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;

/// The most images of a review that an expression is evaluated for. Each evaluation may look at all
/// of them, so their number counts twice.
const MAX_IMAGES: usize = 200;

/// The functions of the language, made once.
static ENV: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// The variables that an expression may use.
const VARIABLES: [&str; 2] = ["image", "review"];

/// The function of regular expressions. It is ours, so that they are compiled once.
const MATCHES: &str = "matches";

/// The function that gives what a loop goes over. A map has no order of its own: without it, the same
/// expression about the same review could be true once and false the next time. The language's
/// grammar lets nobody else call it.
const IN_ORDER: &str = "@in_order";

/// The size of a number, a truth value or the place of a value in a list, in bytes.
const WORD: usize = 32;

/// The most that one image and one review may hold for an expression, in bytes.
const MAX_IMAGE_BYTES: usize = 4 * 1024;
const MAX_REVIEW_BYTES: usize = 1024 * 1024;

/// The most that a loop goes through.
const MAX_ITEMS: usize = 256;

/// How deep brackets may lie within each other. The parser takes up to 150 KB of the stack for each in a
/// build that is not optimised.
const MAX_BRACKETS: u16 = 8;

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
        let parser = ENV.parser().max_recursion_depth(MAX_BRACKETS);
        let mut root = parser.parse(text).map_err(|errors| {
            let errors = errors.to_string();
            // There is no other sign of it.
            if errors.contains("Recursion limit") {
                return format!(
                    "its brackets lie more than {MAX_BRACKETS} deep within each other; make several \
                     rules of it"
                );
            }
            format!("this is no CEL expression: {}", first_line(&errors))
        })?;
        let regexes = Bounds::new(budget).keep(&mut root)?;
        Ok(Self {
            text: text.to_owned(),
            root,
            regexes: Arc::new(regexes),
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
        let mut context = Context::with_env(Arc::clone(&ENV));
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
        for (name, value, most) in [
            ("image", describe(image), MAX_IMAGE_BYTES),
            ("review", describe_review(review), MAX_REVIEW_BYTES),
        ] {
            let bytes = size_of(&value);
            if bytes > most {
                return Err(format!(
                    "{name} holds {bytes} bytes, and expressions are for at most {most}"
                ));
            }
            context.add_variable_from_value(name, value);
        }
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

/// What a loop goes through: the keys of a map in their order; of any other value, the value.
fn in_order(value: Value) -> Result<Value, ExecutionError> {
    let in_order = match value {
        Value::Map(map) => {
            let mut keys: Vec<_> = map.map.keys().cloned().collect();
            keys.sort_unstable();
            keys.into_iter().map(Value::from).collect::<Vec<_>>().into()
        }
        value => value,
    };
    match &in_order {
        Value::List(list) if list.len() > MAX_ITEMS => Err(ExecutionError::function_error(
            "a loop",
            format!(
                "it is over {} items, and may be over {MAX_ITEMS}",
                list.len()
            ),
        )),
        _ => Ok(in_order),
    }
}

/// How much a value holds, in bytes, as the bounds count it.
fn size_of(value: &Value) -> usize {
    let held: usize = match value {
        Value::String(text) => text.len(),
        Value::List(list) => list.iter().map(size_of).sum(),
        Value::Map(map) => {
            let key = |key: &Key| match key {
                Key::String(text) => WORD + text.len(),
                _ => WORD,
            };
            map.map.iter().map(|(k, v)| key(k) + size_of(v)).sum()
        }
        _ => 0,
    };
    WORD + held
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
