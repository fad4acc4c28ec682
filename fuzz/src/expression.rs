//! Expressions from a grammar, and what each comes to by a reader of a few lines.

use std::{fmt, sync::LazyLock};

use arbitrary::Unstructured;
use regex::Regex;

/// The fields of an image that an expression knows.
pub const IMAGE_FIELDS: [&str; 10] = [
    "written",
    "registry",
    "host",
    "port",
    "repository",
    "tag",
    "digest",
    "container",
    "kind",
    "path",
];

/// The fields of a review that an expression knows and that are text.
pub const REVIEW_FIELDS: [&str; 4] = ["namespace", "user", "operation", "kind"];

/// What is known of a review, in the order of [`REVIEW_FIELDS`] and [`IMAGE_FIELDS`].
pub struct Known {
    pub images: &'static [[Option<&'static str>; 10]],
    pub review: [Option<&'static str>; 4],
    pub groups: Option<&'static [&'static str]>,
    /// In the order of their keys.
    pub annotations: &'static [(&'static str, &'static str)],
}

/// An expression. What has parts stands in parentheses, so that it reads as it is meant.
#[derive(Debug)]
pub struct Expression(Truth);

#[derive(Debug)]
enum Truth {
    Literal(bool),
    Not(Box<Truth>),
    And(Box<[Truth; 2]>),
    Or(Box<[Truth; 2]>),
    If(Box<[Truth; 3]>),
    Text(TextTest, Text, Text),
    Matches(Text, usize),
    Number(NumberTest, Number, Number),
    In(Text, List),
    HasOfImage(usize),
    HasOfReview(usize),
    HasOfElement(usize),
    Loop(Loop, List, Box<Truth>),
}

#[derive(Clone, Copy, Debug)]
enum TextTest {
    Equal,
    Unequal,
    Less,
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Clone, Copy, Debug)]
enum NumberTest {
    Equal,
    Less,
    AtMost,
}

#[derive(Clone, Copy, Debug)]
enum Loop {
    All,
    Exists,
    ExistsOne,
}

#[derive(Debug)]
enum Text {
    Literal(&'static str),
    OfImage(usize),
    OfReview(usize),
    Annotation(&'static str),
    /// What a loop is at, if that is text.
    Element,
    /// A field of what a loop is at, if that is an image.
    OfElement(usize),
    Joined(Box<[Text; 2]>),
    At(List, Box<Number>),
}

#[derive(Debug)]
enum Number {
    Literal(i8),
    Length(Box<Text>),
    Count(List),
    Sum(Box<[Number; 2]>),
    Quotient(Box<[Number; 2]>),
}

#[derive(Debug)]
enum List {
    Literal(Vec<&'static str>),
    Groups,
    /// The keys of a map, where a loop goes over it.
    Annotations,
    Images,
    /// A field of each image. It is a loop, so it stands in none.
    OfImages(usize),
    /// The keys of a map, in a list of their own. It is a loop too.
    Keys,
}

const TEXTS: [&str; 18] = [
    "",
    "nginx",
    "docker.io",
    "example.com",
    "registry.example.com:5000",
    "team/app",
    "1.2.3",
    "v",
    "é",
    ".",
    "shop",
    "ana",
    "developers",
    "init",
    "CREATE",
    "x.image-policy.k8s.io/a",
    "latest",
    "spec",
];

const KEYS: [&str; 4] = [
    "x.image-policy.k8s.io/a",
    "x.image-policy.k8s.io/b",
    "y.image-policy.k8s.io/a",
    "z",
];

const PATTERNS: [&str; 8] = [
    "^v?[0-9.]+$",
    "a|e",
    "",
    "[^a-z]",
    "é",
    r"\d",
    "^$",
    "(?i)NGINX",
];

static REGEXES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    let compiled = PATTERNS.map(|pattern| Regex::new(pattern).expect("it is one"));
    compiled.into()
});

/// What a loop is at, where an expression is made.
#[derive(Clone, Copy, PartialEq)]
enum Element {
    None,
    Text,
    Image,
}

type Made<T> = arbitrary::Result<T>;

impl Expression {
    /// An expression of these bytes, not deep enough to be refused for that.
    pub fn arbitrary(u: &mut Unstructured<'_>) -> Made<Self> {
        Truth::arbitrary(u, 5, Element::None).map(Self)
    }

