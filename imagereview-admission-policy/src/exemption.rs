//! Exemptions as conditions.

use imagereview_core::document::{DocumentOutline, ExemptionOutline, RuleOutline};

use crate::{
    cel::Condition,
    pattern::{Reading, names, repositories},
    scope::{self, NAMESPACE},
};

/// An exemption from a rule; compiled.
#[derive(Debug)]
pub(crate) struct Exemption<'o> {
    pub(crate) outline: &'o ExemptionOutline,
    /// Whether it covers `image`.
    pub(crate) covers: Condition,
}

/// The exemptions from a rule, in their order.
pub(crate) fn exemptions<'o>(
    document: &'o DocumentOutline,
    rule: &RuleOutline,
) -> Result<Vec<Exemption<'o>>, String> {
    let covers_rule = |one: &&ExemptionOutline| {
        let rules = one.rules.as_ref();
        rules.is_none_or(|rules| rules.contains(&rule.name))
    };
    let covering = document.exemptions.iter().filter(covers_rule);
    covering.map(|one| compile(one, rule)).collect()
}

fn compile<'o>(outline: &'o ExemptionOutline, rule: &RuleOutline) -> Result<Exemption<'o>, String> {
    let (name, line) = (&outline.name, outline.line);
    let within = |reason: String| format!("the exemption \"{name}\" at line {line}: {reason}");
    if outline.expires {
        return Err(within(
            "it expires, and CEL has no clock; leave the rules that it covers to the webhook"
                .into(),
        ));
    }
    if outline.images.is_some() && rule.max_images.is_some() {
        return Err(within(
            "it is for some images, and which images are too many depends on their order, which CEL does not have"
                .into(),
        ));
    }
    let namespaces = match &outline.namespaces {
        None => Condition::constant(true),
        Some(list) => {
            let matches = names(NAMESPACE, list, Some(64)).map_err(within)?;
            // What has no namespace is not exempt.
            let has_one = Condition::new(format!("{NAMESPACE} != ''"), 30);
            Condition::all([has_one, matches])
        }
    };
    let annotation = match &outline.annotation {
        None => Condition::constant(true),
        Some((key, value)) => {
            let value = value.as_ref().map(std::slice::from_ref);
            scope::annotation(key, value, false).map_err(within)?
        }
    };
    let images = match &outline.images {
        None => Condition::constant(true),
        Some(list) => repositories(list, Reading::Exact).map_err(within)?,
    };
    Ok(Exemption {
        outline,
        covers: Condition::all([namespaces, annotation, images]),
    })
}
