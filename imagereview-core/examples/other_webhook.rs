//! The core inside another webhook: the bytes of an `AdmissionReview` in, the bytes of its response
//! out. Here they come from standard input, in yours from whatever serves HTTP.
//!
//! ```sh
//! cargo run -p imagereview-core --example other_webhook < request.json
//! ```

use std::io::{self, Read as _, Write as _};

use imagereview_core::{
    AdmissionResponse, AdmissionReview, DecodeError, Language, NoLatestTag, Policy, decide,
};

/// The response to send with status 200. On an error send 400 and its text: these bytes are no
/// `AdmissionReview`. An object that cannot be read is no error but a denial.
fn respond(body: &[u8], policy: &impl Policy) -> Result<Vec<u8>, DecodeError> {
    let request = AdmissionReview::from_slice(body)?;
    let verdict = decide(policy, &request.review());
    let response = AdmissionResponse::new(&request, &verdict, Language::English);
    Ok(serde_json::to_vec(&response).expect("strings are written to memory"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    let response = respond(&body, &NoLatestTag)?;
    io::stdout().write_all(&response)?;
    Ok(())
}
