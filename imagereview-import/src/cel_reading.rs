//! Expressions of the Common Expression Language over a pod, as far as they are about the names of images.

use std::{cell::Cell, collections::BTreeMap};

use cel::{
    common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue},
    parser::Parser,
};
use imagereview_core::Mode;

use crate::{
    draft::{Document, Scope},
    error::ImportError,
    formula::{Field, Formula, LooksAt},
    sink::{Sink, Taking, digest_required, no_ephemeral_containers},
    wildcard::Wild,
    yaml::At,
};

/// The longest expression that is read, in bytes, and how deep its brackets may be: the parser takes up to
/// 150 KB of the stack for each in a build that is not optimised.
const MAX_LEN: usize = 2048;
const MAX_BRACKETS: usize = 10;

/// How deep parts may be within each other, those of variables included.
const MAX_DEPTH: usize = 48;

/// Variables and their expressions.
pub(crate) type Variables = BTreeMap<String, String>;

/// The variables of a policy.
pub(crate) fn variables(items: &[At<'_>]) -> Variables {
    let pair = |item: &At<'_>| {
        let name = item.text_of("name")?;
        Some((name.to_owned(), item.text_of("expression")?.to_owned()))
    };
    items.iter().filter_map(pair).collect()
}

/// Takes one `validations` item, or one of a `ClusterPolicy`'s `expressions`, as a rule.
pub(crate) fn take(
    name: &str,
    at: &At<'_>,
    variables: &Variables,
    scope: &Scope,
    mode: Option<Mode>,
    document: &mut Document,
    sink: &mut Sink,
) -> Result<(), ImportError> {
    let expression = at.required_text("expression")?;
    sink.remarks.unknown_fields(
        at,
        &["expression", "message", "messageExpression", "reason"],
    );
    let place = at.get("expression").unwrap_or_else(|| at.clone());
    let required = match read(expression, variables) {
        Ok(required) => required,
        Err(reason) => {
            sink.remarks.not_taken(&place, reason);
            return Ok(());
        }
    };
    let (formula, looks_at, checks) = match required {
        Required::Images(formula, looks_at) => (formula, looks_at, None),
        Required::NoEphemeralContainers => {
            let (formula, looks_at, checks) = no_ephemeral_containers();
            (formula, looks_at, Some(checks))
        }
    };
    sink.take(
        document,
        Taking {
            mode,
            message: at.text_of("message").map(str::to_owned),
            checks,
            ..Taking::new(name, &place, formula, looks_at, scope)
        },
    );
    Ok(())
}

/// What an expression requires.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Required {
    Images(Formula, LooksAt),
    NoEphemeralContainers,
}

/// Reads an expression. An error is a sentence that says what is not known in it.
pub(crate) fn read(expression: &str, variables: &Variables) -> Result<Required, String> {
    let reader = Reader {
        variables,
        depth: Cell::new(0),
    };
    match reader.value(&parse(expression)?, &Scopes::default())? {
        Value::All(formula, looks_at) => Ok(Required::Images(formula, looks_at)),
        Value::None(LooksAt {
            ephemeral: true,
            init: false,
            regular: false,
        }) => Ok(Required::NoEphemeralContainers),
        other => Err(format!(
            "the expression is not about all images of a pod: it is {}",
            other.kind()
        )),
    }
}

fn parse(expression: &str) -> Result<IdedExpr, String> {
    if expression.len() > MAX_LEN {
        return Err(format!(
            "the expression has {} bytes, and the import reads at most {MAX_LEN}",
            expression.len()
        ));
    }
    let mut depth = 0_usize;
    for c in expression.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_BRACKETS {
            return Err("the brackets of the expression are too deep for the import".to_owned());
        }
    }
    Parser::new()
        .enable_optional_syntax(true)
        .parse(expression)
        .map_err(|errors| {
            let errors = errors.to_string();
            let first = errors.lines().next().unwrap_or_default();
            format!("the expression can't be read: {first}")
        })
}

