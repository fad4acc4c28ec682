//! A gauge that goes up and down again.

use prometheus_client::metrics::gauge::Gauge;

/// One more in a gauge, until this is dropped.
pub(crate) struct Counted<'g> {
    gauge: &'g Gauge,
    /// What the gauge showed before.
    pub(crate) before: usize,
}

impl<'g> Counted<'g> {
    pub(crate) fn new(gauge: &'g Gauge) -> Self {
        let before = usize::try_from(gauge.inc()).unwrap_or_default();
        Self { gauge, before }
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
