//! The server as its clients see it: real TLS, HTTP/1.1 and HTTP/2, and the real program.

mod admission;
mod audit;
mod availability;
mod client_trust;
mod clock;
mod configuration;
mod connection_memory;
mod connections;
mod departures;
mod entries;
mod facts;
mod faults;
mod floods;
mod frames;
mod handshakes;
mod harness;
mod health;
mod issuer;
mod limits;
mod load;
mod log;
mod memory;
mod mutual_tls;
mod policy;
mod program;
mod refusals;
mod reload;
mod reviews;
mod shutdown;
mod signed;
mod soak;
#[cfg(feature = "opentelemetry")]
mod traces;
mod untaken;
mod webhook;
