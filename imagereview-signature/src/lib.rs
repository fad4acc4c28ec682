//! Verifies signatures and attestations of container images, without a network.
//!
//! Bytes go in, and verified statements come out: who signed, what they say, and of which digest. A
//! [`Verifier`] is made from what is trusted, a
//! [`Trust`](imagereview_core::facts::Trust), and takes
//! [`Evidence`](imagereview_core::facts::Evidence), as a registry has it beside an image.
//!
//! ```no_run
//! use imagereview_core::facts::{ContentDigest, Evidence, Format, Trust};
//! use imagereview_signature::Verifier;
//! use std::{fs, time::SystemTime};
//!
//! # fn example(image: &ContentDigest) -> Result<(), Box<dyn std::error::Error>> {
//! let verifier = Verifier::new(&Trust::key(fs::read_to_string("cosign.pub")?, None))?;
//! let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
//! let evidence = Evidence::new(media_type, fs::read("bundle.json")?);
//! match verifier.verify(Format::Bundle, &evidence, image, SystemTime::now()) {
//!     Ok(statement) => println!("{:?} says {:?}", statement.signer, statement.claim),
//!     Err(refusal) => println!("does not count: {refusal}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is verified
//!
//! | format | made by | with keys | with certificates |
//! | --- | --- | --- | --- |
//! | Sigstore bundle 0.1 to 0.3 of a DSSE envelope | `cosign sign` and `cosign attest` of version 3 | yes | yes |
//! | payload and annotations of a layer | `cosign sign` of version 2 (`.sig`) | yes | yes |
//! | DSSE envelope in a layer | `cosign attest` of version 2 (`.att`) | yes | yes |
//!
//! Signatures of the Notary Project (notation), in JWS and COSE, are verified with its trust stores: `ca`,
//! `signingAuthority` and `tsa`. Which identities of a store may sign is decided elsewhere, as for Sigstore.
//!
//! Certificates are those of a Sigstore instance, with its trusted root as bytes ("keyless"), or those of
//! one's own authority. What proves the time of a signature is an entry of Rekor 1 (promise or proof), a
//! timestamp of RFC 3161, or both; Rekor 2 proves that there is an entry and no time. A trust says what
//! is required. With a key nothing is, unless it says so. A certificate that has expired counts only if
//! a proved time says that it was used before. Revocation is not looked up, which would need a network.
//!
//! Keys are ECDSA on P-256 and P-384, RSA of 2048 to 8192 bits (PKCS #1 1.5 and PSS), and Ed25519. The
//! hash is SHA-256, SHA-384 or (RSA) SHA-512, whichever fits. A key of P-521 is refused when it is loaded.
//! cosign signs with Ed25519ph where it has a key of Ed25519; that can't be verified, and the refusal
//! says so.
//!
//! # What it holds to
//!
//! - What is not verified is not looked at: signatures are verified over the bytes that came, and those
//!   bytes are read then.
//! - The trust decides how: a signature can't choose its algorithm or its key, and a certificate never
//!   passes for a key.
//! - The digest that a signature is about is that of the image.
//! - A signature is a signature: an attestation, such as a bill of materials, is none.
//! - What two readers could read differently is refused: names that stand twice or differ in case, odd
//!   base64, bytes after the end.
//! - A refusal quotes nothing of the bytes, which may be anybody's.
//! - A certificate of a Sigstore instance names one identity and who vouches for it, or it is refused. All
//!   that it says is handed on; which identities may sign is decided elsewhere.
//! - A signature of cosign 3 names no repository. So it counts wherever the digest is; a condition on the
//!   repository can hold for other formats only.

#![forbid(unsafe_code)]

mod base64;
mod certificate;
mod certified;
mod chain;
mod check;
mod format;
mod json;
mod keyed;
mod malformed;
mod notation;
mod pem;
mod public_key;
mod sigstore;
mod verifier;

pub use crate::{
    pem::PemError,
    public_key::KeyError,
    sigstore::TrustedRootError,
    verifier::{TrustError, Verifier},
};
