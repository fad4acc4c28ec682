//! How many steps an expression takes at most, and how large the values are that it makes: both
//! follow from the sizes of the image and of the review.
//!
//! Without loops within loops, each part takes a number of steps that is linear in the sizes of what it
//! is given, and a loop takes that for each of its items. So the price is found once, when the expression
//! is compiled, and what one review costs is known before the expression runs.

use std::{
    collections::HashMap,
    ops::{Add, Mul},
};

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators,
};

use super::{
    language::{
        IN_ORDER, MATCHES, MAX_FACTS_BYTES, MAX_IMAGE_BYTES, MAX_IMAGES, MAX_ITEMS,
        MAX_PREDICATE_BYTES, MAX_REVIEW_BYTES, PREDICATE, WORD,
    },
    regex::CountedRegex,
    variables::{IMAGE_FIELDS, UsedFields, longest},
};

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

/// The steps of a part itself, beside what it does with the bytes of its operands. The interpreter looks
/// names up by their text.
const PART: u64 = 100;

/// The steps of a turn of a loop itself.
const TURN: u64 = 400;

/// The steps for each byte that is compared or searched.
const LOOK: u64 = 1;

/// The steps for each byte that is copied: most are in small pieces, each with an allocation.
const COPY: u64 = 2;

/// The sizes that a price depends on, in bytes as the bounds count them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) image: u64,
    /// What is known of the image from registries.
    pub(super) facts: u64,
    /// What an attestation of the image says.
    pub(super) predicate: u64,
    pub(super) review: u64,
    /// The images of the review.
    pub(super) images: u64,
    /// The most items of a list or map of the review.
    pub(super) items: u64,
}

impl Sizes {
    /// Those of the largest review that expressions are evaluated for.
    pub(super) const LARGEST: Self = Self {
        image: MAX_IMAGE_BYTES as u64,
        facts: MAX_FACTS_BYTES as u64,
        predicate: MAX_PREDICATE_BYTES as u64,
        review: MAX_REVIEW_BYTES as u64,
        images: (MAX_IMAGES * MAX_IMAGE_BYTES) as u64,
        items: MAX_ITEMS as u64,
    };

    /// The same for images of which these fields are described.
    pub(super) fn largest(used: &UsedFields) -> Self {
        let image = used.most_bytes().min(MAX_IMAGE_BYTES) as u64;
        Self {
            image,
            images: image * MAX_IMAGES as u64,
            ..Self::LARGEST
        }
    }
}

/// A number that is linear in the sizes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Linear {
    base: u64,
    /// How many times the size of the image is in it.
    image: u64,
    facts: u64,
    predicate: u64,
    review: u64,
    images: u64,
    /// Within a loop, that of the item that it is at.
    item: u64,
}

impl Linear {
    fn base(base: u64) -> Self {
        Self {
            base,
            ..Self::default()
        }
    }

    fn word() -> Self {
        Self::base(WORD as u64)
    }

    fn at(self, sizes: Sizes) -> u64 {
        let image = self.image.saturating_mul(sizes.image);
        let review = self.review.saturating_mul(sizes.review);
        let images = self.images.saturating_mul(sizes.images);
        let facts = self.facts.saturating_mul(sizes.facts);
        let predicate = self.predicate.saturating_mul(sizes.predicate);
        let image = self.base.saturating_add(image).saturating_add(facts);
        let image = image.saturating_add(predicate);
        image.saturating_add(review).saturating_add(images)
    }

    /// The smaller of two, where one is surely so; else one that is at least the smaller.
    fn smaller(self, other: Self) -> Self {
        let is_small = |one: Self| one == Self::base(one.base);
        let of_whole = |one: Self| (one.review, one.images, one.predicate);
        match (is_small(self), is_small(other)) {
            (true, true) => Self::base(self.base.min(other.base)),
            (false, true) => other,
            // An image is smaller than its review, and an item than its list.
            (false, false) if of_whole(other) <= of_whole(self) => other,
            (true | false, false) => self,
        }
    }
}

impl Add for Linear {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            base: self.base.saturating_add(other.base),
            image: self.image.saturating_add(other.image),
            facts: self.facts.saturating_add(other.facts),
            predicate: self.predicate.saturating_add(other.predicate),
            review: self.review.saturating_add(other.review),
            images: self.images.saturating_add(other.images),
            item: self.item.saturating_add(other.item),
        }
    }
}

