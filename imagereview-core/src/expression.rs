//! Rules in the Common Expression Language.
//!
//! Source: [the language](https://github.com/google/cel-spec). What an expression may cost is
//! bounded before it ever runs: its length, no loop within a loop, regular expressions that are
//! literals, compiled once, and the number of images.

mod bounds;
mod failure;
mod language;
mod variables;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use cel::{Context, ExecutionError, Value, common::ast::IdedExpr, extractors::This};
use regex::Regex;

pub(crate) use self::variables::{ImageFields, Images, describe_facts};
use self::{
    bounds::Bounds,
    failure::{failure, kind_of, unparsable},
    language::{
        ENV, IN_ORDER, MATCHES, MAX_BRACKETS, MAX_FACTS_BYTES, MAX_IMAGE_BYTES, MAX_IMAGES,
        MAX_ITEMS, MAX_LEN, MAX_REVIEW_BYTES,
    },
    variables::{
        PLATFORM_FIELDS, RESOLVED_DIGEST, describe_review, forwarded_annotations, image_fields,
        size_of, size_of_fields,
    },
};
use crate::{
    pattern::RegexBudget,
    review::{Image, Review},
};

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
    regexes: Arc<HashMap<String, Regex>>,
    /// The facts of an image that it uses.
    facts: BTreeSet<&'static str>,
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
        let mut root = parser.parse(text).map_err(|errors| unparsable(&errors))?;
        let (regexes, facts) = Bounds::new(budget).keep(&mut root)?;
        Ok(Self {
            text: text.to_owned(),
            root,
            regexes: Arc::new(regexes),
            facts,
        })
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

    /// What the expression is evaluated with for each image of a review.
    ///
    /// # Errors
    ///
    /// The review is larger than expressions are for.
    pub(super) fn context(
        &self,
        review: &Review<'_>,
        listed: Images,
    ) -> Result<Context<'static, 'static>, String> {
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
        let mut context = Context::with_env(Arc::clone(&ENV));
        context
            .add_function(MATCHES, matches)
            .and_then(|()| context.add_function(IN_ORDER, in_order))
            .map_err(|error| error.to_string())?;
        let review = at_most(
            MAX_REVIEW_BYTES,
            "the review",
            describe_review(review, listed),
        )?;
        context.add_variable_from_value("review", review);
        Ok(context)
    }

    /// Whether the image passes the rule, in the [context](Self::context) of its review. An expression
    /// that fails, or is neither true nor false, is an error: a decision that cannot be made.
    pub(super) fn evaluate(
        &self,
        context: &Context<'_, '_>,
        image: &Image<'_>,
        facts: &ImageFields,
    ) -> Result<bool, String> {
        let mut image = image_fields(image);
        bounded(MAX_IMAGE_BYTES, "the image", size_of_fields(&image))?;
        bounded(
            MAX_FACTS_BYTES,
            "what is known of the image",
            size_of_fields(facts),
        )?;
        image.extend(facts.iter().map(|(name, value)| (*name, value.clone())));
        let image = Value::from(image);
        let mut context = context.new_inner_scope();
        context.add_variable_from_value("image", image);
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

fn at_most(most: usize, what: &str, value: Value) -> Result<Value, String> {
    bounded(most, what, size_of(&value))?;
    Ok(value)
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
