//! Reviews inputs: what they hold is read, decided by the policy, and told with its positions.

mod context;
mod object;
mod part_review;
mod reviewed;
mod reviewer;
mod run;
mod summary;
mod template;
mod undeclared;
mod unreviewed;
mod work;

pub(crate) use self::{
    reviewed::{Diagnostic, ReviewedDocument, ReviewedFile, ReviewedImage, UsedExemption, at},
    reviewer::Reviewer,
    run::Run,
    summary::{Count, FailOn, Summary},
};