impl Mul<u64> for Linear {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self {
            base: self.base.saturating_mul(times),
            image: self.image.saturating_mul(times),
            facts: self.facts.saturating_mul(times),
            predicate: self.predicate.saturating_mul(times),
            review: self.review.saturating_mul(times),
            images: self.images.saturating_mul(times),
            item: self.item.saturating_mul(times),
        }
    }
}

/// What one evaluation takes at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Price {
    once: Linear,
    /// For each item of a loop over something of the review.
    each: Linear,
    /// The most bytes that a part makes of the largest review.
    largest: u64,
}

impl Price {
    pub(super) fn of(root: &IdedExpr, regexes: &HashMap<String, CountedRegex>) -> Self {
        let mut pricing = Pricing {
            regexes,
            price: Self::default(),
            within: None,
        };
        pricing.visit(root);
        pricing.price
    }

    /// The steps of one evaluation.
    pub(super) fn steps(self, sizes: Sizes) -> u64 {
        let each = self.each.at(sizes).saturating_mul(sizes.items);
        self.once.at(sizes).saturating_add(each)
    }

    pub(super) fn largest(self) -> u64 {
        self.largest
    }
}

/// The loop that a part is in.
#[derive(Clone)]
struct Loop<'e> {
    item: &'e str,
    is_over_images: bool,
    /// The size of all that it goes through.
    range: Linear,
    /// The steps of a turn.
    turn: Linear,
}

struct Pricing<'e> {
    regexes: &'e HashMap<String, CountedRegex>,
    price: Price,
    within: Option<Loop<'e>>,
}

impl<'e> Pricing<'e> {
    fn take(&mut self, steps: Linear) {
        match &mut self.within {
            None => self.price.once = self.price.once + steps,
            Some(within) => within.turn = within.turn + steps,
        }
    }

