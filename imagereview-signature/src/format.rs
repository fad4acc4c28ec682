//! Readers of what a signature can be written as. They verify nothing.

pub(crate) mod bundle;
pub(crate) mod dsse;
pub(crate) mod in_toto;
pub(crate) mod simple_signing;
