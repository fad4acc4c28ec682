//! The line of the log about a decision.

use imagereview_core::{Operation, User};

use super::{
    images::logged_images,
    known_facts::{deciding_reason, logged_facts},
    record::Record,
};
#[cfg(feature = "opentelemetry")]
use crate::observe::traces;
use crate::text::cut;

pub(super) fn write(record: &Record<'_>) {
    if !tracing::enabled!(tracing::Level::INFO) {
        return;
    }
    let Record {
        request,
        context,
        review,
        verdict,
        duration_us,
    } = record;
    let annotations = verdict.audit_annotations();
    #[cfg(feature = "opentelemetry")]
    let trace_id = traces::trace_id().map(tracing::field::display);
    #[cfg(not(feature = "opentelemetry"))]
    let trace_id = None::<&str>;
    tracing::info!(
        request = %request,
        trace_id,
        endpoint = context.endpoint.as_str(),
        uid = context.uid.map(cut),
        peer = %context.caller.peer,
        client = context.caller.name.as_deref().map(cut),
        user = review.user().map(User::name).map(cut),
        operation = review.operation().map(Operation::as_str),
        kind = review.kind().map(|kind| cut(kind.name())),
        namespace = review.namespace().map(cut),
        name = review.name().map(cut),
        images = %logged_images(review),
        facts = logged_facts(context.facts),
        allowed = verdict.is_allowed(),
        denied_by = annotations.get("denied-by"),
        warned_by = annotations.get("warned-by"),
        audited_by = annotations.get("audited-by"),
        exempted_by = annotations.get("exempted-by"),
        reason = deciding_reason(review, verdict),
        policy = verdict.policy(),
        duration_us,
        "decided"
    );
}
