//! The tag question, asked of realistic references: may this image run, or is its tag `latest`,
//! written or implied?

use std::{hint::black_box, str::FromStr};

use imagereview_core::{ImageRef, reference::DEFAULT_TAG};

/// References as they stand in manifests: short names, ports, deep paths, digests, and the long
/// hosts of the cloud providers' registries.
#[must_use]
pub fn corpus() -> Vec<&'static str> {
    include_str!("../corpus/references.txt").lines().collect()
}

/// The corpus in a random order, each reference many times. In the order of the file the
/// processor's branch prediction would learn the corpus by heart, which flatters a parser.
#[must_use]
pub fn shuffled_corpus() -> Vec<&'static str> {
    let corpus = corpus();
    // xorshift64 with a fixed seed: every run reads the same.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        corpus[usize::try_from(state >> 33).unwrap_or_default() % corpus.len()]
    };
    (0..4096).map(|_| draw()).collect()
}

/// One way to answer the tag question.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Contender {
    /// What it is called in tables.
    pub name: &'static str,
    /// Counts the references that it would deny. A reference that it cannot read is denied.
    pub count_denied: fn(&[&str]) -> usize,
}

/// One forward pass that only asks of each byte whether it may stand in a reference at all: what
/// checking a reference byte by byte costs at the least. Denies nothing that is a reference.
pub const BYTE_PASS: Contender = Contender {
    name: "forward byte pass",
    count_denied: |corpus| count(corpus, byte_pass),
};

/// Our parse, which checks the whole grammar, and the tag check.
pub const IMAGE_REF: Contender = Contender {
    name: "ImageRef::parse",
    count_denied: |corpus| count(corpus, image_ref),
};

/// The parse of oci-spec.
pub const OCI_SPEC: Contender = Contender {
    name: "oci-spec",
    count_denied: |corpus| count(corpus, oci_spec),
};

/// Other published parsers of references. `container-image-ref` refuses short names, and
/// `docker-image` some hosts, paths and digests; a refusal is quick, so that is to their advantage.
pub const PEERS: [Contender; 3] = [
    Contender {
        name: "container-image-ref",
        count_denied: |corpus| count(corpus, container_image_ref),
    },
    Contender {
        name: "docker-image-reference",
        count_denied: |corpus| count(corpus, docker_image_reference),
    },
    Contender {
        name: "docker-image",
        count_denied: |corpus| count(corpus, docker_image),
    },
];

/// Searches that take any text for a reference, and so answer a simpler question.
pub const SEARCHES: [Contender; 3] = [
    Contender {
        name: "scan from the end",
        count_denied: |corpus| count(corpus, reverse_scan),
    },
    Contender {
        name: "memchr",
        count_denied: |corpus| count(corpus, memchr_scan),
    },
    Contender {
        name: "contains",
        count_denied: |corpus| count(corpus, contains),
    },
];

fn count(corpus: &[&str], is_denied: impl Fn(&str) -> bool) -> usize {
    corpus
        .iter()
        .filter(|text| is_denied(black_box(text)))
        .count()
}

fn is_latest(tag: &str) -> bool {
    tag.eq_ignore_ascii_case(DEFAULT_TAG)
}

fn byte_pass(text: &str) -> bool {
    const MAY_STAND: [bool; 256] = {
        let mut may_stand = [false; 256];
        let bytes = b"-./0123456789:@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]_abcdefghijklmnopqrstuvwxyz";
        let mut index = 0;
        while index < bytes.len() {
            may_stand[bytes[index] as usize] = true;
            index += 1;
        }
        may_stand
    };
    !text.bytes().all(|byte| MAY_STAND[usize::from(byte)])
}

fn image_ref(text: &str) -> bool {
    ImageRef::parse(text).map_or(true, |image| image.pulled_tag().is_some_and(is_latest))
}

fn reverse_scan(text: &str) -> bool {
    for (position, byte) in text.bytes().enumerate().rev() {
        match byte {
            // Or the colon of a digest, whose hash is never "latest".
            b':' => return is_latest(&text[position + 1..]),
            b'/' => return true,
            _ => {}
        }
    }
    true
}

fn memchr_scan(text: &str) -> bool {
    let bytes = text.as_bytes();
    if memchr::memchr(b'@', bytes).is_some() {
        return false;
    }
    let name = memchr::memrchr(b'/', bytes).map_or(0, |slash| slash + 1);
    memchr::memchr(b':', &bytes[name..]).is_none_or(|colon| is_latest(&text[name + colon + 1..]))
}

/// The check of the script that this project replaces.
fn contains(text: &str) -> bool {
    text.contains(":latest") || !text.contains(':')
}

fn oci_spec(text: &str) -> bool {
    oci_spec::distribution::Reference::try_from(text).map_or(true, |image| {
        image.digest().is_none() && image.tag().is_none_or(is_latest)
    })
}

fn container_image_ref(text: &str) -> bool {
    container_image_ref::ImageReference::from_str(text).map_or(true, |image| {
        image.digest.is_none() && image.tag.as_deref().is_none_or(is_latest)
    })
}

fn docker_image_reference(text: &str) -> bool {
    docker_image_reference::Reference::from_str(text).map_or(true, |image| {
        !image.has_digest() && image.tag().is_none_or(is_latest)
    })
}

fn docker_image(text: &str) -> bool {
    docker_image::DockerImage::parse(text).map_or(true, |image| {
        image.digest.is_none() && image.tag.as_deref().is_none_or(is_latest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A contender that answers another question would make any comparison with it worthless.
    #[test]
    fn the_contenders_that_read_every_reference_give_the_same_answer() {
        let corpus = corpus();
        let expected = corpus
            .iter()
            .filter(|text| {
                let name = text.rsplit('/').next().unwrap_or_default();
                !name.contains([':', '@']) || name.ends_with(":latest")
            })
            .count();
        assert!(expected > 0);
        let [reverse_scan, memchr, _] = SEARCHES;
        let [_, docker_image_reference, _] = PEERS;
        assert_eq!((BYTE_PASS.count_denied)(&corpus), 0);
        for contender in [
            IMAGE_REF,
            OCI_SPEC,
            reverse_scan,
            memchr,
            docker_image_reference,
        ] {
            let denied = (contender.count_denied)(&corpus);
            assert_eq!(denied, expected, "{}", contender.name);
        }
    }
}
