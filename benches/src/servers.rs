//! Whole servers: starting them, asking them over mutual TLS, and watching what that takes.
//!
//! One thread asks; it and the server have a core each, so what is counted of the server is its
//! own. It needs Linux (`/proc`) and `taskset`.

pub mod build;
pub mod contender;
pub mod cores;
pub mod credentials;
mod http1;
mod http2;
pub mod load;
pub mod process;
mod question;

/// What keeps a run from being one.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