/// A part of an expression, as far as it matters.
#[derive(Clone, Debug)]
enum Value {
    /// The object, or a part of it that has no images itself.
    Object(Vec<String>),
    /// Containers of a pod.
    Containers(LooksAt),
    /// One of the containers.
    Container,
    /// A part of the name of its image.
    Image(Field),
    /// A part of the name, split at a character.
    Split(Field, char),
    Text(String),
    Texts(Vec<String>),
    Number(i64),
    Bool(bool),
    /// A condition on the image of one container.
    Condition(Formula),
    /// A condition that all images have to meet.
    All(Formula, LooksAt),
    /// There is an image that meets a condition.
    Some(Formula, LooksAt),
    /// There are no such containers.
    None(LooksAt),
    /// There are such containers.
    Present(LooksAt),
    /// The number of such containers, or the index of the last part.
    Size(Box<Value>),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Object(_) => "a part of the object",
            Self::Containers(_) => "a list of containers",
            Self::Container => "a container",
            Self::Image(_) | Self::Split(..) => "a part of an image's name",
            Self::Text(_) => "a text",
            Self::Texts(_) => "a list of texts",
            Self::Number(_) | Self::Size(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::Condition(_) => "a condition on one image",
            Self::All(..) => "a condition on all images",
            Self::Some(..) => "a condition that one image has to meet",
            Self::None(_) => "true without such containers",
            Self::Present(_) => "true with such containers",
        }
    }
}

/// The names that loops give to items.
#[derive(Clone, Debug, Default)]
struct Scopes(Vec<(String, Value)>);

struct Reader<'v> {
    variables: &'v Variables,
    /// How many parts the one that is read is within.
    depth: Cell<usize>,
}