    /// What it comes to for an image: `None` if it cannot be decided.
    pub fn evaluate(&self, known: &Known, image: usize) -> Option<bool> {
        let scope = Scope {
            known,
            image,
            element: None,
        };
        self.0.evaluate(&scope)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Truth {
    fn arbitrary(u: &mut Unstructured<'_>, depth: u8, element: Element) -> Made<Self> {
        let Some(depth) = depth.checked_sub(1).filter(|_| !u.is_empty()) else {
            return Ok(Self::Literal(u.arbitrary()?));
        };
        let part = |u: &mut Unstructured<'_>| Self::arbitrary(u, depth, element);
        let text = |u: &mut Unstructured<'_>| Text::arbitrary(u, depth, element);
        let number = |u: &mut Unstructured<'_>| Number::arbitrary(u, depth, element);
        Ok(match u.int_in_range(0..=14)? {
            0 => Self::Literal(u.arbitrary()?),
            1 => Self::Not(part(u)?.into()),
            2 | 3 => Self::And([part(u)?, part(u)?].into()),
            4 | 5 => Self::Or([part(u)?, part(u)?].into()),
            6 => Self::If([part(u)?, part(u)?, part(u)?].into()),
            7 | 8 => {
                let tests = [
                    TextTest::Equal,
                    TextTest::Unequal,
                    TextTest::Less,
                    TextTest::StartsWith,
                    TextTest::EndsWith,
                    TextTest::Contains,
                ];
                Self::Text(*u.choose(&tests)?, text(u)?, text(u)?)
            }
            9 => Self::Matches(text(u)?, u.choose_index(PATTERNS.len())?),
            10 => {
                let tests = [NumberTest::Equal, NumberTest::Less, NumberTest::AtMost];
                Self::Number(*u.choose(&tests)?, number(u)?, number(u)?)
            }
            11 if u.arbitrary()? => Self::In(text(u)?, List::Annotations),
            11 => Self::In(text(u)?, List::of_texts(u, element)?),
            12 => match u.int_in_range(0..=2)? {
                0 if element == Element::Image => {
                    Self::HasOfElement(u.choose_index(IMAGE_FIELDS.len())?)
                }
                0 | 1 => Self::HasOfImage(u.choose_index(IMAGE_FIELDS.len())?),
                _ => Self::HasOfReview(u.choose_index(REVIEW_FIELDS.len())?),
            },
            // No loop stands in another.
            _ if element != Element::None => Self::Not(part(u)?.into()),
            _ => {
                let loops = [Loop::All, Loop::Exists, Loop::ExistsOne];
                let (kind, list) = (*u.choose(&loops)?, List::arbitrary(u)?);
                let element = match list {
                    List::Images => Element::Image,
                    _ => Element::Text,
                };
                Self::Loop(kind, list, Self::arbitrary(u, depth, element)?.into())
            }
        })
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Option<bool> {
        Some(match self {
            Self::Literal(value) => *value,
            Self::Not(part) => !part.evaluate(scope)?,
            Self::And(parts) => return all(parts.iter().map(|part| part.evaluate(scope))),
            Self::Or(parts) => {
                let negated = parts.iter().map(|part| part.evaluate(scope).map(|is| !is));
                return all(negated).map(|is| !is);
            }
            Self::If(parts) => {
                let [condition, yes, no] = &**parts;
                let chosen = if condition.evaluate(scope)? { yes } else { no };
                return chosen.evaluate(scope);
            }
            Self::Text(test, left, right) => {
                let (left, right) = (left.evaluate(scope)?, right.evaluate(scope)?);
                match test {
                    TextTest::Equal => left == right,
                    TextTest::Unequal => left != right,
                    TextTest::Less => left < right,
                    TextTest::StartsWith => left.starts_with(&right),
                    TextTest::EndsWith => left.ends_with(&right),
                    TextTest::Contains => left.contains(&right),
                }
            }
            Self::Matches(text, pattern) => REGEXES[*pattern].is_match(&text.evaluate(scope)?),
            Self::Number(test, left, right) => {
                let (left, right) = (left.evaluate(scope)?, right.evaluate(scope)?);
                match test {
                    NumberTest::Equal => left == right,
                    NumberTest::Less => left < right,
                    NumberTest::AtMost => left <= right,
                }
            }
            Self::In(text, list) => {
                let text = text.evaluate(scope)?;
                list.evaluate(scope)?.contains(&Item::Text(&text))
            }
            Self::HasOfImage(field) => scope.known.images[scope.image][*field].is_some(),
            Self::HasOfReview(field) => scope.known.review[*field].is_some(),
            Self::HasOfElement(field) => match scope.element? {
                Item::Image(image) => scope.known.images[image][*field].is_some(),
                Item::Text(_) => return None,
            },
            Self::Loop(kind, list, part) => {
                let list = list.evaluate(scope)?;
                let found = list.iter().map(|item| {
                    part.evaluate(&Scope {
                        element: Some(*item),
                        ..*scope
                    })
                });
                return match kind {
                    Loop::All => all(found),
                    Loop::Exists => all(found.map(|found| found.map(|is| !is))).map(|is| !is),
                    Loop::ExistsOne => found
                        .collect::<Option<Vec<bool>>>()
                        .map(|found| found.into_iter().filter(|is| *is).count() == 1),
                };
            }
        })
    }
}

/// Whether all are true: one that is false decides, whatever cannot be decided beside it.
fn all(parts: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let parts: Vec<Option<bool>> = parts.collect();
    if parts.contains(&Some(false)) {
        return Some(false);
    }
    parts.iter().all(Option::is_some).then_some(true)
}

impl fmt::Display for Truth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(value) => write!(f, "{value}"),
            Self::Not(part) => write!(f, "!{part}"),
            Self::And(parts) => write!(f, "({} && {})", parts[0], parts[1]),
            Self::Or(parts) => write!(f, "({} || {})", parts[0], parts[1]),
            Self::If(parts) => write!(f, "({} ? {} : {})", parts[0], parts[1], parts[2]),
            Self::Text(test, left, right) => match test {
                TextTest::Equal => write!(f, "({left} == {right})"),
                TextTest::Unequal => write!(f, "({left} != {right})"),
                TextTest::Less => write!(f, "({left} < {right})"),
                TextTest::StartsWith => write!(f, "{left}.startsWith({right})"),
                TextTest::EndsWith => write!(f, "{left}.endsWith({right})"),
                TextTest::Contains => write!(f, "{left}.contains({right})"),
            },
            Self::Matches(text, pattern) => write!(f, "{text}.matches(r'{}')", PATTERNS[*pattern]),
            Self::Number(test, left, right) => match test {
                NumberTest::Equal => write!(f, "({left} == {right})"),
                NumberTest::Less => write!(f, "({left} < {right})"),
                NumberTest::AtMost => write!(f, "({left} <= {right})"),
            },
            Self::In(text, list) => write!(f, "({text} in {list})"),
            Self::HasOfImage(field) => write!(f, "has(image.{})", IMAGE_FIELDS[*field]),
            Self::HasOfReview(field) => write!(f, "has(review.{})", REVIEW_FIELDS[*field]),
            Self::HasOfElement(field) => write!(f, "has(e.{})", IMAGE_FIELDS[*field]),
            Self::Loop(kind, list, part) => {
                let name = match kind {
                    Loop::All => "all",
                    Loop::Exists => "exists",
                    Loop::ExistsOne => "exists_one",
                };
                write!(f, "{list}.{name}(e, {part})")
            }
        }
    }
}

impl Text {
    fn arbitrary(u: &mut Unstructured<'_>, depth: u8, element: Element) -> Made<Self> {
        let Some(depth) = depth.checked_sub(1).filter(|_| !u.is_empty()) else {
            return Ok(Self::Literal(u.choose(&TEXTS)?));
        };
        let part = |u: &mut Unstructured<'_>| Self::arbitrary(u, depth, element);
        Ok(match u.int_in_range(0..=9)? {
            0 => Self::Literal(u.choose(&TEXTS)?),
            1 => Self::OfReview(u.choose_index(REVIEW_FIELDS.len())?),
            2 => Self::Annotation(u.choose(&KEYS)?),
            3 => Self::Joined([part(u)?, part(u)?].into()),
            4 => {
                let number = Number::arbitrary(u, depth, element)?;
                Self::At(List::of_texts(u, element)?, number.into())
            }
            5..=7 if element == Element::Text => Self::Element,
            5..=7 if element == Element::Image => {
                Self::OfElement(u.choose_index(IMAGE_FIELDS.len())?)
            }
            _ => Self::OfImage(u.choose_index(IMAGE_FIELDS.len())?),
        })
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Option<String> {
        let known = scope.known;
        let text = match self {
            Self::Literal(text) => text,
            Self::OfImage(field) => known.images[scope.image][*field]?,
            Self::OfReview(field) => known.review[*field]?,
            Self::Annotation(key) => {
                let pair = known.annotations.iter().find(|(known, _)| known == key);
                pair?.1
            }
            Self::Element => match scope.element? {
                Item::Text(text) => text,
                Item::Image(_) => return None,
            },
            Self::OfElement(field) => match scope.element? {
                Item::Image(image) => known.images[image][*field]?,
                Item::Text(_) => return None,
            },
            Self::Joined(parts) => {
                return Some(parts[0].evaluate(scope)? + &parts[1].evaluate(scope)?);
            }
            Self::At(list, number) => {
                let index = usize::try_from(number.evaluate(scope)?).ok();
                return match list.evaluate(scope)?.get(index?)? {
                    Item::Text(text) => Some((*text).to_owned()),
                    Item::Image(_) => None,
                };
            }
        };
        Some(text.to_owned())
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => write!(f, "'{text}'"),
            Self::OfImage(field) => write!(f, "image.{}", IMAGE_FIELDS[*field]),
            Self::OfReview(field) => write!(f, "review.{}", REVIEW_FIELDS[*field]),
            Self::Annotation(key) => write!(f, "review.annotations['{key}']"),
            Self::Element => write!(f, "e"),
            Self::OfElement(field) => write!(f, "e.{}", IMAGE_FIELDS[*field]),
            Self::Joined(parts) => write!(f, "({} + {})", parts[0], parts[1]),
            Self::At(list, number) => write!(f, "{list}[{number}]"),
        }
    }
}

impl Number {
    fn arbitrary(u: &mut Unstructured<'_>, depth: u8, element: Element) -> Made<Self> {
        let Some(depth) = depth.checked_sub(1).filter(|_| !u.is_empty()) else {
            return Ok(Self::Literal(0));
        };
        let part = |u: &mut Unstructured<'_>| Self::arbitrary(u, depth, element);
        Ok(match u.int_in_range(0..=5)? {
            0 | 1 => Self::Literal(u.arbitrary()?),
            2 => Self::Length(Text::arbitrary(u, depth, element)?.into()),
            3 if element == Element::None => Self::Count(List::arbitrary(u)?),
            3 => Self::Count(List::of_texts(u, element)?),
            4 => Self::Sum([part(u)?, part(u)?].into()),
            _ => Self::Quotient([part(u)?, part(u)?].into()),
        })
    }

