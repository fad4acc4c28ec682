//! Rules in the Common Expression Language.
//!
//! Source: [the language](https://github.com/google/cel-spec). What an expression may cost is
//! bounded before it ever runs: its length, no loop within a loop, regular expressions that are
//! literals, compiled once, the number of images, and the steps that it takes for the bytes of one review.

mod bounds;
mod failure;
mod language;
mod predicate;
mod price;
mod regex;
mod result;
mod variables;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

use cel::{ExecutionError, Value, common::ast::IdedExpr, extractors::This};

pub(crate) use self::variables::{ImageFields, Images, describe_facts};
use self::{
    bounds::Bounds,
    failure::{failure, kind_of, unparsable},
    language::{
        ENV, IN_ORDER, MATCHES, MAX_BRACKETS, MAX_FACTS_BYTES, MAX_IMAGE_BYTES, MAX_IMAGES,
        MAX_ITEMS, MAX_LEN, MAX_PREDICATE_BYTES, MAX_REVIEW_BYTES, PREDICATE, PREDICATE_VARIABLES,
        VARIABLES,
    },
    predicate::{described, size_of_json},
    price::{Price, Sizes},
    regex::CountedRegex,
    variables::{
        PLATFORM_FIELDS, RESOLVED_DIGEST, UsedFields, describe_review, forwarded_annotations,
        image_fields, size_of, size_of_fields,
    },
};
pub(crate) use self::{failure::ExpressionError, result::never_decides};
use crate::{
    pattern::RegexBudget,
    quote::{Quoted, first_chars},
    review::{Image, Review},
};

/// The steps to describe a review or an image to the interpreter, for each byte of it.
const DESCRIBE: u64 = 6;

/// How many characters of an expression are shown where it takes too many steps.
const MAX_SHOWN_CHARS: usize = 60;

/// An expression over an image and its review; compiled.
///
/// `image` has `written`, `registry`, its `host` in lower case and its `port` (empty where none is written),
/// `repository`, `tag` (the one that the node pulls, or the one beside a digest), `digest`, `container`,
/// `kind` and `path`. `review` has `namespace`,
/// `annotations`, a map of text, `user`, `groups` (a list), `operation`, `kind` (of the object), and
/// `images`, a list of all images in the same form as `image`.
///
/// What only a registry can tell is in `image` too, where the expression uses it: `resolvedDigest`,
/// `mediaType`, `platforms` (a list of text), and for each platform, for which the expression must be true,
/// `platform`, `created` (text), `ageHours`, `size`, `layers`, `user`, `labels`, `annotations`, `volumes`,
/// `exposedPorts`, `entrypoint`, `command` and `foreignLayers`.
///
/// A tag or digest that the image does not have is an empty text. A field that the review does not have
/// (`namespace`, `user`, `container`, …) is missing. An expression that uses a missing field is an error
/// and never true; `has(review.namespace)` is true if the field is there.
pub(super) struct Expression {
    text: String,
    root: IdedExpr,
    regexes: Arc<HashMap<String, CountedRegex>>,
    price: Price,
    used: UsedFields,
    /// The facts of an image that it uses.
    facts: BTreeSet<&'static str>,
    is_about_predicate: bool,
}

/// What an expression is evaluated with for each image of a review.
pub(super) struct Context {
    variables: cel::Context<'static, 'static>,
    sizes: Sizes,
}

/// Its text, as much of it as tells which one it is.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Quoted(&first_chars(&self.text, MAX_SHOWN_CHARS)).fmt(f)
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Expression").field(&self.text).finish()
    }
}

impl Expression {
    pub(super) fn compile(text: &str, budget: &mut RegexBudget) -> Result<Self, ExpressionError> {
        Self::over(&VARIABLES, text, budget)
    }

