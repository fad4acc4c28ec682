//! Which images an update leaves as they were: what was let in may stay, and nothing else takes its
//! place.

use imagereview_core::{AdmissionReview, Mode};
use imagereview_core::{ImagePolicy, Location, NoLatestTag, PolicySource, Review, decide};
use serde_json::{Value, json};

/// Which image is at which location, with the paths that are new.
struct Row {
    before: &'static [(&'static str, usize, &'static str)],
    after: &'static [(&'static str, usize, &'static str)],
    new: &'static [&'static str],
}

/// The list of a pod spec, or of containers without a pod spec.
const FIRST: &str = "spec.templates[0].spec.containers";
const SECOND: &str = "spec.templates[1].spec.containers";
const STEPS: &str = "spec.steps";

#[test]
fn as_many_images_are_unchanged_as_there_were() {
    let rows = [
        // Another template with an image that was let in and the same name of a container.
        Row {
            before: &[(FIRST, 0, "web")],
            after: &[(FIRST, 0, "web"), (SECOND, 0, "web")],
            new: &["spec.templates[1].spec.containers[0].image"],
        },
        // A template that is gone makes room for none but its own containers.
        Row {
            before: &[(FIRST, 0, "web"), (SECOND, 0, "web")],
            after: &[(FIRST, 0, "web")],
            new: &[],
        },
        Row {
            before: &[(FIRST, 0, "web"), (FIRST, 1, "log")],
            after: &[(FIRST, 0, "log"), (FIRST, 1, "web")],
            new: &[],
        },
        Row {
            before: &[(FIRST, 0, "web")],
            after: &[(FIRST, 0, "web"), (FIRST, 1, "web")],
            new: &["spec.templates[0].spec.containers[1].image"],
        },
        // One more in front of the others: the list has one more of them.
        Row {
            before: &[(STEPS, 0, ""), (STEPS, 1, "")],
            after: &[(STEPS, 0, ""), (STEPS, 1, ""), (STEPS, 2, "")],
            new: &["spec.steps[2].image"],
        },
        Row {
            before: &[(STEPS, 1, "")],
            after: &[(STEPS, 0, ""), (STEPS, 1, "")],
            new: &["spec.steps[0].image"],
        },
        // It moves up where the one before it is taken away.
        Row {
            before: &[(STEPS, 1, "")],
            after: &[(STEPS, 0, "")],
            new: &[],
        },
    ];
    for Row { before, after, new } in rows {
        let location = |(list, index, name): &(&'static str, usize, &'static str)| {
            let location = Location::new(*list, *index, "image");
            if name.is_empty() {
                location
            } else {
                location.with_container(*name)
            }
        };
        let former: Vec<Location<'_>> = before.iter().map(location).collect();
        for image in ["nginx", "not a reference"] {
            let mut review = Review::new();
            for location in after.iter().map(location) {
                review.add_image(image, location);
            }
            let review = review.with_former_images(former.iter().map(|location| (image, location)));
            let verdict = decide(&NoLatestTag, &review);
            let denied = verdict.denials();
            let denied: Vec<String> = denied
                .map(|denial| denial.location().path().to_string())
                .collect();
            assert_eq!(denied, new, "{before:?} {after:?}");
            assert_eq!(
                verdict.violations().len(),
                after.len(),
                "{before:?} {after:?}"
            );
        }
    }
}

fn custom_resource(templates: &[&str]) -> Value {
    let template =
        |image: &&str| json!({"spec": {"containers": [{"name": "main", "image": image}]}});
    json!({
        "apiVersion": "example.com/v1",
        "kind": "Fleet",
        "metadata": {"name": "x"},
        "spec": {"templates": templates.iter().map(template).collect::<Vec<_>>()},
    })
}

#[test]
fn another_template_of_a_custom_resource_is_new_whatever_its_image() {
    let policy = ImagePolicy::compile([PolicySource::new(
        "p.yaml",
        r#"
apiVersion: imagereview/v1alpha1
kind: ImagePolicy
metadata: {name: p}
customResources:
  - {apiVersion: example.com/v1, kind: Fleet, podSpecs: ["spec.templates[*].spec"]}
rules:
  - {name: tags, tags: {deny: [latest]}}
"#,
    )])
    .unwrap();
    for (before, after, denials, warnings) in [
        (&["nginx"][..], &["nginx"][..], 0, 1),
        (&["nginx"], &["nginx", "nginx"], 1, 1),
        (&["nginx", "nginx"], &["nginx"], 0, 1),
        (&["nginx", "redis:7"], &["redis:7", "nginx"], 0, 1),
    ] {
        let json = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "u", "operation": "UPDATE",
            "object": custom_resource(after), "oldObject": custom_resource(before)}});
        let json = json.to_string();
        let review = AdmissionReview::from_slice_with(json.as_bytes(), policy.kinds()).unwrap();
        let verdict = decide(&policy, &review.review());
        let found = (verdict.denials().count(), verdict.warnings().count());
        assert_eq!(found, (denials, warnings), "{before:?} {after:?}");
        assert!(
            verdict
                .violations()
                .iter()
                .all(|violation| violation.mode() >= Mode::Warn)
        );
    }
}

