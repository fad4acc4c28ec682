//! Whole servers: starts them, sends them requests over mutual TLS, and measures their cost.
//!
//! One thread sends. It has one core and the server has another, so that the server's time is its
//! own. It needs Linux (`/proc`) and `taskset`.

pub mod build;
mod connection;
pub mod contender;
pub mod cores;
pub mod credentials;
mod http1;
mod http2;
pub mod load;
pub mod process;
pub mod protocol;
mod request;
mod response;
pub mod target;

/// Why a run fails.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
