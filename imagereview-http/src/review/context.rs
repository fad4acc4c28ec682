//! What is known of a request before it is reviewed.

use std::time::Instant;

use imagereview_core::facts::Facts;

use crate::request::{Caller, Endpoint};

/// Who sent a request, to which endpoint, and when.
#[derive(Clone, Copy)]
pub(super) struct RequestContext<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) caller: &'a Caller,
    pub(super) started: Instant,
    /// The API server's name for the request, where it has one.
    pub(super) uid: Option<&'a str>,
    /// What is known of the images, if the policy needs something.
    pub(super) facts: Option<&'a Facts>,
}
