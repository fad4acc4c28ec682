//! The JSON Schema of the registries file says what its reader does.

use imagereview_registry::{Registries, json_schema};

#[test]
fn the_schema_and_the_reader_agree() {
    let validator = jsonschema::validator_for(&json_schema()).unwrap();
    for (text, is_fine) in [
        (
            r#"{"apiVersion": "imagereview/v1alpha1", "kind": "Registries"}"#,
            true,
        ),
        (
            r#"{"apiVersion": "imagereview/v1alpha1", "kind": "Registries", "unlisted": "refuse",
                "registries": [{"host": "r.example", "ask": "never", "mirrors": [],
                "plainHttp": true, "tokenRealms": ["https://r.example/token"], "maxRequests": 4,
                "manifestRedirects": ["*.r.example"], "allowAddresses": ["linkLocal"]}]}"#,
            true,
        ),
        (
            r#"{"apiVersion": "imagereview/v1", "kind": "Registries"}"#,
            false,
        ),
        (r#"{"kind": "Registries"}"#, false),
        (
            r#"{"apiVersion": "imagereview/v1alpha1", "kind": "Registries", "more": 1}"#,
            false,
        ),
        (
            r#"{"apiVersion": "imagereview/v1alpha1", "kind": "Registries", "registries": [{}]}"#,
            false,
        ),
        (
            r#"{"apiVersion": "imagereview/v1alpha1", "kind": "Registries",
                "registries": [{"host": "r.example", "maxRequests": 0}]}"#,
            false,
        ),
        (
            r#"{"apiVersion": "imagereview/v1alpha1", "kind": "Registries",
                "registries": [{"host": "r.example", "allowAddresses": ["all"]}]}"#,
            false,
        ),
    ] {
        let json = serde_json::from_str(text).unwrap();
        assert_eq!(validator.is_valid(&json), is_fine, "{text}");
        let read = Registries::parse("r.yaml".as_ref(), text);
        assert_eq!(read.is_ok(), is_fine, "{text}: {read:?}");
    }
}

/// With the variable `UPDATE_SCHEMA` set, it writes the file instead.
#[test]
fn the_schema_that_is_checked_in_is_current() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../schema/registries.schema.json"
    );
    let current = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &current).unwrap();
    }
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == current,
        "schema/registries.schema.json is old; write it anew with \
         `UPDATE_SCHEMA=1 cargo test -p imagereview-registry --test it`"
    );
}
