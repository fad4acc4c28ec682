//! What imports of other engines' policies mean.

mod gatekeeper;
mod support;
