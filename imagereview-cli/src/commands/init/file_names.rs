//! The names of the files that are written.

pub(super) const CA_CERTIFICATE: &str = "ca.crt";
pub(super) const CA_KEY: &str = "ca.key";
pub(super) const SERVER_CERTIFICATE: &str = "server.crt";
pub(super) const SERVER_KEY: &str = "server.key";
pub(super) const CLIENT_CERTIFICATE: &str = "apiserver-client.crt";
pub(super) const CLIENT_KEY: &str = "apiserver-client.key";
pub(super) const ADMISSION_CONFIGURATION: &str = "admission_configuration.yaml";
pub(super) const KUBECONFIG: &str = "connect_webhook.yaml";
pub(super) const INSTRUCTIONS: &str = "README.txt";
