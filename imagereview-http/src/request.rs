//! A request, from its head to the last byte of its body, and why it is refused.

mod body;
mod buffered;
mod caller;
mod endpoint;
mod head;
mod refusal;

pub(crate) use self::{
    body::{Bodies, BodyLimits, ReadBody, SMALL_BODY, discard},
    caller::Caller,
    endpoint::Endpoint,
    head::ReviewRequest,
    refusal::{APPLICATION_JSON, MAX_UID, Refusal},
};
