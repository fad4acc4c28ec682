//! What a client can send once TLS is done: the connection ends when the client's part does, what
//! is answered is HTTP, and every 200 is a well-formed answer to a review.

#![no_main]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use arbitrary::{Arbitrary, Unstructured};
use imagereview_fuzz::{check_admission_answer, check_image_answer};
use imagereview_http::{Config, Server, ServerIdentity, ServerPolicy};
use imagereview_pki::{CertificateAuthority, SubjectName, Validity};
use libfuzzer_sys::fuzz_target;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex, split},
    runtime::{Builder, Runtime},
    time::timeout,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

thread_local! {
    /// Its clock stands still but when everything waits for it.
    static SERVER: (Runtime, Arc<Server>) = {
        let runtime = Builder::new_current_thread().enable_all().start_paused(true).build();
        let runtime = runtime.expect("a runtime needs nothing but memory");
        let server = runtime.block_on(server());
        (runtime, Arc::new(server))
    };
}

async fn server() -> Server {
    let now = std::time::SystemTime::now();
    let authority = CertificateAuthority::generate("fuzz", now, Validity::AUTHORITY)
        .expect("an authority is made");
    let names = [SubjectName::Ip([127, 0, 0, 1].into())];
    let identity = authority
        .issue_server("fuzz", &names, now, Validity::LEAF)
        .expect("a certificate is made");
    let chain = CertificateDer::pem_slice_iter(identity.certificate_pem().as_bytes());
    let identity = ServerIdentity::Memory {
        chain: chain.collect::<Result<_, _>>().expect("it is PEM"),
        key: PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).expect("it is PEM"),
    };
    let mut config = Config::new(([127, 0, 0, 1], 0).into(), identity);
    config.max_body_bytes = 1024;
    let policy = concat!(env!("CARGO_MANIFEST_DIR"), "/src/policy.yaml");
    let policy = ServerPolicy::Files(vec![policy.into()]);
    Server::bind(config, policy).await.expect("a port is free")
}

fuzz_target!(|bytes: &[u8]| {
    // The first byte says what the rest is, and how it is cut.
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    let buffer = if kind & 0x80 == 0 {
        64 * 1024
    } else {
        1 + rest.len() / 16
    };
    match kind & 0x7f {
        b'1' => check_http1(rest, &exchange(rest, false, buffer)),
        b'2' => check_http2(&exchange(rest, true, buffer)),
        _ => {
            let Ok(frames) = Vec::<Frame>::arbitrary(&mut Unstructured::new(rest)) else {
                return;
            };
            let mut sent = PREFACE.to_vec();
            sent.extend([0, 0, 0, 4, 0, 0, 0, 0, 0]);
            frames.iter().for_each(|frame| frame.write(&mut sent));
            check_http2(&exchange(&sent, true, buffer));
        }
    }
});

/// Sends bytes and that there are no more, and gives what is answered until the server closes.
fn exchange(sent: &[u8], is_http2: bool, buffer: usize) -> Vec<u8> {
    SERVER.with(|(runtime, server)| {
        runtime.block_on(async {
            let (client, served) = duplex(buffer);
            let (mut reader, mut writer) = split(client);
            let mut answered = Vec::new();
            let ask = async {
                // A server that has heard enough need not read the rest.
                let _ = writer.write_all(sent).await;
                let _ = writer.shutdown().await;
            };
            let listen = reader.read_to_end(&mut answered);
            let serve = server.serve_plain(served, is_http2);
            let ended = async { tokio::join!(ask, listen, serve) };
            let (_, read, ()) = timeout(Duration::from_secs(3600), ended)
                .await
                .expect("it ends");
            read.expect("it is memory");
            answered
        })
    })
}

/// The end may be cut off: our client has closed its side before it listens.
fn check_http1(sent: &[u8], mut answered: &[u8]) {
    // The answer to a HEAD has no body, whatever it says.
    let has_head = sent.windows(4).any(|window| window == b"HEAD");
    while !answered.is_empty() {
        let mut headers = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut headers);
        let head = response.parse(answered).expect("it is HTTP/1");
        let httparse::Status::Complete(head) = head else {
            return;
        };
        let status = response.code.expect("it has a status");
        let length = response
            .headers
            .iter()
            .find(|header| header.name == "content-length");
        let length = length.map_or(0, |header| {
            std::str::from_utf8(header.value)
                .unwrap()
                .parse()
                .expect("a length is a number")
        });
        answered = &answered[head..];
        if has_head {
            return;
        }
        let Some((body, rest)) = answered.split_at_checked(length) else {
            return;
        };
        check_answer(Some(status), body);
        answered = rest;
    }
}

/// As for HTTP/1, the end may be cut off.
fn check_http2(mut answered: &[u8]) {
    let mut bodies: BTreeMap<u32, (bool, Vec<u8>)> = BTreeMap::new();
    while let Some((head, rest)) = answered.split_at_checked(9) {
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            return;
        };
        answered = rest;
        assert!(head[3] <= 9, "there is no frame of type {}", head[3]);
        let (is_ok, body) = bodies.entry(stream).or_default();
        match head[3] {
            0 => body.extend_from_slice(payload),
            // The status comes first: 200 as the static table has it, behind the table's sizes.
            1 => *is_ok = behind_table_sizes(payload).first() == Some(&0x88),
            _ => {}
        }
        let is_end = head[3] <= 1 && head[4] & 1 != 0;
        if is_end && !body.is_empty() {
            check_answer(is_ok.then_some(200), body);
        }
    }
}

