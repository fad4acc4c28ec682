//! OpenTelemetry traces: one span for each request, as part of its caller's trace.

use std::{env, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::HttpsConnectorBuilder;
use imagereview_core::facts::{Fact, Facts, Needs};
use opentelemetry::{
    Context, Key, KeyValue, global,
    propagation::TextMapPropagator,
    trace::{FutureExt, SpanKind, TraceContextExt, TraceId, Tracer},
};
use opentelemetry_http::{HeaderExtractor, HttpClient, HttpError, hyper::HyperClient};
use opentelemetry_otlp::{
    ExporterBuildError, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TIMEOUT,
    OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT, SpanExporter, WithHttpConfig,
};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use rustls::crypto::ring;
use tokio::runtime::Handle;

use crate::request::Endpoint;

/// How long the last spans may take to be exported when the program stops. With the 20 seconds of
/// [`Timeouts::shutdown`](crate::Timeouts::shutdown) it stays below the 30 that Kubernetes gives a
/// pod by default.
const LAST_EXPORT: Duration = Duration::from_secs(5);

/// The most images of which a span shows what came of asking for facts.
const MAX_EVENTS: usize = 32;

/// The methods that a span names: those of RFC 9110 and PATCH (RFC 5789). Any other is `_OTHER`, so
/// that a client can't make up names.
const METHODS: [Method; 9] = [
    Method::CONNECT,
    Method::DELETE,
    Method::GET,
    Method::HEAD,
    Method::OPTIONS,
    Method::PATCH,
    Method::POST,
    Method::PUT,
    Method::TRACE,
];

/// Why traces can't be exported as the environment says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TracesError {
    /// The endpoint is not a URL of http or https.
    #[error(
        "cannot export traces to {endpoint:?}: it is no URL that begins with http:// or https://; correct {variable}"
    )]
    Endpoint {
        /// The variable of the environment that gives the endpoint.
        variable: &'static str,
        /// What it gives.
        endpoint: String,
    },
    /// Another variable of the environment can't be used.
    #[error(
        "cannot export traces: {0}; correct the variables OTEL_EXPORTER_OTLP_*, or unset \
         OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT for no traces"
    )]
    Exporter(#[from] ExporterBuildError),
    /// There are no certificates of authorities to check an https collector's with.
    #[error(
        "cannot export traces over https: {0}; install the system's CA certificates or name a file of them in \
         SSL_CERT_FILE"
    )]
    Authorities(std::io::Error),
}

/// The export of spans to a collector, by OTLP over HTTP with protobuf bodies.
///
/// The spans of a server go to the tracer provider that
/// [`opentelemetry::global`] holds: the one that [`Traces::start`] sets, or another that a program
/// of its own has set.
#[derive(Debug)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Sets a global tracer provider that exports in batches, on a thread of its own. `None` if the
    /// environment names no collector, or disables the SDK.
    ///
    /// The environment is that of the [OpenTelemetry specification]: `OTEL_EXPORTER_OTLP_ENDPOINT`
    /// or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` names the collector; `OTEL_SERVICE_NAME` is
    /// `imagereview` unless given.
    ///
    /// # Errors
    ///
    /// If a variable that says how to export can't be used. That the collector can't be reached is
    /// no error; it is logged when it shows.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime, which the exporter's connections run on.
    ///
    /// [OpenTelemetry specification]: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    pub fn start() -> Result<Option<Self>, TracesError> {
        // The one for traces alone counts more.
        let endpoint = [
            OTEL_EXPORTER_OTLP_TRACES_ENDPOINT,
            OTEL_EXPORTER_OTLP_ENDPOINT,
        ]
        .into_iter()
        .find_map(|name| Some((name, variable(name)?)));
        let is_disabled =
            variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let Some((variable, endpoint)) = endpoint.filter(|_| !is_disabled) else {
            return Ok(None);
        };
        let url = endpoint.parse::<Uri>().ok();
        let is_https = match url.as_ref().and_then(Uri::scheme_str) {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(TracesError::Endpoint { variable, endpoint }),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new(is_https)?)
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_resource(resource())
            .with_batch_exporter(exporter)
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Some(Self { provider }))
    }

    /// Exports the spans that wait, for at most 5 seconds; those that are left then are lost.
    pub async fn finish(self) {
        // It blocks its thread, and the export needs the runtime's.
        let finished =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST_EXPORT));
        match finished.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the last traces are not exported: {error}"),
            Err(error) => tracing::warn!("the last traces are not exported: {error}"),
        }
    }
}

/// A variable of the environment; an empty one counts as unset, as the specification wants.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who exports: what the environment says, and defaults for what it doesn't.
fn resource() -> Resource {
    let given = Resource::builder().build();
    let is_named = given
        .get(&Key::from_static_str("service.name"))
        // What the SDK calls a service that nobody named.
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_attribute(version);
    if is_named {
        resource.build()
    } else {
        resource.with_service_name("imagereview").build()
    }
}

