//! Reviews inputs: what they hold is read, decided by the policy, and told with its positions.

mod context;
mod object;
mod part_review;
mod reviewed;
mod reviewer;
mod summary;
mod undeclared;
mod work;

pub(crate) use self::{
    reviewed::{Diagnostic, ReviewedDocument, ReviewedFile, ReviewedImage},
    reviewer::Reviewer,
    summary::{Count, Summary},
};
