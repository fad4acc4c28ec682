//! Reviewing: a request in, the response and what is written down about it out.

mod admission;
mod audit_line;
mod claim;
mod context;
mod decide;
mod decision;
mod image_policy;
mod images;
mod json_line;
mod known_facts;
mod log_line;
mod needs;
mod outcome;
mod pod_secrets;
mod record;
mod request_id;
mod respond;

pub(crate) use self::{image_policy::approval, respond::respond};
