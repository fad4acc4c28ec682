//! The client as registries see it: real connections, to registries that these tests play, honest
//! ones and hostile ones.

mod addresses;
mod attacks;
mod cache;
mod credentials;
mod deadlines;
mod harness;
mod honest;
mod hostile;
mod observer;
mod programs;
mod pull_secrets;
mod quirks;
mod redaction;
mod redirects;
mod schema;
mod signatures;
mod tls;
mod tokens;
