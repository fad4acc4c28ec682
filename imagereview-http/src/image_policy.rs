//! `POST /image_policy`: the endpoint of kube-apiserver's `ImagePolicyWebhook` admission plugin.

use std::{
    fmt,
    net::SocketAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Instant,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, header::CONTENT_TYPE};
use imagereview_core::{
    ImageReview, ImageReviewAnswer, Language, decide,
    review::image_review::{API_VERSION, KIND},
};
use serde::Serialize;

use crate::{
    body,
    state::State,
    status::{APPLICATION_JSON, Refusal},
};

/// Where the endpoint stands.
pub(crate) const PATH: &str = "/image_policy";

/// Most answers fit: an approval is about 100 bytes and a denial some 100 more for each image.
const ANSWER_BYTES: usize = 512;

/// Reads the `ImageReview`, decides it and writes the answer: 200 whether the images may run or
/// not, because the API server lets its `defaultAllow` decide after anything else.
pub(crate) async fn answer(
    state: &State,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Refusal> {
    let body = body::read_json(request, state.body).await?;
    let answer = review(state, peer, &body)?;
    let mut response = Response::new(Full::new(Bytes::from(answer)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, APPLICATION_JSON);
    Ok(response)
}

/// Bytes in, bytes out. Nothing that goes wrong in here may end the process or be answered with an
/// error that the API server would take for "decide without me", so a panic is a denial.
fn review(state: &State, peer: SocketAddr, body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let started = Instant::now();
    let question = ImageReview::from_slice(body).map_err(Refusal::Unreadable)?;
    // The review is only read, and a policy that was interrupted keeps no lock that others need
    // unless its author gave it one.
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let verdict = decide(&*state.policy, &question.review());
        let answer = ImageReviewAnswer::new(&verdict, state.language);
        (verdict.is_allowed(), to_json(&answer))
    }));
    let (allowed, answer) =
        decided.unwrap_or_else(|_panic| (false, to_json(&policy_failure(state.language))));
    tracing::info!(
        %peer,
        allowed,
        images = ?LoggedImages(&question),
        duration_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
        "decided"
    );
    Ok(answer)
}

fn to_json(answer: &impl Serialize) -> Vec<u8> {
    let mut json = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut json, answer)
        .expect("an answer is made of strings and booleans, and a Vec takes every write");
    json.push(b'\n');
    json
}

/// The denial in place of the verdict that a policy failed to reach. What went wrong is for the
/// log, not for the client.
fn policy_failure(language: Language) -> impl Serialize {
    let reason = match language {
        Language::Chinese => "检查镜像失败!策略在审查镜像时发生故障,详情见webhook日志",
        _ => {
            "image check failed: the policy failed while it reviewed the images; \
              the webhook's log says how"
        }
    };
    serde_json::json!({
        "apiVersion": API_VERSION,
        "kind": KIND,
        "status": {
            "allowed": false,
            "reason": reason,
            "auditAnnotations": { "denied-by": "policy-failure" },
        },
    })
}

/// The images of a review for a log line, each escaped by its `Debug`, cut where a line would get
/// out of hand.
struct LoggedImages<'a>(&'a ImageReview<'a>);

/// How many images one line names.
const MAX_LOGGED_IMAGES: usize = 32;

/// How many characters of each it shows.
const MAX_LOGGED_CHARS: usize = 256;

impl fmt::Debug for LoggedImages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut images = self.0.images();
        let mut list = f.debug_list();
        for image in images.by_ref().take(MAX_LOGGED_IMAGES) {
            match image.char_indices().nth(MAX_LOGGED_CHARS) {
                Some((end, _)) => list.entry(&format_args!("{:?}…", &image[..end])),
                None => list.entry(&image),
            };
        }
        match images.len() {
            0 => list.finish(),
            _ => list.finish_non_exhaustive(),
        }
    }
}
