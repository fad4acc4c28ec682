//! The traces that the program exports, and what becomes of its responses where it can't.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use imagereview_http::ServerIdentity;
use rustls::{ServerConfig, crypto::ring};
use tempfile::NamedTempFile;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    process::Command,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    harness::{PROTOCOLS, Pki, Protocol, image_review, within},
    program::{Program, fails, program},
};

/// What a collector was sent.
#[derive(Debug)]
struct Export {
    path: String,
    content_type: String,
    /// An `ExportTraceServiceRequest` of opentelemetry-proto.
    body: Bytes,
}

impl Export {
    fn holds(&self, bytes: &[u8]) -> bool {
        self.body.windows(bytes.len()).any(|part| part == bytes)
    }
}

/// Takes exports over OTLP/HTTP, inside TLS if it is configured.
async fn collector(tls: Option<ServerConfig>) -> (SocketAddr, UnboundedReceiver<Export>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, exports) = unbounded_channel();
    let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            match &tls {
                None => take(stream, sender),
                Some(tls) => take(tls.accept(stream).await.unwrap(), sender),
            }
        }
    });
    (address, exports)
}

/// Takes the exports of one connection.
fn take(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    sender: UnboundedSender<Export>,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let sender = sender.clone();
        async move {
            let (head, body) = request.into_parts();
            let export = Export {
                path: head.uri.path().to_owned(),
                content_type: head.headers["content-type"].to_str().unwrap().to_owned(),
                body: body.collect().await.unwrap().to_bytes(),
            };
            // Whoever no longer listens has seen enough.
            let _ = sender.send(export);
            // An empty ExportTraceServiceResponse.
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
        }
    });
    tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
}

/// A program that exports to this address, and the files that it needs.
fn exporting(pki: &Pki, collector: SocketAddr) -> (Command, [NamedTempFile; 2]) {
    let (certificate, key) = pki.server_files();
    let mut command = program();
    command
        .env("IMAGEREVIEW_LISTEN", "127.0.0.1:0")
        .env("IMAGEREVIEW_TLS_CERT", certificate.path())
        .env("IMAGEREVIEW_TLS_KEY", key.path())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
    (command, [certificate, key])
}

/// A `KeyValue` of opentelemetry-proto: its key and its `AnyValue`, which is `value`.
fn attribute(key: &str, value: &[u8]) -> Vec<u8> {
    let length = u8::try_from(value.len()).unwrap();
    [key.as_bytes(), &[0x12, length], value].concat()
}

/// An `AnyValue` of opentelemetry-proto that is a string.
fn string(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    [&[0x0a, length], text.as_bytes()].concat()
}

