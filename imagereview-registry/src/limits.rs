//! How much is asked of a registry, and how much is taken from it.

use std::time::Duration;

/// How much is asked of registries, and how much is taken from them. Everything that a registry can
/// make grow has a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The most bytes of a manifest or an index: 4 MiB, which registries themselves take as the most
    /// ([distribution specification, "Pushing Manifests"](https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pushing-manifests)).
    pub manifest_bytes: usize,
    /// The most bytes of a blob, such as the configuration of an image: 8 MiB.
    pub blob_bytes: usize,
    /// The most bytes of an answer that holds a token: 64 KiB.
    pub token_bytes: usize,
    /// How long it may take from the start of one request to its headers: 3 s.
    pub headers_timeout: Duration,
    /// How long one thing may be asked for, whoever still waits for it: 30 s. A caller's deadline is
    /// another matter; what misses it goes on until this.
    pub fetch_timeout: Duration,
    /// The most platforms of one image: 64.
    pub platforms: usize,
    /// The most signatures and attestations that are looked at beside one digest: 64. More are too many,
    /// which is not the same as none.
    pub signatures: usize,
    /// The most bytes of all of them together: 16 MiB.
    pub signature_bytes: usize,
    /// The most requests that are in flight to one registry: 16.
    pub requests_per_registry: usize,
    /// The most requests that are in flight to all registries: 128.
    pub requests: usize,
    /// The most things that are being asked for, all told: 4,096. What is asked beyond is busy.
    pub fetches: usize,
    /// The most registries that are remembered: 1,024.
    pub registries: usize,
    /// The most bytes that the cache keeps: 32 MiB.
    pub cache_bytes: usize,
    /// How long it is believed which digest a tag means: 30 s.
    pub tag_lifetime: Duration,
    /// How long it is believed which signatures lie beside a digest: 60 s.
    pub signatures_lifetime: Duration,
    /// How long it is believed that something is not there: 10 s.
    pub absence_lifetime: Duration,
    /// How long a failure is remembered, so that a broken registry isn't asked for each image: 3 s.
    pub failure_lifetime: Duration,
    /// The longest time for which a registry that asks for it is left alone: 5 min.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest_bytes: 4 << 20,
            blob_bytes: 8 << 20,
            token_bytes: 64 << 10,
            headers_timeout: Duration::from_secs(3),
            fetch_timeout: Duration::from_secs(30),
            platforms: 64,
            signatures: 64,
            signature_bytes: 16 << 20,
            requests_per_registry: 16,
            requests: 128,
            fetches: 4096,
            registries: 1024,
            cache_bytes: 32 << 20,
            tag_lifetime: Duration::from_secs(30),
            signatures_lifetime: Duration::from_secs(60),
            absence_lifetime: Duration::from_secs(10),
            failure_lifetime: Duration::from_secs(3),
            longest_pause: Duration::from_secs(300),
        }
    }
}
