//! Writes what the mutations of a policy change into the text that it was read from.
//!
//! Core says what changes, as a patch of the object; here the same is done to its text, of which all
//! else stays as it is: comments, quotation marks, indentation, line breaks. The result is read
//! again, and is taken only if it is exactly what the patch makes of the object.

mod change;
mod dockerfile;
mod document;
mod edit;
mod fixed_text;
mod fixer;
mod pins;
mod refusal;
#[cfg(test)]
mod tests;
mod write;
mod writer;

pub(crate) use self::{fixed_text::Fix, fixer::Fixer};