/// What comes after the sizes of the dynamic table in a block of headers (RFC 7541, 6.3). A size of more
/// than five bits goes on for as long as the first bit of a byte is set.
fn behind_table_sizes(mut block: &[u8]) -> &[u8] {
    while let Some((size, rest)) = block
        .split_first()
        .filter(|(size, _)| **size & 0xe0 == 0x20)
    {
        let more = rest.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
        block = if *size == 0x3f {
            rest.get(more..).unwrap_or_default()
        } else {
            rest
        };
    }
    block
}

/// An answer to a review, or what was wrong with the request.
fn check_answer(status: Option<u16>, body: &[u8]) {
    if matches!(status, Some(100 | 400..500)) && body.is_empty() {
        return;
    }
    let answer: Value = serde_json::from_slice(body).expect("the body is JSON");
    match (status, answer["kind"].as_str()) {
        (Some(200), Some("ImageReview")) => check_image_answer(&answer),
        (Some(200), Some("AdmissionReview")) => check_admission_answer(&answer),
        (None | Some(400..500), Some("Status")) => {
            let code = answer["code"].as_u64();
            assert!(code.is_some_and(|code| (400..500).contains(&code)));
            assert!(status.is_none_or(|status| code == Some(status.into())));
        }
        _ => panic!("{status:?} with {answer}"),
    }
}

/// A frame of HTTP/2, mostly a valid one.
#[derive(Arbitrary, Debug)]
enum Frame {
    Request {
        stream: u8,
        ends: bool,
        path: u8,
        method: u8,
        json: bool,
        extra: Vec<(u8, u8)>,
    },
    Data {
        stream: u8,
        ends: bool,
        body: Body,
    },
    Settings(Vec<(u8, u32)>),
    Reset {
        stream: u8,
        code: u8,
    },
    Window {
        stream: u8,
        increment: u32,
    },
    Ping([u8; 8]),
    Other {
        kind: u8,
        flags: u8,
        stream: u8,
        payload: Vec<u8>,
    },
}

#[derive(Arbitrary, Debug)]
enum Body {
    ImageReview,
    AdmissionReview,
    Bytes(Vec<u8>),
    Zeros(u16),
}

const IMAGE_REVIEW: &[u8] =
    br#"{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{"containers":[{"image":"nginx"}]}}"#;
const ADMISSION_REVIEW: &[u8] =
    br#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"CREATE","object":{"apiVersion":"v1","kind":"Pod","spec":{"containers":[{"image":"nginx:1"}]}}}}"#;

impl Frame {
    fn write(&self, to: &mut Vec<u8>) {
        let odd = |stream: &u8| u32::from(*stream % 8) * 2 + 1;
        let (kind, flags, stream, payload) = match self {
            Self::Request {
                stream,
                ends,
                path,
                method,
                json,
                extra,
            } => {
                let paths: [&[u8]; 4] =
                    [b"/image_policy", b"/validate", b"/mutate?timeout=1s", b"/x"];
                let path = paths[usize::from(*path % 4)];
                // Indexed: the method (POST or GET) and the scheme; literal: the path.
                let mut block = vec![if *method < 240 { 0x83 } else { 0x82 }, 0x87, 0x04];
                block.push(path.len() as u8);
                block.extend_from_slice(path);
                if *json {
                    block.extend_from_slice(b"\x0f\x10\x10application/json");
                }
                for (name, value) in extra {
                    block.extend([0x00, 3, b'x', b'-', *name, 1, *value]);
                }
                (1, 4 | u8::from(*ends), odd(stream), block)
            }
            Self::Data { stream, ends, body } => {
                let body = match body {
                    Body::ImageReview => IMAGE_REVIEW.to_vec(),
                    Body::AdmissionReview => ADMISSION_REVIEW.to_vec(),
                    Body::Bytes(bytes) => bytes.clone(),
                    Body::Zeros(length) => vec![0; usize::from(*length) % 16_385],
                };
                (0, u8::from(*ends), odd(stream), body)
            }
            Self::Settings(settings) => {
                let setting = |(id, value): &(u8, u32)| {
                    let [a, b, c, d] = value.to_be_bytes();
                    [0, *id % 8, a, b, c, d]
                };
                (4, 0, 0, settings.iter().flat_map(setting).collect())
            }
            Self::Reset { stream, code } => (3, 0, odd(stream), vec![0, 0, 0, *code % 16]),
            Self::Window { stream, increment } => (
                8,
                0,
                u32::from(*stream % 8),
                increment.to_be_bytes().to_vec(),
            ),
            Self::Ping(bytes) => (6, 0, 0, bytes.to_vec()),
            Self::Other {
                kind,
                flags,
                stream,
                payload,
            } => (*kind, *flags, u32::from(*stream), payload.clone()),
        };
        to.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
        to.extend([kind, flags]);
        to.extend_from_slice(&stream.to_be_bytes());
        to.extend_from_slice(&payload);
    }
}
