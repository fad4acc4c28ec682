//! What registries send: manifests and indexes, configurations, and challenges. What is read is what
//! serde_json reads of the same bytes, so that no other reader sees another image.

#![no_main]

use imagereview_registry::{Challenge, ImageConfig, Manifest};
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some((kind, content)) = bytes.split_first() else {
        return;
    };
    match kind % 3 {
        0 => manifest(content),
        1 => config(content),
        _ => challenge(content),
    }
});

fn manifest(bytes: &[u8]) {
    for sent_as in [
        None,
        Some("application/vnd.oci.image.manifest.v1+json"),
        Some("application/vnd.docker.distribution.manifest.list.v2+json"),
    ] {
        let Ok(manifest) = Manifest::parse(bytes, sent_as) else {
            continue;
        };
        let Some(json) = value(bytes) else {
            continue;
        };
        assert_eq!(json["schemaVersion"], 2);
        match manifest {
            Manifest::Image(image) => {
                assert_eq!(json["config"]["digest"], image.config.as_str());
                let layers = json["layers"].as_array().expect("a list");
                assert_eq!(layers.len(), image.layers);
                let sizes = layers
                    .iter()
                    .map(|layer| layer["size"].as_u64().expect("a size"));
                assert_eq!(sizes.sum::<u64>() + image.config_size, image.size);
            }
            Manifest::Index(index) => {
                let children = json["manifests"].as_array().expect("a list");
                assert!(index.children.len() <= children.len());
                for child in &index.children {
                    let is_listed = |one: &Value| one["digest"] == child.digest.as_str();
                    assert!(children.iter().any(is_listed));
                }
            }
            _ => {}
        }
    }
}

fn config(bytes: &[u8]) {
    let Ok(config) = ImageConfig::parse(bytes) else {
        return;
    };
    let Some(json) = value(bytes) else {
        return;
    };
    let run = &json["config"];
    assert_eq!(run["User"].as_str().unwrap_or_default(), config.user);
    for (name, value) in &config.labels {
        assert_eq!(run["Labels"][name], value.as_str());
    }
    assert_eq!(
        run["Entrypoint"].as_array().map_or(0, Vec::len),
        config.entrypoint.len()
    );
}

/// What was read, as JSON. `None` where a field that is not read holds what `serde_json` makes no value of: a
/// number that no float holds, or half of a surrogate pair.
fn value(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice::<IgnoredAny>(bytes).expect("what is read is JSON");
    serde_json::from_slice(bytes).ok()
}

fn challenge(header: &[u8]) {
    let Ok(challenges) = Challenge::parse_header(header) else {
        return;
    };
    let text = std::str::from_utf8(header).expect("what is read is text");
    // Each begins with a word of its own.
    assert!(challenges.len() <= text.len());
    assert_eq!(
        challenges.is_empty(),
        text.trim_matches([' ', '\t', ',']).is_empty()
    );
}
