//! Signatures as registries have them, good ones and forged ones, through the public API.

mod attacks;
mod cosign;
mod forger;
mod instance;
mod keyless;
mod keys;
mod notation;
mod sigstore;