/// An update of a pod, each of whose containers is named for its image.
fn update(before: &[&'static str], after: &[&'static str]) -> Review<'static> {
    let location =
        |image: &'static str| Location::new("spec.containers", 0, "image").with_container(image);
    let former: Vec<_> = before
        .iter()
        .map(|image| (*image, location(image)))
        .collect();
    let mut review = Review::new();
    for image in after {
        review.add_image(image, location(image));
    }
    review.with_former_images(former.iter().map(|(image, location)| (*image, location)))
}

/// The rest of a rule, the images before and after, and what is denied and what is warned of.
type Counted = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// An update that puts new containers first may not lay the excess on those that were there.
#[test]
fn too_many_images_are_blamed_on_those_that_are_new() {
    let policy = |scope: &str| {
        let text = format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n\
             rules: [{{name: few, maxImages: 2{scope}}}]\n"
        );
        ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).unwrap()
    };
    let rows: [Counted; 6] = [
        (
            "",
            &["a:1", "b:1"],
            &["new:1", "a:1", "b:1"],
            &["new:1"],
            &[],
        ),
        (
            "",
            &["a:1", "b:1", "c:1"],
            &["a:1", "b:1", "c:1"],
            &[],
            &["c:1"],
        ),
        (
            "",
            &["a:1", "b:1", "c:1"],
            &["new:1", "a:1", "b:1", "c:1"],
            &["new:1"],
            &["c:1"],
        ),
        ("", &[], &["a:1", "b:1", "c:1"], &["c:1"], &[]),
        // One that can't be read takes a place, whatever its own violation counts for.
        (
            "",
            &[],
            &["Bad/ref", "b:1", "c:1"],
            &["Bad/ref", "c:1"],
            &[],
        ),
        // One that the rule is not about takes a place, and can't be blamed.
        (
            ", scope: {images: {exclude: [b]}}",
            &[],
            &["a:1", "b:1", "b:2"],
            &["a:1"],
            &[],
        ),
    ];
    for (scope, before, after, denied, warned) in rows {
        let review = update(before, after);
        let verdict = decide(&policy(scope), &review);
        let denials: Vec<&str> = verdict
            .denials()
            .filter_map(imagereview_core::Violation::image)
            .collect();
        let warnings: Vec<&str> = verdict
            .warnings()
            .filter_map(imagereview_core::Violation::image)
            .collect();
        assert_eq!(
            (&denials[..], &warnings[..]),
            (denied, warned),
            "{scope} {before:?} {after:?}"
        );
    }
}

/// A property of the whole review that only shows at an image that was there: what is new caused it.
#[cfg(feature = "cel")]
#[test]
fn an_expression_that_new_images_make_false_is_not_excused_by_unchanged_ones() {
    let policy = |expression: &str| {
        let text = format!(
            "apiVersion: imagereview/v1alpha1\nkind: ImagePolicy\nmetadata: {{name: p}}\n\
             rules: [{{name: r, expression: \"{expression}\"}}]\n"
        );
        ImagePolicy::compile([PolicySource::new("p.yaml", &text)]).unwrap()
    };
    // The images before and after, and whether the update is allowed.
    for (expression, before, after, allowed) in [
        (
            "image.repository != 'library/a' || review.images.size() < 3",
            &["a:1", "b:1"][..],
            &["a:1", "b:1", "c:1"][..],
            false,
        ),
        // It was so before, and the new image has nothing to do with it.
        (
            "image.repository != 'library/a' || review.images.size() < 2",
            &["a:1", "b:1"],
            &["a:1", "b:1", "c:1"],
            true,
        ),
        ("image.tag != '1'", &["a:1"], &["a:1", "c:2"], true),
        ("image.tag != '1'", &["a:1"], &["a:1", "c:1"], false),
        (
            "review.images.all(other, other.tag == image.tag)",
            &["a:1"],
            &["a:1", "c:2"],
            false,
        ),
    ] {
        let review = update(before, after);
        let verdict = decide(&policy(expression), &review);
        assert_eq!(
            verdict.is_allowed(),
            allowed,
            "{expression} {before:?} {after:?}"
        );
        assert!(!verdict.violations().is_empty());
    }
}