impl Reader<'_> {
    fn value(&self, expr: &IdedExpr, scopes: &Scopes) -> Result<Value, String> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err("the parts of the expression are too deep for the import".to_owned());
        }
        self.depth.set(depth + 1);
        let value = self.part(expr, scopes);
        self.depth.set(depth);
        value
    }

    fn part(&self, expr: &IdedExpr, scopes: &Scopes) -> Result<Value, String> {
        match &expr.expr {
            Expr::Ident(name) => ident(name, scopes),
            Expr::Literal(LiteralValue::String(text)) => Ok(Value::Text(text.inner().to_owned())),
            Expr::Literal(LiteralValue::Boolean(value)) => Ok(Value::Bool(*value.inner())),
            Expr::Literal(LiteralValue::Int(number)) => Ok(Value::Number(*number.inner())),
            Expr::List(list) => {
                let mut texts = Vec::new();
                for item in &list.elements {
                    match self.value(item, scopes)? {
                        Value::Text(text) => texts.push(text),
                        other => return Err(unknown(&format!("a list with {}", other.kind()))),
                    }
                }
                Ok(Value::Texts(texts))
            }
            Expr::Select(select) => {
                let operand = self.value(&select.operand, scopes)?;
                let value = self.field(operand, &select.field, scopes)?;
                Ok(match (select.test, value) {
                    (false, value) => value,
                    (true, Value::Containers(looks_at)) => Value::Present(looks_at),
                    // Each container has an image, and each pod a specification.
                    (true, _) => Value::Bool(true),
                })
            }
            Expr::Call(call) => self.call(call, scopes),
            Expr::Comprehension(comprehension) => self.comprehension(comprehension, scopes),
            _ => Err(unknown("a part of the expression")),
        }
    }

    fn field(&self, operand: Value, field: &str, scopes: &Scopes) -> Result<Value, String> {
        match operand {
            Value::Object(path) if path == ["variables"] => {
                let expression = self
                    .variables
                    .get(field)
                    .ok_or_else(|| unknown(&format!("the variable {field:?}")))?;
                self.value(&parse(expression)?, scopes)
            }
            Value::Object(mut path) => {
                let looks_at = crate::formula::LooksAt {
                    regular: field == "containers",
                    init: field == "initContainers",
                    ephemeral: field == "ephemeralContainers",
                };
                if looks_at != LooksAt::NONE {
                    return Ok(Value::Containers(looks_at));
                }
                path.push(field.to_owned());
                Ok(Value::Object(path))
            }
            Value::Container if field == "image" => Ok(Value::Image(Field::Written)),
            other => Err(unknown(&format!("the field {field:?} of {}", other.kind()))),
        }
    }

    fn comprehension(
        &self,
        comprehension: &ComprehensionExpr,
        scopes: &Scopes,
    ) -> Result<Value, String> {
        let range = self.value(&comprehension.iter_range, scopes)?;
        // `all` begins with true and `exists` with false; other loops with a list or a number.
        let is_all = match &comprehension.accu_init.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => *value.inner(),
            _ => return Err(unknown("a loop that is neither all() nor exists()")),
        };
        let body = match &comprehension.loop_step.expr {
            Expr::Call(call) if call.args.len() == 2 => &call.args[1],
            _ => return Err(unknown("a loop that is neither all() nor exists()")),
        };
        let with = |item: Value| {
            let mut scopes = scopes.clone();
            scopes.0.push((comprehension.iter_var.clone(), item));
            self.value(body, &scopes)
        };
        match range {
            Value::Containers(looks_at) => {
                let formula = condition(with(Value::Container)?)?;
                Ok(if is_all {
                    Value::All(formula, looks_at)
                } else {
                    Value::Some(formula, looks_at)
                })
            }
            Value::Texts(texts) => {
                let mut parts = Vec::new();
                for text in texts {
                    parts.push(condition(with(Value::Text(text))?)?);
                }
                Ok(Value::Condition(if is_all {
                    Formula::And(parts)
                } else {
                    Formula::Or(parts)
                }))
            }
            other => Err(unknown(&format!("a loop over {}", other.kind()))),
        }
    }

    fn call(&self, call: &CallExpr, scopes: &Scopes) -> Result<Value, String> {
        let target = call.target.as_deref();
        let target = target.map(|target| self.value(target, scopes)).transpose();
        let name = &*call.func_name;
        match (name, &call.args[..]) {
            ("_?._", [operand, field]) => {
                let operand = self.value(operand, scopes)?;
                match self.value(field, scopes)? {
                    Value::Text(field) => self.field(operand, &field, scopes),
                    other => Err(unknown(other.kind())),
                }
            }
            ("_?_:_", [condition, yes, no]) => self.conditional(condition, yes, no, scopes),
            ("!_", [inner]) => negated(self.value(inner, scopes)?),
            ("_&&_" | "_||_", [left, right]) => {
                let left = self.value(left, scopes)?;
                let right = self.value(right, scopes)?;
                if name == "_&&_" {
                    both(left, right)
                } else {
                    either(left, right)
                }
            }
            ("_+_", [left, right]) => {
                match (self.value(left, scopes)?, self.value(right, scopes)?) {
                    (Value::Containers(left), Value::Containers(right)) => {
                        Ok(Value::Containers(left.and(right)))
                    }
                    (Value::Texts(left), Value::Texts(right)) => {
                        Ok(Value::Texts([left, right].concat()))
                    }
                    (Value::Text(left), Value::Text(right)) => Ok(Value::Text(left + &right)),
                    (left, right) => Err(unknown(&format!("{} + {}", left.kind(), right.kind()))),
                }
            }
            ("_-_", [left, right]) => match (self.value(left, scopes)?, self.value(right, scopes)?)
            {
                // The index of the last part.
                (size @ Value::Size(_), Value::Number(1)) => Ok(size),
                _ => Err(unknown("a subtraction")),
            },
            ("_==_" | "_!=_" | "_>_" | "_<=_", [left, right]) => {
                let left = self.value(left, scopes)?;
                let right = self.value(right, scopes)?;
                match name {
                    "_==_" | "_<=_" => equal(left, right),
                    _ => negated(equal(left, right)?),
                }
            }
            ("@in", [left, right]) => match (self.value(left, scopes)?, self.value(right, scopes)?)
            {
                (Value::Image(field), Value::Texts(texts)) => Ok(Value::Condition(Formula::Or(
                    texts.iter().map(|text| is(field, text)).collect(),
                ))),
                (left, right) => Err(unknown(&format!("{} in {}", left.kind(), right.kind()))),
            },
            ("_[_]", [operand, index]) => {
                let operand = self.value(operand, scopes)?;
                match (operand, self.value(index, scopes)?) {
                    (Value::Split(Field::Written, '/'), Value::Size(_)) => {
                        Ok(Value::Image(Field::LastPart))
                    }
                    (Value::Split(Field::LastPart, ':'), Value::Number(0)) => {
                        Ok(Value::Image(Field::LastPartToColon))
                    }
                    (split @ Value::Split(Field::Written, ':'), Value::Number(0)) => Ok(split),
                    _ => Err(unknown("an index")),
                }
            }
            // Kyverno's library for the parts of a name.
            ("image" | "parseImage", [inner]) if matches!(target, Ok(None)) => {
                match self.value(inner, scopes)? {
                    Value::Image(Field::Written) => Ok(Value::Split(Field::Written, '@')),
                    other => Err(unknown(&format!("image() of {}", other.kind()))),
                }
            }
            _ => match target? {
                Some(target) => self.method(target, name, &call.args, scopes),
                None => Err(unknown(&format!("the function {name}()"))),
            },
        }
    }

    fn method(
        &self,
        target: Value,
        name: &str,
        args: &[IdedExpr],
        scopes: &Scopes,
    ) -> Result<Value, String> {
        let arg = match args {
            [] => None,
            [arg] if name == "orValue" => {
                // What is there if the field is not: no containers.
                return match (self.value(arg, scopes), target) {
                    (Ok(Value::Texts(none)), target) if none.is_empty() => Ok(target),
                    _ => Err(unknown("orValue() with more than []")),
                };
            }
            [arg] => Some(self.value(arg, scopes)?),
            _ => {
                return Err(unknown(&format!(
                    "the function {name}() with several values"
                )));
            }
        };
        match (target, name, arg) {
            (Value::Image(field), name, Some(Value::Text(text))) => match name {
                "startsWith" => Ok(Value::Condition(Formula::atom(field, Wild::prefix(&text)))),
                "endsWith" => Ok(Value::Condition(Formula::atom(field, Wild::suffix(&text)))),
                "contains" => Ok(Value::Condition(Formula::atom(
                    field,
                    Wild::containing(&text),
                ))),
                "matches" => Ok(Value::Condition(Formula::atom(field, regex(&text)?))),
                "split" if [":", "/"].contains(&&*text) => {
                    Ok(Value::Split(field, text.chars().next().unwrap_or(':')))
                }
                _ => Err(unknown(&format!(
                    "the function {name}() of an image's name"
                ))),
            },
            (target @ (Value::Containers(_) | Value::Split(..)), "size", None) => {
                Ok(Value::Size(Box::new(target)))
            }
            (Value::Text(text), "trim", None) => Ok(Value::Text(text.trim().to_owned())),
            (Value::Text(text), "lowerAscii", None) => Ok(Value::Text(text.to_ascii_lowercase())),
            (Value::Split(Field::Written, '@'), name, None) => match name {
                "registry" => Ok(Value::Image(Field::Registry)),
                "repository" => Ok(Value::Image(Field::Path)),
                "tag" => Ok(Value::Image(Field::Tag)),
                "digest" => Ok(Value::Image(Field::Digest)),
                "containsDigest" => Ok(Value::Condition(digest_required())),
                _ => Err(unknown(&format!("the function {name}() of an image"))),
            },
            (target, name, _) => Err(unknown(&format!("{name}() of {}", target.kind()))),
        }
    }

    fn conditional(
        &self,
        condition: &IdedExpr,
        yes: &IdedExpr,
        no: &IdedExpr,
        scopes: &Scopes,
    ) -> Result<Value, String> {
        let condition = self.value(condition, scopes)?;
        let yes = self.value(yes, scopes)?;
        let no = self.value(no, scopes)?;
        let has_slash = Formula::atom(Field::Written, Wild::containing("/"));
        match (condition, yes, no) {
            (Value::Present(_), yes @ Value::Containers(_), Value::Texts(none))
                if none.is_empty() =>
            {
                Ok(yes)
            }
            (Value::Present(_), yes @ Value::All(..), Value::Bool(true)) => Ok(yes),
            // Without a slash the whole name is its last part.
            (
                Value::Condition(condition),
                last @ Value::Image(Field::LastPartToColon),
                Value::Split(Field::Written, ':'),
            ) if condition == has_slash => Ok(last),
            (Value::Condition(condition), yes, no) => {
                let (yes, no) = (self::condition(yes)?, self::condition(no)?);
                Ok(Value::Condition(Formula::And(vec![
                    Formula::Or(vec![condition.clone().not(), yes]),
                    Formula::Or(vec![condition, no]),
                ])))
            }
            _ => Err(unknown("a choice with ?:")),
        }
    }
}

