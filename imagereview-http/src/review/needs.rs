//! What a policy needs to know of a request before it can decide it.

use std::time::SystemTime;

use imagereview_core::{
    AdmissionReview, ImageReview,
    facts::{Facts, Needs},
};

use crate::{policy::ServedPolicy, request::Endpoint};

/// The facts that are needed next, beyond those that were `asked` for and are `known` as far as they can be. Of what `/mutate` changes, those come first that
/// decide what it becomes. A request that can't be read needs none, and is refused later.
pub(super) fn needs(
    served: &ServedPolicy,
    endpoint: Endpoint,
    body: &[u8],
    known: &Facts,
    asked: &Needs,
) -> Needs {
    let mut needs = Needs::new();
    match endpoint {
        Endpoint::ImagePolicy => {
            if let Ok(request) = ImageReview::from_slice(body) {
                let review = request.review().with_time(SystemTime::now());
                served.policy.needs(&review, &mut needs);
            }
        }
        Endpoint::Validate | Endpoint::Mutate => {
            let Ok(mut request) = AdmissionReview::from_slice_with(body, served.kinds()) else {
                return needs;
            };
            if endpoint == Endpoint::Mutate {
                served.mutation_needs(&request, &mut needs);
                let open = needs.without(asked);
                if !open.is_empty() {
                    return open;
                }
                let _ = served.mutate(&mut request, known);
            }
            let review = request.review().with_time(SystemTime::now());
            served.policy.needs(&review, &mut needs);
        }
    }
    needs.without(asked)
}