    /// The size of what a part gives. Its steps are added to the price.
    fn visit(&mut self, part: &'e IdedExpr) -> Linear {
        self.take(Linear::base(PART));
        let size = match &part.expr {
            Expr::Literal(LiteralValue::String(text)) => {
                Linear::base((WORD + text.inner().len()) as u64)
            }
            Expr::Literal(LiteralValue::Bytes(bytes)) => {
                Linear::base((WORD + bytes.inner().len()) as u64)
            }
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => {
                let size = self.visit(&select.operand);
                match &select.operand.expr {
                    _ if select.test => Linear::word(),
                    Expr::Ident(name) => self.field(name, &select.field).unwrap_or(size),
                    _ => size,
                }
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(turns) => self.turns(turns),
            Expr::List(list) => {
                let size = self.visit_all(&list.elements);
                self.take(size * COPY);
                size
            }
            Expr::Map(map) => {
                let mut size = Linear::word();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        size = size + self.visit(&entry.key) + self.visit(&entry.value);
                    }
                }
                self.take(size * COPY);
                size
            }
            // Expressions with others are refused.
            Expr::Literal(_) | Expr::Unspecified | Expr::Struct(_) => Linear::word(),
        };
        let range = self.within.as_ref().map(|within| within.range);
        let range = range.unwrap_or_default().at(Sizes::LARGEST);
        let largest = size.at(Sizes::LARGEST);
        let largest = largest.saturating_add(size.item.saturating_mul(range));
        self.price.largest = self.price.largest.max(largest);
        size
    }

    fn visit_all(&mut self, parts: impl IntoIterator<Item = &'e IdedExpr>) -> Linear {
        let sizes = parts.into_iter().map(|part| self.visit(part));
        sizes.fold(Linear::word(), Linear::add)
    }

    fn variable(&self, name: &str) -> Linear {
        let default = Linear::default();
        match (name, &self.within) {
            ("image", _) => Linear {
                image: 1,
                ..default
            },
            ("review", _) => Linear {
                review: 1,
                ..default
            },
            (PREDICATE, _) => Linear {
                predicate: 1,
                ..default
            },
            (name, Some(within)) if name == within.item => Linear { item: 1, ..default },
            // What a loop has made so far is counted where it is made.
            _ => default,
        }
    }

    /// The size of a field whose size is known.
    fn field(&self, variable: &str, field: &str) -> Option<Linear> {
        let is_item = |within: &Loop<'_>| within.is_over_images && within.item == variable;
        if variable == "review" && field == "images" {
            return Some(Linear {
                images: 1,
                ..Linear::default()
            });
        }
        if variable == "image" && !IMAGE_FIELDS.contains(&field) {
            return Some(Linear {
                facts: 1,
                ..Linear::default()
            });
        }
        let is_image = variable == "image" || self.within.as_ref().is_some_and(is_item);
        let most = is_image.then(|| longest(field)).flatten()?;
        Some(Linear::base((WORD + most) as u64))
    }

    fn call(&mut self, call: &'e CallExpr) -> Linear {
        let name = call.func_name.as_str();
        let parts: Vec<&IdedExpr> = call
            .target
            .as_deref()
            .into_iter()
            .chain(&call.args)
            .collect();
        let sizes: Vec<Linear> = parts.iter().map(|part| self.visit(part)).collect();
        let all = sizes.iter().copied().fold(Linear::word(), Linear::add);
        let steps = match (name, &sizes[..]) {
            (
                operators::LOGICAL_AND
                | operators::LOGICAL_OR
                | operators::LOGICAL_NOT
                | operators::NOT_STRICTLY_FALSE
                | operators::CONDITIONAL
                | operators::NEGATE,
                _,
            ) => Linear::default(),
            (
                operators::EQUALS
                | operators::NOT_EQUALS
                | operators::LESS
                | operators::LESS_EQUALS
                | operators::GREATER
                | operators::GREATER_EQUALS
                | "startsWith"
                | "endsWith",
                [left, right],
            ) => left.smaller(*right) * LOOK,
            (operators::IN | "contains" | "size", _) => all * LOOK,
            (MATCHES, [text, ..]) => {
                let regex = match parts.last().map(|part| &part.expr) {
                    Some(Expr::Literal(LiteralValue::String(pattern))) => {
                        self.regexes.get(pattern.inner())
                    }
                    _ => None,
                };
                *text * regex.map_or(1, CountedRegex::steps_a_byte)
            }
            // An element of a list or map is not copied where it is taken.
            (operators::INDEX, _) => Linear::default(),
            _ => all * COPY,
        };
        self.take(steps);
        if SMALL.contains(&name) {
            Linear::word()
        } else {
            all
        }
    }

    /// All turns of a loop together make as much as is made of all items, and of the rest as often as
    /// there are items; and so many steps they take.
    fn turns(&mut self, turns: &'e ComprehensionExpr) -> Linear {
        let range = self.visit(&turns.iter_range);
        // Each item is copied for its turn.
        self.take(range * COPY);
        self.within = Some(Loop {
            item: &turns.iter_var,
            is_over_images: is_images(&turns.iter_range),
            range,
            turn: Linear::base(TURN),
        });
        let parts = [
            &turns.accu_init,
            &turns.loop_cond,
            &turns.loop_step,
            &turns.result,
        ];
        let size = parts
            .into_iter()
            .map(|part| self.visit(part))
            .fold(Linear::default(), Linear::add);
        let within = self.within.take();
        let turn = within.map(|within| within.turn).unwrap_or_default();
        let without_items = |linear: Linear| Linear { item: 0, ..linear };
        self.take(range * turn.item);
        if is_over_review(&turns.iter_range) {
            self.price.each = self.price.each + without_items(turn);
        } else {
            self.take(without_items(turn) * MAX_ITEMS as u64);
        }
        range * size.item + without_items(size) * MAX_ITEMS as u64
    }
}

fn is_images(range: &IdedExpr) -> bool {
    matches!(&range.expr, Expr::Select(select) if select.field == "images") && is_over_review(range)
}

/// Whether a loop goes over a list or map of the review as it is.
fn is_over_review(range: &IdedExpr) -> bool {
    match &range.expr {
        Expr::Call(call) if call.func_name == IN_ORDER => call.args.iter().all(is_over_review),
        Expr::Select(select) => {
            matches!(&select.operand.expr, Expr::Ident(name) if name == "review")
        }
        _ => false,
    }
}