fn ident(name: &str, scopes: &Scopes) -> Result<Value, String> {
    let bound = scopes.0.iter().rev().find(|(bound, _)| bound == name);
    match (bound, name) {
        (Some((_, value)), _) => Ok(value.clone()),
        (None, "object" | "variables" | "request") => Ok(Value::Object(vec![name.to_owned()])),
        _ => Err(unknown(&format!("{name:?}"))),
    }
}

fn unknown(what: &str) -> String {
    format!("the import does not know {what} in an expression")
}

fn is(field: Field, text: &str) -> Formula {
    if field == Field::Digest && text.is_empty() {
        digest_required().not()
    } else {
        Formula::atom(field, Wild::exact(text))
    }
}

/// A condition on one image.
fn condition(value: Value) -> Result<Formula, String> {
    match value {
        Value::Condition(formula) => Ok(formula),
        Value::Bool(true) => Ok(Formula::And(Vec::new())),
        Value::Bool(false) => Ok(Formula::Or(Vec::new())),
        other => Err(unknown(&format!(
            "{} as a condition on an image",
            other.kind()
        ))),
    }
}

fn negated(value: Value) -> Result<Value, String> {
    Ok(match value {
        Value::Condition(formula) => Value::Condition(formula.not()),
        Value::All(formula, looks_at) => Value::Some(formula.not(), looks_at),
        Value::Some(formula, looks_at) => Value::All(formula.not(), looks_at),
        Value::None(looks_at) => Value::Present(looks_at),
        Value::Present(looks_at) => Value::None(looks_at),
        Value::Bool(value) => Value::Bool(!value),
        other => return Err(unknown(&format!("not {}", other.kind()))),
    })
}

