//! Requests that hold no review.

use bytes::Bytes;
use http_body_util::{BodyExt, channel::Channel};
use hyper::{Request, StatusCode};
use imagereview_http::DEFAULT_MAX_BODY_BYTES;

use crate::harness::{
    Answer, PROTOCOLS, Pki, Protocol, RequestBody, TestServer, file, full, image_review,
    image_review_json, within,
};

const LIMIT: usize = 4096;

struct Row {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: fn() -> RequestBody,
    status: StatusCode,
    reason: &'static str,
    /// What the message holds.
    message: &'static [&'static str],
}

const POSTED: Row = Row {
    name: "",
    method: "POST",
    path: "/image_policy",
    headers: &[("content-type", "application/json")],
    body: || full(image_review_json(&["nginx:1.27"])),
    status: StatusCode::BAD_REQUEST,
    reason: "BadRequest",
    message: &[],
};

const ROWS: &[Row] = &[
    Row {
        name: "no body",
        body: || full(""),
        message: &["line 1"],
        ..POSTED
    },
    Row {
        name: "no JSON",
        body: || full("image=nginx"),
        message: &["line 1", "column 1"],
        ..POSTED
    },
    Row {
        name: "half a document",
        body: || full(r#"{"kind":"ImageReview","#),
        message: &["line 1"],
        ..POSTED
    },
    Row {
        name: "no UTF-8",
        body: || full(&b"{\"kind\":\"\xff\"}"[..]),
        ..POSTED
    },
    Row {
        name: "an array",
        body: || full("[]"),
        ..POSTED
    },
    Row {
        name: "wrong kind",
        body: || full(r#"{"kind":"Pod","apiVersion":"imagepolicy.k8s.io/v1alpha1","spec":{}}"#),
        message: &["kind", "Pod", "ImageReview"],
        ..POSTED
    },
    Row {
        name: "wrong version",
        body: || full(r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v2","spec":{}}"#),
        message: &[
            "apiVersion",
            "imagepolicy.k8s.io/v2",
            "imagepolicy.k8s.io/v1alpha1",
        ],
        ..POSTED
    },
    Row {
        name: "no spec",
        body: || full(r#"{"kind":"ImageReview","apiVersion":"imagepolicy.k8s.io/v1alpha1"}"#),
        message: &["spec"],
        ..POSTED
    },
    Row {
        name: "GET",
        method: "GET",
        body: || full(""),
        status: StatusCode::METHOD_NOT_ALLOWED,
        reason: "MethodNotAllowed",
        message: &["GET", "POST"],
        ..POSTED
    },
    Row {
        name: "PUT",
        method: "PUT",
        status: StatusCode::METHOD_NOT_ALLOWED,
        reason: "MethodNotAllowed",
        message: &["PUT", "POST"],
        ..POSTED
    },
    Row {
        name: "another path",
        path: "/image-policy?timeout=30s",
        status: StatusCode::NOT_FOUND,
        reason: "NotFound",
        message: &["/image-policy", "/image_policy"],
        ..POSTED
    },
    Row {
        name: "a path below",
        path: "/image_policy/",
        status: StatusCode::NOT_FOUND,
        reason: "NotFound",
        message: &["/image_policy/"],
        ..POSTED
    },
    Row {
        name: "a form",
        headers: &[("content-type", "application/x-www-form-urlencoded")],
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason: "UnsupportedMediaType",
        message: &["application/x-www-form-urlencoded", "application/json"],
        ..POSTED
    },
    Row {
        name: "protobuf",
        headers: &[("content-type", "application/vnd.kubernetes.protobuf")],
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason: "UnsupportedMediaType",
        message: &["application/vnd.kubernetes.protobuf"],
        ..POSTED
    },
    Row {
        name: "a longer name that begins alike",
        headers: &[("content-type", "application/json-seq")],
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason: "UnsupportedMediaType",
        message: &["application/json-seq"],
        ..POSTED
    },
    Row {
        name: "compressed",
        headers: &[
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
        ],
        status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
        reason: "UnsupportedMediaType",
        message: &["gzip"],
        ..POSTED
    },
    Row {
        name: "announced as too long",
        body: || full(padded(LIMIT + 1)),
        status: StatusCode::PAYLOAD_TOO_LARGE,
        reason: "RequestEntityTooLarge",
        message: &["4096"],
        ..POSTED
    },
    Row {
        name: "much too long",
        body: || full(padded(8 << 20)),
        status: StatusCode::PAYLOAD_TOO_LARGE,
        reason: "RequestEntityTooLarge",
        message: &["4096"],
        ..POSTED
    },
    Row {
        name: "too long without announcing it",
        body: || chunked(padded(LIMIT + 1)),
        status: StatusCode::PAYLOAD_TOO_LARGE,
        reason: "RequestEntityTooLarge",
        message: &["4096"],
        ..POSTED
    },
];

#[tokio::test]
async fn each_gets_its_status_and_a_message() {
    let pki = Pki::new();
    let mut config = pki.config();
    config.max_body_bytes = LIMIT;
    let server = TestServer::start(config).await;
    let client = pki.client(None);
    for protocol in PROTOCOLS {
        for row in ROWS {
            let answer = client
                .connect(server.address, protocol)
                .await
                .unwrap()
                .send(request(row))
                .await;
            let answer =
                answer.unwrap_or_else(|error| panic!("{} over {protocol:?}: {error}", row.name));
            check(row, protocol, &answer);
        }
        let (allowed, reason) = client
            .review(server.address, protocol, &["nginx:1.27"])
            .await
            .verdict();
        assert!(allowed, "{protocol:?}: {reason}");
    }
}

#[tokio::test]
async fn a_connection_outlives_a_body_that_was_read() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        let row = &ROWS[1];
        check(row, protocol, &connection.send(request(row)).await.unwrap());
        let (allowed, reason) = connection
            .send(image_review(&["nginx:1.27"]))
            .await
            .unwrap()
            .verdict();
        assert!(allowed, "{protocol:?}: {reason}");
    }
}

#[tokio::test]
async fn what_is_just_acceptable_is_accepted() {
    type Acceptable = (
        &'static str,
        &'static [(&'static str, &'static str)],
        fn() -> RequestBody,
    );
    let rows: &[Acceptable] = &[
        ("no content type", &[], || full(image_review_json(&[]))),
        (
            "a charset",
            &[("content-type", "application/json ; charset=utf-8")],
            || full(image_review_json(&[])),
        ),
        ("capitals", &[("content-type", "Application/JSON")], || {
            full(image_review_json(&[]))
        }),
        ("no encoding", &[("content-encoding", "identity")], || {
            full(image_review_json(&[]))
        }),
        ("as long as may be", &[], || full(padded(LIMIT))),
        ("in pieces", &[], || chunked(padded(LIMIT))),
    ];
    let pki = Pki::new();
    let mut config = pki.config();
    config.max_body_bytes = LIMIT;
    let server = TestServer::start(config).await;
    for protocol in PROTOCOLS {
        let mut connection = pki
            .client(None)
            .connect(server.address, protocol)
            .await
            .unwrap();
        for (name, headers, body) in rows {
            let mut request = Request::post("/image_policy");
            for (header, value) in *headers {
                request = request.header(*header, *value);
            }
            let answer = connection
                .send(request.body(body()).unwrap())
                .await
                .unwrap();
            assert!(answer.verdict().0, "{name} over {protocol:?}: {answer:?}");
        }
    }
}

fn request(row: &Row) -> Request<RequestBody> {
    let mut request = Request::builder().method(row.method).uri(row.path);
    for (name, value) in row.headers {
        request = request.header(*name, *value);
    }
    request.body((row.body)()).unwrap()
}

fn check(row: &Row, protocol: Protocol, answer: &Answer) {
    let name = row.name;
    assert_eq!(
        answer.status, row.status,
        "{name} over {protocol:?}: {answer:?}"
    );
    assert_eq!(
        answer.headers["content-type"], "application/json",
        "{name} over {protocol:?}: {answer:?}"
    );
    assert!(
        !answer.headers.contains_key("retry-after"),
        "{name} over {protocol:?}: {answer:?}"
    );
    let allow = answer
        .headers
        .get("allow")
        .map(|value| value.to_str().unwrap());
    let post = (row.status == StatusCode::METHOD_NOT_ALLOWED).then_some("POST");
    assert_eq!(allow, post, "{name} over {protocol:?}: {answer:?}");

    let mut json = answer.json();
    let message = json["message"].take();
    let message = message
        .as_str()
        .unwrap_or_else(|| panic!("{name} over {protocol:?}: {answer:?}"));
    let expected = serde_json::json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": null,
        "reason": row.reason,
        "code": row.status.as_u16(),
    });
    assert_eq!(json, expected, "{name} over {protocol:?}");
    for part in row.message {
        assert!(
            message.contains(part),
            "{name} over {protocol:?}: {part:?} is not in {message:?}"
        );
    }
}

