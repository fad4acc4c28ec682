//! What is decided about JSON that readers differ on, for both kinds of review: it has one reading,
//! or none.
//!
//! Go's `encoding/json` takes the last of two fields, matches names without regard to case (and with
//! Unicode's simple folding, so that `ſ` is an s and the Kelvin sign a k), puts U+FFFD in the place of
//! what is no UTF-8 and of half a surrogate pair, and refuses what is nested deeper than 10,000.

use imagereview_core::{AdmissionReview, AllowAll, ImageReview, decide};

/// What comes of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// It is reviewed, with these images.
    Images(&'static [&'static str]),
    /// The response is a denial: the images cannot be known.
    Denied(&'static str),
    /// It is no review; the error says this.
    Refused(&'static str),
}

use Outcome::{Denied, Images, Refused};

/// The fields of a pod's spec in an `ImageReview`, and what comes of it.
fn image_review(spec: &str) -> (String, Result<Vec<String>, String>) {
    let json = format!(
        r#"{{"apiVersion":"imagepolicy.k8s.io/v1alpha1","kind":"ImageReview","spec":{{{spec}}}}}"#
    );
    let review = ImageReview::from_slice(json.as_bytes());
    let images = review.map(|review| review.images().map(str::to_owned).collect());
    let images = images.map_err(|error| error.to_string());
    (json, images)
}

/// The same of an `AdmissionReview`; an error in the object is a denial.
fn admission_review(spec: &str) -> (String, Result<Result<Vec<String>, String>, String>) {
    let json = format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","operation":"CREATE","object":{{"apiVersion":"v1","kind":"Pod","spec":{{{spec}}}}}}}}}"#
    );
    let images = match AdmissionReview::from_slice(json.as_bytes()) {
        Err(error) => Err(error.to_string()),
        Ok(request) => {
            let is_allowed = decide(&AllowAll, &request.review()).is_allowed();
            match request.object().expect("there is one") {
                Ok(object) => Ok(Ok(object
                    .images()
                    .map(|(image, _)| image.to_owned())
                    .collect())),
                Err(error) => {
                    assert!(!is_allowed, "{json}");
                    Ok(Err(error.to_string()))
                }
            }
        }
    };
    (json, images)
}

