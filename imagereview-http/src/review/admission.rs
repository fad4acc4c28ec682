//! `POST /validate` and `POST /mutate`: the endpoints of validating and mutating admission webhooks.

use std::{
    io::{self, Write},
    time::SystemTime,
};

use bytes::Bytes;
use imagereview_core::{
    AdmissionResponse, AdmissionReview, Verdict, facts::Facts, mutation::Patch,
};

use super::{
    context::RequestContext,
    decision::{Decision, Judge, Undecided, unless_it_panics},
    json_line::json_line,
    outcome::Outcome,
};
use crate::{
    policy::ServedPolicy,
    request::{Endpoint, MAX_UID, Refusal},
    state::State,
};

/// The largest patch, in bytes of JSON. An object that is stored has at most 1.5 MiB (etcd's limit of a
/// request), and a few hundred containers; the patch of a thousand has about 200 KiB.
const PATCH_LIMIT: usize = 512 * 1024;

/// Reviews an `AdmissionReview`. The response is a 200 whether the object is admitted or not, because
/// the API server lets the `failurePolicy` decide after anything else. There is none where another has
/// answered in the meantime.
///
/// `/mutate` first changes the object as the policy declares and decides the result, so that the
/// verdict is about what is admitted.
pub(super) fn review(
    state: &State,
    served: &ServedPolicy,
    context: RequestContext<'_>,
    body: &[u8],
    judge: Judge<'_>,
) -> Result<Option<Outcome>, Refusal> {
    let mut request =
        AdmissionReview::from_slice_with(body, served.kinds()).map_err(Refusal::Unreadable)?;
    if request.uid().len() > MAX_UID {
        return Err(Refusal::LongUid {
            length: request.uid().len(),
        });
    }
    let nothing = Facts::new();
    let facts = context.facts.unwrap_or(&nothing);
    let mut patch = None;
    // An object that is half mutated is not decided, nor one that can't be mutated.
    let mut undecided = match judge {
        Judge::Policy(_) => None,
        Judge::Nobody(cause) => Some(cause),
    };
    if context.endpoint == Endpoint::Mutate && undecided.is_none() {
        match unless_it_panics(|| served.mutate(&mut request, facts)) {
            None => undecided = Some(Undecided::Panicked),
            Some(made) if is_large(&made) => undecided = Some(Undecided::LargePatch),
            Some(made) => patch = Some(made),
        }
    }
    let context = RequestContext {
        uid: Some(request.uid()),
        ..context
    };
    let review = request
        .review()
        .with_time(SystemTime::now())
        .with_facts(facts);
    let mut decision = match undecided {
        Some(cause) => Decision::fallback(served, cause),
        None => Decision::reach(served, &review, judge),
    };
    let render = |verdict: &_| response(state, &request, verdict, patch.as_ref());
    let response = unless_it_panics(|| render(&decision.verdict)).unwrap_or_else(|| {
        decision = Decision::fallback(served, Undecided::Panicked);
        render(&decision.verdict)
    });
    Ok(judge
        .may_answer()
        .then(|| Outcome::new(state, context, &review, &decision, response)))
}

fn response(
    state: &State,
    request: &AdmissionReview<'_>,
    verdict: &Verdict,
    patch: Option<&Patch>,
) -> Bytes {
    let mut response = AdmissionResponse::new(request, verdict, state.language);
    if let Some(patch) = patch {
        response = response.with_patch(patch);
    }
    json_line(&serde_json::to_vec(&response).expect("strings and booleans always serialise"))
}

/// Whether a patch is longer than it may be.
fn is_large(patch: &Patch) -> bool {
    serde_json::to_writer(Within(PATCH_LIMIT), patch).is_err()
}

/// Takes so many bytes, keeps none of them, and fails at the next.
struct Within(usize);

impl Write for Within {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self
            .0
            .checked_sub(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
