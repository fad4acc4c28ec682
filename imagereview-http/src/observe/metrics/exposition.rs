//! Metrics as text: `OpenMetrics`, or what Prometheus understood before.

use std::fmt::Write as _;

use hyper::header::{ACCEPT, HeaderMap, HeaderValue};
use prometheus_client::{encoding::text, registry::Registry};

/// A form of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/).
    OpenMetrics,
    /// [Prometheus' text format 0.0.4](https://prometheus.io/docs/instrumenting/exposition_formats/).
    Prometheus,
}

impl Format {
    /// The format that a client accepts; Prometheus' own for one that doesn't say.
    pub(crate) fn negotiated(headers: &HeaderMap) -> Self {
        let accepted = headers
            .get_all(ACCEPT)
            .into_iter()
            .filter_map(|value| value.to_str().ok());
        let wants = |range: &str| range.trim().starts_with("application/openmetrics-text");
        if accepted.flat_map(|value| value.split(',')).any(wants) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    pub(crate) fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        })
    }
}

pub(super) fn encode(registry: &Registry, format: Format) -> String {
    let mut openmetrics = String::new();
    text::encode(&mut openmetrics, registry).expect("a string takes every write");
    match format {
        Format::OpenMetrics => openmetrics,
        Format::Prometheus => to_prometheus(&openmetrics),
    }
}

/// The older format names a counter by its sample, with `_total`, and knows no end and no unit.
fn to_prometheus(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(("TYPE", name, kind)) = comment(line) {
            let suffix = if kind == "counter" { "_total" } else { "" };
            if let Some((_, help)) = help.take() {
                let _ = writeln!(text, "# HELP {name}{suffix} {help}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn comment(line: &str) -> Option<(&str, &str, &str)> {
    let (keyword, rest) = line.strip_prefix("# ")?.split_once(' ')?;
    let (name, kind) = rest.split_once(' ')?;
    Some((keyword, name, kind))
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::{counter::Counter, gauge::Gauge};

    use super::*;

    /// The encoder's text is read as data here and nowhere else.
    #[test]
    fn a_counter_is_named_by_its_sample_in_the_older_format() {
        let mut registry = Registry::with_prefix("x");
        registry.register("count", "How many", Counter::<u64>::default());
        registry.register("level", "How much: of all", Gauge::<i64>::default());
        assert_eq!(
            encode(&registry, Format::OpenMetrics),
            "# HELP x_count How many.\n# TYPE x_count counter\nx_count_total 0\n\
             # HELP x_level How much: of all.\n# TYPE x_level gauge\nx_level 0\n# EOF\n"
        );
        assert_eq!(
            encode(&registry, Format::Prometheus),
            "# HELP x_count_total How many.\n# TYPE x_count_total counter\nx_count_total 0\n\
             # HELP x_level How much: of all.\n# TYPE x_level gauge\nx_level 0\n"
        );
    }
}