/// The way to the collector. The exporter calls it from a thread outside of the runtime, where
/// hyper's client can't run.
#[derive(Debug)]
struct Collector {
    client: Arc<dyn HttpClient>,
    runtime: Handle,
}

impl Collector {
    fn new(is_https: bool) -> Result<Self, TracesError> {
        let timeout = [
            OTEL_EXPORTER_OTLP_TRACES_TIMEOUT,
            OTEL_EXPORTER_OTLP_TIMEOUT,
        ]
        .into_iter()
        .find_map(|name| variable(name)?.parse().ok())
        .map_or(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, Duration::from_millis);
        // Without https there need be no authorities.
        let client: Arc<dyn HttpClient> = if is_https {
            let connector = HttpsConnectorBuilder::new()
                .with_provider_and_native_roots(ring::default_provider())
                .map_err(TracesError::Authorities)?
                .https_only()
                .enable_http1()
                .build();
            Arc::new(HyperClient::new(connector, timeout, None))
        } else {
            Arc::new(HyperClient::with_default_connector(timeout, None))
        };
        Ok(Self {
            client,
            runtime: Handle::current(),
        })
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = Arc::clone(&self.client);
        self.runtime
            .spawn(async move { client.send_bytes(request).await })
            .await?
    }
}

/// Begins the span of a request, whose parent is what the request's `traceparent` and `tracestate`
/// say ([W3C Trace Context](https://www.w3.org/TR/trace-context/)).
///
/// Its name and attributes are those of the [semantic conventions for HTTP servers].
///
/// [semantic conventions for HTTP servers]: https://opentelemetry.io/docs/specs/semconv/http/http-spans/#http-server-span
pub(crate) fn begin<B>(request: &Request<B>) -> Context {
    let parent = TraceContextPropagator::new()
        .extract_with_context(&Context::new(), &HeaderExtractor(request.headers()));
    let tracer = global::tracer(env!("CARGO_PKG_NAME"));
    let method = METHODS.iter().find(|method| *method == request.method());
    let mut attributes = vec![
        KeyValue::new(
            "http.request.method",
            method.map_or("_OTHER", Method::as_str).to_owned(),
        ),
        KeyValue::new("url.scheme", "https"),
    ];
    let mut name = method.map_or("HTTP", Method::as_str).to_owned();
    // Another path is the client's own text, of any length.
    if let Some(endpoint) = Endpoint::at(request.uri().path()) {
        name = format!("{name} {}", endpoint.path());
        attributes.push(KeyValue::new("http.route", endpoint.path()));
        attributes.push(KeyValue::new("url.path", endpoint.path()));
    }
    let span = tracer
        .span_builder(name)
        .with_kind(SpanKind::Server)
        .with_attributes(attributes)
        .start_with_context(&tracer, &parent);
    parent.with_span(span)
}

/// Makes a response inside the span of its request, which ends with it, or when the client gives up.
pub(crate) async fn traced<B>(
    context: Context,
    response: impl Future<Output = Response<B>>,
) -> Response<B> {
    let response = response.with_context(context.clone()).await;
    context.span().set_attribute(KeyValue::new(
        "http.response.status_code",
        i64::from(response.status().as_u16()),
    ));
    context.span().end();
    response
}

/// The span of the current request, for another thread.
pub(crate) fn current() -> Context {
    Context::current()
}

/// Adds the outcome of a review to the span of the current request.
pub(crate) fn decided(allowed: bool, images: usize) {
    let context = Context::current();
    let images = i64::try_from(images).unwrap_or(i64::MAX);
    context.span().set_attributes([
        KeyValue::new("imagereview.allowed", allowed),
        KeyValue::new("imagereview.images", images),
    ]);
}

/// Begins a span of the current request for its wait for facts.
pub(crate) fn begin_facts() -> Context {
    let parent = Context::current();
    let tracer = global::tracer(env!("CARGO_PKG_NAME"));
    let span = tracer
        .span_builder("facts")
        .with_kind(SpanKind::Internal)
        .start_with_context(&tracer, &parent);
    parent.with_span(span)
}

/// Ends the span of a wait for facts, with what came of each image as an event. Their names
/// are in the log only.
pub(crate) fn end_facts(context: &Context, asked: &Needs, known: &Facts) {
    let span = context.span();
    for (image, _) in asked.iter().take(MAX_EVENTS) {
        let outcome = match known.image(&image) {
            Some(Fact::Known(_)) => "known",
            Some(Fact::Absent) => "absent",
            Some(Fact::Unavailable(why)) => why.cause().as_str(),
            None => "not-asked",
        };
        span.add_event("fact", vec![KeyValue::new("imagereview.outcome", outcome)]);
    }
    let images = i64::try_from(asked.len()).unwrap_or(i64::MAX);
    span.set_attribute(KeyValue::new("imagereview.images", images));
    span.end();
}

/// The trace of the current request, if any.
pub(crate) fn trace_id() -> Option<TraceId> {
    let trace_id = Context::current().span().span_context().trace_id();
    (trace_id != TraceId::INVALID).then_some(trace_id)
}