#[test]
fn a_field_has_one_reading_or_none() {
    let number = "1".repeat(400);
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep_image = format!(r#""containers":[{{"image":{deep}}}]"#);
    for (spec, of_image_review, of_admission_review) in [
        // Two fields of one name.
        (
            r#""containers":[{"image":"a","image":"b"}]"#,
            Refused("duplicate field `image`"),
            Denied("spec.containers[0].image appears twice"),
        ),
        (
            r#""containers":[{"image":"a","image":"a"}]"#,
            Refused("duplicate field `image`"),
            Denied("spec.containers[0].image appears twice"),
        ),
        (
            r#""containers":[{"image":"a"}],"containers":null"#,
            Refused("duplicate field `containers`"),
            Denied("spec.containers appears twice"),
        ),
        (r#""x":1,"x":2,"containers":[]"#, Images(&[]), Images(&[])),
        // Escapes in names.
        (
            r#""containers":[{"im\u0061ge":"a"}]"#,
            Images(&["a"]),
            Images(&["a"]),
        ),
        (
            r#""cont\u0061iners":[{"image":"a"}]"#,
            Images(&["a"]),
            Images(&["a"]),
        ),
        (
            r#""containers":[{"image":"a","im\u0061ge":"b"}]"#,
            Refused("duplicate field `image`"),
            Denied("spec.containers[0].image appears twice"),
        ),
        // Names that differ in case alone, plain and escaped.
        (
            r#""containers":[{"Image":"a"}]"#,
            Refused(r#"the field "Image" differs from "image" only in case"#),
            Denied(r#"spec.containers[0].image is written "Image""#),
        ),
        (
            r#""containers":[{"image":"a","\u0049mage":"b"}]"#,
            Refused(r#"the field "Image" differs from "image" only in case"#),
            Denied(r#"spec.containers[0].image is written "Image""#),
        ),
        (
            r#""CONTAINERS":[{"image":"a"}]"#,
            Refused("differs from \"containers\" only in case"),
            Denied("spec.containers is written \"CONTAINERS\""),
        ),
        // Letters outside ASCII that Go folds into it.
        (
            r#""containerſ":[]"#,
            Refused("differs from \"containers\" only in case"),
            Denied("spec.containers is written \"containerſ\""),
        ),
        (
            r#""container\u017f":[]"#,
            Refused("differs from \"containers\" only in case"),
            Denied("spec.containers is written \"containerſ\""),
        ),
        // And letters that it does not: these are other names.
        (r#""contaıners":[{"image":7}]"#, Images(&[]), Images(&[])),
        (r#""contaİners":[{"image":7}]"#, Images(&[]), Images(&[])),
        (r#""ｃontainers":[{"image":7}]"#, Images(&[]), Images(&[])),
        (
            r#""containers\u0000":[{"image":7}]"#,
            Images(&[]),
            Images(&[]),
        ),
        // Numbers: skipped where nothing is looked for, and no text where it is.
        (r#""x":1e999999999,"y":-0"#, Images(&[]), Images(&[])),
        (
            &format!(r#""x":{number}.{number}"#),
            Images(&[]),
            Images(&[]),
        ),
        (
            r#""containers":[{"image":1e400}]"#,
            Refused("spec.containers[0].image: number out of range"),
            Refused("request.object.spec.containers[0].image: number out of range"),
        ),
        (
            r#""containers":[{"image":18446744073709551616}]"#,
            Refused("spec.containers[0].image: invalid type"),
            Denied("spec.containers[0].image is a number, expected a string"),
        ),
        (
            r#""x":01"#,
            Refused("invalid number"),
            Refused("invalid number"),
        ),
        // Depth.
        (&format!(r#""x":{deep}"#), Images(&[]), Images(&[])),
        (
            &deep_image,
            Refused("spec.containers[0].image: invalid type: sequence"),
            Denied("spec.containers[0].image is a list, expected a string"),
        ),
        // Halves of surrogate pairs, and whole ones.
        (
            r#""containers":[{"image":"\ud800"}]"#,
            Refused("spec.containers[0].image: "),
            Refused("request.object.spec.containers[0].image: "),
        ),
        (
            r#""containers":[{"image":"\udc00\ud800"}]"#,
            Refused("spec.containers[0].image: "),
            Refused("request.object.spec.containers[0].image: "),
        ),
        (
            r#""\ud800":1"#,
            Refused("spec.?: "),
            Refused("request.object.spec.?: "),
        ),
        (r#""x":"\ud800""#, Images(&[]), Images(&[])),
        (
            r#""containers":[{"image":"\ud83d\ude00"}]"#,
            Images(&["😀"]),
            Images(&["😀"]),
        ),
        // Control characters: escaped they are part of the text, and bare they are none of JSON.
        (
            r#""containers":[{"image":"a\u0000b"}]"#,
            Images(&["a\0b"]),
            Images(&["a\0b"]),
        ),
        (
            "\"containers\":[{\"image\":\"a\u{1}b\"}]",
            Refused("control character"),
            Refused("control character"),
        ),
        // What some readers take beside JSON.
        (
            r#""containers":[{"image":"a"},]"#,
            Refused("trailing comma"),
            Refused("trailing comma"),
        ),
        (
            r"/* x */",
            Refused("spec.?: key must be a string"),
            Refused("request.object.spec.?: key must be a string"),
        ),
        (
            r"'x':1",
            Refused("spec.?: key must be a string"),
            Refused("request.object.spec.?: key must be a string"),
        ),
        (
            r#""x":NaN"#,
            Refused("spec"),
            Refused("request.object.spec"),
        ),
    ] {
        let short = |json: &str| json.chars().take(300).collect::<String>();
        let (json, found) = image_review(spec);
        match (&found, of_image_review) {
            (Ok(images), Images(expected)) => assert_eq!(images, expected, "{}", short(&json)),
            (Err(error), Refused(says)) => {
                assert!(error.contains(says), "{}\n says: {error}", short(&json));
            }
            _ => panic!("{}: {found:?}", short(&json)),
        }
        let (json, found) = admission_review(spec);
        match (&found, of_admission_review) {
            (Ok(Ok(images)), Images(expected)) => assert_eq!(images, expected, "{}", short(&json)),
            (Ok(Err(error)), Denied(says)) | (Err(error), Refused(says)) => {
                assert!(error.contains(says), "{}\n says: {error}", short(&json));
            }
            _ => panic!("{}: {found:?}", short(&json)),
        }
    }
}

/// The error that each kind of review gives for bytes that are made of a good document of its kind.
fn refusals(make: impl Fn(&str) -> Vec<u8>) -> [String; 2] {
    let (image, _) = image_review(r#""containers":[{"image":"a"}]"#);
    let (admission, _) = admission_review(r#""containers":[{"image":"a"}]"#);
    let (image, admission) = (make(&image), make(&admission));
    let image = ImageReview::from_slice(&image).map(|_| ());
    let admission = AdmissionReview::from_slice(&admission).map(|_| ());
    [
        image.map_or_else(|error| error.to_string(), |()| "none".into()),
        admission.map_or_else(|error| error.to_string(), |()| "none".into()),
    ]
}

#[test]
fn a_text_is_one_document_in_utf_8() {
    type Make = fn(&str) -> Vec<u8>;
    let rows: [(&str, Make, &str); 14] = [
        (
            "white space around",
            |json| format!(" \r\n\t{json}\n\n").into(),
            "none",
        ),
        (
            "a byte order mark",
            |json| format!("\u{feff}{json}").into(),
            "expected value",
        ),
        (
            "another document",
            |json| format!("{json}{json}").into(),
            "trailing characters",
        ),
        (
            "a bracket too many",
            |json| format!("{json}}}").into(),
            "trailing characters",
        ),
        (
            "a null byte behind",
            |json| format!("{json}\0").into(),
            "trailing characters",
        ),
        (
            "a no-break space behind",
            |json| format!("{json}\u{a0}").into(),
            "trailing characters",
        ),
        (
            "a list around",
            |json| format!("[{json}]").into(),
            "expected an object",
        ),
        (
            "cut off",
            |json| json[..json.len() - 1].into(),
            "EOF while parsing",
        ),
        (
            "UTF-16",
            |json| json.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ": ",
        ),
        (
            "no UTF-8 in an image",
            |json| [json.replace(r#""a""#, "\"").as_bytes(), b"\xff"].concat(),
            "the text is not UTF-8 at byte",
        ),
        (
            "no UTF-8 in what is passed over",
            |json| {
                let at = json.find(r#""kind""#).unwrap();
                [
                    &json.as_bytes()[..at],
                    b"\"x\":\"\xc3\x28\",",
                    &json.as_bytes()[at..],
                ]
                .concat()
            },
            "the text is not UTF-8 at byte",
        ),
        (
            "an overlong slash",
            |json| [b"{\"\xc0\xaf\":1,", &json.as_bytes()[1..]].concat(),
            "the text is not UTF-8 at byte 2",
        ),
        (
            "a surrogate in UTF-8",
            |json| [b"{\"\xed\xa0\x80\":1,", &json.as_bytes()[1..]].concat(),
            "the text is not UTF-8 at byte 2",
        ),
        (
            "a name that Go folds",
            |json| json.replacen("kind", "\u{212a}ind", 1).into(),
            "differs from \"kind\" only in case",
        ),
    ];
    for (what, make, says) in rows {
        for error in refusals(make) {
            assert!(error.contains(says), "{what}: {error}");
        }
    }
}
