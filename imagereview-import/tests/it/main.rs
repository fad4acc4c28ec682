//! What imports of other engines' policies mean.

mod admission;
mod agreement;
mod gatekeeper;
mod kubewarden;
mod kyverno;
mod rego;
mod signatures;
mod support;
