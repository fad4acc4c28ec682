//! Serving: sockets, connections, and the end of both.

mod accept;
mod activity;
mod connection;
mod ending;
mod handshake;
mod header_blocks;
mod health;
mod http1;
mod http2;
mod linger;
mod listen;
mod open_connections;
mod own_task;
mod server;
mod session;
mod streams;

pub use self::server::{Server, ServerError};
