//! What imports of other engines' policies mean.

mod gatekeeper;
mod kyverno;
mod support;