    fn evaluate(&self, scope: &Scope<'_>) -> Option<i64> {
        match self {
            Self::Literal(number) => Some((*number).into()),
            Self::Length(text) => i64::try_from(text.evaluate(scope)?.chars().count()).ok(),
            Self::Count(list) => i64::try_from(list.evaluate(scope)?.len()).ok(),
            Self::Sum(parts) => Some(parts[0].evaluate(scope)? + parts[1].evaluate(scope)?),
            Self::Quotient(parts) => {
                let (left, right) = (parts[0].evaluate(scope)?, parts[1].evaluate(scope)?);
                left.checked_div(right)
            }
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(number) => write!(f, "{number}"),
            Self::Length(text) => write!(f, "size({text})"),
            Self::Count(list) => write!(f, "size({list})"),
            Self::Sum(parts) => write!(f, "({} + {})", parts[0], parts[1]),
            Self::Quotient(parts) => write!(f, "({} / {})", parts[0], parts[1]),
        }
    }
}

impl List {
    fn arbitrary(u: &mut Unstructured<'_>) -> Made<Self> {
        Ok(match u.int_in_range(0..=2)? {
            0 => Self::Images,
            1 => Self::Annotations,
            _ => Self::of_texts(u, Element::None)?,
        })
    }

    fn of_texts(u: &mut Unstructured<'_>, element: Element) -> Made<Self> {
        Ok(match u.int_in_range(0..=3)? {
            0 => Self::Groups,
            1 if element == Element::None => Self::Keys,
            2 if element == Element::None => Self::OfImages(u.choose_index(IMAGE_FIELDS.len())?),
            _ => {
                let len = u.int_in_range(0..=3)?;
                let texts = (0..len).map(|_| u.choose(&TEXTS).copied());
                Self::Literal(texts.collect::<Made<_>>()?)
            }
        })
    }

