//! JSON on a line of its own.

use bytes::Bytes;

/// JSON on a line of its own, for those who use curl.
pub(super) fn json_line(json: &[u8]) -> Bytes {
    // `Bytes` takes over a vector without spare capacity as it is.
    let mut line = Vec::with_capacity(json.len() + 1);
    line.extend_from_slice(json);
    line.push(b'\n');
    Bytes::from(line)
}
