//! The audit log.

use prometheus_client::{metrics::counter::Counter, registry::Registry};

use super::register::register;

/// Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct AuditMetrics {
    pub(crate) records: Counter,
    pub(crate) dropped: Counter,
    pub(crate) write_errors: Counter,
}

impl AuditMetrics {
    pub(super) fn new(registry: &mut Registry) -> Self {
        Self {
            records: register(
                registry,
                "audit_records",
                "Decisions that were handed to the audit log",
            ),
            dropped: register(
                registry,
                "audit_records_dropped",
                "Decisions that are missing in the audit log because its queue was full",
            ),
            write_errors: register(
                registry,
                "audit_write_errors",
                "Times that the audit log could not be opened or written; what was to be written is lost",
            ),
        }
    }
}
