//! The part of a response that is checked.

/// A response, as far as it is checked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Response<'a> {
    /// The status is 200.
    pub(super) is_ok: bool,
    pub(super) body: &'a [u8],
    /// The server closes the connection after this response.
    pub(super) is_last: bool,
}
