//! The server as its clients see it: real TLS, HTTP/1.1 and HTTP/2, and the real program.

mod connections;
mod harness;
mod mutual_tls;
mod program;
mod refusals;
mod reviews;
mod shutdown;
