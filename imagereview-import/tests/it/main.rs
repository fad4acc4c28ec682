//! What imports of other engines' policies mean.

mod admission;
mod gatekeeper;
mod kubewarden;
mod kyverno;
mod signatures;
mod support;