#[tokio::test]
async fn a_span_belongs_to_its_callers_trace_and_is_exported_before_the_end() {
    const SAMPLED: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    const UNSAMPLED: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
    const PARENT: u64 = 0x00f0_67aa_0ba9_02b7;
    let pki = Pki::new();
    let (address, mut exports) = collector(None).await;
    let (mut command, _files) = exporting(&pki, address);
    // So that it is the end that exports, and not the time.
    command.env("OTEL_BSP_SCHEDULE_DELAY", "600000");
    let mut program = Program::start(&mut command);
    let server = program.listens().await;
    let client = pki.client(None);
    for (trace, flags) in [(SAMPLED, "01"), (UNSAMPLED, "00")] {
        let mut request = image_review(&["nginx:1.27", "redis"]);
        let parent = format!("00-{trace:032x}-{PARENT:016x}-{flags}");
        let headers = request.headers_mut();
        headers.insert("traceparent", parent.parse().unwrap());
        headers.insert("tracestate", "vendor=opaque".parse().unwrap());
        let mut connection = client.connect(server, Protocol::Http2).await.unwrap();
        let (allowed, _) = connection.send(request).await.unwrap().verdict();
        assert!(!allowed, "{parent}");
        let line = program.logs("decided").await;
        assert!(line.contains(&format!("trace_id={trace:032x}")), "{line}");
    }

    program.signal("TERM");
    let export = within(exports.recv()).await.unwrap();
    assert_eq!(export.path, "/v1/traces");
    assert_eq!(export.content_type, "application/x-protobuf");
    let rows = [
        ("trace", SAMPLED.to_be_bytes().to_vec()),
        ("parent", PARENT.to_be_bytes().to_vec()),
        ("state", b"vendor=opaque".to_vec()),
        ("name", b"POST /image_policy".to_vec()),
        ("service", attribute("service.name", &string("imagereview"))),
        ("method", attribute("http.request.method", &string("POST"))),
        ("route", attribute("http.route", &string("/image_policy"))),
        // 200 as an int_value, false as a bool_value, 2 as an int_value.
        (
            "status",
            attribute("http.response.status_code", &[0x18, 0xc8, 0x01]),
        ),
        ("verdict", attribute("imagereview.allowed", &[0x10, 0])),
        ("images", attribute("imagereview.images", &[0x18, 2])),
    ];
    for (name, bytes) in rows {
        assert!(export.holds(&bytes), "{name} is not in {export:?}");
    }
    assert!(
        !export.holds(&UNSAMPLED.to_be_bytes()),
        "the caller keeps that trace to itself: {export:?}"
    );
    assert!(within(program.child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn an_https_collector_is_checked_with_the_authorities_that_the_system_has() {
    let pki = Pki::new();
    let ServerIdentity::Memory { chain, key } = pki.server_identity() else {
        panic!("the identities of the tests are in memory");
    };
    let tls = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let (address, mut exports) = collector(Some(tls)).await;
    let (mut command, _files) = exporting(&pki, address);
    let authority = pki.authority_file();
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("https://{address}"))
        .env("SSL_CERT_FILE", authority.path());
    let mut program = Program::start(&mut command);
    let server = program.listens().await;
    let client = pki.client(None);
    client.review(server, Protocol::Http2, &["nginx:1"]).await;
    program.signal("TERM");
    let export = within(exports.recv()).await.unwrap();
    assert!(export.holds(b"POST /image_policy"), "{export:?}");
    assert!(within(program.child.wait()).await.unwrap().success());
}

#[tokio::test]
async fn a_collector_that_does_not_respond_costs_no_request() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // Its connections wait to be accepted, which nobody does.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rows = [
        ("closed", closed.local_addr().unwrap()),
        ("silent", silent.local_addr().unwrap()),
    ];
    drop(closed);
    for (name, address) in rows {
        let pki = Pki::new();
        let (mut command, _files) = exporting(&pki, address);
        // So that exports fail soon, and spans find the queue full.
        command
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "100")
            .env("OTEL_BSP_SCHEDULE_DELAY", "1")
            .env("OTEL_BSP_MAX_QUEUE_SIZE", "1")
            .env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1");
        let mut program = Program::start(&mut command);
        let server = program.listens().await;
        let client = pki.client(None);
        client.review(server, Protocol::Http2, &["nginx:1"]).await;
        program.logs("BatchSpanProcessor.ExportError").await;
        for protocol in PROTOCOLS {
            let mut connection = client.connect(server, protocol).await.unwrap();
            for request in 0..50 {
                let answer = connection.send(image_review(&["nginx:1"])).await;
                let (allowed, reason) = answer.unwrap().verdict();
                assert!(allowed, "{name} {protocol:?} {request}: {reason}");
            }
        }
        program.signal("TERM");
        program.logs("stopped").await;
        assert!(
            within(program.child.wait()).await.unwrap().success(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn without_a_collector_the_log_tells_the_callers_trace() {
    let pki = Pki::new();
    let (mut command, _files) = exporting(&pki, ([127, 0, 0, 1], 1).into());
    command.env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    let mut program = Program::start(&mut command);
    let server = program.listens().await;
    let client = pki.client(None);
    let rows = [
        (
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        ),
        (
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            None,
        ),
        ("garbage", None),
    ];
    for (parent, trace) in rows {
        let mut request = image_review(&["nginx:1"]);
        request
            .headers_mut()
            .insert("traceparent", parent.parse().unwrap());
        let mut connection = client.connect(server, Protocol::Http1).await.unwrap();
        let (allowed, reason) = connection.send(request).await.unwrap().verdict();
        assert!(allowed, "{parent}: {reason}");
        let line = program.logs("decided").await;
        let logged = line
            .split_once("trace_id=")
            .map(|(_, rest)| rest.split(' ').next().unwrap());
        assert_eq!(logged, trace, "{parent}: {line}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_an_error_with_advice() {
    for variable in [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ] {
        for endpoint in [
            "http://[",
            "collector.example.com:4318",
            "grpc://collector.example.com:4317",
        ] {
            let (mut command, _files) = exporting(&Pki::new(), ([127, 0, 0, 1], 1).into());
            command.env(variable, endpoint);
            let named = ["cannot export traces", endpoint, "http://", variable];
            fails(&mut command, 2, endpoint, &named).await;
        }
    }
}

#[tokio::test]
async fn the_end_does_not_wait_long_for_a_silent_collector() {
    // Its connections wait to be accepted, which nobody does.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pki = Pki::new();
    let (mut command, _files) = exporting(&pki, silent.local_addr().unwrap());
    // Longer than the test would wait.
    command.env("OTEL_EXPORTER_OTLP_TIMEOUT", "600000");
    let mut program = Program::start(&mut command);
    let server = program.listens().await;
    let client = pki.client(None);
    client.review(server, Protocol::Http2, &["nginx:1"]).await;
    program.signal("TERM");
    program.logs("the last traces are not exported").await;
    assert!(within(program.child.wait()).await.unwrap().success());
}
