//! Any text as a CEL expression: refused when it is compiled, or decided the same each time, within
//! bounds.

#![no_main]

use imagereview_core::{Annotations, ImagePolicy, PolicySource, Review, decide};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|expression: &str| {
    let document = json!({"apiVersion": "imagereview/v1alpha1", "kind": "ImagePolicy",
        "metadata": {"name": "p"}, "rules": [{"name": "r", "expression": expression}]});
    let document = document.to_string();
    let Ok(policy) = ImagePolicy::compile([PolicySource::new("p.json", &document)]) else {
        return;
    };

    let annotations: Annotations<'_> = [("x.image-policy.k8s.io/a", "1")].into_iter().collect();
    let images = [
        "nginx",
        "registry.example.com:5000/team/app:1.2.3",
        "Foo/x",
        "é",
    ];
    let review: Review<'_> = images.into_iter().collect();
    let review = review.with_namespace("shop").with_annotations(&annotations);
    let verdict = decide(&policy, &review);
    assert_eq!(verdict, decide(&policy, &review), "the same each time");
    assert_eq!(*policy.explain(&review).verdict(), verdict);
});
