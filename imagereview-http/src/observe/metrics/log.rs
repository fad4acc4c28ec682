//! The program's log.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::counter::ConstCounter,
    registry::Registry,
};

use crate::config::DroppedLogLines;

pub(super) fn register(registry: &mut Registry, dropped: Option<DroppedLogLines>) {
    if let Some(dropped) = dropped {
        registry.register_collector(Box::new(LogCollector(dropped)));
    }
}

/// Reads the log's own counter when the metrics are read.
#[derive(Debug)]
struct LogCollector(DroppedLogLines);

impl Collector for LogCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let counter = ConstCounter::new((self.0.0)());
        let help =
            "Lines of the log that were dropped, because writing them did not keep up or failed.";
        let metric =
            encoder.encode_descriptor("log_lines_dropped", help, None, counter.metric_type())?;
        counter.encode(metric)
    }
}
