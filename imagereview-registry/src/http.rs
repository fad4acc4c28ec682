//! HTTP/1.1 and HTTP/2 over connections to addresses that may be connected to.

mod body;
mod connector;
mod transport;

pub(crate) use self::{
    body::{discard, read_body, short_word},
    transport::{Transport, TrustRoots},
};