    /// An expression over the predicate of an attestation, too. It uses no facts of the image.
    pub(super) fn of_predicate(text: &str, budget: &mut RegexBudget) -> Result<Self, String> {
        let expression = Self::over(&PREDICATE_VARIABLES, text, budget)
            .map_err(|error: ExpressionError| error.to_string())?;
        match expression.facts.first() {
            None => Ok(expression),
            Some(fact) => Err(format!(
                "image.{fact} can't be used beside a predicate; make a rule of its own of it"
            )),
        }
    }

    fn over(
        variables: &'static [&'static str],
        text: &str,
        budget: &mut RegexBudget,
    ) -> Result<Self, ExpressionError> {
        if text.len() > MAX_LEN {
            return Err(format!("the expression is longer than {MAX_LEN} bytes").into());
        }
        let parser = ENV.parser().max_recursion_depth(MAX_BRACKETS);
        let mut root = parser.parse(text).map_err(|errors| unparsable(&errors))?;
        let (price, regexes, used, facts) = Bounds::new(variables, budget).keep(&mut root)?;
        Ok(Self {
            text: text.to_owned(),
            root,
            price,
            used,
            regexes: Arc::new(regexes),
            facts,
            is_about_predicate: variables.contains(&PREDICATE),
        })
    }

    /// The steps for the largest review, at most.
    pub(super) fn most_steps(&self) -> u64 {
        // An unchanged image is judged in two reviews: with the new ones and without.
        let review = 2 * DESCRIBE * MAX_REVIEW_BYTES as u64;
        let mut sizes = Sizes::largest(&self.used);
        if self.facts.is_empty() {
            sizes.facts = 0;
        }
        if !self.is_about_predicate {
            sizes.predicate = 0;
        }
        let image = self.steps(sizes).saturating_mul(2);
        image
            .saturating_mul(MAX_IMAGES as u64)
            .saturating_add(review)
    }

    /// The memory to evaluate it, at most: the largest review twice, and the largest value that it makes
    /// while it is made. The interpreter takes some times the bytes that a value holds.
    pub(super) fn most_bytes(&self) -> u64 {
        let review = 2 * MAX_REVIEW_BYTES as u64;
        let largest = 2 * self.price.largest();
        4 * review.saturating_add(largest)
    }

    /// The steps of one evaluation.
    fn steps(&self, sizes: Sizes) -> u64 {
        let described = sizes.image.saturating_add(sizes.facts);
        let describe = DESCRIBE.saturating_mul(described.saturating_add(sizes.predicate));
        self.price.steps(sizes).saturating_add(describe)
    }

    /// The fields of `image` that it uses and that only a registry can tell.
    pub(super) fn facts(&self) -> &BTreeSet<&'static str> {
        &self.facts
    }

    /// Whether it uses facts that an image has for each platform.
    pub(super) fn is_about_platforms(&self) -> bool {
        self.facts
            .iter()
            .any(|field| PLATFORM_FIELDS.contains(field))
    }

    /// Whether the only fact that it uses is the digest that a tag means.
    pub(super) fn needs_only_digest(&self) -> bool {
        self.facts.iter().all(|field| *field == RESOLVED_DIGEST)
    }

    /// What the expression is evaluated with for each image of a review. `take` is told how many steps
    /// something takes before they are made, and may refuse.
    ///
    /// # Errors
    ///
    /// The review is larger than expressions are for, or takes too many steps.
    pub(super) fn context(
        &self,
        review: &Review<'_>,
        listed: Images,
        take: impl Fn(u64) -> Result<(), String>,
    ) -> Result<Context, String> {
        let images = review.images().len() + review.unreadable_images().len();
        for (what, number, most) in [
            ("images", images, MAX_IMAGES),
            (
                "annotations",
                forwarded_annotations(review).count(),
                MAX_ITEMS,
            ),
        ] {
            if number > most {
                return Err(format!(
                    "the review has {number} {what}, and expressions are for at most {most}"
                ));
            }
        }
        let regexes = Arc::clone(&self.regexes);
        let matches = move |This(text): This<Value>, pattern: Arc<String>| match text {
            Value::String(text) => Ok(regexes
                .get(&*pattern)
                .is_some_and(|regex| regex.is_match(&text))),
            text => Err(ExecutionError::UnsupportedTargetType { target: text }),
        };
        let mut variables = cel::Context::with_env(Arc::clone(&ENV));
        variables
            .add_function(MATCHES, matches)
            .and_then(|()| variables.add_function(IN_ORDER, in_order))
            .map_err(|error| error.to_string())?;
        let groups = review.user().map_or(0, |user| user.groups().count());
        let items = images
            .max(forwarded_annotations(review).count())
            .max(groups);
        let (value, bytes) = at_most(
            MAX_REVIEW_BYTES,
            "the review",
            describe_review(review, listed, &self.used),
        )?;
        take(DESCRIBE.saturating_mul(bytes))?;
        variables.add_variable_from_value("review", value);
        let sizes = Sizes {
            image: 0,
            facts: 0,
            predicate: 0,
            review: bytes,
            // They are the most of it, where there are no long annotations.
            images: bytes,
            items: items.min(MAX_ITEMS) as u64,
        };
        Ok(Context { variables, sizes })
    }

    /// Whether the image passes the rule, in the [context](Self::context) of its review. An expression
    /// that fails, or is neither true nor false, is an error: a decision that cannot be made.
    pub(super) fn evaluate(
        &self,
        context: &Context,
        image: &Image<'_>,
        facts: &ImageFields,
        take: impl Fn(u64) -> Result<(), String>,
    ) -> Result<bool, String> {
        let mut image = image_fields(image, &self.used);
        let bytes = size_of_fields(&image);
        bounded(MAX_IMAGE_BYTES, "the image", bytes)?;
        let of_facts = size_of_fields(facts);
        bounded(MAX_FACTS_BYTES, "what is known of the image", of_facts)?;
        let sizes = Sizes {
            image: bytes as u64,
            facts: of_facts as u64,
            ..context.sizes
        };
        take(self.steps(sizes))?;
        image.extend(facts.iter().map(|(name, value)| (*name, value.clone())));
        self.resolve(context, image, None)
    }

    /// Whether the expression is true for the predicate of an attestation of an image.
    pub(super) fn evaluate_predicate(
        &self,
        context: &Context,
        image: &Image<'_>,
        predicate: &serde_json::Value,
        take: impl Fn(u64) -> Result<(), String>,
    ) -> Result<bool, String> {
        let image = image_fields(image, &self.used);
        let bytes = size_of_fields(&image);
        bounded(MAX_IMAGE_BYTES, "the image", bytes)?;
        let of_predicate = size_of_json(predicate);
        bounded(MAX_PREDICATE_BYTES, "the predicate", of_predicate)?;
        let sizes = Sizes {
            image: bytes as u64,
            predicate: of_predicate as u64,
            ..context.sizes
        };
        take(self.steps(sizes))?;
        self.resolve(context, image, Some(described(predicate)))
    }

    fn resolve(
        &self,
        context: &Context,
        image: ImageFields,
        predicate: Option<Value>,
    ) -> Result<bool, String> {
        let mut context = context.variables.new_inner_scope();
        context.add_variable_from_value("image", Value::from(image));
        if let Some(predicate) = predicate {
            context.add_variable_from_value(PREDICATE, predicate);
        }
        match Value::resolve(&self.root, &context) {
            Ok(Value::Bool(kept)) => Ok(kept),
            Ok(value) => Err(format!(
                "it returns {}; it must return a bool",
                kind_of(&value)
            )),
            Err(error) => Err(failure(&error)),
        }
    }
}

fn at_most(most: usize, what: &str, value: Value) -> Result<(Value, u64), String> {
    let bytes = size_of(&value);
    bounded(most, what, bytes)?;
    Ok((value, bytes as u64))
}

fn bounded(most: usize, what: &str, bytes: usize) -> Result<(), String> {
    if bytes > most {
        return Err(format!(
            "{what} holds {bytes} bytes, and expressions are for at most {most}"
        ));
    }
    Ok(())
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
