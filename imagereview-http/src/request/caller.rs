//! The client at the other end of a connection.

/// The client at the other end of a connection.
#[derive(Debug)]
pub(crate) struct Caller {
    /// Its address, in the form that log lines show.
    pub(crate) peer: Box<str>,
    /// The common name of its certificate.
    pub(crate) name: Option<Box<str>>,
}

impl Caller {
    /// Its address without the port, by which clients are told apart.
    pub(crate) fn host(&self) -> &str {
        self.peer
            .rsplit_once(':')
            .map_or(&*self.peer, |(host, _)| host)
    }
}
