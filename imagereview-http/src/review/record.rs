//! A reviewed request, as it is written down.

use imagereview_core::{Review, Verdict};

use super::{context::RequestContext, request_id::RequestId};

/// What the log and the audit log show of a reviewed request.
pub(super) struct Record<'a> {
    pub(super) request: RequestId,
    pub(super) context: RequestContext<'a>,
    pub(super) review: &'a Review<'a>,
    pub(super) verdict: &'a Verdict,
    pub(super) duration_us: u64,
}
