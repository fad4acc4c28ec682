//! The configuration of an image.

use std::collections::BTreeMap;

use imagereview_core::facts::Platform;
use jiff::Timestamp;

use super::{
    manifest::MAX_ENTRIES,
    strict::{Ignored, List, Map, from_slice, strict_objects},
};

/// Dates up to this one, in seconds since 1970, say nothing of when an image was made: those who
/// make reproducible images write the year 1 or the first of January 1970.
const NO_DATE: i64 = 24 * 60 * 60;

strict_objects! {
    struct ConfigDocument {
        "created" created: Option<String>,
        "os" os: Option<String>,
        "architecture" architecture: Option<String>,
        "variant" variant: Option<String>,
        "os.version" os_version: Option<String>,
        "config" config: RunDocument,
    }

    /// How the image is run.
    struct RunDocument {
        "User" user: Option<String>,
        "Labels" labels: Map<String, MAX_ENTRIES>,
        "Volumes" volumes: Map<Ignored, MAX_ENTRIES>,
        "ExposedPorts" exposed_ports: Map<Ignored, MAX_ENTRIES>,
        "Entrypoint" entrypoint: List<String, MAX_ENTRIES>,
        "Cmd" command: List<String, MAX_ENTRIES>,
    }
}

/// What an image says of itself.
///
/// Source: [OCI image specification, "Image Configuration"](https://github.com/opencontainers/image-spec/blob/main/config.md).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageConfig {
    /// When it was made. `None` where no date is said, or one that stands for none: the year 1, and
    /// 1 January 1970.
    pub created: Option<Timestamp>,
    /// What it runs on. `None` where it does not say.
    pub platform: Option<Platform>,
    /// The user, and group, that it runs as: a name or a number. Empty where none is said, which is
    /// root.
    pub user: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The paths of volumes.
    pub volumes: Vec<String>,
    /// The ports, such as `80/tcp`.
    pub exposed_ports: Vec<String>,
    /// What is run.
    pub entrypoint: Vec<String>,
    /// The arguments, or what is run where there is no entry point.
    pub command: Vec<String>,
}

impl ImageConfig {
    /// Reads the bytes of a configuration.
    ///
    /// ```
    /// use imagereview_registry::ImageConfig;
    ///
    /// let config = ImageConfig::parse(br#"{
    ///     "created": "1970-01-01T00:00:00Z", "os": "linux", "architecture": "amd64",
    ///     "config": {"User": "65532"}
    /// }"#)?;
    /// assert_eq!(config.user, "65532");
    /// assert_eq!(config.created, None);
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What is wrong with it: it is not JSON, not of the form, or could be read in two ways.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let document: ConfigDocument = from_slice(bytes)?;
        let created = match document.created.as_deref() {
            None | Some("") => None,
            Some(text) => created(text)?,
        };
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let platform = Platform::new(
            &part(&document.os),
            &part(&document.architecture),
            &part(&document.variant),
            &part(&document.os_version),
        );
        let run = document.config;
        Ok(Self {
            created,
            platform,
            user: run.user.unwrap_or_default(),
            labels: run.labels.0,
            volumes: run.volumes.0.into_keys().collect(),
            exposed_ports: run.exposed_ports.0.into_keys().collect(),
            entrypoint: run.entrypoint.0,
            command: run.command.0,
        })
    }
}

fn created(text: &str) -> Result<Option<Timestamp>, String> {
    let date: Timestamp = text
        .parse()
        .map_err(|_| "created is no date of RFC 3339".to_owned())?;
    Ok((date.as_second() >= NO_DATE).then_some(date))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_that_stand_for_none_are_none() {
        for (text, expected) in [
            (r#""2026-11-28T08:00:00.123456789Z""#, Ok(true)),
            (r#""2026-11-28T10:00:00+02:00""#, Ok(true)),
            (r#""1970-01-02T00:00:00Z""#, Ok(true)),
            (r#""1970-01-01T00:00:00Z""#, Ok(false)),
            (r#""1970-01-01T23:59:59Z""#, Ok(false)),
            (r#""0001-01-01T00:00:00Z""#, Ok(false)),
            (r#""""#, Ok(false)),
            ("null", Ok(false)),
            (r#""yesterday""#, Err(())),
            ("7", Err(())),
        ] {
            let json = format!(r#"{{"created": {text}}}"#);
            let found = ImageConfig::parse(json.as_bytes());
            let found = found.map(|config| config.created.is_some()).map_err(drop);
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_configuration_that_two_readers_read_differently_is_refused() {
        for json in [
            r#"{"config": {"User": "1000", "user": "0"}}"#,
            r#"{"config": {"User": "1000"}, "Config": {"User": "0"}}"#,
            r#"{"config": {"User": "1000", "User": "0"}}"#,
            r#"{"config": {"Labels": {"a": "1", "a": "2"}}}"#,
        ] {
            assert!(ImageConfig::parse(json.as_bytes()).is_err(), "{json}");
        }
        let labels = r#"{"config": {"Labels": {"user": "1", "User": "2"}}}"#;
        assert!(ImageConfig::parse(labels.as_bytes()).is_ok());
    }
}
