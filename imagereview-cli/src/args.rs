//! The options that several commands share.

mod baseline;
mod env_file;
mod facts;
mod fail_on;
mod head;
mod images;
mod inputs;
mod language;
mod namespace;
mod policy;
mod registry;

use std::env;

pub(crate) use self::{
    baseline::BaselineArgs,
    facts::FactsArgs,
    fail_on::FailOnArgs,
    head::HeadArgs,
    images::ImageArgs,
    inputs::{InputArgs, NoInput},
    language::LanguageArgs,
    namespace::NamespaceArgs,
    policy::PolicyArgs,
    registry::RegistryArgs,
};

/// The variables of the environment that stand for an option and hold nothing.
pub(crate) fn empty_variables() -> impl Iterator<Item = &'static str> {
    let variables = [policy::VARIABLE, language::VARIABLE];
    let is_empty = |name: &&str| env::var_os(name).is_some_and(|value| value.is_empty());
    variables.into_iter().filter(is_empty)
}
