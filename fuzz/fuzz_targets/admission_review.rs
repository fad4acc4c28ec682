//! Any bytes as an `AdmissionReview`: a typed error, or a well-formed answer about the images that
//! every other reader of JSON finds in the object too, before and after it is changed.

#![no_main]

use imagereview_core::{
    AdmissionResponse, AdmissionReview, Language, Operation, decide, facts::Facts, mutation::Patch,
    wire::WARNING_LIMIT,
};
use imagereview_fuzz::{
    POLICY, check_admission_answer, field, images_of_object, text, verdict::check_own_reasons,
};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let question = match AdmissionReview::from_slice_with(bytes, POLICY.kinds()) {
        Ok(question) => question,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    // A document that is nested too deeply for serde_json's tree is read by us all the same.
    let document = serde_json::from_slice::<Value>(bytes).ok();
    let uid = question.uid().to_owned();
    if let Some(document) = &document {
        let request = field(document, "request");
        assert_eq!(
            uid,
            text(request, "uid"),
            "the answer's uid is the request's"
        );
        check_images(&question, request);
    }
    check_answers(&question, &Patch::default(), &uid, bytes.len());

    let mut mutated = question.clone();
    let patch = POLICY.mutate(&mut mutated, &Facts::new());
    if let Some(mut document) = document {
        let request = &mut document["request"];
        if !patch.0.is_empty() {
            json_patch::patch(&mut request["object"], &patch).expect("the patch applies");
        }
        check_images(&mutated, request);
    }
    check_answers(&mutated, &patch, &uid, bytes.len());
});

/// The images are those that another reader finds; or they cannot be known, which is a denial.
fn check_images(question: &AdmissionReview, request: &Value) {
    let review = question.review();
    let runs_images = question.operation().is_none_or(Operation::can_run_images);
    assert_eq!(
        question.operation().map(Operation::as_str),
        Some(text(request, "operation"))
            .filter(|name| { ["CREATE", "UPDATE", "DELETE", "CONNECT"].contains(name) })
    );
    let decided = review.images().len() + review.unreadable_images().len();
    match question.object() {
        Some(Err(error)) => {
            assert!(!error.to_string().is_empty());
            assert_eq!(review.unreadable_object().is_some(), runs_images);
            let (object, old) = (field(request, "object"), field(request, "oldObject"));
            let is_allowed = decide(&*POLICY, &review).is_allowed();
            // What was as unreadable before is not thrown out by an update.
            let may_stay = question.operation() == Some(Operation::Update)
                && !object.is_null()
                && !old.is_null();
            assert!(!runs_images || !is_allowed || may_stay);
            assert!(is_allowed || runs_images && (!may_stay || object != old));
            // What could be read of it is decided too.
            assert!(runs_images || decided == 0);
        }
        Some(Ok(object)) => {
            let ours: Vec<&str> = object.images().map(|(image, _)| image).collect();
            let theirs = images_of_object(field(request, "object"), field(request, "kind"));
            assert_eq!(ours, theirs);
            assert_eq!(decided, if runs_images { ours.len() } else { 0 });
        }
        None => assert!(field(request, "object").is_null()),
    }
}

/// What goes out is what the API server takes, and no longer than what came in allows.
fn check_answers(question: &AdmissionReview, patch: &Patch, uid: &str, len: usize) {
    let verdict = decide(&*POLICY, &question.review());
    check_own_reasons(&verdict);
    for language in [Language::English, Language::Chinese] {
        let answer = AdmissionResponse::new(question, &verdict, language).with_patch(patch);
        let answer = serde_json::to_vec(&answer).expect("it is written to memory");
        assert!(
            answer.len() < 16 * 1024 + 64 * len,
            "{} bytes",
            answer.len()
        );
        let answer: Value = serde_json::from_slice(&answer).expect("the answer is JSON");
        check_admission_answer(&answer);
        let response = &answer["response"];
        assert_eq!(response["uid"], uid);
        assert_eq!(response["allowed"], verdict.is_allowed());
        let has_patch = verdict.is_allowed() && !patch.0.is_empty();
        assert_eq!(response.get("patch").is_some(), has_patch);
        for warning in response["warnings"].as_array().into_iter().flatten() {
            let warning = warning.as_str().expect("a warning is text");
            assert!(warning.chars().count() <= WARNING_LIMIT, "{warning}");
            assert!(!warning.contains(char::is_control), "{warning}");
        }
    }
}