fn both(left: Value, right: Value) -> Result<Value, String> {
    Ok(match (left, right) {
        // If there are such containers, the condition is on them.
        (Value::Bool(true), other)
        | (other, Value::Bool(true))
        | (Value::Present(_), other @ Value::Some(..)) => other,
        (Value::All(left, first), Value::All(right, second)) if first == second => {
            Value::All(Formula::And(vec![left, right]), first)
        }
        (Value::All(left, first), Value::All(right, second)) if left == right => {
            Value::All(left, first.and(second))
        }
        (left, right) => Value::Condition(Formula::And(vec![condition(left)?, condition(right)?])),
    })
}

fn either(left: Value, right: Value) -> Result<Value, String> {
    Ok(match (left, right) {
        (Value::Bool(false), other)
        | (other, Value::Bool(false))
        | (Value::None(_), other @ Value::All(..)) => other,
        (Value::Some(left, first), Value::Some(right, second)) if first == second => {
            Value::Some(Formula::Or(vec![left, right]), first)
        }
        (left, right) => Value::Condition(Formula::Or(vec![condition(left)?, condition(right)?])),
    })
}

fn equal(left: Value, right: Value) -> Result<Value, String> {
    match (left, right) {
        (Value::Image(field), Value::Text(text)) | (Value::Text(text), Value::Image(field)) => {
            Ok(Value::Condition(is(field, &text)))
        }
        (Value::Size(size), Value::Number(0)) => match *size {
            Value::Containers(looks_at) => Ok(Value::None(looks_at)),
            other => Err(unknown(&format!("the size of {}", other.kind()))),
        },
        (Value::Bool(value), other) | (other, Value::Bool(value)) => {
            if value {
                Ok(other)
            } else {
                negated(other)
            }
        }
        (left, right) => Err(unknown(&format!(
            "{} compared with {}",
            left.kind(),
            right.kind()
        ))),
    }
}

