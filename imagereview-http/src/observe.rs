//! What others see of the server: log, audit log, metrics and traces.

mod audit;
mod line_rate;
mod lines;
mod log;
mod metrics;
#[cfg(feature = "opentelemetry")]
pub(crate) mod traces;

pub use self::log::{Log, LogFormat};
#[cfg(feature = "opentelemetry")]
pub use self::traces::{Traces, TracesError};
pub(crate) use self::{
    audit::Audit,
    line_rate::LineRate,
    metrics::{Counted, Format, Metrics, Part, RefusalMetrics},
};
