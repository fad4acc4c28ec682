//! A gauge that goes up and down again.

use prometheus_client::metrics::gauge::Gauge;

/// One more in a gauge, until this is dropped.
#[derive(Debug)]
pub(crate) struct Counted {
    gauge: Gauge,
    /// What the gauge showed before.
    pub(crate) before: usize,
}

impl Counted {
    pub(crate) fn new(gauge: &Gauge) -> Self {
        let before = usize::try_from(gauge.inc()).unwrap_or_default();
        Self {
            gauge: gauge.clone(),
            before,
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}
