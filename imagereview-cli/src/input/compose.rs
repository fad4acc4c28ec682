//! The images of a Compose file.
//!
//! Source: <https://github.com/compose-spec/compose-spec/blob/main/05-services.md>

use std::collections::BTreeMap;

use serde::Deserialize;

/// A Compose file, as far as images go.
#[derive(Debug, Deserialize)]
pub(crate) struct ComposeFile {
    services: BTreeMap<String, Option<Service>>,
}

#[derive(Debug, Deserialize)]
struct Service {
    image: Option<String>,
}

impl ComposeFile {
    /// Each image as it is written, and its JSON path. A service that is built has none.
    pub(crate) fn images(&self) -> impl Iterator<Item = (&str, String)> {
        self.services.iter().filter_map(|(name, service)| {
            let image = service.as_ref()?.image.as_deref()?;
            Some((image, format!("services.{name}.image")))
        })
    }
}
