//! Rules of conftest and OPA, as far as they are in the shapes that people copy: one image, compared with
//! `startswith`, `endswith`, `contains` or `==`.
//!
//! This is no reader of Rego. A rule with any line that is not known is not taken.

use imagereview_core::Mode;

use crate::{
    draft::Scope,
    error::ImportError,
    formula::{Field, Formula, LooksAt},
    sink::{Sink, Taking},
    wildcard::Wild,
    yaml::{At, Node, Value},
};

/// The ending of the names of such files.
pub(crate) const ENDING: &str = ".rego";

/// A rule: its head, and its lines with their numbers.
struct Rule<'t> {
    mode: Mode,
    line: u64,
    body: Vec<(u64, &'t str)>,
}

pub(crate) fn import(source: &str, text: &str, sink: &mut Sink) -> Result<(), ImportError> {
    let node = |line| Node {
        value: Value::Null,
        line,
        column: 1,
    };
    let start = node(1);
    let package = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("package "));
    let Some(package) = package else {
        return Err(At::root(source, &start).error("this is no Rego: it has no package"));
    };
    let object = format!("package {}", package.trim());
    let rules = rules(text);
    let mut document = sink.document(
        &At::root(source, &start),
        &object,
        package.trim(),
        Mode::Enforce,
    );
    if rules.is_empty() {
        sink.remarks.not_taken(
            &At::root(source, &start),
            "it has no rule deny, violation or warn",
        );
    }
    for rule in rules {
        let place = node(rule.line);
        let place = At::root(source, &place);
        match read(&rule) {
            Ok((denied, looks_at)) => sink.take(
                &mut document,
                Taking {
                    mode: Some(rule.mode),
                    ..Taking::new(
                        package.trim(),
                        &place,
                        denied.not(),
                        looks_at,
                        &Scope::default(),
                    )
                },
            ),
            Err((line, reason)) => {
                let node = node(line);
                sink.remarks.not_taken(&At::root(source, &node), reason);
            }
        }
    }
    sink.finish(document);
    Ok(())
}

/// The rules that deny or warn.
fn rules(text: &str) -> Vec<Rule<'_>> {
    let mut rules: Vec<Rule<'_>> = Vec::new();
    let mut depth = 0_usize;
    let mut is_in_rule = false;
    for (number, line) in (1..).zip(text.lines()) {
        let code = line.split('#').next().unwrap_or_default().trim();
        let opens = code.matches('{').count();
        let closes = code.matches('}').count();
        if depth == 0 {
            let mode = ["deny", "violation", "warn"]
                .iter()
                .find(|head| {
                    code.strip_prefix(**head)
                        .is_some_and(|rest| rest.starts_with([' ', '[', '_', '{']))
                })
                .map(|head| {
                    if *head == "warn" {
                        Mode::Warn
                    } else {
                        Mode::Enforce
                    }
                });
            is_in_rule = mode.is_some() && code.ends_with('{');
            if let Some(mode) = mode {
                let body = if is_in_rule {
                    Vec::new()
                } else {
                    vec![(number, code)]
                };
                rules.push(Rule {
                    mode,
                    line: number,
                    body,
                });
            }
        } else if is_in_rule
            && !(code.is_empty() || code == "}")
            && let Some(rule) = rules.last_mut()
        {
            rule.body.push((number, code));
        }
        depth = (depth + opens).saturating_sub(closes);
    }
    rules
}

/// What a rule denies. An error is the line that is not known.
fn read(rule: &Rule<'_>) -> Result<(Formula, LooksAt), (u64, String)> {
    let mut images = vec!["container.image".to_owned()];
    let mut containers: Option<LooksAt> = None;
    let mut all = Vec::new();
    for (number, line) in &rule.body {
        let unknown = || {
            (
                *number,
                format!("the import does not know the line {line:?}"),
            )
        };
        if let Some(looks_at) = list(line) {
            containers = Some(containers.unwrap_or(LooksAt::NONE).and(looks_at));
            let name = line.trim_start_matches("some ");
            let name = name.split([' ', ':', '=']).next().unwrap_or_default();
            images.push(if line.rsplit('.').next() == Some("image") {
                name.to_owned()
            } else {
                format!("{name}.image")
            });
        } else if let Some((name, value)) = line.split_once(":=") {
            let (name, value) = (name.trim(), value.trim());
            if images.iter().any(|image| image == value) {
                images.push(name.to_owned());
            } else if name != "msg" {
                return Err(unknown());
            }
        } else if line.contains("kind") && line.contains("==")
            || *line == "some i"
            || *line == "some c"
        {
            // Here it is about all kinds, which denies more.
        } else {
            all.push(condition(line, &images).ok_or_else(unknown)?);
        }
    }
    match containers {
        Some(looks_at) if !all.is_empty() => Ok((Formula::And(all), looks_at)),
        _ => Err((
            rule.line,
            "the rule does not compare the image of a container".to_owned(),
        )),
    }
}

/// The containers that a line goes through.
fn list(line: &str) -> Option<LooksAt> {
    let is_loop = line.contains(":=") || line.starts_with("some ") && line.contains(" in ");
    let looks_at = |name: &str| {
        line.split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == name)
    };
    let looks_at = LooksAt {
        regular: looks_at("containers"),
        init: looks_at("initContainers"),
        ephemeral: looks_at("ephemeralContainers"),
    };
    (is_loop && line.contains("input.") && looks_at != LooksAt::NONE).then_some(looks_at)
}

/// One comparison of an image with a text.
fn condition(line: &str, images: &[String]) -> Option<Formula> {
    let (is_negated, line) = match line.strip_prefix("not ") {
        Some(line) => (true, line.trim()),
        None => (false, line),
    };
    let text = |text: &str| {
        let text = text.trim().strip_prefix('"')?.strip_suffix('"')?;
        (!text.contains(['"', '\\'])).then(|| text.to_owned())
    };
    let is_image = |name: &str| images.iter().any(|image| image == name.trim());
    let wild = if let Some((left, right)) = line.split_once("==") {
        is_image(left)
            .then(|| text(right))?
            .map(|text| Wild::exact(&text))?
    } else {
        let (function, arguments) = line.strip_suffix(')')?.split_once('(')?;
        let (image, argument) = arguments.split_once(',')?;
        let argument = is_image(image).then(|| text(argument))??;
        match function {
            "startswith" => Wild::prefix(&argument),
            "endswith" => Wild::suffix(&argument),
            "contains" => Wild::containing(&argument),
            _ => return None,
        }
    };
    let formula = Formula::atom(Field::Written, wild);
    Some(if is_negated { formula.not() } else { formula })
}
