//! What imports of other engines' policies mean.

mod gatekeeper;
mod kubewarden;
mod kyverno;
mod support;
