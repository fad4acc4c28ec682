//! Rules in the Common Expression Language.
//!
//! Source: [the language](https://github.com/google/cel-spec). What an expression may cost is
//! bounded before it ever runs: its length, no loop within a loop, and regular expressions that are
//! literals, compiled once.

use std::{collections::HashMap, sync::Arc};

use cel::{
    Context, Env, Program, Value,
    common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue},
};
use regex::Regex;

use crate::{Image, Operation, Review, User};

/// The longest expression, in bytes.
const MAX_LEN: usize = 2048;

/// The variables that an expression may use.
const VARIABLES: [&str; 2] = ["image", "review"];

/// The most memory that one regular expression may take when compiled, in bytes.
const REGEX_SIZE_LIMIT: usize = 1024 * 1024;

/// An expression over an image and its review; compiled.
///
/// `image` has `written`, `registry`, `repository`, `tag` (the one that the node pulls, or the one
/// beside a digest), `digest`, `container`, `kind` and `path`, each a text that is empty where there
/// is nothing. `review` has `namespace`, a text that is empty where it is not known, `annotations`, a
/// map of text, `user`, `groups` (a list), `operation` and `kind`, empty where they are not known,
/// and `images`, a list of all images in the same form as `image`.
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
    let user = review.user();
    let groups = user.into_iter().flat_map(User::groups);
    let groups: Vec<Value> = groups.map(Value::from).collect();
    let fields: HashMap<&str, Value> = [
        ("user", user.map_or("", User::name).into()),
        ("groups", groups.into()),
        (
            "operation",
            review.operation().map_or("", Operation::as_str).into(),
        ),
        ("kind", review.kind().map_or("", |kind| kind.name()).into()),
        ("namespace", review.namespace().unwrap_or_default().into()),
        ("annotations", annotations.into()),
        ("images", images.into()),
    ]
    .into();
    fields.into()
}

fn describe(image: &Image<'_>) -> Value {
    let reference = image.reference();
    let digest = reference.digest().map(|digest| digest.to_string());
    let tag = reference
        .tag()
        .or(reference.pulled_tag())
        .unwrap_or_default();
    let place = image.place();
    let fields: HashMap<&str, Value> = [
        ("written", reference.as_written().into()),
        ("registry", reference.registry().into()),
        ("repository", reference.repository().to_string().into()),
        ("tag", tag.into()),
        ("digest", digest.unwrap_or_default().into()),
        ("container", place.container().unwrap_or_default().into()),
        ("kind", place.kind().as_str().into()),
        ("path", place.path().to_string().into()),
    ]
    .into();
    fields.into()
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
