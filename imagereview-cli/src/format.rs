//! The formats in which the outcome of a run is written, a file for each.

mod format_arg;
mod github;
mod head;
mod html;
mod human;
mod json;
mod junit;
mod label;
mod markdown;
mod name;
mod ndjson;
mod report;
mod reports;
mod sarif;
mod table;

pub(crate) use self::{
    format_arg::{FormatArg, FormatArgParser},
    head::{Head, SourceUrl},
    json::ViolationRecord,
    junit::{Defect, Suites},
    label::exemption,
    name::FormatName,
    reports::{Reports, ReportsError},
};
