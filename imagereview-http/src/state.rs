//! What every handler is given.

use std::sync::Arc;

use imagereview_core::{Language, Policy};

use crate::body::BodyLimits;

/// The part of the server that all connections share and that a request is answered from.
pub(crate) struct State {
    pub(crate) policy: Arc<dyn Policy + Send + Sync>,
    pub(crate) language: Language,
    pub(crate) body: BodyLimits,
}
