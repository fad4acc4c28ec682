//! What Secrets and service accounts say.

use std::{path::Path, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    credentials::{DockerConfig, Login, Pattern, Secret},
    file,
};

#[derive(Deserialize)]
struct SecretDocument {
    #[serde(default)]
    data: Option<SecretData>,
}

/// Of the two types of Secret that the kubelet takes.
///
/// Source: [Kubernetes, "Docker config
/// Secrets"](https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets).
#[derive(Deserialize)]
#[serde(expecting = "a map of texts in base64")]
struct SecretData {
    #[serde(default, rename = ".dockerconfigjson")]
    config: Option<Secret>,
    /// The older form, which is what the other holds under `auths`.
    #[serde(default, rename = ".dockercfg")]
    auths: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServiceAccountDocument {
    #[serde(default)]
    image_pull_secrets: Option<Vec<LocalReference>>,
}

#[derive(Deserialize)]
struct LocalReference {
    #[serde(default)]
    name: Box<str>,
}

/// The logins of a Secret, the more exact first.
pub(super) fn secret_logins(source: &str, body: &[u8]) -> Result<Vec<(Pattern, Login)>, Arc<str>> {
    let document: SecretDocument = object(source, body)?;
    let data = document.data;
    let (config, auths) = data.map_or((None, None), |data| (data.config, data.auths));
    let text = |encoded: Secret| {
        let bytes = STANDARD.decode(encoded.reveal()).ok();
        let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
        text.ok_or_else(|| Arc::from(format!("{source} (its data can't be read)")))
    };
    // What is wrong is said with its line and field, and never with a value.
    let path = Path::new(source);
    let read = match (config, auths) {
        (Some(config), _) => DockerConfig::parse(path, &text(config)?),
        (None, Some(auths)) => DockerConfig::parse_auths(path, &text(auths)?),
        (None, None) => {
            return Err(format!(
                "{source} (which is not of the type kubernetes.io/dockerconfigjson)"
            )
            .into());
        }
    };
    let config = read.map_err(|error| Arc::from(error.to_string()))?;
    Ok(config.into_logins())
}

/// The names of the pull secrets of a service account.
pub(super) fn secret_names(source: &str, body: &[u8]) -> Result<Vec<Box<str>>, Arc<str>> {
    let document: ServiceAccountDocument = object(source, body)?;
    let references = document.image_pull_secrets.unwrap_or_default();
    Ok(references.into_iter().map(|one| one.name).collect())
}

fn object<T: DeserializeOwned>(source: &str, body: &[u8]) -> Result<T, Arc<str>> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    file::from_json(Path::new(source), text).map_err(|error| error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(key: &str, text: &str) -> Vec<u8> {
        let data = STANDARD.encode(text);
        format!(r#"{{"kind":"Secret","data":{{"{key}":"{data}","other":"x"}}}}"#).into_bytes()
    }

    #[test]
    fn both_types_of_secrets_are_read_and_helpers_are_not() {
        let auth = STANDARD.encode("user:password");
        let auths = format!(r#"{{"r.example":{{"auth":"{auth}"}}}}"#);
        let config = format!(
            r#"{{"auths":{auths},"credHelpers":{{"x.example":"evil"}},"credsStore":"evil"}}"#
        );
        for (key, text) in [(".dockerconfigjson", &config), (".dockercfg", &auths)] {
            let logins = secret_logins("Secret a/b", &secret(key, text)).unwrap();
            let expected = Login::Password {
                user: "user".into(),
                password: Secret::new("password"),
            };
            assert_eq!(logins, [(Pattern::parse("r.example").unwrap(), expected)]);
        }
    }

    #[test]
    fn what_can_not_be_read_is_said_without_its_secrets() {
        let hidden = r#"{"auths":{"r.example":{"auth":["hunter2"]}}}"#;
        for (body, message) in [
            (
                secret(".dockerconfigjson", hidden),
                "Secret a/b:1:30: auths.r.example.auth: expected a string",
            ),
            (
                secret("tls.key", "hunter2"),
                "Secret a/b (which is not of the type kubernetes.io/dockerconfigjson)",
            ),
            (
                br#"{"data":{".dockerconfigjson":"hunter2"}}"#.to_vec(),
                "Secret a/b (its data can't be read)",
            ),
            (
                br#"{"data":"hunter2"}"#.to_vec(),
                "Secret a/b:1:17: data: expected a map of texts in base64",
            ),
        ] {
            let error = secret_logins("Secret a/b", &body).unwrap_err();
            assert_eq!(&*error, message);
        }
    }
}