/// A review of nothing, this many bytes long.
fn padded(length: usize) -> String {
    let mut review = image_review_json(&[]);
    review.extend(std::iter::repeat_n(' ', length - review.len()));
    review
}

/// The same bytes in pieces, of which only the last tells how many there are.
fn chunked(body: String) -> RequestBody {
    let (mut sender, pieces) = Channel::new(1);
    tokio::spawn(async move {
        for piece in body.as_bytes().chunks(1000) {
            // A server that has refused the body already doesn't read it to its end.
            if sender
                .send_data(Bytes::copy_from_slice(piece))
                .await
                .is_err()
            {
                break;
            }
        }
    });
    pieces.boxed()
}

/// curl reports a stream that is reset, and not the response before it.
#[tokio::test]
async fn curl_reports_that_a_body_is_too_long() {
    let pki = Pki::new();
    let server = TestServer::start(pki.config()).await;
    let authority = pki.authority_file();
    let body = file(&" ".repeat(DEFAULT_MAX_BODY_BYTES + (1 << 20)));
    for protocol in ["--http1.1", "--http2"] {
        let curl = tokio::process::Command::new("curl")
            .args(["--silent", "--show-error", protocol, "--cacert"])
            .arg(authority.path())
            .args(["--header", "Content-Type: application/json"])
            .args(["--write-out", "\n%{http_code}", "--data-binary"])
            .arg(format!("@{}", body.path().display()))
            .arg(format!("https://{}/image_policy", server.address))
            .output();
        let output = within(curl).await.expect("curl is installed");
        let answer = String::from_utf8_lossy(&output.stdout);
        assert!(
            answer.contains("the body is longer than the limit") && answer.ends_with("\n413"),
            "{protocol}: {answer} {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
