//! Any text as a reference: accepted means read as `oci-spec` reads it, and refused while
//! `oci-spec` accepts it means a difference between readers that we have a name for.

#![no_main]

use imagereview_core::{ImageRef, reference::ReferenceErrorKind};
use libfuzzer_sys::fuzz_target;
use oci_spec::distribution::Reference;

fuzz_target!(|text: &str| {
    let theirs = Reference::try_from(text);
    let image = match ImageRef::parse(text) {
        Ok(image) => image,
        Err(error) => {
            assert!(
                // No resolver takes such a host, whoever reads it.
                theirs.is_err()
                    || error.kind().is_ambiguous()
                    || error.kind() == ReferenceErrorKind::HostTooLong,
                "{text:?}: oci-spec reads {theirs:?}, we say: {error}"
            );
            assert!(text.is_char_boundary(error.position()), "{text:?}: {error}");
            return;
        }
    };
    match (image.to_oci(), theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{text:?}"),
        (Err(not_oci), Err(_)) => assert!(not_oci.host().starts_with('['), "{text:?}"),
        (ours, theirs) => panic!("{text:?}: ours {ours:?}, oci-spec's {theirs:?}"),
    }

    let written: usize = [
        image.written_registry().map_or(0, |host| host.len() + 1),
        image.repository().as_written().len(),
        image.tag().map_or(0, |tag| tag.len() + 1),
        image
            .digest()
            .map_or(0, |digest| digest.to_string().len() + 1),
    ]
    .iter()
    .sum();
    assert_eq!(
        written,
        text.len(),
        "every byte of {text:?} belongs to one part"
    );

    let full = image.to_string();
    let again = ImageRef::parse(&full).expect("the normal form is a reference");
    assert_eq!(again.to_string(), full, "the normal form is stable");
    assert_eq!(again.registry(), image.registry(), "{text:?}");
    assert_eq!(
        again.repository().to_string(),
        image.repository().to_string(),
        "{text:?}"
    );
    assert_eq!(again.pulled_tag(), image.pulled_tag(), "{text:?}");
    assert_eq!(again.digest(), image.digest(), "{text:?}");
});