    fn evaluate<'s>(&'s self, scope: &Scope<'_>) -> Option<Vec<Item<'s>>> {
        let known = scope.known;
        Some(match self {
            Self::Literal(texts) => texts.iter().map(|text| Item::Text(text)).collect(),
            Self::Groups => known.groups?.iter().map(|text| Item::Text(text)).collect(),
            Self::Annotations | Self::Keys => {
                let keys = known.annotations.iter().map(|(key, _)| key);
                keys.map(|key| Item::Text(key)).collect()
            }
            Self::Images => (0..known.images.len()).map(Item::Image).collect(),
            Self::OfImages(field) => {
                let fields = known.images.iter().map(|fields| fields[*field]);
                fields
                    .map(|text| text.map(Item::Text))
                    .collect::<Option<_>>()?
            }
        })
    }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| format!("'{text}'")).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Self::Groups => write!(f, "review.groups"),
            Self::Annotations => write!(f, "review.annotations"),
            Self::Images => write!(f, "review.images"),
            Self::Keys => write!(f, "review.annotations.map(k, k)"),
            Self::OfImages(field) => write!(f, "review.images.map(i, i.{})", IMAGE_FIELDS[*field]),
        }
    }
}

/// An element of a list; of an image, its position.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Item<'a> {
    Text(&'a str),
    Image(usize),
}

/// What an expression is asked about.
struct Scope<'a> {
    known: &'a Known,
    image: usize,
    element: Option<Item<'a>>,
}