/// A regular expression that is a text between `^` and `$`, or without one of them, with `.*` as its only
/// wildcard.
pub(crate) fn regex(text: &str) -> Result<Wild, String> {
    let unknown = || {
        format!(
            "the regular expression {text:?} is more than a beginning, an end and .*; write it in an expression of \
             the document"
        )
    };
    let (begins, rest) = match text.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (ends, rest) = match rest.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let mut glob = String::new();
    let mut chars = rest.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c @ ('.' | '/' | '-')) => glob.push(c),
                _ => return Err(unknown()),
            },
            '.' => match chars.next() {
                Some('*') => glob.push('*'),
                Some('+') => glob.push_str("?*"),
                _ => return Err(unknown()),
            },
            c if c.is_ascii_alphanumeric() || "_/:@-".contains(c) => glob.push(c),
            _ => return Err(unknown()),
        }
    }
    let open = |is_closed: bool| if is_closed { "" } else { "*" };
    Ok(Wild::glob(&format!("{}{glob}{}", open(begins), open(ends))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(expression: &str) -> (Formula, LooksAt) {
        let all = "object.spec.containers + object.spec.?initContainers.orValue([]) + \
                   object.spec.?ephemeralContainers.orValue([])";
        let variables = Variables::from([
            ("allContainers".to_owned(), all.to_owned()),
            ("allowed".to_owned(), "['app', 'tool']".to_owned()),
        ]);
        match read(expression, &variables) {
            Ok(Required::Images(formula, looks_at)) => (formula, looks_at),
            other => panic!("{expression}: {other:?}"),
        }
    }

    #[test]
    fn expressions_over_all_images_are_formulas() {
        for (expression, passes, fails) in [
            (
                "object.spec.containers.all(c, c.image.startsWith('registry.example.com/'))",
                "registry.example.com/app",
                "app",
            ),
            (
                "variables.allContainers.all(c, c.image.startsWith('a.example/') || c.image.startsWith('b.example/'))",
                "b.example/app",
                "app",
            ),
            (
                "!variables.allContainers.exists(c, c.image.endsWith(':latest') || !c.image.contains(':'))",
                "app:1",
                "app",
            ),
            (
                "!has(object.spec.initContainers) || object.spec.initContainers.all(c, c.image != 'app')",
                "tool",
                "app",
            ),
            (
                "variables.allContainers.all(c, ['a.example/', 'b.example/'].exists(r, c.image.startsWith(r)))",
                "a.example/x",
                "c.example/x",
            ),
            (
                "variables.allContainers.all(c, c.image.matches('^registry\\\\.example\\\\.com/.+$'))",
                "registry.example.com/app",
                "registryXexample.com/app",
            ),
            (
                "variables.allContainers.all(c, variables.allowed.exists(r, (c.image.contains('/') ? \
                 c.image.split('/')[c.image.split('/').size() - 1].split(':')[0] : c.image.split(':')[0]) == r))",
                "x/y/app:1",
                "app/x",
            ),
            (
                "object.spec.containers.all(c, image(c.image).containsDigest())",
                "app@sha256:00",
                "app",
            ),
        ] {
            let (formula, _) = images(expression);
            assert!(formula.holds(passes), "{expression}: {passes}");
            assert!(!formula.holds(fails), "{expression}: {fails}");
        }
        assert_eq!(
            images("variables.allContainers.all(c, c.image != 'a')").1,
            LooksAt::CONTAINERS
        );
    }

    #[test]
    fn what_is_not_known_is_named() {
        for (expression, expected) in [
            (
                "object.spec.containers.all(c, has(c.resources))",
                "the import does not know the field \"resources\" of a container in an expression",
            ),
            (
                "object.spec.containers.exists(c, c.image == 'a')",
                "the expression is not about all images of a pod: it is a condition that one image has to meet",
            ),
            (
                "object.spec.containers.all(c, ",
                "the expression can't be read: ",
            ),
            (
                "object.spec.containers.all(c, c.image.matches('^(a|b)/'))",
                "the regular expression \"^(a|b)/\" is more than",
            ),
            (
                &"(".repeat(100),
                "the brackets of the expression are too deep for the import",
            ),
        ] {
            let error = read(expression, &Variables::new()).unwrap_err();
            assert!(error.starts_with(expected), "{expression}: {error}");
        }
        // None of these overflows the stack.
        for (before, part, after) in [
            ("a", "+a", ""),
            ("a", ".b", ""),
            ("", "!", "a"),
            ("", "-", "1"),
            ("a", "?a:a", ""),
            ("a", "==a", ""),
            ("a", "&&a", ""),
            ("a", ".b()", ""),
        ] {
            let count = (MAX_LEN - before.len() - after.len()) / part.len();
            let expression = format!("{before}{}{after}", part.repeat(count));
            assert!(read(&expression, &Variables::new()).is_err(), "{part}");
        }
        let loops = Variables::from([("a".to_owned(), "variables.a".to_owned())]);
        assert_eq!(
            read("variables.a", &loops).unwrap_err(),
            "the parts of the expression are too deep for the import"
        );
    }
}
